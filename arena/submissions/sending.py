"""Submissions on their way to the graders: sent after the commit of their row, and again when they were lost.

The row is the outbox. Whatever happens after its commit (Redis away, the process killed), the sweep finds it queued and
hands it over; the job's id makes a second time harmless.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge, Dataset
from arena.catalogue.service import manifest_of
from arena.queues import Queues
from arena.storage import Storage
from arena.submissions.detours import choose_queue
from arena.submissions.models import Status, Submission
from challenges.messages import DataFile, GradeJob, grade_job_id

RESEND_AFTER_SECONDS = 30.0

log = structlog.get_logger(__name__)


def send(session: Session, queues: Queues, storage: Storage, submission: Submission) -> bool:
    """Hand a committed, queued submission to the graders; the caller has no transaction open.

    Returns:
        False when they have it already, or when the queue does not answer: then the sweep sends it.
    """
    challenge = session.get_one(Challenge, submission.slug)
    dataset = session.get_one(Dataset, submission.dataset_id)
    session.commit()  # gives the connection back while Redis is asked
    try:
        queue = choose_queue(manifest_of(challenge), queues, falls_back=queues.falls_back)
        is_sent = queues.send(queue, _job_of(submission, challenge, dataset, storage))
    except RedisError as error:
        log.warning("a submission waits for the sweep", submission=str(submission.id), error=type(error).__name__)
        return False
    if is_sent:
        _note_sent(session, submission)
    return is_sent


def sweep(
    session: Session,
    queues: Queues,
    storage: Storage,
    now: dt.datetime,
    resend_after_seconds: float = RESEND_AFTER_SECONDS,
) -> int:
    """Send again what is queued in the table and lost to the queue; the number of such submissions.

    Args:
        session: A session.
        queues: The queues.
        storage: Names the uploads; none is read.
        now: The present moment.
        resend_after_seconds: Younger ones are left to whoever is just sending them.
    """
    before = now - dt.timedelta(seconds=resend_after_seconds)
    last_touched = func.greatest(Submission.created_at, func.coalesce(Submission.sent_at, Submission.created_at))
    waiting = select(Submission).where(Submission.status == Status.QUEUED, last_touched <= before)
    rows = session.scalars(waiting.order_by(Submission.created_at, Submission.id)).all()
    session.commit()
    lost = sum(send(session, queues, storage, row) for row in _not_waiting(queues, rows))
    if lost:
        log.warning("submissions were lost to the queue and sent again", count=lost)
    return lost


def _not_waiting(queues: Queues, rows: Sequence[Submission]) -> list[Submission]:
    """Those whose job is in no queue, found in one look however many wait; none while Redis is away."""
    try:
        waiting = queues.waiting() if rows else set()
    except RedisError as error:
        log.warning("the queue does not answer; the next sweep asks again", error=type(error).__name__)
        return []
    return [row for row in rows if grade_job_id(str(row.id), row.attempt) not in waiting]


def _job_of(submission: Submission, challenge: Challenge, dataset: Dataset, storage: Storage) -> GradeJob:
    return GradeJob(
        submission_id=str(submission.id),
        attempt=submission.attempt,
        slug=submission.slug,
        dataset=dataset.version,
        dataset_digest=dataset.digest or "",
        package_digest=challenge.package_digest,
        url=storage.grader_url(submission.storage_key),
        file=DataFile(submission.filename, submission.size_bytes, submission.digest),
    )


def _note_sent(session: Session, submission: Submission) -> None:
    """Remember when; not worth waiting for the disk, since forgetting it costs no more than one sweep."""
    session.execute(text("SET LOCAL synchronous_commit = off"))
    mine = (Submission.id == submission.id, Submission.attempt == submission.attempt)
    session.execute(
        update(Submission).where(*mine).values(sent_at=func.now()).execution_options(synchronize_session=False)
    )
    session.commit()
