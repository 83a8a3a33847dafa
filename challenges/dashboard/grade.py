"""Visits a dashboard with a table that nobody has seen, and counts which checks it passes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from challenges._generators.dashboard_replies import repeat, tell_form
from challenges._generators.dashboards import Words, is_near, judge, judge_page, read_number, say
from challenges._generators.grading import Graded, Hidden, Side
from challenges._generators.programs import ProgramFailed, Request, Response, Service, Visit

DIRECTION, BEST = "max", 100.0
WEIGHTS = {"numbers": 60, "edges": 15, "page": 15, "speed": 10}
"""Points of each group; within a group all checks count alike."""
LIMIT_SECONDS = 0.3
"""Under which 95 % of the timed answers must stay."""
FAST_SHARE = 0.95
MOST_TRIES = 3
"""Each of a service that is started anew, so that nothing is remembered."""
ROUGHLY = 0.25
"""A timed answer whose revenue is further off counts as too late."""
SUMMARY, QUALITY = "/api/summary", "/api/quality"
WARM_UP = ("/", SUMMARY, QUALITY, f"{SUMMARY}?start=2024-03-01&end=2024-05-31")
"""Asked first in every life, and not judged."""
ANSWER_SECONDS, FAST_ANSWER_SECONDS = 4.0, 1.0
"""How long the grader waits for one answer."""
FILE = "sales.csv"
SHOWN_CHARACTERS = 160
TRIAL = """line_id,order_id,date,region,category,product,quantity,unit_price
1-1,1,2024-03-01,North,Toys,"Kite, large",2,"1,299.00"
1-2,1,01/03/2024,north ,Toys,Café Puzzle,1,¥12.50
1-1,1,1 Mar 2024,North,TOYS,"Kite, large",2,1299.00
2-1,2,2024年3月2日,-,文具,Cafe\u0301 Puzzle,3,4.00
1-3,1,2024-03-09,North,Toys,Café Puzzle,-1,12.50
3-1,3,tomorrow,北京,文具,Pencil,10,0.80
"""
"""A table of which nothing is secret."""


class Check(NamedTuple):
    """One row of the answers, and where it stands among the side's rows."""

    row: int
    group: str
    life: int
    place: int
    request: str
    method: str
    field: str
    expected: Any


def try_out(service: Service) -> None:
    """Start the service with a table of six lines and ask for everything there is; right or wrong, it must answer.

    Raises:
        ProgramFailed: It does not come up, or answers nothing.
    """
    visit = service.visit([Request(target) for target in WARM_UP], *mount(TRIAL.encode()), ANSWER_SECONDS)
    if not any(response.status for response in visit.responses):
        raise ProgramFailed("misbehaved")


def mount(table: bytes) -> tuple[dict[str, bytes], dict[str, str]]:
    """The file that a service may read, and the variable that names it."""
    return {FILE: table}, {"DATA_CSV": f"{{{FILE}}}"}


def grade(service: Service, hidden: Hidden, side: Side) -> Graded:
    """Percentage of the points that checks of one side have earned.

    Args:
        service: The participant's.
        hidden: The checks in `answers`, and each side's table as bytes.
        side: Whose checks to make, with whose table.
    """
    checks, table = read_checks(hidden, side), hidden[f"sales_{side.name}"]["csv"].tobytes()
    wrong: dict[int, Words | None] = {}
    given: dict[int, Words | None] = {}
    visits: list[Visit] = []
    seconds: list[float] = []
    for life in sorted({check.life for check in checks}):
        own = [check for check in checks if check.life == life]
        if own[0].group == "speed":
            wrong[own[0].row], seconds = time_answers(service, table, own[0], visits)
            continue
        responses = ask(service, table, own, visits)
        for check in own:
            judging = judge_page if check.group == "page" else judge
            response = responses.get(check.place, Response())
            wrong[check.row] = judging(check.field, check.expected, response)
            given[check.row] = repeat(check.group, check.field, response)
    passed = np.array([wrong[row] is None for row in range(len(checks))])
    graded = count(checks, passed, measure(visits, seconds))
    return replace(graded, shown=show(checks, wrong, given, seconds)) if side.is_public else graded


def read_checks(hidden: Hidden, side: Side) -> list[Check]:
    """The checks of one side, in the order of its rows."""
    columns = {name: values[side.rows].tolist() for name, values in hidden["answers"].items()}
    names = ("group", "life", "place", "request", "method", "field")
    return [
        Check(row=row, expected=json.loads(expected), **{name: columns[name][row] for name in names})
        for row, expected in enumerate(columns["expected"])
    ]


def ask(service: Service, table: bytes, checks: list[Check], visits: list[Visit]) -> dict[int, Response]:
    """Answers of one life by their place; none where the service did not come up."""
    places = {check.place: Request(check.request, check.method) for check in checks}
    asked = sorted(places.items())
    warm = [Request(target) for target in WARM_UP]
    try:
        visit = service.visit([*warm, *(request for _, request in asked)], *mount(table), ANSWER_SECONDS)
    except ProgramFailed:
        return {}
    visits.append(visit)
    return dict(zip(dict(asked), visit.responses[len(warm) :], strict=True))


def time_answers(service: Service, table: bytes, check: Check, visits: list[Visit]) -> tuple[Words | None, list[float]]:
    """Time answers to further queries; anew where they came too late, for a machine may be busy: the best time counts.

    Returns:
        Why the check fails, or None, and the seconds that each answer took; a wrong one counts as endless.
    """
    late = say("more than 5 % of the answers too late, or far from right", "超过 5 % 的响应太慢或偏差太大")
    if not visits or is_hopeless(visits):
        return late, []
    taken: list[float] = []
    for _ in range(MOST_TRIES):
        requests = [Request(target) for target in (*WARM_UP, *(target for target, _ in check.expected))]
        try:
            visit = service.visit(requests, *mount(table), FAST_ANSWER_SECONDS)
        except ProgramFailed:
            continue
        visits.append(visit)
        found = [
            response.seconds if is_roughly(response, revenue) else np.inf
            for response, (_, revenue) in zip(visit.responses[len(WARM_UP) :], check.expected, strict=True)
            if revenue is not None
        ]
        taken = np.minimum(taken or np.inf, found).tolist()
        if find_slowest(taken) < LIMIT_SECONDS:
            return None, taken
        if np.median(taken) > LIMIT_SECONDS:
            break
    return late, taken


def is_hopeless(visits: list[Visit]) -> bool:
    """Whether most answers came so late that timing further ones is no use."""
    taken = [response.seconds if response.status else np.inf for visit in visits for response in visit.responses]
    return float(np.median(taken)) > 2 * LIMIT_SECONDS


def is_roughly(response: Response, revenue: float) -> bool:
    """Whether an answer is one, and not merely quick."""
    given = response.json.get("revenue") if response.status == 200 and isinstance(response.json, dict) else None  # noqa: PLR2004 - OK
    number = read_number(given)
    return number is not None and is_near(revenue, number, ROUGHLY)


def find_slowest(seconds: list[float]) -> float:
    """The time under which 95 % of the answers came."""
    return float(np.quantile(seconds, FAST_SHARE, method="higher"))


def measure(visits: list[Visit], seconds: list[float]) -> dict[str, float]:
    """Times and memory; of answers that were not timed on purpose where none were."""
    others = [response.seconds for visit in visits for response in visit.responses if response.status]
    taken = [second for second in seconds if np.isfinite(second)] or others
    if not visits or not taken:
        return {}
    return {
        "p50": 1000 * float(np.median(taken)),
        "p95": 1000 * find_slowest(taken),
        "memory": max(visit.peak_bytes for visit in visits) / 1e6,
        "start": float(np.median([visit.start_seconds for visit in visits])),
    }


def count(checks: list[Check], passed: NDArray[np.bool_], costs: dict[str, float]) -> Graded:
    """Points, and what each answer moves them by."""
    groups = np.array([check.group for check in checks])
    shares = {group: float(passed[groups == group].mean()) for group in WEIGHTS}
    weights = np.array([WEIGHTS[group] / (groups == group).sum() for group in groups])
    moves = weights * (passed - np.array([shares[group] for group in groups])) * len(checks)
    return Graded(
        score=sum(WEIGHTS[group] * share for group, share in shares.items()),
        secondary={**{group: shares[group] for group in ("numbers", "edges", "page")}, **costs},
        influence=gather(moves, checks),
    )


def gather(moves: NDArray[np.float64], checks: list[Check]) -> NDArray[np.float64]:
    """The sum over all checks of one answer, at the first of them: they pass and fail together."""
    firsts: dict[tuple[int, int], int] = {}
    gathered = np.zeros_like(moves)
    for check in checks:
        gathered[firsts.setdefault((check.life, check.place), check.row)] += moves[check.row]
    return gathered


_GROUPS = {
    "numbers": say("numbers", "数字"),
    "edges": say("edge cases", "边界情况"),
    "page": say("the page", "网页"),
    "speed": say("speed", "速度"),
}


def show(
    checks: list[Check], wrong: dict[int, Words | None], given: dict[int, Words | None], seconds: list[float]
) -> dict[str, Any]:
    """Every check with its answer and what is wrong about it, shares by what was looked at, and times of answers."""
    ordered = sorted(checks, key=lambda one: (list(WEIGHTS).index(one.group), one.life, one.place, one.field))
    groups, fields = (dict[str, list[bool]](), dict[str, list[bool]]())
    for check in ordered:
        groups.setdefault(check.group, []).append(wrong[check.row] is None)
        fields.setdefault(f"{check.group}: {check.field}", []).append(wrong[check.row] is None)
    return {
        "fields": {
            "label": say("share of checks passed", "通过的检查所占比例"),
            "rows": [{"name": name, "value": float(np.mean(found))} for name, found in fields.items()],
        },
        "checks": {
            "groups": [{"name": _GROUPS[group], "share": float(np.mean(found))} for group, found in groups.items()],
            "rows": [
                {
                    "group": _GROUPS[one.group],
                    "request": describe(one),
                    "what": one.field,
                    "form": tell_form(one.group, one.field),
                    "given": given.get(one.row),
                    "wrong": wrong[one.row],
                }
                for one in ordered
            ],
        },
        "times": draw_times(sorted(second for second in seconds if np.isfinite(second))),
    }


def draw_times(seconds: list[float]) -> dict[str, Any]:
    """Times from the quickest answer to the slowest, beside the limit; no line where nothing was timed."""
    lines = [
        {
            "name": say("your answers", "你的响应"),
            "points": [(100 * (place + 1) / len(seconds), 1000 * second) for place, second in enumerate(seconds)],
        },
        {"name": say("limit", "上限"), "points": [(0, 1000 * LIMIT_SECONDS), (100, 1000 * LIMIT_SECONDS)]},
    ]
    return {
        "x_label": say("share of the answers (%)", "响应的比例（%）"),
        "y_label": say("milliseconds", "毫秒"),
        "lines": lines if seconds else [],
    }


def describe(check: Check) -> str:
    """The request as one would type it."""
    text = f"{check.method} {check.request}" if check.request else f"GET {SUMMARY}?…"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
