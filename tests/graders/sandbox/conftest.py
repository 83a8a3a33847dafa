"""What the suite needs once: a Redis that anybody can reach, a secret within reach of whoever inherits, mechanisms."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
import redis

from arena.embedded import find_redis
from graders.sandbox import Mechanism
from tests.eventually import eventually
from tests.graders.sandbox.mechanisms import Setup, why_not
from tests.graders.sandbox.targets import TOKEN, VARIABLE, World, make_world


@pytest.fixture(scope="session")
def open_redis() -> Iterator[tuple[int, str]]:
    """Port and socket of a Redis without a password."""
    program = find_redis()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="arena-suite-redis-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        place = f"{folder}/redis.sock"
        options = ["--bind", "127.0.0.1", "--port", str(port), "--unixsocket", place, "--unixsocketperm", "777"]
        command = [str(program), *options, "--save", "", "--dir", folder, "--logfile", f"{folder}/log"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            eventually(lambda: _answers(port))
            yield port, place
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with suppress(redis.ConnectionError), redis.Redis(port=port) as client:
        return bool(client.ping())
    return False


@pytest.fixture(scope="session")
def within_reach() -> Iterator[str]:
    """Put a secret where whatever is started carelessly from now on has it: environment and descriptors."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(f"{VARIABLE}={TOKEN}".encode())
        file.flush()
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - the standard library's signature
        os.environ[VARIABLE] = TOKEN
        yield TOKEN
        del os.environ[VARIABLE]


@pytest.fixture(scope="session")
def mechanism_of(within_reach: str) -> Iterator[Callable[[Setup], Mechanism]]:
    """Each mechanism, made when first asked for and closed at the end."""
    made: dict[str, Mechanism] = {}
    with ExitStack() as stack:
        assert os.environ[VARIABLE] == within_reach

        def get(setup: Setup) -> Mechanism:
            reason = why_not(setup)
            if reason:
                pytest.skip(reason)
            if setup.name not in made:
                made[setup.name] = setup.make(setup.uid)
                stack.callback(made[setup.name].close)
            return made[setup.name]

        yield get


@pytest.fixture
def world_for(open_redis: tuple[int, str], within_reach: str) -> Iterator[Callable[[int], World]]:
    """Builds the world around a run, for a guest of some user."""
    with ExitStack() as stack:
        assert os.environ[VARIABLE] == within_reach
        yield lambda uid: stack.enter_context(make_world(*open_redis, uid=uid))
