"""Detections as COCO's results list them: one JSON array of boxes, each with its picture, category and score.

Source: Lin and others, Microsoft COCO: Common Objects in Context, 2014; the form that `loadRes` of pycocotools reads.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from challenges.errors import Facts, Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.artefacts.opening import malformed
from graders.faults import Faults, cite, show_text
from graders.tables import UTF8_MARK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenges.artefacts import FileSpec

COLUMNS = ["category_id", "x", "y", "width", "height", "score"]
_ID, _CATEGORY, _BOX, _SCORE = "image_id", "category_id", "bbox", "score"
_SHOWN = [_CATEGORY, *(f"{_BOX}[{place}]" for place in range(4)), _SCORE]
"""How faults call the columns."""
_EXACT_DIGITS = 18
"""Longer whole numbers are read as floats: too large for anything here, and slow to read."""
_KINDS = {
    bool: Phrase.TRUE_OR_FALSE,
    list: Phrase.LIST,
    tuple: Phrase.OBJECT,
    str: Phrase.TEXT,
    type(None): Phrase.NOTHING,
    int: Phrase.NUMBER,
    float: Phrase.NUMBER,
}


def read_detections(content: bytes, spec: FileSpec) -> tuple[list[str], NDArray[np.float64]]:
    """Read and check a list of detections; keys that are not needed are left out.

    Args:
        content: A whole JSON file.
        spec: What it must hold.

    Returns:
        The id of each detection's picture, and its numbers in the order of `COLUMNS`, shape (rows, 6).

    Raises:
        InvalidSubmission: It is no such list; faults name the row, counted from 1, and what is wrong in it.
    """
    rows = _parse(content)
    faults = Faults()
    ids: list[str] = []
    block = np.zeros((len(rows), len(COLUMNS)))
    for place, row in enumerate(rows):
        record = _read_object(row, place + 1)
        found = [_find_wrong(record, place + 1)] if _is_wrong(record) else []
        faults.add(found)
        if not found:
            name = record[_ID]
            # half of a surrogate pair is legal JSON, and no text
            ids.append(name if name.isascii() else name.encode("utf-8", "replace").decode("utf-8"))
            block[place] = (record[_CATEGORY], *record[_BOX], record[_SCORE])
    faults.raise_any()
    check_rows(ids, block, spec).raise_any()
    return ids, block


def check_rows(ids: list[str], block: NDArray[np.float64], spec: FileSpec) -> Faults:
    """What is wrong with the numbers of detections, and ids that have too many.

    Args:
        ids: Of each row.
        block: Shape (rows, 6), in the order of `COLUMNS`.
        spec: What they must be.
    """
    faults = Faults()
    legal, expected = _find_legal(block, spec)
    finite = np.isfinite(block)
    for column, name in enumerate(_SHOWN):
        for reason, odd in (
            (Reason.NOT_FINITE, ~finite[:, column]),
            (Reason.OUT_OF_RANGE, finite[:, column] & ~legal[:, column]),
        ):
            told = partial(_tell_number, name, block[:, column], expected[column])
            faults.add_rows(reason, np.flatnonzero(odd), told)
    crowded = [(name, count) for name, count in Counter(ids).items() if count > spec.most_per_id]
    few = crowded[: faults.limit]
    facts = [Facts(value=name, found=count, limit=spec.most_per_id) for name, count in few]
    faults.add([Fault(Reason.TOO_MANY_ROWS, fact) for fact in facts], len(crowded))
    return faults


def _find_legal(block: NDArray[np.float64], spec: FileSpec) -> tuple[NDArray[np.bool_], list[Code | Words]]:
    """Which of the finite numbers are as they must be, and for each column what that is."""
    least = -math.inf if spec.minimum is None else spec.minimum
    most = math.inf if spec.maximum is None else spec.maximum
    category, corner, size = block[:, :1], block[:, 1:3], block[:, 3:5]
    is_category = (category >= 1) & (category <= spec.categories) & (category == np.floor(category))
    anything = np.ones((len(block), 1), dtype=np.bool_)
    legal = [is_category, (corner >= least) & (corner <= most), (size > 0) & (size <= most), anything]
    low, high = ("(-∞" if least == -math.inf else f"[{least:g}"), ("∞)" if most == math.inf else f"{most:g}]")
    inside, above = Code(f"{low}, {high}"), Code(f"(0, {high}")
    whole = say(Phrase.WHOLE, span=Code(f"[1, {spec.categories}]"))
    return np.concatenate(legal, axis=1), [whole, inside, inside, above, above, Code("(-∞, ∞)")]


def _tell_number(name: str, values: NDArray[np.float64], expected: Code | Words, row: int) -> Facts:
    return Facts(column=name, value=float(values[row]), expected=expected)


def _parse(content: bytes) -> list[Any]:
    """The JSON array of a file, its objects as tuples of pairs, so that a key given twice is not lost."""
    content = content.removeprefix(UTF8_MARK)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=error.start) from error
    if not text.strip():
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    try:
        rows = _DECODER.decode(text)
    except RecursionError:
        _refuse(say(Phrase.DEEP_JSON))
    except ValueError as error:
        _refuse(say(Phrase.BROKEN_JSON, said=cite(error)))
    if not isinstance(rows, list):
        _refuse(say(Phrase.NO_JSON_ARRAY))
    return rows


def _read_object(row: object, number: int) -> dict[str, Any]:
    """An object with all the keys that are needed, none of them twice."""
    if not isinstance(row, tuple):
        _refuse(say(Phrase.NO_OBJECT, row=number))
    record = dict(row)
    if len(record) < len(row):
        twice = Counter(name for name, _ in row).most_common(1)[0][0]
        _refuse(say(Phrase.KEY_TWICE, row=number, name=show_text(twice)))
    for name in (_ID, _CATEGORY, _BOX, _SCORE):
        if name not in record:
            _refuse(say(Phrase.NO_KEY, row=number, name=Code(name)))
    return record


def _is_wrong(record: dict[str, Any]) -> bool:
    box = record[_BOX]
    return not (
        type(record[_ID]) is str
        and type(box) is list
        and len(box) == 4  # noqa: PLR2004 - x, y, width, height
        and all(type(number) in (int, float) for number in (record[_CATEGORY], record[_SCORE], *box))
    )


def _find_wrong(record: dict[str, Any], number: int) -> Fault:
    """The value of a wrong type; to be asked where there is one."""
    if type(record[_ID]) is not str:
        return _tell_type(_ID, record[_ID], number, say(Phrase.TEXT))
    for name in (_CATEGORY, _SCORE):
        if type(record[name]) not in (int, float):
            return _tell_type(name, record[name], number, say(Phrase.NUMBER))
    return _tell_type(_BOX, record[_BOX], number, say(Phrase.BOX))


def _tell_type(name: str, value: object, row: int, expected: Words) -> Fault:
    found = say(Phrase.IN_ROW, found=say(_KINDS[type(value)]), row=row)
    return Fault(Reason.WRONG_DTYPE, {"column": name, "found": found, "expected": expected, "row": row})


def _to_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _EXACT_DIGITS else float(digits)


def _refuse(problem: Words) -> NoReturn:
    malformed(problem, say(Phrase.COCO_RESULTS))


_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=_to_number)
