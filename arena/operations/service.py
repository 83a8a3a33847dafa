"""What whoever runs an installation sees and does: queues, graders, failures, data, people.

What belongs to a feature is done by that feature's service; here it is put together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError
from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload

from arena.accounts.models import Role, User
from arena.accounts.service import disable, get_user, set_role
from arena.catalogue.models import Challenge, Dataset, DatasetState
from arena.catalogue.service import (
    OFFLINE,
    Phase,
    get_challenge,
    list_challenges,
    list_datasets,
    manifest_of,
    phase_of,
    request_dataset,
)
from arena.errors import Invalid, NotFound, NotRegradable
from arena.events import publish
from arena.gauges import GraderInfo
from arena.queues import QUEUES, Queues
from arena.storage import Storage
from arena.submissions.detours import hears_gpu
from arena.submissions.models import Status, Submission
from arena.submissions.recording import submission_topic
from arena.submissions.service import send
from arena.translations import mark
from challenges.manifest import Manifest
from challenges.messages import QUEUE_GRADE_CPU, QUEUE_GRADE_GPU, QUEUE_PREPARE, prepare_job_id

QUEUE_OF_DEVICE = {"cpu": QUEUE_GRADE_CPU, "gpu": QUEUE_GRADE_GPU}
SHOWN_DATASETS = 4
"""How many datasets of a challenge are shown, the newest first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class QueueView:
    """A queue as it is now."""

    name: str
    length: int
    oldest_seconds: float | None
    """Age of the longest waiting job that the database knows of."""
    expected_wait_seconds: float | None
    """How long a job sent now would take; None: no grader listens."""


@dataclass(frozen=True)
class Overview:
    """All queues and graders at one moment."""

    queues: list[QueueView]
    graders: list[GraderInfo]
    is_redis_away: bool


@dataclass(frozen=True)
class DatasetView:
    """A dataset, and how far a preparation under way has come."""

    dataset: Dataset
    step: str = ""
    share: float | None = None


@dataclass(frozen=True)
class ChallengeView:
    """A challenge, its timeline and its newest datasets."""

    challenge: Challenge
    manifest: Manifest
    phase: Phase
    datasets: list[DatasetView]


def read_overview(session: Session, queues: Queues, now: dt.datetime) -> Overview:
    """How long the queues are and who works on them; what the database knows is told even without Redis."""
    oldest = _oldest_waiting(session)
    try:
        lengths, graders = queues.lengths(), queues.graders()
        waits = {name: queues.expected_wait(name) for name in QUEUES}
    except RedisError as error:
        log.warning("queues cannot be read", error=str(error))
        return Overview([QueueView(name, 0, _age(oldest, name, now), None) for name in QUEUES], [], is_redis_away=True)
    if queues.falls_back and not hears_gpu(graders) and not lengths[QUEUE_GRADE_GPU]:
        _follow_detour(oldest)
    views = [QueueView(name, lengths[name], _age(oldest, name, now), waits[name]) for name in QUEUES]
    return Overview(views, graders, is_redis_away=False)


def _age(oldest: dict[str, dt.datetime], queue: str, now: dt.datetime) -> float | None:
    return (now - oldest[queue]).total_seconds() if queue in oldest else None


def _follow_detour(oldest: dict[str, dt.datetime]) -> None:
    """What asks for a GPU that nobody has waits with all the rest."""
    since = oldest.pop(QUEUE_GRADE_GPU, None)
    if since is not None:
        oldest[QUEUE_GRADE_CPU] = min(since, oldest.get(QUEUE_GRADE_CPU, since))


def _oldest_waiting(session: Session) -> dict[str, dt.datetime]:
    """Since when the oldest job of each queue waits, where one does."""
    device = Challenge.manifest["device"].astext
    waiting = (
        select(device, func.min(func.coalesce(Submission.sent_at, Submission.created_at)))
        .join(Challenge, Challenge.slug == Submission.slug)
        .where(Submission.status == Status.QUEUED)
        .group_by(device)
    )
    found = {QUEUE_OF_DEVICE[name or "cpu"]: since for name, since in session.execute(waiting)}
    preparing = session.scalar(select(func.min(Dataset.created_at)).where(Dataset.state == DatasetState.QUEUED))
    return found | ({QUEUE_PREPARE: preparing} if preparing else {})


def list_waiting(session: Session, count: int) -> list[Submission]:
    """The submissions that wait longest."""
    query = select(Submission).where(Submission.status == Status.QUEUED).options(joinedload(Submission.team))
    return list(session.scalars(query.order_by(Submission.created_at, Submission.id).limit(count)))


def list_failures(session: Session, after: Sequence[Any] | None, count: int) -> list[Submission]:
    """Failed submissions with their traces, the newest first, behind the time and id of `after`."""
    order = (Submission.created_at, Submission.id)
    query = select(Submission).where(Submission.status == Status.FAILED)
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(*after))
    query = query.options(joinedload(Submission.team), joinedload(Submission.user))
    return list(session.scalars(query.order_by(*(column.desc() for column in order)).limit(count)))


def count_failures(session: Session) -> int:
    """How many submissions have failed on our side."""
    return session.scalar(select(func.count()).select_from(Submission).where(Submission.status == Status.FAILED)) or 0


def list_data(session: Session, queues: Queues, now: dt.datetime) -> list[ChallengeView]:
    """Every challenge with its newest datasets and the progress of those under way."""
    datasets: dict[str, list[Dataset]] = {}
    for dataset in list_datasets(session):
        datasets.setdefault(dataset.slug, []).append(dataset)
    return [
        ChallengeView(
            challenge,
            manifest_of(challenge),
            phase_of(challenge, now),
            [_view_dataset(queues, dataset) for dataset in datasets.get(challenge.slug, [])[:SHOWN_DATASETS]],
        )
        for challenge in list_challenges(session)
    ]


def _view_dataset(queues: Queues, dataset: Dataset) -> DatasetView:
    if dataset.state is not DatasetState.QUEUED:
        return DatasetView(dataset)
    try:
        progress = queues.find_progress(prepare_job_id(str(dataset.id)))
    except RedisError:
        progress = {}
    return DatasetView(dataset, str(progress.get("step", "")), progress.get("share"))


def prepare(session: Session, queues: Queues, slug: str, source: str, *, accepts_licence: bool) -> Dataset:
    """Have data prepared; a real source only under its licence.

    Raises:
        NotFound: No such challenge.
        Invalid: No such source, or its licence was not accepted.
    """
    manifest = manifest_of(get_challenge(session, slug))
    if source != OFFLINE and source in manifest.sources and not accepts_licence:
        raise Invalid(field="accept_licence", problem=mark("read the licence and accept it first"))
    return request_dataset(session, queues, slug, source)


def regrade(session: Session, queues: Queues, storage: Storage, submission_id: UUID) -> Submission:
    """Grade a submission again, by the grader of today; the verdict replaces the one it has.

    Until then its team keeps its standing.

    Raises:
        NotFound: No such submission.
        NotRegradable: It waits already, or was cancelled.
    """
    submission = session.get(Submission, submission_id, with_for_update=True)
    if submission is None:
        raise NotFound(what="submission")
    if submission.status in (Status.QUEUED, Status.CANCELLED):
        raise NotRegradable
    submission.attempt += 1
    submission.status = Status.QUEUED
    submission.sent_at = submission.trace = None  # `graded_at` stays: it tells that a standing may have to change
    publish(session, submission_topic(submission.id))
    session.commit()
    send(session, queues, storage, submission)
    return submission


def list_users(session: Session, words: str, after: Sequence[Any] | None, count: int) -> list[User]:
    """People whose name or address holds `words`, the newest first, behind the time and id of `after`."""
    query = select(User)
    if words:
        query = query.where(
            or_(User.username.icontains(words, autoescape=True), User.email.icontains(words, autoescape=True))
        )
    if after is not None:
        query = query.where(tuple_(User.created_at, User.id) < tuple_(*after))
    return list(session.scalars(query.order_by(User.created_at.desc(), User.id.desc()).limit(count)))


def change_user(
    session: Session, username: str, now: dt.datetime, *, role: Role | None = None, disabled: bool | None = None
) -> User:
    """Give a person another role, lock the person out, or let them in again.

    Raises:
        NotFound: No such person.
        LastAdmin: Nobody would be left to administer.
    """
    if role is not None:
        set_role(session, username, role)
    if disabled:
        disable(session, username, now)
    user = get_user(session, username)
    if disabled is False:
        user.disabled_at = None
        session.commit()
    return user
