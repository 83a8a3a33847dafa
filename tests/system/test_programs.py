"""A program from download to score, everything real: by API, command line and page; hidden problems stay hidden."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from graders.artefacts.archives import Member, pack
from tests.installation import Installation
from tests.system.test_whole_way import PASSWORD, command_line, download_baseline, register, token_on, wait_until_final

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("installation")]

SLUG = "optimizers"


@pytest.fixture
def archive(installation: Installation, tmp_path: Path) -> Path:
    """What the baseline makes of the downloaded files."""
    return download_baseline(installation, SLUG, tmp_path, ".zip")


def test_by_api_with_score_and_diagnostics(installation: Installation, archive: Path):
    with register(installation, "programmer") as client:
        sent = client.put(f"/challenges/{SLUG}/submissions/s.zip", content=archive.read_bytes())
        assert sent.status_code == 201, sent.text
        final = wait_until_final(client, sent.json()["id"], 180)
        assert final["status"] == "scored", final
        assert final["public_score"] > client.get(f"/challenges/{SLUG}").json()["levels"]["passing"]
        assert final["private_score"] is None
        assert "curve" in [d["kind"] for d in final["diagnostics"]]


def test_a_program_that_fails_is_told_its_own_error_and_nothing_else(installation: Installation, archive: Path):
    source = b"print('hello')\nclass Optimizer:\n    def __init__(self, *_): raise KeyError('own words')\n"
    with register(installation, "program_fails") as client:
        sent = client.put(f"/challenges/{SLUG}/submissions/solution.py", content=source)
        assert sent.status_code == 201, (sent.text, archive)
        final = wait_until_final(client, sent.json()["id"], 180)
        assert final["status"] == "rejected", final
        assert [fault["reason"] for fault in final["faults"]] == ["program_failed"]
        assert "own words" in final["faults"][0]["sentence"]
        assert "hello" not in json.dumps(final)


def test_by_command_line_after_a_check_at_home(installation: Installation, archive: Path, tmp_path: Path):
    arena = command_line(installation, "prog_checker", tmp_path)
    assert "solution.py" in arena("challenge", SLUG)
    assert json.loads(arena("check", SLUG, str(archive), "--json"))["ok"] is True
    wrong = tmp_path / "wrong.zip"
    wrong.write_bytes(pack([Member("other.py", b"x = 1")]))
    told = json.loads(arena("check", SLUG, str(wrong), "--json", code=1))
    assert told["faults"][0]["reason"] == "missing_member"
    sent = json.loads(arena("submit", SLUG, str(archive), "--wait", "--json"))
    assert sent["status"] == "scored"


def test_by_page_a_wrong_program_is_told_what_to_change(installation: Installation, archive: Path):
    with httpx.Client(base_url=installation.url, follow_redirects=True, timeout=60) as browser:
        form = {"username": "page_program", "password": PASSWORD, "csrf_token": token_on(browser.get("/register").text)}
        assert browser.post("/register", data=form).status_code == 200
        page = browser.get(f"/challenges/{SLUG}/submit").text
        assert 'accept=".zip,.py"' in page, archive
        sent = browser.post(
            f"/challenges/{SLUG}/submit",
            data={"csrf_token": token_on(page), "message": ""},
            files={"file": ("solution.py", b"def f(:", "text/x-python")},
        )
        assert sent.status_code == 200, sent.text
        deadline = time.monotonic() + 60
        while "no Python program (line 1" not in (text := browser.get(str(sent.url)).text):
            assert time.monotonic() < deadline, text
            time.sleep(0.2)
        assert "不是 Python 程序（第 1 行" in browser.get(str(sent.url), headers={"Accept-Language": "zh-CN"}).text
