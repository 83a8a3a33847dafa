"""What the API tells those who run an installation, and what they send."""

from __future__ import annotations

import datetime as dt
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from arena.accounts.models import Role
from arena.catalogue.models import Challenge, Dataset, DatasetState
from arena.catalogue.service import Phase, phase_of
from arena.gauges import GraderInfo
from arena.operations.service import DatasetView, Overview
from arena.submissions.models import Status, Submission

PROGRESS = "How far a preparation under way has come, 0 to 1."


class FromRow(BaseModel):
    """Read from a row's attributes."""

    model_config = ConfigDict(from_attributes=True)


class QueueOut(FromRow):
    """A queue as it is now."""

    name: str
    length: int = Field(description="Jobs that wait.")
    oldest_seconds: float | None = Field(description="Age of the longest waiting job; null: none is known.")
    expected_wait_seconds: float | None = Field(description="What a job sent now would take; null: nobody listens.")


class QueuesOut(BaseModel):
    """All queues."""

    queues: list[QueueOut]
    is_redis_away: bool = Field(description="Redis does not answer: the lengths are not known.")

    @classmethod
    def of(cls, found: Overview) -> Self:
        """The queues of an overview."""
        queues = [QueueOut.model_validate(queue) for queue in found.queues]
        return cls(queues=queues, is_redis_away=found.is_redis_away)


class SandboxOut(FromRow):
    """What a grader found out about the sandbox of its machine."""

    level: str = Field(description="`S3` (best), `S2`, `S2n`, `SX`, `S1` or `S0`; empty: not told.")
    reasons: list[str] = Field(description="What is missing for a better level, and what follows; in English.")
    refuses: list[str] = Field(description="Submission kinds that are not opened there.")


class GraderOut(FromRow):
    """A grader that is alive."""

    name: str
    queues: list[str]
    state: str = Field(description="`idle` or `busy`.")
    job_id: str | None = Field(description="The job in hand.")
    version: str
    device: str
    sandbox: SandboxOut
    since: dt.datetime
    done: int = Field(description="Jobs finished since its start.")


class GradersOut(BaseModel):
    """The graders that gave a sign of life in the last half minute."""

    graders: list[GraderOut]

    @classmethod
    def of(cls, found: list[GraderInfo]) -> Self:
        """The graders, by name."""
        return cls(graders=[GraderOut.model_validate(grader) for grader in found])


class FailureOut(BaseModel):
    """A submission that failed on our side."""

    id: UUID
    challenge: str
    team: str
    user: str
    filename: str
    attempt: int
    created_at: dt.datetime
    graded_at: dt.datetime | None
    trace: str | None = Field(description="What went wrong; never shown to participants.")

    @classmethod
    def of(cls, row: Submission) -> Self:
        """The submission and its trace."""
        return cls(
            id=row.id,
            challenge=row.slug,
            team=row.team.name,
            user=row.user.username,
            filename=row.filename,
            attempt=row.attempt,
            created_at=row.created_at,
            graded_at=row.graded_at,
            trace=row.trace,
        )


class DatasetStateOut(BaseModel):
    """A dataset and how far its preparation has come."""

    id: UUID
    challenge: str
    version: str
    source: str
    state: DatasetState
    is_in_use: bool
    honour_system: bool
    digest: str | None
    created_at: dt.datetime
    ready_at: dt.datetime | None
    seconds: float | None = Field(description="What the preparation took.")
    step: str = Field("", description="What a preparation under way is doing.")
    share: float | None = Field(None, description=PROGRESS)
    trace: str | None = Field(description="Why it failed.")

    @classmethod
    def of(cls, view: DatasetView, in_use: UUID | None) -> Self:
        """The dataset, and whether its challenge uses it."""
        row: Dataset = view.dataset
        return cls(
            id=row.id,
            challenge=row.slug,
            version=row.version,
            source=row.source,
            state=row.state,
            is_in_use=row.id == in_use,
            honour_system=row.honour_system,
            digest=row.digest,
            created_at=row.created_at,
            ready_at=row.ready_at,
            seconds=row.seconds,
            step=view.step,
            share=view.share,
            trace=row.trace,
        )


class DatasetsOut(BaseModel):
    """The newest datasets of every challenge, in the order of the path."""

    datasets: list[DatasetStateOut]


class PrepareIn(BaseModel):
    """What data to prepare."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field("offline", max_length=60, description="`offline`, or a real source of the challenge.")
    accept_licence: bool = Field(default=False, description="The licence of the real source was read and is accepted.")


class DeadlineIn(BaseModel):
    """The end of submissions."""

    model_config = ConfigDict(extra="forbid")

    deadline: AwareDatetime | None = Field(description="With a UTC offset; null: practice, never revealed.")


class TimelineOut(BaseModel):
    """A challenge's timeline after it was changed."""

    challenge: str
    state: Phase
    opens_at: dt.datetime | None
    deadline: dt.datetime | None

    @classmethod
    def of(cls, row: Challenge, now: dt.datetime) -> Self:
        """The timeline at a moment."""
        return cls(challenge=row.slug, state=phase_of(row, now), opens_at=row.opens_at, deadline=row.deadline)


class RegradeOut(FromRow):
    """A submission that is graded again."""

    id: UUID
    status: Status
    attempt: int


class UserAdminOut(FromRow):
    """A person as administrators see one."""

    id: UUID
    username: str
    email: str | None
    role: Role
    created_at: dt.datetime
    disabled_at: dt.datetime | None


class UserChange(BaseModel):
    """What to change about a person; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    disabled: bool | None = Field(None, description="True locks the person out at once.")
