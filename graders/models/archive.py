"""Zip archives of a few known files, read from memory within bounds; no name in them is ever used as a path."""

from __future__ import annotations

import codecs
import stat
import zipfile
import zlib
from io import BytesIO
from typing import NoReturn

from challenges.errors import InvalidSubmission, Reason

MOST_ENTRIES = 10_000
_DIRECTORY_END = b"PK\x05\x06"
_DIRECTORY_BYTES = 1 << 22
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, OverflowError)
codecs.lookup("cp437")  # names in an archive need it, and a sealed guest can load nothing


def open_archive(content: bytes, expanded_bytes: int) -> zipfile.ZipFile:
    """The archive, its directory checked: number, names, kinds, encryption and whole size of the entries.

    Args:
        content: The file.
        expanded_bytes: What it may unpack to.

    Raises:
        InvalidSubmission: MALFORMED or EXPANDS_TOO_MUCH.
    """
    end = content.rfind(_DIRECTORY_END)
    claimed = int.from_bytes(content[end + 12 : end + 16], "little")
    if end < 0 or claimed > _DIRECTORY_BYTES:
        refuse("its directory is missing or too large")
    try:
        archive = zipfile.ZipFile(BytesIO(content))
        entries = archive.infolist()
    except _BROKEN as error:
        refuse(str(error) or type(error).__name__)
    names = [entry.filename for entry in entries]
    if len(names) > MOST_ENTRIES:
        refuse(f"it has more than {MOST_ENTRIES} entries")
    if len(set(names)) != len(names):
        refuse("a name appears twice in it")
    for entry in entries:
        if entry.flag_bits & 1 or entry.compress_type not in _METHODS:
            refuse(f"`{entry.filename[:60]}` is encrypted, or packed in another way than stored or deflated")
        if stat.S_ISLNK(entry.external_attr >> 16):
            refuse(f"`{entry.filename[:60]}` is a link")
    size = sum(entry.file_size for entry in entries)
    if size > expanded_bytes:
        raise InvalidSubmission.because(Reason.EXPANDS_TOO_MUCH, size_bytes=size, limit_bytes=expanded_bytes)
    return archive


def read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """One entry, never more than its directory promises.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    try:
        entry = archive.getinfo(name)
        with archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
    except (*_BROKEN, KeyError) as error:
        refuse(f"`{name[:60]}`: {error or type(error).__name__}")
    if len(content) != entry.file_size:
        refuse(f"`{name[:60]}` has not the size its directory promises")
    return content


def refuse(problem: str) -> NoReturn:
    """Refuse an archive.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    raise InvalidSubmission.because(Reason.MALFORMED, expected="zip", problem=problem[:200])
