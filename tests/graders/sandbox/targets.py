"""The world around a guest, and what attacks have done to it: the only thing that a verdict of the suite rests on.

Files, listeners, a Redis, a terminal, two processes: each is made to be reached by anybody, so that what protects it
is the sandbox and not its own mode. `World.effects` says what has changed since.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import tty
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from tests.graders.sandbox.remnants import Remnants, remove_keys

TOKEN = secrets.token_hex(16)
"""Stands in the secret file, in the environment of everybody outside, and in no place that a guest may read."""
VARIABLE = "SUITE_SECRET"
DOCUMENT = b"a document of another\n"
STACK_BYTES = 8192
DISK_BYTES = 1 << 20
"""What attacks may leave on the disk before it counts as filled."""
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/root", "/home")  # noqa: S108 - where attackers look first


@dataclass
class Bystander:
    """A process that has nothing to do with a run."""

    process: subprocess.Popen[bytes]
    before: tuple[object, ...] = ()

    @classmethod
    def start(cls, uid: int) -> Bystander:
        """Start one, as another user where `uid` is not 0."""
        user: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
        environment = {VARIABLE: TOKEN, "PATH": "/usr/bin:/bin"}
        command = ["sleep", "600"]
        process = subprocess.Popen(command, env=environment, start_new_session=True, cwd="/", **user)
        found = cls(process)
        found.before = found.facts()
        return found

    def facts(self) -> tuple[object, ...]:
        """Everything about it that only itself and its owner should change."""
        pid = self.process.pid
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return (
            os.getpriority(os.PRIO_PROCESS, pid),
            os.sched_getaffinity(pid),
            os.sched_getscheduler(pid),
            Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="utf-8"),
            Path(f"/proc/{pid}/limits").read_text(encoding="utf-8"),
            next(line for line in status.splitlines() if line.startswith("TracerPid")),
        )

    @property
    def stack(self) -> int:
        """Where the end of its stack begins, with the environment in it."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8").splitlines()
        line = next(line for line in maps if line.endswith("[stack]"))
        return int(line.split()[0].split("-")[1], 16) - STACK_BYTES

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


@dataclass
class Listener:
    """A socket that counts who came."""

    name: str
    socket: socket.socket

    def count(self) -> int:
        """How many came since the last time."""
        hits = 0
        with suppress(BlockingIOError):
            while True:
                if self.socket.type == socket.SOCK_STREAM:
                    self.socket.accept()[0].close()
                else:
                    self.socket.recv(1000)
                hits += 1
        return hits


@dataclass
class World:
    """Everything outside, for one run."""

    folder: Path
    uid: int
    redis_port: int
    redis_socket: str
    cookie: str = field(default_factory=lambda: "sx" + secrets.token_hex(5))
    key: int = field(default_factory=lambda: secrets.randbelow(1 << 30) + 1)
    listeners: list[Listener] = field(default_factory=list)
    victim: Bystander = field(init=False)
    sibling: Bystander = field(init=False)
    terminal: int = -1
    terminal_name: str = ""
    before: dict[str, tuple[object, ...]] = field(default_factory=dict)
    remnants: Remnants = field(init=False)
    is_clean: bool = False
    """It has been seen that nothing was left behind."""

    def __post_init__(self) -> None:
        self.remnants = Remnants(self.cookie, self.key, (*PLACES, "/"))

    def settings(self, **more: object) -> dict[str, Any]:
        """What an attack is told: it has to guess nothing."""
        addresses = {listener.name: listener.socket.getsockname() for listener in self.listeners}
        return {
            "folder": str(self.folder),
            "secret": str(self.folder / "secret.txt"),
            "document": str(self.folder / "document.txt"),
            "spare": str(self.folder / "outside/spare.txt"),
            "places": [str(self.folder / "outside"), *PLACES, "."],
            "tcp": addresses["tcp"][1],
            "udp": addresses["udp"][1],
            "unix_stream": str(self.folder / "stream.sock"),
            "unix_datagram": str(self.folder / "datagram.sock"),
            "abstract_stream": self.cookie + "s",
            "abstract_datagram": self.cookie + "d",
            "redis_port": self.redis_port,
            "redis_socket": self.redis_socket,
            "victim": self.victim.process.pid,
            "sibling": self.sibling.process.pid,
            "victim_stack": self.victim.stack,
            "sibling_stack": self.sibling.stack,
            "stack_bytes": STACK_BYTES,
            "terminal": self.terminal_name,
            "cookie": self.cookie,
            "key": self.key,
            **more,
        }

    def effects(self, told: bytes) -> set[str]:
        """What has happened, by name.

        Args:
            told: All that came out of the run.
        """
        found = {listener.name for listener in self.listeners if listener.count()}
        if TOKEN.encode() in told:
            found.add("secret")
        if str((self.folder / "secret.txt").stat().st_size).encode() in told:
            found.add("metadata")
        if b"listed-" + TOKEN[:8].encode() in told:
            found.add("listing")
        left = self.remnants.found()
        self.is_clean = not left
        found |= self._changed_files() | self._changed_processes() | left
        with Redis(port=self.redis_port) as client:
            if client.delete(self.cookie):
                found.add("redis")
        with suppress(BlockingIOError, OSError):
            if self.cookie.encode() in os.read(self.terminal, 4096):
                found.add("terminal")
        return found

    def clear(self) -> None:
        """Take away what was left behind."""
        if not self.is_clean:
            self.remnants.remove()
            remove_keys(self.cookie)

    def _changed_files(self) -> set[str]:
        after = snapshot(self.folder)
        used = sum((self.folder / name).lstat().st_blocks * 512 for name in after)
        is_known = {"file": after != self.before, "disk": used > DISK_BYTES}
        return {name for name, holds in is_known.items() if holds}

    def _changed_processes(self) -> set[str]:
        found = set()
        for who, bystander in (("victim", self.victim), ("sibling", self.sibling)):
            if bystander.process.poll() is not None:
                found.add(f"{who} killed")
            elif bystander.facts() != bystander.before:
                found.add(f"{who} changed")
        return found


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder with what can be changed of it."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(facts.st_mode) and facts.st_size < DISK_BYTES else b""
        names = tuple(os.listxattr(path, follow_symlinks=False))
        key = str(path.relative_to(folder))
        found[key] = (facts.st_mode, facts.st_uid, facts.st_nlink, facts.st_size, facts.st_mtime_ns, content, names)
    return found


@contextmanager
def make_world(redis_port: int, redis_socket: str, uid: int = 0) -> Iterator[World]:
    """Build a world that is gone afterwards.

    Args:
        redis_port: Of a real server.
        redis_socket: Of the same one.
        uid: Whom a sibling of the guest runs as; 0: as we do.
    """
    folder = Path(tempfile.mkdtemp(prefix="arena-suite-", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        world = World(folder, uid, redis_port, redis_socket)
        _make_files(folder)
        stack.callback(world.clear)
        world.listeners = list(_make_listeners(world, stack))
        for name in ("victim", "sibling"):
            bystander = Bystander.start(uid if name == "sibling" else 0)
            setattr(world, name, bystander)
            stack.callback(bystander.stop)
        world.terminal, slave = os.openpty()
        world.terminal_name = os.ttyname(slave)
        os.chmod(world.terminal_name, 0o666)  # noqa: PTH101, S103 - what a guest could write to
        tty.setraw(slave)
        os.set_blocking(world.terminal, False)
        stack.callback(os.close, world.terminal)
        stack.callback(os.close, slave)
        world.before = snapshot(folder)
        yield world


def _make_files(folder: Path) -> None:
    (folder / "secret.txt").write_text(f"{TOKEN}\n", encoding="utf-8")
    os.truncate(folder / "secret.txt", 10**10 + secrets.randbelow(10**10))  # sparse; a size that nothing else has
    (folder / "document.txt").write_bytes(DOCUMENT)
    (folder / f"listed-{TOKEN[:8]}").touch()
    (folder / "empty").mkdir()
    (folder / "outside").mkdir()
    (folder / "outside/spare.txt").write_bytes(DOCUMENT)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (folder / "secret.txt").chmod(0o644)


def _make_listeners(world: World, stack: ExitStack) -> Iterator[Listener]:
    loopback, unix = socket.AF_INET, socket.AF_UNIX
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    wanted: list[tuple[str, int, int, Any]] = [
        ("tcp", loopback, stream, ("127.0.0.1", 0)),
        ("udp", loopback, datagram, ("127.0.0.1", 0)),
        ("unix stream", unix, stream, str(world.folder / "stream.sock")),
        ("unix datagram", unix, datagram, str(world.folder / "datagram.sock")),
        ("abstract stream", unix, stream, f"\0{world.cookie}s"),
        ("abstract datagram", unix, datagram, f"\0{world.cookie}d"),
    ]
    for name, family, kind, address in wanted:
        made = stack.enter_context(closing(socket.socket(family, kind)))
        made.bind(address)
        made.setblocking(False)  # noqa: FBT003 - the standard library's signature
        if kind == stream:
            made.listen(50)
        if isinstance(address, str) and address.startswith("/"):
            Path(address).chmod(0o777)
        yield Listener(name, made)
