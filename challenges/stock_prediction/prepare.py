"""Makes the data of stock_prediction: windows of invented stocks (offline), or of the VIX and five stocks (real).

Every offline window is a stock of its own, so that no window shows what comes after another one. The days that are
asked for are drawn from other streams than the days that are told.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from challenges._generators.keys import Keys
from challenges._generators.market import REGIMES, Market, trade
from challenges._generators.pictures import PALETTE
from challenges.errors import InvalidSource

TRAIN_ROWS, HIDDEN_ROWS = 6000, 5000
DAYS, AHEAD = 60, 5
FEATURES = ("open", "high", "low", "close", "volume", "index", "news")
"""The last axis of `x`, in this order."""
CLOSE = FEATURES.index("close")
CLOSES = tuple(f"close_{day}" for day in range(1, AHEAD + 1))
LAST_CLOSE = 100.0
DECIMALS = np.array([3, 3, 3, 3, 1, 3, 2])

VIX, STOCKS = "vix-daily.csv", "dash-stock-ticker-demo.csv"
REAL_HIDDEN_SHARE = 0.4
STRIDE = 5
"""Days from one real training window to the next."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of the real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline` or `real` (what prices did is known to the world; honour system).
    """
    slices: dict[str, list[str]] = {}
    if source == "real":
        train, test = cut_series(load_series(raw), keys)
    else:
        market = trade_part("train", TRAIN_ROWS, keys)
        train = show(market)
        market = trade_part("test", HIDDEN_ROWS, keys)
        test = show(market)
        slices["slice_regime"] = [REGIMES[int(number)] for number in market.regimes[:, DAYS - 1].tolist()]
    (x, y), (x_asked, y_asked) = train, test
    answers = pl.DataFrame(y_asked, schema=list(CLOSES)).insert_column(0, pl.Series("id", keys.ids(len(y_asked))))
    answers = answers.with_columns(
        slice_volatility=name_fifths(x_asked), **{k: pl.Series(v) for k, v in slices.items()}
    )
    order = np.argsort(answers["id"].to_numpy())
    answers = answers[order]
    np.savez_compressed(public / "train.npz", x=x, y=y.astype(np.float32))
    np.savez_compressed(public / "test.npz", id=np.array(answers["id"].to_list()), x=x_asked[order])
    answers.select("id", *(pl.lit(LAST_CLOSE).alias(name) for name in CLOSES)).write_csv(
        public / "sample_submission.csv"
    )
    answers.write_parquet(hidden / "answers.parquet")
    spread = np.linspace(0, len(x) - 1, 6).astype(int)
    draw_windows(public / "preview.png", x[spread], y[spread])


def trade_part(part: str, rows: int, keys: Keys) -> Market:
    """One stock for each row: days that are told, then days that are asked for, from a stream of their own."""
    return trade(rows, [(DAYS, keys.rng(f"{part}/days")), (AHEAD, keys.rng(f"{part}/answers"))])


def show(market: Market) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What participants see of a market: features (rows, days, features), and closes (rows, days ahead) to predict."""
    close = market.returns.cumsum(axis=1)
    close -= close[:, [DAYS - 1]]
    opening = close - market.returns + market.open
    told = slice(0, DAYS)
    prices = np.stack(
        [opening, np.maximum(opening, close) + market.high, np.minimum(opening, close) - market.low, close], axis=2
    )
    index = market.index[:, told].cumsum(axis=1)
    x = np.dstack(
        [
            LAST_CLOSE * np.exp(prices[:, told]),
            market.volume[:, told],
            LAST_CLOSE * np.exp(index - index[:, [-1]]),
            market.news[:, told],
        ]
    )
    return round_features(x), (LAST_CLOSE * np.exp(close[:, DAYS:])).round(3)


def round_features(x: NDArray[np.float64]) -> NDArray[np.float32]:
    """Each feature with its own number of decimals."""
    return np.stack([x[..., number].round(DECIMALS[number]) for number in range(len(FEATURES))], axis=-1).astype(
        np.float32
    )


def name_fifths(x: NDArray[np.float32]) -> pl.Series:
    """For each row in which fifth its daily spread lies, from `1` (calm) to `5` (wild)."""
    spread = np.diff(np.log(x[:, :, CLOSE].astype(np.float64)), axis=1).std(axis=1)
    fifths = np.searchsorted(np.quantile(spread, [0.2, 0.4, 0.6, 0.8]), spread, side="right")
    return pl.Series([str(fifth + 1) for fifth in fifths.tolist()])


def load_series(raw: Path) -> list[NDArray[np.float64]]:
    """Open, high, low, close and volume of each real series, shape (days, 5), oldest first.

    Raises:
        InvalidSource: A file is not the table it should be.
    """
    try:
        vix = pl.read_csv(raw / VIX).sort("DATE")
        found = [vix.select(pl.col("OPEN", "HIGH", "LOW", "CLOSE").cast(pl.Float64), VOLUME=pl.lit(0.0))]
        columns = [f"Adj{name}" for name in ("Open", "High", "Low", "Close", "Volume")]
        stocks = pl.read_csv(raw / STOCKS).sort("Stock", "Date")
        for table in stocks.partition_by("Stock", maintain_order=True):
            prices = table.select(pl.col(columns).cast(pl.Float64))
            found.append(prices.with_columns(pl.col("AdjVolume") / 1000))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidSource(f"{VIX}, {STOCKS}: {error}") from error
    return [table.drop_nulls().to_numpy() for table in found]


def cut_series(
    series: list[NDArray[np.float64]], keys: Keys
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float64]], tuple[NDArray[np.float32], NDArray[np.float64]]]:
    """Cut real series into blocks of 65 days: some are asked for; from runs of the others come overlapping windows.

    No day of a block that is asked for is in any training window, nor in another one that is asked for.

    Raises:
        InvalidSource: The series are too short.
    """
    length = DAYS + AHEAD
    blocks = [(number, start) for number, one in enumerate(series) for start in range(0, len(one) - length + 1, length)]
    if len(blocks) < length:
        raise InvalidSource(f"{VIX}, {STOCKS}: {len(blocks)} blocks of {length} days are too few")
    chosen = keys.rng("split/blocks").permutation(len(blocks))[: round(REAL_HIDDEN_SHARE * len(blocks))]
    asked = [blocks[place] for place in chosen.tolist()]
    taken = [np.zeros(len(one), dtype=bool) for one in series]
    for number, start in asked:
        taken[number][start : start + length] = True
    learn = [
        (number, start)
        for number, one in enumerate(series)
        for start in range(0, len(one) - length + 1, STRIDE)
        if not taken[number][start : start + length].any()
    ]
    train, test = (look([series[number][start : start + length] for number, start in part]) for part in (learn, asked))
    return train, test


def look(windows: list[NDArray[np.float64]]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Real windows in the form of invented ones; there is no index (always 100) and no news (always 0)."""
    days = np.stack(windows)
    scale = LAST_CLOSE / days[:, DAYS - 1, CLOSE]
    prices = days[:, :, : CLOSE + 1] * scale[:, None, None]
    still = np.full((len(days), DAYS, 2), (LAST_CLOSE, 0.0))
    x = np.dstack([prices[:, :DAYS], days[:, :DAYS, CLOSE + 1 :], still])
    return round_features(x), prices[:, DAYS:, CLOSE].round(3)


def draw_windows(path: Path, x: NDArray[np.float32], y: NDArray[np.float64]) -> None:
    """Draw the closes of six training windows, and the days to predict in another colour."""
    width, height, margin = 240, 150, 14
    image = Image.new("RGB", (3 * width, 2 * height), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    for number, (days, later) in enumerate(zip(x[:, :, CLOSE], y, strict=True)):
        closes = np.concatenate([days, later])
        left, top = number % 3 * width + margin, number // 3 * height + margin
        across = left + np.linspace(0, width - 2 * margin, len(closes))
        down = top + (height - 2 * margin) * (closes.max() - closes) / (closes.max() - closes.min())
        points = list(zip(across.tolist(), down.tolist(), strict=True))
        draw.line(points[:DAYS], fill=PALETTE[0], width=2)
        draw.line(points[DAYS - 1 :], fill=PALETTE[4], width=3)
    image.save(path, optimize=True)
