"""Challenges as a grader needs them: package, hidden answers and their index, loaded once and kept warm.

Answers stand in the order [public rows | private rows], so that a side is a slice and costs nothing to select.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import numpy as np
import polars as pl

from challenges.artefacts import GRADE_FILE
from challenges.catalogue import Package, load_package
from challenges.manifest import SLUG_PATTERN, ColumnType
from graders.alignment import AnswerIndex
from graders.models.inputs import INPUTS_FILE, HiddenInputs, load_inputs
from graders.scoring import BrokenChallenge, Scorer, make_scorer
from graders.scripts import load_script

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from challenges._generators.grading import Graded, Hidden, Marked, Side
    from challenges.manifest import Manifest, Metric
    from graders.settings import GraderSettings

ANSWERS_FILE = "answers.parquet"
DATA_MANIFEST_FILE = "data_manifest.json"
SIDE_COLUMN = "side"
PUBLIC = "public"
PRIVATE = "private"
_DATASET_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")
_KEPT = 16
"""Challenges kept warm in one process."""


@dataclass(frozen=True, eq=False)
class LoadedChallenge:
    """One challenge's data, warm: everything that grading a submission needs."""

    package_digest: str
    manifest: Manifest
    """The package's, with the levels, baselines and names of labels of this data's source."""
    dataset: str
    dataset_digest: str
    """sha256 of the vault's data manifest."""
    answers: pl.DataFrame
    """Hidden rows, public ones first: id, answer columns, `slice_…` columns."""
    public_rows: int
    index: AnswerIndex
    scorers: list[Scorer]
    """The challenge's metric, then the secondary ones."""
    read_public: Callable[[str], bytes]
    """Reads one of the public files (features for diagnostics)."""
    read_package: Callable[[str], bytes]
    """Reads one of the package's files (the architecture of weights)."""
    read_hidden: Callable[[str], bytes]
    """Reads one of the vault's files, checked against the data manifest."""
    places: NDArray[np.intp]
    """For each row, its place in the order in which `prepare.py` wrote the answers."""
    hidden_files: list[str] = field(default_factory=list)
    """Names of the vault's files."""
    grade: Callable[[Any, Hidden, Side], Graded] | None = None
    """Of the package's `grade.py`, for challenges that take artefacts or programs."""
    try_out: Callable[[Any], None] | None = None
    """Of the package's `grade.py`, for challenges that take programs: tries one where nothing is hidden."""
    mark: Callable[[str, str], list[Marked] | None] | None = None
    """Of the package's `grade.py`, for challenges that take models: marks the sentences of a text after its prompt."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What was read or measured once for all submissions, such as features in the order of the public rows."""

    @cached_property
    def inputs(self) -> HiddenInputs:
        """What models are given, read when the first one comes.

        Raises:
            BrokenChallenge: There are none, or they do not fit the answers.
        """
        if self.manifest.model is None:
            raise BrokenChallenge("the manifest has no [model] table")
        try:
            content = self.read_hidden(INPUTS_FILE)
        except FileNotFoundError as error:
            raise BrokenChallenge(f"no {INPUTS_FILE} of {self.dataset} in the vault") from error
        return load_inputs(content, self.manifest.model, self.answers[self.manifest.submission.id].to_list())

    @property
    def public(self) -> slice:
        """Rows of the public side."""
        return slice(0, self.public_rows)

    @property
    def private(self) -> slice:
        """Rows of the private side."""
        return slice(self.public_rows, self.answers.height)


def load_challenge(settings: GraderSettings, slug: str, dataset: str) -> LoadedChallenge:
    """The challenge with one version of its data; from memory unless package or answers changed on disk.

    Args:
        settings: Where packages, vault and public files are.
        slug: The challenge.
        dataset: The version of its data.

    Raises:
        BrokenChallenge: There are no such answers, or they do not fit the manifest, or a name is no name.
        InvalidManifest: The package is incomplete or wrong.
    """
    if not SLUG_PATTERN.match(slug) or not _DATASET_PATTERN.match(dataset):
        raise BrokenChallenge(f"{slug!r} and {dataset!r} name no data")
    folder = settings.challenges_dir / slug
    return _load(
        folder,
        f"{settings.vault_url.rstrip('/')}/{slug}/{dataset}",
        f"{settings.storage_url.rstrip('/')}/public/{slug}/{dataset}",
        dataset,
        _stamps(folder),
    )


def make_challenge(  # noqa: PLR0913 - each is a part of a challenge, by name
    manifest: Manifest,
    answers: pl.DataFrame,
    *,
    package_digest: str = "",
    dataset: str = "",
    dataset_digest: str = "",
    read_public: Callable[[str], bytes] | None = None,
    read_package: Callable[[str], bytes] | None = None,
    read_hidden: Callable[[str], bytes] | None = None,
) -> LoadedChallenge:
    """Index answers that are at hand.

    Args:
        manifest: The challenge's.
        answers: Hidden rows with the id column, the answer columns, `slice_…` columns and `side`.
        package_digest: For the provenance of scores.
        dataset: Version of the data.
        dataset_digest: For the provenance of scores.
        read_public: Reads a public file by name.
        read_package: Reads a file of the package by name.
        read_hidden: Reads a file of the vault by name.

    Raises:
        BrokenChallenge: The answers do not fit the manifest.
    """
    _check_answers(manifest, answers)
    ordered = pl.concat([answers.filter(pl.col(SIDE_COLUMN) == side) for side in (PUBLIC, PRIVATE)])
    if ordered.height != answers.height:
        raise BrokenChallenge(f"column {SIDE_COLUMN!r} must hold {PUBLIC!r} or {PRIVATE!r} in every row")
    public_rows = int((answers[SIDE_COLUMN] == PUBLIC).sum())
    if not 0 < public_rows < answers.height:
        raise BrokenChallenge("the answers need rows on both sides")
    ids = ordered[manifest.submission.id]
    try:
        index = AnswerIndex(ids)
    except ValueError as error:
        raise BrokenChallenge(str(error)) from error
    return LoadedChallenge(
        package_digest=package_digest,
        manifest=manifest,
        dataset=dataset,
        dataset_digest=dataset_digest,
        answers=ordered.drop(SIDE_COLUMN),
        public_rows=public_rows,
        index=index,
        scorers=[make_scorer(metric, manifest, ordered) for metric in _metrics_of(manifest)],
        read_public=read_public or _read_nothing,
        read_package=read_package or _read_nothing,
        read_hidden=read_hidden or _read_nothing,
        places=np.argsort((answers[SIDE_COLUMN] != PUBLIC).to_numpy(), kind="stable"),
    )


def read_blob(root_url: str, name: str) -> bytes:
    """Read `name` below a storage URL: a local folder directly, anything else through obstore.

    Raises:
        FileNotFoundError: There is no such blob.
    """
    parts = urlsplit(root_url)
    if parts.scheme in ("", "file"):
        return (Path(unquote(parts.path)) / name).read_bytes()
    # Imported here: local installations, the usual ones, start without it.
    from obstore.store import from_url  # noqa: PLC0415

    return bytes(from_url(root_url).get(name).bytes())


@lru_cache(maxsize=_KEPT)
def _load(folder: Path, vault_url: str, public_url: str, dataset: str, _stamp: tuple[int, ...]) -> LoadedChallenge:
    package: Package = load_package(folder)
    try:
        data_manifest = read_blob(vault_url, DATA_MANIFEST_FILE)
        answers = read_blob(vault_url, ANSWERS_FILE)
    except FileNotFoundError as error:
        raise BrokenChallenge(f"{package.slug}: no answers of {dataset} in the vault") from error
    told = json.loads(data_manifest)
    promised = {file["name"]: file["digest"] for file in told["hidden"]}

    def check(name: str, content: bytes) -> bytes:
        if promised.get(name) != hashlib.sha256(content).hexdigest():
            raise BrokenChallenge(f"{package.slug}: {name} of {dataset} is not that of its data manifest")
        return content

    challenge = make_challenge(
        package.manifest.of_source(told["source"]),
        pl.read_parquet(BytesIO(check(ANSWERS_FILE, answers))),
        package_digest=package.digest,
        dataset=dataset,
        dataset_digest=hashlib.sha256(data_manifest).hexdigest(),
        read_public=lambda name: read_blob(public_url, name),
        read_package=lambda name: (folder / name).read_bytes(),
        read_hidden=lambda name: check(name, read_blob(vault_url, name)),
    )
    challenge = replace(challenge, hidden_files=sorted(promised))
    if not (folder / GRADE_FILE).is_file():
        return challenge
    script = load_script(folder, GRADE_FILE)
    if not package.manifest.is_scored_by_package:
        return replace(challenge, mark=getattr(script, "mark", None))
    return replace(challenge, grade=script.grade, try_out=script.try_out if package.manifest.program else None)


def _stamps(folder: Path) -> tuple[int, ...]:
    """Times of the package's files: an edited package is loaded anew, while a dataset's version never changes."""
    return tuple(sorted(entry.stat().st_mtime_ns for entry in folder.iterdir() if entry.is_file()))


def _check_answers(manifest: Manifest, answers: pl.DataFrame) -> None:
    table = manifest.submission
    needed = [table.id, SIDE_COLUMN]
    for metric in _metrics_of(manifest):
        needed += metric.answers or [metric.answer or metric.columns[0]]
    for name in needed:
        if name not in answers.columns:
            raise BrokenChallenge(f"the answers lack column {name!r}")
    if answers.height == 0 or answers.height > np.iinfo(np.int32).max:
        raise BrokenChallenge("the answers need at least one row and fewer than 2^31")
    for column in table.columns:
        if column.type is ColumnType.LABEL and column.name in answers.columns:
            odd = set(answers[column.name].cast(pl.String).unique().to_list()) - set(column.labels)
            if odd:
                raise BrokenChallenge(f"answers of {column.name!r} hold {len(odd)} labels that are not declared")


def _metrics_of(manifest: Manifest) -> list[Metric]:
    """Metrics that compare columns with answers; what `grade.py` scores has none."""
    return [] if manifest.is_scored_by_package else [manifest.metric, *manifest.secondary]


def _read_nothing(name: str) -> bytes:
    raise FileNotFoundError(name)
