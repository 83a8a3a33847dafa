"""What a language model made of given beginnings: how varied, how much copied, and which sentences cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog

from challenges._generators.grading import Mark
from graders.copying import find_longest_copy
from graders.diagnostics import shorten
from graders.variety import measure_distinct, measure_self_bleu

if TYPE_CHECKING:
    from challenges._generators.grading import Marked
    from graders.diagnostics import PublicSide

log = structlog.get_logger(__name__)

Texts = dict[str, str]
"""By the id of their prompt."""
_MOST_CHARACTERS = 1200
"""Of a text; what is longer is cut."""
_SHOWN_COPY = 200
_SHOWN_TEXTS = 8
_SHOWN_FAULTS = 5
_SHORTEST_LINE = 60
"""Words of a line of the training text that is told as an example of such texts."""
_MOST_COMPARED = 50
"""Texts that are compared with one another; of more, so many are taken evenly: each is compared with all others."""


def continuations(
    side: PublicSide, file: str = "generations.jsonl", prompts: str = "prompts.jsonl", train: str = "train.txt"
) -> dict[str, Any] | None:
    """Show the texts that came beside a model, and measure them; they are never scored.

    Args:
        side: With the texts among its attachments, one `{"id": …, "text": …}` on each line.
        file: Name of the attachment.
        prompts: Public file of the same form: the beginnings.
        train: Public text file that the model learnt from, words with spaces between them.

    Returns:
        `texts` (how many were read) of `prompts`; `faults` (first lines that could not be read: `line` and `what`) of
        `fault_count`; `distinct` (share of different pairs of words) and `self_bleu`, each with `train_…` for as many
        lines of the training text; `copied` and `copied_text` (the longest part that stands in the training text);
        `marks` (sentences by mark; None where the package's `grade.py` marks none) and `rows`, the first eight, of
        `id`, `prompt`, and `sentences` of `text`, `mark` and `why`. None where no texts were sent.

    Source: distinct-2 and self-BLEU as `graders.variety` says.
    """
    sent, asked = side.predictions.attachments.get(file, ""), _read_prompts(side, prompts)
    if not sent.strip() or not asked:
        return None
    texts, faults = read_texts(sent, asked)
    marked = {name: _mark(side, asked[name], text) for name, text in texts.items()}
    found = [sentence.mark for sentences in marked.values() for sentence in sentences or []]
    learnt = side.challenge.read_public(train).decode()
    copy = find_longest_copy("\n".join(texts.values()), learnt)
    return {
        "texts": len(texts),
        "prompts": len(asked),
        "faults": faults[:_SHOWN_FAULTS],
        "fault_count": len(faults),
        **_measure(list(texts.values())),
        **_usual(side, train, learnt, len(texts)),
        "copied": len(copy),
        "copied_text": copy[:_SHOWN_COPY],
        "marks": {mark.value: found.count(mark) for mark in Mark} if found else None,
        "rows": [_tell(name, asked[name], texts[name], marked[name]) for name in list(texts)[:_SHOWN_TEXTS]],
    }


def read_texts(sent: str, asked: Texts) -> tuple[Texts, list[dict[str, Any]]]:
    """The texts in the order of their prompts, and the lines that are none.

    Args:
        sent: JSON Lines.
        asked: The prompts.
    """
    texts, faults = Texts(), list[dict[str, Any]]()
    for number, line in enumerate(sent.split("\n"), start=1):
        if not line.strip():
            continue
        what = _find_fault(line, asked, texts)
        if what:
            faults.append({"line": number, "what": what})
    return {name: texts[name] for name in asked if name in texts}, faults


def _find_fault(line: str, asked: Texts, texts: Texts) -> dict[str, str] | None:
    """What is wrong with a line; where nothing is, its text is taken."""
    try:
        row = json.loads(line)
        name, text = row["id"], row["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"en": 'not of the form {"id": …, "text": …}', "zh": '不是 {"id": …, "text": …} 的形式'}
    if not isinstance(name, str) or not isinstance(text, str) or not text.strip():
        return {"en": "`id` and `text` must be text that is not empty", "zh": "`id` 和 `text` 必须是非空文本"}
    if name not in asked:
        return {"en": f"no prompt has the id {name[:40]!r}", "zh": f"没有编号为 {name[:40]!r} 的开头"}
    if name in texts:
        return {"en": f"a second text for {name}", "zh": f"{name} 的第二篇文本"}
    texts[name] = text[:_MOST_CHARACTERS]
    return None


def _read_prompts(side: PublicSide, prompts: str) -> Texts:
    try:
        content = side.challenge.read_public(prompts).decode()
    except FileNotFoundError:  # data that was prepared before there were prompts
        return {}
    rows = [json.loads(line) for line in content.split("\n") if line.strip()]
    return {row["id"]: row["text"] for row in rows}


def _mark(side: PublicSide, prompt: str, text: str) -> list[Marked] | None:
    if side.challenge.mark is None:
        return None
    try:
        return side.challenge.mark(prompt, text)
    except Exception:
        # Any text may come, and none is scored: a reader that stumbles must not cost a participant the score.
        log.exception("a text could not be marked", challenge=side.challenge.dataset)
        return None


def _measure(texts: list[str]) -> dict[str, float | None]:
    words = [text.split() for text in texts]
    alike = measure_self_bleu([" ".join(each) for each in words[:: -(-len(words) // _MOST_COMPARED) or 1]])
    return {
        "distinct": shorten(measure_distinct(words, 2)),
        "self_bleu": None if alike is None else shorten(alike),
    }


def _usual(side: PublicSide, train: str, learnt: str, count: int) -> dict[str, float | None]:
    """The same of as many lines of the training text, measured once."""
    key = f"variety of {count} lines of {train}"
    if key not in side.challenge.kept:
        lines = [line for line in learnt.split("\n") if len(line.split()) >= _SHORTEST_LINE]
        side.challenge.kept[key] = _measure(lines[:count])
    return {f"train_{name}": value for name, value in side.challenge.kept[key].items()}


def _tell(name: str, prompt: str, text: str, marked: list[Marked] | None) -> dict[str, Any]:
    sentences = marked if marked is not None else []
    told = [{"text": each.text, "mark": each.mark.value, "why": each.why} for each in sentences]
    return {"id": name, "prompt": prompt, "sentences": told or [{"text": text, "mark": "", "why": None}]}
