"""Uploads without a submission: what a web process leaves behind when it is killed in the middle of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.clock import utc_now
from arena.runtime import Runtime
from arena.storage import Storage
from arena.submissions.models import Submission

ROOT = "uploads"
KEPT_FOR = dt.timedelta(days=1)
"""Younger ones may still be on their way."""
BATCH = 1000

log = structlog.get_logger(__name__)


def tidy(runtime: Runtime) -> None:
    """Remove orphans when a web process starts; what stands in the way of it is logged, and nothing more."""
    try:
        with runtime.sessions() as session:
            remove_orphans(session, runtime.storage, utc_now())
    except Exception:
        log.exception("uploads could not be tidied")


def remove_orphans(session: Session, storage: Storage, now: dt.datetime) -> int:
    """Remove every upload that is a day old and belongs to no submission; the number of those removed.

    Args:
        session: A session; only read.
        storage: Where the uploads are.
        now: The present moment.
    """
    removed = 0
    old = (found for name in storage.list_folders(ROOT) if (found := _old_id(name, now - KEPT_FOR)))
    for batch in _batches(old):
        known = set(session.scalars(select(Submission.id).where(Submission.id.in_(batch))))
        session.rollback()
        for orphan in (found for found in batch if found not in known):
            storage.delete_folder(f"{ROOT}/{orphan}")
            removed += 1
    if removed:
        log.info("uploads without a submission were removed", count=removed)
    return removed


def _old_id(name: str, before: dt.datetime) -> UUID | None:
    """The id that names a folder, if it is one of ours and was made before a moment: it begins with its time."""
    try:
        found = UUID(name)
    except ValueError:
        return None
    made_at = (found.int >> 80) / 1000
    return found if str(found) == name and found.version == 7 and made_at < before.timestamp() else None  # noqa: PLR2004


def _batches(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while batch := list(islice(rest, BATCH)):
        yield batch
