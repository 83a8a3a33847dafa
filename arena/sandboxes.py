"""What graders say of their sandboxes, in the reader's language. What they say is found out in the graders alone.

A sentence that is not known here, of a grader that is newer than this process, is told as it came.
"""

from __future__ import annotations

import re

from arena.translations import mark, translate

LEVELS = {
    "S3": mark("every kind, and programs with a scratch folder and child processes"),
    "S2": mark("every kind; programs without a scratch folder and child processes"),
    "S2n": mark("every kind, in namespaces of its own"),
    "SX": mark("every kind, isolated from outside as the operator says"),
    "S1": mark("every kind but programs"),
    "S0": mark("only what is data: tables, artefacts, weights"),
}
"""What is opened at each level, the best first."""

SENTENCES = (
    mark("seccomp does not work here ({said}): a guest cannot lock itself in, and nothing is opened."),
    mark(
        "Landlock does not work here ({said}): a program could read files that are not its own. "
        "A kernel of 5.13 or newer with `landlock` among its security modules has it."
    ),
    mark("A canary that was locked in as models and tables are got out, so that these are not opened here: {said}."),
    mark("A canary that was locked in as programs are got out, so that these are not opened here: {said}."),
    mark("ARENA_SANDBOX_OUTER says {outer}, and that is not enough: {said}."),
    mark("ARENA_SANDBOX_OUTER says {outer}; it is not needed, since the machine's own sandbox is better."),
    mark(
        "bubblewrap does not work here ({said}): programs get no scratch folder and no child processes. "
        "The kernel's setting {setting} forbids it."
    ),
    mark("bubblewrap does not work here ({said}): programs get no scratch folder and no child processes."),
    mark(
        "bubblewrap works here, but only as root, who would be root outside as well, so that it does not count: "
        "programs get no scratch folder and no child processes. "
        "Run the grader as an ordinary user, or let it lend users of the pool."
    ),
    mark("Guests run as the grader's own user: only root can lend them another."),
    mark("Guests run as the grader's own user: all of {first} to {last} are lent."),
    mark("Guests run as the grader's own user: it lacks the capability SETUID or SETGID."),
    mark("Guests run as the grader's own user: user {user} cannot run {path}; install it where everybody can read."),
    mark("Guests run as the grader's own user: user {user} cannot be tried: {said}."),
    mark("Guests run as the grader's own user: user {user} cannot read the libraries: {said}."),
    mark("The fork server does not start ({said}): each run starts a process of its own, which takes longer."),
)
"""Every sentence of a grader about its sandbox; of two that fit, the first is meant."""

FINDINGS = (
    mark("not tried"),
    mark("not installed"),
    mark("the trial died"),
    mark("this kernel has no Landlock, or has it switched off"),
)
"""What may stand in the place of `said`. Everything else there is the machine's own message, and told as it came."""

_PLACE = re.compile(r"\\{(\w+)\\}")
_PATTERNS = {text: re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL) for text in SENTENCES}


def tell_reason(reason: str, language: str) -> str:
    """A grader's sentence about its sandbox in a language."""
    for sentence, pattern in _PATTERNS.items():
        found = pattern.fullmatch(reason)
        if found is not None:
            facts = found.groupdict()
            if facts.get("said") in FINDINGS:
                facts["said"] = translate(language, facts["said"])
            return translate(language, sentence).format_map(facts)
    return reason


def tell_level(level: str, language: str) -> str:
    """What is opened at a level; empty for one that is not known here."""
    return translate(language, LEVELS.get(level, ""))
