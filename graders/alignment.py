"""Rows of an upload to rows of the hidden answers: an index that is built once, and one scatter for each upload.

The order of the answers is never told: missing ids are named in the order of the ids themselves.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from challenges.errors import Fault, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.faults import Faults

UNKNOWN = -1
HASH = pl.UInt64
"""The type of hashes that stand for text ids."""
_SPAN_PER_ROW = 4
_SPAN_FREE = 4096
_NARROW = 2**32
_HASH_BITS = 64
_SEED_TRIES = 8
_FEW_IDS = 16


class AnswerIndex:
    """Where each id stands among the hidden answers.

    Integer ids that lie close together are addressed directly; all others through sorted 64-bit hashes, keyed by a
    seed of this process so that nobody can prepare collisions, and compared in full when found.

    Args:
        ids: The hidden ids in the order of the answers: integers or text, unique, none null.

    Raises:
        ValueError: An id is null or appears twice: the answers are broken.
    """

    def __init__(self, ids: pl.Series) -> None:
        if ids.null_count() or ids.n_unique() != len(ids):
            message = "ids of the answers must be unique and not null"
            raise ValueError(message)
        self.is_integer = ids.dtype.is_integer()
        self.ids = ids.cast(pl.Int64 if self.is_integer else pl.String).rechunk()
        self.size = len(ids)
        self._places: _Direct | _Hashed
        self.id_type: type[pl.DataType] = pl.Int64 if self.is_integer else pl.String
        """The narrowest polars type that holds every hidden id: what ids are best read as."""
        if self.is_integer and _is_dense(self.ids):
            self._places = _Direct(self.ids.to_numpy())
            self.id_type = self._places.id_type
        else:
            self._places = _Hashed(self.ids)

    @property
    def seed(self) -> int | None:
        """What text ids are hashed with, for whoever sends hashes in their place; None for integer ids."""
        return self._places.seed if isinstance(self._places, _Hashed) else None

    def find(self, ids: pl.Series) -> NDArray[np.int32]:
        """Positions of ids among the answers.

        Args:
            ids: As `convert` returns them; nulls are unknown.

        Returns:
            Positions, shape (len(ids),), `UNKNOWN` where an id is not among the answers.
        """
        return self._places.find(ids) if self.size else np.full(len(ids), UNKNOWN, dtype=np.int32)

    def convert(self, ids: pl.Series) -> pl.Series:
        """Ids as the index compares them: Int64 (or `id_type`), String or `HASH`, null for what cannot be one."""
        if ids.dtype in (self.ids.dtype, self.id_type) or (ids.dtype == HASH and not self.is_integer):
            return ids
        if ids.dtype.is_integer() or ids.dtype == pl.String:
            return ids.cast(self.ids.dtype, strict=False)
        return pl.Series(ids.name, [None], dtype=self.ids.dtype).new_from_index(0, len(ids))


def align(index: AnswerIndex, given: pl.Series, faults: Faults) -> NDArray[np.int32] | None:
    """For each row of the upload, the answer it predicts.

    Args:
        index: The hidden ids.
        given: The uploaded ids, one per row.
        faults: Receives unknown, duplicate and missing ids.

    Returns:
        A permutation of the positions of the answers; None where the ids are not exactly the hidden ones.
    """
    ids = index.convert(given)
    found = index.find(ids)
    if len(ids) == index.size and found.min(initial=0) >= 0:
        # As many rows as answers: if every answer is met, none is met twice.
        is_met = np.zeros(index.size, dtype=bool)
        is_met[found] = True
        if is_met.all():
            return found
    _explain(index, given, found, faults)
    return None


def _explain(index: AnswerIndex, given: pl.Series, found: NDArray[np.int32], faults: Faults) -> None:
    """Name the rows whose id is empty, unknown or a repetition, and the ids that no row has."""
    empty = (given.is_null() | (given == "") if given.dtype == pl.String else given.is_null()).to_numpy()
    unknown = (found == UNKNOWN) & ~empty
    known = np.flatnonzero(found >= 0)
    first = np.unique(found[known], return_index=True)[1]
    repeated = np.ones(len(known), dtype=bool)
    repeated[first] = False
    faults.add_rows(Reason.EMPTY_CELL, np.flatnonzero(empty), lambda _: {"column": given.name})
    faults.add_rows(Reason.UNKNOWN_ID, np.flatnonzero(unknown), lambda row: {"value": given[row]})
    faults.add_rows(Reason.DUPLICATE_ID, known[repeated], lambda row: {"value": given[row]})
    absent = np.ones(index.size, dtype=bool)
    absent[found[known]] = False
    missing = index.ids.filter(pl.Series(absent)).sort()
    faults.add([Fault(Reason.MISSING_ID, {"value": value}) for value in missing.head(faults.limit)], len(missing))


def _is_dense(ids: pl.Series) -> bool:
    if ids.is_empty():
        return True
    span = int(ids.max()) - int(ids.min()) + 1  # type: ignore[arg-type]
    return span <= _SPAN_PER_ROW * len(ids) + _SPAN_FREE


class _Direct:
    """Positions in an array that the id itself addresses."""

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self._least = int(ids.min(initial=0)) if not len(ids) else int(ids.min())
        span = int(ids.max()) - self._least + 1 if len(ids) else 0
        # One more place than ids can reach: every id outside the span is sent there.
        self._positions = np.full(span + 1, UNKNOWN, dtype=np.int32)
        self._positions[ids - self._least] = np.arange(len(ids), dtype=np.int32)
        is_narrow = self._least >= 0 and self._least + span < _NARROW
        self.id_type: type[pl.DataType] = pl.UInt32 if is_narrow else pl.Int64

    def find(self, ids: pl.Series) -> NDArray[np.int32]:
        if ids.dtype == pl.UInt32 and not ids.null_count():
            # Smaller ids wrap around to the largest ones, and all those beyond the span share the last place.
            places = ids.to_numpy() - np.uint32(self._least) if self._least else ids.to_numpy()
            return np.take(self._positions, places, mode="clip")
        ids = ids.cast(pl.Int64)
        # A null becomes the largest integer, which lies outside every span that fits into memory.
        wide = ids.fill_null(np.iinfo(np.int64).max).to_numpy().view(np.uint64) - np.uint64(self._least % 2**64)
        np.minimum(wide, np.uint64(len(self._positions) - 1), out=wide)
        return self._positions[wide.view(np.int64)]


class _Hashed:
    """Positions behind sorted hashes, reached through a table of their leading bits."""

    def __init__(self, ids: pl.Series) -> None:
        self._ids = ids
        for _ in range(_SEED_TRIES):
            self.seed = secrets.randbits(_HASH_BITS)
            hashes = ids.hash(self.seed).to_numpy()
            order = np.argsort(hashes, kind="stable")
            self._hashes = hashes[order]
            if not bool((self._hashes[1:] == self._hashes[:-1]).any()):
                break
        else:
            message = "the ids of the answers collide under every seed"
            raise ValueError(message)
        self._positions = order.astype(np.int32)
        bits = max(1, (4 * len(ids)).bit_length())
        self._shift = np.uint64(_HASH_BITS - bits)
        leads = np.arange(2**bits, dtype=np.uint64) << self._shift
        # The first hash not below each lead; one sentinel keeps every look-up inside.
        self._starts = np.searchsorted(self._hashes, leads).astype(np.int32)
        self._hashes = np.append(self._hashes, np.uint64(2**64 - 1))
        self._positions = np.append(self._positions, np.int32(0))

    def find(self, ids: pl.Series) -> NDArray[np.int32]:
        if ids.dtype == HASH:  # another id has the same hash once in 2⁶⁴ times, whatever the participant does
            found, is_known = self._look_up(ids.to_numpy())
            found[~is_known] = UNKNOWN
            return found
        if len(ids) == len(self._ids) and self._has_order(ids):
            return np.arange(len(ids), dtype=np.int32)
        found, is_known = self._look_up(ids.hash(self.seed).to_numpy())
        if not is_known.all():
            found[~is_known] = 0
        # Two different ids may share a hash: compare the ids themselves.
        is_same = self._ids.gather(found).eq_missing(ids)
        if not is_same.all():
            found[~is_same.to_numpy()] = UNKNOWN
        return found

    def _look_up(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Position behind each hash, and whether there is one."""
        # Every place is inside; `clip` spares numpy the proof, and signed places a conversion.
        places = self._starts.take((hashes >> self._shift).view(np.int64), mode="clip")
        met = self._hashes.take(places, mode="clip")
        behind = np.flatnonzero(met < hashes)
        while len(behind):
            places[behind] += 1
            met[behind] = self._hashes[places[behind]]
            behind = behind[met[behind] < hashes[behind]]
        return np.asarray(self._positions.take(places, mode="clip")), met == hashes

    def _has_order(self, ids: pl.Series) -> bool:
        """Whether ids come in the order of the answers; a few are compared before all are."""
        return all(
            bool(ids.head(count).eq_missing(self._ids.head(count)).all()) for count in (_FEW_IDS, len(self._ids))
        )
