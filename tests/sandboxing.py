"""One sandbox for all tests of a process that have no wishes of their own: a fork server, started when asked for."""

from __future__ import annotations

from functools import lru_cache

from graders.boxing import Box
from graders.kinds import find_kinds
from graders.sandbox.forkserver import ForkServer


@lru_cache(maxsize=1)
def shared_sandbox() -> ForkServer:
    """The sandbox of this process."""
    return ForkServer()


def shared_box() -> Box:
    """The same, as a grader has it."""
    return Box(shared_sandbox(), tried=set(find_kinds()))


def close_sandbox() -> None:
    """End it, where it was ever started."""
    if shared_sandbox.cache_info().currsize:
        shared_sandbox().close()
        shared_sandbox.cache_clear()
