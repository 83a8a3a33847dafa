"""Archives of CIFAR-10's form with few records, and packages that promise them."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np

from challenges._generators.cifar import ARCHIVE, BATCHES
from challenges.catalogue import Package, load_package
from challenges.messages import PrepareJob
from graders.preparing import prepare
from graders.settings import GraderSettings
from tests.challenges.workshop import CHALLENGES
from tests.real_data import serve_real_files

RECORDS = 100


def make_batches(count: int = RECORDS) -> dict[str, bytes]:
    """Batches of the right form: the label first, then the red, the green and the blue plane."""
    rng = np.random.default_rng(0)
    batches = {}
    for name in BATCHES:
        records = rng.integers(0, 256, (count, 3073)).astype(np.uint8)
        records[:, 0] = np.arange(count) % 10
        batches[name] = records.tobytes()
    return batches


def write_archive(path: Path, files: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(member, io.BytesIO(content))
    return path


def copy_with_archive(slug: str, folder: Path) -> Package:
    """A copy of a package that promises size and sha256 of an archive in `folder/files`, to be served on loopback."""
    (folder / "files").mkdir()
    content = write_archive(folder / "files" / ARCHIVE, make_batches()).read_bytes()
    copy = folder / "challenges" / slug
    shutil.copytree(CHALLENGES / slug, copy, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = (copy / "challenge.toml").read_text(encoding="utf-8")
    manifest = re.sub(r'(?m)^digest = ".*"$', f'digest = "{hashlib.sha256(content).hexdigest()}"', manifest)
    manifest = re.sub(r"(?m)^size_bytes = .*$", f"size_bytes = {len(content)}", manifest)
    (copy / "challenge.toml").write_text(manifest, encoding="utf-8")
    return load_package(copy)


def prepare_real(slug: str, folder: Path) -> tuple[Path, Path]:
    """The public folder and the vault's of a challenge's real data, made of such an archive from loopback."""
    package = copy_with_archive(slug, folder)
    with serve_real_files(folder / "files") as mirror:
        settings = GraderSettings(
            redis_url="redis://nowhere",
            storage_url=(folder / "blobs").as_uri(),
            vault_url=(folder / "vault").as_uri(),
            challenges_dir=package.folder.parent,
            source_base_url=mirror,
        )
        report = prepare(PrepareJob("d", slug, "real-v1-1", "real", package.digest), settings)
    assert report.ready
    return folder / "blobs" / "public" / slug / "real-v1-1", folder / "vault" / slug / "real-v1-1"


def records_by_image(batches: dict[str, bytes]) -> dict[bytes, int]:
    """Labels of all images, which are found by their planes."""
    pairs = {}
    for content in batches.values():
        for record in np.frombuffer(content, dtype=np.uint8).reshape(-1, 3073):
            pairs[record[1:].tobytes()] = int(record[0])
    return pairs
