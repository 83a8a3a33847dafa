"""Reads a table of predictions in the sandbox: CSV, Parquet, JSON Lines or NPZ to checked columns."""

from __future__ import annotations

# What the readers' libraries import when they first need it is imported now: later nothing can be opened any more.
import encodings.cp437
import encodings.utf_8_sig  # noqa: F401
from typing import TYPE_CHECKING, Any

import numpy.ma  # noqa: F401
import polars as pl

from challenges.errors import InvalidSubmission
from challenges.manifest import Limits, Table
from challenges.records import dump_record, parse_record
from graders.faults import dump_faults
from graders.parsing import parse
from graders.table_wire import dump_parsed
from graders.tables import Expected

if TYPE_CHECKING:
    from graders.sandbox.guest import Guest

_ID_TYPES: dict[str, type[pl.DataType]] = {"UInt32": pl.UInt32, "Int64": pl.Int64, "String": pl.String}


def settings_of(expected: Expected, filename: str, *, as_text: bool) -> dict[str, Any]:
    """What the guest is told: nothing that a participant does not know."""
    return {
        "table": dump_record(expected.table),
        "limits": dump_record(expected.limits),
        "rows": expected.rows,
        "id_type": next(name for name, found in _ID_TYPES.items() if found == expected.id_type),
        "filename": filename[-255:],
        "as_text": as_text,
    }


def main(guest: Guest) -> None:
    """Parse the upload and send its columns, or what is wrong with it."""
    guest.seal()
    told = guest.settings
    table, limits = parse_record(Table, told["table"]), parse_record(Limits, told["limits"])
    expected = Expected(table, limits, told["rows"], _ID_TYPES[told["id_type"]])
    try:
        parsed = parse(guest.read_file(), told["filename"], expected, as_text=told["as_text"])
    except InvalidSubmission as refusal:
        guest.send({"is_refused": True, **dump_faults(refusal.faults, refusal.count)})
        return
    guest.send(*dump_parsed(parsed))
