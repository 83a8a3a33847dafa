"""What an upload holds as the arrays of a frame, and back: the second half believes nothing of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from challenges.artefacts import ANY, ID, ArraySpec, FileFormat, FileSpec
from challenges.errors import InvalidSubmission
from challenges.texts import Text
from graders.artefacts import Ask, Found
from graders.artefacts.arrays import check_numbers, check_shape
from graders.artefacts.detections import COLUMNS, check_rows
from graders.artefacts.pictures import shape_of
from graders.sandbox.frames import BrokenFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.sandbox.frames import Frame

_ARRAY, _IDS, _COLUMNS, _TEXTS = "array ", "ids ", "columns ", "texts "
_SEPARATOR = "\0"
"""Between texts that travel together; none of them holds one."""
_NOTHING = Text("", "")


def dump_found(found: Found) -> dict[str, NDArray[Any]]:
    """Arrays of a frame."""
    arrays = {_ARRAY + name: array for name, array in found.arrays.items()}
    for kind, texts in ((_IDS, found.ids), (_COLUMNS, found.columns), (_TEXTS, found.texts)):
        for name, listed in texts.items():
            # each text ends with the separator, so that no text at all and one empty text differ
            whole = "".join(f"{text.replace(_SEPARATOR, ' ')}{_SEPARATOR}" for text in listed)
            arrays[kind + name] = np.frombuffer(whole.encode(), dtype=np.uint8)
    return arrays


def load_found(frame: Frame, ask: Ask) -> Found:
    """What the upload of a frame holds.

    Raises:
        BrokenFrame: It cannot have come from `dump_found`, or breaks the challenge's rules.
    """
    found = Found()
    for array in ask.artefacts.arrays:
        found.arrays[array.name] = _take(frame, array)
    for spec in ask.artefacts.files:
        _load_file(frame, spec, found)
    return found


def _load_file(frame: Frame, spec: FileSpec, found: Found) -> None:
    counts = []
    if spec.ids:
        found.ids[spec.name] = _take_texts(frame, _IDS + spec.name)
        counts.append(len(found.ids[spec.name]))
    if spec.format is FileFormat.DETECTIONS:
        found.columns[spec.name] = list(COLUMNS)
        found.arrays[spec.name] = _take(frame, ArraySpec(spec.name, "float64", [ANY, len(COLUMNS)], _NOTHING))
        counts.append(len(found.arrays[spec.name]))
        if check_rows(found.ids[spec.name], found.arrays[spec.name], spec):
            raise BrokenFrame(f"{spec.name} is not as it was said to be")
    elif spec.format is FileFormat.TEXT:
        found.texts[spec.name] = _take_texts(frame, _TEXTS + spec.name)
        counts.append(len(found.texts[spec.name]))
    else:
        found.arrays[spec.name] = _take(frame, _as_array(frame, spec, found))
        counts.append(len(found.arrays[spec.name]))
    is_single = ID not in spec.pattern and spec.format in (FileFormat.PICTURE, FileFormat.TEXT)
    if len(set(counts)) > 1 or (is_single and counts != [1]):
        raise BrokenFrame(f"another number of {spec.name}")


def _as_array(frame: Frame, spec: FileSpec, found: Found) -> ArraySpec:
    """What the array of pictures, or of a table's numbers, must be."""
    if spec.format is FileFormat.PICTURE:
        return ArraySpec(spec.name, "uint8", [ANY, *shape_of(spec)], _NOTHING)
    columns = found.columns[spec.name] = _take_texts(frame, _COLUMNS + spec.name)
    expected = spec.columns or (found.columns[spec.like] if spec.like else columns)
    if columns != expected or len(set(columns)) != len(columns) or not 0 < len(columns) <= len(expected):
        raise BrokenFrame(f"other columns of {spec.name}")
    if not spec.columns and not spec.like and len(columns) > spec.most_columns:
        raise BrokenFrame(f"too many columns of {spec.name}")
    return ArraySpec(spec.name, "float64", [ANY, len(columns)], _NOTHING, minimum=spec.minimum, maximum=spec.maximum)


def _take(frame: Frame, spec: ArraySpec) -> NDArray[Any]:
    array = frame.arrays.get(_ARRAY + spec.name)
    if array is None or array.dtype != np.dtype(spec.dtype):
        raise BrokenFrame(f"no {spec.name}")
    try:
        check_shape(array.shape, spec)
        check_numbers(array, spec.name, spec)
    except InvalidSubmission as refusal:
        raise BrokenFrame(f"{spec.name} is not as it was said to be") from refusal
    return array


def _take_texts(frame: Frame, name: str) -> list[str]:
    content = frame.arrays.get(name)
    if content is None or content.ndim != 1 or content.dtype != np.uint8:
        raise BrokenFrame(f"no {name}")
    try:
        text = content.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenFrame(f"{name} is not UTF-8") from error
    if text and not text.endswith(_SEPARATOR):
        raise BrokenFrame(f"{name} is cut")
    return text.split(_SEPARATOR)[:-1]
