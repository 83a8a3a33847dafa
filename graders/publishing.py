"""Where prepared data goes: public files into the blobs, hidden ones into the vault, all of a version or nothing of it.

A version counts as published when its data manifest stands in the vault, and that is written last. Local folders are
renamed into place; other stores (S3, GCS, Azure) are written file by file in the same order.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from obstore.exceptions import AlreadyExistsError
from obstore.store import from_url

from graders.loading import DATA_MANIFEST_FILE, read_blob

SECRET_FILE = "install_secret"  # noqa: S105 - the name of a file
SECRET_BYTES = 32


class BrokenVault(Exception):
    """The vault holds something that cannot be what this installation once wrote."""


@dataclass(frozen=True)
class Shelves:
    """The two stores of an installation, by URL."""

    storage_url: str
    vault_url: str

    def load_secret(self) -> bytes:
        """The installation's secret, made at first use; many processes may ask at once, and get the same one."""
        try:
            secret = read_blob(self.vault_url, SECRET_FILE)
        except FileNotFoundError:
            _create(self.vault_url, SECRET_FILE, secrets.token_bytes(SECRET_BYTES))
            secret = read_blob(self.vault_url, SECRET_FILE)
        if len(secret) != SECRET_BYTES:
            raise BrokenVault(f"{SECRET_FILE} has {len(secret)} bytes; it must have {SECRET_BYTES}")
        return secret

    def find_manifest(self, slug: str, dataset: str) -> bytes | None:
        """The data manifest of a published version, or None."""
        try:
            return read_blob(f"{self.vault_url.rstrip('/')}/{slug}/{dataset}", DATA_MANIFEST_FILE)
        except FileNotFoundError:
            return None

    def publish(self, slug: str, dataset: str, public: Path, hidden: Path) -> None:
        """Put a version in its place; one that stood there is replaced.

        Args:
            slug: The challenge.
            dataset: The version.
            public: Folder of the public files.
            hidden: Folder of the hidden ones, the data manifest among them.
        """
        with _only_one(self.vault_url, slug):
            _withdraw(self.vault_url, f"{slug}/{dataset}/{DATA_MANIFEST_FILE}")
            _put(self.storage_url, f"public/{slug}/{dataset}", public, is_secret=False)
            _put(self.vault_url, f"{slug}/{dataset}", hidden, is_secret=True)


def local_folder(url: str) -> Path | None:
    """The folder behind a `file://` URL; None for every other store."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def _create(url: str, name: str, content: bytes) -> None:
    """Write a file that nobody has written yet; whoever was first wins."""
    root = local_folder(url)
    if root is None:
        try:
            _open(url).put(name, content, mode="create")
        except AlreadyExistsError:
            return
        return
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = root / f".{name}-{secrets.token_hex(6)}"
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, root / name)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _put(url: str, key: str, folder: Path, *, is_secret: bool) -> None:
    names = sorted(path.name for path in folder.iterdir())
    names.sort(key=lambda name: name == DATA_MANIFEST_FILE)
    root = local_folder(url)
    if root is None:
        store = _open(url)
        for name in names:
            store.put(f"{key}/{name}", folder / name)
        return
    final = root / key
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if is_secret else 0o755)
    for left in final.parent.glob(f".{final.name}-*"):
        shutil.rmtree(left)
    draft = final.with_name(f".{final.name}-{secrets.token_hex(6)}")
    draft.mkdir()
    for name in names:
        _copy(folder / name, draft / name, 0o600 if is_secret else 0o644)
    draft.chmod(0o700 if is_secret else 0o755)
    _sync(draft)
    if final.exists():
        final.rename(draft.with_name(f"{draft.name}-old"))
    draft.rename(final)
    _sync(final.parent)
    shutil.rmtree(draft.with_name(f"{draft.name}-old"), ignore_errors=True)


def _copy(source: Path, to: Path, mode: int) -> None:
    """Move a file (across file systems if need be), keeping its time; on disk when this returns."""
    shutil.move(source, to)
    to.chmod(mode)
    _sync(to)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _withdraw(url: str, key: str) -> None:
    root = local_folder(url)
    if root is not None:
        (root / key).unlink(missing_ok=True)
    elif _exists(url, key):
        _open(url).delete(key)


def _exists(url: str, key: str) -> bool:
    try:
        _open(url).head(key)
    except FileNotFoundError:
        return False
    return True


def _open(url: str) -> Any:
    return from_url(url)


@contextmanager
def _only_one(url: str, slug: str) -> Iterator[None]:
    """Keep other graders of this vault from publishing the same challenge meanwhile (local vaults)."""
    root = local_folder(url)
    if root is None:
        yield
        return
    (root / slug).mkdir(parents=True, exist_ok=True, mode=0o700)
    with (root / slug / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
