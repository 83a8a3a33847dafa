"""From nothing to a scored submission on the leaderboard, by API, by command line and by page, everything real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.installation import ARENA, ROOT, Installation

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("installation")]

PASSWORD = "correct horse battery"


def command_line(installation: Installation, name: str, home: Path) -> Callable[..., str]:
    """The command line of a new participant who has logged in, and has nothing but the folder `home`.

    It takes the words of a command and the exit code that it must end with, and returns what it prints.
    """
    register(installation, name).close()
    environment = os.environ | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "ARENA_SERVER": installation.url,
        "LANG": "C.UTF-8",
    }

    def arena(*words: str, code: int = 0, stdin: str | None = None) -> str:
        done = subprocess.run(
            [ARENA, *words],
            env=environment,
            cwd=home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    arena("login", "--server", installation.url, "--username", name, stdin=PASSWORD + "\n")
    return arena


def register(installation: Installation, name: str) -> httpx.Client:
    """A new participant, as an API client with a token that reads and submits."""
    with httpx.Client(base_url=f"{installation.url}/api/v1", timeout=30) as anonymous:
        made = anonymous.post("/users", json={"username": name, "password": PASSWORD})
        assert made.status_code == 201, made.text
        login = anonymous.post("/login", json={"username": name, "password": PASSWORD})
    return httpx.Client(
        base_url=f"{installation.url}/api/v1", timeout=30, headers={"Authorization": f"Bearer {login.json()['token']}"}
    )


def download(client: httpx.Client, slug: str, to: Path) -> None:
    for file in client.get(f"/challenges/{slug}/files").json()["files"]:
        (to / file["name"]).write_bytes(client.get(f"/challenges/{slug}/files/{file['name']}").content)


def download_baseline(installation: Installation, slug: str, to: Path, ending: str) -> Path:
    """What the challenge's own baseline makes of its files, downloaded as a participant downloads them."""
    installation.wait_until_open(slug)
    with httpx.Client(base_url=f"{installation.url}/api/v1", timeout=60) as client:
        download(client, slug, to)
    return make_predictions(slug, to, ending)


def make_predictions(slug: str, data: Path, ending: str = ".csv") -> Path:
    """What the challenge's own baseline predicts from the downloaded files."""
    out = data / f"submission{ending}"
    script = ROOT / "challenges" / slug / "baseline.py"
    subprocess.run([sys.executable, str(script), "--data", str(data), "--out", str(out)], check=True, cwd=data)
    return out


def wait_until_final(client: httpx.Client, submission: str, seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = client.get(f"/submissions/{submission}").json()
        if found["status"] != "queued":
            return dict(found)
        time.sleep(0.05)
    pytest.fail(f"still {found['status']}")


def test_by_api_from_download_to_leaderboard(installation: Installation, tmp_path: Path):
    with register(installation, "api_way") as client:
        download(client, "iris", tmp_path)
        predictions = make_predictions("iris", tmp_path)
        sent = client.put(
            "/challenges/iris/submissions/submission.csv",
            content=predictions.read_bytes(),
            headers={"Idempotency-Key": "first"},
        )
        assert sent.status_code == 201, sent.text
        final = wait_until_final(client, sent.json()["id"])
        assert final["status"] == "scored"
        assert 0.9 < final["public_score"] <= 1
        assert final.get("private_score") is None
        board = client.get("/challenges/iris/leaderboard").json()
        own = client.get("/challenges/iris/leaderboard/me").json()
        assert own["score"] == final["public_score"]
        assert any(row["team"] == "api_way" for row in board["rows"])
        replay = client.put(
            "/challenges/iris/submissions/submission.csv",
            content=predictions.read_bytes(),
            headers={"Idempotency-Key": "first"},
        )
        assert replay.status_code == 200
        assert replay.json()["id"] == sent.json()["id"]


def test_a_wrong_file_is_told_row_and_column_in_both_languages(installation: Installation, tmp_path: Path):
    with register(installation, "wrong_file") as client:
        download(client, "iris", tmp_path)
        lines = (tmp_path / "sample_submission.csv").read_text(encoding="utf-8").splitlines()
        lines[3] = lines[3].split(",")[0] + ",tulip" + "," * (lines[0].count(",") - 1)
        broken = "\n".join(lines).encode()
        sent = client.put("/challenges/iris/submissions/broken.csv", content=broken).json()
        final = wait_until_final(client, sent["id"])
        assert final["status"] == "rejected"
        fault = final["faults"][0]
        assert fault["reason"] == "unknown_label"
        assert fault["facts"]["row"] == 3
        assert "tulip" in fault["sentence"]
        chinese = client.get(f"/submissions/{sent['id']}", headers={"Accept-Language": "zh-CN"}).json()
        assert chinese["faults"][0]["sentence"] != fault["sentence"]
        assert "tulip" in chinese["faults"][0]["sentence"]


def test_by_command_line(installation: Installation, tmp_path: Path):
    arena = command_line(installation, "cli_way", tmp_path)
    assert "house_prices" in {c["slug"] for c in json.loads(arena("challenges", "--json"))}
    arena("download", "house_prices", "--to", str(tmp_path / "house"))
    predictions = make_predictions("house_prices", tmp_path / "house")
    told = json.loads(arena("submit", "house_prices", str(predictions), "-m", "first try", "--wait", "--json"))
    assert told["status"] == "scored"
    assert told["public_score"] < 0.6
    assert json.loads(arena("submissions", "--json"))
    assert "cli_way" in arena("leaderboard", "house_prices")


def test_by_page_without_javascript(installation: Installation, tmp_path: Path):
    with httpx.Client(base_url=installation.url, follow_redirects=True, timeout=30) as browser:
        form = {"username": "page_way", "password": PASSWORD, "csrf_token": token_on(browser.get("/register").text)}
        assert browser.post("/register", data=form).status_code == 200
        (tmp_path / "d").mkdir()
        with httpx.Client(base_url=f"{installation.url}/api/v1") as api:
            download(api, "iris", tmp_path / "d")
        predictions = make_predictions("iris", tmp_path / "d")
        page = browser.get("/challenges/iris/submit").text
        sent = browser.post(
            "/challenges/iris/submit",
            data={"csrf_token": token_on(page), "message": "by hand"},
            files={"file": ("mine.csv", predictions.read_bytes(), "text/csv")},
        )
        assert sent.status_code == 200
        assert "/submissions/" in str(sent.url)
        deadline = time.monotonic() + 60
        while "0.9" not in browser.get(str(sent.url)).text:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "page_way" in browser.get("/challenges/iris/leaderboard").text


def token_on(page: str) -> str:
    found = re.search(r'name="csrf_token"\s+value="([^"]*)"', page)
    return found.group(1) if found else ""


def test_hidden_answers_are_nowhere_a_participant_can_look(installation: Installation):
    with register(installation, "attacker") as client:
        for path in (
            "/challenges/iris/files/answers.parquet",
            "/challenges/iris/files/..%2f..%2fvault%2finstall_secret",
            "/challenges/iris/files/%2e%2e/%2e%2e/vault/install_secret",
            "/challenges/iris/leaderboard?board=private",
            "/admin/failures",
            "/admin/queue",
        ):
            assert client.get(path).status_code in (403, 404, 409, 422), path
