"""The wheel as a stranger gets it, and environments in which nothing but one extra is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "arena-grader"


@dataclass
class Python:
    """A virtual environment of its own, outside the checkout."""

    folder: Path

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, in an empty folder, with a bare environment."""
        return subprocess.run(
            [self.program(words[0]), *words[1:]],
            input=stdin,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def make_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Python]:
    """Makes an environment with the wheel and exactly the libraries that some extras ask for.

    They are linked from this environment instead of downloaded: what an extra forgets is missing all the same.
    """

    def make(*extras: str) -> Python:
        python = Python(tmp_path_factory.mktemp("-".join(extras) or "bare"))
        venv.create(python.folder, with_pip=False, symlinks=True)
        command = [sys.executable, "-m", "pip", "--python", python.program("python"), "install", "--no-deps"]
        subprocess.run([*command, "--quiet", "--no-index", str(wheel)], check=True, capture_output=True)
        (packages,) = python.folder.glob("lib/python*/site-packages")
        for name in sorted(needed_by(PROJECT, frozenset(extras)) - {PROJECT}):
            link(distribution(name), packages)
        return python

    return make


def needed_by(name: str, extras: frozenset[str]) -> set[str]:
    """Names of a distribution and of all that it needs with these extras, as they are installed here."""
    found: set[str] = set()
    queue: list[tuple[str, frozenset[str]]] = [(name, extras)]
    asked: set[tuple[str, frozenset[str]]] = set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in asked:
            continue
        asked.add((name, extras))
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another system
        found.add(name)
        for requirement in map(Requirement, requires):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                queue.append((normal(requirement.name), frozenset(requirement.extras)))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def link(package: Distribution, target: Path) -> None:
    """Make a distribution importable from another folder."""
    for root in {path.parts[0] for path in package.files or [] if path.parts[0] not in ("..", "__pycache__")}:
        source = Path(str(package.locate_file(root)))
        if source.exists() and source.is_relative_to(sysconfig.get_path("purelib")) and not (target / root).exists():
            (target / root).symlink_to(source)
