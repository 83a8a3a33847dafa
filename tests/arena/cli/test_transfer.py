"""Downloads and uploads over a connection that breaks: a small real HTTP server that misbehaves on purpose."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from arena.cli import main

CONTENT = b"id,species\n" + b"0,setosa\n" * 20_000
NAME = "train.csv"
SUBMISSION = {"id": "7", "challenge": "iris", "filename": "p.csv", "created_at": "2026-01-01T00:00:00Z", "message": ""}


@dataclass
class Script:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    announced: str = ""
    """The digest in the list of files; empty: the content's own."""
    name: str = NAME
    breaks: int = 0
    """So many answers end halfway."""
    resumable: bool = True
    states: list[dict[str, Any]] = field(default_factory=list)
    """What the submission looks like, question after question."""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as its server's script says."""

    @property
    def script(self) -> Script:
        return self.server.script  # type: ignore[attr-defined,no-any-return]

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.script.breaks and len(body) > 1000:
            self.script.breaks -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)

    def do_GET(self) -> None:
        script = self.script
        script.asked.append(("GET", self.path, dict(self.headers)))
        digest = script.announced or hashlib.sha256(script.content).hexdigest()
        if self.path.endswith("/files"):
            file = {"name": script.name, "size_bytes": len(script.content), "digest": digest}
            self.answer(200, json.dumps({"files": [file]}).encode())
        elif self.path.endswith("/events"):
            self.answer(503, b"")
        elif "/submissions/" in self.path:
            state = script.states.pop(0) if len(script.states) > 1 else script.states[0]
            self.answer(200, json.dumps(SUBMISSION | state).encode())
        else:
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            if start and script.resumable and self.headers.get("If-Range") == f'"{digest}"':
                self.answer(206, script.content[start:], ETag=f'"{digest}"')
            else:
                self.answer(200, script.content, ETag=f'"{digest}"')

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.script.asked.append(("PUT", self.path, dict(self.headers) | {"body": hashlib.sha256(body).hexdigest()}))
        if self.script.breaks:
            self.script.breaks -= 1
            self.close_connection = True
            self.connection.close()
            return
        self.answer(201, json.dumps(SUBMISSION | {"status": "queued"}).encode())


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def server(script: Script) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.handle_error = lambda *_: None  # type: ignore[method-assign]
        running.script = script  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def ranges(script: Script) -> list[str]:
    """The ranges that were asked for, download after download."""
    return [headers.get("Range", "whole") for _, path, headers in script.asked if path.endswith(script.name)]


def download(server: str, folder: Path) -> int:
    return main(["download", "iris", "--to", str(folder), "--server", server, "--json"])


def test_a_file_of_another_digest_is_refused_and_not_kept(
    server: str, script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    script.announced = "0" * 64
    assert download(server, tmp_path) == 1
    assert "arrived damaged" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/passwd", ".bashrc", "a/b.csv"])
def test_a_server_cannot_choose_where_files_go(
    server: str, script: Script, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    script.name = name
    assert download(server, tmp_path / "to") == 1
    assert "unsafe name" in capsys.readouterr().err


def test_a_download_is_whole_and_the_second_one_fetches_nothing(server: str, script: Script, tmp_path: Path):
    assert download(server, tmp_path) == 0
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert json.loads((tmp_path / ".arena.json").read_text())["challenge"] == "iris"
    assert download(server, tmp_path) == 0
    assert ranges(script) == ["whole"]


def test_a_changed_file_is_fetched_again(server: str, script: Script, tmp_path: Path):
    assert download(server, tmp_path) == 0
    script.content = CONTENT[:-1] + b"!"
    assert download(server, tmp_path) == 0
    assert (tmp_path / NAME).read_bytes() == script.content


def test_a_broken_download_continues_where_it_broke(server: str, script: Script, tmp_path: Path):
    script.breaks = 2
    assert download(server, tmp_path) == 0
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert ranges(script)[0] == "whole"
    assert all(asked.startswith("bytes=") for asked in ranges(script)[1:])
    assert sorted(p.name for p in tmp_path.iterdir()) == [".arena.json", NAME]


def test_a_part_of_an_earlier_run_is_used(server: str, script: Script, tmp_path: Path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    (tmp_path / f".{NAME}.{digest[:16]}.part").write_bytes(CONTENT[:1000])
    assert download(server, tmp_path) == 0
    assert ranges(script) == ["bytes=1000-"]
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_server_that_cannot_resume_is_asked_for_the_whole(server: str, script: Script, tmp_path: Path):
    script.breaks, script.resumable = 1, False
    assert download(server, tmp_path) == 0
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_an_unknown_file_is_refused_with_the_known_ones(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["download", "iris", "tset.csv", "--to", str(tmp_path), "--server", server]) == 1
    assert f"It has: {NAME}" in capsys.readouterr().err


def test_a_broken_upload_is_sent_again_under_the_same_key(
    server: str, script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    script.breaks = 1
    (tmp_path / "p.csv").write_bytes(CONTENT)
    assert main(["submit", "iris", str(tmp_path / "p.csv"), "-m", "ä &?", "--server", server, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "7"
    assert len(script.asked) == 2
    keys = {headers["Idempotency-Key"] for _, _, headers in script.asked}
    assert len(keys) == 1
    for _, path, headers in script.asked:
        assert headers["X-Content-SHA256"] == headers["body"] == hashlib.sha256(CONTENT).hexdigest()
        assert path.endswith("/challenges/iris/submissions/p.csv?message=%C3%A4+%26%3F")


def test_without_events_the_verdict_is_polled_and_a_rejection_says_why(
    server: str, script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fault = {"reason": "not_a_number", "facts": {}, "sentence": "Row 17: `p` is `x`; it must be a number."}
    rejected = {"status": "rejected", "faults": [fault], "fault_count": 40}
    script.states = [{"status": "queued"}, rejected]
    (tmp_path / "p.csv").write_bytes(CONTENT)
    assert main(["submit", "iris", str(tmp_path / "p.csv"), "--wait", "--server", server]) == 1
    out = capsys.readouterr().out
    assert "Row 17" in out
    assert "and 39 more" in out


def test_a_failed_grading_has_an_exit_code_of_its_own(server: str, script: Script, tmp_path: Path):
    script.states = [{"status": "failed"}]
    (tmp_path / "p.csv").write_bytes(CONTENT)
    assert main(["submit", "iris", str(tmp_path / "p.csv"), "--wait", "--server", server, "--json"]) == 3


def test_a_wait_has_an_end_and_says_that_nothing_is_lost(
    server: str, script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    script.states = [{"status": "queued"}]
    (tmp_path / "p.csv").write_bytes(CONTENT)
    words = ["submit", "iris", str(tmp_path / "p.csv"), "--wait", "--timeout", "0.2", "--server", server]
    assert main(words) == 1
    assert "not lost" in capsys.readouterr().err


def test_a_folder_made_by_download_knows_its_challenge(server: str, script: Script, tmp_path: Path):
    assert download(server, tmp_path) == 0
    (tmp_path / "p.csv").write_bytes(CONTENT)
    assert main(["submit", str(tmp_path / "p.csv"), "--server", server, "--json"]) == 0
    assert "/challenges/iris/" in script.asked[-1][1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.csv"], "There is no file nowhere.csv"),
        (["iris", "a.csv", "b.csv"], "Give one file"),
        ([__file__], "Which challenge?"),
    ],
)
def test_wrong_words_are_refused(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]):
    assert main(["submit", *words, "--server", "127.0.0.1:1"]) == 1
    assert sentence in capsys.readouterr().err


def test_no_server_is_a_sentence_and_with_json_a_document(capsys: pytest.CaptureFixture[str]):
    assert main(["challenges", "--server", "127.0.0.1:1", "--json"]) == 1
    told = capsys.readouterr()
    assert "Is it running?" in told.err
    assert json.loads(told.out)["error"]["code"] == "unreachable"
