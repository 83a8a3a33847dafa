"""Attacks by and on processes: more of them, and those of others."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import threading
import time

from tests.graders.sandbox.attacks.telling import LIBC, World, attempt, name_process, read_from, system, tell, write_to

STAY_SECONDS = 8
"""How long what is left behind stays if nobody ends it."""
MOST_CHILDREN = 40
MOST_THREADS = 200


def _stay(world: World) -> None:
    """In a child: be seen for a while, then end."""
    name_process(world["cookie"])
    tell("PWNED", "a child runs")
    time.sleep(STAY_SECONDS)
    os._exit(0)


def read_environments(world: World) -> None:
    """04: what other processes were started with, hold open and map."""
    listed = attempt("list /proc", os.listdir, "/proc") or []
    pids = {world["victim"], world["sibling"], os.getppid(), 1} | {int(name) for name in listed[-5:] if name.isdigit()}
    for pid in sorted(pids - {os.getpid()}):
        for name in ("environ", "cmdline", "maps", "auxv"):
            attempt(f"/proc/{pid}/{name}", read_from, f"/proc/{pid}/{name}")
        attempt(f"/proc/{pid}/fd", os.listdir, f"/proc/{pid}/fd")


def bomb_forks(world: World) -> None:
    """15: many children, by every call that makes one."""

    def fork() -> int:
        pid = os.fork()
        if pid == 0:
            _stay(world)
        return pid

    def call(name: str, *args: int) -> int:
        pid = system(name, *args)
        if pid == 0:
            _stay(world)
        return pid

    for _ in range(MOST_CHILDREN):
        if attempt("fork", fork) is None:
            break
    attempt("fork by number", call, "fork")
    attempt("clone by number", call, "clone", int(signal.SIGCHLD), 0, 0, 0, 0)
    attempt("clone3", system, "clone3", (ctypes.c_uint64 * 8)(0, 0, 0, 0, int(signal.SIGCHLD), 0, 0, 0), 0)
    attempt("posix_spawn", os.posix_spawn, "/bin/sh", ["sh", "-c", f"sleep {STAY_SECONDS}"], {"SUITE": world["cookie"]})


def bomb_threads(_: World) -> None:
    """16: many threads; those that are allowed end with the run."""
    done = threading.Event()
    threads = []
    try:
        for _number in range(MOST_THREADS):
            thread = threading.Thread(target=done.wait, args=(STAY_SECONDS,), daemon=True)
            thread.start()
            threads.append(thread)
        time.sleep(0.3)  # time for the one who watches to look
        tell("PWNED", f"{len(threads)} threads at once")
    except (RuntimeError, OSError, MemoryError) as error:
        tell("BLOCKED", f"after {len(threads)} threads", error)
    done.set()


def trace(world: World) -> None:
    """28: take over another process of one's own user; a traced one that is let go with a signal dies of it."""

    def attach(pid: int) -> str:
        if LIBC.ptrace(16, pid, None, None) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        os.waitpid(pid, 0x40000000)
        LIBC.ptrace(17, pid, None, ctypes.c_void_p(int(signal.SIGKILL)))
        return "let go with SIGKILL"

    def read_memory(pid: int, address: int, size: int) -> bytes:
        room = ctypes.create_string_buffer(size)
        ours = (ctypes.c_void_p * 2)(ctypes.cast(room, ctypes.c_void_p), size)
        theirs = (ctypes.c_void_p * 2)(address, size)
        system("process_vm_readv", pid, ours, 1, theirs, 1, 0)
        return _around_secret(room.raw)

    def read_file(pid: int, address: int, size: int) -> bytes:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            memory.seek(address)
            return _around_secret(memory.read(size))

    for who in ("victim", "sibling"):
        pid, address, size = world[who], world[f"{who}_stack"], world["stack_bytes"]
        attempt(f"read the memory of {who}", read_memory, pid, address, size)
        attempt(f"/proc/{who}/mem", read_file, pid, address, size)
        attempt(f"kcmp {who}", system, "kcmp", pid, os.getpid(), 0, 1, 1)
        attempt(f"pidfd_getfd {who}", lambda pid=pid: system("pidfd_getfd", system("pidfd_open", pid, 0), 1, 0))
        attempt(f"attach to {who}", attach, pid)
    attempt("be traced", lambda: system("ptrace", 0, 0, 0, 0))


def _around_secret(memory: bytes) -> bytes:
    at = max(memory.find(b"SUITE_SECRET"), 0)
    return memory[at : at + 60]


def kill_parent(world: World) -> None:
    """29: whoever supervises; the one that is really hit is a stand-in of the same user."""
    attempt("signal to the parent", os.kill, os.getppid(), signal.SIGCONT)
    attempt("signal to init", os.kill, 1, 0)
    attempt("signal to the victim", os.kill, world["victim"], signal.SIGTERM)
    attempt("signal to its group", os.killpg, world["victim"], signal.SIGTERM)


def kill_sibling(world: World) -> None:
    """30: another guest of the same user, by every call that sends a signal or takes something away."""
    pid = world["sibling"]
    attempt("by pidfd", lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGTERM))
    attempt("tkill", system, "tkill", pid, int(signal.SIGTERM))
    attempt("tgkill", system, "tgkill", pid, pid, int(signal.SIGTERM))
    attempt("queued", system, "rt_sigqueueinfo", pid, int(signal.SIGTERM), (ctypes.c_int * 32)(0, 0, -1))

    def by_descriptor() -> str:
        read, write = os.pipe()
        fcntl.fcntl(read, fcntl.F_SETOWN, pid)
        fcntl.fcntl(read, fcntl.F_SETFL, fcntl.fcntl(read, fcntl.F_GETFL) | os.O_ASYNC)
        os.write(write, b"x")
        return "SIGIO sent"

    attempt("by the owner of a pipe", by_descriptor)
    attempt("kill", os.kill, pid, signal.SIGKILL)


def execute(world: World) -> None:
    """35: other programs, those that change the user among them."""
    script = f"echo PWNED shell; id; echo x > {world['folder']}/outside/{world['cookie']}"
    attempt("subprocess", lambda: subprocess.run(["/bin/sh", "-c", script], check=False).returncode)
    attempt("os.system", _shell, script)
    attempt("execveat", system, "execveat", -100, b"/nowhere/at/all", 0, 0, 0)
    for loader in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"):
        if os.path.exists(loader):  # noqa: PTH110 - Path hides refusals
            attempt("loader", os.posix_spawn, loader, [loader, "/bin/true"], {})
    for program in ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount"):
        attempt(program, os.posix_spawn, program, [program, "--help"], {})
    attempt("exec", os.execv, "/bin/sh", ["sh", "-c", script])


def _shell(script: str) -> int:
    code = os.system(script)  # noqa: S605 - an attack
    if code == -1 or os.waitstatus_to_exitcode(code) == 127:
        raise PermissionError("no shell")
    return code


def stay_behind(world: World) -> None:
    """36: a process that outlives the run."""

    def daemonize() -> int:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            if os.fork() == 0:
                _stay(world)
            os._exit(0)
        os.waitpid(pid, 0)
        return pid

    attempt("double fork", daemonize)
    time.sleep(0.1)
    attempt("own session", os.setsid)


def take_liberties(world: World) -> None:
    """41: settings of one's own process that protect others from it, and limits."""
    settings = {"dumpable": (4, 1), "parent death": (1, 0), "subreaper": (36, 1), "tracer": (0x59616D61, -1)}
    settings |= {"securebits": (28, 0), "keep capabilities": (8, 1), "timer slack": (29, 1), "own filter": (22, 2)}
    for what, (option, value) in settings.items():
        attempt(what, system, "prctl", option, value, 0, 0, 0)
    for who in ("victim", "sibling"):
        attempt(f"limits of {who}", system, "prlimit64", world[who], 7, (ctypes.c_uint64 * 2)(17, 17), 0)
    attempt("limits of the parent", system, "prlimit64", os.getppid(), 7, 0, (ctypes.c_uint64 * 2)())
    for resource in range(16):
        now = (ctypes.c_uint64 * 2)()
        system("prlimit64", 0, resource, 0, now)
        if now[1] < 2**64 - 1 and world["is_locked"]:
            attempt(
                f"raise limit {resource}",
                system,
                "prlimit64",
                0,
                resource,
                (ctypes.c_uint64 * 2)(now[0], now[1] + 1),
                0,
            )


def take_precedence(world: World) -> None:
    """44: more of the processor than is one's due."""
    for who, pid in (("myself", 0), ("victim", world["victim"]), ("sibling", world["sibling"])):
        attempt(f"nice {who}", os.setpriority, os.PRIO_PROCESS, pid, 7)
        attempt(f"affinity of {who}", os.sched_setaffinity, pid, {min(os.sched_getaffinity(0))})
        attempt(f"scheduler of {who}", os.sched_setscheduler, pid, os.SCHED_BATCH, os.sched_param(0))
        attempt(f"disk precedence of {who}", system, "ioprio_set", 1, pid, (2 << 13) | 7)
    attempt("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))


def write_proc(world: World) -> None:
    """39: switches of the kernel, of oneself and of others."""
    for who in ("self", str(world["victim"]), str(world["sibling"])):
        attempt(f"out-of-memory score of {who}", write_to, f"/proc/{who}/oom_score_adj", b"700")
        attempt(f"dump filter of {who}", write_to, f"/proc/{who}/coredump_filter", b"0")
    attempt("name of a thread", write_to, "/proc/self/comm", b"odd")
    for path in (
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/drop_caches",
        "/sys/power/state",
        "/proc/sysrq-trigger",
    ):
        attempt(f"open {path}", os.open, path, os.O_WRONLY)
    attempt("mappings of users", write_to, "/proc/self/uid_map", b"0 0 1")
