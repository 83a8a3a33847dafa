"""Opens artefacts in the sandbox: an NPZ, tables, pictures, texts or detections become checked arrays."""

from __future__ import annotations

# What the readers' libraries import when they first need it is imported now: later nothing can be opened any more.
import encodings.cp437
import encodings.utf_8_sig  # noqa: F401
from functools import cache
from typing import TYPE_CHECKING

import numpy.ma  # noqa: F401

from challenges.errors import InvalidSubmission
from challenges.records import parse_record
from graders.artefacts import Ask, pictures
from graders.artefacts.finding import find
from graders.artefacts.wire import dump_found
from graders.faults import dump_refusal

if TYPE_CHECKING:
    from graders.sandbox.guest import Guest


def main(guest: Guest) -> None:
    """Open the upload and send what it holds, or what is wrong with it."""
    prepare()  # which a fork server has done before
    guest.seal()
    ask = parse_record(Ask, guest.settings)
    try:
        found = find(guest.read_file(), ask)
    except InvalidSubmission as refusal:
        guest.send(dump_refusal(refusal))
        return
    guest.send({}, dump_found(found))


@cache
def prepare() -> None:
    """Load what reads pictures: a fork server calls it once, for all its children."""
    pictures.prepare()
