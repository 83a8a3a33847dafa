"""Blobs are there whole or not at all, whatever ends the writing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest

from arena.errors import TooLarge
from arena.storage import Storage, Stored
from tests.eventually import eventually

MEGABYTE = 1 << 20
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def pieces(count: int, size: int = 1000, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size
    if error is not None:
        raise error


async def of(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "blobs").mkdir()
    return Storage((tmp_path / "blobs").as_uri())


@pytest.mark.parametrize("count", [11, 3000])
def test_too_much_leaves_nothing(storage: Storage, tmp_path: Path, count: int):
    with pytest.raises(TooLarge) as refused:
        run(storage.write("uploads/1/a.csv", pieces(count), 10_000))
    assert refused.value.facts == {"limit_bytes": 10_000}
    assert files_in(tmp_path / "blobs") == ["uploads"]


def test_an_endless_stream_is_stopped_at_the_limit(storage: Storage, tmp_path: Path):
    drawn = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal drawn
        while True:
            drawn += MEGABYTE
            yield bytes(MEGABYTE)

    with pytest.raises(TooLarge):
        run(storage.write("uploads/1/a.csv", endless(), 5 * MEGABYTE))
    assert drawn <= 7 * MEGABYTE
    assert files_in(tmp_path / "blobs") == ["uploads"]


def test_an_error_of_the_sender_passes_through_and_leaves_nothing(storage: Storage, tmp_path: Path):
    with pytest.raises(ConnectionResetError):
        run(storage.write("uploads/1/a.csv", pieces(3000, error=ConnectionResetError()), 10 * MEGABYTE))
    assert files_in(tmp_path / "blobs") == ["uploads"]


def test_a_cancelled_write_leaves_nothing(storage: Storage, tmp_path: Path):
    has_stalled = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield bytes(MEGABYTE)
        has_stalled.set()
        await asyncio.sleep(60)

    async def cancel() -> None:
        writing = asyncio.ensure_future(storage.write("uploads/1/a.csv", stalls(), 100 * MEGABYTE))
        await has_stalled.wait()
        assert any("uploads/1/" in name for name in files_in(tmp_path / "blobs"))
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    run(cancel())
    eventually(lambda: not any("a.csv" in name for name in files_in(tmp_path / "blobs")))


@pytest.mark.parametrize("key", ["../a", "uploads/../../a", "uploads/./a", "/etc/../../a"])
def test_no_key_leads_out_of_the_root(storage: Storage, tmp_path: Path, key: str):
    with pytest.raises(ValueError, match="path"):
        run(storage.write(key, of(b"1"), 10))
    assert files_in(tmp_path) == ["blobs"]


def test_what_is_not_there_cannot_be_read(storage: Storage):
    with pytest.raises(FileNotFoundError):
        storage.read("uploads/1/a.csv")
    with pytest.raises(FileNotFoundError):
        storage.read("uploads/1/a.csv", 0, 10)
    with pytest.raises(FileNotFoundError):
        storage.get_size("uploads/1/a.csv")


@pytest.mark.parametrize("size", [1, 1000, MEGABYTE, 3 * MEGABYTE + 17])
def test_what_is_written_is_read_again_with_its_digest(storage: Storage, size: int):
    content = os.urandom(size)
    stored = run(storage.write("uploads/1/预测 (2).csv", of(content), size))
    assert stored == Stored("uploads/1/预测 (2).csv", size, hashlib.sha256(content).hexdigest())
    assert b"".join(storage.read(stored.key)) == content
    assert storage.get_size(stored.key) == size


@pytest.mark.parametrize(("start", "end"), [(0, 1), (5, 17), (999, 1000), (0, 1000), (7, None), (10, 10)])
def test_a_range_is_read(storage: Storage, start: int, end: int | None):
    content = os.urandom(1000)
    run(storage.write("a/b", of(content), 1000))
    assert b"".join(storage.read("a/b", start, end)) == content[start:end]


def test_removing_takes_the_folder_too_and_may_happen_twice(storage: Storage, tmp_path: Path):
    run(storage.write("uploads/1/a.csv", of(b"1"), 10))
    run(storage.write("uploads/2/a.csv", of(b"1"), 10))
    storage.delete("uploads/1/a.csv")
    storage.delete("uploads/1/a.csv")
    assert files_in(tmp_path / "blobs") == ["uploads", "uploads/2", "uploads/2/a.csv"]


def test_a_grader_finds_the_file_by_its_url(storage: Storage):
    key = "uploads/1/预测 %_#.csv".replace("%", "_").replace("#", "_")
    run(storage.write(key, of(b"hello"), 10))
    parts = urlsplit(storage.grader_url(key))
    assert parts.scheme == "file"
    assert Path(unquote(parts.path)).read_bytes() == b"hello"


def test_naming_a_blob_makes_no_folder(tmp_path: Path):
    storage = Storage((tmp_path / "elsewhere").as_uri())
    assert storage.grader_url("uploads/1/a.csv").endswith("/elsewhere/uploads/1/a.csv")
    assert files_in(tmp_path) == []


def test_a_storage_that_is_no_folder_does_not_answer(tmp_path: Path, storage: Storage):
    storage.check()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="file"):
        Storage((tmp_path / "file").as_uri()).check()


def test_urls_of_an_object_store_are_signed_without_asking_it():
    script = "from arena.storage import Storage; print(Storage('s3://blobs-of-arena').grader_url('uploads/1/a b.csv'))"
    credentials = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "eu-north-1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=credentials, capture_output=True, text=True, check=True, timeout=60
    )
    url = urlsplit(done.stdout.strip())
    assert url.scheme == "https"
    assert unquote(url.path).endswith("uploads/1/a b.csv")
    assert "X-Amz-Signature=" in url.query


def test_an_object_store_keeps_the_same_promises():
    store = Storage("memory:///")
    content = os.urandom(20 * MEGABYTE)

    async def work() -> None:
        with pytest.raises(TooLarge):
            await store.write("uploads/1/a.csv", pieces(30, MEGABYTE), 20 * MEGABYTE)
        stored = await store.write("uploads/2/b.csv", of(content), len(content))
        assert stored.digest == hashlib.sha256(content).hexdigest()

    run(work())
    store.check()
    assert store.list_folders("uploads") == ["2"]
    assert b"".join(store.read("uploads/2/b.csv", 5, 3 * MEGABYTE)) == content[5 : 3 * MEGABYTE]
    with pytest.raises(FileNotFoundError):
        store.read("uploads/1/a.csv")
    store.delete("uploads/1/a.csv")
    store.delete_folder("uploads/2")
    assert store.list_folders("uploads") == []
