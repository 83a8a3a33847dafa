"""Uploads are believed only when size and sha256 agree, and read only where uploads may lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from challenges.messages import DataFile
from graders.fetch import FetchError, fetch

CONTENT = b"id,species\n1,setosa\n" * 1000
FILE = DataFile("p.csv", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "blobs with spaces"
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "p q.csv").write_bytes(CONTENT)
    return folder


def test_a_local_upload_is_read_in_place(root: Path, tmp_path: Path):
    path = root / "uploads" / "p q.csv"
    assert fetch(path.as_uri(), FILE, tmp_path, root) == path


@pytest.mark.parametrize(
    "file",
    [
        DataFile("p.csv", FILE.size_bytes - 1, FILE.digest),
        DataFile("p.csv", FILE.size_bytes + 1, FILE.digest),
        DataFile("p.csv", FILE.size_bytes, "0" * 64),
    ],
)
def test_another_size_or_digest_is_refused(file: DataFile, root: Path, tmp_path: Path):
    with pytest.raises(FetchError):
        fetch((root / "uploads" / "p q.csv").as_uri(), file, tmp_path, root)


def test_nothing_outside_the_root_is_read(root: Path, tmp_path: Path):
    outside = tmp_path / "answers"
    outside.write_bytes(CONTENT)
    (root / "link").symlink_to(outside)
    for url in (
        outside.as_uri(),
        f"{root.as_uri()}/uploads/../../answers",
        f"{root.as_uri()}/uploads/%2e%2e/%2e%2e/answers",
        (root / "link").as_uri(),
        root.as_uri(),
    ):
        with pytest.raises(FetchError, match="below"):
            fetch(url, FILE, tmp_path, root)


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ftp://127.0.0.1/x", "/etc/passwd", "data:,x", ""])
def test_other_schemes_are_refused(url: str, root: Path, tmp_path: Path):
    with pytest.raises(FetchError, match="https"):
        fetch(url, FILE, tmp_path, root)


def test_an_absent_upload_is_told(root: Path, tmp_path: Path):
    with pytest.raises(FetchError):
        fetch((root / "uploads" / "nothing").as_uri(), FILE, tmp_path, root)


def test_a_failed_download_leaves_nothing_and_tells_no_signature(root: Path, tmp_path: Path):
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(FetchError) as error:
        fetch("https://127.0.0.1:1/uploads/p.csv?signature=secret", FILE, into, root)
    assert "secret" not in str(error.value)
    assert not list(into.iterdir())
