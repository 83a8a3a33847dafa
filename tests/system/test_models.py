"""A model from download to score, everything real: by API, command line and page; and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import onnx
import psutil
import pytest
from redis import Redis

from arena.gauges import Gauges
from tests.installation import Installation
from tests.system.test_failures import processes
from tests.system.test_whole_way import PASSWORD, command_line, download, register, token_on, wait_until_final

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("installation")]

SLUG = "char_rnn"


@pytest.fixture
def model(installation: Installation, tmp_path: Path) -> Path:
    """The sample model, downloaded as a participant downloads it."""
    installation.wait_until_open(SLUG)
    with httpx.Client(base_url=f"{installation.url}/api/v1", timeout=60) as client:
        download(client, SLUG, tmp_path)
    return tmp_path / "sample_model.onnx"


def submit(client: httpx.Client, content: bytes, name: str = "model.onnx") -> str:
    sent = client.put(f"/challenges/{SLUG}/submissions/{name}", content=content)
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


def test_by_api_with_score_and_costs(installation: Installation, model: Path):
    with register(installation, "modeller") as client:
        final = wait_until_final(client, submit(client, model.read_bytes()), 120)
        assert final["status"] == "scored", final
        assert 1 < final["public_score"] < 8
        assert final["costs"]["parameters"] > 0
        assert final["costs"]["latency_ms"] > 0
        assert client.get(f"/challenges/{SLUG}/leaderboard/me").json()["score"] == final["public_score"]
        assert {d["kind"] for d in final["diagnostics"]} >= {"positions", "passage"}


def test_by_command_line_after_a_check_at_home(installation: Installation, model: Path, tmp_path: Path):
    arena = command_line(installation, "checker", tmp_path)
    told = json.loads(arena("check", SLUG, str(model), "--json"))
    assert told["ok"] is True
    assert told["costs"]["parameters"] > 0
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(rename_output(model.read_bytes()))
    told = json.loads(arena("check", SLUG, str(broken), "--json", code=1))
    assert told["faults"][0]["reason"] == "wrong_signature"
    sent = json.loads(arena("submit", SLUG, str(model), "--wait", "--json"))
    assert sent["status"] == "scored"


def test_by_page_a_wrong_model_is_told_what_to_change_in_both_languages(installation: Installation, model: Path):
    with httpx.Client(base_url=installation.url, follow_redirects=True, timeout=60) as browser:
        form = {"username": "page_model", "password": PASSWORD, "csrf_token": token_on(browser.get("/register").text)}
        assert browser.post("/register", data=form).status_code == 200
        page = browser.get(f"/challenges/{SLUG}/submit").text
        assert ".onnx" in page
        sent = browser.post(
            f"/challenges/{SLUG}/submit",
            data={"csrf_token": token_on(page), "message": ""},
            files={"file": ("mine.onnx", rename_output(model.read_bytes()), "application/octet-stream")},
        )
        assert sent.status_code == 200, sent.text
        deadline = time.monotonic() + 60
        while "before you export" not in (text := browser.get(str(sent.url)).text):
            assert time.monotonic() < deadline, text
            time.sleep(0.2)
        chinese = browser.get(str(sent.url), headers={"Accept-Language": "zh-CN"}).text
        assert "before you export" not in chinese
        assert "list of outputs" in text
        assert "list of outputs" not in chinese
        assert "输出列表" in chinese
        submission = str(sent.url).rpartition("/")[2]
        answer = browser.get(f"/api/v1/submissions/{submission}", headers={"Accept-Language": "zh-CN"}).json()
        assert answer["faults"][0]["facts"]["place"] == "输出列表"


def rename_output(content: bytes) -> bytes:
    """The model with an output of another name."""
    model = onnx.load_from_string(content)
    old = model.graph.output[0].name
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == old:
                node.output[place] = "guess"
    model.graph.output[0].name = "guess"
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("victim", ["fork server", "grader"])
def test_killing_what_runs_a_model_loses_nothing_and_scores_once(installation: Installation, model: Path, victim: str):
    with register(installation, f"killed_{victim[:4]}") as client:
        ended = threading.Event()
        killer = threading.Thread(target=kill_until, args=(installation, victim, ended))
        killer.start()
        try:
            ids = [submit(client, model.read_bytes(), f"{number}.onnx") for number in range(4)]
            time.sleep(2.0)
        finally:
            ended.set()
            killer.join()
        finals = [wait_until_final(client, one, 120) for one in ids]
        assert [final["status"] for final in finals] == ["scored"] * len(ids)
        assert len({final["public_score"] for final in finals}) == 1
        assert client.get(f"/challenges/{SLUG}/leaderboard/me").json()["submissions"] == len(ids)


def kill_until(installation: Installation, victim: str, ended: threading.Event) -> None:
    """Kill fork servers, or graders, again and again, with pauses in which work begins."""
    while not ended.wait(0.5):
        for grader in processes(installation, "graders.worker", "--child"):
            try:
                below = psutil.Process(grader).children(recursive=True)
                servers = [p for p in below if any("sandbox.zygote" in word for word in p.cmdline())]
                for pid in [p.pid for p in servers] if victim == "fork server" else [grader]:
                    os.kill(pid, signal.SIGKILL)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue


def test_hidden_inputs_are_nowhere_a_participant_can_look(installation: Installation, model: Path):
    hidden = find_hidden(installation)
    with register(installation, "snooper") as client:
        for name in ("inputs.npz", "..%2finputs.npz", "%2e%2e/inputs.npz"):
            assert client.get(f"/challenges/{SLUG}/files/{name}").status_code in (403, 404, 422)
        final = wait_until_final(client, submit(client, model.read_bytes()), 120)
    told = json.dumps(final)
    with np.load(hidden) as arrays:
        for name in arrays["id"][:200].tolist():
            assert name not in told
    published = b"".join(path.read_bytes() for path in model.parent.iterdir() if path.suffix != ".zip")
    with np.load(hidden) as arrays:
        rows = [row.tobytes()[:64] for row in arrays["tokens"][:100]]
    assert not any(row in published for row in rows)


def find_hidden(installation: Installation) -> Path:
    """The vault's hidden inputs: the operator can read them, on the same machine."""
    (found,) = (installation.data / "vault" / SLUG).rglob("inputs.npz")
    return found


def test_each_grader_tells_what_its_sandbox_holds(installation: Installation):
    (environment,) = {Path(f"/proc/{pid}/environ").read_bytes() for pid in processes(installation, "graders.worker")}
    url = next(v for v in environment.decode().split("\0") if v.startswith("ARENA_REDIS_URL="))
    with Redis.from_url(url.removeprefix("ARENA_REDIS_URL=")) as redis:
        graders = Gauges(redis).graders()
    assert graders
    assert all(grader.sandbox.level in ("S2", "S3") for grader in graders), graders
    assert all("onnx" not in grader.sandbox.refuses for grader in graders)
