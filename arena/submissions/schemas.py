"""What the API and the pages tell of submissions. Private scores appear after the reveal, traces never.

Scores are rounded to the challenge's decimals here, and nowhere before.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from arena.catalogue.models import Challenge
from arena.catalogue.service import is_revealed, manifest_of
from arena.queues import Queues
from arena.submissions.models import Status, Submission
from arena.translations import mark, translate
from challenges.errors import SENTENCES, Reason
from challenges.messages import grade_job_id
from challenges.phrases import tell_facts

UNKNOWN_FAULT = mark("The file breaks a rule of this challenge: {reason}.")


@dataclass(frozen=True)
class Place:
    """Where a submission waits."""

    position: int | None = None
    """1 is graded next; None: being graded just now, or unknown."""
    seconds: float | None = None
    """Expected until the score; None: unknown, or no grader is at work."""


class FaultOut(BaseModel):
    """One thing that is wrong with a rejected file."""

    reason: str = Field(description="Stable name of the reason, for programs.")
    facts: dict[str, Any] = Field(
        description="The values that the sentence names, such as `row` and `column`; words in the reader's language."
    )
    sentence: str = Field(description="What is wrong, where, and what to do, in the reader's language.")

    @classmethod
    def of(cls, fault: dict[str, Any], language: str) -> Self:
        """The fault, told in a language."""
        facts = tell_facts(fault.get("facts", {}), partial(translate, language))
        return cls(reason=fault["reason"], facts=facts, sentence=tell(fault["reason"], facts, language))


class LinksOut(BaseModel):
    """Where to go on from a submission."""

    self: str
    file: str = Field(description="The file that was sent.")
    events: str = Field(description="Server-sent events: its states, until it is final.")
    page: str
    challenge: str


class ProvenanceOut(BaseModel):
    """What the score depends on besides the file."""

    dataset_digest: str = Field(description="sha256 of the data it was graded on.")
    package_digest: str = Field(description="sha256 of the challenge as the grader had it.")
    grader_version: str
    device: str
    seed: int = Field(description="Of the bootstrap that gives the standard error.")
    seconds: float | None = Field(
        default=None,
        description="How long grading took; null for programs, which could tell something by it.",
    )


class SubmissionRow(BaseModel):
    """A submission in a list."""

    id: UUID
    challenge: str = Field(description="Slug of the challenge.")
    team: str
    user: str = Field(description="Who sent it.")
    filename: str
    size_bytes: int
    digest: str = Field(description="sha256 of the file.")
    message: str
    status: Status = Field(
        description="`queued`, then `scored`, `rejected` (the file is wrong: see the faults), "
        "`failed` (our fault) or `cancelled`; only queued and scored ones count for the quota."
    )
    attempt: int = Field(description="Which attempt at grading this is; the second and third follow a failure of ours.")
    created_at: dt.datetime
    graded_at: dt.datetime | None
    public_score: float | None
    public_error: float | None = Field(description="Bootstrap standard error of the public score.")
    public_secondary: dict[str, float]
    private_score: float | None = Field(description="After the reveal only.")
    private_error: float | None = Field(description="After the reveal only.")
    private_secondary: dict[str, float] = Field(description="After the reveal only.")
    costs: dict[str, float] = Field(
        description="What a scored model costs: `parameters`, `weight_bytes`, `macs` and `latency_ms` of one row, "
        "`latency_ratio` (medians, the latter to a fixed reference timed in turn), `peak_bytes`; where there is a rule "
        "for graphs, what it counted: `convolutions`, `attentions`; empty for tables."
    )
    faults: list[FaultOut] = Field(description="The first faults of a rejected file.")
    fault_count: int = Field(description="Number of all faults.")
    links: LinksOut

    @classmethod
    def of(cls, submission: Submission, challenge: Challenge, language: str, now: dt.datetime) -> Self:
        """The submission in a language, with what may be seen at a moment."""
        return cls(**_facts_of(submission, challenge, language, now))


class SubmissionOut(SubmissionRow):
    """A submission with all that its team may know."""

    diagnostics: list[dict[str, Any]] = Field(description="What the public rows show, to learn from.")
    provenance: ProvenanceOut | None = Field(description="Once graded: enough to repeat it.")
    queue_position: int | None = Field(description="While queued: 1 is graded next; null while it is being graded.")
    expected_wait_seconds: float | None = Field(description="While queued: until the score; null: unknown.")

    @classmethod
    def of(
        cls,
        submission: Submission,
        challenge: Challenge,
        language: str,
        now: dt.datetime,
        place: Place | None = None,
    ) -> Self:
        """The submission in a language, with what may be seen at a moment."""
        place = place or Place()
        return cls(
            **_facts_of(submission, challenge, language, now),
            diagnostics=submission.diagnostics,
            provenance=_provenance_of(submission, challenge),
            queue_position=place.position,
            expected_wait_seconds=place.seconds,
        )


def find_place(queues: Queues, submission: Submission) -> Place:
    """Where a submission waits; nothing is known of one that is final or not sent yet, or while Redis is away."""
    if submission.status is not Status.QUEUED:
        return Place()
    job_id = grade_job_id(str(submission.id), submission.attempt)
    try:
        queue = queues.queue_of(job_id)
        if queue is None:
            return Place()
        position = queues.position(queue, job_id)
        seconds = queues.expected_wait(queue, position or 1)
    except RedisError:
        return Place()
    return Place(position, None if seconds is None else round(seconds, 1))


def tell(reason: str, facts: dict[str, Any], language: str) -> str:
    """A fault as a sentence in a language."""
    try:
        return translate(language, SENTENCES[Reason(reason)]).format_map(facts)
    except (ValueError, KeyError):  # of a grader that is newer than this process
        return translate(language, UNKNOWN_FAULT, reason=reason.replace("_", " "))


def _facts_of(submission: Submission, challenge: Challenge, language: str, now: dt.datetime) -> dict[str, Any]:
    manifest = manifest_of(challenge)
    decimals = manifest.metric.decimals
    digits = {metric.name: metric.decimals for metric in manifest.secondary}
    facts: dict[str, Any] = {
        name: getattr(submission, name)
        for name in (
            *("id", "filename", "size_bytes", "digest", "message", "status", "attempt"),
            *("created_at", "graded_at", "fault_count"),
        )
    }
    facts |= {"challenge": submission.slug, "team": submission.team.name, "user": submission.user.username}
    facts["faults"] = [FaultOut.of(fault, language) for fault in submission.faults]
    facts["links"] = links_of(submission)
    facts["costs"] = submission.costs if submission.status is Status.SCORED else {}
    may_see_private = is_revealed(challenge, now) and submission.status is Status.SCORED
    may_see_public = submission.status is Status.SCORED
    for side, may_see in (("public", may_see_public), ("private", may_see_private)):
        score, error = getattr(submission, f"{side}_score"), getattr(submission, f"{side}_error")
        facts[f"{side}_score"] = _rounded(score, decimals) if may_see else None
        facts[f"{side}_error"] = _rounded(error, decimals) if may_see else None
        secondary = getattr(submission, f"{side}_secondary") if may_see else {}
        facts[f"{side}_secondary"] = {
            name: _rounded(value, digits.get(name, decimals)) for name, value in secondary.items()
        }
    return facts


def links_of(submission: Submission) -> LinksOut:
    """Where to go on from a submission."""
    root = f"/api/v1/submissions/{submission.id}"
    return LinksOut(
        self=root,
        file=f"{root}/file",
        events=f"{root}/events",
        page=f"/submissions/{submission.id}",
        challenge=f"/challenges/{quote(submission.slug)}",
    )


def _provenance_of(submission: Submission, challenge: Challenge) -> ProvenanceOut | None:
    """What participants may know of it: not the grader's name, nor how much memory it has, nor a program's time."""
    if submission.status not in (Status.SCORED, Status.REJECTED) or not submission.provenance:
        return None
    known = {name: submission.provenance[name] for name in ProvenanceOut.model_fields if name in submission.provenance}
    if manifest_of(challenge).program is not None:
        known.pop("seconds", None)
    return ProvenanceOut(**known)


SHOWN_DIGITS = 6
"""Significant digits of a shown score: each more would tell something about single hidden rows."""


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else float(f"{round(value, decimals):.{SHOWN_DIGITS}g}")
