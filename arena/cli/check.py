"""Checking a file at home: the same checks of form as a grader's, before a submission is spent on it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from arena.cli.client import Refused, call, check, connect, sentences
from arena.cli.display import AsJson, Server, print_json, say
from arena.cli.language import _, language_tag
from arena.cli.marker import find_challenge
from arena.cli.reading import items_of, show_costs
from challenges.errors import SENTENCES, Reason
from challenges.phrases import tell_fact, tell_facts

MANIFEST = "challenge.toml"
BESIDE = "sample_submission.csv"
"""Tells the ids that a table must have."""
NEEDED = ("polars", "onnxruntime")
REFUSED = 1


def check_file(
    words: Annotated[list[str], typer.Argument(metavar="[SLUG] FILE", help=_("What you would submit."))],
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Check a file as a grader does before it has seen anything hidden: no score, and nothing is sent.

    In a folder made by `arena download` it needs no server: `arena check model.onnx`. Exit code: 0 right, 1 refused.
    """
    words, path = _parse_words(words)
    if any(find_spec(name) is None for name in NEEDED):
        sentence = _("Checking needs the graders' libraries: {command}")
        raise Refused(sentence.format(command='pip install "arena-grader[grader]"'), "extra_missing")
    with ExitStack() as stack:
        found = tell_all(run_checks(_find_rules(words, path, server, stack), path))
    if as_json:
        print_json(found)
    else:
        show(found)
    if not found["ok"]:
        raise typer.Exit(REFUSED)


def _parse_words(words: list[str]) -> tuple[list[str], Path]:
    """Slug and file in this order, and the file's path; they may have been given the other way round."""
    if len(words) > 2:  # noqa: PLR2004 - SLUG FILE
        raise Refused(_("Give one file: arena check [SLUG] FILE."))
    if len(words) > 1 and Path(words[0]).is_file() and not Path(words[1]).exists():
        words = [words[1], words[0]]
    path = Path(words[-1])
    if not path.is_file():
        raise Refused(_("There is no file {path}.").format(path=path))
    return words, path


def run_checks(manifest: Path, path: Path) -> dict[str, Any]:
    """What the graders' own program says of a file.

    Raises:
        Refused: The program does not run.
    """
    command = [sys.executable, "-m", "graders.checking", str(manifest), str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise Refused(_("The check did not run: {problem}").format(problem=done.stderr.strip()[-1000:])) from None
    return found


def tell_all(found: dict[str, Any]) -> dict[str, Any]:
    """The same with all words in the reader's language, where the site's catalogues are installed; else in English."""
    translate: Callable[[str], str] = str
    if language_tag() != "en" and find_spec("babel") is not None:
        from arena import translations  # noqa: PLC0415 - of the extra web

        translate = partial(translations.translate, translations.CHINESE)
    for fault in (*found["faults"], *found["doubts"]):
        fault["facts"] = tell_facts(fault["facts"], translate)
        fault["sentence"] = translate(SENTENCES[Reason(fault["reason"])]).format_map(fault["facts"])
    if found["warning"]:
        found["warning"] = tell_fact(found["warning"], translate)
    return found


def show(found: dict[str, Any]) -> None:
    """Print what was found."""
    if found["warning"]:
        say(found["warning"], "yellow")
    for fault in found["faults"]:
        say(f"• {fault['sentence']}", "red")
    hidden = (found.get("count") or 0) - len(found["faults"])
    if hidden > 0:
        say(_("… and {count} more.").format(count=hidden))
    for doubt in found["doubts"]:
        say(_("As measured on this machine: {sentence}").format(sentence=doubt["sentence"]), "yellow")
    show_costs(found.get("costs") or {})
    if found["ok"]:
        say(_("The form is right. How good it is, only a submission tells."), "green")


def _find_rules(words: list[str], path: Path, server: str, stack: ExitStack) -> Path:
    """The challenge's manifest: beside the file, or downloaded with what the check needs beside it."""
    for folder in (path.resolve().parent, Path.cwd()):
        if (folder / MANIFEST).is_file() and (len(words) == 1 or _slug_of(folder) == words[0]):
            return folder / MANIFEST
    slug = words[0] if len(words) > 1 else find_challenge(Path(), path.parent)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="arena-check-")))
    with connect(server) as client:
        _fetch(client, f"challenges/{quote(slug, safe='')}/manifest", folder / MANIFEST)
        known = {file["name"] for file in items_of(call(client, "GET", f"challenges/{slug}/files"))}
        rules = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        needed = {str(rules.get("model", {}).get("architecture", ""))}
        needed |= {str(file.get("ids", "")) for file in rules.get("artefacts", {}).get("files", [])}
        for name in sorted({BESIDE, *(Path(name).name for name in needed)} & known):
            _fetch(client, f"challenges/{slug}/files/{name}", folder / name)
    return folder / MANIFEST


def _slug_of(folder: Path) -> str:
    try:
        return find_challenge(folder)
    except Refused:
        return ""


def _fetch(client: httpx.Client, url: str, target: Path) -> None:
    with sentences(client):
        answer = check(client.get(url))
    target.write_bytes(answer.content)
