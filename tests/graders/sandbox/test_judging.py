"""A level needs all that it stands for; what is missing is said in sentences that tell what follows."""

from __future__ import annotations

import itertools

import pytest

from graders.sandbox.judging import explain, find_level
from graders.sandbox.levels import Level

ALL = dict.fromkeys(
    (
        "preload",
        "landlock",
        "seccomp",
        "uid_pool",
        "outer_user",
        "guest",
        "canary_models",
        "canary_programs",
        "canary_outer",
        "bubblewrap",
    ),
    "ok",
)
NO = "it does not work"
LEVELS = [
    ([], "S3"),
    (["uid_pool"], "S3"),
    (["preload"], "S3"),
    (["bubblewrap"], "S2"),
    (["outer_user"], "S2"),
    (["landlock"], "S2n"),
    (["canary_programs"], "S2n"),
    (["landlock", "outer_user"], "SX"),
    (["landlock", "bubblewrap"], "SX"),
    (["landlock", "bubblewrap", "canary_outer"], "S1"),
    (["landlock", "bubblewrap", "canary_outer", "uid_pool"], "S0"),
    (["seccomp"], "S0"),
    (["guest"], "S0"),
    (["canary_models"], "S0"),
]


@pytest.mark.parametrize(("broken", "level"), LEVELS)
def test_a_level_falls_with_what_it_stands_on(broken: list[str], level: str):
    assert find_level({**ALL, **dict.fromkeys(broken, NO)}).name == level
    assert find_level({name: said for name, said in ALL.items() if name not in broken}).name == level


def test_nothing_tried_is_nothing_shown():
    assert find_level({}) is Level.S0
    assert find_level(dict.fromkeys(ALL, "OK")) is Level.S0


def test_losing_more_never_makes_it_better():
    for count in range(4):
        for broken in itertools.combinations(ALL, count):
            level = find_level({**ALL, **dict.fromkeys(broken, NO)})
            for name in ALL:
                assert find_level({**ALL, **dict.fromkeys((*broken, name), NO)}) <= level


def test_a_proc_that_is_bound_is_as_good():
    assert find_level({**ALL, "bubblewrap": NO, "bubblewrap_with_proc": "ok"}) is Level.S3
    assert explain(Level.S3, {**ALL, "bubblewrap": NO, "bubblewrap_with_proc": "ok"}, "") == []


def test_where_nothing_is_missing_nothing_is_said():
    assert explain(Level.S3, ALL, "") == []


@pytest.mark.parametrize(
    ("broken", "outer", "said"),
    [
        ({"seccomp": NO}, "", "seccomp does not work here (it does not work): a guest cannot lock itself in"),
        ({"landlock": NO}, "", "A kernel of 5.13 or newer"),
        ({"canary_models": "vault: /v opens"}, "", "as models and tables are got out"),
        ({"canary_programs": "vault: /v opens"}, "", "as programs are got out"),
        ({"bubblewrap": NO}, "", "programs get no scratch folder"),
        (
            {"bubblewrap": NO, "namespace_settings": "user.max_user_namespaces = 0"},
            "",
            "max_user_namespaces = 0 forbids",
        ),
        ({"outer_user": "root"}, "", "but only as root"),
        ({"outer_user": "root", "uid_pool": "Guests run as the grader's own user: x."}, "", "own user: x."),
        ({"preload": NO}, "", "The fork server does not start"),
        ({"landlock": NO, "bubblewrap": NO, "canary_outer": "vault: /v opens"}, "kata", "says kata, and that is not"),
        ({}, "gvisor", "it is not needed"),
    ],
)
def test_what_is_missing_is_said_once_and_in_sentences(broken: dict[str, str], outer: str, said: str):
    probes = {**ALL, **broken}
    reasons = explain(find_level(probes), probes, outer)
    assert len([reason for reason in reasons if said in reason]) == 1, reasons
    assert all(reason.endswith(".") and reason == reason.strip() for reason in reasons)
