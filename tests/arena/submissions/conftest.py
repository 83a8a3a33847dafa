"""A challenge that takes submissions, people who send them, and verdicts as graders give them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from redis import Redis
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.catalogue.models import Challenge, Dataset
from arena.db import new_id
from arena.queues import Queues
from arena.settings import Settings
from arena.storage import Storage, Stored
from arena.submissions.models import Submission
from arena.submissions.service import Upload, submit, upload_key
from challenges.messages import Outcome, Provenance, Scores, Verdict
from tests.factories import NOON, make_challenge, make_dataset, make_user

CONTENT = b"id,species\n1,a\n2,b\n"


@dataclass
class Desk:
    """Where submissions are handed in, as the routes do it."""

    db: Session
    queues: Queues
    storage: Storage
    folder: Path
    challenge: Challenge
    dataset: Dataset

    def upload(self, content: bytes = CONTENT, filename: str = "mine.csv", key: str | None = None) -> Upload:
        """A file that has just arrived."""
        submission_id = new_id()
        where = upload_key(submission_id, filename)
        path = self.folder / where
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        stored = Stored(where, len(content), hashlib.sha256(content).hexdigest())
        return Upload(submission_id, stored, filename, "a note", key)

    def submit(
        self,
        user: User,
        upload: Upload | None = None,
        now: dt.datetime = NOON,
        slug: str = "flowers",
        session: Session | None = None,
    ) -> Submission:
        upload = upload or self.upload()
        return submit(session or self.db, self.queues, self.storage, user, slug, upload, now)

    def files(self) -> list[str]:
        """The names of all uploads that are stored."""
        return sorted(path.name for path in (self.folder / "uploads").rglob("*") if path.is_file())


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Where blobs lie."""
    return Path(unquote(urlsplit(settings.storage_url).path))


@pytest.fixture
def queues(redis: Redis) -> Queues:
    """The queues of this test."""
    return Queues(redis)


@pytest.fixture
def desk(db: Session, queues: Queues, settings: Settings, folder: Path) -> Desk:
    """An open challenge with data: `flowers`, five submissions a day."""
    challenge = make_challenge(db)
    dataset = make_dataset(db, challenge)
    return Desk(db, queues, Storage(settings.storage_url), folder, challenge, dataset)


@pytest.fixture
def ada(db: Session) -> User:
    """A participant."""
    return make_user(db, "ada")


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """Makes what a grader answers about a submission."""
    return make_verdict


def make_verdict(
    submission: Submission, outcome: Outcome = Outcome.SCORED, score: float = 0.9, **fields: Any
) -> Verdict:
    defaults: dict[str, Any] = {
        "public": Scores(score, 0.01, {"macro_f1": 0.8}, 30),
        "private": Scores(score / 2, 0.02, {"macro_f1": 0.123456}, 70),
        "diagnostics": [
            {
                "kind": "slices",
                "title": {"en": "By size", "zh": "按大小"},
                "rows": [{"name": "small", "rows": 3, "score": 0.9}],
            }
        ],
    }
    if outcome is not Outcome.SCORED:
        defaults = {}
    provenance = Provenance("grader-on-host-7", "0.1.0", "a" * 64, "b" * 64, peak_memory_bytes=123_456_789)
    defaults |= {"provenance": provenance, "attempt": submission.attempt}
    return Verdict(submission_id=str(submission.id), outcome=outcome, **(defaults | fields))
