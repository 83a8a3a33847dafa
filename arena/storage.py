"""Blobs: uploads and public files, in a local folder or an object store behind one URL.

Everything streams. A blob is there whole or not at all: a write that is refused or broken off leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.store import LocalStore, from_url

from arena.errors import TooLarge

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Store

LOCAL_PART_BYTES = 1 << 20
REMOTE_PART_BYTES = 8 << 20
"""Object stores take parts of at least 5 MiB, and at most ten thousand of them."""
READ_BYTES = 1 << 18
HASHED_AT_ONCE_BYTES = 1 << 17
"""Smaller pieces are hashed in the event loop: handing them to a thread would take longer."""
SIGNED_FOR = timedelta(days=7)
"""How long a grader may read an upload from an object store: the longest that S3 signs for."""
FALLBACK_NAME = "submission"
LONGEST_NAME_BYTES = 150
LONGEST_SUFFIX_BYTES = 20
_NOT_IN_NAMES = re.compile(r"""[/\\:*?"'<>|#%&{}$!@`=;,^~\[\]]""")


@dataclass(frozen=True)
class Stored:
    """A blob that has just been written whole."""

    key: str
    size_bytes: int
    digest: str
    """sha256, lower-case hex."""

    @property
    def filename(self) -> str:
        """The last part of the key."""
        return PurePosixPath(self.key).name


class Storage:
    """The blobs below one URL: `file:///…`, `s3://…`, `gs://…` or `az://…`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._root = _local_root(url)

    @cached_property
    def _store(self) -> ObjectStore:
        """Opened when it is first needed: who only names blobs may have no disk to make a folder on."""
        return from_url(self._url) if self._root is None else LocalStore(prefix=self._root, mkdir=True)

    async def write(self, key: str, chunks: AsyncIterable[bytes], limit_bytes: int) -> Stored:
        """Write a blob while hashing it; memory stays flat, whatever its size.

        Args:
            key: Where to; parts divided by `/`, none of them `..`.
            chunks: The content, in order, best in pieces of a megabyte. What iterating over it raises ends the write.
            limit_bytes: The largest content that is accepted.

        Raises:
            TooLarge: There is more than `limit_bytes`.
        """
        tally = _Tally(chunks, limit_bytes)
        part = REMOTE_PART_BYTES if self._root is None else LOCAL_PART_BYTES
        try:
            await obstore.put_async(
                self._store, key, aiter(tally), use_multipart=True, chunk_size=part, max_concurrency=1
            )
        except BaseException:
            self._tidy(key)
            raise
        return Stored(key, tally.size_bytes, tally.digest.hexdigest())

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end` (None: the end of the blob), piece by piece.

        Raises:
            FileNotFoundError: There is no such blob. Raised here, not by the iterator.
        """
        end = self.get_size(key) if end is None else end
        if end <= start:
            return iter(())
        found = obstore.get(self._store, key, options={"range": (start, end)})
        return (bytes(piece) for piece in found.stream(min_chunk_size=READ_BYTES))

    def get_size(self, key: str) -> int:
        """The size of a blob in bytes.

        Raises:
            FileNotFoundError: There is no such blob.
        """
        return int(obstore.head(self._store, key)["size"])

    def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no error."""
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)
        self._tidy(key)

    def list_folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below `prefix`, also of those that hold an unfinished blob."""
        if self._root is not None:
            folder = self._root / prefix
            return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
        found = obstore.list_with_delimiter(self._store, f"{prefix}/")["common_prefixes"]
        return sorted(PurePosixPath(path).name for path in found)

    def delete_folder(self, prefix: str) -> None:
        """Remove all blobs below `prefix`, finished or not."""
        if self._root is not None:
            shutil.rmtree(self._root / prefix, ignore_errors=True)
            return
        for batch in obstore.list(self._store, f"{prefix}/"):
            obstore.delete(self._store, [blob["path"] for blob in batch])

    def grader_url(self, key: str) -> str:
        """Where a grader reads a blob: a `file://` URL on the shared disk, else a signed `https://` one."""
        if self._root is not None:
            return (self._root / key).as_uri()
        return obstore.sign(cast("S3Store", self._store), "GET", key, SIGNED_FOR)

    def check(self) -> None:
        """Raise unless the storage answers."""
        if self._root is not None:
            self._root.mkdir(parents=True, exist_ok=True)
        else:
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    def _tidy(self, key: str) -> None:
        """Remove the folder of a blob that is gone, if nothing else is in it."""
        if self._root is not None:
            with suppress(OSError):
                (self._root / key).parent.rmdir()


def clean_name(name: str) -> str:
    """A file name that is one harmless step of a path everywhere, and as close to `name` as that allows.

    >>> clean_name("../../etc/passwd")
    'passwd'
    >>> clean_name("预测 (2).csv")
    '预测 (2).csv'
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    plain = _NOT_IN_NAMES.sub("_", " ".join(printable.split())).strip(". ")
    return _shorten(plain) or FALLBACK_NAME


def _shorten(name: str) -> str:
    """Cut the middle out of a name that is too long, so that its suffix stays."""
    if len(name.encode()) <= LONGEST_NAME_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > LONGEST_SUFFIX_BYTES:
        stem, dot, suffix = name, "", ""
    room = LONGEST_NAME_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + suffix


class _Tally:
    """Passes chunks on, and keeps their sha256 and their number of bytes."""

    def __init__(self, chunks: AsyncIterable[bytes], limit_bytes: int) -> None:
        self._chunks, self._limit_bytes = chunks, limit_bytes
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        hashing: asyncio.Future[None] | None = None
        try:
            async for chunk in self._chunks:
                if hashing is not None:
                    await hashing
                self.size_bytes += len(chunk)
                if self.size_bytes > self._limit_bytes:
                    raise TooLarge(limit_bytes=self._limit_bytes)
                # A piece is hashed in a thread while it is written and the next one arrives.
                hashing = self._hash(chunk)
                yield chunk
        finally:
            if hashing is not None:
                await hashing

    def _hash(self, chunk: bytes) -> asyncio.Future[None] | None:
        if len(chunk) >= HASHED_AT_ONCE_BYTES:
            return asyncio.get_running_loop().run_in_executor(None, self.digest.update, chunk)
        self.digest.update(chunk)
        return None


def _local_root(url: str) -> Path | None:
    """The folder that a `file://` URL names; None for other URLs."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    return Path(url2pathname(parts.path)).absolute()
