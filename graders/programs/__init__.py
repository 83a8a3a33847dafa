"""Programs from upload to score: opened in the sandbox, run there again and again, and scored by `grade.py`.

    upload ─▶ guest `programs` (members.py) ─▶ files ─▶ folder that is lent to each run
                                                          ├─ talking.py   kind code: a conversation, turn by turn
                                                          └─ visiting.py  kind service: HTTP requests, one by one

A program never meets an answer: it is told what `grade.py` tells it, and what it says back is compared outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from challenges.programs import ProgramSpec


@dataclass(frozen=True)
class Ask:
    """What the guest that opens an upload is told: nothing that a participant does not know."""

    program: ProgramSpec
    upload_bytes: int
    filename: str
    """As it was uploaded."""
