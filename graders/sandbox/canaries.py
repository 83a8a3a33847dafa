"""Sends canaries into the sandbox: a guest of ours that tries to reach what this installation must keep from guests.

Real things are tried: the folders of vault and storage, the address of Redis, the grader's own environment, and secret
files that lie where anybody could read them. A canary that breaks, or does not come back, counts as one that got out.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from graders.guests.canary import ATTEMPTS, settings_of
from graders.sandbox import Bounds, End, Profile, Run
from graders.sandbox.trials import OK

if TYPE_CHECKING:
    from graders.sandbox import Mechanism
    from graders.settings import SandboxSettings

BOUNDS = Bounds(wall_seconds=20, cpu_seconds=10, memory_bytes=1 << 30, result_bytes=65_536)
RAN = "runs"
"""Name under which it is said that the guest came back at all."""
ANYBODYS = ("secret_file",)
"""What every user of the machine may read: only Landlock and bubblewrap keep it from a guest."""
_REDIS_PORT = 6379
_MOST_LOOKED_AT = 1000


@dataclass(frozen=True)
class Targets:
    """What canaries try to reach."""

    settings: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)
    """What could not be made into a target, and why."""


@contextmanager
def make_targets(settings: SandboxSettings) -> Iterator[Targets]:
    """Secret files that exist while the block runs, and what this installation has of its own."""
    with tempfile.TemporaryDirectory(prefix="arena-canary-") as name:
        folder = Path(name)
        folder.chmod(0o1777)
        secret, private = folder / "secret", folder / "private"
        secret.write_text("secret", encoding="ascii")
        secret.chmod(0o644)
        private.write_text("private", encoding="ascii")
        private.chmod(0o600)
        paths = {
            "secret_file": [str(secret)],
            "private_file": [str(private)],
            "grader_environment": [f"/proc/{os.getpid()}/environ"],
        }
        missing: dict[str, str] = {}
        for what, url in (("vault", settings.vault_url), ("storage", settings.storage_url)):
            paths[what] = find_paths(url)
            if not url:
                missing[what] = f"ARENA_{what.upper()}_URL is not set"
            elif paths[what] and not Path(paths[what][0]).is_dir():
                missing[what] = f"{paths[what][0]} is not there"
        redis: str | list[Any] = ""
        try:
            redis = find_redis(settings.redis_url)
        except OSError as error:
            missing["redis"] = f"the name of Redis does not resolve: {error.strerror}"
        if not settings.redis_url:
            missing["redis"] = "ARENA_REDIS_URL is not set"
        elif isinstance(redis, str) and redis and not Path(redis).exists():
            missing["redis"] = f"{redis} is not there"
        yield Targets(settings_of(paths, redis, name, os.getpid()), missing)


def release(mechanism: Mechanism, targets: Targets, profile: Profile) -> dict[str, str]:
    """Run the canary by a mechanism; by attempt `ok` or what it could do, and under `runs` whether it came back.

    Args:
        mechanism: By which guests are to run later.
        targets: What it tries to reach.
        profile: `compute`: it is sealed first, as models and tables are.
    """
    outcome = mechanism.run(Run("canary", targets.settings, BOUNDS, profile))
    found: dict[str, str] = dict.fromkeys([*targets.settings["paths"], *ATTEMPTS], "not answered")
    for frame in outcome.frames:
        found |= {name: str(said) for name, said in frame.note.items()}
    told = outcome.stderr.decode(errors="replace").strip()[:300]
    found[RAN] = OK if outcome.end is End.DONE else f"{outcome.end.value}: {told or outcome.exit_code}"
    return found


def sum_up(found: dict[str, str], leave_out: Collection[str] = ()) -> str:
    """`ok`, or what a canary could do, in one line."""
    if found[RAN] != OK:
        return f"it does not come back: {found[RAN]}"
    return "; ".join(f"{name}: {said}" for name, said in found.items() if said != OK and name not in leave_out) or OK


def find_paths(url: str) -> list[str]:
    """The folder behind a `file://` URL and one file in it; nothing for other stores, whose keys no guest has."""
    parts = urlsplit(url)
    if not url or parts.scheme not in ("", "file"):
        return []
    folder = unquote(parts.path)
    for place, _, names in islice(os.walk(folder), _MOST_LOOKED_AT):
        if names:
            return [folder, f"{place}/{min(names)}"]
    return [folder]


def find_redis(url: str) -> str | list[Any]:
    """Where Redis listens: the path of a socket, or an address and a port; empty for no URL.

    Raises:
        OSError: Its name does not resolve.
    """
    parts = urlsplit(url)
    if not url:
        return ""
    if parts.scheme == "unix":
        return unquote(parts.path)
    found = socket.getaddrinfo(parts.hostname, parts.port or _REDIS_PORT, type=socket.SOCK_STREAM)
    return list(found[0][4][:2])
