"""Pages, API and command line of a challenge that takes programs say what they must be, in both languages."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge
from arena.cli.forms import describe_format
from challenges.manifest import Direction, Metric, Table
from challenges.programs import ProgramFile, ProgramSpec
from challenges.texts import Text
from tests.factories import bearer, make_challenge, make_dataset, make_manifest, make_token, make_user

PROGRAM = ProgramSpec(
    [
        ProgramFile("solution.py", Text("Your optimiser.", "你的优化器。")),
        ProgramFile("autograd.py", Text("Gradients.", "梯度。"), required=False),
    ],
    run_seconds=10,
)


def open_challenge(db: Session, kind: str = "code") -> Challenge:
    """An open challenge that takes programs."""
    manifest = replace(
        make_manifest(),
        kind=kind,
        program=PROGRAM,
        submission=Table("id"),
        metric=Metric("orders", Direction.MAX, title=Text("Orders", "数量级")),
        secondary=[],
    )
    challenge = make_challenge(db, manifest=manifest)
    make_dataset(db, challenge)
    return challenge


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("What your program must be", "Your optimiser.", "optional", "10 s of processor time", "sandbox")),
        ("zh-CN", ("程序的要求", "你的优化器。", "选填", "10 秒处理器时间", "沙箱", "提交程序")),
    ],
)
def test_the_overview_says_what_a_program_must_be(
    client: httpx.Client, db: Session, language: str, words: tuple[str, ...]
):
    page = client.get(f"/challenges/{open_challenge(db).slug}", headers={"Accept-Language": language}).text
    for expected in words:
        assert expected in page
    assert "Columns of your file" not in page


@pytest.mark.parametrize("kind", ["code", "service"])
def test_the_form_takes_archives_and_a_lone_file(client: httpx.Client, db: Session, kind: str):
    challenge = open_challenge(db, kind)
    page = client.get(f"/challenges/{challenge.slug}/submit", headers=bearer(make_token(db, make_user(db, "eve")))).text
    assert 'accept=".zip,.py"' in page
    assert "arena check submission.zip" in page
    assert "Send your program" in page


def test_the_api_and_the_command_line_tell_the_same(client: httpx.Client, db: Session):
    form = client.get(f"/api/v1/challenges/{open_challenge(db).slug}").json()["submission"]
    assert (form["kind"], form["formats"], form["columns"], form["artefacts"]) == ("code", ["zip", "py"], [], None)
    assert [file["name"] for file in form["program"]["files"]] == ["solution.py", "autograd.py"]
    files, one_run = map(str, describe_format(form).values())
    assert files.splitlines() == ["solution.py: Your optimiser.", "autograd.py (optional): Gradients."]
    assert one_run == "10 s of processor time"
