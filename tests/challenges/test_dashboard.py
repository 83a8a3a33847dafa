"""dashboard: the table is as messy as it is said to be, right answers are right, and nobody gets points by tricks."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from challenges._generators.grading import Graded, Hidden, Side
from challenges._generators.programs import ProgramFailed, Request
from challenges._generators.takings import Query, fold, read_takings
from challenges.catalogue import load_package
from challenges.errors import InvalidSubmission, Reason
from challenges.messages import Outcome
from graders.artefacts.scoring import load_hidden
from graders.programs.opening import try_program
from graders.programs.visiting import Visiting
from tests.challenges.workshop import CHALLENGES, Prepared, Workshop, load_script
from tests.sandboxing import shared_sandbox

FOLDER = CHALLENGES / "dashboard"
GRADE = load_script(FOLDER, "grade")
APPS = Path(__file__).with_name("dashboards")
CAREFUL = (APPS / "careful.py").read_text(encoding="utf-8")
STYLES = (r"\d{4}-\d{2}-\d{2}", r"\d{2}/\d{2}/\d{4}", r"\d{1,2} [A-Z][a-z]{2} \d{4}", r"\d{4}年\d{1,2}月\d{1,2}日")
OK = "start_response('200 OK', [('Content-Type', 'application/json')])"
HTML = "start_response('200 OK', [('Content-Type', 'text/html')])"


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    """The challenge's offline data."""
    return workshop.prepare("dashboard")


@pytest.fixture
def hidden(made: Prepared) -> Hidden:
    """As `grade.py` gets it, with the sides."""
    hidden = load_hidden(made.challenge)
    hidden["answers"]["side"] = made.answers["side"].to_numpy()
    return hidden


def sides(hidden: Hidden) -> Iterator[Side]:
    for name in ("public", "private"):
        yield Side(name, np.flatnonzero(hidden["answers"]["side"] == name))


def serve(source: str) -> Visiting:
    """A service in the sandbox."""
    manifest = load_package(FOLDER).manifest
    assert manifest.program is not None
    return Visiting({"app.py": source.encode()}, manifest.program, manifest.limits, shared_sandbox())


def score(source: str, hidden: Hidden, script: ModuleType = GRADE) -> Graded:
    """What the public side says of a service."""
    with serve(source) as service:
        graded: Graded = script.grade(service, hidden, next(sides(hidden)))
    return graded


def answering(*lines: str) -> str:
    """A service of a few lines."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"import json\nfrom urllib.parse import parse_qs\ndef app(environ, start_response):\n{body}"


# The table


def test_the_table_is_written_as_it_is_said_to_be(made: Prepared):
    table = pl.read_csv(made.public / "sales.csv", infer_schema=False)
    assert table.height == 20_000
    once = table.unique("line_id", keep="first")
    assert 1 - once.height / table.height == pytest.approx(0.03)
    assert once.height > table.unique().height - 0.02 * table.height, (
        "half of the duplicates are written in another way"
    )
    dates = [cell.strip() for cell in once["date"].fill_null("")]
    shares = [np.mean([bool(re.fullmatch(style, cell)) for cell in dates]) for style in STYLES]
    assert shares == pytest.approx([0.6, 0.31, 0.05, 0.04], abs=0.015)
    assert (once["quantity"].cast(pl.Int64) < 0).mean() == pytest.approx(0.05, abs=0.01)
    assert all(re.fullmatch(r"¥?(\d{1,3}(,\d{3})+|\d+)\.\d\d", cell) for cell in once["unit_price"])
    products = [cell for cell in once["product"] if not cell.isascii()]
    composed = np.mean([unicodedata.is_normalized("NFC", cell) for cell in products])
    assert 0.7 < composed < 0.95
    assert len({unicodedata.normalize("NFC", cell).strip() for cell in once["product"]}) == 60
    assert any(cell != cell.strip() for cell in once["region"].drop_nulls())


def test_hidden_tables_sell_other_products(made: Prepared, hidden: Hidden):
    tables = [(made.public / "sales.csv").read_bytes()]
    tables += [hidden[f"sales_{side.name}"]["csv"].tobytes() for side in sides(hidden)]
    sold = [set(read_takings(table).products) for table in tables]
    assert [len(products) for products in sold] == [60, 60, 60]
    assert len(set.union(*sold)) == 180
    assert [table.count(b"\n") for table in tables] == [20_001, 200_001, 200_001]


def test_takings_of_a_table_that_can_be_summed_by_hand():
    takings = read_takings(GRADE.TRIAL.encode())
    assert takings.quality == {"rows": 6, "duplicates": 1, "bad_dates": 1, "missing_region": 1}
    assert takings.summarise(Query()) == {
        "revenue": 2618.0,
        "orders": 3,
        "aov": pytest.approx(2618 / 3),
        "refund_rate": pytest.approx(12.5 / 2630.5),
        "top_products": [
            {"name": "Kite, large", "revenue": 2598.0},
            {"name": "Café Puzzle", "revenue": 12.0},
            {"name": "Pencil", "revenue": 8.0},
        ],
        "daily": [
            {"date": "2024-03-01", "revenue": 2610.5},
            {"date": "2024-03-02", "revenue": 12.0},
            {"date": "2024-03-09", "revenue": -12.5},
        ],
    }
    found = takings.summarise(Query(start="2024-03-09", region=" NORTH"))
    assert (found["revenue"], found["orders"], found["aov"], found["refund_rate"]) == (-12.5, 0, 0, 0)
    assert takings.summarise(Query(region="-"))["daily"] == []
    assert takings.summarise(Query(end="2024-03-01", category="toys"))["orders"] == 1
    assert fold(" Cafe\u0301") == fold("CAFÉ ")


def test_every_number_that_is_asked_for_is_something(hidden: Hidden):
    for side in sides(hidden):
        checks = GRADE.read_checks(hidden, side)
        values = [check.expected for check in checks if check.group == "numbers"]
        assert all(values), "no zero, and no empty list"
        named = [[row["name"] for row in check.expected] for check in checks if check.field == "top_products"]
        assert all(len(set(names)) == 5 for names in named)
        timed = next(check.expected for check in checks if check.group == "speed")
        assert len({request for request, revenue in timed if revenue is not None}) == 50
        asked = {check.request for check in checks if check.group == "numbers"}
        assert not asked & {request for request, _ in timed}, "what was asked before could be remembered"


# Honest services


def test_a_careful_service_passes_every_check(made: Prepared, tmp_path: Path):
    path = tmp_path / "app.py"
    path.write_text(CAREFUL, encoding="utf-8")
    verdict = made.grade(path)
    assert verdict.outcome is Outcome.SCORED, verdict.faults
    assert verdict.public is not None
    assert verdict.private is not None
    assert (verdict.public.score, verdict.private.score) == (100.0, 100.0)
    assert verdict.private.secondary["p95"] < 300
    assert verdict.private.standard_error == 0
    told = {d["kind"]: d for d in verdict.diagnostics}
    assert (told["checks"]["passed"], told["checks"]["rows"]) == (116, [])
    assert len(told["curve"]["lines"][0]["points"]) == 50


def test_examples_are_what_a_careful_service_answers(made: Prepared):
    examples = json.loads((made.public / "examples.json").read_text(encoding="utf-8"))
    table = (made.public / "sales.csv").read_bytes()
    with serve(CAREFUL) as service:
        visit = service.visit([Request(example["request"]) for example in examples], *GRADE.mount(table))
    for example, response in zip(examples, visit.responses, strict=True):
        assert response.status == example["status"]
        assert "json" not in example or response.json == example["json"]


def test_a_naive_service_is_told_what_is_wrong(hidden: Hidden):
    graded = score((APPS / "naive.py").read_text(encoding="utf-8"), hidden)
    assert graded.score == pytest.approx(20, abs=5)
    words = {row["wrong"]["en"] for row in graded.shown["checks"]["rows"] if row["wrong"]}
    assert "too high, by 10 to 50 %" in words
    for text in words:
        rest = re.sub(r"less than 2 %|2 to 10 %|10 to 50 %|more than 50 %|5 %|status \d+, not \d+", "", text)
        assert not re.search(r"\d", rest), "what is right is never told"
    rows = {(row["group"]["en"], row["what"]): row for row in graded.shown["checks"]["rows"] if row["wrong"]}
    assert rows["numbers", "orders"]["form"]["en"] == "a whole number"
    assert re.fullmatch(r"[\d,.]+", rows["numbers", "revenue"]["given"]["en"])


def test_a_service_that_dies_keeps_what_it_has_answered(hidden: Hidden):
    dying = CAREFUL.replace('    if method != "GET":\n', '    if method != "GET":\n        os._exit(1)\n')
    assert dying != CAREFUL
    found = score(dying, hidden)
    assert found.secondary["numbers"] == found.secondary["page"] == 1
    assert 0.5 < found.secondary["edges"] < 1


# Tricks


TRICKS: dict[str, tuple[str, float]] = {
    "zeros": (
        answering(
            OK,
            'return [b\'{"revenue":0,"orders":0,"aov":0,"refund_rate":0,"top_products":[],"daily":[]}\']',
        ),
        5,
    ),
    "echo": (answering(OK, "return [json.dumps(parse_qs(environ['QUERY_STRING'])).encode()]"), 0),
    "a page of everything asked": (
        answering(HTML, "return [('<p data-kpi=revenue>' + environ['QUERY_STRING']).encode()]"),
        15 / 9,
    ),
    "redirects": (answering("start_response('302 Found', [('Location', '/api/quality')])", "return [b'']"), 0),
    "nothing but refusals": (
        answering(
            "start_response('404 Not Found', [('Content-Type', 'application/json')])", 'return [b\'{"error": "no"}\']'
        ),
        15 / 4,
    ),
    "a gigabyte": (answering(OK, "return (bytes(1 << 20) for _ in range(1024))"), 0),
    "no numbers": (
        answering(
            OK,
            "wild = '[NaN, Infinity, 1e999, ' + '9' * 400 + ', true, \"1\", {}, [[]]]'",
            "return [('{\"revenue\":%s}' % wild).encode()]",
        ),
        0,
    ),
    "no number at all": (
        answering(
            OK,
            "wild = json.dumps({n: v for n, v in zip(('revenue', 'orders', 'aov', 'daily', 'top_products', 'rows'),",
            "    (True, '7', [1], {'a': 1}, [1, None], 1e308))})",
            "return [wild.encode()]",
        ),
        0,
    ),
    "thousands of charts": (
        answering(
            HTML,
            "charts = ''.join(f'<svg aria-label=\"{n}\"></svg>' for n in range(9000))",
            "page = f'<html lang=en><title>x</title><table><tr><th scope=col>x<tr><td>y</table>{charts}</html>'",
            "return [page.encode()]",
        ),
        15 * 5 / 9,
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_gets_what_it_deserves(trick: str, hidden: Hidden):
    source, points = TRICKS[trick]
    assert score(source, hidden).score == pytest.approx(points, abs=0.01)


def test_answers_of_the_public_table_are_of_no_use(made: Prepared, hidden: Hidden):
    known = {
        example["request"]: example["json"]
        for example in json.loads((made.public / "examples.json").read_text(encoding="utf-8"))
        if "json" in example
    }
    source = f"KNOWN = {known!r}\n" + answering(
        "target = environ['PATH_INFO'] + ('?' + environ['QUERY_STRING'] if environ['QUERY_STRING'] else '')",
        OK,
        "return [json.dumps(KNOWN.get(target, KNOWN['/api/summary'])).encode()]",
    )
    assert score(source, hidden).score < 2  # the number of rows of a table ten times as large, at most


def test_a_service_cannot_tell_who_asks():
    """Every request has the same headers, so that no answer can be kept for the grader."""
    source = answering(
        OK,
        "heads = {k: v for k, v in environ.items() if k.startswith('HTTP_')}",
        "return [json.dumps(heads).encode()]",
    )
    with serve(source) as service:
        visits = [service.visit([Request("/"), Request("/api/summary")], *GRADE.mount(b"x")) for _ in range(2)]
        trial = service.visit([Request(target) for target in GRADE.WARM_UP], *GRADE.mount(GRADE.TRIAL.encode()))
    heads = [response.json for visit in (*visits, trial) for response in visit.responses]
    assert all(head == heads[0] for head in heads)
    assert "HTTP_USER_AGENT" not in heads[0]


def test_slow_drips_are_not_waited_for(hidden: Hidden):
    script = load_script(FOLDER, "grade")
    script.ANSWER_SECONDS = 0.1  # type: ignore[attr-defined]
    drip = answering(
        "import time", OK, "return (time.sleep(0.06) or b' ' for _ in range(5 if environ['PATH_INFO'] == '/' else 60))"
    )
    graded = score(drip, hidden, script)
    assert graded.score == 0
    assert graded.shown["times"]["lines"] == []  # nothing was timed: it was hopeless


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ValueError('no table')\n", "no table"),
        ("application = 1\n", "app.py has no 'app'"),
        (answering("raise RuntimeError('always')"), ""),
    ],
)
def test_what_does_not_come_up_is_refused_with_its_error(source: str, said: str):
    if not said:  # a server answers for an app that raises: with 500, and that is an answer
        with serve(source) as service:
            GRADE.try_out(service)
        return
    with pytest.raises(InvalidSubmission) as refused:
        try_program(serve(source), GRADE.try_out)
    assert refused.value.faults[0].reason is Reason.PROGRAM_FAILED
    assert said in str(refused.value.faults[0].named)


def test_a_service_that_never_answers_scores_nothing(hidden: Hidden):
    class Dead:
        def visit(self, *_: Any) -> Any:
            raise ProgramFailed("crashed")

    for side in sides(hidden):
        graded: Graded = GRADE.grade(Dead(), hidden, side)
        assert graded.score == 0
        assert set(graded.secondary) == {"numbers", "edges", "page"}
        assert graded.influence is not None
        assert graded.influence.sum() == pytest.approx(0)
