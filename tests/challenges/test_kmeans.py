"""kmeans: readings as described, outliers asked for and not scored, and penguins from their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from challenges._generators.keys import Keys
from challenges.errors import InvalidSource
from challenges.messages import Outcome, Verdict
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.real_data import needs_files, serve_real_files


@pytest.fixture
def kmeans(workshop: Workshop) -> Prepared:
    return workshop.prepare("kmeans")


def score(made: Prepared, clusters: pl.Series | np.ndarray, folder: Path) -> Verdict:
    path = folder / "clusters.csv"
    made.answers.select("id", cluster=pl.Series(clusters)).write_csv(path)
    return made.grade(path)


def test_readings_are_as_the_description_says(kmeans: Prepared):
    rows = pl.read_csv(kmeans.public / "test.csv").join(kmeans.answers, on="id")
    assert rows.height == 2900
    true = rows.filter(pl.col("cluster") >= 0)
    assert 0.01 < 1 - true.height / rows.height < 0.03
    sizes = true["cluster"].value_counts()["count"]
    assert len(sizes) == 7
    assert 2.5 < sizes.max() / sizes.min() < 7  # type: ignore[operator]
    names = [f"sensor_{number}" for number in range(1, 9)]
    spreads = np.array([true[name].std() for name in names])
    assert spreads.max() / spreads.min() > 500
    # the share of a sensor's variance that lies between the types: none for two loose ones
    between = [np.var(group_means(true, name)) for name in names]
    shares = np.sort(np.array(between) / spreads**2)
    assert (shares[:2] < 0.02).all()
    assert (shares[2:] > 0.15).all()


def group_means(rows: pl.DataFrame, name: str) -> np.ndarray:
    return rows.select(pl.col(name).mean().over("cluster")).to_numpy().ravel()


def test_outliers_must_be_submitted_and_count_for_nothing(kmeans: Prepared, tmp_path: Path):
    truth = kmeans.answers["cluster"].to_numpy()
    for stray in (np.full(len(truth), 3), np.arange(len(truth)) + 100):
        verdict = score(kmeans, np.where(truth < 0, stray, truth), tmp_path)
        assert verdict.public is not None
        assert verdict.private is not None
        assert verdict.public.score == verdict.private.score == 1.0
    missing = kmeans.sample.filter(pl.Series(truth >= 0))
    missing.write_csv(tmp_path / "missing.csv")
    assert kmeans.grade(tmp_path / "missing.csv").outcome is Outcome.REJECTED


def test_names_of_clusters_are_free(kmeans: Prepared, tmp_path: Path):
    truth = kmeans.answers["cluster"].to_numpy()
    guess = np.where(np.arange(len(truth)) % 4, truth, 2)
    plain, renamed = (score(kmeans, clusters, tmp_path) for clusters in (guess, 999_999_000 - 17 * guess))
    assert plain.public is not None
    assert plain.private is not None
    assert renamed.private is not None
    assert renamed.private.score == plain.private.score
    private = (kmeans.answers["side"] == "private").to_numpy() & (truth >= 0)
    assert plain.private.score == pytest.approx(adjusted_rand_score(truth[private], guess[private]))
    assert plain.public.standard_error is not None
    assert 0.005 < plain.public.standard_error < 0.05
    assert {d["kind"] for d in plain.diagnostics} == {"contingency", "silhouettes"}


def test_layouts_are_alike_on_all_installations():
    script = load_script(CHALLENGES / "kmeans", "prepare")
    gaps = []
    for number in range(12):
        layout = Keys(bytes([number] * 32), "kmeans", 1).rng("layout")
        gaps.append(max(script.measure_gap(*script.lay_out(layout)) for _ in range(script.LAYOUTS)))
    assert min(gaps) ** 0.5 > 1.5
    assert max(gaps) < 4 * min(gaps)


@needs_files
def test_penguins_are_sorted_by_species(workshop: Workshop):
    with serve_real_files() as mirror:
        made = workshop.prepare("kmeans", source="real", mirror=mirror)
    assert made.answers.height == 342
    assert sorted(made.answers["cluster"].value_counts()["count"]) == [68, 123, 151]
    rows = pl.read_csv(made.public / "test.csv")
    assert rows.columns == ["id", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    assert rows["id"].to_list() == sorted(rows["id"])
    told = made.package.manifest.sources["real"]
    for path, place in ((made.sample_file, 0), (made.run_baseline()[0], 3)):
        verdict = made.grade(path)
        assert verdict.outcome is Outcome.SCORED
        assert verdict.private is not None
        assert verdict.private.score == pytest.approx(told.baselines[place].score, abs=0.05)
    assert made.package.manifest.sources["real"].honour_system


def test_the_number_of_clusters_is_found(tmp_path: Path):
    """Round groups far apart: as many as there are."""
    baseline = load_script(CHALLENGES / "kmeans", "baseline")
    rng = np.random.default_rng(6)
    middles = np.eye(4) * 9
    for groups in (2, 3, 4):
        rows = np.repeat(middles[:groups], 50, axis=0) + rng.normal(size=(50 * groups, 4))
        table = pl.DataFrame(rows, schema=list("abcd")).insert_column(0, pl.Series("id", np.arange(len(rows))))
        table.write_csv(tmp_path / "test.csv")
        baseline.main(tmp_path, tmp_path / "s.csv")
        found = pl.read_csv(tmp_path / "s.csv")["cluster"]
        assert adjusted_rand_score(np.repeat(np.arange(groups), 50), found) > 0.98


def test_the_preview_looks_from_where_groups_are_seen():
    """Two flat groups that no column shows, among six columns of noise: the view parts them."""
    prepare = load_script(CHALLENGES / "kmeans", "prepare")
    rng = np.random.default_rng(2)
    groups = rng.random(900) < 0.5
    rows = rng.normal(size=(900, 6))
    rows[:, 0] = 0.12 * rows[:, 0] + np.where(groups, 0.6, -0.6)
    turned = rows @ prepare.turn(rng, 6).T
    seen = prepare.find_view(turned)[:, :2]
    assert seen.shape == (900, 2)
    assert silhouette_score(seen, groups) > 1.5 * max(silhouette_score(turned[:, [a]], groups) for a in range(6))
    assert (prepare.find_view(turned)[:, :2] == seen).all()


BROKEN = {
    "empty": "",
    "another table": "a,b\n1,2\n",
    "no number": "species,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\nx,much,1,1,1\n",
    "nothing measured": "species,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\nx,NA,1,1,1\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_the_table_of_penguins_is_refused(name: str, tmp_path: Path):
    raw, public, hidden = (tmp_path / part for part in ("raw", "public", "hidden"))
    for folder in (raw, public, hidden):
        folder.mkdir()
    (raw / "penguins.csv").write_text(BROKEN[name])
    script = load_script(CHALLENGES / "kmeans", "prepare")
    with pytest.raises(InvalidSource, match=r"penguins\.csv"):
        script.prepare(raw, public, hidden, Keys(SECRET, "kmeans", 1), "real")
