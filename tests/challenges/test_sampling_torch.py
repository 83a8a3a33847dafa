"""sampling_torch: densities and exact draws agree, and sides are compared with draws of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import gumbel_r, kstest, norm, wasserstein_distance  # type: ignore[import-untyped]

from tests.challenges.workshop import CHALLENGES, Prepared, Workshop, load_script

FOLDER = CHALLENGES / "sampling_torch"
PREPARE, GRADE, TARGETS = (load_script(FOLDER, name) for name in ("prepare", "grade", "targets"))
CHANCE = np.random.default_rng(11)


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    """The challenge's data."""
    return workshop.prepare("sampling_torch")


def read_targets(made: Prepared) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = json.loads((made.public / "targets.json").read_text(encoding="utf-8"))
    return told


@pytest.mark.parametrize("name", ["t1", "t2", "t3", "t4", "t5", "t6"])
def test_exact_draws_have_the_density_that_is_told(made: Prepared, name: str):
    """Weighed by the density over that of a normal distribution, points of the latter have the draws' means."""
    chance = np.random.default_rng(4)  # of its own: the weights of the banana's far ends differ much from draw to draw
    target = TARGETS.load(made.public / "targets.json")[name]
    exact = PREPARE.draw(read_targets(made)[name], 40_000, chance)
    middle, factor = exact.mean(0), 2 * np.linalg.cholesky(np.cov(exact.T).reshape(2 * exact.shape[1:]))
    if name == "t6":  # no normal distribution covers a funnel: compare it where the wide coordinates are summed out
        widths = exact[:, 0]
        assert widths.std() == pytest.approx(read_targets(made)[name]["deviation"], rel=0.02)
        scaled = exact[:, 1:] * np.exp(-widths / 2)[:, None]
        assert scaled.std() == pytest.approx(1, rel=0.01)
        points = torch.zeros(2, 10, dtype=torch.float64)
        points[1, 1:] = 2.0
        assert float(torch.diff(target.log_prob(points))) == pytest.approx(-9 * 2.0)
        return
    noise = chance.normal(size=(400_000, exact.shape[1]))
    points = middle + noise @ factor.T
    heights = target.log_prob(torch.from_numpy(points.astype(np.float32))).numpy().astype(np.float64)
    weights = np.exp(heights - heights.max() + (noise**2).sum(1) / 2)
    means = (weights[:, None] * points).sum(0) / weights.sum()
    assert means == pytest.approx(middle, abs=0.05 * float(exact.std()))
    squares = (weights[:, None] * (points - middle) ** 2).sum(0) / weights.sum()
    assert squares == pytest.approx(exact.var(0), rel=0.08)


def test_the_start_of_every_target_is_possible_and_gradients_go_through(made: Prepared):
    for target in TARGETS.load(made.public / "targets.json").values():
        places = target.start.repeat(3, 1).requires_grad_()
        target.log_prob(places).sum().backward()
        assert places.grad is not None
        assert places.grad.isfinite().all()


def test_nothing_is_likely_beyond_the_bounds(made: Prepared):
    target = TARGETS.load(made.public / "targets.json")["t5"]
    beyond = torch.tensor([[0.6, 0.2, 0.1], [0.2, 0.1, 0.3], [0.3, 0.5, 0.4], [-0.1, 0.3, 0.1]])
    assert target.log_prob(beyond).tolist() == [-np.inf] * 4
    draws = PREPARE.draw(read_targets(made)["t5"], 500, CHANCE)
    assert target.log_prob(torch.from_numpy(draws.astype(np.float32))).isfinite().all()


def test_the_distance_is_scipys():
    mine, theirs = CHANCE.normal(size=(40, 3)), CHANCE.normal(1, 2, (200, 3)).astype(np.float32)
    directions = PREPARE.draw_directions(3, CHANCE)
    expected = [wasserstein_distance(mine @ u, theirs @ u) for u in directions]
    assert GRADE.measure_distances(mine, theirs, directions) == pytest.approx(expected, rel=1e-6)


def test_exact_draws_score_about_one_and_better_ones_less(made: Prepared, tmp_path: Path):
    targets = read_targets(made)
    scores = []
    for _ in range(3):
        draws = {name: PREPARE.draw(told, 4000, CHANCE).astype(np.float32) for name, told in targets.items()}
        np.savez(tmp_path / "exact.npz", **draws)
        verdict = made.grade(tmp_path / "exact.npz")
        assert verdict.public is not None
        assert verdict.private is not None
        assert verdict.public.score != verdict.private.score
        scores += [verdict.public.score, verdict.private.score]
    assert np.mean(scores) == pytest.approx(1, abs=0.15)
    with np.load(made.hidden / "exact_public.npz") as exact:
        known_draws = {name: np.sort(draws, axis=0)[::5] for name, draws in exact.items()}
        np.savez(tmp_path / "known.npz", **known_draws)  # type: ignore[arg-type]
    known = made.grade(tmp_path / "known.npz")
    assert known.public is not None
    assert known.public.secondary["echo"] > 0.9


def test_the_histograms_shown_are_those_of_the_density(made: Prepared):
    """Where the distribution of a coordinate has a formula, each bin holds what it says."""
    told = read_targets(made)
    with np.load(made.hidden / "edges.npz") as edges, np.load(made.hidden / "shares.npz") as shares:
        assert {name: len(array) for name, array in edges.items()} == PREPARE.COORDINATES
        mixed, ring, correlated = (told[name] for name in ("t1", "t3", "t4"))
        turns = np.arange(8) * np.pi / 4 + ring["turn"]
        weights = np.array(ring["weights"]) / np.sum(ring["weights"])
        spreads = np.linalg.norm(correlated["factor"], axis=1)
        known = {
            ("t1", 0): lambda x: (
                mixed["share"] * norm.cdf(x, mixed["mean"], mixed["deviation"])
                + (1 - mixed["share"]) * gumbel_r.cdf(x, mixed["mode"], mixed["width"])
            ),
            ("t2", 0): lambda x: norm.cdf(x, 0, told["t2"]["length"]),
            ("t3", 1): lambda x: weights @ norm.cdf(x, ring["radius"] * np.sin(turns)[:, None], ring["deviation"]),
            ("t4", 0): lambda x: norm.cdf(x, correlated["mean"][0], spreads[0]),
            ("t4", 3): lambda x: norm.cdf(x, correlated["mean"][3], spreads[3]),
            ("t6", 0): lambda x: norm.cdf(x, 0, told["t6"]["deviation"]),
        }
        for (name, place), distribution in known.items():
            expected = np.diff(distribution(edges[name][place]))
            assert shares[name][place] == pytest.approx(expected, abs=8e-4)


def test_every_coordinate_that_differs_is_drawn_and_each_target_has_its_ratio(made: Prepared):
    verdict = made.grade(made.run_baseline()[0])
    curves = [d for d in verdict.diagnostics if d["kind"] == "curve"]
    assert len(curves) == sum(PREPARE.COORDINATES.values()) + 1
    wide = next(d for d in curves if d["title"]["en"].startswith("Target t6: second"))
    assert [line["name"]["en"] for line in wide["lines"]] == ["yours", "exact density"]
    assert [len(line["points"]) for line in wide["lines"]] == [PREPARE.BINS] * 2
    ratios = next(d for d in verdict.diagnostics if d["kind"] == "values")["rows"]
    assert [row["name"] for row in ratios] == list(PREPARE.SHAPES)
    assert verdict.public is not None
    assert np.mean([row["value"] for row in ratios]) == pytest.approx(verdict.public.score, rel=1e-3)


def test_the_test_of_t1_doubts_other_distributions_and_not_the_right_one(made: Prepared, tmp_path: Path):
    targets = read_targets(made)
    draws = {name: PREPARE.draw(told, 4000, CHANCE).astype(np.float32) for name, told in targets.items()}
    draws["t1"] = PREPARE.draw(targets["t1"], 4000, np.random.default_rng(5)).astype(np.float32)
    np.savez(tmp_path / "right.npz", **draws)
    right = made.grade(tmp_path / "right.npz").public
    assert right is not None
    with np.load(made.hidden / "exact_public.npz") as exact:
        p = kstest(draws["t1"][:, 0].astype(float), exact["t1"][:, 0].astype(float)).pvalue
    assert right.secondary["ks_p"] == pytest.approx(float(p))
    assert right.secondary["ks_p"] > 0.05
    assert right.secondary["energy"] < 0.03
    draws["t1"] = draws["t1"] + np.float32(0.2)
    np.savez(tmp_path / "moved.npz", **draws)
    moved = made.grade(tmp_path / "moved.npz").public
    assert moved is not None
    assert moved.secondary["ks_p"] < 1e-6
    assert moved.secondary["energy"] > right.secondary["energy"]


def test_the_sliced_energy_distance_is_that_of_the_whole_up_to_a_factor():
    """Against the definition with all pairs of points: the factor is the same whatever is compared."""
    found = []
    for shift, scale in ((0.3, 1.0), (1.0, 1.0), (0.0, 2.0)):
        mine = shift + scale * CHANCE.normal(size=(700, 3))
        theirs = CHANCE.normal(size=(700, 3))
        pairs = [
            np.linalg.norm(a[:, None] - b[None], axis=2).mean()
            for a, b in ((mine, theirs), (mine, mine), (theirs, theirs))
        ]
        directions = np.linalg.qr(CHANCE.normal(size=(3, 3)))[0]
        found.append(GRADE.measure_energy(mine, theirs, directions) ** 2 / (2 * pairs[0] - pairs[1] - pairs[2]))
    assert found == pytest.approx([found[0]] * 3, rel=0.2)


def test_repeated_points_and_echoes_are_counted():
    points = np.repeat(CHANCE.normal(size=(50, 2)), 2, axis=0)
    assert GRADE.count_repeated(points) == 0.5
    assert GRADE.correlate(points, 1).min() > 0.3
    assert GRADE.correlate(np.ones((10, 2)), 1).tolist() == [0, 0]
