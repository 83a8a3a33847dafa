"""From what was tried to a level, and to sentences about what is missing. Nothing is tried here; see probing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graders.sandbox.levels import Level
from graders.sandbox.trials import OK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def find_level(probes: Mapping[str, str]) -> Level:
    """The level that probes have shown; one that is missing has shown nothing."""

    def holds(*names: str) -> bool:
        return all(probes.get(name) == OK for name in names)

    is_wrapped = is_bubblewrapped(probes) and holds("outer_user")
    if not holds("seccomp", "guest", "canary_models"):
        return Level.S0
    if holds("landlock", "canary_programs"):
        return Level.S3 if is_wrapped else Level.S2
    if is_wrapped:
        return Level.S2n
    if holds("canary_outer"):
        return Level.SX
    return Level.S1 if holds("uid_pool") else Level.S0


def is_bubblewrapped(probes: Mapping[str, str]) -> bool:
    """A canary in bubblewrap came back and had got nowhere."""
    return OK in (probes.get("bubblewrap"), probes.get("bubblewrap_with_proc"))


def explain(level: Level, probes: Mapping[str, str], outer: str) -> list[str]:
    """What is missing for a better level and what follows from it.

    Args:
        level: That was found.
        probes: What was tried.
        outer: What the operator says of an isolation from outside.
    """
    lock, others = _explain_lock(probes), _explain_outer(level, probes, outer)
    return [*lock, *others, *_explain_bubblewrap(probes), *_explain_rest(level, probes)]


def _explain_lock(probes: Mapping[str, str]) -> Iterator[str]:
    landlock, seccomp = probes.get("landlock", "not tried"), probes.get("seccomp", "not tried")
    if seccomp != OK:
        yield f"seccomp does not work here ({seccomp}): a guest cannot lock itself in, and nothing is opened."
    if landlock != OK:
        yield (
            f"Landlock does not work here ({landlock}): a program could read files that are not its own. "
            "A kernel of 5.13 or newer with `landlock` among its security modules has it."
        )
    for name, what in (("canary_models", "models and tables"), ("canary_programs", "programs")):
        said = probes.get(name, "not tried")
        if said != OK and seccomp == OK and (landlock == OK or name == "canary_models"):
            yield f"A canary that was locked in as {what} are got out, so that these are not opened here: {said}."


def _explain_outer(level: Level, probes: Mapping[str, str], outer: str) -> Iterator[str]:
    said = probes.get("canary_outer", "not tried")
    if outer and level < Level.SX:
        yield f"ARENA_SANDBOX_OUTER says {outer}, and that is not enough: {said}."
    if outer and level > Level.SX:
        yield f"ARENA_SANDBOX_OUTER says {outer}; it is not needed, since the machine's own sandbox is better."


def _explain_bubblewrap(probes: Mapping[str, str]) -> Iterator[str]:
    follows = "programs get no scratch folder and no child processes"
    if not is_bubblewrapped(probes):
        setting = probes.get("namespace_settings", "")
        hint = f" The kernel's setting {setting} forbids it." if " = " in setting else ""
        said = probes.get("bubblewrap_with_proc", probes.get("bubblewrap", "not tried"))
        yield f"bubblewrap does not work here ({said}): {follows}.{hint}"
    elif probes.get("outer_user") != OK:
        yield (
            "bubblewrap works here, but only as root, who would be root outside as well, so that it does not count: "
            f"{follows}. Run the grader as an ordinary user, or let it lend users of the pool."
        )


def _explain_rest(level: Level, probes: Mapping[str, str]) -> Iterator[str]:
    pool = probes.get("uid_pool", OK)
    if pool != OK and (probes.get("outer_user") != OK or level < Level.S1):
        yield pool
    preload = probes.get("preload", OK)
    if preload != OK:
        yield f"The fork server does not start ({preload}): each run starts a process of its own, which takes longer."
