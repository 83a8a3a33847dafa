"""Submitting: the file is streamed, a broken upload goes again under the same key, the verdict can be awaited."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from arena.cli.client import Interrupted, Refused, call, check, connect, persist, sentences
from arena.cli.display import AsJson, Server, errors, make_progress, plain, print_json, say
from arena.cli.language import _
from arena.cli.marker import find_challenge
from arena.cli.reading import show_submission

CHUNK = 1 << 20
FINAL = frozenset({"scored", "rejected", "failed", "cancelled"})
REJECTED, FAILED = 1, 3
LONGEST_PAUSE = 5.0


def submit(
    words: Annotated[list[str], typer.Argument(metavar="[SLUG] FILE", help=_("The file: predictions, or a model."))],
    message: Annotated[str, typer.Option("-m", "--message", help=_("A note to yourself."))] = "",
    challenge: Annotated[str, typer.Option(help=_("The challenge; by default this folder's."))] = "",
    wait: Annotated[bool, typer.Option("--wait", help=_("Wait for the verdict."))] = False,
    timeout: Annotated[float, typer.Option(help=_("Longest wait, in seconds."))] = 3600.0,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Submit a file of predictions, or a model; with --wait, show the verdict.

    `arena submit predictions.csv` knows the challenge in a folder made by `arena download`; elsewhere say
    `arena submit iris predictions.csv`. Exit code: 0 accepted (with --wait: scored), 1 rejected, 3 grading failed.
    """
    slug, path = _parse_words(words, challenge)
    with connect(server) as client:
        found = _upload(client, slug, path, message, quiet=as_json)
        if wait:
            found = _await(client, found, time.monotonic() + timeout, quiet=as_json)
    if as_json:
        print_json(found)
    elif wait:
        show_submission(found)
    else:
        say(_("Sent as submission {id}.").format(id=found["id"]), "green")
        say(_("Follow it: arena submission {id}").format(id=found["id"]), "dim")
    if wait and found["status"] != "scored":
        raise typer.Exit(REJECTED if found["status"] == "rejected" else FAILED)


def _parse_words(words: list[str], challenge: str) -> tuple[str, Path]:
    if len(words) > 2 or (len(words) == 2 and challenge):  # noqa: PLR2004 - SLUG FILE
        raise Refused(_("Give one file: arena submit [SLUG] FILE."))
    path = Path(words[-1])
    if not path.is_file():
        raise Refused(_("There is no file {path}.").format(path=path))
    slug = challenge or (words[0] if len(words) > 1 else find_challenge(Path(), path.parent))
    return slug, path


def _upload(client: httpx.Client, slug: str, path: Path, message: str, *, quiet: bool) -> dict[str, Any]:
    """Send the file; every attempt carries the same key, so that it counts once."""
    size = path.stat().st_size
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(size),
        "Idempotency-Key": str(uuid.uuid4()),
        "X-Content-SHA256": _digest_of(path),
    }
    url = f"challenges/{quote(slug, safe='')}/submissions/{quote(path.name, safe='')}"
    with make_progress(hidden=quiet) as progress:
        task = progress.add_task(path.name, total=size)

        def body() -> Iterator[bytes]:
            progress.update(task, completed=0)
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
                    progress.advance(task, len(chunk))

        def send() -> dict[str, Any]:
            with sentences(client):
                response = client.put(url, params={"message": message}, headers=headers, content=body())
            answer: dict[str, Any] = check(response).json()
            return answer

        return persist(send)


def _await(client: httpx.Client, found: dict[str, Any], deadline: float, *, quiet: bool) -> dict[str, Any]:
    """Follow the server's events until the verdict; where they break off, ask again and again."""
    pause = 0.5
    with errors.status(_("Waiting for a grader …")) as status:
        while found["status"] not in FINAL:
            try:
                for state in _events(client, found["id"], deadline):
                    found = state
                    if not quiet:
                        status.update(_describe(state))
            except Interrupted:
                pass
            if found["status"] in FINAL:
                break
            if time.monotonic() > deadline:
                sentence = _("No verdict yet. It is not lost: arena submission {id}")
                raise Refused(sentence.format(id=found["id"]), "timeout")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
            try:
                found = call(client, "GET", f"submissions/{found['id']}")
            except Interrupted as problem:
                status.update(plain(problem))
    return found


def _events(client: httpx.Client, submission_id: str, deadline: float) -> Iterator[dict[str, Any]]:
    """The states of a submission as server-sent events tell them."""
    headers = {"Accept": "text/event-stream"}
    with sentences(client), client.stream("GET", f"submissions/{submission_id}/events", headers=headers) as response:
        check(response)
        event = ""
        for line in response.iter_lines():
            name, _colon, value = line.partition(":")
            if name == "event":
                event = value.strip()
            elif name == "data" and event == "status":
                yield json.loads(value)
            if time.monotonic() > deadline:
                return


def _describe(found: dict[str, Any]) -> str:
    position, seconds = found.get("queue_position"), found.get("expected_wait_seconds")
    if position and seconds:
        return _("In the queue at place {position}, about {seconds} s …").format(
            position=position, seconds=round(seconds)
        )
    if position:
        return _("In the queue at place {position}; no grader is at work just now …").format(position=position)
    return _("Being graded, about {seconds} s …").format(seconds=round(seconds)) if seconds else _("Waiting …")


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
