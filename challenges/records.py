"""Untyped data (TOML, JSON) into frozen dataclasses and back, strictly: unknown keys and wrong types are refused.

Only what manifests and messages need: str, int, float, bool, enums, dataclasses, lists, dicts and optional values.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


class RecordError(ValueError):
    """Data that does not fit its dataclass; the message starts with the path of the field."""


def parse_record(cls: type[T], data: object, path: str = "") -> T:
    """Build `cls` from a mapping, checking every key and type.

    Args:
        cls: A dataclass.
        data: What `tomllib` or `json` returned.
        path: Where `data` stands, for the error text.

    Raises:
        RecordError: A key is unknown or missing, or a value has the wrong type.
    """
    if not isinstance(data, dict):
        raise RecordError(f"{path or 'the document'} must be a table, not {type(data).__name__}")
    hints = _hints(typing.cast("type", cls))
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise RecordError(f"{_join(path, str(key))} is not a known field; known: {', '.join(fields)}")
    values: dict[str, Any] = {}
    for name, spec in fields.items():
        if name in data:
            values[name] = _parse_value(hints[name], data[name], _join(path, name))
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise RecordError(f"{_join(path, name)} is missing")
    return cls(**values)


def dump_record(value: object) -> Any:
    """The record as JSON-ready data; enums become their values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: dump_record(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {str(k): dump_record(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [dump_record(item) for item in value]
    return value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """Types by field: working them out takes longer than all the rest."""
    return typing.get_type_hints(cls)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parse_value(hint: Any, value: object, path: str) -> Any:  # noqa: PLR0911
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if hint is Any or hint is object:
        return value
    if origin in (typing.Union, types.UnionType):
        return _parse_union(arguments, value, path)
    if origin is list:
        if not isinstance(value, list):
            raise RecordError(f"{path} must be a list, not {type(value).__name__}")
        return [_parse_value(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise RecordError(f"{path} must be a table, not {type(value).__name__}")
        return {str(k): _parse_value(arguments[1], v, _join(path, str(k))) for k, v in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return parse_record(hint, value, path)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _parse_enum(hint, value, path)
    return _parse_scalar(hint, value, path)


def _parse_union(arguments: tuple[Any, ...], value: object, path: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    problems = []
    for hint in arguments:
        if hint is type(None):
            continue
        try:
            return _parse_value(hint, value, path)
        except RecordError as error:
            problems.append(str(error))
    raise RecordError(" or ".join(problems) or f"{path} must be empty")


def _parse_enum(hint: type[enum.Enum], value: object, path: str) -> enum.Enum:
    try:
        return hint(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in hint)
        raise RecordError(f"{path} is {value!r}; it must be one of {known}") from None


def _parse_scalar(hint: type, value: object, path: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is not bool and isinstance(value, bool):
        raise RecordError(f"{path} must be {hint.__name__}, not bool")
    if not isinstance(value, hint):
        raise RecordError(f"{path} must be {hint.__name__}, not {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"{path} must be finite")
    return value
