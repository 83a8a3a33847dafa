"""The topics that challenges are tagged with, to be translated; a tag that is not here is shown as it is written."""

from __future__ import annotations

from arena.translations import mark

TOPICS = (
    mark("attention"),
    mark("beginner"),
    mark("classification"),
    mark("compression"),
    mark("data cleaning"),
    mark("features"),
    mark("images"),
    mark("language model"),
    mark("linear algebra"),
    mark("MCMC"),
    mark("missing values"),
    mark("model file"),
    mark("probability"),
    mark("PyTorch"),
    mark("recurrent networks"),
    mark("regression"),
    mark("sampling"),
    mark("tabular"),
    mark("text"),
    mark("unsupervised"),
)
