"""An archive's directory, checked before anything is unpacked; no name in it is ever used as a path."""

from __future__ import annotations

import codecs
import re
import stat
import zipfile
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, NoReturn

from challenges.artefacts import ID, FileSpec
from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import Faults, cite, show_text

if TYPE_CHECKING:
    from graders.artefacts import Ask

ARRAY_SUFFIX = ".npy"
NPZ = Code("NumPy .npz")
_ONE_ARRAY = b"\x93NUMPY"
LOOSE_COUNT = 10_000
"""Files of one pattern, at most, where the number of ids is not known."""
SPARE = 20
"""Members beyond the expected ones that are still named one by one."""
_DIRECTORY_END = b"PK\x05\x06"
ZIP_STARTS = (b"PK\x03\x04", _DIRECTORY_END)
"""How a zip archive begins."""
_DIRECTORY_BYTES = 1 << 22
_FREE_BYTES = 1 << 20
"""Smaller members may pack as well as they like."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHATTER = re.compile(r"__MACOSX/|(?:.*/)?(?:\.DS_Store|Thumbs\.db)\Z")
"""What file managers put into archives unasked."""
_DRIVE = re.compile(r"[A-Za-z]:")
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What zipfile raises when an archive is broken."""
codecs.lookup("cp437")  # names in an archive need it, and a sealed guest can load nothing


class Opened:
    """An archive whose directory is as the challenge wants it.

    Args:
        content: The upload.
        ask: What the challenge wants.

    Raises:
        InvalidSubmission: It is not.
    """

    def __init__(self, content: bytes, ask: Ask) -> None:
        self._archive = _open(content, ask)
        members = list_members(self._archive)
        expected = _expect(ask)
        most = sum(count for _, count, _ in expected.values())
        if len(members) > most + SPARE:
            raise InvalidSubmission.because(Reason.TOO_MANY_MEMBERS, found=len(members), limit=most)
        _check_names(members, expected)
        _check_sizes(members, content, ask)
        self.members = {_name_of(member): member for member in members}
        """By path, arrays without their suffix."""

    def matching(self, spec: FileSpec) -> dict[str, str]:
        """Paths of the files of a pattern by the id that stands for its `*`, in the order of the ids."""
        found = {match[1]: path for path in self.members if (match := pattern_of(spec).match(path))}
        return dict(sorted(found.items()))

    def read(self, name: str) -> bytes:
        """One member, never more than its directory promises.

        Raises:
            InvalidSubmission: MALFORMED.
        """
        return read_member(self._archive, self.members[name], name)


def list_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, without what file managers put into it unasked."""
    return [m for m in archive.infolist() if not m.is_dir() and not _CHATTER.match(m.filename)]


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """One member, never more than its directory promises.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size + 1)
    except BROKEN as error:
        malformed(say(Phrase.BROKEN_ENTRY, name=show_text(name), said=cite(error, 100)))
    if len(content) != member.file_size:
        malformed(say(Phrase.ENTRY_SIZE, name=show_text(name)))
    return content


class Lone:
    """A single file that was sent without an archive.

    Args:
        content: The upload.
        spec: What it must be.

    Raises:
        InvalidSubmission: TOO_LARGE.
    """

    def __init__(self, content: bytes, spec: FileSpec) -> None:
        if len(content) > spec.file_bytes:
            raise InvalidSubmission.because(Reason.TOO_LARGE, size_bytes=len(content), limit_bytes=spec.file_bytes)
        self._content = content
        self._path = spec.pattern

    def matching(self, spec: FileSpec) -> dict[str, str]:  # noqa: ARG002 - as of an archive
        """Its path, under no id."""
        return {"": self._path}

    def read(self, name: str) -> bytes:  # noqa: ARG002 - as of an archive
        """All of it."""
        return self._content


def open_upload(content: bytes, ask: Ask) -> Opened | Lone:
    """Open an archive, or the only file that is asked for as it is.

    Raises:
        InvalidSubmission: It is neither, or too large.
    """
    if len(content) > ask.upload_bytes:
        raise InvalidSubmission.because(Reason.TOO_LARGE, size_bytes=len(content), limit_bytes=ask.upload_bytes)
    if not content:
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    spec = ask.artefacts.lone
    return Lone(content, spec) if spec and not content.startswith(ZIP_STARTS) else Opened(content, ask)


def pattern_of(spec: FileSpec) -> re.Pattern[str]:
    """What a path must be; group 1 is the id, or empty."""
    before, star, after = spec.pattern.partition(ID)
    return re.compile(f"{re.escape(before)}({'[A-Za-z0-9_-]{1,100}' if star else ''}){re.escape(after)}\\Z")


def malformed(problem: Words, expected: Words | Code | None = None) -> NoReturn:
    """Refuse what is broken as such; `expected` is what it should have been, by default a zip archive.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    raise InvalidSubmission.because(Reason.MALFORMED, expected=expected or say(Phrase.ZIP), problem=problem)


def _open(content: bytes, ask: Ask) -> zipfile.ZipFile:
    if not content.startswith(ZIP_STARTS):
        found = Code("NumPy .npy") if content.startswith(_ONE_ARRAY) else say(Phrase.SOMETHING_ELSE)
        raise InvalidSubmission.because(
            Reason.WRONG_TYPE, found=found, expected=NPZ if ask.artefacts.arrays else say(Phrase.ZIP)
        )
    return open_directory(content)


def open_directory(content: bytes) -> zipfile.ZipFile:
    """An archive whose directory is there and not too large.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    end = content.rfind(_DIRECTORY_END)
    if end < 0 or int.from_bytes(content[end + 12 : end + 16], "little") > _DIRECTORY_BYTES:
        malformed(say(Phrase.NO_DIRECTORY))
    try:
        return zipfile.ZipFile(BytesIO(content))
    except BROKEN:
        malformed(say(Phrase.NO_DIRECTORY))


def _expect(ask: Ask) -> dict[str, tuple[re.Pattern[str], int, bool]]:
    """By the name that participants read: what a path must be, how many there may be, and whether it must be there."""
    named = {f"{a.name}{ARRAY_SUFFIX}": (re.compile(f"{a.name}\\Z"), 1, True) for a in ask.artefacts.arrays}
    for spec in ask.artefacts.files:
        many = ID in spec.pattern
        named[spec.pattern] = (pattern_of(spec), ask.counts.get(spec.name, LOOSE_COUNT) if many else 1, not many)
    return named


def _check_names(members: list[zipfile.ZipInfo], expected: dict[str, tuple[re.Pattern[str], int, bool]]) -> None:
    """Raise InvalidSubmission for links, paths that lead elsewhere, encryption; then for names too many or too few."""
    faults, told = Faults(), Code(", ".join(f"`{name}`" for name in expected))
    check_dangers(members)
    names = [_name_of(member) for member in members]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1) if len(set(names)) < len(names) else ():
        faults.add([Fault(Reason.DUPLICATE_MEMBER, {"member": name})])
    for name in dict.fromkeys(names):
        if not any(pattern.match(name) for pattern, _, _ in expected.values()):
            faults.add([Fault(Reason.UNKNOWN_MEMBER, {"member": name, "expected": told})])
    for shown, (pattern, _, is_single) in expected.items():
        if is_single and not any(pattern.match(name) for name in names):
            faults.add([Fault(Reason.MISSING_MEMBER, {"member": shown, "expected": told})])
    faults.raise_any()


def _check_sizes(members: list[zipfile.ZipInfo], content: bytes, ask: Ask) -> None:
    """Raise InvalidSubmission for what would unpack to too much: one file, all together, or by too large a ratio."""
    check_expansion(members, len(content), ask.artefacts.unpacked_bytes, ask.artefacts.ratio)
    for member in members:
        for spec in ask.artefacts.files:
            if member.file_size > spec.file_bytes and pattern_of(spec).match(member.filename):
                raise InvalidSubmission.because(
                    Reason.MEMBER_TOO_LARGE,
                    member=show_text(member.filename),
                    size_bytes=member.file_size,
                    limit_bytes=spec.file_bytes,
                )


def check_dangers(members: list[zipfile.ZipInfo]) -> None:
    """Raise InvalidSubmission (UNSAFE_MEMBER) for links, paths that lead elsewhere, and encryption."""
    faults = Faults()
    odd = [(m.filename, found) for m in members if (found := _find_danger(m))]
    faults.add([Fault(Reason.UNSAFE_MEMBER, {"member": name, "found": found}) for name, found in odd])
    faults.raise_any()


def check_expansion(members: list[zipfile.ZipInfo], size: int, limit: int, ratio: int) -> None:
    """Raise InvalidSubmission (EXPANDS_TOO_MUCH) where an archive of this size would unpack to more than it may.

    Args:
        members: Its files.
        size: Of the archive, in bytes.
        limit: All files together, in bytes.
        ratio: How many times its packed size a file of more than a megabyte may have.
    """
    total = sum(m.file_size for m in members)
    if total > limit:
        raise InvalidSubmission.because(Reason.EXPANDS_TOO_MUCH, size_bytes=total, limit_bytes=limit)
    for member in members:
        most = max(_FREE_BYTES, ratio * min(member.compress_size, size))
        if member.file_size > most:
            raise InvalidSubmission.because(Reason.EXPANDS_TOO_MUCH, size_bytes=member.file_size, limit_bytes=most)


def _find_danger(member: zipfile.ZipInfo) -> Words | None:
    """What is not to be opened about a member; None for a plain file under a plain relative path."""
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    dangers = {
        Phrase.LOCKED: bool(member.flag_bits & 1),
        Phrase.SYMBOLIC_LINK: kind == stat.S_IFLNK,
        Phrase.NO_PLAIN_FILE: kind not in (0, stat.S_IFREG),
        Phrase.ODD_METHOD: member.compress_type not in _METHODS,
        Phrase.ABSOLUTE_PATH: name.startswith(("/", "\\")) or bool(_DRIVE.match(name)),
        Phrase.PATH_UPWARDS: ".." in re.split(r"[/\\]", name),
        Phrase.ODD_PATH: any(odd in name for odd in ("\\", "\0", "//")),
    }
    return next((say(danger) for danger, holds in dangers.items() if holds), None)


def _name_of(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(ARRAY_SUFFIX)
