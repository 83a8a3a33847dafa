"""Lists in pages that do not shift while rows arrive: a cursor holds the sort values of the last row shown."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from arena.errors import Invalid
from arena.translations import mark

Item = TypeVar("Item")
LONGEST_CURSOR = 1000
LARGEST_PAGE = 100
LARGEST_NUMBER = 2**63


class Page(BaseModel, Generic[Item]):
    """A part of a list, and where the next part begins."""

    items: list[Item]
    next_cursor: str | None = Field(None, description="Send as `cursor` for the next part; null at the end.")


def encode_cursor(*values: str | float | dt.datetime | UUID | None) -> str:
    """The sort values of a row as opaque text.

    >>> decode_cursor(encode_cursor(3, "b"))
    [3, 'b']
    """
    text = json.dumps([_dump(value) for value in values], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, *types: type) -> list[Any]:
    """The sort values of a cursor.

    Args:
        text: What `encode_cursor` made.
        types: What each value must be; none given: anything goes.

    Raises:
        Invalid: The text is not a cursor of such a list.
    """
    try:
        return _parse(text, types)
    except (ValueError, TypeError, RecursionError):
        raise Invalid(field="cursor", problem=mark("is not a cursor that this list gave")) from None


def _parse(text: str, types: tuple[type, ...]) -> list[Any]:
    if len(text) > LONGEST_CURSOR:
        raise ValueError("too long")
    data = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    if not isinstance(data, list):
        raise TypeError("not a list")
    values = [_load(value) for value in data]
    if types and not _fits(values, types):
        raise TypeError("values of other types")
    return values


def _fits(values: list[Any], types: tuple[type, ...]) -> bool:
    return len(values) == len(types) and all(type(v) is t for v, t in zip(values, types, strict=True))


def _dump(value: str | float | dt.datetime | UUID | None) -> Any:
    if isinstance(value, dt.datetime):
        return {"at": value.astimezone(dt.UTC).isoformat()}
    if isinstance(value, UUID):
        return {"id": value.hex}
    return value


def _load(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"at"}:
            at = dt.datetime.fromisoformat(value["at"])
            if at.tzinfo is None:
                raise ValueError("a time without zone")
            return at
        if set(value) == {"id"}:
            return UUID(hex=str(value["id"]))
        raise ValueError("an unknown mark")
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError("not a plain value")
    if isinstance(value, str) and b"\0" in value.encode():  # which refuses halves of surrogate pairs by itself
        raise ValueError("no text of a row")
    if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        raise ValueError("no number of a row")
    return value
