"""Talking with programs and visiting services in the sandbox, beside the same in plain processes without one.

The references are what a script would do: a child of `multiprocessing` that is sent arrays through its pipe, and the
same app under uvicorn, asked by `http.client`. Ours is all that a grader does: start, lock, frames, bounds, reading.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from challenges._generators.programs import Dialogue, Message, Request, take
from graders.programs.specimens import APP
from tests.graders.programs.settings import talking, visiting
from tests.sandboxing import close_sandbox

TURNS, REQUESTS, SIZE = 3000, 300, 50
TURN_TARGET, REQUEST_TARGET = 12.0, 2.0
_DOUBLE = "def double(x):\n    return 2 * x\n"
_SERVE = "import sys, socket; from graders.guests.service import load_app, serve; sys.path.insert(0, sys.argv[1]); "
_SERVE += "serve(load_app('app'), socket.socket(fileno=int(sys.argv[2])))"


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; one record per question."""
    turns, requests, repeats = (TURNS // 5, REQUESTS // 5, 1) if quick else (TURNS, REQUESTS, 3)
    try:
        return [
            compare(
                f"a conversation of {turns:,} turns, {SIZE} numbers each way; beside a child of multiprocessing",
                lambda: talk(turns),
                lambda: talk_plainly(turns),
                repeats,
                TURN_TARGET,
            ),
            compare(
                f"{requests} requests to a WSGI app, answers read; beside uvicorn and http.client without a sandbox",
                lambda: visit(requests),
                lambda: visit_plainly(requests),
                repeats,
                REQUEST_TARGET,
            ),
        ]
    finally:
        close_sandbox()


def compare(
    what: str, ours: Callable[[], None], theirs: Callable[[], None], repeats: int, target: float
) -> dict[str, Any]:
    """Both in turn; medians after a first time that does not count."""
    ours()
    theirs()
    pairs = [(_time(ours), _time(theirs)) for _ in range(repeats)]
    mine, other = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    told = {"what": what, "ours": mine, "reference": other, "unit": "s", "ratio": mine / other}
    return told | {"target": f"≤ {target:g} ×", "reached": mine / other <= target}


def talk(turns: int) -> None:
    """In the sandbox, start and end with it."""

    def ask() -> Dialogue[None]:
        x = np.arange(float(SIZE))
        for _ in range(turns):
            answer = yield Message({}, {"x": x})
            take(answer, "y", (SIZE,))

    with talking(_DOUBLE, run_seconds=60) as program:
        program.talk(ask(), turns)


def talk_plainly(turns: int) -> None:
    """With a forked child."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_answer, args=(theirs,))
    child.start()
    x = np.arange(float(SIZE))
    for _ in range(turns):
        ours.send(x)
        ours.recv()
    ours.send(None)
    child.join()


def visit(requests: int) -> None:
    """In the sandbox, start and end with it."""
    with visiting(APP.decode(), run_seconds=60) as service:
        asked = [Request(f"/{number}") for number in range(requests)]
        found = service.visit(asked, {"data.txt": b"x"}, {"DATA": "{data.txt}"})
    if [response.json["path"] for response in found.responses] != [request.target for request in asked]:
        raise RuntimeError("the service answered something else")


def visit_plainly(requests: int) -> None:
    """The same app in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder, socket.socket(socket.AF_UNIX) as listening:
        (Path(folder) / "app.py").write_bytes(APP)
        (Path(folder) / "data.txt").write_bytes(b"x")
        listening.bind(f"{folder}/s")
        listening.listen()
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, folder, str(number)],
            pass_fds=[number],
            env={"DATA": f"{folder}/data.txt"},
            cwd=Path(__file__).parents[2],
        )
        try:
            for asked in range(requests):
                _ask(f"{folder}/s", f"/{asked}")
        finally:
            process.kill()
            process.wait()


def _ask(address: str, path: str) -> Any:
    link = http.client.HTTPConnection("localhost")
    link.sock = socket.socket(socket.AF_UNIX)
    link.sock.connect(address)
    link.request("GET", path, headers={"Connection": "close"})
    found = json.loads(link.getresponse().read())
    link.close()
    return found


def _answer(link: Connection) -> None:
    while (x := link.recv()) is not None:
        link.send(2 * x)


def _time(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
