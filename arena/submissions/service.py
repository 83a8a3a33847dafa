"""Submissions: what is taken and what is refused, what a team has sent, and who may see it.

Its neighbours hold the rest of their life: `sending` hands them to the queue, `recording` writes down the verdict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.orm import Session, defer, joinedload

from arena.accounts.models import User
from arena.catalogue.models import Challenge, Dataset
from arena.catalogue.service import check_open, get_challenge, manifest_of
from arena.errors import EmptyUpload, IdempotencyMismatch, NotFound, QuotaUsed
from arena.queues import Queues
from arena.storage import Storage, Stored
from arena.submissions.models import Status, Submission
from arena.submissions.recording import record
from arena.submissions.sending import send, sweep
from arena.teams.models import Membership, Team
from arena.teams.service import find_team, get_or_make_team
from arena.translations import mark

__all__ = [
    "COUNTED",
    "Quota",
    "Upload",
    "begin",
    "get_submission",
    "list_scores",
    "list_submissions",
    "quota_of",
    "record",
    "send",
    "submit",
    "sweep",
    "upload_key",
]

COUNTED = (Status.QUEUED, Status.SCORED)
"""What a quota counts: a rejected, failed or cancelled submission costs nothing."""
FREE = 100
"""So many of those per team and day; the others count, or they would fill disk and graders without end."""


@dataclass(frozen=True)
class Upload:
    """A file that has arrived whole, and what was said with it."""

    id: UUID
    """Of the submission it becomes."""
    stored: Stored
    filename: str
    message: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Quota:
    """How many submissions of a team count per day, and how many have."""

    limit: int
    used: int
    resets_at: dt.datetime
    """The next midnight, UTC."""

    @property
    def left(self) -> int:
        """How many are still possible today."""
        return max(0, self.limit - self.used)


def upload_key(submission_id: UUID, filename: str) -> str:
    """Where the upload of a submission is stored."""
    return f"uploads/{submission_id}/{filename}"


def begin(session: Session, user: User, slug: str, now: dt.datetime, idempotency_key: str | None = None) -> int:
    """Check, before any of the body is read, that a submission would be taken now; gives the connection back.

    Returns:
        The largest upload of the challenge, in bytes.

    Raises:
        NotFound: No such challenge.
        NotReady: Its data is being prepared.
        ChallengeClosed: It is closed, or opens later.
        QuotaUsed: The team has used today's submissions.
    """
    challenge = get_challenge(session, slug)
    if _find_sent(session, user, idempotency_key) is None:
        check_open(challenge, now)
        _check_quota(quota_of(session, challenge, find_team(session, user, slug), now))
    session.commit()
    return manifest_of(challenge).limits.upload_bytes


def submit(
    session: Session, queues: Queues, storage: Storage, user: User, slug: str, upload: Upload, now: dt.datetime
) -> Submission:
    """Take an upload as a submission, and hand it to the graders.

    One that comes again under its idempotency key is the submission it already was. Whatever is refused, or is not
    needed, is removed from the storage.

    Raises:
        NotReady, ChallengeClosed, QuotaUsed: As `begin`; what held before the upload may not hold after it.
        EmptyUpload: It has no bytes.
        IdempotencyMismatch: The key was used for another file.
    """
    try:
        submission = _add(session, user, slug, upload, now)
    except Exception:
        session.close()  # not a rollback, which would make the person's row unreadable for the answer
        storage.delete(upload.stored.key)
        raise
    if submission.id != upload.id:
        storage.delete(upload.stored.key)
        return submission
    session.commit()
    send(session, queues, storage, submission)
    return submission


def _add(session: Session, user: User, slug: str, upload: Upload, now: dt.datetime) -> Submission:
    """Add the row, not yet committed; or find the one that the idempotency key already names."""
    if not upload.stored.size_bytes:
        raise EmptyUpload(field="file", problem=mark("is empty"))
    challenge = get_challenge(session, slug)
    # Locks the person's row, so that one key means one submission, in whichever challenges it arrives at once.
    team = get_or_make_team(session, user, slug)
    # The team's row is the lock on its quota: uploads of its members are counted one after the other.
    session.execute(select(Team.id).where(Team.id == team.id).with_for_update(key_share=True))
    sent = _find_sent(session, user, upload.idempotency_key)
    if sent is not None:
        if (sent.slug, sent.digest) != (slug, upload.stored.digest):
            raise IdempotencyMismatch
        session.commit()
        return sent
    # As it is now, and stays until the commit: nobody closes it in between.
    session.refresh(challenge, with_for_update={"read": True, "of": Challenge})
    check_open(challenge, now)
    _check_quota(quota_of(session, challenge, team, now))
    row = _make_row(challenge, team, session.get_one(User, user.id), upload, now)
    session.add(row)
    session.flush()
    return row


def _make_row(challenge: Challenge, team: Team, user: User, upload: Upload, now: dt.datetime) -> Submission:
    return Submission(
        id=upload.id,
        slug=challenge.slug,
        dataset_id=challenge.dataset_id,
        team_id=team.id,
        user_id=user.id,
        idempotency_key=upload.idempotency_key,
        filename=upload.filename,
        size_bytes=upload.stored.size_bytes,
        digest=upload.stored.digest,
        storage_key=upload.stored.key,
        message=upload.message,
        created_at=now,
        team=team,
        user=user,
    )


def _find_sent(session: Session, user: User, idempotency_key: str | None) -> Submission | None:
    """The submission that a person has already made under a key."""
    if idempotency_key is None:
        return None
    query = _with_names().where(Submission.user_id == user.id, Submission.idempotency_key == idempotency_key)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def quota_of(session: Session, challenge: Challenge, team: Team | None, now: dt.datetime) -> Quota:
    """What a team may still send today (UTC); None: a team that has sent nothing yet."""
    midnight = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = midnight + dt.timedelta(days=1)
    used = 0
    if team is not None:
        of_today = (Submission.created_at >= midnight, Submission.created_at < tomorrow)
        is_counted = Submission.status.in_(COUNTED)
        counts = select(func.count().filter(is_counted), func.count().filter(~is_counted))
        counted, others = session.execute(counts.where(Submission.team_id == team.id, *of_today)).one()
        used = counted + max(0, others - FREE)
    return Quota(manifest_of(challenge).limits.per_day, used, tomorrow)


def _check_quota(quota: Quota) -> None:
    if not quota.left:
        raise QuotaUsed(limit=quota.limit, resets_at=quota.resets_at.strftime("%Y-%m-%d %H:%M"))


def get_submission(session: Session, user: User, submission_id: UUID, *, sees_all: bool = False) -> Submission:
    """A submission of one of the person's teams, or any one for who may see all.

    Raises:
        NotFound: No such submission, or another team's: the answer is the same.
    """
    query = _with_names().where(Submission.id == submission_id)
    if not sees_all:
        query = query.where(_is_own(user))
    found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound(what="submission")
    return found


def list_submissions(
    session: Session, user: User, slug: str | None = None, after: Sequence[dt.datetime | UUID] = (), count: int = 50
) -> list[Submission]:
    """The submissions of the person's teams, the newest first, without their diagnostics.

    Args:
        session: A session.
        user: The person.
        slug: Only of this challenge.
        after: `created_at` and `id` of the last row of the part before.
        count: At most so many.
    """
    query = _with_names().where(_is_own(user)).options(defer(Submission.diagnostics), defer(Submission.trace))
    if slug is not None:
        query = query.where(Submission.slug == slug)
    if after:
        query = query.where(tuple_(Submission.created_at, Submission.id) < tuple_(*after))
    return list(session.scalars(query.order_by(Submission.created_at.desc(), Submission.id.desc()).limit(count)))


def list_scores(session: Session, team: Team, dataset: Dataset) -> list[tuple[dt.datetime, float]]:
    """When a team sent what was scored on a dataset, and its public score, the oldest first."""
    query = (
        select(Submission.created_at, Submission.public_score)
        .where(Submission.team_id == team.id, Submission.dataset_id == dataset.id)
        .where(Submission.status == Status.SCORED, Submission.public_score.is_not(None))
        .order_by(Submission.created_at, Submission.id)
    )
    return [(at, score) for at, score in session.execute(query) if score is not None]


def _with_names() -> Select[Submission]:
    return select(Submission).options(joinedload(Submission.team), joinedload(Submission.user))


def _is_own(user: User) -> ColumnElement[bool]:
    return exists().where(Membership.user_id == user.id, Membership.team_id == Submission.team_id)
