"""Words within refusals: a closed vocabulary that travels as keys, and a law that graders say nothing else in words."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from arena.submissions.schemas import FaultOut
from arena.translations import CHINESE, ENGLISH, translate
from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.messages import Outcome, Verdict, WireFault, dump_message, parse_message
from challenges.phrases import Code, Phrase, Words, join, say, tell_fact, tell_facts
from challenges.records import dump_record

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for top in ("challenges", "graders")
    for path in (ROOT / top).rglob("*.py")
    if re.search(r"\b(InvalidSubmission|Fault|Phrase)\b", path.read_text(encoding="utf-8"))
)
"""Files that can raise a refusal."""
IN_CHINESE = partial(translate, CHINESE)
WORDED = {"place", "found", "expected", "problem"}
"""Facts that sentences say outside of backticks."""
TELLERS = {"malformed", "raise_malformed", "refuse", "check_finite", "wrong_dtype", "wrong", "fault"}
"""Functions that are given such facts by position; their private namesakes too."""
SAYS = {"Code", "show", "show_text", "quote", "cite"}
"""Functions that declare a text to be the same in every language."""
WORD, WORDS = re.compile(r"[A-Za-z]{2}"), re.compile(r"[A-Za-z] [a-z]{2}")
"""A word, which may be a name; several, which are English."""


class TestVocabulary:
    """Each phrase and what is made of it."""

    @pytest.mark.parametrize("phrase", Phrase, ids=lambda phrase: phrase.key)
    def test_every_phrase_is_said_in_both_languages(self, phrase: Phrase):
        words = say(phrase, **{place: Code(f"`{place}`") for place in phrase.places})
        told = {tell_fact(words), tell_fact(words, IN_CHINESE)}
        assert len(told) == 2
        assert all(f"`{place}`" in text for text in map(str, told) for place in phrase.places)
        assert str(words) in told

    def test_facts_are_those_of_the_phrase(self):
        with pytest.raises(ValueError, match="no_object needs"):
            say(Phrase.NO_OBJECT)
        with pytest.raises(ValueError, match="nothing needs"):
            say(Phrase.NOTHING, row=1)

    def test_parts_are_joined(self):
        parts: list[Words | Code] = [Code("ONNX"), Code("safetensors"), say(Phrase.ZIP)]
        assert str(join(Phrase.EITHER, parts)) == "ONNX or safetensors or a zip archive"
        assert tell_fact(join(Phrase.EITHER, parts), IN_CHINESE) == "ONNX 或 safetensors 或 zip 压缩包"
        assert join(Phrase.BOTH, [say(Phrase.ZIP)]) == say(Phrase.ZIP)

    def test_text_from_outside_is_never_a_template(self):
        words = say(Phrase.LINK, name=Code("{row.__class__}"))
        assert str(words) == "`{row.__class__}` is a link"
        assert tell_fact(words, IN_CHINESE) == "`{row.__class__}` 是链接"


class TestOnTheWire:
    """From a grader by the database to a reader."""

    def travelled(self, fault: Fault) -> dict[str, Any]:
        """A fault as the database has it, after a message from grader to scribe."""
        wire = WireFault(fault.reason.value, fault.named)
        verdict = Verdict("s", 1, Outcome.REJECTED, faults=[wire], fault_count=1)
        stored = dump_record(parse_message(Verdict, dump_message(verdict)).faults[0])
        assert stored == json.loads(json.dumps(fault.to_dict()))
        return dict(stored)

    def test_words_within_words_arrive_in_the_readers_language(self):
        (fault,) = InvalidSubmission.because(
            Reason.WRONG_DTYPE,
            column="size",
            found=say(Phrase.IN_ROW, found=say(Phrase.LIST), row=3),
            expected=say(Phrase.NUMBER),
        ).faults
        stored = self.travelled(fault)
        assert FaultOut.of(stored, ENGLISH).sentence == fault.sentence
        chinese = FaultOut.of(stored, CHINESE)
        assert chinese.sentence == "`size` 列的类型为 列表（第 3 行），应为 数字。"
        assert chinese.facts == {"column": "size", "found": "列表（第 3 行）", "expected": "数字"}

    def test_refusals_of_before_there_were_phrases_are_shown_as_they_are(self):
        old = {"reason": "malformed", "facts": {"expected": "ONNX", "problem": "it holds no {graph}"}}
        assert FaultOut.of(old, ENGLISH).sentence == "The file cannot be read as ONNX: it holds no {graph}."
        assert FaultOut.of(old, CHINESE).sentence == "文件无法按 ONNX 读取：it holds no {graph}。"

    @pytest.mark.parametrize(
        "problem",
        [
            {"phrase": "of_tomorrow", "facts": {}},
            {"phrase": "of_tomorrow"},
            {"phrase": "no_object", "facts": {}},
            {},
            None,
        ],
    )
    def test_words_of_a_newer_grader_are_shown_as_code(self, problem: Any):
        fault = {"reason": "malformed", "facts": {"expected": "ONNX", "problem": problem}}
        assert re.search("：`[a-zN?][a-z_]*`。", FaultOut.of(fault, CHINESE).sentence)

    def test_words_of_another_form_are_no_message(self):
        facts = {"problem": {"phrase": "nothing", "facts": {}, "more": 1}}
        text = dump_message(Verdict("s", 1, Outcome.REJECTED)).replace(
            '"faults": []', f'"faults": {json.dumps([{"reason": "malformed", "facts": facts}])}'
        )
        with pytest.raises(Exception, match="more"):
            parse_message(Verdict, text)

    def test_what_is_no_words_is_told_as_it_is(self):
        assert tell_facts({"row": 3, "value": 0.5, "column": "p"}, IN_CHINESE) == {
            "row": 3,
            "value": 0.5,
            "column": "p",
        }
        assert tell_fact(Words("nothing"), IN_CHINESE) == "空"


def name_of(node: ast.expr) -> str:
    """The last name of what is called."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def words_in(node: ast.expr) -> Iterator[str]:
    """String constants with a word that an expression may be, as they are."""
    match node:
        case ast.Constant(value=str(text)) if WORD.search(text):
            yield text
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts):
            yield from (text for part in parts for text in words_in(part))
        case ast.IfExp(body=first, orelse=second) | ast.BinOp(left=first, right=second):
            yield from (*words_in(first), *words_in(second))


def english_in(tree: ast.AST) -> Iterator[str]:
    """English in what becomes a fact that a sentence says outside of backticks, or a part of one."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function, args=arguments, keywords=keywords):
                name = name_of(function).lstrip("_")
                worded = [keyword.value for keyword in keywords if keyword.arg in WORDED or name == "say"]
                worded += arguments if name in TELLERS else []
                yield from (text for value in worded for text in words_in(value))
                if name in SAYS:
                    yield from (text for value in arguments for text in words_in(value) if WORDS.search(text))
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in WORDED:
                        yield from words_in(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in WORDED:
                yield from words_in(value)


def misnamed_in(tree: ast.AST) -> Iterator[str]:
    """Words whose facts are not those of their phrase."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("say"), args=[ast.Attribute(ast.Name("Phrase"), name)], keywords=keywords):
                given = {keyword.arg for keyword in keywords}
                if given != Phrase[name].places:
                    yield f"{name}: {sorted(map(str, given))}"


class TestGradersSayNothingElse:
    """The law."""

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_no_fact_is_english(self, path: Path):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not list(english_in(tree))
        assert not list(misnamed_in(tree))

    def test_every_phrase_is_said_somewhere(self):
        said = {
            node.attr
            for path in SOURCES
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and name_of(node.value) == "Phrase"
        }
        assert {phrase.name for phrase in Phrase} == said

    @pytest.mark.parametrize(
        "code",
        [
            'InvalidSubmission.because(Reason.MALFORMED, expected=ONNX, problem="it holds no graph")',
            'InvalidSubmission.because(Reason.WRONG_TYPE, found=f"a zip of {name}", expected=ONNX)',
            'Fault(Reason.WRONG_DTYPE, {"column": name, "found": "a list", "expected": one})',
            'malformed("it holds no graph")',
            '_refuse(place, f"of shape {shape} for {rows} rows", wanted)',
            'say(Phrase.LINK, name=f"the file {name}")',
            'found = Code("a zip archive")',
            'problem = show("no graph")',
            '_malformed("encrypted" if is_locked else say(Phrase.LINK, name=name))',
        ],
    )
    def test_the_law_sees_english(self, code: str):
        assert list(english_in(ast.parse(code)))

    def test_the_law_sees_facts_of_another_phrase(self):
        assert list(misnamed_in(ast.parse("say(Phrase.LINK, row=1)")))
        assert not list(misnamed_in(ast.parse("say(Phrase.LINK, name=name)")))
