"""Challenges prepared for tests as a grader prepares them: once per test run, shared by all processes of the run."""

from __future__ import annotations

import fcntl
import hashlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges.catalogue import Package, load_package
from challenges.messages import DataFile, GradeJob, PrepareJob, PrepareReport, Verdict
from graders import scripts
from graders.grading import grade
from graders.loading import LoadedChallenge, load_challenge
from graders.preparing import prepare
from graders.settings import GraderSettings
from tests.sandboxing import shared_box

ROOT = Path(__file__).resolve().parents[2]
CHALLENGES = ROOT / "challenges"
TEMPLATE, COPY = "_template", "two_dials"
SLUGS = sorted(p.name for p in CHALLENGES.iterdir() if p.is_dir() and not p.name.startswith(("_", ".")))
MODELS = [slug for slug in SLUGS if load_package(CHALLENGES / slug).manifest.model is not None]
"""Challenges that take models."""
ARCHIVES = [slug for slug in SLUGS if load_package(CHALLENGES / slug).manifest.is_scored_by_package]
"""Challenges that take artefacts or programs."""
SMALLER = ("distillation",)
"""Challenges that take a minute to prepare: their own tests prepare a smaller world twice."""
SECRET = b"a secret only for tests, 32 byte"


@dataclass(frozen=True)
class Prepared:
    """One version of a challenge's data, as it lies on a grader's disks."""

    package: Package
    settings: GraderSettings
    dataset: str
    report: PrepareReport

    @property
    def slug(self) -> str:
        return self.package.slug

    @property
    def public(self) -> Path:
        return Path(self.settings.storage_url.removeprefix("file://")) / "public" / self.slug / self.dataset

    @property
    def challenge(self) -> LoadedChallenge:
        return load_challenge(self.settings, self.slug, self.dataset)

    @property
    def answers(self) -> pl.DataFrame:
        return pl.read_parquet(self.hidden / "answers.parquet")

    @property
    def hidden(self) -> Path:
        return Path(self.settings.vault_url.removeprefix("file://")) / self.slug / self.dataset

    @property
    def sample_file(self) -> Path:
        """The sample that everybody may submit: a table, a model, or an archive."""
        if self.package.manifest.model:
            return self.public / "sample_model.onnx"
        return self.public / f"sample_submission{self.suffix}"

    @property
    def suffix(self) -> str:
        """Of the files that are submitted."""
        manifest = self.package.manifest
        if manifest.artefacts:
            return manifest.artefacts.endings[0]
        if manifest.program:
            return ".zip"
        return ".onnx" if manifest.model else ".csv"

    @property
    def sample(self) -> pl.DataFrame:
        return pl.read_csv(self.sample_file)

    def grade(self, path: Path) -> Verdict:
        """Score a file as a grader does."""
        content = path.read_bytes()
        file = DataFile(path.name, len(content), hashlib.sha256(content).hexdigest())
        digest = self.report.digest or ""
        job = GradeJob("s", 1, self.slug, self.dataset, digest, self.package.digest, path.as_uri(), file)
        return grade(job, path, self.challenge, shared_box())

    def run_baseline(self) -> tuple[Path, float]:
        """What `baseline.py` writes, and the seconds of processors that it took; it runs once for all tests."""
        folder = self.public.parents[3] / "baselines"
        name = f"{self.slug}-{self.dataset}"
        out, took = folder / f"{name}{self.suffix}", folder / f"{name}.seconds"
        with alone(folder / f"{name}.lock"):
            if not took.exists():
                started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                subprocess.run(
                    [sys.executable, self.package.folder / "baseline.py", "--data", self.public, "--out", out],
                    check=True,
                )
                took.write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - started), "utf-8")
        return out, float(took.read_text("utf-8"))


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keep other processes of this run out."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Workshop:
    """Folders in which challenges are prepared."""

    folder: Path

    def find_packages_of(self, slug: str) -> Path:
        """The folder of packages that holds a challenge; the template is copied as a new challenge is."""
        if slug != COPY:
            return CHALLENGES
        packages = self.folder / "challenges"
        with alone(self.folder / "packages.lock"):
            if not packages.exists():
                draft = self.folder / "draft"
                shutil.copytree(CHALLENGES / TEMPLATE, draft / COPY, ignore=shutil.ignore_patterns("__pycache__"))
                for path in (draft / COPY).iterdir():
                    path.write_text(path.read_text(encoding="utf-8").replace(TEMPLATE, COPY), encoding="utf-8")
                draft.rename(packages)
        return packages

    def prepare(
        self, slug: str, installation: str = "first", secret: bytes = SECRET, source: str = "offline", mirror: str = ""
    ) -> Prepared:
        """Prepare a challenge on one installation; a second call finds what the first one made."""
        place, packages = self.folder / installation, self.find_packages_of(slug)
        settings = GraderSettings(
            redis_url="redis://nowhere",
            storage_url=(place / "blobs").as_uri(),
            vault_url=(place / "vault").as_uri(),
            challenges_dir=packages,
            source_base_url=mirror,
        )
        package = load_package(packages / slug)
        dataset = f"{source}-v{package.manifest.version}-1"
        with alone(self.folder / f"{installation}-{slug}.lock"):
            with alone(self.folder / f"{installation}.lock"):  # another process may read it just now
                (place / "vault").mkdir(parents=True, exist_ok=True)
                if not (place / "vault" / "install_secret").exists():
                    (place / "vault" / "install_secret").write_bytes(secret)
            report = prepare(PrepareJob("d", slug, dataset, source, package.digest), settings)
        return Prepared(package, settings, dataset, report)


def load_script(folder: Path, name: str) -> ModuleType:
    """A challenge's `prepare.py`, `grade.py` or `baseline.py` as a module."""
    return scripts.load_script(folder, f"{name}.py")


def load_part(public: Path, part: str) -> dict[str, NDArray[Any]]:
    """Columns of the public training or test file, whether table or arrays."""
    if (public / f"{part}.npz").exists():
        with np.load(public / f"{part}.npz", allow_pickle=False) as arrays:
            return dict(arrays)
    table = pl.read_csv(public / f"{part}.csv", infer_schema_length=None)
    return {name: table[name].to_numpy() for name in table.columns}


def load_rows(public: Path, part: str, names: list[str]) -> list[bytes]:
    """Features of each row as bytes, to compare rows with."""
    columns = load_part(public, part)
    if any(columns[name].ndim > 1 for name in names):
        return [b"".join(columns[name][row].tobytes() for name in names) for row in range(len(columns[names[0]]))]
    arrays = [columns[name].reshape(len(columns[name]), -1).astype(str) for name in names]
    return [b"|".join(cell.encode() for cell in row) for row in np.concatenate(arrays, axis=1).tolist()]
