"""Pages of a challenge that takes models: what a model must look like, what it costs, in both languages."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge
from tests.factories import (
    COSTS,
    MODEL,
    bearer,
    make_challenge,
    make_dataset,
    make_manifest,
    make_standing,
    make_submission,
    make_team,
    make_token,
    make_user,
)


@pytest.fixture
def modelled(db: Session) -> Challenge:
    """An open challenge that takes models."""
    challenge = make_challenge(db, manifest=replace(make_manifest(), kind="onnx", model=MODEL))
    make_dataset(db, challenge)
    return challenge


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["At most 6,000 parameters", "at most 2.5 times as long"]), ("zh-CN", ["最多 6,000 个参数", "2.5 倍"])],
)
def test_the_overview_says_what_a_model_must_look_like(
    client: httpx.Client, modelled: Challenge, language: str, words: list[str]
):
    page = client.get(f"/challenges/{modelled.slug}", headers={"Accept-Language": language}).text
    for expected in (*words, "logits", "network.py", "sample.txt", "Vision Transformer", "external_data=False"):
        assert expected in page
    assert "Columns of your file" not in page


def test_the_api_tells_the_same(client: httpx.Client, modelled: Challenge):
    form = client.get(f"/api/v1/challenges/{modelled.slug}").json()["submission"]
    assert form["formats"] == ["onnx", "weights", "torchscript"]
    assert form["model"]["inputs"][0]["shape"] == [-1, 1, -1, 28]
    caps = {"parameters": 6000, "weight_bytes": 40_000, "macs": 1_000_000, "latency_ratio": 2.5}
    assert form["model"]["caps"] == caps
    assert form["model"]["opsets"] == [17, 23]


def test_a_table_challenge_has_no_model(client: httpx.Client, db: Session):
    challenge = make_challenge(db, "plain")
    make_dataset(db, challenge)
    assert client.get("/api/v1/challenges/plain").json()["submission"]["model"] is None
    assert "Columns of your file" in client.get("/challenges/plain").text


def test_costs_stand_beside_the_score_everywhere(client: httpx.Client, db: Session, modelled: Challenge):
    ada = make_user(db, "ada")
    dataset = modelled.dataset
    assert dataset is not None
    sent = make_submission(db, make_team(db, modelled, ada), ada, dataset, public_score=0.9, costs=COSTS)
    make_standing(db, sent, 0.9)
    board = client.get(f"/challenges/{modelled.slug}/leaderboard").text
    assert "4,514" in board
    assert "0.25 ×" in board
    brief = {name: COSTS[name] for name in ("parameters", "latency_ratio")}
    token = bearer(make_token(db, ada))
    path = f"/api/v1/challenges/{modelled.slug}/leaderboard"
    assert [row["costs"] for row in client.get(path).json()["rows"]] == [brief]
    told = client.get(path, headers=token).json()
    assert told["mine"]["costs"] == brief
    assert client.get(f"{path}/me", headers=token).json() == told["mine"]
    for language, word in (("en", "Parameters"), ("zh-CN", "参数")):
        headers = token | {"Accept-Language": language}
        listed = client.get(f"/challenges/{modelled.slug}/submissions", headers=headers).text
        assert all(expected in listed for expected in (word, "4,514", "0.25 ×"))
    assert client.get(f"/api/v1/submissions/{sent.id}", headers=token).json()["costs"] == COSTS
    page = client.get(f"/submissions/{sent.id}", headers=token).text
    for expected in ("4,514", "190,000", "0.12", "0.25 ×", "18.1"):
        assert expected in page
    for language, words in (("en", ("Convolutions", "Attentions")), ("zh-CN", ("卷积", "注意力"))):
        page = client.get(f"/submissions/{sent.id}", headers=token | {"Accept-Language": language}).text
        for word, number in zip(words, (1, 37), strict=True):
            assert f'<dt>{word}</dt><dd class="num">{number}</dd>' in page


def test_of_tables_and_of_models_not_measured_no_costs_are_told(client: httpx.Client, db: Session, modelled: Challenge):
    ada = make_user(db, "ada")
    plain = make_challenge(db, "plain")
    for challenge, costs in ((plain, COSTS), (modelled, {})):
        sent = make_submission(
            db, make_team(db, challenge, ada), ada, make_dataset(db, challenge, "offline-v1-9"), costs=costs
        )
        make_standing(db, sent, 0.9)
        rows = client.get(f"/api/v1/challenges/{challenge.slug}/leaderboard").json()["rows"]
        assert [row["costs"] for row in rows] == [{}]


def test_the_form_takes_the_right_endings(client: httpx.Client, db: Session, modelled: Challenge):
    token = bearer(make_token(db, make_user(db, "eve")))
    page = client.get(f"/challenges/{modelled.slug}/submit", headers=token).text
    assert 'accept=".onnx,.zip,.safetensors,.pt,.pth"' in page
    assert "arena check model.onnx" in page
