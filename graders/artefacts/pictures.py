"""PNG pictures: size and mode are read from the first bytes, before anything is decoded."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from PIL import Image, PngImagePlugin

from challenges.artefacts import MODES, FileSpec
from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import SHOWN_CHARACTERS, cite, show_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD = struct.Struct(">8sI4sIIBB")
_MAGIC, _FIRST = b"\x89PNG\r\n\x1a\n", b"IHDR"
_COLOURS = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
"""Mode of each colour type of the format."""
_BITS = 8
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, zlib.error, EOFError, KeyError, IndexError, OverflowError)
"""What Pillow raises when a picture is broken."""


def prepare() -> None:
    """Load what decoding needs, while it can still be loaded."""
    buffer = BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    Image.open(BytesIO(buffer.getvalue()), formats=["PNG"]).load()
    PngImagePlugin.MAX_TEXT_MEMORY = 1 << 20


def shape_of(spec: FileSpec) -> tuple[int, ...]:
    """Shape of one picture."""
    return (spec.height, spec.width, 3)[: 3 if MODES[spec.mode] > 1 else 2]


def read_picture(content: bytes, path: str, spec: FileSpec) -> NDArray[Any]:
    """Decode one picture.

    Returns:
        Shape (height, width) for mode `L`, (height, width, 3) for `RGB`; uint8.

    Raises:
        InvalidSubmission: WRONG_MEMBER: it is no PNG, of another size or mode, or broken.
    """
    if len(content) < _HEAD.size:
        _refuse(path, say(Phrase.NO_PICTURE), spec)
    magic, _, first, width, height, bits, colour = _HEAD.unpack_from(content)
    if magic != _MAGIC or first != _FIRST:
        _refuse(path, say(Phrase.NO_PICTURE), spec)
    mode = _COLOURS.get(colour, "?")
    if (width, height, mode, bits) != (spec.width, spec.height, spec.mode, _BITS):
        _refuse(path, _describe(width, height, mode, bits), spec)
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            # a second header may say something else than the first
            pixels = np.array(picture) if (picture.size, picture.mode) == ((width, height), mode) else None
    except (*_BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        _refuse(path, say(Phrase.BROKEN_PICTURE, said=cite(error, SHOWN_CHARACTERS)), spec)
    if pixels is None:
        _refuse(path, say(Phrase.TWO_HEADERS), spec)
    return pixels


def _describe(width: int, height: int, mode: str, bits: int) -> Words:
    return say(Phrase.PICTURE, width=width, height=height, mode=Code(mode), bits=bits)


def _refuse(path: str, found: Words, spec: FileSpec) -> NoReturn:
    expected = _describe(spec.width, spec.height, spec.mode, _BITS)
    raise InvalidSubmission.because(Reason.WRONG_MEMBER, member=show_text(path), found=found, expected=expected)
