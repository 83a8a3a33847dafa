"""Challenges as the site knows them, and their rows kept equal to the packages on disk.

Its neighbours hold the rest of the catalogue: `timeline` says when a challenge is open, `manifests` reads what a row
keeps, `datasets` has data prepared. What other features need of them is offered here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from arena.catalogue.datasets import (
    OFFLINE,
    add_dataset,
    challenge_topic,
    list_datasets,
    lock_catalogue,
    public_files,
    record_report,
    request_dataset,
    resend_datasets,
    send_dataset,
    version_prefix,
)
from arena.catalogue.manifests import dump_manifest, manifest_of
from arena.catalogue.models import Challenge, ChallengeState, Dataset, DatasetState
from arena.catalogue.timeline import Phase, check_open, check_started, is_open, is_revealed, phase_of
from arena.errors import Invalid, NotFound, NotReady
from arena.events import publish
from arena.translations import mark
from challenges.catalogue import Package
from challenges.manifest import Manifest

__all__ = [
    "OFFLINE",
    "Phase",
    "check_open",
    "check_started",
    "get_challenge",
    "is_open",
    "is_revealed",
    "list_challenges",
    "list_datasets",
    "manifest_of",
    "page_of_challenges",
    "phase_of",
    "public_files",
    "record_report",
    "request_dataset",
    "resend_datasets",
    "send_dataset",
    "set_deadline",
    "set_state",
    "sync_packages",
]


def list_challenges(session: Session) -> list[Challenge]:
    """All challenges with the data in use, in the order of the path."""
    return list(session.scalars(select(Challenge).order_by(Challenge.position, Challenge.slug)))


def page_of_challenges(session: Session, after: Sequence[int | str] | None, count: int) -> list[Challenge]:
    """Up to `count` challenges in the order of the path, those behind the position and slug of `after`."""
    query = select(Challenge).order_by(Challenge.position, Challenge.slug).limit(count)
    if after is not None:
        query = query.where(tuple_(Challenge.position, Challenge.slug) > tuple_(*after))
    return list(session.scalars(query))


def get_challenge(session: Session, slug: str) -> Challenge:
    """A challenge by its slug.

    Raises:
        NotFound: No such challenge.
    """
    challenge = session.get(Challenge, slug)
    if challenge is None:
        raise NotFound(what="challenge")
    return challenge


def set_state(session: Session, slug: str, state: ChallengeState) -> Challenge:
    """Open or close a challenge by hand; the dates of its timeline hold all the same.

    Raises:
        NotFound: No such challenge.
        NotReady: It has no data yet, so it cannot be opened.
        Invalid: Only `open` and `closed` can be set.
    """
    lock_catalogue(session)
    challenge = get_challenge(session, slug)
    if state is ChallengeState.PREPARING:
        raise Invalid(field="state", problem=mark("must be open or closed"))
    if state is ChallengeState.OPEN and challenge.dataset_id is None:
        raise NotReady(slug=slug)
    challenge.state = state
    publish(session, challenge_topic(slug))
    session.commit()
    return challenge


def set_deadline(session: Session, slug: str, deadline: dt.datetime | None) -> Challenge:
    """Move the end of submissions and the reveal; None makes the challenge practice.

    Raises:
        NotFound: No such challenge.
        Invalid: The moment has no UTC offset, or lies before the opening.
    """
    lock_catalogue(session)
    challenge = get_challenge(session, slug)
    if deadline is not None and deadline.tzinfo is None:
        raise Invalid(field="deadline", problem=mark("needs a UTC offset"))
    if deadline is not None and challenge.opens_at is not None and deadline <= challenge.opens_at:
        raise Invalid(field="deadline", problem=mark("lies before the opening"))
    challenge.deadline = deadline
    publish(session, challenge_topic(slug))
    session.commit()
    return challenge


def sync_packages(session: Session, packages: Mapping[str, Package]) -> list[Dataset]:
    """Make the rows equal to the packages on disk, and commit.

    A changed package updates its row. A new generator version asks for new data; the data in use stays until that is
    ready. A package that is gone closes its challenge and keeps everything; should it come back, an
    organiser opens it. A failed preparation is tried again.

    Args:
        session: A session without pending changes.
        packages: By slug, in the order of the path.

    Returns:
        The queued datasets that now have to be sent.
    """
    lock_catalogue(session)
    known = {challenge.slug: challenge for challenge in list_challenges(session)}
    for position, package in enumerate(packages.values()):
        challenge = known.setdefault(package.slug, Challenge(slug=package.slug, state=ChallengeState.PREPARING))
        _copy_package(challenge, package, position)
        session.add(challenge)
    for slug, challenge in known.items():
        if slug not in packages:
            challenge.state = ChallengeState.CLOSED
    session.flush()
    made = [add_dataset(session, known[slug], source) for slug, source in _wanted_sources(session, known, packages)]
    for slug in known:
        publish(session, challenge_topic(slug))
    session.commit()
    return made


def _copy_package(challenge: Challenge, package: Package, position: int) -> None:
    """Bring a row up to date. Dates set by hand stay, until the package itself names others."""
    old, new = challenge.manifest or {}, dump_manifest(package.manifest)
    if old.get("opens_at") != new["opens_at"]:
        challenge.opens_at = package.manifest.opens_at
    if old.get("deadline") != new["deadline"]:
        challenge.deadline = package.manifest.deadline
    challenge.manifest = new
    challenge.manifest_text = package.text
    challenge.position = position
    challenge.descriptions = dict(package.descriptions)
    challenge.package_digest = package.digest


def _wanted_sources(
    session: Session, challenges: Mapping[str, Challenge], packages: Mapping[str, Package]
) -> list[tuple[str, str]]:
    """Slug and source of the data that has to be made: none of the present generator is ready or under way."""
    made: dict[str, list[Dataset]] = {}
    for dataset in list_datasets(session):
        made.setdefault(dataset.slug, []).append(dataset)
    wanted = []
    for slug, package in packages.items():
        source = _source_in_use(challenges[slug], package.manifest)
        prefix = version_prefix(source, package.manifest)
        mine = [d for d in made.get(slug, []) if d.version.startswith(prefix)]
        # A job of an earlier package will be refused by the graders: it is as good as failed.
        coming = (d.state is DatasetState.QUEUED and d.package_digest == package.digest for d in mine)
        if not any(d.state is DatasetState.READY for d in mine) and not any(coming):
            wanted.append((slug, source))
    return wanted


def _source_in_use(challenge: Challenge, manifest: Manifest) -> str:
    """The source that new data of a challenge comes from: the one chosen last, while the package still has it."""
    chosen = challenge.dataset.source if challenge.dataset else OFFLINE
    return chosen if chosen in manifest.sources else OFFLINE
