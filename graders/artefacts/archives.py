"""Archives and pictures as no honest tool writes them, for specimens."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO

_COLOURS = {"L": (0, 1), "RGB": (2, 3), "RGBA": (6, 4)}
"""Of PNG: colour type and channels of a mode."""
_FLAGS = {b"PK\x03\x04": 6, b"PK\x01\x02": 8}
"""Where the flags stand behind each signature of a zip."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive."""

    name: str
    content: bytes
    mode: int = 0o100644
    """Kind and rights of a file, as Unix has them."""
    method: int = zipfile.ZIP_DEFLATED


def pack(members: list[Member]) -> bytes:
    """A zip archive; names may come twice and lead anywhere."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            info = zipfile.ZipInfo("x")
            # set afterwards: the constructor tidies names up
            info.filename = member.name
            info.external_attr = member.mode << 16
            info.compress_type = member.method
            archive.NameToInfo.pop(member.name, None)  # otherwise it warns of a name that is there already
            archive.writestr(info, member.content)
    return buffer.getvalue()


def encrypt(content: bytes) -> bytes:
    """The same archive, whose entries claim to be encrypted."""
    changed = bytearray(content)
    for signature, offset in _FLAGS.items():
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            changed[start + offset] |= 1
    return bytes(changed)


def png(
    width: int, height: int, mode: str = "RGB", claims: tuple[int, int] | None = None, *, is_second: bool = False
) -> bytes:
    """A black PNG picture.

    Args:
        width: In pixels.
        height: In pixels.
        mode: `L`, `RGB` or `RGBA`.
        claims: Width and height that its header claims instead.
        is_second: They stand in a second header, behind an honest one.
    """
    colour, channels = _COLOURS[mode]

    def header(size: tuple[int, int]) -> bytes:
        return _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0))

    headers = header(claims if claims and not is_second else (width, height))
    headers += header(claims) if claims and is_second else b""
    pixels = zlib.compress((b"\0" + bytes(width * channels)) * height)
    return b"\x89PNG\r\n\x1a\n" + headers + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
