"""Runs benchmarks and prints one table for each: `python -m tests.bench [NAME …] [--quick] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import pkgutil
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import tests.bench


def find_names() -> list[str]:
    """Benchmarks in this folder, by file name."""
    return sorted(m.name for m in pkgutil.iter_modules(tests.bench.__path__) if not m.name.startswith("_"))


def make_table(name: str, rows: list[dict[str, Any]]) -> Table:
    """A table with one column for each key that any row has."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=f"{name} · {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for key in keys:
        is_number = any(isinstance(row.get(key), int | float) for row in rows)
        table.add_column(key, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(show(row.get(key)) for key in keys))
    return table


def show(value: object) -> str:
    """A cell: three significant digits, yes or no, or the text itself."""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "" if value is None else str(value)


def main() -> int:
    """Run the named benchmarks, or all; 1 if a row that has a target misses it."""
    names = find_names()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}; none: all")
    parser.add_argument("--quick", action="store_true", help="less data and fewer repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all rows there")
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    measured: dict[str, list[dict[str, Any]]] = {}
    console = Console(width=None if sys.stdout.isatty() else 160)
    for name in options.names or names:
        measured[name] = import_module(f"tests.bench.{name}").run(quick=options.quick)
        console.print(make_table(name, measured[name]))
    if options.json:
        options.json.write_text(json.dumps(measured, ensure_ascii=False, indent=1), encoding="utf-8")
    missed = [row for rows in measured.values() for row in rows if row.get("reached") is False]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
