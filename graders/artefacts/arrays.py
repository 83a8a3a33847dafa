"""One array of an NPZ file: its header is read first, and its numbers are checked; the grader checks them once more."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.lib import format as npy

from challenges.artefacts import ArraySpec, bounds_of, show_shape
from challenges.errors import Facts, Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, say
from graders.artefacts.opening import NPZ, malformed
from graders.faults import show, show_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER_BYTES = 10_000
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_array(content: bytes, spec: ArraySpec) -> NDArray[Any]:
    """Read and check one member.

    Args:
        content: A whole `.npy` file.
        spec: What it must hold.

    Raises:
        InvalidSubmission: It is no such array: PICKLED_OBJECT, WRONG_MEMBER, WRONG_SHAPE, MEMBER_NOT_FINITE,
            MEMBER_OUT_OF_RANGE or MALFORMED.
    """
    file = BytesIO(content)
    shape, is_fortran, dtype = _read_header(file, spec.name)
    if dtype.hasobject:
        raise InvalidSubmission.because(Reason.PICKLED_OBJECT, column=spec.name)
    if dtype.newbyteorder("=") != np.dtype(spec.dtype):
        raise InvalidSubmission.because(
            Reason.WRONG_MEMBER,
            member=spec.name,
            found=say(Phrase.ARRAY_OF, type=show_text(dtype.name)),
            expected=say(Phrase.ARRAY_OF, type=Code(spec.dtype)),
        )
    check_shape(shape, spec)
    start, size_bytes = file.tell(), math.prod(shape) * dtype.itemsize
    if len(content) - start != size_bytes:
        malformed(say(Phrase.ARRAY_SIZE, name=Code(spec.name)), NPZ)
    flat = np.frombuffer(content, dtype=dtype, offset=start).astype(spec.dtype, copy=False)
    array = flat.reshape(shape, order="F" if is_fortran else "C")
    check_numbers(array, spec.name, spec)
    return array


def check_shape(shape: tuple[int, ...], spec: ArraySpec) -> None:
    """Raise InvalidSubmission where a shape is not the challenge's."""
    bounds = [bounds_of(size) for size in spec.shape]
    if len(shape) != len(bounds) or not all(
        least <= size <= (size if most is None else most) for size, (least, most) in zip(shape, bounds, strict=True)
    ):
        expected = Code(show_shape(spec.shape))
        raise InvalidSubmission.because(
            Reason.WRONG_SHAPE, column=spec.name, found=show_text(str(shape)), expected=expected
        )


def check_numbers(array: NDArray[Any], name: str, spec: ArraySpec) -> None:
    """Raise InvalidSubmission where a number is not finite, or beyond the bounds."""
    if array.dtype == np.bool_:
        if array.view(np.uint8).max(initial=0) > 1:
            malformed(say(Phrase.ODD_BYTES, name=Code(name)), NPZ)
        return
    if array.dtype.kind == "f" and spec.finite:
        _refuse_first(~np.isfinite(array), array, name)
    least = -math.inf if spec.minimum is None else spec.minimum
    most = math.inf if spec.maximum is None else spec.maximum
    if math.isfinite(least) or math.isfinite(most):
        span = f"[{least:g}, {most:g}]".replace("inf", "∞")
        _refuse_first((array < least) | (array > most), array, name, span)


def _refuse_first(odd: NDArray[np.bool_], array: NDArray[Any], name: str, span: str = "") -> None:
    if not odd.any():
        return
    place = np.unravel_index(int(odd.argmax()), array.shape)
    facts = Facts(
        member=name, value=show(array[place].item()), place=Code(f"`[{', '.join(str(int(i)) for i in place)}]`")
    )
    if span:
        raise InvalidSubmission([Fault(Reason.MEMBER_OUT_OF_RANGE, {**facts, "expected": Code(span)})])
    raise InvalidSubmission([Fault(Reason.MEMBER_NOT_FINITE, facts)])


def _read_header(file: BytesIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        reader = _READERS[npy.read_magic(file)]
        shape, is_fortran, dtype = reader(file, max_header_size=_HEADER_BYTES)
    # numpy parses the header as a literal: anything may go wrong with a hostile one
    except (ValueError, KeyError, TypeError, SyntaxError, MemoryError, RecursionError, IndexError) as error:
        _no_header(name, error)
    if not all(isinstance(size, int) and 0 <= size < 1 << 40 for size in shape):
        _no_header(name)
    return shape, bool(is_fortran), dtype


def _no_header(name: str, error: Exception | None = None) -> NoReturn:
    try:
        malformed(say(Phrase.ARRAY_HEADER, name=Code(name)), NPZ)
    except InvalidSubmission as refusal:
        raise refusal from error
