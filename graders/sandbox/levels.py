"""How much a machine's sandbox can hold, and what is refused below that. How a level is found is in probing.

    S3   S2, and bubblewrap around it        everything, with a scratch folder and child processes
    S2   Landlock and seccomp                every kind
    S2n  namespaces and seccomp              every kind, in bubblewrap
    SX   the operator's outer isolation      every kind, where canaries find no way to answers, queue or network
    S1   seccomp and a user of its own       tables and models; no program
    S0   none of these                       tables, artefacts and weights, which are data

Each holds what the ones below it hold.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(IntEnum):
    """What a sandbox holds; a larger one holds all that a smaller one does."""

    S0 = 0
    S1 = 1
    SX = 2
    S2n = 3
    S2 = 4
    S3 = 5


NEEDS = {
    "predictions": Level.S0,
    "artefacts": Level.S0,
    "weights": Level.S0,
    "onnx": Level.S1,
    "torchscript": Level.S1,
    "code": Level.SX,
    "service": Level.SX,
    "scratch": Level.S3,
    "fork": Level.S3,
}
"""The lowest level that holds a submission kind, or one of the freedoms that a program may need: `scratch`, `fork`."""
KINDS = tuple(NEEDS)
_WHAT = {
    Level.S1: "it is computed by a library that can be made to read files, and without seccomp nothing hinders it",
    Level.SX: "it is a program, and nothing here keeps a program from files that are not its own",
    Level.S3: "it needs a file system and process numbers of its own, which only bubblewrap gives",
}


def refused(level: Level, kinds: Iterable[str] = KINDS) -> dict[str, str]:
    """Those of the kinds that a level does not hold, each with a sentence for the operator."""
    return {
        kind: f"The sandbox of this machine is {level.name}; `{kind}` needs {need.name} or better: {_WHAT[need]}."
        for kind in kinds
        if level < (need := NEEDS[kind])
    }
