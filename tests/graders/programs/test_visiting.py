"""Visits to services: ASGI and WSGI, files and environment, and all the ways in which an app can answer wrongly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from challenges._generators.programs import ProgramFailed, Request, Response, Visit
from challenges.errors import InvalidSubmission
from graders.limits import OutOfTime, time_limit
from graders.programs import asking
from graders.programs import specimens as some
from graders.programs.opening import try_program
from graders.sandbox.bubblewrap import find_bubblewrap
from graders.sandbox.fresh import Fresh
from tests.graders.programs.settings import visiting

APP = some.APP.decode()
ANSWER = """import json, time, os
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/": path = "/ok"
    status, kind, body = "200 OK", "application/json", b"{}"
    {body}
    start_response(status, [("Content-Type", kind)])
    return [body]
"""
FASTAPI = """from fastapi import FastAPI
from fastapi.responses import HTMLResponse
app = FastAPI()
@app.get("/", response_class=HTMLResponse)
def home():
    return '<html lang="en"><title>Sales</title></html>'
@app.get("/sum")
def sum_(a: int, b: int = 0):
    return {"sum": a + b}
"""
FLASK = """from flask import Flask, jsonify, request
app = Flask(__name__)
@app.post("/echo")
def echo():
    return jsonify(request.get_json()), 201
"""


def visit(source: str, targets: tuple[str | Request, ...], **fields: Any) -> Visit:
    """What a service answers."""
    requests = [Request(target) if isinstance(target, str) else target for target in targets]
    files = {"data.txt": "é".encode()}
    seconds = fields.pop("request_seconds", 5.0)
    with visiting(source, **fields) as service:
        return service.visit(requests, files, {"DATA": "{data.txt}"}, seconds)


def answer(body: str, *targets: str, **fields: Any) -> list[Response]:
    """What a WSGI app answers whose body is given."""
    return visit(ANSWER.replace("{body}", body), targets or ("/x",), **fields).responses


@pytest.mark.parametrize("source", [APP, some.ASGI], ids=["wsgi", "asgi"])
def test_a_service_answers(source: str):
    found = visit(source, ("/a", "/b%20c?d=e"))
    assert [(r.status, r.json["path"], r.json["text"]) for r in found.responses] == [
        (200, "/a", "é"),
        (200, "/b c", "é"),
    ]
    assert all(0 < r.seconds < 5 for r in found.responses)
    assert found.start_seconds > 0
    assert found.peak_bytes > 1 << 20


@pytest.mark.skipif(find_bubblewrap() is None, reason="bubblewrap is not installed")
def test_it_does_so_in_bubblewrap():
    assert visit(APP, ("/a",), sandbox=Fresh(bubblewrap=True)).responses[0].json["text"] == "é"


def test_frameworks_work():
    home, good, bad = visit(FASTAPI, ("/", "/sum?a=2&b=3", "/sum?a=x"), run_seconds=10).responses
    assert (home.content_type, home.page and (home.page.title, home.page.language)) == ("text/html", ("Sales", "en"))
    assert (good.status, good.json) == (200, {"sum": 5})
    assert bad.status == 422
    body = json.dumps({"ü": [1, 2.5]}).encode()
    request = Request("/echo", "POST", {"Content-Type": "application/json"}, body)
    (echo,) = visit(FLASK, (request,), run_seconds=10).responses
    assert (echo.status, echo.json) == (201, {"ü": [1, 2.5]})


def test_an_app_may_have_files_of_its_own():
    source = "from pathlib import Path\nOWN = Path(__file__).with_name('static').joinpath('x.json').read_bytes()\n"
    members = {"static/x.json": b'{"own": 1}'}
    whole = source + ANSWER.replace("{body}", "body = OWN")
    assert visit(whole, ("/x",), members=members).responses[0].json == {"own": 1}


@pytest.mark.parametrize(
    "body",
    [
        "body = b'{\"a\": NaN}'",
        "body = b'{\"a\": 1e999}'",
        "body = b'[' * 100_000",
        "body = b'{\"a\": ' * 20 + b'1' + b'}' * 20",
        "body = b'{\"a\": ' + b'9' * 5000 + b'}'",
        "body = b'[' + b'1,' * 30_000 + b'1]'",
        "body = b'\"' + b'x' * (2 << 20) + b'\"'",
        "body = b'\\xff'",
        "body = b''",
    ],
)
def test_json_that_is_too_much_or_none_is_read_by_nobody(body: str):
    (found,) = answer(f"body = body\n    if path == '/x': {body}")
    assert (found.status, found.json) == (200, None)


def test_a_body_that_never_ends_is_cut_and_is_no_response():
    body = "body = body\n    if path == '/x': body = b'x' * (asking_bytes)"
    (found,) = answer(body.replace("asking_bytes", str(asking.RESPONSE_BYTES + 10)))
    assert found.status == 0


def test_slow_answers_count_as_none_and_the_next_is_asked():
    source = ANSWER.replace("{body}", "body = body\n    if path == '/slow': time.sleep(2)")
    slow, fast = visit(source, ("/slow", "/fast"), request_seconds=0.4).responses
    assert (slow.status, fast.status) == (0, 200)
    assert slow.seconds >= 0.4


def test_a_drip_is_no_answer_in_time():
    drip = (
        "import time\ndef app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return (time.sleep(0.05) or b'x' for n in range(1 if environ['PATH_INFO'] == '/' else 10_000))\n"
    )
    began = time.monotonic()
    (found,) = visit(drip, ("/drip",), request_seconds=0.5).responses
    assert found.status == 0
    assert time.monotonic() - began < 20


def test_a_service_that_dies_leaves_the_rest_unanswered():
    found = answer("if path == '/die': os._exit(0)", "/a", "/die", "/b", "/c")
    assert [response.status for response in found] == [200, 0, 0, 0]


def test_redirects_and_compression_are_not_followed():
    source = (
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/away':\n"
        "        start_response('302 Found', [('Location', 'http://example.com/')])\n        return [b'']\n"
        "    start_response('200 OK', [('Content-Type', 'application/json'), ('Content-Encoding', 'gzip')])\n"
        "    return [b'{}']\n"
    )
    away, packed = visit(source, ("/away", "/x")).responses
    assert (away.status, packed.status, packed.json) == (302, 200, None)


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("raise SystemExit(0)", "left"),
        ("x = 1", "crashed"),
        ("import os\nos.abort()", "crashed"),
        ("while True: pass", "cpu wall"),  # on a busy machine the clock is first
        ("import time\ntime.sleep(60)", "wall"),
        ("kept = []\nwhile True: kept.append(bytearray(b'x') * (1 << 24))", "memory"),
        ("import os\nlink = os.close(6)\ndef app(e, s): pass", "crashed"),
    ],
)
def test_how_a_service_fails(source: str, end: str):
    with pytest.raises(ProgramFailed) as raised:
        visit(source, ("/",), run_seconds=1)
    assert raised.value.end in end.split()
    assert not raised.value.said


def test_an_app_that_takes_the_socket_itself_is_heard_as_any_other():
    taken = (
        "import socket\nlink, _ = socket.socket(fileno=6).accept()\nlink.recv(9999)\n"
        "link.sendall(b'{}')\nlink.close()\nimport time\ntime.sleep(60)\n"
    )
    closing = taken.replace("link.sendall(b'{}')\n", "")
    with pytest.raises(ProgramFailed) as raised:
        visit(closing, ("/",), run_seconds=1)
    assert raised.value.end in ("silent", "wall")
    found = visit(taken, ("/x",), run_seconds=1, request_seconds=0.3)
    assert found.responses[0].status == 0


def test_a_service_reaches_nothing_but_its_socket(tmp_path: Path):
    secret = tmp_path / "answers.parquet"
    secret.write_text("42", encoding="utf-8")
    tries = [
        f"open({str(secret)!r}).read()",
        "socket.socket()",
        "socket.create_connection(('127.0.0.1', 6379))",
        "open('/etc/passwd').read()",
        "open(os.environ['DATA'], 'w')",
        "os.fork()",
        "os.listdir('/proc/self/fd')",
    ]
    source = "import os, socket, json\nOPEN = []\n"
    for attempt in tries:
        source += f"try:\n    {attempt}\n    OPEN.append({attempt!r})\nexcept OSError:\n    pass\n"
    source += ANSWER.replace("{body}", "body = json.dumps(OPEN).encode()")
    assert visit(source, ("/x",)).responses[0].json == []


def test_a_job_whose_time_is_over_leaves_nothing():
    with pytest.raises(OutOfTime), time_limit(0.5):
        visit("import time\ntime.sleep(60)", ("/a",))
    assert visit(APP, ("/a",)).responses[0].status == 200


def test_a_failing_trial_tells_the_apps_own_error():
    with pytest.raises(InvalidSubmission) as raised, visiting("import flaskk") as service:
        try_program(service, some.try_visiting)
    assert "No module named 'flaskk'" in str(raised.value)


def test_answers_that_fill_all_there_is_are_read_as_far_as_they_go():
    """Each answer that does not fit any more is told by its status; all together must fit as well."""
    large = "body = body\n    if path == '/large': body = b'\"' + b'x' * 1_000_000 + b'\"'"
    found = answer(large, *["/large"] * 16, *["/small"] * 48, run_seconds=20)
    assert [response.status for response in found] == [200] * 64
    assert found[0].json == "x" * 1_000_000


def test_what_is_no_page_does_not_end_the_reader():
    pages = "{'/odd': b'<![foo[', '/digits': b'&#' + b'9' * 5000}"
    odd = f"if path in (pages := {pages}): kind, body = 'text/html', pages[path]"
    found = answer(odd, "/odd", "/digits", "/ok")
    assert [response.status for response in found] == [200, 200, 200]
    assert found[2].json == {}
