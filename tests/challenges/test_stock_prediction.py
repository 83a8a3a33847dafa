"""stock_prediction: a market as it is described, windows that do not tell on each other, and real prices."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from challenges._generators.keys import Keys
from challenges._generators.market import REGIMES, trade
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_part, load_script
from tests.real_data import REAL, needs_files, serve_real_files

OPEN, HIGH, LOW, CLOSE, VOLUME, INDEX, NEWS = range(7)
CLOSES = [f"close_{day}" for day in range(1, 6)]


@pytest.fixture
def stocks(workshop: Workshop) -> Prepared:
    return workshop.prepare("stock_prediction")


def test_windows_are_as_the_description_says(stocks: Prepared):
    train, test = (load_part(stocks.public, part) for part in ("train", "test"))
    assert (train["x"].shape, train["y"].shape) == ((6000, 60, 7), (6000, 5))
    assert (test["x"].shape, len(test["id"])) == ((5000, 60, 7), 5000)
    for x in (train["x"], test["x"]):
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
        assert (x[:, -1, [CLOSE, INDEX]] == 100).all()
        assert (x[:, :, HIGH] >= x[:, :, [OPEN, CLOSE]].max(axis=2)).all()
        assert (x[:, :, LOW] <= x[:, :, [OPEN, CLOSE]].min(axis=2)).all()
        assert (x[:, :, VOLUME] > 0).all()
        assert -4 < np.quantile(x[:, :, NEWS], 0.001) < np.quantile(x[:, :, NEWS], 0.999) < 4
    assert 90 < stocks.answers.select(CLOSES).to_numpy().mean() < 110


def test_closes_to_predict_follow_the_last_day(stocks: Prepared):
    """Of the first day, news and index of the day before tell something; of the day itself nothing is published."""
    train = load_part(stocks.public, "train")
    first = np.log(train["y"][:, 0] / 100)
    index = np.log(train["x"][:, -1, INDEX] / train["x"][:, -2, INDEX])
    assert np.corrcoef(first, index)[0, 1] > 0.15
    assert np.corrcoef(first, train["x"][:, -1, NEWS])[0, 1] > 0.15
    steps = np.diff(np.log(np.column_stack([np.full(len(first), 100.0), train["y"]])), axis=1).std(axis=0)
    assert steps.max() < 1.1 * steps.min()


def test_days_that_are_told_say_nothing_of_the_stream_of_those_to_predict():
    """The same told days with another stream for the answers: all that is published stays as it was."""
    first, other = (trade(50, [(60, np.random.default_rng(1)), (5, np.random.default_rng(seed))]) for seed in (2, 3))
    assert (first.returns[:, :60] == other.returns[:, :60]).all()
    assert (first.news[:, :60] == other.news[:, :60]).all()
    assert not (first.returns[:, 60:] == other.returns[:, 60:]).any()


def test_the_market_is_volatile_at_times_and_mostly_chance():
    market = trade(2000, [(250, np.random.default_rng(7))])
    assert set(np.unique(market.regimes)) == set(range(len(REGIMES)))
    rest = market.returns - market.expected
    assert abs(np.corrcoef(rest.ravel(), market.expected.ravel())[0, 1]) < 0.02
    assert 0.2 < market.expected.var() / market.returns.var() < 0.45
    squares = rest**2
    assert np.corrcoef(squares[:, 1:].ravel(), squares[:, :-1].ravel())[0, 1] > 0.05
    daily = market.returns.std()
    assert 0.01 < daily < 0.025
    busy = np.log(market.volume) - np.log(market.volume).mean(axis=1, keepdims=True)
    assert np.corrcoef(np.abs(market.news).ravel(), busy.ravel())[0, 1] > 0.3


def test_diagnostics_tell_of_days_and_moods(stocks: Prepared, tmp_path: Path):
    load_script(stocks.package.folder, "baseline").main(stocks.public, tmp_path / "s.csv")
    verdict = stocks.grade(tmp_path / "s.csv")
    each, errors, calibration, fifths, moods = verdict.diagnostics
    assert [row["name"] for row in each["rows"]] == CLOSES
    assert each["rows"][0]["score"] > each["rows"][-1]["score"] > 0
    assert [row["score"] for row in errors["rows"]] == sorted(row["score"] for row in errors["rows"])
    assert calibration["column"] == "close_5"
    assert [row["name"] for row in fifths["rows"]] == list("12345")
    assert [row["name"]["en"] for row in moods["rows"]] == ["rising", "idle", "falling"]
    assert verdict.private is not None
    assert 0.55 < verdict.private.secondary["direction"] < 0.65
    assert 0.2 < verdict.private.secondary["rank_correlation"] < 0.4


def test_persistence_has_no_skill_and_no_rank_correlation(stocks: Prepared):
    verdict = stocks.grade(stocks.sample_file)
    assert verdict.private is not None
    assert verdict.private.score == 0.0
    assert verdict.private.standard_error == 0.0
    assert "rank_correlation" not in verdict.private.secondary
    truth = stocks.answers.filter(side="private").select(CLOSES).to_numpy()
    expected = float(np.sqrt(np.mean((truth - 100) ** 2)))
    assert verdict.private.secondary["pooled_rmse"] == pytest.approx(expected)


@needs_files
def test_real_windows_never_overlap_those_to_predict(workshop: Workshop, tmp_path: Path):
    with serve_real_files() as mirror:
        made = workshop.prepare("stock_prediction", source="real", mirror=mirror)
    train, test = (load_part(made.public, part) for part in ("train", "test"))
    assert len(test["x"]) == made.answers.height == 78
    assert len(train["x"]) > 800
    assert 0.6 < np.mean((test["x"][:, :, VOLUME] == 0).all(axis=1)) < 0.85  # of the VIX, as the description says
    # windows that share days move alike on them, whatever their scale
    known = {window.tobytes() for x in train["x"] for window in steps_of(x)}
    asked = [window.tobytes() for x in test["x"] for window in steps_of(x)]
    assert sum(window in known for window in asked) / len(asked) < 0.01
    for path in (made.sample_file, tmp_path / "s.csv"):
        if not path.exists():
            load_script(made.package.folder, "baseline").main(made.public, path)
        verdict = made.grade(path)
        assert verdict.outcome is Outcome.SCORED
        assert "slice_regime" not in made.answers.columns
    assert made.package.manifest.sources["real"].honour_system


def steps_of(x: np.ndarray) -> list[np.ndarray]:
    """Signs and coarse sizes of ten days' moves, for all stretches of ten days."""
    moves = np.round(200 * np.diff(np.log(x[:, CLOSE].astype(np.float64)))).astype(np.int16)
    return [moves[start : start + 10] for start in range(0, len(moves) - 10, 5)]


VIX, STOCKS = "vix-daily.csv", "dash-stock-ticker-demo.csv"
BROKEN = {
    "no table": (VIX, "nothing here\n1\n"),
    "empty": (STOCKS, ""),
    "no number": (VIX, "DATE,OPEN,HIGH,LOW,CLOSE\n1990-01-02,much,1,1,1\n"),
    "another table": (STOCKS, "Date,Stock\n1990-01-02,AAPL\n"),
}


@needs_files
@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_not_the_tables_are_refused(name: str, tmp_path: Path):
    for file in (VIX, STOCKS):
        shutil.copyfile(next(REAL.rglob(file)), tmp_path / file)
    file, content = BROKEN[name]
    (tmp_path / file).write_text(content)
    with pytest.raises(InvalidSource, match="vix-daily"):
        load_script(CHALLENGES / "stock_prediction", "prepare").load_series(tmp_path)


def test_series_that_are_too_short_are_refused():
    script = load_script(CHALLENGES / "stock_prediction", "prepare")
    with pytest.raises(InvalidSource, match="too few"):
        script.cut_series([np.ones((500, 5))], Keys(SECRET, "stock_prediction", 1))


def test_real_prices_are_scaled_to_the_last_close():
    script = load_script(CHALLENGES / "stock_prediction", "prepare")
    days = np.arange(1.0, 66.0)[:, None] * np.array([1.0, 1.5, 0.5, 1.0, 2.0])
    x, y = script.look([days])
    assert x[0, -1].tolist() == [100, 150, 50, 100, 120, 100, 0]
    assert y[0].tolist() == pytest.approx([100 * day / 60 for day in range(61, 66)], abs=1e-3)
    assert pl.Series(script.name_fifths(np.repeat(x, 10, axis=0))).n_unique() == 1
