"""Checks that a submission failed, as a challenge's `grade.py` tells them: what was asked, and what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.diagnostics import shorten

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_ROWS = 150
_MOST_CHARACTERS = 300


def checks(side: PublicSide, of: str) -> dict[str, Any] | None:
    """List failed checks.

    Args:
        side: With what `grade.py` shows.
        of: Its name: `groups` of `name` (text, or one in both languages) and `share` (of its checks that were passed),
            and `rows` of `group`, `request` (text), `what` (text), and in both languages `form` (what a right answer
            looks like), `given` (what came; None: nothing to show) and `wrong` (None: passed), which must not tell
            what is right.

    Returns:
        `groups`; `passed` and `total`; and `rows` of those that failed, the first 150. None where there is no check.
    """
    told = side.told(of)
    failed = [row for row in told["rows"] if row["wrong"] is not None]
    if not told["rows"]:
        return None
    return {
        "groups": [{"name": group["name"], "share": shorten(float(group["share"]))} for group in told["groups"]],
        "passed": len(told["rows"]) - len(failed),
        "total": len(told["rows"]),
        "rows": [
            {
                "group": row["group"],
                "request": row["request"][:_MOST_CHARACTERS],
                "what": row["what"][:_MOST_CHARACTERS],
                "form": row["form"],
                "given": row["given"],
                "wrong": row["wrong"],
            }
            for row in failed[:_MOST_ROWS]
        ],
    }
