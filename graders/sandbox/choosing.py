"""Opens the sandbox of a grader: what the machine holds is found out, and each guest gets the best of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graders.sandbox import Profile
from graders.sandbox.forkserver import ForkServer
from graders.sandbox.fresh import Fresh
from graders.sandbox.levels import Level
from graders.sandbox.probing import Report, examine
from graders.sandbox.trials import OK
from graders.sandbox.uids import Lease, lease_uid

if TYPE_CHECKING:
    from graders.sandbox import Outcome, Run
    from graders.settings import SandboxSettings

PROGRAMS = (Profile.CODE, Profile.SERVICE)


@dataclass(eq=False)
class Sandbox:
    """The mechanisms of one grader, and which of them a guest gets."""

    server: ForkServer
    wrapped: Fresh | None = None
    """bubblewrap, where it counts: for programs, which it hides from what they do not need."""
    is_always_wrapped: bool = False
    """Nothing else holds here: models and tables run in bubblewrap as well."""
    lease: Lease = field(default_factory=Lease)

    def run(self, run: Run) -> Outcome:
        """Run a guest to its end, whatever it does."""
        if self.wrapped is not None and (self.is_always_wrapped or run.profile in PROGRAMS):
            return self.wrapped.run(run)
        return self.server.run(run)

    def close(self) -> None:
        """End the fork servers and give the user back."""
        self.server.close()
        self.lease.close()


def open_sandbox(settings: SandboxSettings) -> tuple[Sandbox, Report]:
    """Find out what this machine holds, and make ready what a grader runs guests with.

    Call it in the thread that lives as long as the grader: a fork server ends with the thread that started it.

    Args:
        settings: Say what must not be reached.
    """
    sandbox = Sandbox(ForkServer(), lease=lease_uid())
    sandbox.server.uid = sandbox.lease.uid
    try:
        report = examine(settings, sandbox.lease, sandbox.server)
    except BaseException:
        sandbox.close()
        raise
    if report.level in (Level.S3, Level.S2n):
        sandbox.wrapped = Fresh(
            sandbox.lease.uid,
            bubblewrap=True,
            landlock_abi=sandbox.server.landlock_abi,
            own_proc=report.probes["bubblewrap"] == OK,
        )
    sandbox.is_always_wrapped = report.level is Level.S2n
    return sandbox, report
