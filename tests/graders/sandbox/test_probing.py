"""The level is what canaries and trials have shown: with all the kernel offers, and with parts of it taken away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from graders.sandbox import Bounds, End, Profile, Run
from graders.sandbox.bubblewrap import find_bubblewrap
from graders.sandbox.canaries import ANYBODYS, find_paths, find_redis, make_targets, release, sum_up
from graders.sandbox.choosing import open_sandbox
from graders.sandbox.fresh import Fresh
from graders.sandbox.levels import KINDS, Level, refused
from graders.sandbox.uids import lease_uid
from graders.settings import SandboxSettings

PROBING = [sys.executable, "-m", "graders.sandbox.probing", "--json"]
WITHOUT = """
import os, sys
from graders.sandbox import privileges, seccomp
rules = seccomp._Rules(os.uname().machine)
for name in sys.argv[1].split(","):
    rules.add(name, seccomp._error(1))
privileges.keep_privileges_down()
seccomp.install(seccomp._entry(rules.machine) + b"".join(rules.parts) + seccomp._give(seccomp._ALLOW))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Runs a program to which the kernel refuses some calls, as an old kernel or a container's profile does."""
UNLOCKED = """
import json, sys
from graders.guests import canary
from graders.sandbox import Profile
from graders.sandbox.guest import Guest
class Talking(Guest):
    def send(self, note, arrays=None):
        print(json.dumps(note), flush=True)
canary.main(Talking(json.loads(sys.argv[1]), [], Profile.CODE))
"""
PROFILED = """
import json, os, sys
from graders.sandbox import privileges, seccomp, syscalls
rules = seccomp._Rules(os.uname().machine)
plain, values = set(), {}
for rule in json.load(open(sys.argv[1]))["syscalls"]:
    for name in rule["names"]:
        if "args" in rule:
            values.setdefault(name, []).append(rule["args"][0]["value"])
        else:
            plain.add(name)
for name in syscalls.architecture_of(rules.machine).numbers:
    if name not in plain:
        rules.add(name, seccomp._only(0, tuple(values[name]), 1) if name in values else seccomp._error(1))
privileges.keep_privileges_down()
seccomp.install(seccomp._entry(rules.machine) + b"".join(rules.parts) + seccomp._give(seccomp._ALLOW))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Runs a program to which all calls that we know are refused, but for those of a container's profile."""
PROFILE = Path(__file__).resolve().parents[3] / "deploy" / "compose" / "arena-userns.json"
NO_LANDLOCK, NO_MOUNT, NO_SECCOMP = "landlock_create_ruleset", "mount", "seccomp"


class Installation(NamedTuple):
    """What a sandbox must keep: a vault, a storage, and something that listens where Redis would."""

    settings: SandboxSettings
    listener: socket.socket

    @property
    def environment(self) -> dict[str, str]:
        told = {"redis_url": self.settings.redis_url, "vault_url": self.settings.vault_url}
        told["storage_url"] = self.settings.storage_url
        return {**os.environ, **{f"ARENA_{name.upper()}": value for name, value in told.items()}}

    @property
    def was_reached(self) -> bool:
        self.listener.settimeout(0)
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    for name, mode in (("vault", 0o700), ("storage", 0o700)):
        (tmp_path / name / "iris").mkdir(parents=True)
        (tmp_path / name / "iris" / "answers.csv").write_text("id,label\n")
        (tmp_path / name).chmod(mode)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield Installation(
            SandboxSettings(
                redis_url=f"redis://127.0.0.1:{port}/0",
                vault_url=(tmp_path / "vault").as_uri(),
                storage_url=(tmp_path / "storage").as_uri(),
            ),
            listener,
        )


@pytest.fixture(scope="module")
def is_other() -> bool:
    """Guests are not root outside: this is an ordinary user, or lends one."""
    lease = lease_uid()
    lease.close()
    return bool(lease.uid) or os.geteuid() != 0


@pytest.fixture(scope="module")
def lends() -> bool:
    lease = lease_uid()
    lease.close()
    return bool(lease.uid)


def probe(installation: Installation, without: str = "", launcher: str = WITHOUT, **more: str) -> dict[str, Any]:
    """Run the probing as the doctor does; with the exit code that goes with the level."""
    command = [sys.executable, "-c", launcher, without, *PROBING] if without else PROBING
    environment = installation.environment | more
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert set(report) == {"level", "reasons", "probes", "refuses"}
    assert done.returncode == (report["level"] == "S0")
    assert not installation.was_reached
    return report


def is_whole() -> bool:
    """Whether bubblewrap works for whoever is not root."""
    found = find_bubblewrap()
    if found is None:
        return False
    words = [found, "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc"]
    return subprocess.run([*words, "true"], capture_output=True, check=False, cwd="/").returncode == 0


def test_with_all_there_is_programs_are_held(installation: Installation, is_other: bool):
    report = probe(installation)
    if report["probes"]["landlock"] != "ok":
        pytest.skip("this kernel has no Landlock")
    assert report["level"] == ("S3" if is_other and is_whole() else "S2")
    assert report["refuses"] == refused(Level[report["level"]])
    assert {"predictions", "weights", "onnx", "torchscript", "code", "service"}.isdisjoint(report["refuses"])
    for name in ("seccomp", "preload", "guest", "canary_models", "canary_programs"):
        assert report["probes"][name] == "ok", report
    if report["level"] == "S2" and is_whole():
        assert "only as root" in report["reasons"][0]


def test_without_landlock_it_takes_bubblewrap_and_a_user_who_is_not_root(installation: Installation, is_other: bool):
    report = probe(installation, NO_LANDLOCK)
    assert report["probes"]["landlock"] != "ok"
    assert "answers" not in report["probes"]["canary_models"]
    assert "secret_file" in report["probes"]["canary_programs"]
    if is_other and is_whole():
        assert report["level"] == "S2n"
    if not is_other:
        assert report["level"] == "S0"
    assert any(reason.startswith("Landlock does not work here") for reason in report["reasons"])


def test_without_landlock_and_bubblewrap_models_are_held_by_a_user_of_their_own(
    installation: Installation, lends: bool
):
    report = probe(installation, f"{NO_LANDLOCK},{NO_MOUNT}")
    assert report["level"] == ("S1" if lends else "S0")
    assert ("onnx" in report["refuses"]) == (not lends)
    assert {"code", "service"} <= set(report["refuses"])
    assert "predictions" not in report["refuses"]
    assert report["probes"]["bubblewrap"] != "ok"


def test_the_operators_word_counts_only_where_canaries_find_nothing(installation: Installation, lends: bool):
    report = probe(installation, f"{NO_LANDLOCK},{NO_MOUNT}", ARENA_SANDBOX_OUTER="gvisor")
    assert report["level"] == ("SX" if lends else "S0")
    if not lends:
        assert "vault: " in report["probes"]["canary_outer"]
        assert any(reason.startswith("ARENA_SANDBOX_OUTER says gvisor, and") for reason in report["reasons"])
    unseen = probe(installation, f"{NO_LANDLOCK},{NO_MOUNT}", ARENA_SANDBOX_OUTER="gvisor", ARENA_REDIS_URL="")
    assert unseen["level"] == ("S1" if lends else "S0")


def test_without_seccomp_nothing_is_opened(installation: Installation):
    report = probe(installation, NO_SECCOMP)
    assert report["level"] == "S0"
    assert set(report["refuses"]) == set(KINDS)
    assert report["reasons"][0].startswith("seccomp does not work here")


def test_the_profile_for_containers_leaves_all_that_the_sandbox_needs(installation: Installation):
    free, profiled = probe(installation), probe(installation, str(PROFILE), PROFILED)
    assert profiled["level"] == free["level"]
    for name in ("landlock", "seccomp", "preload", "canary_models", "canary_programs", "bubblewrap"):
        assert profiled["probes"][name] == free["probes"][name]


def test_it_works_without_an_installation_and_for_people():
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ARENA_")}
    done = subprocess.run(PROBING[:-1], env=bare, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.startswith("sandbox: level S")
    assert "canary_models" in done.stdout


def test_every_canary_gets_out_where_nothing_holds_it(installation: Installation):
    with make_targets(installation.settings) as targets:
        assert targets.missing == {}
        command = [sys.executable, "-c", UNLOCKED, json.dumps(targets.settings)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True, pass_fds=[installation.listener.fileno()]
        )
    [line] = done.stdout.splitlines()  # the second would tell that another program could not be started
    told = json.loads(line)
    held = {name for name, said in told.items() if said == "ok"}
    assert held <= ({"route"} if not has_route() else set()), told
    assert "answers" in told["redis"]
    assert installation.was_reached


def has_route() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        try:
            link.connect(("192.0.2.1", 9))
        except OSError:
            return False
    return True


def test_without_landlock_a_program_reads_what_anybody_may_read(installation: Installation):
    with make_targets(installation.settings) as targets:
        found = release(Fresh(landlock_abi=0), targets, Profile.CODE)
        assert found["secret_file"] != "ok"
        assert found["redis"] == found["sockets"] == found["fork"] == found["exec"] == "ok"
        assert "secret_file" in sum_up(found)
        assert "secret_file" not in sum_up(found, ANYBODYS)
        sealed = release(Fresh(landlock_abi=0), targets, Profile.COMPUTE)
        assert sum_up(sealed) == "ok"


def test_a_canary_that_does_not_come_back_got_out(installation: Installation):
    with make_targets(installation.settings) as targets:
        broken = targets.settings | {"paths": None}
        found = release(Fresh(), type(targets)(broken | {"paths": {}, "pid": "no number"}), Profile.CODE)
        assert found["signals"].startswith("could not be tried")
        assert sum_up(found) != "ok"
        del broken["pid"]
        lost = release(Fresh(), type(targets)(broken | {"paths": {"vault": 7}}), Profile.CODE)
        assert sum_up(lost) != "ok"


def test_an_opened_sandbox_runs_guests_and_leaves_nothing(installation: Installation):
    sandbox, report = open_sandbox(installation.settings)
    try:
        assert report.dump()["level"] == report.level.name
        for profile in (Profile.COMPUTE, Profile.CODE):
            with make_targets(installation.settings) as targets:
                bounds = Bounds(20, 10, 1 << 30, 65_536)
                outcome = sandbox.run(Run("canary", targets.settings, bounds, profile))
            assert outcome.end is End.DONE
            assert len(outcome.frames) == 2
        servers = [held.process for held in sandbox.server._servers.values()]
        assert (sandbox.wrapped is not None) == (report.level in (Level.S3, Level.S2n))
    finally:
        sandbox.close()
    assert all(process.poll() is not None for process in servers)
    assert not installation.was_reached


def test_what_is_tried_is_found_in_the_settings(tmp_path: Path):
    (tmp_path / "a").mkdir()
    assert find_paths(tmp_path.as_uri()) == [str(tmp_path)]
    (tmp_path / "a" / "b").touch()
    assert find_paths(tmp_path.as_uri()) == [str(tmp_path), str(tmp_path / "a" / "b")]
    assert find_paths("s3://bucket/x") == find_paths("") == []
    assert find_redis("") == ""
    assert find_redis("unix:///run/redis.sock?db=0") == "/run/redis.sock"
    assert find_redis("redis://:password@127.0.0.1:7000/0") == ["127.0.0.1", 7000]
    assert find_redis("redis://127.0.0.1") == ["127.0.0.1", 6379]
    with make_targets(SandboxSettings(redis_url="unix:///nowhere", vault_url="file:///nowhere")) as targets:
        assert set(targets.missing) == {"redis", "vault", "storage"}
