"""The table of attacks: which there are, how a run of each may end, and what each brings about without the sandbox."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graders.sandbox import Bounds, End
from tests.graders.sandbox.attacks.telling import IS_X86, system
from tests.graders.sandbox.remnants import has_keys, is_traceable
from tests.graders.sandbox.seen import Seen

MEMORY_BYTES = 384 << 20
SLACK_BYTES = 64 << 20
"""By which a run may pass its limit between two looks."""
ROOMY = Bounds(wall_seconds=20, cpu_seconds=10, memory_bytes=MEMORY_BYTES, result_bytes=1 << 20)
SHORT = Bounds(wall_seconds=0.5, cpu_seconds=5, memory_bytes=MEMORY_BYTES, result_bytes=1 << 20)
BUSY = Bounds(wall_seconds=10, cpu_seconds=1, memory_bytes=MEMORY_BYTES, result_bytes=1 << 20)
TOLD = "told"
"""Seen in what the attack itself tells: nothing outside changes."""
MEMORY = "memory"
"""The process had more than a run gets."""


def always() -> str:
    """Nothing stands in the way of an attack without the sandbox."""
    return ""


def needs_io_uring() -> str:
    """Why io_uring cannot be used here even without the sandbox, if so."""
    try:
        system("io_uring_setup", 0, None)
    except OSError as error:
        return "" if error.errno in (errno.EFAULT, errno.EINVAL) else "this kernel offers no io_uring"
    return ""


def needs_keys() -> str:
    """Why the kernel keeps no keys here, if so."""
    return "" if has_keys() else "this kernel keeps no keys"


def needs_tracing() -> str:
    """Why no process may trace another here, if so."""
    return "" if is_traceable() else "Yama lets no process trace another"


def needs_user_namespaces() -> str:
    """Why user namespaces cannot be made here, if so."""
    pid = os.fork()
    if pid == 0:
        try:
            system("unshare", 0x10000000)
        except OSError:
            os._exit(1)
        os._exit(0)
    return "no user namespaces here" if os.waitpid(pid, 0)[1] else ""


def needs_32_bit() -> str:
    """Why 32-bit calls do not exist here, if so."""
    return "" if IS_X86 and Path("/proc/sys/abi/vsyscall32").exists() else "no 32-bit calls on this kernel"


@dataclass(frozen=True)
class Case:
    """One attack."""

    number: int
    attacks: tuple[str, ...]
    """`module.function`, run one after the other, each in a run of its own."""
    without: frozenset[str] = frozenset()
    """What it brings about without the sandbox; empty: it is harmless, or ended by the watcher alone."""
    ends: frozenset[End] = frozenset({End.DONE})
    bounds: Bounds = ROOMY
    needs: Callable[[], str] = always
    """Why it cannot succeed on this machine even without the sandbox; empty: it can."""
    variant: str = ""
    tolerated: frozenset[str] = frozenset()
    """Effects that level S2 is known to let through, and S3 is not."""
    is_quiet: bool = False
    """It may be ended before it has told how it went."""
    exit_codes: frozenset[int] = frozenset()
    """The only ones it may end with; empty: any."""

    def __str__(self) -> str:
        name = self.attacks[0].partition(".")[2]
        return f"{self.number:02}-{name}" + (f"-{self.variant}" if self.variant else "")


def case(number: int, attacks: str, without: str = "", **more: object) -> Case:
    """A case, with words for sets.

    Args:
        number: In the order of the table.
        attacks: One, or several.
        without: Effects, with commas between.
        more: Other fields; `ends` with words.
    """
    effects = frozenset(word.strip() for word in without.split(",") if word.strip())
    if "ends" in more:
        more["ends"] = frozenset(End(word) for word in str(more["ends"]).split())
    return Case(number, tuple(attacks.split()), effects, **more)  # type: ignore[arg-type]


CASES = (
    case(1, "files.read_secret", "secret"),
    case(2, "files.list_folders", "listing"),
    case(3, "files.stat_secret", "metadata", tolerated=frozenset({"metadata"})),
    case(4, "processes.read_environments", "secret"),
    case(5, "remains.read_own_environment", "secret"),
    case(6, "files.write_outside", "file, file left"),
    case(7, "files.change_outside", "file"),
    case(8, "network.connect_tcp", "tcp"),
    case(9, "network.send_udp", "udp"),
    case(10, "network.connect_unix_path", "unix stream, unix datagram"),
    case(11, "network.connect_unix_abstract", "abstract stream, abstract datagram"),
    case(12, "network.send_by_socketpair", "unix datagram, abstract datagram"),
    case(13, "network.set_redis", "redis"),
    case(14, "network.make_sockets", TOLD),
    case(15, "processes.bomb_forks", "process"),
    case(16, "processes.bomb_threads", TOLD, ends="done threads"),
    case(17, "consumption.bomb_memory", MEMORY, ends="done memory", is_quiet=True),
    case(18, "consumption.bomb_shared_memory", MEMORY),
    case(19, "consumption.bomb_memory_file", TOLD),
    case(20, "consumption.fill_shared_places", "file left, segment"),
    case(21, "consumption.loop", ends="cpu", bounds=BUSY, is_quiet=True),
    case(22, "consumption.sleep", ends="wall", bounds=SHORT, is_quiet=True),
    case(23, "consumption.ignore_signals", ends="wall", bounds=SHORT, is_quiet=True),
    case(24, "files.fill_disk", "disk"),
    case(25, "consumption.flood_stdout", ends="output", is_quiet=True),
    case(26, "consumption.flood_result", ends="output", is_quiet=True),
    case(26, "consumption.flood_result_blindly", ends="output", is_quiet=True),
    case(27, "files.link_output", "file"),
    case(28, "processes.trace", "victim killed, secret", needs=needs_tracing),
    case(29, "processes.kill_parent", "victim killed"),
    case(30, "processes.kill_sibling", "sibling killed"),
    case(31, "kernel.use_io_uring", TOLD, needs=needs_io_uring),
    case(32, "kernel.mount"),
    case(33, "kernel.keep_key", "key", needs=needs_keys),
    case(34, "kernel.enter_namespaces", TOLD, needs=needs_user_namespaces),
    case(35, "processes.execute", "file"),
    case(36, "processes.stay_behind", "process"),
    case(37, "remains.use_inherited", "secret"),
    case(38, "remains.write_terminals", "terminal"),
    case(39, "processes.write_proc", "sibling changed"),
    case(40, "files.read_facts", TOLD),
    case(41, "processes.take_liberties", "sibling changed"),
    case(42, "kernel.reach_surface", TOLD),
    case(43, "kernel.call_as_32_bit", TOLD, needs=needs_32_bit, ends="crashed", is_quiet=True),
    case(43, "kernel.call_as_x32", ends="crashed", is_quiet=True),
    case(44, "processes.take_precedence", "sibling changed"),
    case(45, "remains.abort", ends="crashed", exit_codes=frozenset({-6})),
    case(45, "remains.crash", ends="crashed", exit_codes=frozenset({-11})),
    case(45, "remains.exit_early"),
    case(45, "remains.raise_much", ends="crashed"),
    case(45, "remains.raise_evil", ends="wall", bounds=SHORT),
    case(45, "consumption.recurse", ends="memory crashed", is_quiet=True),
    case(46, "kernel.regain_user"),
    case(47, "remains.use_thread", "secret"),
    *(
        case(48, "remains.send_odd_header", ends="output", variant=variant)
        for variant in (
            "nest",
            "objects",
            "digits",
            "nan",
            "list",
            "shape",
            "negative",
            "object",
            "twins",
            "many",
            "latin",
        )
    ),
    case(49, "remains.leave_traces remains.find_traces", "file left, told"),
    case(50, "network.misuse_socketpair", TOLD),
)


def complaints(case: Case, seen: Seen, effects: set[str], *, is_hidden: bool) -> list[str]:
    """What speaks against the sandbox after an attack; nothing, if it held.

    Args:
        case: Says how it may end.
        seen: What became of the run.
        effects: What has changed outside.
        is_hidden: Even the existence of files must be hidden.
    """
    found = [f"it ended as {seen.end}"] * (seen.end not in case.ends)
    found += ["the attack never started"] * (len(seen.lines("STARTED")) != len(case.attacks))
    found += seen.lines("PWNED") + seen.lines("BROKEN")
    if not case.is_quiet:
        found += ["it told of nothing that was blocked"] * (not seen.lines("BLOCKED") and not case.tolerated)
        has_ended = len(seen.lines("FINISHED")) == len(case.attacks)
        found += ["it did not come to its end"] * (
            case.ends == {End.DONE} and not has_ended and "exit" not in str(case)
        )
    found += [f"outside: {effect}" for effect in sorted(effects - (set() if is_hidden else case.tolerated))]
    found += ["too much memory"] * (seen.peak_bytes > case.bounds.memory_bytes + SLACK_BYTES)
    for outcome in seen.outcomes:
        found += ["too much text"] * (max(len(outcome.stdout), len(outcome.stderr)) > case.bounds.output_bytes)
        found += [f"exit code {outcome.exit_code}"] * bool(case.exit_codes and outcome.exit_code not in case.exit_codes)
    return found
