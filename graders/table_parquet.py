"""Parquet: its footer and every page header are read first, so that nothing larger than allowed is unpacked.

The footer is Thrift in the compact protocol; the few fields that tell sizes are read here, the columns by polars.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from challenges.errors import Fault, Reason
from challenges.phrases import Code, Phrase, say
from graders.faults import Faults, quote
from graders.tables import Expected, Format, check_expansion, check_header, raise_columns, raise_malformed
from graders.thrift import ThriftError, read_struct

_MAGIC = b"PAR1"
_TAIL_BYTES = 8
_FOOTER_BYTES = 10_000_000
_BYTES_PER_CELL = 16
"""What polars needs for a cell at most, beside the text itself."""
_PAGES = 100_000
_ARROW_SCHEMA = b"ARROW:schema"
_IGNORED = b"Arrow:ignore"
"""Some writers add Arrow's own schema. It could only turn numbers and text into types that are not taken here."""

# Numbers of the Thrift fields in parquet.thrift (Apache Parquet format 2.11).
_SCHEMA, _NUM_ROWS, _ROW_GROUPS = 2, 3, 4
_GROUP_COLUMNS, _GROUP_ROWS = 1, 3
_CHUNK_META = 3
_CODEC_VALUES, _CHUNK_COMPRESSED = 5, 7
_DATA_OFFSET, _DICTIONARY_OFFSET = 9, 11
_ELEMENT_REPETITION, _ELEMENT_NAME, _ELEMENT_CHILDREN = 3, 4, 5
_PAGE_UNCOMPRESSED, _PAGE_COMPRESSED = 2, 3
_PAGE_DATA, _PAGE_DICTIONARY, _PAGE_DATA_V2 = 5, 7, 8
_REPEATED = 2


def read(content: bytes, expected: Expected) -> pl.DataFrame:
    """Read a Parquet file of flat columns.

    Raises:
        InvalidSubmission: The file is broken, nested, has other columns, or would expand too much.
    """
    try:
        start = _find_footer(content)
        footer = read_struct(content, start)[0]
        check_header(_flat_names(footer, expected), expected)
        check_expansion(_expanded_bytes(content, footer), expected)
    except (ThriftError, KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise_malformed(Format.PARQUET, say(Phrase.BROKEN_METADATA, said=Code(type(error).__name__)))
    try:
        plain = content[:start] + content[start:].replace(_ARROW_SCHEMA, _IGNORED)
        return pl.read_parquet(plain, use_statistics=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise_malformed(Format.PARQUET, quote(str(error).partition("\n")[0]))


def _find_footer(content: bytes) -> int:
    size_bytes = int.from_bytes(content[-_TAIL_BYTES:-4], "little")
    start = len(content) - _TAIL_BYTES - size_bytes
    if not content.endswith(_MAGIC) or start < len(_MAGIC) or size_bytes > _FOOTER_BYTES:
        raise_malformed(Format.PARQUET, say(Phrase.CUT_OFF))
    return start


def _flat_names(footer: dict[int, Any], expected: Expected) -> list[str]:
    """Column names of a flat schema."""
    elements = footer[_SCHEMA][1:]
    if len(elements) > len(expected.names) + 100:
        raise_columns(len(elements), expected)
    faults = Faults()
    names = []
    for element in elements:
        name = element[_ELEMENT_NAME].decode("utf-8", "replace")
        names.append(name)
        if element.get(_ELEMENT_CHILDREN) or element.get(_ELEMENT_REPETITION) == _REPEATED:
            found, one = say(Phrase.NESTED), say(Phrase.ONE_VALUE)
            faults.add([Fault(Reason.WRONG_DTYPE, {"column": name, "found": found, "expected": one})])
    faults.raise_any()
    return names


def _expanded_bytes(content: bytes, footer: dict[int, Any]) -> int:
    """What the table needs in memory: its cells, and all pages uncompressed, whichever of the two claims is larger."""
    groups = footer.get(_ROW_GROUPS, [])
    rows = max(footer[_NUM_ROWS], sum(group.get(_GROUP_ROWS, 0) for group in groups))
    total = 0
    values_most = rows
    for group in groups:
        for chunk in group[_GROUP_COLUMNS]:
            values, size_bytes = _walk_pages(content, chunk[_CHUNK_META])
            values_most = max(values_most, values)
            total += size_bytes
    return int(total + values_most * _BYTES_PER_CELL * (len(footer[_SCHEMA]) - 1))


def _walk_pages(content: bytes, meta: dict[int, Any]) -> tuple[int, int]:
    """Number of values and uncompressed bytes of one column chunk, as its page headers say."""
    start = meta[_DATA_OFFSET]
    if 0 < meta.get(_DICTIONARY_OFFSET, 0) < start:
        start = meta[_DICTIONARY_OFFSET]
    end = start + meta[_CHUNK_COMPRESSED]
    if not 0 < start <= end <= len(content):
        raise ThriftError
    values = size_bytes = pages = 0
    place = start
    while place < end:
        header, place = read_struct(content, place)
        counted = header.get(_PAGE_DATA) or header.get(_PAGE_DATA_V2) or {}
        values += counted.get(1, 0)
        size_bytes += max(header[_PAGE_UNCOMPRESSED], 0)
        place += header[_PAGE_COMPRESSED]
        pages += 1
        if header[_PAGE_COMPRESSED] < 0 or pages > _PAGES:
            raise ThriftError
    return max(values, meta[_CODEC_VALUES]), size_bytes
