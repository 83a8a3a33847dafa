"""The topics that challenges are tagged with, to be translated; a tag that is not here is shown as it is written."""

from __future__ import annotations

from arena.translations import mark

TOPICS = (
    mark("beginner"),
    mark("classification"),
    mark("images"),
    mark("missing values"),
    mark("regression"),
    mark("tabular"),
)
