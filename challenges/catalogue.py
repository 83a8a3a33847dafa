"""Finds the challenges in a folder and reads their packages: manifest, both descriptions, digest, order on the path.

Nothing of a package is executed here: `prepare.py` and `baseline.py` are only looked for.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from challenges.artefacts import GRADE_FILE
from challenges.errors import InvalidManifest
from challenges.manifest import SLUG_PATTERN, Manifest
from challenges.programs import CODE_KIND, HARNESS_FILE
from challenges.records import RecordError, parse_record
from challenges.rules import load_manifest
from challenges.texts import Text

MANIFEST_FILE = "challenge.toml"
PATH_FILE = "path.toml"
DESCRIPTION_FILES = {"en": "description.md", "zh": "description.zh.md"}
PACKAGE_FILES = ("__init__.py", MANIFEST_FILE, *DESCRIPTION_FILES.values(), "prepare.py", "baseline.py")
"""What every challenge's folder holds."""
SOLUTION_FILE = "solution.py"
"""A stronger, documented solution that a challenge's folder may hold, in cells (`# %%`)."""
NOTEBOOK_FILE = "solution.ipynb"
"""The same as a notebook, which `prepare` makes of it."""

SECTIONS = {
    "overview": Text("Overview", "概述"),
    "motivation": Text("Why it matters", "为什么重要"),
    "data": Text("Data", "数据"),
    "evaluation": Text("Evaluation", "评测"),
    "submission": Text("Submission format", "提交格式"),
    "rules": Text("Rules", "规则"),
    "hints": Text("Hints", "提示"),
    "next": Text("What to learn next", "接下来学什么"),
}
"""Second-level headings of every description, in order, by key."""

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")


@dataclass(frozen=True)
class Package:
    """A challenge as shipped."""

    slug: str
    """Folder name, URL and id."""
    folder: Path
    manifest: Manifest
    descriptions: dict[str, str]
    """Markdown by language, `en` and `zh`."""
    digest: str
    """sha256 over every file of the folder; names this exact package."""
    text: str = ""
    """Its `challenge.toml` as it stands."""


@dataclass(frozen=True)
class Stage:
    """One stage of the learning path."""

    name: str
    """What a manifest's `stage` names."""
    title: Text
    hours: float
    """How long a beginner needs for the stage, in hours."""
    challenges: list[str] = field(default_factory=list)
    """Slugs in the order to learn; a challenge of the stage that is not listed comes after them."""


@dataclass(frozen=True)
class _LearningPath:
    stages: list[Stage]


def find_packages(root: Path) -> dict[str, Package]:
    """Load every challenge under `root`, in the order of the learning path.

    Args:
        root: A folder of challenge folders with a `path.toml`. Names that start with `_` or `.` are not challenges.

    Raises:
        InvalidManifest: A folder is incomplete or its manifest is wrong.
    """
    stages = load_stages(root)
    names = [stage.name for stage in stages]
    listed = [slug for stage in stages for slug in stage.challenges]
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(("_", ".")))
    packages = [load_package(folder) for folder in folders]
    for package in packages:
        if package.manifest.stage not in names:
            known = ", ".join(names)
            raise InvalidManifest(f"{package.slug}: stage {package.manifest.stage!r} is not in {PATH_FILE}: {known}")

    def place(package: Package) -> tuple[int, int, str]:
        position = listed.index(package.slug) if package.slug in listed else len(listed)
        return names.index(package.manifest.stage), position, package.slug

    return {package.slug: package for package in sorted(packages, key=place)}


def load_stages(root: Path) -> list[Stage]:
    """Read the stages of the learning path, in order.

    Raises:
        InvalidManifest: `path.toml` is missing or wrong, or names a stage or a slug twice.
    """
    path = root / PATH_FILE
    try:
        stages = parse_record(_LearningPath, tomllib.loads(path.read_text(encoding="utf-8"))).stages
    except (OSError, ValueError) as error:  # a RecordError is a ValueError
        raise InvalidManifest(f"{path}: {error}") from error
    for names in ([s.name for s in stages], [slug for s in stages for slug in s.challenges]):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidManifest(f"{path}: {twice[0]!r} appears twice")
    return stages


def load_package(folder: Path) -> Package:
    """Read one challenge's folder.

    Raises:
        InvalidManifest: The folder's name is no slug, a file is missing, or the manifest is wrong.
    """
    slug = folder.name
    if not SLUG_PATTERN.match(slug):
        raise InvalidManifest(f"{folder}: {slug!r} is not a slug (a-z first, then a-z, 0-9 and _, 2 to 40 characters)")
    missing = [name for name in PACKAGE_FILES if not (folder / name).is_file()]
    if missing:
        raise InvalidManifest(f"{folder}: {missing[0]} is missing; every challenge has {', '.join(PACKAGE_FILES)}")
    manifest = load_manifest(folder / MANIFEST_FILE)
    needed = [GRADE_FILE] if manifest.is_scored_by_package else []
    needed += [HARNESS_FILE] if manifest.kind == CODE_KIND else []
    for name in needed:
        if not (folder / name).is_file():
            raise InvalidManifest(f"{folder}: {name} is missing; a challenge of kind {manifest.kind} has one")
    try:
        descriptions = {k: (folder / name).read_text(encoding="utf-8") for k, name in DESCRIPTION_FILES.items()}
        for language, description in descriptions.items():
            split_sections(description, language)
        text = (folder / MANIFEST_FILE).read_text(encoding="utf-8")
    except (UnicodeDecodeError, RecordError) as error:
        raise InvalidManifest(f"{folder}: {error}") from error
    return Package(slug, folder, manifest, descriptions, digest_folder(folder), text)


def digest_folder(folder: Path) -> str:
    """sha256 hex over the names and contents of all files below `folder`, bytecode caches left out."""
    whole = hashlib.sha256()
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    for name in sorted(files):
        if "__pycache__" in name.split("/"):
            continue
        content = hashlib.sha256(files[name].read_bytes()).hexdigest()
        whole.update(f"{name}\0{content}\n".encode())
    return whole.hexdigest()


def split_sections(description: str, language: str) -> dict[str, str]:
    """Cut a description into its sections, by the keys of `SECTIONS`; each is Markdown without its own heading.

    Raises:
        RecordError: The second-level headings are not exactly those of `SECTIONS`, in order.
    """
    expected = [str(getattr(title, language)) for title in SECTIONS.values()]
    found = [title for level, title, _ in _headings(description) if level == 2]  # noqa: PLR2004
    if found != expected:
        raise RecordError(f"{DESCRIPTION_FILES[language]}: headings are {found}; they must be {expected}")
    lines = description.splitlines()
    starts = [number for level, _, number in _headings(description) if level == 2]  # noqa: PLR2004
    ends = [*starts[1:], len(lines)]
    bodies = ["\n".join(lines[start + 1 : end]).strip() for start, end in zip(starts, ends, strict=True)]
    return dict(zip(SECTIONS, bodies, strict=True))


def heading_levels(description: str) -> list[int]:
    """Levels of all headings, in order: what two translations of one text have in common."""
    return [level for level, _, _ in _headings(description)]


def _headings(description: str) -> list[tuple[int, str, int]]:
    """Level, text and line number of each heading; `#` inside a fenced block is a comment, not a heading."""
    headings = []
    is_fenced = False
    for number, line in enumerate(description.splitlines()):
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
        match = None if is_fenced else _HEADING.match(line)
        if match:
            headings.append((len(match[1]), match[2], number))
    return headings
