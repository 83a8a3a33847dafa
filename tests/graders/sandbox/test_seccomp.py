"""The filter of system calls: each rule as the kernel keeps it, and as a processor that is not here would."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from graders.sandbox import Profile, landlock
from graders.sandbox.calls import ALLOWED, NOT_PERMITTED, READ_ONLY, SERVICE
from graders.sandbox.seccomp import build_filter, build_seal, install
from graders.sandbox.syscalls import ARCHITECTURES, UnknownArchitecture, architecture_of
from tests.graders.sandbox.locked import run_locked, run_python
from tests.graders.sandbox.packet_filter import answer

HERE = os.uname().machine
PID = 4711
live = pytest.mark.skipif(landlock.find_abi() < 1, reason="this kernel has no Landlock")
HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
RULED = ("clone", "clone3", "fcntl", "ioctl", "kill", "mmap", "openat", "prctl", "prlimit64", "sendto", "socketpair")
X86_ONLY = {"open", "fork", "stat", "mkdir", "unlink", "arch_prctl", "modify_ldt", "iopl"}
PLAIN = [profile for profile in Profile if profile is not Profile.GPU]
WRITES = (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, 0o20000000, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


def ask(machine: str, profile: Profile, name: str, *arguments: int) -> str:
    """What the filter of a profile answers to a call."""
    architecture = ARCHITECTURES[machine]
    program = build_filter(profile, PID, machine)
    return answer(program, architecture.audit, architecture.numbers[name], *arguments)


def read_header(machine: str) -> dict[str, int]:
    """The kernel's own numbers by name."""
    path = next((Path(path) for path in HEADERS[machine] if Path(path).exists()), None)
    if path is None:
        pytest.skip(f"the kernel's header for {machine} is not installed")
    text = path.read_text(encoding="utf-8")
    found = {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+)\s+(\d+)\s*$", text, re.MULTILINE)}
    shared = dict(re.findall(r"^#define __NR3264_(\w+)\s+(\d+)\s*$", text, re.MULTILINE))
    aliases = re.findall(r"^#define __NR_(\w+)\s+__NR3264_(\w+)\s*$", text, re.MULTILINE)
    return found | {name: int(shared[alias]) for name, alias in aliases if alias in shared}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_tables_are_the_kernels_own(machine: str):
    known, frozen = read_header(machine), ARCHITECTURES[machine].numbers
    assert len(set(frozen.values())) == len(frozen)
    assert {name: number for name, number in frozen.items() if known.get(name, number) != number} == {}
    named = {*ALLOWED, *NOT_PERMITTED, *READ_ONLY, *SERVICE, *RULED, "open", "seccomp", "memfd_create", "tgkill"}
    assert named & set(known) <= set(frozen)
    assert set(frozen) <= named


def test_no_machine_goes_without_a_table():
    with pytest.raises(UnknownArchitecture):
        build_filter(Profile.CODE, PID, "riscv64")
    with pytest.raises(UnknownArchitecture):
        architecture_of("i686")


def test_the_lists_do_not_contradict_each_other():
    lists = [ALLOWED, NOT_PERMITTED, READ_ONLY, SERVICE, RULED]
    assert len({name for names in lists for name in names}) == sum(len(set(names)) for names in lists)
    assert X86_ONLY & set(ARCHITECTURES["aarch64"].numbers) == set()


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_call_has_its_answer(machine: str, profile: Profile):
    wanted = dict.fromkeys(ALLOWED, "allow") | dict.fromkeys(READ_ONLY, "EROFS") | dict.fromkeys(NOT_PERMITTED, "EPERM")
    wanted |= dict.fromkeys(SERVICE, "allow" if profile is Profile.SERVICE else "EPERM")
    wanted["memfd_create"] = "allow" if profile is Profile.GPU else "EPERM"
    wanted["clone3"] = "ENOSYS"
    numbers = ARCHITECTURES[machine].numbers
    got = {name: ask(machine, profile, name) for name in wanted if name in numbers}
    assert got == {name: word for name, word in wanted.items() if name in numbers}
    architecture, program = ARCHITECTURES[machine], build_filter(profile, PID, machine)
    unknown = set(range(600)) - set(numbers.values())
    assert {answer(program, architecture.audit, number) for number in unknown} == {"ENOSYS"}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_calls_in_another_way_kill(machine: str):
    for program in (build_filter(Profile.CODE, PID, machine), build_seal(machine)):
        for audit in {0x40000003, 0x40000028, *(other.audit for other in ARCHITECTURES.values())}:
            is_own = audit == ARCHITECTURES[machine].audit
            assert (answer(program, audit, ARCHITECTURES[machine].numbers["getpid"]) == "allow") == is_own
            assert is_own or answer(program, audit, 1) == "kill"
    if machine == "x86_64":
        x32 = 0x40000000 | ARCHITECTURES[machine].numbers["getpid"]
        assert answer(build_filter(Profile.CODE, PID, machine), ARCHITECTURES[machine].audit, x32) == "kill"


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_rules_that_look_at_arguments(machine: str):
    def code(name: str, *arguments: int) -> str:
        return ask(machine, Profile.CODE, name, *arguments)

    thread = 0x3D0F00
    assert code("clone", thread) == "allow"
    for flags in (
        signal.SIGCHLD,
        0x100,
        0x10000,
        0x4111,
        thread | 0x10000000,
        thread | 0x20000000,
        thread | 0x20000,
        thread & ~0x400,
        thread & ~0x800,
    ):
        assert code("clone", flags) == "EPERM"
    for name in ("kill", "tgkill"):
        assert code(name, PID) == "allow"
        assert {code(name, other) for other in (0, 1, -1, -PID, PID + 1)} == {"EPERM"}
    assert [code("prlimit64", pid) for pid in (0, PID, 1, PID - 1)] == ["allow", "allow", "EPERM", "EPERM"]
    allowed = {option for option in range(80) if code("prctl", option) == "allow"}
    assert allowed == {3, 15, 16, 21, 23, 39, 41}
    assert {code("ioctl", 0, request) for request in (0x5401, 0x5413, 0x5421)} == {"allow"}
    assert {code("ioctl", 0, request) for request in (0x5412, 0x541C, 0x540E, 0x8912)} == {"ENOTTY"}
    assert {code("fcntl", 0, command) for command in (6, 7, 8, 10, 15, 37, 38, 1024, 1026, 1031)} == {"EPERM"}
    assert {code("fcntl", 0, command) for command in (0, 1, 2, 3, 4, 1030)} == {"allow"}
    assert code("socketpair", socket.AF_UNIX, socket.SOCK_STREAM | 0o2000000) == "allow"
    assert {code("socketpair", *kind) for kind in ((1, 2), (1, 5), (2, 1), (16, 1), (1, 3))} == {"EPERM"}
    assert code("sendto", 3, 0, 5, 0, 0, 0) == "allow"
    assert {code("sendto", 3, 0, 5, 0, address) for address in (1, 1 << 32, 1 << 63)} == {"EPERM"}
    assert [code("mmap", 0, 1, 3, flags) for flags in (0x22, 0x1, 0x21, 0x23)] == ["allow", "allow", "ENOMEM", "ENOMEM"]
    assert code("mmap", 0, 1, 3, 0x122) == "ENOMEM"  # a stack that grows counts for no limit


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_files_are_opened_for_reading_only(machine: str):
    places = [("openat", (0, 0))] + [("open", (0,))] * (machine == "x86_64")
    for name, before in places:
        for profile in Profile:
            assert ask(machine, profile, name, *before, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW) == "allow"
        for flags in WRITES:
            assert {ask(machine, profile, name, *before, flags) for profile in PLAIN} == {"EACCES"}
        gpu = [ask(machine, Profile.GPU, name, *before, flags) for flags in WRITES]
        assert gpu == ["allow", "allow", *["EACCES"] * 4]  # devices are opened for writing, nothing is made or emptied


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_one_more_filter_can_be_added_where_there_is_a_second_stage(machine: str):
    for profile in Profile:
        is_open = profile in (Profile.COMPUTE, Profile.GPU)
        assert ask(machine, profile, "seccomp", 1, 1) == ("allow" if is_open else "EPERM")
        others = ((0, 0), (1, 0), (1, 8), (1, 9), (2, 0))
        assert {ask(machine, profile, "seccomp", *other) for other in others} == {"EPERM"}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_sealed_process_opens_nothing(machine: str):
    architecture, program = ARCHITECTURES[machine], build_seal(machine)
    wanted = {"openat": "EACCES", "seccomp": "EPERM", "memfd_create": "EPERM", "read": "allow", "futex": "allow"}
    wanted |= {"open": "EACCES"} if machine == "x86_64" else {}
    got = {name: answer(program, architecture.audit, architecture.numbers[name], 1, 1) for name in wanted}
    assert got == wanted


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_gpu_may_be_asked_anything_and_a_terminal_not_typed_into(machine: str):
    requests = {request: ask(machine, Profile.GPU, "ioctl", 9, request) for request in (0xC020462A, 0x30000001, 0x5401)}
    assert set(requests.values()) == {"allow"}
    forbidden = (0x5412, 0x541C, 0x540E, 0x541D, 0x5423)
    assert {ask(machine, Profile.GPU, "ioctl", 0, request) for request in forbidden} == {"EPERM"}
    assert ask(machine, Profile.GPU, "mmap", 0, 1, 3, 0x21) == "allow"
    assert {ask(machine, Profile.GPU, name) for name in ("mbind", "set_mempolicy")} == {"EPERM"}


def test_a_filter_that_is_too_long_is_an_error():
    with pytest.raises(OSError, match="too long") as caught:
        install(bytes(4097 * 8))
    assert caught.value.errno == errno.E2BIG


@live
def test_the_kernel_keeps_the_lists():
    names = sorted({*NOT_PERMITTED, *READ_ONLY, *SERVICE} & set(architecture_of(HERE).numbers))
    told = run_locked(f"""
from tests.graders.sandbox.locked import call
none = 2 ** 64 - 1
tell(got={{name: call(name, none, none, none, none, none, none) for name in {names}}}, clone3=call("clone3"))
""")
    assert told["got"] == {name: "EROFS" if name in READ_ONLY else "EPERM" for name in names}
    assert told["clone3"] == "ENOSYS"


@live
def test_the_kernel_keeps_the_rules():
    told = run_locked(
        """
tell(sockets=sorted({said(socket.socket, family, kind) for family in range(46) for kind in (1, 2, 3, 5)}))
for end in socket.socketpair():
    end.sendall(b"words")
tell(pairs=[said(socket.socketpair, socket.AF_UNIX, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)])
tell(fork=said(os.fork), vfork=said(os.posix_spawn, sys.executable, ["python"], {}))
tell(exec=said(os.execv, sys.executable, ["python", "-c", ""]))
tell(parent=said(os.kill, os.getppid(), 0), group=said(os.kill, 0, 0), all=said(os.kill, -1, 0))
tell(limit=said(resource.prlimit, os.getppid(), resource.RLIMIT_CORE), own=said(os.kill, os.getpid(), 0))
import mmap
tell(shared=said(mmap.mmap, -1, 4096), private=said(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
done = []
thread = threading.Thread(target=lambda: done.append(opened("/etc/passwd")))
thread.start()
thread.join()
tell(thread=done)
""",
    )
    assert told.pop("sockets") == ["EPERM"]
    assert told.pop("pairs") == ["EPERM"] * 2
    assert told.pop("own") == told.pop("private") == "ok"
    assert told.pop("shared") == "ENOMEM"
    assert told.pop("thread") == ["EACCES"]
    assert told == dict.fromkeys(("fork", "vfork", "exec", "parent", "group", "all", "limit"), "EPERM")


@live
def test_a_service_answers_on_its_socket(tmp_path: Path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        number = listening.fileno()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)
            source = "link, _ = socket.socket(fileno=3).accept()\nlink.sendmsg([b'hello'])\nlink.close()\n"
            lines = f"os.dup2({number}, 3)\nlock.close(lock.Lock(Profile.SERVICE, 30, 4 << 30, keep=(0, 1, 2, 3)))\n"
            done = run_python(lines + source + "tell(more=said(socket.socket))", pass_fds=(number,))
            assert caller.recv(100) == b"hello"
    assert done.stdout == '{"more": "EPERM"}\n'


MACHINE_CODE = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))  # the number of getpid there; int 0x80; return
enter = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
"""


WAYS = {"i386": "enter()", "x32": "ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39))"}


@live
@pytest.mark.skipif(HERE != "x86_64", reason="only x86-64 has other ways to call the kernel")
@pytest.mark.parametrize("way", WAYS)
def test_other_ways_into_the_kernel_kill(way: str):
    closing = "lock.close(lock.Lock(Profile.CODE, 5, 1 << 30))\ntell(alive=1)"
    done = run_python(f"{MACHINE_CODE}\n{closing}\n{WAYS[way]}\ntell(late=1)")
    assert done.returncode == -signal.SIGSYS
    assert done.stdout == '{"alive": 1}\n'
