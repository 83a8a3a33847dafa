"""A data folder: its parts, its embedded servers, who runs it, and what each process of it is told.

blobs/  uploads and public data     vault/  hidden answers, for graders only
postgres/  redis/                   run/    lock of the running `arena up`      logs/
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from arena.cli.client import Refused
from arena.cli.language import _
from arena.cli.settings import GRADER_VARIABLES, WEB_VARIABLES, OperatorSettings, environment_of
from arena.embedded import Server, ServerFailed, start_postgres, start_redis

PARTS = ("blobs", "vault", "run", "logs")
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help=_("Folder of everything that is kept; ./arena-data, or ARENA_DATA.")),
]


@dataclass
class Installation:
    """A data folder and the servers that are used with it."""

    folder: Path
    settings: OperatorSettings = field(default_factory=OperatorSettings)
    servers: dict[str, Server] = field(default_factory=dict)
    """Embedded ones that were started or borrowed, by name."""

    @property
    def logs(self) -> Path:
        """Where the processes' output goes."""
        return self.folder / "logs"

    @property
    def database_url(self) -> str:
        """PostgreSQL: the operator's own, or the embedded one."""
        return self.settings.database_url or self.servers["postgres"].url

    @property
    def redis_url(self) -> str:
        """Redis: the operator's own, or the embedded one."""
        return self.settings.redis_url or self.servers["redis"].url

    def make(self) -> None:
        """Make the folder and its parts.

        Raises:
            Refused: It holds something else, or cannot be written.
        """
        marker = self.folder / "run"
        try:
            if self.folder.exists() and not marker.exists() and any(self.folder.iterdir()):
                sentence = _("{folder} is not empty and no data folder of Arena. Choose another with --data.")
                raise Refused(sentence.format(folder=self.folder))
            for part in PARTS:
                (self.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in ("uploads", "public"):
                (self.folder / "blobs" / part).mkdir(exist_ok=True)
            (marker / "lock").touch()
        except OSError as error:
            sentence = _("{folder} cannot be written: {problem}")
            raise Refused(sentence.format(folder=self.folder, problem=error.strerror)) from None

    @contextmanager
    def claim(self, url: str) -> Iterator[None]:
        """Be the one `arena up` of this folder; the system gives the claim back however we end.

        Raises:
            Refused: Another process runs it; says where.
        """
        with (self.folder / "run" / "lock").open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found = json.loads(file.read() or "{}")
                sentence = _("Arena is running here already: {url} (process {pid}).")
                message = sentence.format(url=found.get("url", "?"), pid=found.get("pid", "?"))
                raise Refused(message, "running") from None
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "url": url}))
            file.flush()
            self._sweep_temporary()
            yield
            file.truncate(0)

    def start_servers(self, *names: str) -> None:
        """Start or borrow embedded servers where the operator has named none; restart those that died.

        Raises:
            Refused: One does not start; says why.
        """
        own = {"postgres": self.settings.database_url, "redis": self.settings.redis_url}
        starters = {"postgres": start_postgres, "redis": start_redis}
        try:
            for name in names:
                server = self.servers.get(name)
                if not own[name] and (server is None or not server.is_running):
                    self.servers[name] = starters[name](self.folder / name)
        except (ServerFailed, OSError) as failure:
            raise Refused(str(failure), "server_failed") from None

    def stop_servers(self) -> None:
        """Stop what was started here, PostgreSQL last."""
        for name in ("redis", "postgres"):
            if name in self.servers:
                self.servers.pop(name).stop()

    def web_environment(self, base_url: str) -> dict[str, str]:
        """What web, scribe and migrate may see."""
        given = {
            "ARENA_DATABASE_URL": self.database_url,
            "ARENA_REDIS_URL": self.redis_url,
            "ARENA_STORAGE_URL": self._storage_url,
            "ARENA_BASE_URL": self.settings.base_url or base_url,
        }
        return environment_of(WEB_VARIABLES, given)

    def grader_environment(self, queues: str) -> dict[str, str]:
        """What a grader may see: no database."""
        given = {
            "ARENA_REDIS_URL": self.redis_url,
            "ARENA_STORAGE_URL": self._storage_url,
            "ARENA_VAULT_URL": self.settings.vault_url or (self.folder / "vault").as_uri(),
            "ARENA_QUEUES": self.settings.queues or queues,
            "ARENA_STOP_SECONDS": str(self.settings.stop_seconds),
        }
        return environment_of(GRADER_VARIABLES, given) | {"TMPDIR": str(self.folder / "run" / "tmp")}

    def _sweep_temporary(self) -> None:
        """Empty the folder where graders work on uploads: one that was killed cleans up nothing."""
        folder = self.folder / "run" / "tmp"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)

    @property
    def _storage_url(self) -> str:
        return self.settings.storage_url or (self.folder / "blobs").as_uri()


def find_installation(folder: Path | None) -> Installation:
    """The installation in `folder`, ARENA_DATA, or `./arena-data`."""
    settings = OperatorSettings()
    return Installation((folder or settings.data).expanduser().resolve(), settings)


@contextmanager
def use_installation(folder: Path | None, *servers: str) -> Iterator[Installation]:
    """An existing installation with its servers running; they are stopped again if they were not before.

    Raises:
        Refused: There is none.
    """
    installation = find_installation(folder)
    own = {"postgres": installation.settings.database_url, "redis": installation.settings.redis_url}
    if any(not own[name] and not (installation.folder / name).exists() for name in servers):
        sentence = _("There is no data folder at {folder}. Name it with --data, or start with: arena up")
        raise Refused(sentence.format(folder=installation.folder), "not_found")
    installation.start_servers(*servers)
    try:
        yield installation
    finally:
        installation.stop_servers()
