"""What a file is, by its first bytes and its name: to choose a kind, and to name what is not taken."""

from __future__ import annotations

import struct
from pathlib import PurePath
from typing import TYPE_CHECKING, NoReturn

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, join, say

if TYPE_CHECKING:
    from collections.abc import Iterable

ONNX, SAFETENSORS, TORCHSCRIPT = Code("ONNX"), Code("safetensors"), Code("TorchScript")
ONNX_ZIP = say(Phrase.ONNX_ZIP)
PICKLE = say(Phrase.PICKLE)
TORCH_PICKLE = say(Phrase.TORCH_PICKLE)
EXPORTED = say(Phrase.EXPORTED)
UNSAFE = (PICKLE, TORCH_PICKLE, EXPORTED, TORCHSCRIPT)
UNKNOWN = say(Phrase.SOMETHING_ELSE)
ZIP = say(Phrase.ZIP)

TITLES = {"onnx": ONNX, "weights": SAFETENSORS, "torchscript": TORCHSCRIPT}
"""What each submission kind takes."""
ZIP_MAGIC = b"PK\x03\x04"
_ENTRY = struct.Struct("<26xHH")
_PICKLE_PROTOCOLS = range(2, 6)
_OTHERS = (
    (b"\x89HDF", Code("HDF5 (Keras)")),
    (b"\x93NUMPY", Code("NumPy .npy")),
    (b"PAR1", Code("Parquet")),
    (b"\x1f\x8b", Code("gzip")),
)
_ONNX_START = b"\x08"
"""Field 1 of the message, the version of the format, as every exporter writes it first."""


def name_format(head: bytes, filename: str = "") -> Words | Code:
    """What a file is, by its first few kilobytes; one of the names above."""
    # the length of a header comes first, and may look like the beginning of anything
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return SAFETENSORS
    if head.startswith(ZIP_MAGIC):
        return _name_zip(head)
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return name
    if len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS:  # noqa: PLR2004 - the opcode PROTO
        return PICKLE
    if head.startswith(_ONNX_START) or PurePath(filename).suffix.lower() == ".onnx":
        return ONNX
    return UNKNOWN


def name_archive(names: Iterable[str]) -> Words | Code:
    """What a zip is, by the names in its directory."""
    tails = {name.partition("/")[2] for name in names if "/" in name}
    whole = set(names)
    if "constants.pkl" in tails and any(tail.startswith("code/") for tail in tails):
        return TORCHSCRIPT
    if "data.pkl" in tails:
        return TORCH_PICKLE
    if {"archive_format", "serialized_exported_program.json"} & (tails | whole):
        return EXPORTED
    return ONNX_ZIP if any(name.endswith(".onnx") for name in whole) else ZIP


def refuse_format(found: Words | Code, kinds: list[str]) -> NoReturn:
    """Refuse what is not of the kinds that a challenge takes, and say what to upload instead.

    Raises:
        InvalidSubmission: UNSAFE_FORMAT for what can run code, else WRONG_TYPE.
    """
    expected = join(Phrase.EITHER, [TITLES[kind] for kind in kinds])
    reason = Reason.UNSAFE_FORMAT if found in UNSAFE else Reason.WRONG_TYPE
    raise InvalidSubmission.because(reason, found=found, expected=expected)


def _name_zip(head: bytes) -> Words | Code:
    """By the name of the first entry: writers put what is telling there."""
    if len(head) < _ENTRY.size:
        return ZIP
    length, _ = _ENTRY.unpack_from(head)
    name = head[_ENTRY.size : _ENTRY.size + length].decode("utf-8", "replace")
    if "/" in name:
        return TORCHSCRIPT
    return ONNX_ZIP
