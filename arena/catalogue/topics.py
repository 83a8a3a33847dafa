"""The topics that challenges are tagged with, to be translated; a tag that is not here is shown as it is written."""

from __future__ import annotations

from arena.translations import mark

TOPICS = (
    mark("attention"),
    mark("beginner"),
    mark("classification"),
    mark("compression"),
    mark("images"),
    mark("language model"),
    mark("missing values"),
    mark("model file"),
    mark("recurrent networks"),
    mark("regression"),
    mark("tabular"),
    mark("text"),
)
