"""`arena doctor`: what this machine has, what it lacks, and what follows from that."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from arena.cli.client import login_path
from arena.cli.display import AsJson, print_json, print_table, say
from arena.cli.language import _, language_tag
from arena.cli.settings import OperatorSettings

NEWEST_TOO_OLD = (3, 10)
WEB = ("fastapi", "sqlalchemy", "uvicorn", "uvloop", "httptools", "psycopg", "psutil", "redis", "rq", "obstore")
GRADER = ("numpy", "polars", "sklearn", "torch", "onnx", "onnxruntime", "safetensors", "redis", "rq", "obstore")
LOW_DISK_BYTES = 2_000_000_000
LOW_FILES = 1024
MECHANISMS = ("seccomp", "landlock", "bubblewrap", "bubblewrap_with_proc", "cgroup", "uid_pool")
"""What a sandbox is made of; the rest of what is tried explains it."""
ASK_TORCH = """
import torch
print(torch.__version__, torch.cuda.get_device_name(0) if torch.cuda.is_available() else "-", sep="|")
"""


class State(StrEnum):
    """What a finding means."""

    GOOD = "good"
    NOTE = "note"
    """Something is possible only in part."""
    BAD = "bad"
    """`arena up` does not work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    follows: str = ""
    """What to do, or what is not possible."""


def doctor(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help=_("Data folder to look at."))] = None,
    port: Annotated[int, typer.Option(help=_("Port that `arena up` would use."))] = 8000,
    as_json: AsJson = False,
) -> None:
    """Say what is present on this machine, what is missing, and what follows.

    Exit code: 0 when `arena up` works here, 1 when not.
    """
    settings = OperatorSettings()
    folder = (data or settings.data).expanduser().resolve()
    findings = list(examine(folder, port, settings))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {State.GOOD: Text("✓", "green"), State.NOTE: Text("!", "yellow"), State.BAD: Text("✗", "red")}
        print_table(["", "", "", ""], [[marks[f.state], f.name, f.found, f.follows] for f in findings])
        bad = any(finding.state is State.BAD for finding in findings)
        say(_("`arena up` does not work here yet.") if bad else _("`arena up` works here."), "red" if bad else "green")
    if any(finding.state is State.BAD for finding in findings):
        raise typer.Exit(1)


def examine(folder: Path, port: int, settings: OperatorSettings) -> Iterator[Finding]:
    """Every finding, in the order they matter."""
    yield _python()
    yield _extra("web", WEB, _("No server runs here; the learner's commands work."))
    yield _extra("grader", GRADER, _("Nothing is graded here; a grader elsewhere can do it."))
    yield _server("PostgreSQL", settings.database_url, "ARENA_DATABASE_URL", _find_postgres)
    yield _server("Redis", settings.redis_url, "ARENA_REDIS_URL", _find_redis)
    yield _account()
    yield _data_folder(folder)
    yield _disk(folder)
    yield _port(port)
    yield _torch()
    yield sandbox([sys.executable, "-m", "graders.sandbox.probing", "--json"])
    yield _cores()
    yield _open_files()
    yield _encoding()
    yield _config_folder()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] > NEWEST_TOO_OLD
    return Finding("Python", State.GOOD if good else State.BAD, version, "" if good else _("Install 3.11 or newer."))


def _extra(name: str, libraries: tuple[str, ...], follows: str) -> Finding:
    title = _("libraries: {extra}").format(extra=name)
    missing = [library for library in libraries if find_spec(library) is None]
    if not missing:
        return Finding(title, State.GOOD, _("complete"))
    command = f'pip install "arena-grader[{name}]"'
    return Finding(
        title, State.BAD, _("missing: {libraries}").format(libraries=", ".join(missing)), f"{follows} {command}"
    )


def _server(name: str, own: str, variable: str, find: Callable[[], Path | None]) -> Finding:
    if own:
        return Finding(name, State.GOOD, _("your own, as {variable} says").format(variable=variable))
    program = find()
    if program is None:
        return Finding(
            name, State.BAD, _("not found"), _("Install the extra web, or set {variable}.").format(variable=variable)
        )
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            name, State.BAD, str(error), _("Set {variable} to a server of your own.").format(variable=variable)
        )
    return Finding(name, State.GOOD, done.stdout.strip().split(" sha=")[0])


def _find_postgres() -> Path | None:
    if find_spec("psycopg") is None or find_spec("psutil") is None:
        return None
    from arena.embedded import find_postgres  # noqa: PLC0415 - the extra web may be absent

    folder = find_postgres()
    return folder / "postgres" if folder else None


def _find_redis() -> Path | None:
    if find_spec("psycopg") is None or find_spec("psutil") is None:
        return None
    from arena.embedded import find_redis  # noqa: PLC0415 - the extra web may be absent

    return find_redis()


def _account() -> Finding:
    name = _("account")
    if os.geteuid() != 0:
        return Finding(name, State.GOOD, _("an ordinary user"))
    if shutil.which("useradd") is None:
        return Finding(
            name, State.BAD, "root", _("PostgreSQL does not run as root and useradd is missing: be another.")
        )
    return Finding(
        name, State.NOTE, "root", _("PostgreSQL runs as the user pgserver, who may pass through the data folder.")
    )


def _data_folder(folder: Path) -> Finding:
    name = _("data folder")
    place = _nearest(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(name, State.BAD, str(folder), _("It cannot be written. Choose another with --data."))
    if folder.exists() and not (folder / "run").exists() and any(folder.iterdir()):
        return Finding(name, State.BAD, str(folder), _("It holds something else. Choose another with --data."))
    running = _find_running(folder)
    if running:
        return Finding(name, State.GOOD, str(folder), _("Arena is running here already: {url}").format(url=running))
    return Finding(name, State.GOOD, str(folder), "" if folder.exists() else _("It will be made."))


def _find_running(folder: Path) -> str:
    """Where the `arena up` of this folder serves; empty: it does not run."""
    try:
        with (folder / "run" / "lock").open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return str(json.loads(file.read() or "{}").get("url", "?"))
    except OSError:
        return ""
    return ""


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_nearest(folder)).free
    found = _("{size} GB free").format(size=f"{free / 1e9:.1f}")
    if free < LOW_DISK_BYTES:
        return Finding(_("disk"), State.NOTE, found, _("Large challenges need more."))
    return Finding(_("disk"), State.GOOD, found)


def _port(port: int) -> Finding:
    name = _("port {port}").format(port=port)
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        return Finding(name, State.NOTE, str(error.strerror), _("Choose another: arena up --port N"))
    return Finding(name, State.GOOD, _("free"))


def _torch() -> Finding:
    name = "torch, GPU"
    if find_spec("torch") is None:
        return Finding(
            name, State.NOTE, _("not installed"), _("Models cannot be graded; predictions of other kinds can.")
        )
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            [sys.executable, "-c", ASK_TORCH], capture_output=True, text=True, timeout=120, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name, State.NOTE, str(error), _("Install it again."))
    version, _bar, device = done.stdout.strip().rpartition("|")
    follows = _("Challenges for a GPU are graded on the CPU, slowly.") if device == "-" else ""
    return Finding(name, State.NOTE if device == "-" else State.GOOD, f"{version}, {device}", follows)


def _cores() -> Finding:
    count = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return Finding(
        _("machine"), State.GOOD, _("{cores} cores, {memory} GB").format(cores=count, memory=f"{memory:.0f}")
    )


def sandbox(command: list[str]) -> Finding:
    """How well graders on this machine lock in what participants send.

    Args:
        command: The graders' own program, which tries it; it prints one JSON document.
    """
    name = _("sandbox")
    if find_spec("polars") is None:
        return Finding(name, State.NOTE, _("not tried"), _("Graders' libraries are missing."))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - ours
        told = json.loads(done.stdout)
        level, reasons, refuses = str(told["level"]), list(told["reasons"]), list(told["refuses"])
        works = [mechanism for mechanism in MECHANISMS if dict(told["probes"]).get(mechanism) == "ok"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        return Finding(name, State.BAD, str(error), _("Nothing can be graded without it."))
    parts = [_translated(str(reason)) for reason in reasons]
    if refuses:
        parts.append(_("Not opened here: {kinds}.").format(kinds=", ".join(refuses)))
    state = State.NOTE if level in ("S0", "S1") else State.GOOD
    state = State.BAD if "predictions" in refuses else state
    return Finding(name, state, f"{level}: {', '.join(works)}" if works else level, " ".join(parts))


def _translated(reason: str) -> str:
    """A grader's sentence in the reader's language, where the site's catalogues are installed."""
    if language_tag() == "en" or find_spec("babel") is None:
        return reason
    from arena.sandboxes import tell_reason  # noqa: PLC0415 - of the extra web
    from arena.translations import CHINESE  # noqa: PLC0415

    return tell_reason(reason, CHINESE)


def _open_files() -> Finding:
    limit = os.sysconf("SC_OPEN_MAX")
    low = 0 < limit < LOW_FILES
    return Finding(_("open files"), State.NOTE if low else State.GOOD, str(limit), "ulimit -n 4096" if low else "")


def _encoding() -> Finding:
    encoding = (sys.stdout.encoding or "?").lower()
    good = encoding.replace("-", "") == "utf8"
    follows = "" if good else _("Chinese cannot be printed; set LANG=C.UTF-8.")
    return Finding(_("text encoding"), State.GOOD if good else State.NOTE, encoding, follows)


def _config_folder() -> Finding:
    folder = login_path().parent
    good = os.access(_nearest(folder), os.W_OK | os.X_OK)
    follows = "" if good else _("`arena login` cannot keep a token; set ARENA_TOKEN.")
    return Finding(_("configuration"), State.GOOD if good else State.NOTE, str(folder), follows)


def _nearest(path: Path) -> Path:
    """The path, or the closest folder above it that exists."""
    return path if path.exists() else next(parent for parent in path.parents if parent.exists())
