"""What an upload holds, brought into the order of the published ids: only here is it known which ids there must be."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from challenges._generators.grading import Given
from challenges.artefacts import ID, FileFormat, FileSpec
from challenges.errors import Fault, Reason
from challenges.phrases import Code
from graders.alignment import AnswerIndex, align
from graders.artefacts.sheets import within
from graders.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from challenges.manifest import Manifest
    from graders.artefacts import Found

Indices = dict[str, AnswerIndex]
"""Ids that must be there, by the public file that lists them."""


def load_indices(manifest: Manifest, read: Callable[[str], bytes]) -> Indices:
    """Read the ids of every public file that the manifest names.

    Args:
        manifest: The challenge's.
        read: Reads a public file by name; FileNotFoundError where there is none, which leaves its ids out.
    """
    files = manifest.artefacts.files if manifest.artefacts else []
    indices: Indices = {}
    for name in sorted({spec.ids for spec in files if spec.ids}):
        try:
            content = read(name)
        except FileNotFoundError:
            continue
        table = pl.read_csv(BytesIO(content), columns=[manifest.submission.id], infer_schema=False)
        indices[name] = AnswerIndex(table[manifest.submission.id])
    return indices


def place(found: Found, files: list[FileSpec], indices: Indices) -> Given:
    """Compare ids, and bring rows and files into their order.

    Args:
        found: What the upload holds.
        files: What the manifest says of files.
        indices: The ids; where those of a file are missing, it stays as it was sent.

    Raises:
        InvalidSubmission: An id is missing, unknown, or there twice.
    """
    faults = Faults()
    orders: dict[str, NDArray[np.int32] | None] = {}
    places: dict[str, NDArray[np.intp]] = {}
    for spec in files:
        if spec.ids in indices and spec.format is FileFormat.DETECTIONS:
            places[spec.name] = _find_places(found.ids[spec.name], indices[spec.ids], faults)
        elif spec.ids in indices:
            check = _place_rows if spec.format is FileFormat.TABLE else _place_files
            orders[spec.name] = check(found.ids[spec.name], spec, indices[spec.ids], faults)
    faults.raise_any()
    given = Given(dict(found.arrays), dict(found.columns), dict(found.texts), places)
    for name, order in orders.items():
        if order is None:
            raise RuntimeError("files without faults were not placed")
        if name in given.arrays:
            placed = np.empty_like(given.arrays[name])
            placed[order] = given.arrays[name]
            given.arrays[name] = placed
        else:
            given.texts[name] = [given.texts[name][row] for row in np.argsort(order)]
    return given


def _find_places(ids: list[str], index: AnswerIndex, faults: Faults) -> NDArray[np.intp]:
    """Where the id of each detection stands; any number of them may have one."""
    given = pl.Series("id", ids, dtype=pl.String)
    places = index.find(index.convert(given)).astype(np.intp)
    faults.add_rows(Reason.UNKNOWN_ID, np.flatnonzero(places < 0), lambda row: {"value": given[row]})
    return places


def _place_rows(ids: list[str], spec: FileSpec, index: AnswerIndex, faults: Faults) -> NDArray[np.int32] | None:
    own = Faults()
    places = align(index, pl.Series("id", ids, dtype=pl.String), own)
    faults.add([within(fault, spec.pattern) for fault in own.listed], own.count)
    return places


def _place_files(ids: list[str], spec: FileSpec, index: AnswerIndex, faults: Faults) -> NDArray[np.int32] | None:
    given = pl.Series("id", ids, dtype=pl.String)
    places = index.find(given)
    missing = sorted(set(index.ids.to_list()) - set(ids))
    odd = [name for name, found in zip(ids, places.tolist(), strict=True) if found < 0]
    for reason, names in ((Reason.MISSING_MEMBER, missing), (Reason.UNKNOWN_MEMBER, odd)):
        expected = Code(f"`{spec.pattern}`")
        paths = [spec.pattern.replace(ID, name) for name in names[: faults.limit]]
        faults.add([Fault(reason, {"member": path, "expected": expected}) for path in paths], len(names))
    return None if missing or odd else places
