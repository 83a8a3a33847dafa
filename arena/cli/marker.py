"""`.arena.json`: which challenge a folder of downloaded files belongs to, so that `arena submit FILE` knows it."""

from __future__ import annotations

import json
from pathlib import Path

from arena.cli.client import Refused
from arena.cli.language import _

MARKER = ".arena.json"


def write_marker(folder: Path, slug: str, server: str) -> None:
    """Remember the challenge of a folder."""
    document = json.dumps({"challenge": slug, "server": server}, indent=2)
    (folder / MARKER).write_text(document + "\n", encoding="utf-8")


def find_challenge(*places: Path) -> str:
    """The slug remembered nearest to these folders, looking upwards.

    Raises:
        Refused: None of them remembers one.
    """
    for place in places:
        for folder in (place.resolve(), *place.resolve().parents):
            try:
                return str(json.loads((folder / MARKER).read_text(encoding="utf-8"))["challenge"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
    raise Refused(_("Which challenge? Name it: arena COMMAND SLUG …, or work in a folder made by `arena download`."))
