"""Holds conversations with a program: the challenge's harness runs it in the sandbox, the grader asks turn by turn."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from challenges._generators.programs import Message
from graders.guests.code import FOLDER
from graders.programs.running import FLAVOURS, Running
from graders.sandbox import Profile, Run
from graders.sandbox.frames import pack_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from challenges._generators.programs import Dialogue
    from graders.sandbox.frames import Frame

ANSWER_BYTES = 1 << 20
"""What an answer may have, on the average of a conversation."""

Result = TypeVar("Result")


@dataclass
class Talking(Running):
    """A program behind a harness, as `challenges._generators.programs.Program` says."""

    harness: bytes = b""
    """Source of the package's `harness.py`."""

    def talk(self, dialogue: Dialogue[Result], turns: int, settings: Mapping[str, Any] | None = None) -> Result:
        """Start the program anew and hold a conversation with it, until the dialogue returns.

        Raises:
            ProgramFailed: It ended, or was ended, before the dialogue did.
            SandboxFailed: It could not be locked in.
        """
        course = _Course(dialogue)
        with tempfile.TemporaryFile() as source:
            source.write(self.harness)
            source.flush()
            outcome = self.sandbox.run(
                Run(
                    guest="code",
                    settings={**(settings or {}), FOLDER: str(self.folder)},
                    bounds=self.bounds((turns + 1) * ANSWER_BYTES),
                    profile=Profile.CODE,
                    flavour=FLAVOURS[self.program.libraries],
                    files=[source.fileno()],
                    reply=course.reply,
                    turns=turns + 1,
                    folder=str(self.folder),
                )
            )
        dialogue.close()
        if course.results:
            return course.results[0]
        raise self.failure(outcome)


class _Course(Generic[Result]):
    """A dialogue as it goes on."""

    def __init__(self, dialogue: Dialogue[Result]) -> None:
        self._dialogue = dialogue
        self._has_begun = False
        self.results: list[Result] = []
        """What the dialogue has returned, once it has."""

    def reply(self, frame: Frame) -> Sequence[memoryview] | None:
        """What the program is told after one of its messages; None: no more."""
        try:
            if self._has_begun:
                message = self._dialogue.send(Message(frame.note, frame.arrays))
            else:  # it says that it has started
                self._has_begun = True
                message = next(self._dialogue)
        except StopIteration as end:
            self.results.append(end.value)
            return None
        return pack_frame(message.note, message.arrays)
