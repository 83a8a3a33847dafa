"""The scripts of a package, imported by their path: packages are trusted, and need not be importable by name."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def load_script(folder: Path, filename: str) -> ModuleType:
    """Import a package's `prepare.py` or `grade.py` anew.

    Args:
        folder: The package's.
        filename: Of the script.

    Raises:
        ImportError: It is no Python file. What it raises itself is passed on.
    """
    path = folder / filename
    name = f"_arena_{path.stem}_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder.name}: {filename} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses inside it look it up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module
