"""The lock as a whole: what a locked process still has, what it has not, and when it refuses to be closed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from graders.sandbox import Profile, landlock
from graders.sandbox.lock import default_readable
from tests.eventually import eventually
from tests.graders.sandbox.locked import ROOT, refusal, run_locked, run_python, run_told
from tests.graders.sandbox.mechanisms import POOL_UID, is_readable

pytestmark = pytest.mark.skipif(landlock.find_abi() < 1, reason="this kernel has no Landlock")
FORBIDDEN = (
    "/",
    "/etc",
    "/etc/hostname",
    "/etc/passwd",
    "/home",
    "/root",
    "/tmp",  # noqa: S108 - must not open
    "/var",
    "/run",
    "/dev/shm",  # noqa: S108 - the same
    "/proc/1/environ",
    "/proc/self/environ",
    "/proc/self/mounts",
    "/proc/self/cgroup",
    "/proc/self/net/tcp",
    "/proc/net/tcp",
    "/proc/net/unix",
    str(ROOT),
    str(ROOT / "pyproject.toml"),
    str(ROOT / "tests"),
    str(ROOT / "arena"),
)
SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd")
STATUS = f"""
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
tell(**{{name: status[name].strip() for name in ("NoNewPrivs", "Seccomp", *{SETS})}})
"""
NONE = "0" * 16
TASKS = ("net/tcp", "net/unix", "mounts", "mountinfo", "cgroup", "environ", "maps")


@pytest.mark.parametrize("profile", Profile)
def test_it_tells_what_is_in_force(profile: Profile):
    told = run_locked(f"import ctypes\ntell(facts=FACTS, dumpable=ctypes.CDLL(None).prctl(3))\n{STATUS}", profile)
    assert told["facts"] == {"landlock": told["facts"]["landlock"], "seccomp": True, "threads": 1, "uid": os.getuid()}
    assert told["facts"]["landlock"] >= 1
    assert (told["NoNewPrivs"], told["Seccomp"], told["dumpable"]) == ("1", "2", 0)
    assert {told[name] for name in SETS[:-1]} == {NONE}
    assert told["CapBnd"] == NONE or os.geteuid() != 0


def test_root_without_capabilities_gets_none_again():
    if os.geteuid() != 0:
        pytest.skip("only root has any")
    told = run_told("""
from graders.sandbox import privileges
privileges.become(0)
import ctypes
tell(bits=ctypes.CDLL(None).prctl(27), uid=os.getuid())
lines = [line for line in open("/proc/self/status") if line.startswith("Cap")]
tell(clear=all(int(line.split()[1], 16) == 0 for line in lines))
tell(mount=said(os.chroot, "/"), user=said(os.setuid, 65534))
""")
    assert told == {"bits": 0b11_10_11_11, "uid": 0, "clear": True, "mount": "EPERM", "user": "EPERM"}


@pytest.mark.parametrize("profile", [Profile.COMPUTE, Profile.CODE, Profile.SERVICE])
def test_nothing_but_libraries_can_be_opened(profile: Profile):
    told = run_locked(
        f"""
tell(got={{path: opened(path) for path in {FORBIDDEN}}}, library=opened(os.__file__), own=opened(lock.__file__))
tell(tasks={{name: opened(f"/proc/self/task/{{os.getpid()}}/{{name}}") for name in {TASKS}}})
tell(listed=os.listdir("/proc/self/task") == [str(os.getpid())], status=opened("/proc/self/status"))
tell(written=opened(lock.__file__, os.O_RDWR), made=opened("/tmp/made", os.O_WRONLY | os.O_CREAT))
""",
        profile,
    )
    assert {path: word for path, word in told["got"].items() if word not in ("EACCES", "ENOENT")} == {}
    assert told["got"]["/"] == told["got"]["/etc"] == told["got"][str(ROOT)] == "EACCES"
    assert set(told["tasks"].values()) == {"EACCES"}
    assert (told["library"], told["own"], told["status"], told["listed"]) == ("ok", "ok", "ok", True)
    assert (told["written"], told["made"]) == ("EACCES", "EACCES")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder as one that the sources were fetched into, with data in it."""
    folder = tmp_path / "arena"
    ignored = shutil.ignore_patterns("__pycache__", "guests", "kinds", "metrics", "rules", "models")
    shutil.copytree(ROOT / "graders", folder / "graders", ignore=ignored)
    (folder / "challenges").mkdir()
    shutil.copy(ROOT / "challenges" / "__init__.py", folder / "challenges")
    (folder / "data").mkdir()
    for name in ("answers.csv", "data/answers.csv"):
        (folder / name).write_text("id,label\n1,7\n", encoding="utf-8")
    return folder


def test_data_beside_the_sources_cannot_be_read(sources: Path):
    told = run_told(f"""
for name in [name for name in sys.modules if name.partition(".")[0] in ("graders", "challenges")]:
    del sys.modules[name]
sys.path.insert(0, {str(sources)!r})
import challenges, graders
from graders.sandbox import Profile, lock
places = ["answers.csv", "data/answers.csv", "data", "", "graders/sandbox/lock.py", "challenges/__init__.py"]
before = [opened(f"{sources}/{{place}}") for place in places]
sys.prefix = sys.exec_prefix = {str(sources)!r}  # as of an environment made right there
readable = lock.default_readable()
lock.close(lock.Lock(Profile.CODE, 5, 1 << 30))
tell(before=before, after=[opened(f"{sources}/{{place}}") for place in places], readable=readable, file=lock.__file__)
""")
    assert Path(told["file"]).is_relative_to(sources)
    assert told["before"] == ["ok"] * 6
    assert told["after"] == ["EACCES"] * 4 + ["ok"] * 2
    assert str(sources) not in told["readable"]


def test_what_can_be_read_are_folders_of_libraries():
    readable = [Path(path) for path in default_readable()]
    assert {ROOT / "graders", ROOT / "challenges"} <= set(readable)
    assert all(path.is_dir() for path in readable)
    assert not [path for path in readable if ROOT.is_relative_to(path)]
    assert not {Path(name) for name in ("/", "/usr", "/usr/local")} & set(readable)


def test_libraries_are_imported_behind_the_lock_and_work_when_it_is_sealed():
    told = run_locked(
        """
import numpy, onnx, onnxruntime, polars, safetensors.torch, torch
import challenges.manifest, graders.sandbox.frames
product = torch.ones(64, 64) @ torch.ones(64, 64)
lock.seal(Profile.COMPUTE)
tell(sum=float(product.sum()), rows=polars.DataFrame({"a": [1, 2]}).height, again=float(torch.ones(64).sum()))
tell(library=opened(os.__file__), null=opened(os.devnull), more=said(__import__, "wave"))
""",
        "compute",
    )
    assert told.pop("more") != "ok"
    assert told == {"sum": 64.0**3, "rows": 2, "again": 64.0, "library": "EACCES", "null": "EACCES"}


@pytest.mark.parametrize("profile", Profile)
def test_a_seal_is_for_good_where_there_is_one(profile: Profile):
    told = run_locked(
        f"""
tell(before=opened(os.__file__))
lock.seal(Profile({str(profile)!r}))
tell(filter=said(seccomp.install, seccomp.build_seal()), memory=said(os.memfd_create, "m"))
tell(after=opened(os.__file__))
try:
    lock.seal(Profile({str(profile)!r}))
except lock.LockError as error:
    tell(again=str(error))
""",
        profile,
    )
    is_sealed = profile in (Profile.COMPUTE, Profile.GPU)
    assert ("again" in told) == is_sealed
    assert told.pop("again", "not permitted").endswith("not permitted")
    assert told == {"before": "ok", "after": "EACCES" if is_sealed else "ok", "filter": "EPERM", "memory": "EPERM"}


def test_a_gpu_can_be_opened_until_the_seal():
    told = run_locked(
        """
name = f"/proc/self/task/{os.getpid()}/comm"
tell(device=opened("/dev/zero", os.O_RDWR), other=opened("/dev/random", os.O_RDWR), named=opened(name, os.O_RDWR))
tell(made=opened("/dev/shm/m", os.O_RDWR | os.O_CREAT), library=opened(os.__file__, os.O_RDWR))
lock.seal(Profile.GPU)
tell(late=opened("/dev/zero", os.O_RDWR))
""",
        "gpu",
        devices=("/dev/zero", "/dev/missing"),
    )
    opened = {"device": "ok", "named": "ok", "other": "EACCES", "made": "EACCES", "library": "EACCES", "late": "EACCES"}
    assert told == opened


def test_every_other_descriptor_is_closed():
    told = run_locked(
        "tell(open=[number for number in range(2000) if said(os.fstat, number) == 'ok'])",
        before="""
for number in (5, 7, 60, 200, 900):
    os.dup2(1, number)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
""",
        keep=(7, 0, 1, 2, 2),
    )
    assert told == {"open": [0, 1, 2, 7]}


def test_limits_are_set_and_cannot_be_raised():
    told = run_locked(
        """
names = ("CPU", "DATA", "CORE", "FSIZE", "NOFILE", "STACK", "MEMLOCK", "MSGQUEUE", "SIGPENDING", "NICE", "RTPRIO")
tell(limits={name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names})
tell(raised=said(resource.setrlimit, resource.RLIMIT_DATA, (2 << 30, 2 << 30)), filled=said(bytearray, 3 << 30))
tell(space=resource.getrlimit(resource.RLIMIT_AS)[1])
""",
        cpu_seconds=7,
        memory_bytes=1 << 30,
    )
    limits = told["limits"]
    assert limits["CPU"] == [7, 8]
    assert limits["DATA"] == [1 << 30] * 2
    assert (limits["NOFILE"], limits["STACK"], limits["SIGPENDING"]) == ([256] * 2, [16 << 20] * 2, [64] * 2)
    assert all(limits[name] == [0, 0] for name in ("CORE", "FSIZE", "MEMLOCK", "MSGQUEUE", "NICE", "RTPRIO"))
    assert told["filled"] == "MemoryError"
    assert told["raised"] in ("EPERM", "ValueError")
    assert told["space"] >= 16 << 30


def test_the_processor_is_taken_away_in_the_end():
    closing = "lock.close(lock.Lock(Profile.CODE, 1, 1 << 30))\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)"
    assert run_python(f"{closing}\nwhile True: pass").returncode == -signal.SIGKILL


def test_threads_are_bounded_for_whom_the_kernel_binds():
    if os.geteuid() == 0:
        pytest.skip("user 0 is counted from outside")
    told = run_locked("""
kept = []
def start():
    thread = threading.Thread(target=time.sleep, args=(20,), daemon=True)
    thread.start()
    kept.append(thread)
tell(words=[said(start) for _ in range(400)].count("ok"))
""", threads=24)  # fmt: skip
    assert 0 < told["words"] < 400


def test_whoever_gets_a_user_of_the_pool_is_nobody_else():
    if os.geteuid() != 0 or not is_readable(POOL_UID):
        pytest.skip("only root can become another user, and that user must be able to read the interpreter")
    told = run_locked(
        f"""
tell(users=os.getresuid(), groups=os.getresgid(), more=os.getgroups(), root=said(os.setuid, 0))
tell(tasks=resource.getrlimit(resource.RLIMIT_NPROC)[1])
{STATUS}
""",
        uid=POOL_UID,
        threads=16,
    )
    assert told["users"] == told["groups"] == [POOL_UID] * 3
    assert (told["more"], told["root"], told["tasks"]) == ([], "EPERM", 16)
    assert {told[name] for name in SETS} == {NONE}


def test_it_works_without_landlock():
    told = run_locked(
        "tell(facts=FACTS, link=said(socket.socket), write=opened(os.devnull, os.O_RDWR))", landlock_abi=0
    )
    assert told["facts"]["landlock"] == 0
    assert (told["link"], told["write"]) == ("EPERM", "EACCES")


def test_a_child_of_a_fork_server_is_locked_to_its_own_number():
    told = run_told("""
lock.prepare()
for turn in range(2):
    if os.fork() == 0:
        lock.close(lock.Lock(Profile.COMPUTE, 5, 1 << 30, parent=os.getppid()))
        tell(**{f"own {turn}": said(os.kill, os.getpid(), 0), f"parent {turn}": said(os.kill, os.getppid(), 0)})
        os._exit(0)
    os.wait()
tell(link=said(socket.socket))
""")
    assert told == {"own 0": "ok", "parent 0": "EPERM", "own 1": "ok", "parent 1": "EPERM", "link": "ok"}


def test_it_does_not_outlive_its_parent():
    source = """
if os.fork() == 0:
    lock.close(lock.Lock(Profile.CODE, 50, 1 << 30))
    tell(pid=os.getpid())
    os.closerange(0, 3)  # the test waits for whoever has them
    time.sleep(50)
time.sleep(1)
"""
    told = run_told(source)
    eventually(lambda: not Path(f"/proc/{told['pid']}").exists(), 5)


REFUSALS: dict[str, dict[str, Any]] = {
    "another thread": {"before": "threading.Thread(target=time.sleep, args=(30,), daemon=True).start()"},
    "whoever started this": {"parent": 1 << 22},
    "Landlock": {"landlock_abi": -1},
    "is not denied": {"readable": ("/",)},
    f"{ROOT} is not denied": {"readable": (str(ROOT),)},
    "no table of system calls": {"before": "import ctypes; ctypes.CDLL(None).personality(8)"},
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_it_says_why_it_cannot_be_closed(reason: str):
    said = refusal(**REFUSALS[reason])
    assert (reason if reason != "another thread" else "2 threads run") in said


def test_an_ordinary_user_cannot_become_another():
    if os.geteuid() == 0:
        pytest.skip("root can")
    assert "PermissionError" in refusal(uid=os.getuid() + 1)
