"""What a killed web process leaves is removed after a day; what belongs to a submission never is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.runtime import open_runtime
from arena.settings import Settings
from arena.submissions.tidying import remove_orphans, tidy
from tests.arena.submissions.conftest import Desk
from tests.factories import NOON


def id_made_at(at: dt.datetime, number: int = 1) -> UUID:
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | number)


def leave(folder: Path, name: object, file: str = "mine.csv#1") -> Path:
    path = folder / "uploads" / str(name) / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    return path


def test_only_old_uploads_without_a_submission_go(desk: Desk, ada: User, db: Session):
    kept = desk.folder / desk.submit(ada).storage_key
    now = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    orphans = [leave(desk.folder, id_made_at(now - dt.timedelta(days=1, minutes=n), n)) for n in (1, 2)]
    young = leave(desk.folder, id_made_at(now - dt.timedelta(hours=23)))
    foreign = [leave(desk.folder, name) for name in ("readme", "00000000-0000-4000-8000-000000000000")]
    assert remove_orphans(db, desk.storage, now) == 2
    assert not any(path.parent.exists() for path in orphans)
    assert all(path.exists() for path in (kept, young, *foreign))
    assert remove_orphans(db, desk.storage, now) == 0


def test_without_uploads_there_is_nothing_to_do(desk: Desk, db: Session):
    assert remove_orphans(db, desk.storage, dt.datetime.now(dt.UTC)) == 0


def test_a_database_that_is_away_stops_no_start(desk: Desk, settings: Settings):
    left = leave(desk.folder, id_made_at(NOON - dt.timedelta(days=400)))
    runtime = open_runtime(settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/none"}))
    tidy(runtime)
    runtime.close()
    assert left.exists()
