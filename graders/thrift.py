"""A reader of Thrift's compact protocol: structs as dictionaries by field number, hostile input expected."""

from __future__ import annotations

from typing import Any

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)
_DEPTH = 16
_VARINT_BITS = 70
_LONG_LIST = 15
_ELEMENTS = 1_000_000


class ThriftError(ValueError):
    """Bytes that are no struct in the compact protocol."""

    def __init__(self, problem: str = "broken metadata") -> None:
        super().__init__(problem)


def read_struct(content: bytes, place: int) -> tuple[dict[int, Any], int]:
    """Read one struct.

    Args:
        content: The whole file.
        place: Where the struct begins.

    Returns:
        Its fields by number (integers, bytes, lists, dictionaries), and where it ends.

    Raises:
        ThriftError: The bytes are no struct, nest too deeply, or end too early.
    """
    reader = _Reader(content, place)
    try:
        return reader.struct(0), reader.place
    except IndexError as error:
        raise ThriftError("cut off") from error


class _Reader:
    """A place in the bytes that moves on."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content = content
        self.place = place
        self._elements = 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEPTH:
            raise ThriftError("nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            kind = head & 15
            if kind == _STOP:
                return fields
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(kind, depth, in_list=False)

    def _value(self, kind: int, depth: int, *, in_list: bool) -> Any:  # noqa: PLR0911 - one per type of Thrift
        if kind in (_TRUE, _FALSE):
            return self._byte() == _TRUE if in_list else kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _DOUBLE:
            return self._take(8)
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ThriftError("unknown type")

    def _list(self, depth: int) -> list[Any]:
        if depth > _DEPTH:
            raise ThriftError("nested too deeply")
        head = self._byte()
        length = head >> 4 if head >> 4 != _LONG_LIST else self._varint()
        self._elements += length
        if self._elements > _ELEMENTS:
            raise ThriftError("too many elements")
        return [self._value(head & 15, depth + 1, in_list=True) for _ in range(length)]

    def _byte(self) -> int:
        value = self.content[self.place]
        self.place += 1
        return value

    def _take(self, size_bytes: int) -> bytes:
        taken = self.content[self.place : self.place + size_bytes]
        if len(taken) != size_bytes:
            raise ThriftError("cut off")
        self.place += size_bytes
        return taken

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the highest bit says that more follows
                return value
            shift += 7
            if shift > _VARINT_BITS:
                raise ThriftError("number too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
