"""Uploads that are too large, break off or take long: stopped at once, told why, nothing left on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.types import Message

from arena.accounts.models import User
from arena.app import Site
from arena.errors import UploadIncomplete
from arena.submissions.models import Submission
from arena.submissions.uploads import Arrival
from challenges.manifest import Limits
from tests.arena.submissions.conftest import CONTENT, Desk
from tests.eventually import eventually
from tests.factories import bearer, make_manifest, make_token, to_json

MEGABYTE = 1 << 20
LIMIT = 3 * MEGABYTE
PATH = "/api/v1/challenges/flowers/submissions"


@pytest.fixture
def token(desk: Desk, ada: User) -> str:
    """Ada's token, for a challenge that takes three megabytes."""
    desk.challenge.manifest = to_json(make_manifest(limits=Limits(upload_bytes=LIMIT, per_day=50)))
    desk.db.commit()
    return make_token(desk.db, ada)


@pytest.fixture
def api(client: httpx.Client, token: str) -> httpx.Client:
    """Ada's program."""
    client.headers.update(bearer(token))
    return client


def nothing_stays(desk: Desk) -> None:
    eventually(lambda: list((desk.folder / "uploads").glob("*")) == [])
    desk.db.rollback()
    assert desk.db.query(Submission).count() == 0


def dial(site_url: str) -> socket.socket:
    parts = urlsplit(site_url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def head(token: str, path: str = f"{PATH}/mine.csv", method: str = "PUT", **headers: object) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def hear(line: socket.socket) -> bytes:
    heard = b""
    while chunk := line.recv(65536):
        heard += chunk
    return heard


class TestTooLarge:
    """Stopped at the limit, whether it was announced or not."""

    def test_ten_announced_gigabytes_are_refused_before_a_byte_is_read(self, site_url: str, token: str, desk: Desk):
        for method, path, kind in (
            ("PUT", f"{PATH}/mine.csv", "text/csv"),
            ("POST", PATH, "multipart/form-data; boundary=x"),
            ("POST", "/challenges/flowers/submit", "multipart/form-data; boundary=x"),
        ):
            with dial(site_url) as line:
                line.sendall(head(token, path, method, Content_Length=10 * 10**9, Content_Type=kind))
                if method == "POST":
                    line.sendall(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid')
                assert line.recv(65536).startswith(b"HTTP/1.1 413 ")
        nothing_stays(desk)

    def test_an_endless_body_is_stopped_and_its_sender_told_why(self, api: httpx.Client, desk: Desk):
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            while sent < 2000 * MEGABYTE:
                sent += MEGABYTE // 4
                yield bytes(MEGABYTE // 4)

        answer = api.put(f"{PATH}/mine.csv", content=endless())
        assert answer.status_code == 413
        assert answer.json()["facts"] == {"limit_bytes": LIMIT}
        assert answer.headers["connection"] == "close"
        assert sent < 500 * MEGABYTE
        nothing_stays(desk)

    def test_one_byte_too_many(self, api: httpx.Client, desk: Desk):
        for content in (bytes(LIMIT + 1), iter([bytes(LIMIT), b"x"])):
            assert api.put(f"{PATH}/mine.csv", content=content).status_code == 413
        assert api.post(PATH, files={"file": ("mine.csv", bytes(LIMIT + 1))}).status_code == 413
        nothing_stays(desk)

    def test_too_much_around_the_file(self, api: httpx.Client, desk: Desk):
        form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nid\r\n--x--\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = api.post(PATH, content=iter([form, *[bytes(MEGABYTE)] * 8]), headers=kind)
        assert answer.status_code == 413
        nothing_stays(desk)

    def test_exactly_the_limit_is_taken(self, api: httpx.Client, desk: Desk):
        content = bytes(range(256)) * (LIMIT // 256)
        digest = hashlib.sha256(content).hexdigest()
        raw = api.put(f"{PATH}/mine.csv", content=content, headers={"X-Content-SHA256": digest})
        chunked = api.put(f"{PATH}/mine.csv", content=iter([content[:7], content[7:]]))
        form = api.post(PATH, files={"file": ("mine.csv", content)})
        assert [answer.json()["digest"] for answer in (raw, chunked, form)] == [digest] * 3
        assert len(desk.files()) == 3


class TestBrokenOff:
    """What does not arrive whole is as if it had never been sent."""

    def test_a_line_that_is_cut(self, site_url: str, token: str, desk: Desk):
        for announced in ({"Content_Length": 2 * MEGABYTE}, {"Transfer_Encoding": "chunked"}):
            with dial(site_url) as line:
                line.sendall(head(token, **announced))
                part = bytes(MEGABYTE)
                line.sendall(b"100000\r\n" + part + b"\r\n" if "Transfer_Encoding" in announced else part)
                eventually(lambda: any((desk.folder / "uploads").glob("*/*")))
            nothing_stays(desk)

    def test_a_body_that_is_shorter_than_announced(self, site_url: str, token: str, desk: Desk):
        with dial(site_url) as line:
            line.sendall(head(token, Content_Length=100) + CONTENT)
            line.shutdown(socket.SHUT_WR)
            hear(line)
        nothing_stays(desk)

    def test_a_form_whose_sender_goes_away(self, site_url: str, token: str, desk: Desk):
        with dial(site_url) as line:
            kind = {"Content_Type": "multipart/form-data; boundary=x", "Content_Length": 2 * MEGABYTE}
            line.sendall(head(token, PATH, "POST", **kind))
            line.sendall(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(MEGABYTE))
            eventually(lambda: any((desk.folder / "uploads").glob("*/*")))
        nothing_stays(desk)


def test_an_upload_that_stalls_is_broken_off():
    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")

    async def wait() -> None:
        arrival = Arrival(Request({"type": "http", "headers": []}, receive), stall_seconds=0.01)
        with pytest.raises(UploadIncomplete):
            await arrival.next()

    asyncio.run(wait())


def test_a_server_that_calls_a_short_body_whole_is_not_believed():
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-length", b"5")]
    with pytest.raises(UploadIncomplete):
        asyncio.run(Arrival(Request({"type": "http", "headers": headers}, receive)).next())


def test_a_slow_upload_keeps_no_database_connection_and_no_thread(
    site_url: str, token: str, app: Site, api: httpx.Client
):
    with dial(site_url) as line:
        line.sendall(head(token, Content_Length=len(CONTENT)) + CONTENT[:5])
        engine: Engine = app.state.engine
        eventually(lambda: engine.pool.checkedout() == 0)  # type: ignore[attr-defined]
        lines = [dial(site_url) for _ in range(60)]  # more than there are threads or connections
        for other in lines:
            other.sendall(head(token, Content_Length=len(CONTENT)) + CONTENT[:5])
        began = time.monotonic()
        assert api.get("/api/v1/submissions").status_code == 200
        assert time.monotonic() - began < 10
        line.sendall(CONTENT[5:])
        assert line.recv(100).startswith(b"HTTP/1.1 201")
        for other in lines:
            other.close()


def test_many_uploads_at_once_arrive_unmixed(site_url: str, token: str, desk: Desk, db: Session):
    digests: list[str] = []

    def send(number: int) -> None:
        content = bytes([number]) * (2 * MEGABYTE + number)
        with httpx.Client(base_url=site_url, headers=bearer(token), timeout=60) as own:
            told = own.put(f"{PATH}/{number}.csv", content=content).json()
        if told["digest"] == hashlib.sha256(content).hexdigest():
            digests.append(told["digest"])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(digests)) == 8
    assert db.query(Submission).count() == 8
    assert len(desk.files()) == 8
