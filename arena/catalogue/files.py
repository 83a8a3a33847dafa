"""Downloads of public files: whole or in part, resumable, with checksums. Only what a dataset lists can be named.

The answer is decided in the order of RFC 9110, section 13.2.2: If-Match, If-None-Match, then Range under If-Range.
Several ranges at once are answered with the whole file, as the standard permits.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import structlog
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from arena.catalogue.datasets import public_files
from arena.catalogue.models import Challenge, Dataset
from arena.errors import NotFound, NotReady
from arena.problems import answer
from arena.storage import Storage
from arena.translations import choose_language, mark, translate
from challenges.messages import DataFile

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ipynb": "application/x-ipynb+json",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "jpg": "image/jpeg",
    "md": "text/markdown; charset=utf-8",
    "npz": "application/x-npz",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "py": "text/x-python; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "zip": "application/zip",
}
_RANGE = re.compile(r"bytes\s*=\s*(?=\d|-\s*\d)(\d{0,18})\s*-\s*(\d{0,18})\s*\Z", re.IGNORECASE)
_OUTSIDE = mark("The file has {size_bytes} bytes; the range lies outside of it.")
_CHANGED = mark("The file has changed. Download it anew.")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Part:
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """The range that is asked for has no byte in common with the file."""


def get_file(challenge: Challenge, name: str) -> tuple[Dataset, DataFile]:
    """A public file of the data in use.

    Raises:
        NotReady: The challenge has no data yet.
        NotFound: The data has no file of this name.
    """
    if challenge.dataset is None:
        raise NotReady(slug=challenge.slug)
    found = next((file for file in public_files(challenge.dataset) if file.name == name), None)
    if found is None:
        raise NotFound(what="file")
    return challenge.dataset, found


def send_file(request: Request, storage: Storage, dataset: Dataset, file: DataFile) -> Response:
    """Answer with the file, the part of it that is asked for, or the news that it is unchanged."""
    headers = request.headers
    about = _describe(file)
    if "if-match" in headers and not _names(headers["if-match"], file.digest):
        return _refuse(request, 412, "changed", _CHANGED, about)
    if "if-none-match" in headers and _names(headers["if-none-match"], file.digest, weakly=True):
        return Response(status_code=304, headers=about)
    try:
        part = find_part(headers, file) if request.method == "GET" else None
    except Unsatisfiable:
        about["Content-Range"] = f"bytes */{file.size_bytes}"
        return _refuse(request, 416, "range_unsatisfiable", _OUTSIDE, about, size_bytes=file.size_bytes)
    sent = part or Part(0, file.size_bytes)
    about["Content-Length"] = str(sent.end - sent.start)
    if part:
        about["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{file.size_bytes}"
    media_type = content_type_of(file.name)
    if request.method == "HEAD":
        return Response(headers=about, media_type=media_type)
    content = storage.read(_checked_key(storage, dataset, file), sent.start, sent.end)
    return StreamingResponse(content, 206 if part else 200, about, media_type)


def find_part(headers: Mapping[str, str], file: DataFile) -> Part | None:
    """The single range that a request asks for; None: the whole file.

    Raises:
        Unsatisfiable: It lies outside of the file.
    """
    match = _RANGE.match(headers.get("range", ""))
    if match is None or headers.get("if-range", f'"{file.digest}"').strip() != f'"{file.digest}"':
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, file.size_bytes - int(last)), file.size_bytes
    else:
        start, end = int(first), min(int(last) + 1 if last else file.size_bytes, file.size_bytes)
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise Unsatisfiable
    return Part(start, end)


def content_type_of(name: str) -> str:
    """The media type of a file, by its suffix."""
    return CONTENT_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def storage_key(dataset: Dataset, file: DataFile) -> str:
    """Where a public file lies in the storage."""
    return f"public/{dataset.slug}/{dataset.version}/{file.name}"


def _checked_key(storage: Storage, dataset: Dataset, file: DataFile) -> str:
    """The key of a file that is there as its dataset says; what is lost or cut is not sent as if it were right."""
    key = storage_key(dataset, file)
    try:
        size = storage.get_size(key)
    except FileNotFoundError:
        size = -1
    if size != file.size_bytes:
        log.error("a public file is not as prepared", key=key, size_bytes=size, expected_bytes=file.size_bytes)
        raise NotFound(what="file")
    return key


def _describe(file: DataFile) -> dict[str, str]:
    """What every answer about a file says; the digest is that of the whole, whatever part is sent."""
    digest = base64.b64encode(bytes.fromhex(file.digest)).decode()
    plain = file.name.encode("ascii", "replace").decode().replace("?", "_")
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, no-cache",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}",
        "Digest": f"sha-256={digest}",
        "ETag": f'"{file.digest}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Content-Type-Options": "nosniff",
    }


def _names(header: str, digest: str, *, weakly: bool = False) -> bool:
    """Whether a list of ETags holds a file's own, or is `*`."""
    tags = [tag.strip() for tag in header.split(",")]
    return "*" in tags or f'"{digest}"' in tags or (weakly and f'W/"{digest}"' in tags)


def _refuse(
    request: Request, status: int, code: str, sentence: str, about: Mapping[str, str], **facts: int
) -> Response:
    kept = {name: value for name, value in about.items() if name in ("ETag", "Accept-Ranges", "Content-Range")}
    detail = translate(choose_language(request), sentence, **facts)
    return answer(request, status, code, detail, facts=facts, headers=kept)
