"""Artefacts from download to score, everything real: by API, command line and page; hidden items stay hidden."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.installation import Installation
from tests.system.test_whole_way import PASSWORD, command_line, download_baseline, register, token_on, wait_until_final

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("installation")]

SLUG = "svd_compress"


@pytest.fixture
def archive(installation: Installation, tmp_path: Path) -> Path:
    """What the baseline makes of the downloaded files."""
    return download_baseline(installation, SLUG, tmp_path, ".npz")


def test_by_api_with_score_error_and_diagnostics(installation: Installation, archive: Path):
    with register(installation, "archivist") as client:
        sent = client.put(f"/challenges/{SLUG}/submissions/s.npz", content=archive.read_bytes())
        assert sent.status_code == 201, sent.text
        final = wait_until_final(client, sent.json()["id"], 120)
        assert final["status"] == "scored", final
        assert final["public_score"] == pytest.approx(0.61, abs=0.03)
        assert 0 < final["public_error"] < 0.02
        assert set(final["public_secondary"]) == {"first_4", "first_8", "first_16", "angle", "neighbours"}
        assert [d["kind"] for d in final["diagnostics"]] == ["curve", "gallery", "values"]
        assert client.get(f"/challenges/{SLUG}/leaderboard/me").json()["score"] == final["public_score"]
        told = json.dumps(final)
    (hidden,) = (installation.data / "vault" / SLUG).rglob("images.npz")
    published = b"".join(path.read_bytes() for path in archive.parent.iterdir() if path.suffix == ".png")
    with np.load(hidden) as arrays, np.load(archive.parent / "train.npz") as train:
        known = {row.tobytes() for row in train["image"].astype(np.uint8)}
        assert not any(row.tobytes() in known for row in arrays["image"])
        assert not any(row.tobytes()[300:364] in published for row in arrays["image"][:100])
    assert "private" not in told or final["private_score"] is None


def test_by_command_line_after_a_check_at_home(installation: Installation, archive: Path, tmp_path: Path):
    arena = command_line(installation, "arch_checker", tmp_path)
    assert "components float32 (1..24, 784)" in " ".join(arena("challenge", SLUG).split())
    assert json.loads(arena("check", SLUG, str(archive), "--json"))["ok"] is True
    with np.load(archive) as arrays:
        np.savez(tmp_path / "wrong.npz", mean=arrays["mean"], components=arrays["components"].astype(np.float64))
    told = json.loads(arena("check", SLUG, str(tmp_path / "wrong.npz"), "--json", code=1))
    assert told["faults"][0]["reason"] == "wrong_member"
    sent = json.loads(arena("submit", SLUG, str(archive), "--wait", "--json"))
    assert sent["status"] == "scored"


def test_by_page_a_wrong_archive_is_told_what_to_change(installation: Installation, archive: Path):
    with httpx.Client(base_url=installation.url, follow_redirects=True, timeout=60) as browser:
        form = {"username": "page_archive", "password": PASSWORD, "csrf_token": token_on(browser.get("/register").text)}
        assert browser.post("/register", data=form).status_code == 200
        page = browser.get(f"/challenges/{SLUG}/submit").text
        assert 'accept=".npz"' in page
        with np.load(archive) as arrays:
            np.savez(archive.with_name("wrong.npz"), mean=arrays["mean"])
        sent = browser.post(
            f"/challenges/{SLUG}/submit",
            data={"csrf_token": token_on(page), "message": ""},
            files={"file": ("wrong.npz", archive.with_name("wrong.npz").read_bytes(), "application/octet-stream")},
        )
        assert sent.status_code == 200, sent.text
        deadline = time.monotonic() + 60
        while "The archive lacks" not in (text := browser.get(str(sent.url)).text):
            assert time.monotonic() < deadline, text
            time.sleep(0.2)
        assert "压缩包里缺少" in browser.get(str(sent.url), headers={"Accept-Language": "zh-CN"}).text
