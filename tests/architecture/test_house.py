"""The rules of the house that need no server: who imports whom, how long things are, and what may not be written."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"arena", "challenges", "graders", "tests"}
SOURCES = sorted(p for top in ("arena", "challenges", "graders") for p in (ROOT / top).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

WEB_ONLY = {"fastapi", "starlette", "sqlalchemy", "jinja2", "alembic", "psycopg"}
GRADER_ONLY = {"torch", "sklearn", "numpy", "scipy", "pandas", "polars", "onnxruntime", "sacrebleu", "faster_coco_eval"}
BANNED_MODULES = {"utils", "helpers", "common", "misc", "manager", "base"}
FILE_LINES, TEST_LINES, FUNCTION_LINES, ROUTE_LINES = 300, 400, 40, 12


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Every dotted name that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} uses a relative import"
            yield node.module or ""


def top(dotted: str) -> str:
    return dotted.partition(".")[0]


def is_content(path: Path) -> bool:
    """Whether a file belongs to a challenge's folder (or the shared worlds), not to the leaf's root modules."""
    return path.parent != ROOT / "challenges" and path.is_relative_to(ROOT / "challenges")


def test_the_import_contracts_hold():
    # a process of its own: the linter sets up logging for itself, and silences every logger that is there already
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "challenges").glob("*.py")), ids=name_of)
def test_the_leaf_imports_the_standard_library_only(path: Path):
    foreign = {n for n in imported(path) if top(n) not in sys.stdlib_module_names and top(n) != "challenges"}
    assert not foreign


@pytest.mark.parametrize("path", [p for p in SOURCES if is_content(p)], ids=name_of)
def test_a_challenge_imports_nothing_of_ours_but_errors_and_generators(path: Path):
    ours = {n for n in imported(path) if top(n) in OURS}
    assert all(n.startswith(("challenges.errors", "challenges._generators")) for n in ours)


@pytest.mark.parametrize("path", [p for p in SOURCES if top(name_of(p).replace("/", ".")) == "arena"], ids=name_of)
def test_the_web_is_light(path: Path):
    assert not {top(n) for n in imported(path)} & GRADER_ONLY


@pytest.mark.parametrize("path", [p for p in SOURCES if name_of(p).startswith("graders/")], ids=name_of)
def test_graders_know_no_web(path: Path):
    assert not {top(n) for n in imported(path)} & WEB_ONLY


def test_only_the_two_queue_modules_import_rq():
    importers = {name_of(p) for p in SOURCES if any(top(n) == "rq" for n in imported(p))}
    assert importers == {"arena/queues.py", "graders/queues.py"}


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name_of)
def test_files_and_functions_are_short(path: Path):
    source = path.read_text(encoding="utf-8")
    limit = TEST_LINES if path in TESTS else FILE_LINES
    assert len(source.splitlines()) <= limit
    assert path.stem not in BANNED_MODULES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node) <= FUNCTION_LINES, f"{node.name} is too long"
            if is_route(node):
                assert body_lines(node) <= ROUTE_LINES, f"route {node.name} is too long"


def is_route(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is decorated with `@router.get(…)` or its siblings."""
    calls = [d.func for d in node.decorator_list if isinstance(d, ast.Call)]
    return any(isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "router" for f in calls)


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the signature to the end, without the docstring."""
    document = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
    documented = (document.end_lineno or 0) - document.lineno + 1 if document else 0
    return (node.end_lineno or 0) - node.lineno + 1 - documented


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without signature and docstring."""
    start = 1 if ast.get_docstring(node, clean=False) is not None else 0
    if len(node.body) <= start:
        return 0
    return (node.body[-1].end_lineno or 0) - node.body[start].lineno + 1


def calls_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


ENVIRONMENT_READERS = {
    "arena/embedded.py",  # hands a clean environment to the servers it starts
    "arena/settings.py",
    "challenges/dashboard/baseline.py",  # a participant's service, which is told in the environment where its table is
    "graders/settings.py",
    "graders/guests/service.py",  # gives an app what its challenge says
}
CLOCK = "arena/clock.py"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_banned_is_used(path: Path):
    assert not {top(n) for n in imported(path)} & {"pickle", "cPickle", "marshal", "shelve"}
    used = set(calls_of(path))
    assert "torch.load" not in used
    if name_of(path) != CLOCK:
        assert not re.search(r"\b(datetime\.(now|utcnow|today)|date\.today)\(", path.read_text(encoding="utf-8"))
    if not name_of(path).startswith("arena/cli/") and name_of(path) not in ENVIRONMENT_READERS:
        assert not used & {"os.environ", "os.getenv"}, "read the environment in settings"


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name_of)
def test_the_text_speaks_of_the_project_alone(path: Path):
    source = path.read_text(encoding="utf-8")
    if path == Path(__file__):
        return
    for word in ("TODO", "FIXME", "raise NotImplementedError", "mock.patch", "monkeypatch"):
        assert word not in source
