"""The files of a program: found in the upload inside the sandbox, sent as one frame, and checked again outside."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from challenges.programs import PATH_PATTERN
from graders.artefacts.opening import (
    ZIP_STARTS,
    check_dangers,
    check_expansion,
    list_members,
    open_directory,
    read_member,
)
from graders.faults import Faults, cite, show_text
from graders.sandbox.frames import BrokenFrame

if TYPE_CHECKING:
    from challenges.programs import ProgramSpec
    from graders.programs import Ask
    from graders.sandbox.frames import Frame

RATIO = 200
"""How many times its packed size a file of more than a megabyte may have."""
_OWN = re.compile(r"(?:.*/)?(?:\.[^/]*|__pycache__)(?:/|\Z)")
"""What tools leave beside one's own files: `.git`, `.venv`, bytecode."""
_NAMES = "names"


def find_members(content: bytes, ask: Ask) -> dict[str, bytes]:
    """Open an upload: a zip archive, or the one file that is asked for.

    A folder that holds everything else is left out of the paths, as archives of a folder have it.

    Args:
        content: The upload.
        ask: What the challenge wants.

    Returns:
        Files by path; all that are required are there, and those in Python can be compiled.

    Raises:
        InvalidSubmission: It is not what the challenge takes.
    """
    if len(content) > ask.upload_bytes:
        raise InvalidSubmission.because(Reason.TOO_LARGE, size_bytes=len(content), limit_bytes=ask.upload_bytes)
    if not content:
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    if content.startswith(ZIP_STARTS):
        members = _open(content, ask)
    elif (name := ask.program.lone) and ask.filename.endswith(".py"):
        members = {name: content}
    else:
        raise InvalidSubmission.because(
            Reason.WRONG_TYPE, found=say(Phrase.SOMETHING_ELSE), expected=_expected(ask.program)
        )
    _check_python(members, ask.program)
    return members


def dump_members(members: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Note and arrays of a frame."""
    arrays = {str(n): np.frombuffer(content, dtype=np.uint8) for n, content in enumerate(members.values())}
    return {_NAMES: list(members)}, arrays


def load_members(frame: Frame, ask: Ask) -> dict[str, bytes]:
    """The files of a frame.

    Raises:
        BrokenFrame: It cannot have come from `dump_members`, or breaks the challenge's rules.
    """
    names = frame.note.get(_NAMES)
    if not isinstance(names, list) or not all(isinstance(name, str) and PATH_PATTERN.match(name) for name in names):
        raise BrokenFrame("no list of files")
    members: dict[str, bytes] = {}
    for place, name in enumerate(names):
        array = frame.arrays.get(str(place))
        if array is None or array.ndim != 1 or array.dtype != np.uint8:
            raise BrokenFrame(f"no {place}")
        members[name] = array.tobytes()
    is_whole = all(file.name in members for file in ask.program.files if file.required)
    size = sum(map(len, members.values()))
    is_bounded = len(members) == len(names) <= ask.program.most_files and size <= _most_bytes(ask)
    if not is_whole or not is_bounded or _find_clash(list(members)):
        raise BrokenFrame("other files than may be")
    return members


def frame_bytes(ask: Ask) -> int:
    """Most bytes that can honestly come of an upload."""
    return _most_bytes(ask) + (1 << 18)


def _most_bytes(ask: Ask) -> int:
    return max(ask.program.unpacked_bytes, ask.upload_bytes)


def _expected(program: ProgramSpec) -> Words | Code:
    name = program.lone
    return say(Phrase.EITHER, first=say(Phrase.ZIP), second=Code(f"`{name}`")) if name else say(Phrase.ZIP)


def _open(content: bytes, ask: Ask) -> dict[str, bytes]:
    archive = open_directory(content)
    listed = list_members(archive)
    check_dangers(listed)
    kept = [member for member in listed if not _OWN.match(member.filename)]
    if len(kept) > ask.program.most_files:
        raise InvalidSubmission.because(Reason.TOO_MANY_MEMBERS, found=len(kept), limit=ask.program.most_files)
    # all that is left out counts too: a directory may be made to promise little for what is kept
    check_expansion(listed, len(content), ask.program.unpacked_bytes, RATIO)
    common = _find_folder([member.filename for member in kept], ask.program)
    paths = [member.filename.removeprefix(common) for member in kept]
    _check_paths(paths, ask.program)
    return {path: read_member(archive, member, path) for path, member in zip(paths, kept, strict=True)}


def _find_folder(paths: list[str], program: ProgramSpec) -> str:
    """The folder that all files lie in, with its slash, where what is required would be missing otherwise."""
    if not paths or any(file.name in paths for file in program.files if file.required):
        return ""
    first = paths[0].partition("/")[0] + "/"
    return first if all(path.startswith(first) for path in paths) else ""


def _check_paths(paths: list[str], program: ProgramSpec) -> None:
    """Raise InvalidSubmission for paths of another form, for those there twice, and for what is missing."""
    faults = Faults()
    odd = [path for path in paths if not PATH_PATTERN.match(path)] or _find_clash(paths)
    faults.add([Fault(Reason.UNSAFE_MEMBER, {"member": path, "found": say(Phrase.ODD_PATH)}) for path in odd])
    faults.raise_any()
    for path, count in Counter(paths).items():
        if count > 1:
            faults.add([Fault(Reason.DUPLICATE_MEMBER, {"member": path})])
    expected = Code(", ".join(f"`{file.name}`" for file in program.files if file.required))
    for file in program.files:
        if file.required and file.name not in paths:
            faults.add([Fault(Reason.MISSING_MEMBER, {"member": file.name, "expected": expected})])
    faults.raise_any()


def _find_clash(paths: list[str]) -> list[str]:
    """Paths that are a file and a folder at once."""
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    return [path for path in paths if path in folders]


def _check_python(members: dict[str, bytes], program: ProgramSpec) -> None:
    """Raise InvalidSubmission (WRONG_MEMBER) for a file that is asked for and is no Python."""
    faults = Faults()
    for name in (file.name for file in program.files if file.name.endswith(".py")):
        try:
            if name in members:
                compile(members[name], name, "exec", dont_inherit=True)
        # ValueError: a zero byte; LookupError: an encoding that nobody knows; the others: what is nested too deeply
        except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 0
            found = say(Phrase.NO_PYTHON, row=line, said=cite(getattr(error, "msg", error), 100))
            faults.add(
                [
                    Fault(
                        Reason.WRONG_MEMBER,
                        {"member": show_text(name), "found": found, "expected": say(Phrase.PYTHON_FILE)},
                    )
                ]
            )
    faults.raise_any()
