"""Hidden inputs of a challenge that takes models: `inputs.npz` of the vault, in the order of the answers."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from challenges.model import ANY, ModelSpec, Reading
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

INPUTS_FILE = "inputs.npz"
ID_ARRAY = "id"


@dataclass(frozen=True, eq=False)
class HiddenInputs:
    """What models are given."""

    arrays: list[NDArray[Any]]
    """One for each input of the challenge's list, as stored: rows in the order of the answers, then shown rows."""
    scored: int
    """Rows that have an answer."""
    shown: list[str]
    """Ids of the rows after them, which are run and shown and never scored."""
    secret: bytes
    """sha256 of the arrays, which nobody outside can tell."""


def load_inputs(content: bytes, model: ModelSpec, ids: Sequence[Any]) -> HiddenInputs:
    """Read `inputs.npz`.

    Args:
        content: The file: array `id`, and one array for each input, rows first.
        model: Names the inputs.
        ids: Of the answers, in their order.

    Raises:
        BrokenChallenge: Arrays are missing or of wrong sizes, or a row is missing.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BrokenChallenge(f"{INPUTS_FILE}: {error}") from error
    for name in (ID_ARRAY, *(tensor.name for tensor in model.inputs)):
        if name not in found:
            raise BrokenChallenge(f"{INPUTS_FILE} lacks array {name!r}")
    places = {value: row for row, value in enumerate(found[ID_ARRAY].tolist())}
    if len(places) != len(found[ID_ARRAY]):
        raise BrokenChallenge(f"{INPUTS_FILE}: an id appears twice")
    missing = sum(value not in places for value in ids)
    if missing:
        raise BrokenChallenge(f"{INPUTS_FILE} lacks {missing} rows of the answers")
    known = set(ids)
    shown = [value for value in places if value not in known]
    order = np.array([places[value] for value in (*ids, *shown)], dtype=np.intp)
    arrays = []
    for tensor in model.inputs:
        array = np.ascontiguousarray(found[tensor.name][order])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        array.setflags(write=False)
        _check_shape(array, model, tensor.name, tensor.shape)
        arrays.append(array)
    secret = hashlib.sha256(b"".join(hashlib.sha256(array.data).digest() for array in arrays)).digest()
    return HiddenInputs(arrays, len(ids), [str(value) for value in shown], secret)


def _check_shape(array: NDArray[Any], model: ModelSpec, name: str, shape: list[int]) -> None:
    """Sizes as declared; of tokens there is one more, since the last is only to be predicted."""
    more = int(model.reading is Reading.NEXT_TOKEN)
    expected = [size if size == ANY else size + (more if axis == 1 else 0) for axis, size in enumerate(shape)]
    fits = array.ndim == len(expected) and all(
        size in (ANY, found) for size, found in zip(expected, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "iufb":
        raise BrokenChallenge(f"{INPUTS_FILE}: {name!r} is {array.dtype} {array.shape}, not numbers {tuple(expected)}")
    if model.reading is Reading.NEXT_TOKEN and (len(model.inputs) != 1 or array.dtype.kind not in "iu"):
        raise BrokenChallenge("reading next_token needs one input, of whole numbers")
