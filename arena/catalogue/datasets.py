"""The data of challenges: ask a grader to prepare it, and record what came back.

The row is the outbox: it is committed as queued before anything is sent, and sent again until a report arrives.

    queued ─report─▶ ready (the newest one is in use; the first one opens its challenge)
              └────▶ failed (the data in use stays)
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from uuid import UUID

import structlog
from redis.exceptions import RedisError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from arena.catalogue.manifests import manifest_of
from arena.catalogue.models import Challenge, ChallengeState, Dataset, DatasetState
from arena.errors import Invalid, NotFound
from arena.events import publish
from arena.queues import Queues
from arena.translations import mark
from challenges.manifest import Manifest
from challenges.messages import QUEUE_PREPARE, DataFile, PrepareJob, PrepareReport
from challenges.records import dump_record

OFFLINE = "offline"
"""The source that every challenge has: data made on this machine, from its secret."""

log = structlog.get_logger(__name__)


def request_dataset(session: Session, queues: Queues, slug: str, source: str) -> Dataset:
    """Have a challenge's data prepared anew, and hand the job to the graders.

    A preparation of the same source and generator that is already under way is returned instead.

    Raises:
        NotFound: No such challenge.
        Invalid: The challenge has no such source.
    """
    lock_catalogue(session)
    challenge = session.get(Challenge, slug)
    if challenge is None:
        raise NotFound(what="challenge")
    manifest = manifest_of(challenge)
    if source != OFFLINE and source not in manifest.sources:
        raise Invalid(field="source", problem=mark("is not a source of this challenge"))
    dataset = find_queued(session, challenge, source) or add_dataset(session, challenge, source)
    publish(session, challenge_topic(slug))
    session.commit()
    send_dataset(queues, dataset)
    return dataset


def find_queued(session: Session, challenge: Challenge, source: str) -> Dataset | None:
    """The preparation under way of a source at the present package, if any."""
    found = select(Dataset).where(
        Dataset.slug == challenge.slug,
        Dataset.source == source,
        Dataset.package_digest == challenge.package_digest,
        Dataset.state == DatasetState.QUEUED,
    )
    return session.scalars(found.order_by(Dataset.created_at.desc()).limit(1)).first()


def add_dataset(session: Session, challenge: Challenge, source: str) -> Dataset:
    """Add a queued dataset of the next version; the caller holds the catalogue's lock and commits."""
    manifest = manifest_of(challenge)
    prefix = version_prefix(source, manifest)
    taken = [
        int(version.removeprefix(prefix))
        for version in session.scalars(select(Dataset.version).where(Dataset.slug == challenge.slug))
        if version.startswith(prefix)
    ]
    dataset = Dataset(
        slug=challenge.slug,
        version=f"{prefix}{max(taken, default=0) + 1}",
        source=source,
        package_digest=challenge.package_digest,
        state=DatasetState.QUEUED,
        honour_system=source != OFFLINE and manifest.sources[source].honour_system,
    )
    session.add(dataset)
    session.flush()
    return dataset


def version_prefix(source: str, manifest: Manifest) -> str:
    """What the versions of a source begin with at the manifest's generator version."""
    return f"{source}-v{manifest.version}-"


def send_dataset(queues: Queues, dataset: Dataset) -> bool:
    """Hand a queued dataset's job to the graders.

    Returns:
        False when they have it already, or Redis is away: the row waits, and is sent again.
    """
    job = PrepareJob(str(dataset.id), dataset.slug, dataset.version, dataset.source, dataset.package_digest)
    try:
        return queues.send(QUEUE_PREPARE, job)
    except RedisError as error:
        log.warning("a preparation will be sent later", slug=dataset.slug, version=dataset.version, error=str(error))
        return False


def resend_datasets(session: Session, queues: Queues, now: dt.datetime) -> int:
    """Send every queued dataset again; harmless where the job is still there. Returns how many had been lost.

    Args:
        session: A session.
        queues: The queues.
        now: The present moment; rows younger than a second are left to whoever is just sending them.
    """
    old = now - dt.timedelta(seconds=1)
    queued = select(Dataset).where(Dataset.state == DatasetState.QUEUED, Dataset.created_at <= old)
    lost = [send_dataset(queues, dataset) for dataset in session.scalars(queued)]
    session.rollback()
    return sum(lost)


def record_report(session: Session, report: PrepareReport) -> bool:
    """Write down what came of a preparation; False when it was known already, or nobody asked for it."""
    lock_catalogue(session)
    dataset = _find_awaited(session, report)
    if dataset is None:
        session.rollback()
        return False
    challenge = session.get_one(Challenge, dataset.slug)
    problem = _problem_of(report)
    dataset.seconds = report.seconds
    if problem:
        dataset.state, dataset.trace = DatasetState.FAILED, problem
    else:
        dataset.state, dataset.digest = DatasetState.READY, report.digest
        dataset.files = [dump_record(file) for file in report.files]
        dataset.ready_at = session.scalar(select(text("clock_timestamp()")))
        _take_into_use(challenge, dataset)
    publish(session, challenge_topic(dataset.slug))
    session.commit()
    return True


def _find_awaited(session: Session, report: PrepareReport) -> Dataset | None:
    """The queued dataset that a report is about, as it is now."""
    with suppress(ValueError):
        query = select(Dataset).where(
            Dataset.id == UUID(report.dataset_id),
            Dataset.slug == report.slug,
            Dataset.state == DatasetState.QUEUED,
        )
        return session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    return None


def _problem_of(report: PrepareReport) -> str | None:
    """Why a report means failure: it says so, or it promises data without naming it."""
    if not report.ready:
        # PostgreSQL holds neither NUL nor halves of surrogate pairs.
        return (report.trace or "the grader gave no reason").replace("\0", "").encode(errors="replace").decode()
    names = [file.name for file in report.files]
    if not report.digest or not names or len(set(names)) < len(names) or not all(map(is_plain_name, names)):
        return f"the report has no digest, or its file names cannot be served: {names}"
    return None


def _take_into_use(challenge: Challenge, dataset: Dataset) -> None:
    """Make a ready dataset the one in use, unless a newer one already is, and open a challenge that waited for it."""
    current = challenge.dataset
    if current is None or (current.created_at, current.id) < (dataset.created_at, dataset.id):
        challenge.dataset = dataset
    if challenge.state is ChallengeState.PREPARING:
        challenge.state = ChallengeState.OPEN


def is_plain_name(name: str) -> bool:
    """Whether a file name is one step, printable, and leads nowhere else."""
    return bool(name) and name.isprintable() and not name.startswith(".") and not set(name) & set('/\\"')


def public_files(dataset: Dataset | None) -> list[DataFile]:
    """The public files of a dataset, in the order to list them."""
    return [DataFile(**file) for file in dataset.files] if dataset else []


def list_datasets(session: Session) -> list[Dataset]:
    """All datasets, the newest first, in one query."""
    return list(session.scalars(select(Dataset).order_by(Dataset.created_at.desc(), Dataset.id.desc())))


def challenge_topic(slug: str) -> str:
    """The topic under which changes of a challenge are told."""
    return f"challenge:{slug}"


def lock_catalogue(session: Session) -> None:
    """Wait until no other transaction adds or changes challenges and datasets."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('arena.catalogue'))"))
