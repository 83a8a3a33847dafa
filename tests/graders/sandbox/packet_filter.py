"""The kernel's packet filter once more, in Python: what a program answers to a call, on a machine that is not here."""

from __future__ import annotations

import errno
import struct

INSTRUCTION = struct.Struct("=HBBI")
LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
ALLOW, KILL, ERRNO, CODE = 0x7FFF0000, 0x80000000, 0x00050000, 0xFFFF
MOST_INSTRUCTIONS = 4096


def answer(program: bytes, audit: int, number: int, *arguments: int) -> str:
    """`allow`, `kill`, or the name of the error that a call ends with.

    Args:
        program: The filter.
        audit: The way in which it is called: AUDIT_ARCH_….
        number: Of the call.
        arguments: Of the call.
    """
    padded = [argument & (1 << 64) - 1 for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("=IIQ6Q", number, audit, 0, *padded)
    steps = [INSTRUCTION.unpack_from(program, at) for at in range(0, len(program), INSTRUCTION.size)]
    assert len(steps) <= MOST_INSTRUCTIONS
    loaded, at = 0, 0
    while True:
        operation, if_true, if_false, value = steps[at]
        at += 1
        if operation == LOAD:
            assert value % 4 == 0
            [loaded] = struct.unpack_from("=I", data, value)
        elif operation == AND:
            loaded &= value
        elif operation in (EQUAL, AT_LEAST):
            holds = loaded == value if operation == EQUAL else loaded >= value
            at += if_true if holds else if_false
        else:
            assert operation == RETURN
            return name_of(value)


def name_of(result: int) -> str:
    """An answer in words."""
    if result in (ALLOW, KILL):
        return "allow" if result == ALLOW else "kill"
    assert result & ~CODE == ERRNO
    return errno.errorcode[result & CODE]
