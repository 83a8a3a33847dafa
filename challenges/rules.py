"""Reads a `challenge.toml`: parsed strictly, and checked against what its fields must have in common."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from challenges.artefacts import ARTEFACT_KIND, check_artefacts
from challenges.errors import InvalidManifest
from challenges.manifest import ColumnType, Direction, Manifest, Thresholds
from challenges.model import MODEL_KINDS, check_model
from challenges.programs import PROGRAM_KINDS, check_program
from challenges.records import RecordError, parse_record

if TYPE_CHECKING:
    from pathlib import Path


def load_manifest(path: Path) -> Manifest:
    """Read and check a `challenge.toml`.

    Raises:
        InvalidManifest: The file is missing or wrong; the message names the field and the mend.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidManifest(f"{path}: {error}") from error
    try:
        manifest = parse_record(Manifest, data)
        check_manifest(manifest)
    except RecordError as error:
        raise InvalidManifest(f"{path}: {error}") from error
    return manifest


def check_manifest(manifest: Manifest) -> None:
    """Raise RecordError where fields contradict each other."""
    _require(manifest.schema == 1, "schema must be 1")
    _require(manifest.device in ("cpu", "gpu"), "device must be cpu or gpu")
    _require(manifest.limits.gpu_memory_bytes >= 0, "limits.gpu_memory_bytes must not be negative")
    _require(0 < manifest.split.public_share < 1, "split.public_share must lie between 0 and 1")
    names = [column.name for column in manifest.submission.columns]
    _require(len(set(names)) == len(names), "submission.columns: a name appears twice")
    _require(manifest.submission.id not in names, "submission.id must not be listed among the columns")
    for metric in [manifest.metric, *manifest.secondary]:
        for name in metric.columns:
            _require(name in names, f"metric {metric.name}: column {name!r} is not submitted")
    for column in manifest.submission.columns:
        is_label = column.type is ColumnType.LABEL
        _require(is_label == bool(column.labels), f"column {column.name}: labels go with type label")
        is_text = column.type is ColumnType.TEXT
        _require(is_text or not column.most_characters, f"column {column.name}: most_characters goes with type text")
        _require(column.most_characters >= 0, f"column {column.name}: most_characters must not be negative")
    _check_names(manifest)
    for at in (manifest.opens_at, manifest.deadline):
        _require(at is None or at.tzinfo is not None, "opens_at and deadline need a UTC offset")
    is_model = manifest.kind in MODEL_KINDS
    _require(is_model == (manifest.model is not None), "a [model] table goes with kinds " + ", ".join(MODEL_KINDS))
    if manifest.model is not None:
        _require(manifest.kind in manifest.model.formats, "model.formats must list the challenge's kind")
        check_model(manifest.model, names)
    _check_columns(manifest)
    _check_thresholds(manifest, manifest.thresholds)
    for name, source in manifest.sources.items():
        _check_thresholds(manifest, source.thresholds, f"sources.{name}.thresholds")


def _check_columns(manifest: Manifest) -> None:
    """Artefacts and programs are scored by the package's own `grade.py`, all else by metrics that read columns."""
    is_artefacts, is_program = manifest.kind == ARTEFACT_KIND, manifest.kind in PROGRAM_KINDS
    _require(is_artefacts == (manifest.artefacts is not None), f"an [artefacts] table goes with kind {ARTEFACT_KIND}")
    _require(is_program == (manifest.program is not None), "a [program] table goes with kinds code, service")
    if manifest.artefacts is not None:
        check_artefacts(manifest.artefacts)
    if manifest.program is not None:
        check_program(manifest.program)
    is_package, kinds = manifest.is_scored_by_package, "all kinds but artefacts, code and service"
    _require(is_package != bool(manifest.submission.columns), f"submission.columns go with {kinds}")
    for metric in [manifest.metric, *manifest.secondary]:
        _require(is_package != bool(metric.columns), f"metric {metric.name}: columns go with {kinds}")


def _check_names(manifest: Manifest) -> None:
    """Names of labels are as many as these, and none can be taken for another label."""
    for source, told in manifest.sources.items():
        labels = {column.name for column in manifest.submission.columns if column.labels}
        for name in told.names:
            _require(name in labels, f"sources.{source}.names: there is no column {name!r} of type label")
    for each in (manifest, *(manifest.of_source(source) for source in manifest.sources)):
        for column in each.submission.columns:
            count = len(column.names)
            _require(count in (0, len(column.labels)), f"column {column.name}: names must be as many as labels")
            means = {label.lower(): label for label in column.labels}
            for label, called in zip(column.labels, column.names, strict=False):
                same = means.setdefault(called.en.lower(), label) == label
                _require(same, f"column {column.name}: the name {called.en!r} stands for two labels")


def _check_thresholds(manifest: Manifest, levels: Thresholds | None, place_of_all: str = "thresholds") -> None:
    if levels is None:
        return
    _check_order([levels.passing, levels.good, levels.excellent], manifest.metric.direction, place_of_all)
    secondary = {metric.name: metric for metric in manifest.secondary}
    for name, asked in levels.secondary.items():
        place = f"{place_of_all}.secondary.{name}"
        _require(name in secondary, f"{place}: there is no secondary metric of that name")
        named = [value for value in (asked.passing, asked.good, asked.excellent) if value is not None]
        _require(bool(named), f"{place} must name a level")
        _check_order(named, secondary[name].direction, place)


def _check_order(levels: list[float], direction: Direction, place: str) -> None:
    ordered = sorted(levels, reverse=direction is Direction.MIN)
    _require(levels == ordered, f"{place} must go from passing to excellent in the metric's direction")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
