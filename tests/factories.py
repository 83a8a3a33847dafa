"""Rows for tests, each made and committed by one call with sensible defaults; every argument can be given."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from arena.accounts.models import ApiToken, Role, User
from arena.catalogue.models import Challenge, ChallengeState, Dataset, DatasetState
from arena.leaderboard.models import Board, BoardRevision, Standing
from arena.security import hash_password
from arena.submissions.models import Status, Submission
from arena.teams.models import Membership, Team
from challenges.manifest import (
    Baseline,
    Column,
    ColumnType,
    Direction,
    Limits,
    Manifest,
    Metric,
    Table,
    Thresholds,
)
from challenges.model import Caps, ModelSpec, Reading, Tensor
from challenges.records import dump_record
from challenges.texts import Text

PASSWORD = "correct horse battery"
NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
MODEL = ModelSpec(
    formats=["onnx", "weights", "torchscript"],
    inputs=[Tensor("image", "float32", [-1, 1, -1, 28], Text("Grey planes.", "灰度平面。"), below=7)],
    output=Tensor("logits", "float32", [-1, 3], Text("Scores.", "分数。")),
    reading=Reading.CLASSES,
    caps=Caps(6000, 40_000, 1_000_000, 2.5),
    architecture="network.py",
    rule="vision_transformer",
    attachments=["sample.txt"],
)
"""What a challenge of models may ask for, all of it at once."""
COSTS = {"parameters": 4514.0, "weight_bytes": 18_056.0, "macs": 190_000.0, "latency_ms": 0.12, "latency_ratio": 0.25}
COSTS |= {"convolutions": 1.0, "attentions": 37.0}
"""What such a model may cost."""
_numbers = count(1)
Row = TypeVar("Row")


@cache
def hash_of(password: str) -> str:
    """A password's hash, computed once: hashing is slow on purpose."""
    return hash_password(password)


def make_manifest(**changes: Any) -> Manifest:
    """The manifest of a small challenge of three labels, scored by accuracy."""
    manifest = Manifest(
        schema=1,
        version=1,
        kind="predictions",
        stage="networks",
        hours=1.0,
        title=Text("Small flowers", "小花"),
        summary=Text("Tell three flowers apart.", "区分三种花。"),
        metric=Metric("accuracy", Direction.MAX, ["species"]),
        submission=Table(
            "id",
            [Column("species", ColumnType.LABEL, Text("The species.", "品种。"), labels=["a", "b", "c"])],
        ),
        thresholds=Thresholds(0.5, 0.8, 0.95),
        data_licence="CC0-1.0",
        baselines=[Baseline(Text("Most frequent", "最常见"), 0.34)],
        limits=Limits(upload_bytes=1_000_000, per_day=5),
    )
    return replace(manifest, **changes)


def thresholds_of(manifest: Manifest) -> Thresholds:
    """What the levels ask for, of a manifest that has levels."""
    assert manifest.thresholds is not None
    return manifest.thresholds


def make_user(db: Session, username: str | None = None, password: str = PASSWORD, **columns: Any) -> User:
    """A participant, or whatever `role=` says."""
    user = User(username=username or f"user{next(_numbers)}", password_hash=hash_of(password), **columns)
    return _saved(db, user)


def make_admin(db: Session, username: str = "root_admin", **columns: Any) -> User:
    """An administrator."""
    return make_user(db, username, role=Role.ADMIN, **columns)


def make_token(db: Session, user: User, *scopes: str, **columns: Any) -> str:
    """An API token of a person, as its owner sees it once; scopes `read` and `submit` unless given."""
    token = f"arena_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(token.encode()).hexdigest()
    columns = {"name": "test", "scopes": list(scopes or ("read", "submit")), "prefix": token[:12]} | columns
    _saved(db, ApiToken(user_id=user.id, digest=digest, **columns))
    return token


def bearer(token: str) -> dict[str, str]:
    """The headers of a request with a token."""
    return {"Authorization": f"Bearer {token}"}


def make_challenge(db: Session, slug: str = "flowers", manifest: Manifest | None = None, **columns: Any) -> Challenge:
    """An open challenge without data; `make_dataset` gives it some."""
    manifest = manifest or make_manifest()
    columns = {
        "position": next(_numbers),
        "manifest": to_json(manifest),
        "descriptions": {"en": "# Overview\n\nFlowers.\n", "zh": "# 概览\n\n花。\n"},
        "package_digest": hashlib.sha256(slug.encode()).hexdigest(),
        "state": ChallengeState.OPEN,
        "opens_at": manifest.opens_at,
        "deadline": manifest.deadline,
    } | columns
    return _saved(db, Challenge(slug=slug, **columns))


def make_dataset(db: Session, challenge: Challenge, version: str = "offline-v1-1", **columns: Any) -> Dataset:
    """A dataset of a challenge, ready and in use unless `state=` says otherwise."""
    columns = {
        "source": "offline",
        "package_digest": challenge.package_digest,
        "state": DatasetState.READY,
        "digest": hashlib.sha256(version.encode()).hexdigest(),
        "files": [],
        "ready_at": NOON,
    } | columns
    dataset = _saved(db, Dataset(slug=challenge.slug, version=version, **columns))
    if dataset.state is DatasetState.READY:
        challenge.dataset_id = dataset.id
        db.commit()
        db.refresh(challenge)
    return dataset


def make_team(db: Session, challenge: Challenge, *users: User, name: str | None = None) -> Team:
    """A team of these people in a challenge, named after the first."""
    team = Team(slug=challenge.slug, name=name or (users[0].username if users else f"team{next(_numbers)}"))
    _saved(db, team)
    db.add_all(Membership(slug=challenge.slug, user_id=user.id, team_id=team.id) for user in users)
    db.commit()
    return team


def make_submission(db: Session, team: Team, user: User, dataset: Dataset, **columns: Any) -> Submission:
    """A queued submission; with `public_score=` a scored one."""
    number = next(_numbers)
    columns = {
        "filename": "predictions.csv",
        "size_bytes": 10,
        "digest": hashlib.sha256(str(number).encode()).hexdigest(),
        "storage_key": f"uploads/{number}/predictions.csv",
        "status": Status.SCORED if "public_score" in columns else Status.QUEUED,
        "created_at": NOON + dt.timedelta(seconds=number),
    } | columns
    return _saved(db, Submission(slug=team.slug, team_id=team.id, user_id=user.id, dataset_id=dataset.id, **columns))


def make_standing(
    db: Session, submission: Submission, score: float, *, board: Board = Board.PUBLIC, **columns: Any
) -> Standing:
    """The standing of a submission's team, higher scores first unless `sort_key=` says otherwise."""
    boards = db.get(BoardRevision, submission.dataset_id) or BoardRevision(
        dataset_id=submission.dataset_id, revision=0, epoch=0
    )
    boards.revision += 1
    db.add(boards)
    columns = {"sort_key": -score, "achieved_at": submission.created_at, "revision": boards.revision} | columns
    standing = Standing(
        dataset_id=submission.dataset_id,
        board=board,
        team_id=submission.team_id,
        submission_id=submission.id,
        score=score,
        **columns,
    )
    return _saved(db, standing)


def to_json(manifest: Manifest) -> dict[str, Any]:
    """A manifest as the catalogue stores it."""
    data: dict[str, Any] = dump_record(manifest)
    for name in ("opens_at", "deadline"):
        data[name] = data[name] and data[name].isoformat()
    return data


def _saved(db: Session, row: Row) -> Row:
    db.add(row)
    db.commit()
    return row
