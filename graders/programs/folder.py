"""A program's files on the disk, in a folder that its runs may read and that is gone afterwards."""

from __future__ import annotations

import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "arena-program-"


def lay_out(members: Mapping[str, bytes], place: Path | None = None) -> Path:
    """Write files into a new folder, which only this user and whoever it is lent to can read.

    Args:
        members: Files by path, every one of which `challenges.programs.PATH_PATTERN` takes.
        place: Where the folder is made; None: among the temporary ones.

    Returns:
        The folder; `remove` it.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    try:
        for name, content in members.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(content)
        _open_way(folder)
    except BaseException:
        remove(folder)
        raise
    return folder


def remove(folder: Path) -> None:
    """Remove a folder, whatever is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def _open_way(folder: Path) -> None:
    """Let other users pass, and not look, through the temporary folders above: a guest may be another user."""
    for parent in folder.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not parent.is_relative_to(tempfile.gettempdir()) or mode & stat.S_IXOTH:
            return
        with suppress(PermissionError):  # not ours: the user is the same, or the self-test will say so
            parent.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)
