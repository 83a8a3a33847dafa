"""A grader's stand-in that a test kills: it runs one program in a mechanism, and says nothing.

python -m tests.graders.sandbox.killed NAME COOKIE
"""

from __future__ import annotations

import sys

from graders.sandbox import Bounds
from tests.graders.sandbox.mechanisms import SETUPS
from tests.graders.sandbox.seen import run_program

SLEEP = """
import ctypes, time
ctypes.CDLL(None).prctl(15, SETTINGS["cookie"].encode(), 0, 0, 0)
time.sleep(1000)
"""


def main(name: str, cookie: str) -> None:
    """Run a program that sleeps under a name."""
    setup = next(setup for setup in SETUPS if setup.name == name)
    bounds = Bounds(wall_seconds=100, cpu_seconds=10, memory_bytes=384 << 20, result_bytes=1000)
    run_program(setup.make(setup.uid), SLEEP.encode(), {"cookie": cookie}, bounds)


if __name__ == "__main__":
    main(*sys.argv[1:])
