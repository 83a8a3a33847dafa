"""Levels on pages: what they ask for beside the score, and boards of real data, which have their own or none."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.catalogue.models import Challenge
from arena.submissions.models import Submission
from challenges.manifest import Baseline, Direction, Metric, SecondaryThresholds, Source, Thresholds
from challenges.texts import Text
from tests.arena.pages.conftest import make_described, score
from tests.factories import PASSWORD, make_dataset, make_manifest, thresholds_of

BOARD = "/challenges/flowers/leaderboard"
CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture
def twofold(db: Session) -> Challenge:
    """A challenge whose highest level asks for a secondary metric too."""
    base = make_manifest()
    asked = {"macro_f1": SecondaryThresholds(excellent=0.9)}
    manifest = replace(
        base,
        secondary=[Metric("macro_f1", Direction.MAX, base.metric.columns, title=Text("Balance", "均衡"), decimals=2)],
        thresholds=replace(thresholds_of(base), secondary=asked),
    )
    challenge = make_described(db, "flowers", manifest)
    make_dataset(db, challenge)
    return challenge


@pytest.fixture
def learner(client: httpx.Client, ada: User) -> httpx.Client:
    assert client.post("/login", data={"username": ada.username, "password": PASSWORD}).status_code == 303
    return client


@pytest.mark.usefixtures("twofold")
def test_what_a_level_asks_for_besides_is_told(client: httpx.Client):
    for path in ("/challenges/flowers", BOARD):
        assert 'Balance <span class="num">≥ 0.90' in client.get(path).text
        assert '均衡 <span class="num">≥ 0.90' in client.get(path, headers=CHINESE).text
    levels = client.get("/api/v1/challenges/flowers").json()["levels"]
    assert levels == {"passing": 0.5, "good": 0.8, "excellent": 0.95, "secondary": {"macro_f1": {"excellent": 0.9}}}


@pytest.mark.parametrize(("balance", "medal"), [(0.89, "Good"), (0.9, "Excellent")])
def test_a_medal_needs_both(
    learner: httpx.Client, db: Session, twofold: Challenge, ada: User, balance: float, medal: str
):
    score(db, twofold, ada, 0.99, public_secondary={"macro_f1": balance})
    sent = db.scalars(select(Submission)).one()
    verdict = learner.get(f"/submissions/{sent.id}").text.split('class="verdict"')[1].split("</dl>")[0]
    assert f"<span>{medal}</span>" in verdict
    card = learner.get("/challenges?state=tried").text.split('class="card challenge-card"')[1]
    assert f"<span>{medal}</span>" in card
    way = learner.get(BOARD).text.split("Progress towards excellent: ")[1].split('"')[0]
    assert way.startswith("100") == (medal == "Excellent")


@pytest.mark.parametrize("measured", [False, True])
def test_a_board_of_real_data_shows_what_was_measured_on_it(
    learner: httpx.Client, db: Session, ada: User, measured: bool
):
    source = Source(Text("Real flowers", "真花"), "MIT", "https://example.org/licence", [])
    if measured:
        known = [Baseline(Text("A real rule", "真规则"), 0.7)]
        source = replace(source, thresholds=Thresholds(0.6, 0.75, 0.9), baselines=known)
    challenge = make_described(db, "flowers", make_manifest(sources={"real": source}))
    make_dataset(db, challenge, "real-v1-1", source="real", honour_system=True)
    score(db, challenge, ada, 0.8)
    overview, board, cards = (learner.get(path).text for path in ("/challenges/flowers", BOARD, "/challenges"))
    assert "“Real flowers”" in overview
    assert "“真花”" in learner.get("/challenges/flowers", headers=CHINESE).text
    assert "Most frequent" not in overview + board
    for page in (overview, board):
        assert ("A real rule" in page) == measured
        assert ('class="medal good"' in page) == measured
    assert ('class="medal good"' in cards) == measured
    assert ('class="meter"' in board) == ('class="meter"' in cards) == measured
    levels = learner.get("/api/v1/challenges/flowers").json()["levels"]
    assert levels["good"] == (0.75 if measured else None)


def test_a_submission_is_measured_by_the_data_it_was_graded_on(learner: httpx.Client, db: Session, ada: User):
    source = Source(Text("Real flowers", "真花"), "MIT", "https://example.org/licence", [])
    challenge = make_described(db, "flowers", make_manifest(sources={"real": source}))
    make_dataset(db, challenge)
    score(db, challenge, ada, 0.8)
    sent = db.scalars(select(Submission)).one()
    make_dataset(db, challenge, "real-v1-1", source="real")
    page = learner.get(f"/submissions/{sent.id}").text
    assert 'class="medal good"' in page
    assert "older data" in page
