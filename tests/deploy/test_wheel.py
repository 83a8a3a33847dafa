"""The wheel holds what it needs, each extra suffices for its side alone, and `arena up` works outside the checkout."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.deploy.conftest import ROOT, Python

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(package.__file__, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="session")
def bare(make_python: Callable[..., Python]) -> Python:
    return make_python()


@pytest.fixture(scope="session")
def web(make_python: Callable[..., Python]) -> Python:
    return make_python("web")


@pytest.fixture(scope="session")
def grader(make_python: Callable[..., Python]) -> Python:
    return make_python("grader")


@pytest.fixture(scope="session")
def whole(make_python: Callable[..., Python]) -> Python:
    return make_python("web", "grader")


def import_all(python: Python, package: str) -> list[str]:
    """Import every module of a package; the top-level names that are loaded then, after the package's file."""
    done = python.run("python", "-c", IMPORT_ALL, package)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_templates_locale_static_migrations_and_challenges_are_inside(wheel: Path):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for source, target in (
        ("templates", "arena/_bundled/templates"),
        ("migrations", "arena/_bundled/migrations"),
        ("arena", "arena"),
        ("challenges", "challenges"),
        ("graders", "graders"),
    ):
        for path in (ROOT / source).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{target}/{path.relative_to(ROOT / source).as_posix()}" in inside


def test_nothing_else_is_inside(wheel: Path):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"arena", "challenges", "graders"}


def test_without_extras_learners_have_their_commands(bare: Python):
    told = bare.run("arena", "--help")
    assert told.returncode == 0, told.stderr
    assert "submit" in told.stdout
    refused = bare.run("arena", "challenges", "--server", "127.0.0.1:1")
    assert "Is it running?" in refused.stderr
    for command in ("up", "web", "migrate"):
        refused = bare.run("arena", command)
        assert refused.returncode == 1
        assert 'pip install "arena-grader[web]"' in refused.stderr
    refused = bare.run("arena", "grader")
    assert 'pip install "arena-grader[grader]"' in refused.stderr
    assert bare.run("arena", "doctor", "--json").returncode == 1


def test_the_web_alone_imports_no_grader_library(web: Python):
    file, *loaded = import_all(web, "arena")
    assert Path(file).is_relative_to(web.folder)
    assert not {"numpy", "torch", "sklearn", "polars", "graders"} & set(loaded)


def test_the_grader_alone_imports_no_web_library(grader: Python):
    file, *loaded = import_all(grader, "graders")
    assert Path(file).is_relative_to(grader.folder)
    assert not {"fastapi", "starlette", "sqlalchemy", "psycopg", "jinja2", "arena"} & set(loaded)


def test_up_works_outside_the_checkout(whole: Python):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site, log = f"http://127.0.0.1:{port}", whole.folder / "up.out"
    with log.open("wb") as out:
        command = [whole.program("arena"), "up", "--port", str(port)]
        process = subprocess.Popen(
            command, cwd=whole.folder, env=whole.environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + 120
        while "The data of iris is ready." not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        assert (whole.folder / "arena-data").is_dir()
        for path in ("/", "/challenges/iris", "/static/arena.css", "/login"):
            assert httpx.get(site + path, timeout=20).status_code == 200, path
        chinese = httpx.get(f"{site}/challenges/iris", headers={"Accept-Language": "zh-CN"}, timeout=20).text
        assert "排行榜" in chinese
        (whole.folder / "iris").mkdir()
        assert whole.run("arena", "download", "iris", "--server", site).returncode == 0
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
