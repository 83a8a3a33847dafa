"""What the sandbox of this machine holds: found by trying, and judged so that what was not shown counts as missing.

    python -m graders.sandbox.probing [--json]     exit code 1 when the level is S0

The environment's ARENA_* settings say what must not be reached; without any it works all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from graders.sandbox import Profile
from graders.sandbox.bubblewrap import find_bubblewrap
from graders.sandbox.canaries import ANYBODYS, RAN, make_targets, release, sum_up
from graders.sandbox.forkserver import ForkServer, ServerGone
from graders.sandbox.fresh import Fresh
from graders.sandbox.judging import explain, find_level
from graders.sandbox.levels import KINDS, Level, refused
from graders.sandbox.started import ENVIRONMENT, PYTHON
from graders.sandbox.trials import OK
from graders.sandbox.uids import Lease, lease_uid
from graders.settings import SandboxSettings

if TYPE_CHECKING:
    from graders.sandbox.canaries import Targets

TRIALS = "graders.sandbox.trials"
TRIAL_SECONDS = 30.0
FLAVOUR = "tables"
NEWEST = 99
"""Whatever version of Landlock there is."""


@dataclass(frozen=True)
class Report:
    """What was found."""

    level: Level
    reasons: list[str]
    """What is missing for a better level and what follows: sentences for the operator."""
    probes: dict[str, str]
    """Everything that was tried: `ok`, or what hindered it; then facts that explain it."""
    refuses: dict[str, str]
    """Submission kinds that are not opened here, each with the reason."""

    def dump(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"level": self.level.name, "reasons": self.reasons, "probes": self.probes, "refuses": self.refuses}

    def describe(self) -> str:
        """For a terminal."""
        lines = [f"sandbox: level {self.level.name}", *(f"  {reason}" for reason in self.reasons), "tried:"]
        lines += [f"  {name:<26}{said}" for name, said in self.probes.items()]
        lines += ["refused:", *(f"  {reason}" for reason in self.refuses.values())] if self.refuses else []
        return "\n".join(lines)


def examine(settings: SandboxSettings, lease: Lease, server: ForkServer) -> Report:
    """Try everything; the fork server is warm afterwards, and uses Landlock only where that works.

    Args:
        settings: Say what must not be reached.
        lease: As which user guests run.
        server: The one that will run them; it must have been made in this thread.
    """
    probes = {"preload": OK}
    with subprocess.Popen([*PYTHON, TRIALS], stdout=subprocess.PIPE, env=ENVIRONMENT, cwd="/") as trials:  # noqa: S603
        try:
            server.warm(FLAVOUR)
        except ServerGone as error:
            probes["preload"] = str(error) or "the fork server does not start"
        probes |= _read_trials(trials)
    probes["uid_pool"] = OK if lease.uid else lease.reason
    probes["outer_user"] = OK if lease.uid or os.geteuid() != 0 else "root"
    server.landlock_abi = NEWEST if probes["landlock"] == OK else 0
    with make_targets(settings) as targets:
        probes |= _release_all(lease.uid, server, targets, settings.sandbox_outer)
    level = find_level(probes)
    refuses = refused(level)
    if probes["guest"] != OK:
        refuses = dict.fromkeys(KINDS, f"Nothing is opened here: a guest cannot lock itself in ({probes['guest']}).")
    return Report(level, explain(level, probes, settings.sandbox_outer), probes, refuses)


def _read_trials(process: subprocess.Popen[bytes]) -> dict[str, str]:
    try:
        text, _ = process.communicate(timeout=TRIAL_SECONDS)
        found = json.loads(text)
    except (subprocess.TimeoutExpired, ValueError) as error:
        process.kill()
        found = {}
        missing = f"not tried: {error}"
    else:
        missing = "not tried"
    return {"landlock": missing, "seccomp": missing, **found}


def _release_all(uid: int, server: ForkServer, targets: Targets, outer: str) -> dict[str, str]:
    """Canaries, locked in as models are, as programs are, and with bubblewrap around them; all at the same time."""
    abi = server.landlock_abi
    with ThreadPoolExecutor(2) as pool:
        released = pool.submit(release, Fresh(uid, landlock_abi=abi), targets, Profile.CODE)
        wrapped = pool.submit(_try_bubblewrap, uid, abi, targets)
        models = release(server, targets, Profile.COMPUTE)  # in this thread, with which the fork server ends
        programs = released.result()
    found = {"guest": models[RAN], "canary_models": sum_up(models), "canary_programs": sum_up(programs)}
    if outer:
        unseen = [f"{name}: {why}" for name, why in targets.missing.items()]
        said = sum_up(programs, ANYBODYS)
        found["canary_outer"] = f"not tried: {'; '.join(unseen)}" if unseen and said == OK else said
    return found | wrapped.result()


def _try_bubblewrap(uid: int, abi: int, targets: Targets) -> dict[str, str]:
    """With a /proc of its own; where that is forbidden, with the one there is."""
    if find_bubblewrap() is None:
        return {"bubblewrap": "not installed"}
    own, bound = (Fresh(uid, bubblewrap=True, landlock_abi=abi, own_proc=own_proc) for own_proc in (True, False))
    found = {"bubblewrap": sum_up(release(own, targets, Profile.CODE))}
    if found["bubblewrap"] != OK:
        found["bubblewrap_with_proc"] = sum_up(release(bound, targets, Profile.CODE))
    return found


def main(words: list[str] | None = None) -> int:
    """Print what was found; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m graders.sandbox.probing", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(words)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    lease = lease_uid()
    server = ForkServer(lease.uid)
    try:
        report = examine(SandboxSettings(), lease, server)
    finally:
        server.close()
        lease.close()
    sys.stdout.write(json.dumps(report.dump()) if arguments.json else report.describe())
    sys.stdout.write("\n")
    return int(report.level is Level.S0)


if __name__ == "__main__":
    sys.exit(main())
