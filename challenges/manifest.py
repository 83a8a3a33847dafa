"""What `challenge.toml` says: one dataclass per table, parsed strictly, checked against the rules of a challenge.

The reference for organisers is generated from the sentences below each field.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from challenges.errors import InvalidManifest
from challenges.model import MODEL_KINDS, ModelSpec, check_model
from challenges.records import RecordError, parse_record
from challenges.texts import Text

if TYPE_CHECKING:
    from pathlib import Path

SLUG_PATTERN = re.compile(r"[a-z][a-z0-9_]{1,39}\Z")
LANGUAGES = ("en", "zh")


class Direction(StrEnum):
    """Which end of the metric is better; declared, never inferred."""

    MAX = "max"
    MIN = "min"


class ColumnType(StrEnum):
    """What a column of a predictions table holds."""

    LABEL = "label"
    """One of a closed list of labels (text or integers)."""
    INTEGER = "integer"
    """A whole number."""
    NUMBER = "number"
    """A finite real number."""
    TEXT = "text"
    """A text that is not empty, on one line."""


@dataclass(frozen=True)
class Limits:
    """What one submission may cost."""

    upload_bytes: int = 20_000_000
    """Largest upload, in bytes."""
    per_day: int = 10
    """Submissions of one team that count, per day (UTC)."""
    grade_seconds: int = 60
    """Wall-clock limit of grading."""
    memory_bytes: int = 2_000_000_000
    """Memory limit of grading."""
    gpu_memory_bytes: int = 0
    """What a model may take of a GPU's memory; 0: all that the GPU has."""


@dataclass(frozen=True)
class Metric:
    """A metric of `graders/metrics/`, and the columns it reads."""

    name: str
    """File and function name under `graders/metrics/`."""
    direction: Direction
    """`max` or `min`: which end is better; must be the metric's own."""
    columns: list[str]
    """Submitted columns handed to the metric: one for labels and numbers, the class probabilities in label order."""
    answer: str = ""
    """Column of the hidden answers; empty: the first of `columns`."""
    answers: list[str] = field(default_factory=list)
    """Several columns of the hidden answers, for a metric that compares rows of numbers; instead of `answer`."""
    params: dict[str, str | int | float] = field(default_factory=dict)
    """Further arguments of the metric."""
    decimals: int = 4
    """Digits after the point when shown."""
    title: Text | None = None
    """Name to show; empty: the metric's own."""


@dataclass(frozen=True)
class Column:
    """One column of the predictions table."""

    name: str
    """As in the header of the table."""
    type: ColumnType
    """`label`, `integer`, `number` or `text`."""
    description: Text
    """What it holds, in a few words."""
    labels: list[str] = field(default_factory=list)
    """For `label`: the legal labels, as text."""
    minimum: float | None = None
    """For numbers: the smallest legal value."""
    maximum: float | None = None
    """For numbers: the largest legal value."""
    exclusive_minimum: bool = False
    """The minimum itself is not legal."""
    most_characters: int = 0
    """For `text`: the longest legal one, in characters; 0: as long as a cell may be (10,000 bytes)."""
    optional_group: str = ""
    """Columns of one group are given all together or not at all; empty: required."""


@dataclass(frozen=True)
class Table:
    """The predictions table a participant uploads."""

    id: str
    """Name of the id column."""
    columns: list[Column]
    """All other columns."""
    formats: list[str] = field(default_factory=lambda: ["csv", "parquet", "jsonl", "npz"])
    """File formats that are taken."""
    probability_groups: list[str] = field(default_factory=list)
    """Optional groups whose columns are class probabilities: each row must sum to 1 (tolerance 1e-3)."""


@dataclass(frozen=True)
class Split:
    """How hidden rows are divided into a public and a private side."""

    public_share: float = 0.3
    """Share of the hidden rows whose score is shown while the challenge is open."""
    stratify: str = ""
    """Answer column (or hidden slice column) whose strata are split alike; empty: none."""


@dataclass(frozen=True)
class Thresholds:
    """Scores that earn a level, in the metric's unit."""

    passing: float
    """What a simple solution reaches."""
    good: float
    """What a decent solution reaches."""
    excellent: float
    """What a strong solution reaches."""


@dataclass(frozen=True)
class Baseline:
    """A measured reference score, shown on the leaderboard's page."""

    name: Text
    """What was done, in a few words."""
    score: float
    """The metric it was measured to reach."""
    is_script: bool = False
    """This is what `baseline.py` reaches (a law checks it)."""
    tolerance: float = 0.0
    """How far a fresh installation's data may move the script's score."""


@dataclass(frozen=True)
class Diagnostic:
    """One diagnostic of `graders/diagnostics/`, computed on public rows only."""

    name: str
    """File and function name under `graders/diagnostics/`."""
    title: Text
    """Heading above it."""
    params: dict[str, str | int | float | list[str]] = field(default_factory=dict)
    """Arguments of the diagnostic."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a real data set."""

    url: str
    """Where it is downloaded from; the last part is the file's name in `raw`."""
    digest: str
    """sha256, lower-case hex."""
    size_bytes: int
    """Exact size; a download is stopped there."""


@dataclass(frozen=True)
class Source:
    """A real data set that `arena prepare SLUG --source NAME` downloads."""

    title: Text
    """What it is, in a few words."""
    licence: str
    """Its licence, by the short name."""
    licence_url: str
    """Where the licence can be read."""
    files: list[SourceFile]
    """What to download; may be empty where a library ships the data."""
    honour_system: bool = True
    """The official answers are public: the board awards no ranking points."""


@dataclass(frozen=True)
class Manifest:
    """The whole `challenge.toml`."""

    schema: int
    """Version of this format; 1."""
    version: int
    """Version of the generator; a new one makes new data and a new leaderboard."""
    kind: str
    """Submission kind: a file name under `graders/kinds/`."""
    stage: str
    """Stage of `path.toml` this challenge belongs to."""
    hours: float
    """How long a beginner needs, in hours."""
    title: Text
    """Name of the challenge."""
    summary: Text
    """One sentence for the list of challenges."""
    metric: Metric
    """What decides the rank."""
    submission: Table
    """What participants send; where they send a model, the predictions that are read of it."""
    thresholds: Thresholds
    """Scores of the levels pass, good and excellent."""
    data_licence: str
    """Licence of the offline data."""
    baselines: list[Baseline] = field(default_factory=list)
    """Measured reference scores; exactly one `is_script`."""
    secondary: list[Metric] = field(default_factory=list)
    """Further metrics, shown beside the score."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    """What a participant learns beyond the score, in order."""
    sources: dict[str, Source] = field(default_factory=dict)
    """Real data sets by name; `real` is the default one."""
    split: Split = field(default_factory=Split)
    """How hidden rows are divided into a public and a private side."""
    limits: Limits = field(default_factory=Limits)
    """What one submission may cost."""
    device: str = "cpu"
    """`cpu` or `gpu`: which queue grades it."""
    model: ModelSpec | None = None
    """The models that are taken, for kinds `onnx`, `weights` and `torchscript`."""
    tags: list[str] = field(default_factory=list)
    """Words to find it by."""
    opens_at: datetime | None = None
    """Begin of submissions (aware). None: at once."""
    deadline: datetime | None = None
    """End of submissions (aware). None: practice, always open, and private scores are never shown."""


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
    for at in (manifest.opens_at, manifest.deadline):
        _require(at is None or at.tzinfo is not None, "opens_at and deadline need a UTC offset")
    is_model = manifest.kind in MODEL_KINDS
    _require(is_model == (manifest.model is not None), "a [model] table goes with kinds " + ", ".join(MODEL_KINDS))
    if manifest.model is not None:
        _require(manifest.kind in manifest.model.formats, "model.formats must list the challenge's kind")
        check_model(manifest.model, names)
    _check_thresholds(manifest)


def _check_thresholds(manifest: Manifest) -> None:
    levels = manifest.thresholds
    ordered = [levels.passing, levels.good, levels.excellent]
    descending = manifest.metric.direction is Direction.MIN
    problem = "thresholds must go from passing to excellent in the metric's direction"
    _require(ordered == sorted(ordered, reverse=descending), problem)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
