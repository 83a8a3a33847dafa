"""An invented stock market: many independent stocks, each with an index of its own, news, moods and volatile times.

Tomorrow is mostly chance. What can be predicted: the index leads the stock by a day; news works on for some days,
strong news more than its share; prices run on in quiet times and turn back in volatile ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

REGIMES = ("rising", "falling", "idle")
"""Moods of a market, in the order of the numbers below."""

_CHANGES = np.array([[0.985, 0.010, 0.005], [0.012, 0.980, 0.008], [0.010, 0.010, 0.980]])
"""Chance of each mood tomorrow, given today's."""
_DRIFTS = np.array([0.0012, -0.0017, 0.0])
"""Mean daily logarithmic return in each mood."""
_RESTLESSNESS = np.array([0.85, 1.45, 0.9])
_WARM_UP = 120
"""Days before the first one that is told: moods and volatility have forgotten how they began."""
_LEAD, _RUN, _RETURN, _NEWS = 0.55, 0.20, 0.06, 0.0033
"""Strength of yesterday's index, of the run of prices, of the pull to the fair price, and of news."""
_INDEX_SPREAD = 0.008


@dataclass(frozen=True, eq=False)
class Market:
    """Stocks day by day; arrays of shape (stocks, days)."""

    returns: NDArray[np.float64]
    """Logarithmic return from the last close to this one."""
    open: NDArray[np.float64]
    """First price of the day over the last close, as a logarithm."""
    high: NDArray[np.float64]
    """How far the highest price lies above open and close, as a logarithm, at least 0."""
    low: NDArray[np.float64]
    """How far the lowest price lies below open and close, as a logarithm, at least 0."""
    volume: NDArray[np.float64]
    """Shares that changed hands, in thousands."""
    index: NDArray[np.float64]
    """Logarithmic return of the index."""
    news: NDArray[np.float64]
    """How good the day's news sounded, about -3 to 3."""
    expected: NDArray[np.float64]
    """Mean of the day's return, given all that came before: what an oracle would predict."""
    regimes: NDArray[np.float64]
    """Place of the day's mood in `REGIMES`, a whole number."""


def trade(stocks: int, parts: Sequence[tuple[int, np.random.Generator]]) -> Market:
    """Trade independent stocks.

    Args:
        stocks: How many.
        parts: Numbers of days, each with the stream that they are drawn from: days that are told and days that are
            asked for need different ones.
    """
    first = parts[0][1]
    traits, state = _Traits.draw(stocks, first), _State.begin(stocks, first)
    streams = [first] * _WARM_UP + [rng for days, rng in parts for _ in range(days)]
    told = {one.name: np.empty((stocks, len(streams))) for one in fields(Market)}
    for day, rng in enumerate(streams):
        for name, values in _trade_day(traits, state, rng).items():
            told[name][:, day] = values
    return Market(**{name: values[:, _WARM_UP:] for name, values in told.items()})


@dataclass
class _Traits:
    """What distinguishes stocks."""

    beta: NDArray[np.float64]
    spread: NDArray[np.float64]
    turnover: NDArray[np.float64]

    @classmethod
    def draw(cls, stocks: int, rng: np.random.Generator) -> _Traits:
        return cls(
            rng.uniform(0.5, 1.4, stocks), rng.uniform(0.008, 0.014, stocks), 1000 * rng.lognormal(0, 0.8, stocks)
        )


@dataclass
class _State:
    """What the next day depends on."""

    regime: NDArray[np.intp]
    heat: NDArray[np.float64]
    """Variance of the next day, in units of the usual one (GARCH)."""
    shock: NDArray[np.float64]
    run: NDArray[np.float64]
    gap: NDArray[np.float64]
    """How far the price lies above the fair one."""
    index: NDArray[np.float64]
    echo: NDArray[np.float64]
    """News that still works on."""

    @classmethod
    def begin(cls, stocks: int, rng: np.random.Generator) -> _State:
        still = [np.zeros(stocks) for _ in range(5)]
        return cls(rng.integers(0, len(REGIMES), stocks), np.ones(stocks), *still)


def _trade_day(traits: _Traits, state: _State, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """One day of all stocks; `state` moves on."""
    stocks = len(state.heat)
    steps = _CHANGES[state.regime].cumsum(axis=1)
    state.regime = np.minimum((rng.random((stocks, 1)) > steps).sum(axis=1), len(REGIMES) - 1)
    state.heat = 0.08 + 0.07 * state.heat * state.shock**2 + 0.85 * state.heat
    spread = traits.spread * _RESTLESSNESS[state.regime] * np.sqrt(state.heat)
    drift = _DRIFTS[state.regime]
    # quiet prices run on, volatile ones turn back
    mood = np.clip(2.4 - 1.6 * np.sqrt(state.heat) * _RESTLESSNESS[state.regime], -1, 1)
    expected = traits.beta * (drift + _LEAD * state.index) + _RUN * mood * state.run - _RETURN * state.gap
    expected += _NEWS * state.echo
    state.shock = rng.standard_normal(stocks)
    returns = expected + spread * state.shock
    index = drift + _INDEX_SPREAD * _RESTLESSNESS[state.regime] * rng.standard_normal(stocks)
    news = rng.standard_normal(stocks)
    busy = np.exp(0.4 * np.abs(state.shock) + 0.5 * np.abs(news) + 0.2 * rng.standard_normal(stocks))
    state.run = 0.8 * state.run + 0.2 * returns
    state.gap = 0.97 * state.gap + returns - traits.beta * drift
    state.index = index
    # strong news works on with more than its share, shows in the volume, and fades over some days
    state.echo = 0.55 * state.echo + news * np.abs(news)
    return {
        "returns": returns,
        "open": rng.normal(0, 0.35, stocks) * spread,
        "high": np.abs(rng.normal(0, 0.5, stocks)) * spread,
        "low": np.abs(rng.normal(0, 0.5, stocks)) * spread,
        "volume": traits.turnover * busy,
        "index": index,
        "news": news + 0.4 * rng.standard_normal(stocks),
        "expected": expected,
        "regimes": state.regime.astype(np.float64),
    }
