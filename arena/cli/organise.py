"""Making challenges: a new folder from the template, ready to be filled."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from arena.cli.client import Refused
from arena.cli.display import say
from arena.cli.language import _
from arena.settings import CHALLENGES_DIR, Settings
from challenges.manifest import SLUG_PATTERN

TEMPLATE = "_template"


def new_challenge(
    name: Annotated[str, typer.Argument(help=_("Its slug: lower-case letters, digits and `_`, such as `cat_breeds`."))],
    to: Annotated[Path | None, typer.Option(help=_("Folder of challenges; by default the installation's own."))] = None,
) -> None:
    """Make the folder of a new challenge from the template.

    Fill in what the files ask for; `arena up` loads it at the next start, and its laws run with the tests.
    """
    if not SLUG_PATTERN.match(name):
        raise Refused(_("{name} is no slug: use lower-case letters, digits and _, a letter first.").format(name=name))
    source = CHALLENGES_DIR / TEMPLATE
    target = (to or Settings().challenges_dir) / name
    try:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    except FileExistsError:
        raise Refused(_("{path} exists already. Choose another name.").format(path=target)) from None
    except OSError as error:
        raise Refused(_("{path} cannot be written: {problem}").format(path=target, problem=error.strerror)) from None
    for path in sorted(target.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(TEMPLATE, name), encoding="utf-8")
            say(str(path))
    say(_("Next: fill these files, then: arena up"), "dim")
