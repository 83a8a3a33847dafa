"""Zip archives of a few known files, read from memory within bounds; no name in them is ever used as a path."""

from __future__ import annotations

import codecs
import stat
import zipfile
import zlib
from io import BytesIO
from typing import NoReturn

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import cite, quote, show_text

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
        refuse(say(Phrase.NO_DIRECTORY))
    try:
        archive = zipfile.ZipFile(BytesIO(content))
        entries = archive.infolist()
    except _BROKEN as error:
        refuse(quote(error))
    names = [entry.filename for entry in entries]
    if len(names) > MOST_ENTRIES:
        refuse(say(Phrase.MANY_ENTRIES, limit=MOST_ENTRIES))
    if len(set(names)) != len(names):
        refuse(say(Phrase.NAME_TWICE))
    for entry in entries:
        if entry.flag_bits & 1 or entry.compress_type not in _METHODS:
            refuse(say(Phrase.ODD_ENTRY, name=show_text(entry.filename)))
        if stat.S_ISLNK(entry.external_attr >> 16):
            refuse(say(Phrase.LINK, name=show_text(entry.filename)))
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
        refuse(say(Phrase.BROKEN_ENTRY, name=show_text(name), said=cite(error)))
    if len(content) != entry.file_size:
        refuse(say(Phrase.ENTRY_SIZE, name=show_text(name)))
    return content


def refuse(problem: Words | Code) -> NoReturn:
    """Refuse an archive.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    raise InvalidSubmission.because(Reason.MALFORMED, expected=Code("zip"), problem=problem)
