"""Downloads of real data: streamed to disk, stopped at the promised size, kept only with the promised sha256."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from challenges.errors import InvalidSource
from challenges.manifest import SourceFile

ATTEMPTS = 3
TIMEOUT_SECONDS = 30.0
"""Longest silence of a server."""


def download_files(files: list[SourceFile], into: Path, mirror: str = "") -> None:
    """Download every file of a source into a folder, under the last part of its URL.

    Args:
        files: What to download, with size and sha256.
        into: An empty folder.
        mirror: Replaces scheme and host of every URL (and precedes its path) when not empty.

    Raises:
        InvalidSource: A file cannot be had, or is not the promised one.
    """
    names = [name_of(file) for file in files]
    if len(set(names)) < len(names):
        raise InvalidSource(f"two files of the source have the same name: {sorted(names)}")
    with httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client:
        for file, name in zip(files, names, strict=True):
            _download(client, mirrored(file.url, mirror), file, into / name)


def read_list(path: Path) -> list[SourceFile]:
    """Files that a package lists beside its manifest, one a line: sha256, size in bytes, and URL.

    Raises:
        InvalidSource: There is no such list, or a line has another form.
    """
    files = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            digest, size, url = line.split()
            files.append(SourceFile(url, digest, int(size)))
    except (OSError, ValueError) as error:
        raise InvalidSource(f"{path.name}: {error}") from error
    return files


def name_of(file: SourceFile) -> str:
    """The plain file name that a source's file is kept under."""
    name = unquote(urlsplit(file.url).path.rpartition("/")[2])
    if not name or name.startswith(".") or set(name) & set('/\\:"') or not name.isprintable():
        raise InvalidSource(f"{file.url} does not end in a plain file name")
    return name


def mirrored(url: str, mirror: str) -> str:
    """The URL of the same file on a mirror."""
    parts = urlsplit(url)
    if not mirror:
        if parts.scheme not in ("http", "https"):
            raise InvalidSource(f"{url} is neither http nor https")
        return url
    base = urlsplit(mirror)
    return parts._replace(scheme=base.scheme, netloc=base.netloc, path=base.path.rstrip("/") + parts.path).geturl()


def _download(client: httpx.Client, url: str, file: SourceFile, to: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _stream(client, url, file, to)
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                raise InvalidSource(f"{url} cannot be downloaded: {type(error).__name__}: {error}") from error
            time.sleep(0.5 * attempt)
        except httpx.HTTPStatusError as error:
            raise InvalidSource(f"{url} answers {error.response.status_code}") from error
        else:
            return


def _stream(client: httpx.Client, url: str, file: SourceFile, to: Path) -> None:
    whole, size = hashlib.sha256(), 0
    with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer, to.open("wb") as out:
        answer.raise_for_status()
        for chunk in answer.iter_raw(1 << 20):
            size += len(chunk)
            if size > file.size_bytes:
                raise InvalidSource(f"{url} is larger than the promised {file.size_bytes} bytes")
            whole.update(chunk)
            out.write(chunk)
    if size != file.size_bytes:
        raise InvalidSource(f"{url} has {size} bytes; {file.size_bytes} were promised")
    if whole.hexdigest() != file.digest:
        raise InvalidSource(f"{url} has sha256 {whole.hexdigest()}; {file.digest} was promised")
