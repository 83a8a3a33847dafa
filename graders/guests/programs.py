"""Opens a program's archive in the sandbox: its files, checked and never run."""

from __future__ import annotations

# What zipfile and compile import when they first need it is imported now: later nothing can be opened any more.
import codecs
import encodings.cp437
import encodings.utf_8_sig  # noqa: F401
from typing import TYPE_CHECKING

from challenges.errors import InvalidSubmission
from challenges.records import parse_record
from graders.faults import dump_refusal
from graders.programs import Ask
from graders.programs.members import dump_members, find_members

if TYPE_CHECKING:
    from graders.sandbox.guest import Guest


for name in ("gbk", "gb2312", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "latin-1", "cp1252", "ascii"):
    codecs.lookup(name)  # what a file of Python may say that it is written in


def main(guest: Guest) -> None:
    """Open the upload and send its files, or what is wrong with it."""
    guest.seal()
    ask = parse_record(Ask, guest.settings)
    try:
        members = find_members(guest.read_file(), ask)
    except InvalidSubmission as refusal:
        guest.send(dump_refusal(refusal))
        return
    guest.send(*dump_members(members))
