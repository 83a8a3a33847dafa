"""The list of challenges and one of them, as programs read them, in both languages."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import httpx
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from arena.app import Site
from arena.catalogue.models import ChallengeState
from challenges.manifest import Source, SourceFile, Table
from challenges.texts import Text
from tests.factories import make_challenge, make_dataset, make_manifest

URL = "/api/v1/challenges"
KINDS = (("rose", "玫瑰"), ("tree", "树"))


def test_odd_parts_of_the_list_are_refused(client: httpx.Client):
    for query in ("cursor=x", "cursor=WyJhIl0", "limit=0", "limit=101", "limit=x"):
        answer = client.get(f"{URL}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), query


def test_an_unknown_challenge_is_not_found(client: httpx.Client):
    answer = client.get(f"{URL}/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_list_in_parts_is_the_list(client: httpx.Client, db: Session):
    slugs = [make_challenge(db, f"c{number}").slug for number in range(5)]
    found, cursor = [], ""
    while True:
        part = client.get(URL, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["slug"] for item in part["items"]]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert found == slugs


def test_the_list_costs_one_query_however_long(client: httpx.Client, app: Site, db: Session):
    engine: Engine = app.state.engine
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    counts = []
    for number in range(4):
        make_dataset(db, make_challenge(db, f"c{number}"))
        statements.clear()
        assert len(client.get(URL).json()["items"]) == number + 1
        counts.append(len(statements))
    assert counts == [1, 1, 1, 1]


def test_texts_are_in_the_readers_language(client: httpx.Client, db: Session):
    make_challenge(db)
    english = client.get(f"{URL}/flowers").json()
    chinese = client.get(f"{URL}/flowers", headers={"Accept-Language": "zh-CN"}).json()
    assert (english["language"], english["title"]) == ("en", "Small flowers")
    assert (chinese["language"], chinese["title"]) == ("zh", "小花")
    assert chinese["summary"] == "区分三种花。"
    assert chinese["submission"]["columns"][0]["description"] == "品种。"
    assert "概览" in chinese["description"]
    assert chinese["baselines"] == [{"name": "最常见", "score": 0.34}]
    assert (english["slug"], english["metric"]["direction"]) == ("flowers", "max")


def test_labels_are_called_as_in_the_data_in_use(client: httpx.Client, db: Session):
    column = make_manifest().submission.columns[0]
    roses, trees = ([Text(f"{kind} {n}", f"{chinese}{n}") for n in range(3)] for kind, chinese in KINDS)
    real = Source(Text("Trees", "树"), "CC0-1.0", "https://example.org", [], names={"species": trees})
    table = Table("id", [replace(column, names=roses)])
    challenge = make_challenge(db, manifest=make_manifest(submission=table, sources={"real": real}))
    for source, english, chinese in (("offline", "rose", "玫瑰"), ("real", "tree", "树")):
        make_dataset(db, challenge, f"{source}-v1-1", source=source)
        for language, name in (("en", english + " "), ("zh-CN", chinese)):
            headers = {"Accept-Language": language}
            told = client.get(f"{URL}/flowers", headers=headers).json()["submission"]["columns"][0]
            assert (told["labels"], told["names"]) == (["a", "b", "c"], [f"{name}{n}" for n in range(3)])
            assert f"<code>a</code> {name}0" in client.get("/challenges/flowers", headers=headers).text


def test_the_state_follows_the_timeline(client: httpx.Client, db: Session):
    now, hour = dt.datetime.now(dt.UTC), dt.timedelta(hours=1)
    dates: dict[str, dict[str, Any]] = {
        "open": {},
        "upcoming": {"opens_at": now + hour},
        "closed": {"deadline": now - hour},
        "preparing": {"state": ChallengeState.PREPARING},
    }
    for slug, columns in dates.items():
        challenge = make_challenge(db, slug, **columns)
        if slug != "preparing":
            make_dataset(db, challenge)
    assert {item["slug"]: item["state"] for item in client.get(URL).json()["items"]} == {s: s for s in dates}


def test_real_data_names_its_licence_and_the_honour_system(client: httpx.Client, db: Session):
    file = SourceFile("https://example.org/a", "0" * 64, 1)
    real = Source(Text("Real", "真"), "CC-BY-4.0", "https://example.org/licence", [file])
    challenge = make_challenge(db, manifest=make_manifest(sources={"real": real}))
    make_dataset(db, challenge)
    assert client.get(f"{URL}/flowers").json()["dataset"]["licence"] == "CC0-1.0"
    make_dataset(db, challenge, "real-v1-1", source="real", honour_system=True)
    found = client.get(f"{URL}/flowers").json()["dataset"]
    assert (found["licence"], found["licence_url"]) == ("CC-BY-4.0", "https://example.org/licence")
    assert found["honour_system"] is True


def test_the_manifest_is_told_as_it_is_written(client: httpx.Client, db: Session):
    text = 'schema = 1\ntitle = { en = "Flowers", zh = "花" }\n'
    challenge = make_challenge(db, manifest_text=text)
    answer = client.get(f"{URL}/flowers/manifest")
    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.head(f"{URL}/flowers/manifest").headers["etag"] == answer.headers["etag"]
    same = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"{URL}/flowers/manifest", headers=same).status_code == 304
    challenge.manifest_text = text + "tags = []\n"
    db.commit()
    changed = client.get(f"{URL}/flowers/manifest", headers=same)
    assert (changed.status_code, changed.text) == (200, challenge.manifest_text)


def test_a_manifest_is_there_once_the_challenge_is_open_and_its_package_was_read(client: httpx.Client, db: Session):
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    make_challenge(db, "upcoming", opens_at=later, manifest_text="a secret plan")
    make_challenge(db, "unread")
    for slug, status, code in (
        ("nothing", 404, "not_found"),
        ("unread", 404, "not_found"),
        ("upcoming", 409, "not_started"),
    ):
        answer = client.get(f"{URL}/{slug}/manifest")
        assert (answer.status_code, answer.json()["code"]) == (status, code), slug
        assert "secret" not in answer.text


def test_the_manifest_is_documented(client: httpx.Client):
    told = client.get("/api/v1/openapi.json").json()["paths"][f"{URL}/{{slug}}/manifest"]["get"]
    assert list(told["responses"]["200"]["content"]) == ["text/plain"]
    assert {"304", "404", "409"} <= set(told["responses"])


def test_nothing_internal_is_told(client: httpx.Client, db: Session):
    challenge = make_challenge(db)
    make_dataset(db, challenge, trace="a secret trace")
    for path in (URL, f"{URL}/flowers", f"{URL}/flowers/files"):
        text = client.get(path).text
        assert "secret" not in text
        assert challenge.package_digest not in text
