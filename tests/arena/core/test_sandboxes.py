"""A law: whatever a grader can say of its sandbox is known to the web, which says it in the reader's language."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Iterator

import pytest

from arena.sandboxes import FINDINGS, LEVELS, SENTENCES, tell_level, tell_reason
from arena.translations import CHINESE, ENGLISH, LANGUAGES
from graders.sandbox import judging, probing, trials, uids
from graders.sandbox.levels import Level

BROKEN = {
    "landlock": "Operation not permitted",
    "seccomp": "it ends (code 1): a guest cannot lock itself in",
    "guest": "crashed: 1",
    "canary_models": "vault: /v opens; write: /tmp/x was made",
    "canary_programs": "it does not come back: crashed: 1",
    "canary_outer": "not tried: vault: ARENA_VAULT_URL is not set",
    "bubblewrap": "not installed",
    "bubblewrap_with_proc": "fork: a child process",
    "namespace_settings": "user.max_user_namespaces = 0, kernel.unprivileged_userns_clone = 0",
    "outer_user": "root",
    "uid_pool": "Guests run as the grader's own user: only root can lend them another.",
    "preload": "the tables server has ended",
}
"""Probes, and what each may say when it fails."""
PROBLEM = "Guests run as the grader's own user: {problem}."


def heads(function: object, kind: type[ast.Yield | ast.Return]) -> Iterator[str]:
    """The sentences that a function yields or returns, as far as their first place."""
    for node in ast.walk(ast.parse(inspect.getsource(function))):  # type: ignore[arg-type]
        if isinstance(node, kind) and node.value is not None:
            for part in ast.walk(node.value):
                match part:
                    case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) | ast.Constant(value=str(text)):
                        yield text
                        break


def said_of_machines() -> set[str]:
    """All that is said where up to three things fail, in every way, with an isolation from outside and without."""
    found: set[str] = set()
    for count in range(4):
        for broken in itertools.combinations(BROKEN, count):
            probes = {name: trials.OK for name in BROKEN if name != "namespace_settings"}
            probes |= {name: BROKEN[name] for name in broken}
            if "bubblewrap_with_proc" in broken:
                probes["bubblewrap"] = BROKEN["bubblewrap"]
            elif "bubblewrap" in broken:
                del probes["bubblewrap_with_proc"]
            level = judging.find_level(probes)
            for outer in ("", "kata"):
                found.update(judging.explain(level, probes, outer))
    return found | set(judging.explain(Level.S0, {}, "kata"))


def said_of_users() -> Iterator[str]:
    """All that keeps a grader from lending users, with every place filled in."""
    lent, tried = (ast.parse(inspect.getsource(one)) for one in (uids.lease_uid, uids.check_readable))
    for node in ast.walk(lent):
        match node:
            case ast.keyword(arg="reason", value=value):
                text = fill(value)
                if text != PROBLEM.format(problem="problem"):
                    yield text
    for node in ast.walk(tried):
        if isinstance(node, ast.Return) and node.value is not None:
            values = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            yield from (PROBLEM.format(problem=text) for text in map(fill, values) if text)


def fill(node: ast.expr) -> str:
    """A string of the code with a plain word in each of its places."""
    assert isinstance(node, ast.Constant | ast.JoinedStr), ast.dump(node)
    parts = [node] if isinstance(node, ast.Constant) else node.values
    return "".join(str(part.value) if isinstance(part, ast.Constant) else word_of(part) for part in parts)


def word_of(part: ast.expr) -> str:
    names = [node.id for node in ast.walk(part) if isinstance(node, ast.Name)]
    return names[0] if names else "x"


REASONS = sorted(said_of_machines() | set(said_of_users()))


def test_the_machines_make_a_grader_say_all_that_it_can():
    explaining = (judging._explain_lock, judging._explain_outer, judging._explain_bubblewrap, judging._explain_rest)
    expected = [head for function in explaining for head in heads(function, ast.Yield)]
    assert len(expected) >= 7
    assert [head for head in expected if not any(reason.startswith(head) for reason in REASONS)] == []


@pytest.mark.parametrize("reason", REASONS)
def test_what_a_grader_says_is_known_and_english_stays_as_it_is(reason: str):
    assert tell_reason(reason, ENGLISH) == reason
    chinese = tell_reason(reason, CHINESE)
    assert re.search(r"[一-鿿]", chinese)
    assert chinese.endswith("。")
    assert "{" not in chinese


def test_no_sentence_is_kept_that_no_grader_says():
    places = re.compile(r"\\{\w+\\}")
    patterns = {sentence: re.compile(places.sub(".+?", re.escape(sentence)), re.DOTALL) for sentence in SENTENCES}
    assert [text for text, pattern in patterns.items() if not any(map(pattern.fullmatch, REASONS))] == []


def test_findings_are_those_of_the_trials():
    code = "".join(inspect.getsource(module) for module in (judging, probing, trials))
    assert [finding for finding in FINDINGS if f'"{finding}"' not in code] == []


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_inside_a_sentence_is_translated(finding: str):
    told = tell_reason(
        f"seccomp does not work here ({finding}): a guest cannot lock itself in, and nothing is opened.", CHINESE
    )
    assert finding not in told


def test_what_is_new_is_told_as_it_came():
    for language in LANGUAGES:
        assert tell_reason("The moon is in the way ({said}).", language) == "The moon is in the way ({said})."
        assert tell_level("S9", language) == ""


def test_every_level_says_what_is_opened_at_it():
    assert set(LEVELS) == set(Level.__members__)
    for level in LEVELS:
        assert re.search(r"[一-鿿]", tell_level(level, CHINESE))
        assert tell_level(level, ENGLISH) == LEVELS[level]
