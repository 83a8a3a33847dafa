"""What `challenge.toml` says: one dataclass per table. How it is read and checked is in rules.

The reference for organisers is generated from the sentences below each field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from challenges.artefacts import Artefacts
from challenges.model import ModelSpec
from challenges.programs import ProgramSpec
from challenges.texts import Text

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
    """A metric of `graders/metrics/`, and the columns it reads; of artefacts and programs, what `grade.py` computes."""

    name: str
    """File and function name under `graders/metrics/`; of artefacts and programs, the name that `grade.py` gives it."""
    direction: Direction
    """`max` or `min`: which end is better; must be the metric's own."""
    columns: list[str] = field(default_factory=list)
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
    names: list[Text] = field(default_factory=list)
    """For `label`: what each label is called, in their order; the English ones may be submitted too, in any case."""
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
    """Name of the id column; of artefacts and programs, that of the hidden items."""
    columns: list[Column] = field(default_factory=list)
    """All other columns; none where artefacts or programs are sent."""
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
    by_prepare: bool = False
    """`prepare.py` divides the rows itself: its answers hold the column `side`, `public` or `private` in each row."""


@dataclass(frozen=True)
class SecondaryThresholds:
    """What levels ask of a secondary metric, beside the score; a level that is not named asks for nothing."""

    passing: float | None = None
    """What the level `passing` asks for, in the secondary metric's unit."""
    good: float | None = None
    """What the level `good` asks for."""
    excellent: float | None = None
    """What the level `excellent` asks for."""


@dataclass(frozen=True)
class Thresholds:
    """Scores that earn a level, in the metric's unit."""

    passing: float
    """What a simple solution reaches."""
    good: float
    """What a decent solution reaches."""
    excellent: float
    """What a strong solution reaches."""
    secondary: dict[str, SecondaryThresholds] = field(default_factory=dict)
    """What levels ask for besides, by the name of a secondary metric."""


@dataclass(frozen=True)
class Baseline:
    """A measured reference score, shown on the leaderboard's page."""

    name: Text
    """What was done, in a few words."""
    score: float
    """The metric it was measured to reach."""
    is_script: bool = False
    """This is what `baseline.py` reaches (a law checks it)."""
    is_solution: bool = False
    """This is what `solution.py` reaches, in all its steps; a challenge that has one tells it once."""
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
    listed: str = ""
    """File of the package that lists more to download, one a line: sha256, size in bytes, and URL."""
    thresholds: Thresholds | None = None
    """Scores of the levels on this data. None: its board has no levels, since those of other data say nothing here."""
    baselines: list[Baseline] = field(default_factory=list)
    """Reference scores measured on this data."""
    names: dict[str, list[Text]] = field(default_factory=dict)
    """Where labels stand for other things than in the offline data: a column's `names` for this source, by its name."""


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
    thresholds: Thresholds | None
    """Scores of the levels pass, good and excellent on offline data; every file has them. None: of a source without."""
    data_licence: str
    """Licence of the offline data."""
    baselines: list[Baseline] = field(default_factory=list)
    """Measured reference scores; of the offline data, exactly one is `is_script`."""
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
    artefacts: Artefacts | None = None
    """The artefacts that are taken, for kind `artefacts`; the package then has a `grade.py`."""
    program: ProgramSpec | None = None
    """The programs that are taken, for kinds `code` and `service`; the package then has a `grade.py`."""
    tags: list[str] = field(default_factory=list)
    """Words to find it by."""
    opens_at: datetime | None = None
    """Begin of submissions (aware). None: at once."""
    deadline: datetime | None = None
    """End of submissions (aware). None: practice, always open, and private scores are never shown."""

    def of_source(self, source: str) -> Manifest:
        """The manifest for data of a source: levels and baselines measured on it, and what its labels are called."""
        if source not in self.sources:
            return self
        own = self.sources[source]
        columns = [
            replace(column, names=own.names.get(column.name, column.names)) for column in self.submission.columns
        ]
        table = replace(self.submission, columns=columns)
        return replace(self, thresholds=own.thresholds, baselines=own.baselines, submission=table)

    @property
    def is_scored_by_package(self) -> bool:
        """The package's `grade.py` scores, not the metrics that read columns."""
        return self.artefacts is not None or self.program is not None
