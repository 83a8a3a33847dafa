"""Runs a program in the sandbox; its own traceback is what whoever wrote it gets to see of an error.

The program is the first file: a challenge's `harness.py`, which imports what a participant sent from the lent folder.
It finds `SETTINGS`, what the grader told; `answer(note, arrays)`, which sends one frame; and `hear()`, which waits for
the grader's next one.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from graders.sandbox.guest import Guest

NAME = "submission.py"
SOURCE_BYTES = 1 << 20
"""Largest program."""
TRACEBACK_CHARACTERS = 16_384
"""The end of a traceback that is told."""
FOLDER = "program_folder"
"""Among the settings: where further modules are imported from."""


def main(guest: Guest) -> None:
    """Run the program that is the first file.

    Raises:
        SystemExit: The program left, or raised.
    """
    size = os.fstat(guest.files[0]).st_size
    if size > SOURCE_BYTES:
        sys.stderr.write(f"{NAME} has {size:,} bytes; at most {SOURCE_BYTES:,} are run.\n")
        sys.exit(1)

    def answer(note: dict[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Send a note and arrays of plain numbers to the grader."""
        guest.send(note, arrays)

    def hear() -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """The grader's next note and arrays; None when it has no more to say."""
        try:
            frame = guest.hear()
        except EOFError:
            return None
        return frame.note, frame.arrays

    if folder := guest.settings.get(FOLDER):
        sys.path.insert(0, str(folder))
    given = {"__name__": "__main__", "SETTINGS": guest.settings, "answer": answer, "hear": hear}
    guest.seal()
    try:
        source = guest.read_file().decode("utf-8-sig")
        linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)
        exec(compile(source, NAME, "exec", dont_inherit=True), given)  # noqa: S102 - what this is for
    except MemoryError:
        raise  # told apart by the guest's exit code
    except Exception as error:  # noqa: BLE001 - whatever a participant's program raises ends here
        own = error.__traceback__
        lines = traceback.format_exception(type(error), error, own.tb_next if own else None)
        sys.stderr.write("".join(lines)[-TRACEBACK_CHARACTERS:])
        sys.exit(1)
