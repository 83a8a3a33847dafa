"""The topics that challenges are tagged with, to be translated; a tag that is not here is shown as it is written."""

from __future__ import annotations

from arena.translations import mark

TOPICS = (
    mark("attention"),
    mark("Bayes' rule"),
    mark("beginner"),
    mark("chinese"),
    mark("classification"),
    mark("clustering"),
    mark("compression"),
    mark("convolution"),
    mark("data cleaning"),
    mark("features"),
    mark("forecasting"),
    mark("images"),
    mark("inference"),
    mark("language model"),
    mark("linear algebra"),
    mark("MCMC"),
    mark("missing values"),
    mark("model file"),
    mark("outliers"),
    mark("pre-training"),
    mark("probability"),
    mark("PyTorch"),
    mark("recurrent networks"),
    mark("regression"),
    mark("sampling"),
    mark("seq2seq"),
    mark("tabular"),
    mark("text"),
    mark("time series"),
    mark("translation"),
    mark("unsupervised"),
)
