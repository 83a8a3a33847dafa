"""What becomes of a submission when its verdict arrives: written once, for the attempt that is under way.

queued ─scored────▶ scored ─▶ the team's standing, in the same transaction
  │ ▲  ─rejected──▶ rejected, with faults
  │ └─failed, attempts left: the next attempt
  └───failed, none left ▶ failed, with a trace for the operator
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge, Dataset
from arena.catalogue.service import manifest_of
from arena.events import publish
from arena.leaderboard.service import index_standing, recompute_standing, record_standing
from arena.submissions.models import Status, Submission
from challenges.messages import Outcome, Scores, Verdict
from challenges.records import dump_record

ATTEMPTS = 3
"""How often grading is tried in a row; attempts count on when a submission is graded anew, so every third is a last."""

log = structlog.get_logger(__name__)


def submission_topic(submission_id: UUID) -> str:
    """The topic under which changes of a submission are told."""
    return f"submission:{submission_id}"


def record(session: Session, redis: Redis, verdict: Verdict) -> Submission | None:
    """Write down a verdict, and the standing that follows from it.

    Returns:
        The submission; still queued when grading failed and another attempt is to be sent. None when the verdict is of
        no submission, of an earlier attempt, or was recorded before: nothing is changed then.
    """
    submission = _hold_awaited(session, verdict)
    if submission is None:
        session.rollback()
        log.info("a verdict is not awaited", submission=verdict.submission_id, attempt=verdict.attempt)
        return None
    was_graded = submission.graded_at is not None
    _write(submission, verdict)
    if submission.status is not Status.QUEUED:
        submission.graded_at = session.scalar(select(func.clock_timestamp()))
        _let_count(session, submission, was_graded=was_graded)
    publish(session, submission_topic(submission.id))
    session.commit()
    if submission.status is not Status.QUEUED:
        index_standing(session, redis, submission.dataset_id)
        session.commit()
    return submission


def _hold_awaited(session: Session, verdict: Verdict) -> Submission | None:
    """The submission whose present attempt a verdict is about, locked; None when nobody waits for it."""
    try:
        submission_id = UUID(verdict.submission_id)
    except ValueError:
        return None
    query = select(Submission).where(
        Submission.id == submission_id, Submission.attempt == verdict.attempt, Submission.status == Status.QUEUED
    )
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def _write(submission: Submission, verdict: Verdict) -> None:
    outcome = verdict.outcome
    if outcome is Outcome.SCORED and verdict.public is None:
        outcome = Outcome.FAILED
    if outcome is Outcome.FAILED:
        _write_failure(submission, verdict)
        return
    submission.status = Status.SCORED if outcome is Outcome.SCORED else Status.REJECTED
    public, private = (verdict.public, verdict.private) if outcome is Outcome.SCORED else (None, None)
    submission.public_score, submission.public_error, submission.public_secondary = _columns(public)
    submission.private_score, submission.private_error, submission.private_secondary = _columns(private)
    submission.diagnostics = _storable(verdict.diagnostics)
    submission.faults = [_storable(dump_record(fault)) for fault in verdict.faults]
    submission.fault_count = max(verdict.fault_count, len(verdict.faults))
    submission.provenance = _storable(dump_record(verdict.provenance)) if verdict.provenance else {}
    submission.costs = _storable(dict(verdict.costs)) if outcome is Outcome.SCORED else {}
    submission.trace = None


def _write_failure(submission: Submission, verdict: Verdict) -> None:
    submission.trace = _storable(verdict.trace or "The grader gave no reason.")
    submission.provenance = _storable(dump_record(verdict.provenance)) if verdict.provenance else {}
    is_last = submission.attempt % ATTEMPTS == 0
    log.error("grading failed", submission=str(submission.id), attempt=submission.attempt, is_last=is_last)
    if is_last:
        submission.status = _status_before(submission)
    else:
        submission.attempt += 1
        submission.sent_at = None


def _status_before(submission: Submission) -> Status:
    """Grading anew that fails leaves the verdict that was there; the trace stays for the operator."""
    if submission.public_score is not None:
        return Status.SCORED
    return Status.REJECTED if submission.faults else Status.FAILED


def _let_count(session: Session, submission: Submission, *, was_graded: bool) -> None:
    """Write the standing that follows; one that was graded before may also have become worse, or have gone."""
    dataset = session.get_one(Dataset, submission.dataset_id)
    direction = manifest_of(session.get_one(Challenge, submission.slug)).metric.direction
    if was_graded:
        recompute_standing(session, submission.team_id, dataset, direction)
    elif submission.status is Status.SCORED:
        record_standing(session, submission, dataset, direction)


def _columns(scores: Scores | None) -> tuple[float | None, float | None, dict[str, Any]]:
    if scores is None:
        return None, None, {}
    return scores.score, scores.standard_error, dict(scores.secondary)


def _storable(value: Any) -> Any:
    """The value with what PostgreSQL cannot hold in a text replaced: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value
