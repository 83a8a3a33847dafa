"""The laws of metrics: equal to scikit-learn, best at perfection, blind to the order of rows, finite or refused."""

from __future__ import annotations

import doctest
import math
import pkgutil
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sacrebleu
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import rel_entr  # type: ignore[import-untyped]
from scipy.stats import spearmanr  # type: ignore[import-untyped]
from sklearn import metrics as reference

import graders.metrics
from challenges.errors import InvalidSubmission, Reason

MODULES = {m.name: import_module(f"graders.metrics.{m.name}") for m in pkgutil.iter_modules(graders.metrics.__path__)}
BOTH = NDArray[Any]


def log_loss(truth: BOTH, given: BOTH) -> float:
    return float(reference.log_loss(truth, given, labels=range(given.shape[1])))


def bernoulli_kl(truth: BOTH, given: BOTH) -> float:
    given = np.clip(given, 1e-6, 1 - 1e-6)
    return float(np.mean(truth * np.log(truth / given) + (1 - truth) * np.log((1 - truth) / (1 - given))))


def perplexity(truth: BOTH, given: BOTH) -> float:
    """Every token by itself, the true one against all others together."""
    chance = 2.0 ** -torch.repeat_interleave(torch.tensor(given), torch.tensor(truth).long())
    logits = torch.stack([chance, 1 - chance], dim=1).log()
    costs = torch.nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
    return float(costs.exp())


def pair_accuracy(truth: BOTH, given: BOTH) -> float:
    """Of each pair by itself, the area under its curve."""
    costs = dict(zip(truth.tolist(), given.tolist(), strict=True))
    pairs = [(-costs[n], -costs[-n]) for n in costs if n > 0 and -n in costs]
    return float(np.mean([reference.roc_auc_score([1, 0], pair) for pair in pairs]))


REFERENCES: dict[str, Any] = {
    "accuracy": reference.accuracy_score,
    "adjusted_mutual_information": reference.adjusted_mutual_info_score,
    "adjusted_rand": reference.adjusted_rand_score,
    "agreement": reference.accuracy_score,
    "bernoulli_kl": bernoulli_kl,
    "bleu": lambda t, p: sacrebleu.corpus_bleu(p.tolist(), [t.tolist()]).score,
    "bits_per_character": lambda t, p: np.average(p, weights=t),
    "chrf": lambda t, p: sacrebleu.corpus_chrf(p.tolist(), [t.tolist()]).score,
    "completeness": reference.completeness_score,
    "direction": lambda t, p: reference.accuracy_score(np.sign(t), np.sign(p)),
    "exact_match": lambda t, p: reference.accuracy_score(t.tolist(), p.tolist()),
    "homogeneity": reference.homogeneity_score,
    "kl_divergence": lambda t, p: rel_entr(t, np.maximum(p, np.finfo(float).eps)).sum(axis=1).mean(),
    "macro_f1": lambda t, p: reference.f1_score(t, p, average="macro", zero_division=0),
    "log_loss": log_loss,
    "mae": reference.mean_absolute_error,
    "mape": reference.mean_absolute_percentage_error,
    "pair_accuracy": pair_accuracy,
    "perplexity": perplexity,
    "pooled_rmse": lambda t, p: reference.root_mean_squared_error(t.ravel(), p.ravel()),
    "r2": reference.r2_score,
    "rank_correlation": lambda t, p: spearmanr(t, p).statistic,
    "rmse": reference.root_mean_squared_error,
    "rmsle": reference.root_mean_squared_log_error,
    "roc_auc": reference.roc_auc_score,
    "skill": lambda t, p: 1 - reference.mean_squared_error(t, p) / reference.mean_squared_error(t, np.zeros_like(t)),
    "top_k_accuracy": lambda t, p: reference.top_k_accuracy_score(t, p, k=5, labels=range(8)),
}


def function_of(name: str) -> Any:
    return getattr(MODULES[name], name)


def make_texts(rng: np.random.Generator, rows: int) -> BOTH:
    lines = [" ".join(rng.choice(list("abcde"), rng.integers(4, 9))) for _ in range(2 * rows)]
    return np.array(lines, dtype=object).reshape(2, rows)


def make_inputs(  # noqa: C901, PLR0911, PLR0912 - a row for each kind of input
    name: str, rng: np.random.Generator, rows: int
) -> tuple[BOTH, BOTH]:
    """Random answers and predictions of the kind that a metric takes; coarse, so that ties happen."""
    classes, spread = int(rng.integers(1, 6)), 10.0 ** rng.integers(-3, 6)
    pair: BOTH
    match MODULES[name].TAKES, name:
        case "labels", _:
            pair = rng.integers(0, classes, (2, rows))
        case "texts", _:
            pair = make_texts(rng, rows)
        case "clusters", _:
            return rng.integers(-1, 5, rows), rng.integers(-3, classes, rows).astype(np.float64)
        case "vectors", _:
            pair = np.round(spread * (rng.random((2, rows, 3)) - 0.5), 4)
        case "distributions", _:
            pair = rng.dirichlet(np.ones(4), (2, rows))
        case _, "log_loss":
            return rng.integers(0, classes + 1, rows), rng.dirichlet(np.ones(classes + 1), rows)
        case _, "top_k_accuracy":
            return rng.integers(0, 8, rows), np.round(rng.dirichlet(np.ones(8), rows), 1)
        case _, "roc_auc":
            return rng.integers(0, 2, rows), np.round(rng.random(rows), 1)
        case _, "pair_accuracy":
            numbers = np.where(np.arange(rows) < rows // 2 * 2, np.arange(rows) // 2 + 1, 0)
            truth = numbers * (-1.0) ** np.arange(rows)
            return rng.permutation(truth), rng.integers(0, 5, rows).astype(np.float64)
        case _, "bits_per_character" | "perplexity":
            return rng.integers(1, 300, rows).astype(np.float64), np.round(6 * rng.random(rows), 4)
        case _, "bernoulli_kl":
            pair = 0.01 + 0.98 * np.round(rng.random((2, rows)), 2)
        case _, "direction":
            pair = np.round(spread * (rng.random((2, rows)) - 0.5), 4)
        case _:
            pair = np.round(spread * rng.random((2, rows)), 4) + 1e-3
    return pair[0], pair[1]


def make_perfect(name: str, truth: BOTH) -> BOTH:
    if name in ("log_loss", "top_k_accuracy"):
        return np.eye(int(truth.max()) + 2)[truth]
    if name in ("bits_per_character", "perplexity"):
        return np.zeros(len(truth))
    if name == "pair_accuracy":
        return -np.sign(truth)
    return truth.astype(np.float64) if name == "roc_auc" or MODULES[name].TAKES == "clusters" else truth


def is_undefined(name: str, truth: BOTH, predicted: BOTH) -> bool:
    """Whether a metric has no value, since all is the same."""
    if name == "roc_auc":
        return len(set(truth.tolist())) == 1
    return name == "rank_correlation" and 1 in (len(set(truth.tolist())), len(set(predicted.tolist())))


def test_every_metric_has_a_reference_and_says_what_it_is():
    assert set(MODULES) == set(REFERENCES)
    for name, module in MODULES.items():
        assert module.DIRECTION in ("max", "min")
        assert isinstance(module.BEST, float)
        assert module.TAKES in ("labels", "numbers", "vectors", "probabilities", "distributions", "clusters", "texts")
        document = getattr(module, name).__doc__
        assert all(part in document for part in ("Args:", "Returns:", "Raises:", "Source:", ">>> ")), name


@pytest.mark.parametrize(
    "module", [*MODULES.values(), *map(import_module, ("graders.confusion_counts", "graders.clusterings"))]
)
def test_the_example_in_the_docstring_runs(module: ModuleType):
    assert doctest.testmod(module, raise_on_error=True).attempted > 0


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(2, 60))
def test_it_equals_scikit_learn(name: str, seed: int, rows: int):
    truth, predicted = make_inputs(name, np.random.default_rng(seed), rows)
    if is_undefined(name, truth, predicted):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = REFERENCES[name](truth, predicted)
    assert function_of(name)(truth, predicted) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(2, 60))
def test_nothing_is_better_than_perfection(name: str, seed: int, rows: int):
    rng = np.random.default_rng(seed)
    truth, predicted = make_inputs(name, rng, rows)
    if name == "roc_auc":
        truth[:2] = (0, 1)
    if is_undefined(name, truth, predicted):
        return
    score, best = function_of(name), MODULES[name].BEST
    assert score(truth, make_perfect(name, truth)) == pytest.approx(best, abs=1e-12)
    other = score(truth, predicted)
    assert other <= best if MODULES[name].DIRECTION == "max" else other >= best


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(2, 60))
def test_the_order_of_rows_makes_no_difference(name: str, seed: int, rows: int):
    rng = np.random.default_rng(seed)
    truth, predicted = make_inputs(name, rng, rows)
    if name == "roc_auc":
        truth[:2] = (0, 1)
    if is_undefined(name, truth, predicted):
        return
    order = rng.permutation(rows)
    score = function_of(name)
    assert score(truth[order], predicted[order]) == pytest.approx(score(truth, predicted), rel=1e-12, abs=1e-15)


EDGES = st.sampled_from(["one row", "constant", "none", "huge", "both constant"])


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), edge=EDGES)
def test_at_the_edges_it_is_finite_or_refused(name: str, seed: int, edge: str):
    truth, predicted = make_inputs(name, np.random.default_rng(seed), 12)
    if edge in ("constant", "both constant"):
        truth = np.full_like(truth, truth[0])
    if edge == "both constant":
        predicted = np.repeat(predicted[:1], 12, axis=0)
    if edge == "huge" and MODULES[name].TAKES in ("numbers", "vectors"):
        predicted = predicted * 1e300
    count = {"one row": 1, "none": 0}.get(edge, 12)
    refused: list[Reason] = []
    score = math.nan
    try:
        score = function_of(name)(truth[:count], predicted[:count])
    except InvalidSubmission as refusal:
        refused = [fault.reason for fault in refusal.faults]
    assert math.isfinite(score) or refused == [Reason.SCORE_UNDEFINED]


def test_numbers_without_logarithm_are_refused():
    with pytest.raises(InvalidSubmission):
        function_of("rmsle")(np.array([1.0, 2.0]), np.array([1.0, -1.0]))


def test_log_loss_of_a_single_column_is_that_of_class_one():
    truth = np.array([0, 1, 1, 0])
    chance = np.array([0.2, 0.9, 0.4, 0.0])
    both = np.stack([1 - chance, chance], axis=1)
    assert function_of("log_loss")(truth, chance) == pytest.approx(function_of("log_loss")(truth, both))


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if hasattr(module, "influence")])
def test_the_standard_error_is_that_of_resampling_the_rows(name: str):
    rng = np.random.default_rng(7)
    rows = 400
    truth: BOTH
    if MODULES[name].TAKES in ("labels", "clusters"):
        truth = rng.integers(0, 4, rows)
        predicted = np.where(rng.random(rows) < 0.7, truth, rng.integers(0, 4, rows))
    elif MODULES[name].TAKES == "texts":
        truth, predicted = make_inputs(name, rng, rows)
        predicted = np.where(rng.random(rows) < 0.5, truth, predicted)
    elif name == "log_loss":
        truth, predicted = rng.integers(0, 3, rows), rng.dirichlet([2, 2, 2], rows)
    elif name == "top_k_accuracy":
        truth, predicted = rng.integers(0, 8, rows), rng.dirichlet(np.ones(8), rows)
    elif name == "roc_auc":
        truth = rng.integers(0, 2, rows)
        predicted = np.round(rng.normal(truth, 1.0), 1)
    elif name == "kl_divergence":
        truth, predicted = rng.dirichlet([2, 2, 2], rows), rng.dirichlet([2, 2, 2], rows)
    elif name == "perplexity":
        truth, predicted = rng.integers(0, 200, rows).astype(np.float64), rng.normal(3, 0.5, rows)
    elif name == "bernoulli_kl":
        truth, predicted = rng.beta(2, 2, rows), rng.beta(2, 2, rows)
    elif name == "direction" or MODULES[name].TAKES == "vectors":
        truth = rng.normal(0, 1, rows if name == "direction" else (rows, 3))
        predicted = truth + rng.normal(0, 1, truth.shape)
    else:
        truth = rng.lognormal(3, 0.5, rows)
        predicted = truth * rng.lognormal(0, 0.2, rows)
    moves = MODULES[name].influence(truth, predicted)
    assert moves.shape == (rows,)
    assert abs(moves.mean()) < 1e-9
    score = function_of(name)
    drawn = [rng.integers(0, rows, rows) for _ in range(1000)]
    resampled = np.std([score(truth[rows_], predicted[rows_]) for rows_ in drawn])
    assert math.sqrt(np.mean(moves**2) / rows) == pytest.approx(resampled, rel=0.12)


def test_a_class_that_is_never_true_costs_nothing_and_a_certain_error_is_finite():
    divergence = function_of("kl_divergence")
    certain = np.array([[1.0, 0.0]])
    assert divergence(certain, certain) == 0.0
    assert 30 < divergence(certain, np.array([[0.0, 1.0]])) < 40


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if module.TAKES == "clusters"])
def test_rows_that_belong_to_no_cluster_count_for_nothing(name: str):
    rng = np.random.default_rng(5)
    truth = rng.integers(-1, 4, 300)
    predicted = np.where(rng.random(300) < 0.8, truth, rng.integers(0, 4, 300)).astype(np.float64)
    score = function_of(name)
    kept = truth >= 0
    expected = score(truth[kept], predicted[kept])
    assert score(truth, predicted, unscored=-1) == expected
    assert score(truth, predicted) != expected
    changed = np.where(kept, predicted, np.arange(300))
    assert score(truth, changed, unscored=-1) == expected
    # what clusters are called is of no account
    assert score(truth, 1e6 - 7 * predicted, unscored=-1) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InvalidSubmission):
        score(np.full(3, -1), np.zeros(3), unscored=-1)


def test_the_standard_error_of_a_clustering_is_that_of_the_rows_that_count():
    rng = np.random.default_rng(6)
    truth = rng.integers(-1, 4, 400)
    predicted = np.where(rng.random(400) < 0.8, truth, rng.integers(0, 4, 400)).astype(np.float64)
    influence, kept = MODULES["adjusted_rand"].influence, truth >= 0
    moves, alone = influence(truth, predicted, unscored=-1), influence(truth[kept], predicted[kept])
    assert not moves[~kept].any()
    error = math.sqrt(np.mean(moves**2) / 400)
    assert error == pytest.approx(math.sqrt(np.mean(alone**2) / kept.sum()), rel=1e-9)


def test_no_single_cluster_and_no_perfect_clustering_has_a_standard_error():
    truth, same = np.array([0, 0, 0]), np.zeros(3)
    assert not MODULES["adjusted_rand"].influence(truth, same).any()
    assert MODULES["adjusted_rand"].influence(np.array([0, 0, 1, 1]), np.array([5.0, 5, 2, 2])) == pytest.approx(
        np.zeros(4)
    )


def test_skill_counts_from_the_simple_forecast():
    truth = np.array([[101.0, 102.0], [99.0, 100.0]])
    score = function_of("skill")
    assert score(truth, np.full_like(truth, 100.0), reference=100.0) == 0.0
    assert score(truth, np.full_like(truth, 103.0), reference=100.0) < 0
    still = np.full((3, 2), 100.0)
    assert score(still, still, reference=100.0) == 1.0
    assert score(still, still + 1, reference=100.0) == 0.0
    assert not MODULES["skill"].influence(still, still, reference=100.0).any()
    assert not MODULES["pooled_rmse"].influence(still, still).any()


def test_rows_without_scored_tokens_or_without_counterpart_count_for_nothing():
    bits = np.array([2.0, 9.0, 4.0])
    assert function_of("perplexity")(np.array([10.0, 0.0, 10.0]), bits) == 8.0
    assert function_of("pair_accuracy")(np.array([1.0, 2.0, -1.0]), bits) == 1.0
    for name, truth in (("perplexity", np.zeros(3)), ("pair_accuracy", np.array([0.0, 2.0, -1.0]))):
        with pytest.raises(InvalidSubmission):
            function_of(name)(truth, bits)


def test_a_number_at_the_reference_is_neither_up_nor_down():
    score = function_of("direction")
    assert score(np.array([100.0, 101.0]), np.array([100.0, 100.0]), reference=100.0) == 0.5


def test_a_wrong_certainty_costs_much_and_not_everything():
    assert function_of("bernoulli_kl")(np.array([1.0]), np.array([0.0])) == pytest.approx(np.log(1e6))


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_the_true_class_may_be_among_any_number(k: int):
    rng = np.random.default_rng(k)
    truth, chances = rng.integers(0, 8, 200), np.round(rng.dirichlet(np.ones(8), 200), 1)
    expected = reference.top_k_accuracy_score(truth, chances, k=k, labels=range(8))
    assert function_of("top_k_accuracy")(truth, chances, k=k) == pytest.approx(expected)
    of_two = function_of("top_k_accuracy")(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]), k=k)
    assert of_two == pytest.approx(2 / 3 if k == 1 else 1.0)
