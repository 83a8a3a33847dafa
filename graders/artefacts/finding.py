"""A whole upload from bytes to what it holds. It runs in the sandbox, and at home in a participant's own process."""

from __future__ import annotations

import math

import numpy as np

from challenges.artefacts import ID, FileFormat, FileSpec
from challenges.phrases import Phrase, say
from graders.artefacts import Ask, Found
from graders.artefacts.arrays import read_array
from graders.artefacts.detections import COLUMNS, read_detections
from graders.artefacts.opening import SPARE, Lone, Opened, malformed, open_upload
from graders.artefacts.pictures import read_picture, shape_of
from graders.artefacts.sheets import read_sheet
from graders.faults import show_text


def find(content: bytes, ask: Ask) -> Found:
    """Open an upload and check all that it holds.

    Args:
        content: The upload.
        ask: What the challenge wants.

    Raises:
        InvalidSubmission: It is not what the challenge takes.
    """
    opened, found = open_upload(content, ask), Found()
    for array in ask.artefacts.arrays:
        found.arrays[array.name] = read_array(opened.read(array.name), array)
    for spec in ask.artefacts.files:
        _READERS[spec.format](opened, spec, ask, found)
    return found


def frame_bytes(ask: Ask) -> int:
    """Most bytes that can honestly come of an upload: a cell of a table is two bytes at least, and becomes eight.

    So does each of the six numbers of a detection, which takes sixty.
    """
    pictures = [spec for spec in ask.artefacts.files if spec.format is FileFormat.PICTURE]
    # a picture of one colour packs to nearly nothing
    drawn = sum(math.prod(shape_of(spec)) * (ask.counts.get(spec.name, 1) + SPARE) for spec in pictures)
    return 8 * ask.artefacts.unpacked_bytes + drawn + (1 << 20)


def _find_sheet(opened: Opened | Lone, spec: FileSpec, ask: Ask, found: Found) -> None:
    like = found.columns[spec.like] if spec.like else None
    ids, columns, block = read_sheet(opened.read(spec.pattern), spec, ask, like)
    found.ids[spec.name], found.columns[spec.name], found.arrays[spec.name] = ids, columns, block


def _find_detections(opened: Opened | Lone, spec: FileSpec, ask: Ask, found: Found) -> None:  # noqa: ARG001 - as for the others
    found.ids[spec.name], found.arrays[spec.name] = read_detections(opened.read(spec.pattern), spec)
    found.columns[spec.name] = list(COLUMNS)


def _find_pictures(opened: Opened | Lone, spec: FileSpec, ask: Ask, found: Found) -> None:  # noqa: ARG001 - as for the others
    paths = opened.matching(spec)
    stack = np.empty((len(paths), *shape_of(spec)), dtype=np.uint8)
    for place, path in enumerate(paths.values()):
        stack[place] = read_picture(opened.read(path), path, spec)
    found.arrays[spec.name] = stack
    if ID in spec.pattern:
        found.ids[spec.name] = list(paths)


def _find_texts(opened: Opened | Lone, spec: FileSpec, ask: Ask, found: Found) -> None:  # noqa: ARG001 - as for the others
    paths = opened.matching(spec)
    found.texts[spec.name] = [_decode(opened.read(path), path) for path in paths.values()]
    if ID in spec.pattern:
        found.ids[spec.name] = list(paths)


def _decode(content: bytes, path: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        malformed(say(Phrase.NOT_UTF8, name=show_text(path), position=error.start), say(Phrase.TEXT))
    if "\0" in text:
        malformed(say(Phrase.ZERO_BYTE, name=show_text(path)), say(Phrase.TEXT))
    return text


_READERS = {
    FileFormat.TABLE: _find_sheet,
    FileFormat.PICTURE: _find_pictures,
    FileFormat.TEXT: _find_texts,
    FileFormat.DETECTIONS: _find_detections,
}
