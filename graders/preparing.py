"""From a challenge's package to its data: download what is real, run `prepare.py`, split the hidden rows, publish.

Data is made once. A version that stands in the vault, made from the same package, is reported and not made again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import platform
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from challenges._generators.keys import Keys
from challenges.catalogue import MANIFEST_FILE, NOTEBOOK_FILE, SOLUTION_FILE, Package, load_package
from challenges.manifest import SourceFile, Split
from challenges.messages import DataFile, PrepareJob, PrepareReport
from challenges.records import dump_record
from graders.loading import ANSWERS_FILE, DATA_MANIFEST_FILE, PRIVATE, PUBLIC, SIDE_COLUMN
from graders.notebooks import BrokenScript, make_notebook
from graders.publishing import Shelves
from graders.scripts import load_script
from graders.settings import GraderSettings
from graders.sources import download_files, read_list

OFFLINE = "offline"
LIBRARIES = ("numpy", "pillow", "polars", "scikit-learn", "scipy", "torch")
"""Their versions may change what a generator makes, and are written down."""
PACKAGE_FILES = ("baseline.py", MANIFEST_FILE)
"""Published with the data: the solution that participants start from, and what `arena check` reads."""
ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Progress = Callable[[str, float], None]
"""Told the step and the share of the whole that is done."""


class BrokenPackage(Exception):
    """The package cannot be prepared: it is not the one that was asked for, or its `prepare.py` made wrong files."""


def prepare(
    job: PrepareJob, settings: GraderSettings, progress: Progress = lambda _step, _share: None
) -> PrepareReport:
    """Make and publish one version of a challenge's data.

    Args:
        job: What the web asked for.
        settings: Where packages, blobs and vault are.
        progress: Told how far it is.

    Raises:
        BrokenPackage: The package changed since it was asked for, or made wrong files.
        InvalidManifest: The package is incomplete.
        InvalidSource: A download is not what the manifest promises.
    """
    began = time.perf_counter()
    package = load_package(settings.challenges_dir / job.slug)
    if package.digest != job.package_digest:
        raise BrokenPackage(
            f"{job.slug}: the package has changed since it was loaded; restart the web, and prepare again"
        )
    shelves = Shelves(settings.storage_url, settings.vault_url)
    made = shelves.find_manifest(job.slug, job.dataset)
    if made is None or json.loads(made)["package_digest"] != package.digest:
        with tempfile.TemporaryDirectory(prefix="arena-prepare-") as name:
            made = _make(job, package, settings, shelves, Path(name), progress)
    files = [DataFile(**file) for file in json.loads(made)["public"]]
    digest = hashlib.sha256(made).hexdigest()
    seconds = time.perf_counter() - began
    return PrepareReport(job.dataset_id, job.slug, ready=True, digest=digest, files=files, seconds=seconds)


def _make(
    job: PrepareJob, package: Package, settings: GraderSettings, shelves: Shelves, folder: Path, progress: Progress
) -> bytes:
    raw, public, hidden = (folder / name for name in ("raw", "public", "hidden"))
    for path in (raw, public, hidden):
        path.mkdir()
    keys = Keys(shelves.load_secret(), job.slug, package.manifest.version)
    if job.source != OFFLINE:
        progress("download", 0.05)
        download_files(_source_files(package, job.source), raw, settings.source_base_url)
    progress("generate", 0.2)
    load_script(package.folder, "prepare.py").prepare(raw, public, hidden, keys, job.source)
    progress("split", 0.8)
    _check_files(job.slug, public, hidden)
    add_package_files(package.folder, public)
    split_answers(hidden / ANSWERS_FILE, package.manifest.submission.id, package.manifest.split, keys)
    finish_public(public, job.slug)
    manifest = describe(job, package, public, hidden)
    (hidden / DATA_MANIFEST_FILE).write_bytes(manifest)
    progress("publish", 0.9)
    shelves.publish(job.slug, job.dataset, public, hidden)
    progress("done", 1.0)
    return manifest


def add_package_files(folder: Path, public: Path) -> None:
    """Publish the package's own files; a solution comes as a notebook, too.

    Raises:
        BrokenPackage: The solution is not divided into cells.
    """
    for name in PACKAGE_FILES:
        shutil.copyfile(folder / name, public / name)
    if (folder / SOLUTION_FILE).is_file():
        shutil.copyfile(folder / SOLUTION_FILE, public / SOLUTION_FILE)
        try:
            notebook = make_notebook((folder / SOLUTION_FILE).read_text(encoding="utf-8"))
        except BrokenScript as error:
            raise BrokenPackage(f"{folder.name}: {SOLUTION_FILE}: {error}") from error
        (public / NOTEBOOK_FILE).write_text(notebook, encoding="utf-8")


def split_answers(path: Path, id_column: str, split: Split, keys: Keys) -> None:
    """Add the column `side` to the answers: in each stratum the share of ids whose keyed hash is smallest is public.

    Where `prepare.py` has divided them itself, its column stays.
    """
    answers = pl.read_parquet(path)
    if split.by_prepare:
        _check_sides(answers, id_column)
        return
    if SIDE_COLUMN in answers.columns or id_column not in answers.columns:
        raise BrokenPackage(f"{ANSWERS_FILE} needs column {id_column!r}, and no column {SIDE_COLUMN!r}")
    if split.stratify and split.stratify not in answers.columns:
        raise BrokenPackage(f"split.stratify names column {split.stratify!r}, which the answers lack")
    key = keys.key("split")
    ids = answers[id_column].cast(pl.String).to_list()
    marks = [hmac.new(key, name.encode(), hashlib.sha256).digest() for name in ids]
    strata: dict[str | None, list[int]] = {}
    names = answers[split.stratify].cast(pl.String).to_list() if split.stratify else [None] * len(ids)
    for row, name in enumerate(names):
        strata.setdefault(name, []).append(row)
    sides = [PRIVATE] * len(ids)
    for rows in strata.values():
        for row in sorted(rows, key=marks.__getitem__)[: round(split.public_share * len(rows))]:
            sides[row] = PUBLIC
    if len(set(sides)) != len((PUBLIC, PRIVATE)):
        raise BrokenPackage(f"{len(ids)} hidden rows are too few for a public and a private side")
    answers.with_columns(pl.Series(SIDE_COLUMN, sides)).write_parquet(path)


def _check_sides(answers: pl.DataFrame, id_column: str) -> None:
    """Raise BrokenPackage where `prepare.py` was to divide the rows itself, and has not."""
    given = set(answers[SIDE_COLUMN].to_list()) if SIDE_COLUMN in answers.columns else set()
    if id_column not in answers.columns or given != {PUBLIC, PRIVATE}:
        raise BrokenPackage(f"{ANSWERS_FILE} needs columns {id_column!r} and {SIDE_COLUMN!r}, which holds both sides")


def finish_public(public: Path, slug: str) -> None:
    """Add `<slug>.zip` of all public files, and give every file the same time."""
    names = sorted(path.name for path in public.iterdir())
    with zipfile.ZipFile(public / f"{slug}.zip", "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.external_attr = 0o644 << 16
            info.file_size = (public / name).stat().st_size
            with archive.open(info, "w") as out, (public / name).open("rb") as source:
                while chunk := source.read(1 << 20):
                    out.write(chunk)
    for path in public.iterdir():
        os.utime(path, (0, 0))


def describe(job: PrepareJob, package: Package, public: Path, hidden: Path) -> bytes:
    """The data manifest, which pins a version. It holds no time: the same data is described by the same bytes."""
    zip_name = f"{job.slug}.zip"
    names = sorted((path.name for path in public.iterdir()), key=lambda name: (name == zip_name, name))
    sides = pl.read_parquet(hidden / ANSWERS_FILE, columns=[SIDE_COLUMN])[SIDE_COLUMN]
    content: dict[str, Any] = {
        "schema": 1,
        "slug": job.slug,
        "dataset": job.dataset,
        "source": job.source,
        "generator_version": package.manifest.version,
        "package_digest": package.digest,
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version_of(name))},
        "rows": {side: int((sides == side).sum()) for side in (PUBLIC, PRIVATE)},
        "public": [dump_record(_describe_file(public / name)) for name in names],
        "hidden": [dump_record(_describe_file(path)) for path in sorted(hidden.iterdir())],
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _describe_file(path: Path) -> DataFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return DataFile(path.name, path.stat().st_size, digest)


def _check_files(slug: str, public: Path, hidden: Path) -> None:
    """Refuse what cannot be served or graded with."""
    for folder in (public, hidden):
        odd = [path.name for path in folder.iterdir() if path.is_symlink() or not path.is_file()]
        odd += [path.name for path in folder.iterdir() if path.name.startswith(".")]
        if odd:
            raise BrokenPackage(f"{slug}: prepare.py made {odd[0]!r}; only plain files are kept")
    if not (hidden / ANSWERS_FILE).is_file():
        raise BrokenPackage(f"{slug}: prepare.py made no {ANSWERS_FILE}")
    if not any(public.iterdir()):
        raise BrokenPackage(f"{slug}: prepare.py made no public file")
    if (public / f"{slug}.zip").exists():
        raise BrokenPackage(f"{slug}: {slug}.zip is made here, not by prepare.py")


def _source_files(package: Package, source: str) -> list[SourceFile]:
    if source not in package.manifest.sources:
        raise BrokenPackage(f"{package.slug} has no source {source!r}")
    told = package.manifest.sources[source]
    return [*told.files, *(read_list(package.folder / told.listed) if told.listed else [])]


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
