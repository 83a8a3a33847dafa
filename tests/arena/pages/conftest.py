"""A site with something on every page: two challenges, teams with scores, a learner who is one of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import httpx
import pytest
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.catalogue.models import Challenge, ChallengeState, Dataset
from arena.leaderboard.service import record_standing
from challenges.catalogue import SECTIONS
from challenges.manifest import Direction, Manifest, Metric
from challenges.texts import Text
from tests import factories
from tests.factories import thresholds_of

BODY = "Costs $x^2$ of them.\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n"


def describe(language: str) -> str:
    """A description with every section."""
    return "# Title\n\n" + "\n\n".join(f"## {getattr(title, language)}\n\n{BODY}" for title in SECTIONS.values())


def make_described(db: Session, slug: str, manifest: Manifest, **columns: object) -> Challenge:
    """A challenge with both descriptions in full."""
    columns = {"descriptions": {"en": describe("en"), "zh": describe("zh")}} | columns
    return factories.make_challenge(db, slug, manifest, **columns)


@pytest.fixture
def flowers(db: Session) -> Challenge:
    """An open practice challenge with data, higher is better."""
    challenge = make_described(db, "flowers", factories.make_manifest(tags=["tabular"]))
    names = ("train.csv", "preview.png", "flowers.zip")
    files = [{"name": name, "size_bytes": 1200, "digest": "ab" * 32} for name in names]
    factories.make_dataset(db, challenge, files=files)
    return challenge


@pytest.fixture
def prices(db: Session) -> Challenge:
    """A challenge that ended, lower is better."""
    base = factories.make_manifest()
    manifest = replace(
        base,
        title=Text("Prices", "房价"),
        summary=Text("Guess prices.", "猜房价。"),
        metric=replace(base.metric, name="rmse", direction=Direction.MIN),
        thresholds=replace(thresholds_of(base), passing=0.9, good=0.5, excellent=0.2),
        secondary=[Metric("mae", Direction.MIN, base.metric.columns)],
        stage="somewhere",
        baselines=[],
        deadline=factories.NOON,
    )
    challenge = make_described(db, "prices", manifest, state=ChallengeState.CLOSED)
    factories.make_dataset(db, challenge)
    return challenge


@pytest.fixture
def ada(db: Session) -> User:
    """A learner."""
    return factories.make_user(db, "ada")


def score(db: Session, challenge: Challenge, user: User, *scores: float, **columns: object) -> None:
    """Have a person scored in a challenge, once for each score, an hour apart."""
    dataset = db.get_one(Dataset, challenge.dataset_id)
    team = factories.make_team(db, challenge, user)
    direction = Direction(challenge.manifest["metric"]["direction"])
    for hour, value in enumerate(scores):
        at = factories.NOON - dt.timedelta(days=2) + dt.timedelta(hours=hour)
        made = {"public_score": value, "private_score": value, "public_error": 0.01, "created_at": at} | columns
        record_standing(db, factories.make_submission(db, team, user, dataset, **made), dataset, direction)
    db.commit()


@pytest.fixture
def contest(db: Session, flowers: Challenge, prices: Challenge, ada: User) -> User:
    """Both challenges with a few teams; Ada is second in the first, and alone in the second."""
    score(db, flowers, ada, 0.6, 0.7)
    score(db, flowers, factories.make_user(db, "grace"), 0.97)
    score(db, flowers, factories.make_user(db, "<b>bold</b>"), 0.2)
    score(db, prices, ada, 0.4)
    return ada


@pytest.fixture
def learner(client: httpx.Client, contest: User) -> httpx.Client:
    """A browser in which Ada is logged in."""
    answer = client.post("/login", data={"username": contest.username, "password": factories.PASSWORD})
    assert answer.status_code == 303
    return client
