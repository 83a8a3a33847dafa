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
from graders import table_plain
from graders.faults import dump_refusal
from graders.parsing import parse
from graders.specimens import manifest
from graders.table_wire import dump_parsed, dump_plain
from graders.tables import Expected, Format, sniff

if TYPE_CHECKING:
    from graders.sandbox.guest import Guest

_ID_TYPES: dict[str, type[pl.DataType]] = {"UInt32": pl.UInt32, "Int64": pl.Int64, "String": pl.String}


def settings_of(expected: Expected, filename: str, seed: int | None, *, as_text: bool) -> dict[str, Any]:
    """What the guest is told: nothing that a participant does not know, but a seed that is good for nothing else.

    Args:
        expected: What the table must look like.
        filename: The name it was uploaded under.
        seed: What text ids may be hashed with.
        as_text: Ids come back as they are written.
    """
    return {
        "table": dump_record(expected.table),
        "limits": dump_record(expected.limits),
        "rows": expected.rows,
        "id_type": next(name for name, found in _ID_TYPES.items() if found == expected.id_type),
        "filename": filename[-255:],
        "as_text": as_text,
        "seed": None if as_text else seed,
    }


def main(guest: Guest) -> None:
    """Parse the upload and send its columns, or what is wrong with it."""
    guest.seal()
    told = guest.settings
    table, limits = parse_record(Table, told["table"]), parse_record(Limits, told["limits"])
    expected = Expected(table, limits, told["rows"], _ID_TYPES[told["id_type"]])
    content, name, seed, as_text = guest.read_file(), told["filename"], told["seed"], told["as_text"]
    try:
        is_csv = not as_text and sniff(content, name, expected) is Format.CSV
        plain = table_plain.read(content, expected) if is_csv else None
        found = dump_plain(*plain) if plain else dump_parsed(parse(content, name, expected, as_text=as_text), seed)
    except InvalidSubmission as refusal:
        guest.send(dump_refusal(refusal))
        return
    guest.send(*found)


def prepare() -> None:
    """Find out now what is the same for every table: a fork server calls it once, for all its children.

    It reads one tiny file the plain way, and no other: polars must not be used before a fork.
    """
    small = manifest()
    table, limits = parse_record(Table, dump_record(small.submission)), parse_record(Limits, dump_record(small.limits))
    for id_type in (pl.String, pl.UInt32):
        table_plain.read(b"id,kind,size\n1,cat,2.5\n", Expected(table, limits, 1, id_type))
