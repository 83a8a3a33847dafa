"""Specimens of programs: one small archive for each way in which such an upload is right, wrong or hostile."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from challenges._generators.programs import Message, ProgramFailed, Request, take
from challenges.errors import Reason
from challenges.manifest import Direction, Limits, Manifest, Metric, Table, Thresholds
from challenges.programs import ProgramFile, ProgramSpec
from challenges.texts import Text
from graders.artefacts.archives import Member, encrypt, pack

if TYPE_CHECKING:
    from challenges._generators.programs import Dialogue, Program, Service

_TEXT = Text("Specimen", "样本")
_UPLOAD_BYTES, _UNPACKED_BYTES, _MOST_FILES = 100_000, 2_000_000, 5
HARNESS = """import numpy as np
import solution
answer({})
while (heard := hear()) is not None:
    answer({}, {"y": np.asarray(solution.double(heard[1]["x"]), dtype=np.float64)})
"""
GOOD = b"def double(x):\n    return 2 * x\n"


ASGI = """import json, os
async def app(scope, receive, send):
    if scope["type"] == "http":
        text = open(os.environ["DATA"], encoding="utf-8").read()
        body = json.dumps({"path": scope["path"], "text": text}).encode()
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})
"""
APP = b"""import json, os
TEXT = open(os.environ["DATA"], encoding="utf-8").read()
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"path": environ["PATH_INFO"], "text": TEXT}).encode()]
"""


class Case(NamedTuple):
    """One upload."""

    name: str
    """What is special about it."""
    filename: str
    content: bytes
    reason: Reason | None
    """Why it must be refused first of all; None: it must be taken."""


def make_manifest(kind: str, file: str) -> Manifest:
    """A challenge that takes such programs."""
    return Manifest(
        schema=1,
        version=1,
        kind=kind,
        stage="specimens",
        hours=0.0,
        title=_TEXT,
        summary=_TEXT,
        metric=Metric("score", Direction.MAX),
        submission=Table("id"),
        thresholds=Thresholds(0.0, 0.0, 0.0),
        data_licence="CC0",
        limits=Limits(upload_bytes=_UPLOAD_BYTES, grade_seconds=60, memory_bytes=600_000_000),
        program=ProgramSpec([ProgramFile(file, _TEXT)], _MOST_FILES, _UNPACKED_BYTES, run_seconds=2),
    )


def try_talking(program: Program) -> None:
    """Ask for the double of three numbers, twice.

    Raises:
        ProgramFailed: It is something else.
    """

    def ask() -> Dialogue[None]:
        for start in (0.0, 5.0):
            x = np.arange(3) + start
            answer = yield Message({}, {"x": x})
            if not np.array_equal(take(answer, "y", (3,)), 2 * x):
                raise ProgramFailed("misbehaved")

    program.talk(ask(), turns=2)


def try_visiting(service: Service) -> None:
    """Ask for what stands in a file.

    Raises:
        ProgramFailed: It is something else.
    """
    visit = service.visit([Request("/a%20b")], {"data.txt": "é".encode()}, {"DATA": "{data.txt}"})
    if visit.responses[0].json != {"path": "/a b", "text": "é"}:
        raise ProgramFailed("misbehaved")


def service() -> list[Case]:
    """Uploads of kind `service`: what opens them, then what runs them."""

    def lone(name: str, source: str, reason: Reason | None) -> Case:
        return Case(name, "app.py", source.encode(), reason)

    answering = "async def app(scope, receive, send):\n    "
    return [
        Case("a WSGI app", "app.py", APP, None),
        lone("an ASGI app", ASGI, None),
        *archives("app.py", APP)[:1],
        lone("no app", "x = 1", Reason.PROGRAM_FAILED),
        lone("an app that is none", "app = 1", Reason.PROGRAM_FAILED),
        lone("it leaves", "raise SystemExit(0)", Reason.PROGRAM_FAILED),
        lone("it closes the door", "import os\nos.close(6)", Reason.PROGRAM_FAILED),
        lone("it raises", f"{answering}1 / 0", Reason.PROGRAM_FAILED),
        lone("another answer", APP.decode().replace("PATH_INFO", "REQUEST_METHOD"), Reason.PROGRAM_FAILED),
        lone("endless", "while True: pass", Reason.TIMED_OUT),
    ]


def code() -> list[Case]:
    """Uploads of kind `code`: what opens them, then what runs them."""

    def lone(name: str, source: str, reason: Reason) -> Case:
        return Case(name, "solution.py", source.encode(), reason)

    return [
        Case("a program", "solution.py", GOOD, None),
        *archives("solution.py", GOOD),
        lone("no Python", "def double(x) return x", Reason.WRONG_MEMBER),
        lone("a zero byte", "x = 1\0", Reason.WRONG_MEMBER),
        lone("no such function", "pass", Reason.PROGRAM_FAILED),
        lone("an error at import", "1 / 0", Reason.PROGRAM_FAILED),
        lone("it leaves", "raise SystemExit(0)", Reason.PROGRAM_FAILED),
        lone("another shape", "def double(x):\n    return x[:2]", Reason.PROGRAM_FAILED),
        lone("a forged frame", "import os\nos.write(4, b'ARN1' * 99)", Reason.TOO_MUCH_OUTPUT),
        lone("endless", "while True: pass", Reason.TIMED_OUT),
    ]


def archives(name: str, content: bytes) -> list[Case]:
    """Zip archives of one file that is asked for, and of what must not be there."""

    def zipped(title: str, members: list[Member], reason: Reason | None) -> Case:
        return Case(title, "s.zip", pack(members), reason)

    good = Member(name, content)
    lacking = [Member("other.py", content)]
    beside = [good, Member("static/style.css", b"p {}"), Member("__pycache__/x.pyc", b"x"), Member(".git/config", b"x")]
    return [
        zipped("an archive", [good, Member("helper.py", b"X = 1")], None),
        zipped("an archive of a folder", [Member(f"mine/{name}", content), Member("mine/notes.txt", b"x")], None),
        zipped("an archive with other files", beside, None),
        Case("encrypted", "s.zip", encrypt(pack([good])), Reason.UNSAFE_MEMBER),
        Case("cut off", "s.zip", pack([good])[:-30], Reason.MALFORMED),
        Case("empty", "s.zip", b"", Reason.EMPTY_FILE),
        Case("something else", "s.tar", b"x" * 600, Reason.WRONG_TYPE),
        Case("too large", "s.zip", b"PK\x03\x04" + bytes(_UPLOAD_BYTES), Reason.TOO_LARGE),
        zipped("nothing that is asked for", lacking, Reason.MISSING_MEMBER),
        zipped("a path upwards", [good, Member("../x.py", b"x")], Reason.UNSAFE_MEMBER),
        zipped("an absolute path", [good, Member("/x.py", b"x")], Reason.UNSAFE_MEMBER),
        zipped("an odd path", [good, Member("a b.py", b"x")], Reason.UNSAFE_MEMBER),
        zipped("a file that is a folder", [good, Member(f"{name}/x.py", b"x")], Reason.UNSAFE_MEMBER),
        zipped("a link", [good, Member("x.py", b"/etc/passwd", stat.S_IFLNK | 0o777)], Reason.UNSAFE_MEMBER),
        zipped("twice", [good, good], Reason.DUPLICATE_MEMBER),
        zipped("many files", [Member(f"f{n}.py", b"x") for n in range(_MOST_FILES + 1)], Reason.TOO_MANY_MEMBERS),
        zipped("a bomb", [good, Member("x.bin", bytes(_UNPACKED_BYTES - 1000))], Reason.EXPANDS_TOO_MUCH),
        zipped("too much", [good, Member("x.bin", bytes(_UNPACKED_BYTES))], Reason.EXPANDS_TOO_MUCH),
    ]
