"""Draws charts in a process of its own: the engine inside `vl-convert` takes 100 MB, and goes when nobody draws.

One line of JSON in, one line of JSON out. The process ends by itself after a quiet minute, and with its parent.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
from contextlib import suppress

import vl_convert

IDLE_SECONDS = 60.0
PATIENCE_SECONDS = 20.0


class DrawingFailed(Exception):
    """A chart could not be drawn; the message says why."""


class Drawer:
    """Asks the drawing process, and starts one when there is none.

    Args:
        idle_seconds: How long a process waits for the next drawing before it ends.
        patience_seconds: How long one drawing may take, the start of the process included.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._command = [sys.executable, "-m", "arena.drawing", str(idle_seconds)]
        self._lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def draw(self, spec: str, version: str, dates: str) -> str:
        """A Vega-Lite spec as SVG.

        Args:
            spec: The spec as JSON.
            version: Of Vega-Lite.
            dates: How dates are written, such as `zh-CN`.

        Raises:
            DrawingFailed: The spec is wrong, or the process does not answer.
        """
        question = json.dumps([spec, version, dates]).encode() + b"\n"
        with self._lock:
            found = self._ask(question) or self._ask(question)  # the first one may just have ended
        if not found:
            raise DrawingFailed("the drawing process does not answer")
        told: dict[str, str] = json.loads(found)
        if "svg" not in told:
            raise DrawingFailed(told["problem"])
        return told["svg"]

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, question: bytes) -> bytes:
        process = self.process
        if process is None or process.poll() is not None:
            process = self.process = self._start()
        assert process.stdin  # noqa: S101 - both are pipes
        assert process.stdout  # noqa: S101
        with suppress(OSError):
            process.stdin.write(question)
            process.stdin.flush()
            if select.select([process.stdout], [], [], self._patience_seconds)[0]:
                line = process.stdout.readline()
                if line.endswith(b"\n"):
                    return line
        self._end()
        return b""

    def _start(self) -> subprocess.Popen[bytes]:
        self._end()
        process = subprocess.Popen(  # noqa: S603 - our own module
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        # So that one that has ended by itself does not stay behind as a zombie.
        threading.Thread(target=process.wait, daemon=True).start()
        return process

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()


def main(idle_seconds: float) -> None:
    """Answer drawings until the parent closes the pipe, or nothing is asked for a while."""
    while select.select([sys.stdin.buffer], [], [], idle_seconds)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        sys.stdout.buffer.write(answer(line))
        sys.stdout.buffer.flush()


def answer(line: bytes) -> bytes:
    """Draw what a line asks for, or tell why not."""
    spec, version, dates = json.loads(line)
    try:
        told = {"svg": vl_convert.vegalite_to_svg(spec, vl_version=version, time_format_locale=dates)}
    except ValueError as error:
        told = {"problem": str(error)}
    return json.dumps(told).encode() + b"\n"


if __name__ == "__main__":
    main(float(sys.argv[1]))
