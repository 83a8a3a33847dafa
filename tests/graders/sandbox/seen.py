"""Running an attack, in the sandbox or without it, and what was seen of that from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graders.sandbox import FIRST_FILE_FD, INPUT_FD, RESULT_FD, Bounds, End, Mechanism, Outcome, Profile, Run

PACKAGE = "tests.graders.sandbox.attacks"
SECONDS_WITHOUT = 3
"""What an attack gets without the sandbox."""
PROGRAM = """
import sys, types
for name, text in {parts!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules["{package}.telling"].tell("STARTED", "{attack}")
module.{function}(SETTINGS)
sys.modules["{package}.telling"].tell("FINISHED", "{attack}")
"""
WITHOUT = """
import json, os, sys
text = open(sys.argv[1]).read()
exec(compile(text, "program", "exec"), {"__name__": "__main__", "SETTINGS": json.loads(sys.argv[2])})
"""


@dataclass(frozen=True)
class Seen:
    """What became of an attack."""

    end: End | None
    """None: nobody watched."""
    stdout: bytes
    told: bytes
    """All that came out, by whichever road."""
    peak_bytes: int
    outcomes: list[Outcome] = field(default_factory=list)

    def lines(self, word: str) -> list[str]:
        """What the attack tells with this word."""
        lines = self.stdout.decode(errors="replace").splitlines()
        return [line for line in lines if line.startswith(word)]


def program_of(attack: str) -> bytes:
    """The source of one attack, which needs nothing that is not in it."""
    module, _, function = attack.partition(".")
    folder = Path(__file__).with_name("attacks")
    parts = {f"{PACKAGE}.{name}": (folder / f"{name}.py").read_text(encoding="utf-8") for name in ("telling", module)}
    return PROGRAM.format(parts=parts, package=PACKAGE, attack=attack, function=function).encode()


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    """A descriptor of a file with this content, that cannot be written to."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        descriptor = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def run_program(mechanism: Mechanism, source: bytes, settings: dict[str, Any], bounds: Bounds, **more: Any) -> Outcome:
    """Run a participant's program in the sandbox."""
    with file_of(source) as descriptor:
        return mechanism.run(Run("code", settings, bounds, Profile.CODE, files=[descriptor], **more))


def see_within(mechanism: Mechanism, attacks: tuple[str, ...], settings: dict[str, Any], bounds: Bounds) -> Seen:
    """Run attacks in the sandbox, one after the other."""
    told = {**settings, "is_locked": True, "result": RESULT_FD, "own_descriptors": [RESULT_FD, INPUT_FD, FIRST_FILE_FD]}
    outcomes = [run_program(mechanism, program_of(attack), told, bounds) for attack in attacks]
    worst = next((outcome for outcome in outcomes if outcome.end is not End.DONE), outcomes[-1])
    stdout = b"\n".join(outcome.stdout for outcome in outcomes)
    rest = b"\n".join(outcome.stderr + repr(outcome.frames).encode() for outcome in outcomes)
    return Seen(worst.end, stdout, stdout + rest, max(outcome.peak_bytes for outcome in outcomes), outcomes)


def see_without(attacks: tuple[str, ...], settings: dict[str, Any]) -> Seen:
    """Run attacks in plain processes of Python that inherit everything."""
    texts, peak = [], 0
    for attack in attacks:
        with ExitStack() as stack:
            program = stack.enter_context(tempfile.NamedTemporaryFile())
            output = stack.enter_context(tempfile.TemporaryFile())
            null = stack.enter_context(Path(os.devnull).open("wb"))
            program.write(program_of(attack))
            program.flush()
            told = {**settings, "is_locked": False, "result": null.fileno(), "own_descriptors": []}
            command = [sys.executable, "-I", "-c", WITHOUT, program.name, json.dumps(told)]
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                close_fds=False,
                start_new_session=True,
            )
            peak = max(peak, _wait(process))
            output.seek(0)
            texts.append(output.read())
    return Seen(None, b"\n".join(texts), b"\n".join(texts), peak)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process, at most `SECONDS_WITHOUT`; the most memory it had."""
    pidfd = os.pidfd_open(process.pid)
    try:
        if not select.select([pidfd], [], [], SECONDS_WITHOUT)[0]:
            process.kill()
        _, status, used = os.wait4(process.pid, 0)
    finally:
        os.close(pidfd)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_maxrss * 1024
