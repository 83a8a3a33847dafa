"""A program or a service from its source, in the sandbox, ready to talk or to be visited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from challenges.programs import ProgramSpec
from graders.programs import specimens as some
from graders.programs.opening import program_of
from graders.programs.talking import Talking
from graders.programs.visiting import Visiting
from graders.sandbox import Mechanism
from tests.sandboxing import shared_sandbox


def spec(kind: str = "code", **fields: Any) -> ProgramSpec:
    """What a small challenge takes."""
    file = "solution.py" if kind == "code" else "app.py"
    return replace(program_of(some.make_manifest(kind, file)), **fields)


@contextmanager
def talking(
    source: str, harness: str = some.HARNESS, sandbox: Mechanism | None = None, **fields: Any
) -> Iterator[Talking]:
    """A program behind a harness; fields of the program's and the limits' are told by name."""
    limits = replace(
        some.make_manifest("code", "solution.py").limits,
        **{name: fields.pop(name) for name in ("grade_seconds", "memory_bytes") if name in fields},
    )
    members = {"solution.py": source.encode(), **fields.pop("members", {})}
    program = Talking(members, spec(**fields), limits, sandbox or shared_sandbox(), harness=harness.encode())
    with program:
        yield program


@contextmanager
def visiting(source: str, sandbox: Mechanism | None = None, **fields: Any) -> Iterator[Visiting]:
    """A service."""
    limits = replace(
        some.make_manifest("service", "app.py").limits,
        **{name: fields.pop(name) for name in ("grade_seconds", "memory_bytes") if name in fields},
    )
    members = {"app.py": source.encode(), **fields.pop("members", {})}
    with Visiting(members, spec("service", **fields), limits, sandbox or shared_sandbox()) as service:
        yield service
