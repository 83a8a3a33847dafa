"""Makes the data of bayes_net: days of a town where nine things happen or not, and questions about other days.

The chances that rule the town come from a stream that nothing published is drawn from. Answers are exact: all states of
the town are counted.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import rel_entr  # type: ignore[import-untyped]

from challenges._generators.arrows import save_arrows
from challenges._generators.beliefs import MOST_NODES, Network, infer
from challenges._generators.keys import Keys
from challenges.errors import InvalidSource

TRAIN_ROWS = 600
GAP_SHARE = 0.15
QUESTIONS = 1200
MOST_EVIDENCE = 4
TOWN: dict[str, tuple[str, ...]] = {
    "rainy_season": (),
    "rain": ("rainy_season",),
    "sprinkler": ("rainy_season", "rain"),
    "wet_grass": ("rain", "sprinkler"),
    "slippery": ("wet_grass",),
    "traffic_jam": ("rainy_season", "rain"),
    "accident": ("slippery", "traffic_jam"),
    "sirens": ("accident",),
    "late_for_work": ("traffic_jam", "accident"),
}
"""What depends on what; parents come first."""
TOWNS, TIED, CERTAINTY = 24, 6, 0.18
"""Towns that are drawn; how many are kept, those whose things tell most about each other; and how far from even the
answers of the town that is used should be, in nats: so installations are alike."""
LEAST_CHANCE = 0.05

ARCHIVE = "asia.bif.gz"
TEXT_LIMIT_BYTES = 100_000
FIRMNESS = 50.0
"""How closely the chances of the real source keep to the published ones: as if counted on so many patients."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of the real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (a published network whose chances are changed a little).
    """
    rng = keys.rng("tables")
    if source == "real":
        network = disturb(read_network(raw / ARCHIVE), rng)
    else:
        tied = sorted((draw_town(rng) for _ in range(TOWNS)), key=measure_ties)[-TIED:]
        network = min(tied, key=lambda town: abs(measure_certainty(ask(town, keys)[1]) - CERTAINTY))
    watch(network, keys).write_csv(public / "train.csv")
    questions, chances = ask(network, keys)
    questions = questions.with_columns(p=pl.Series(chances)).insert_column(0, pl.Series("id", keys.ids(QUESTIONS)))
    questions = questions.sort("id")
    questions.drop("p").write_csv(public / "test.csv")
    questions.select("id", p=pl.lit(0.5)).write_csv(public / "sample_submission.csv")
    known = pl.sum_horizontal(pl.col(name).is_not_null() for name in network.nodes)
    questions.select("id", "p", slice_target="target", slice_evidence=known.cast(pl.String)).write_parquet(
        hidden / "answers.parquet"
    )
    structure = {"nodes": network.nodes, "parents": {name: list(above) for name, above in network.parents.items()}}
    (public / "structure.json").write_text(json.dumps(structure, indent=1) + "\n", encoding="utf-8")
    save_arrows(public / "preview.png", network.parents)


def draw_town(rng: np.random.Generator) -> Network:
    """A town with chances of its own: many of them near 0 or 1, so that things tell about each other."""
    width = 1 - 2 * LEAST_CHANCE
    tables = {name: LEAST_CHANCE + width * rng.beta(0.6, 0.6, (2,) * len(above)) for name, above in TOWN.items()}
    return Network(TOWN, tables)


def measure_ties(network: Network) -> float:
    """Mean mutual information of two things, in nats."""
    joint = network.joint()
    pairs = [(a, b) for a in range(joint.ndim) for b in range(a)]
    tables = [joint.sum(axis=tuple(axis for axis in range(joint.ndim) if axis not in pair)) for pair in pairs]
    alone = [np.outer(table.sum(axis=1), table.sum(axis=0)) for table in tables]
    return float(np.mean([rel_entr(t, a).sum() for t, a in zip(tables, alone, strict=True)]))


def measure_certainty(chances: NDArray[np.float64]) -> float:
    """How far answers lie from an even chance: mean divergence, in nats."""
    return float(np.mean(rel_entr(chances, 0.5) + rel_entr(1 - chances, 0.5)))


def watch(network: Network, keys: Keys) -> pl.DataFrame:
    """Days that were watched: a column of 0 and 1 for each thing, with gaps where nobody looked."""
    days = network.sample(TRAIN_ROWS, keys.rng("train/rows"))
    gaps = keys.rng("train/gaps").random(days.shape) < GAP_SHARE
    return pl.DataFrame(
        {
            name: pl.Series(days[:, place]).set(pl.Series(gaps[:, place]), None)
            for place, name in enumerate(network.nodes)
        }
    )


def ask(network: Network, keys: Keys) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Different questions, and the chance that answers each: of what nobody saw, given some things of the same day."""
    rng, joint, nodes = keys.rng("test/questions"), network.joint(), network.nodes
    days = iter(network.sample(50 * QUESTIONS, keys.rng("test/days")))
    asked: dict[tuple[int, tuple[tuple[int, int], ...]], float] = {}
    while len(asked) < QUESTIONS:
        target, *seen = rng.permutation(len(nodes))[: 1 + rng.integers(1, MOST_EVIDENCE + 1)].tolist()
        day = next(days)
        evidence = {place: int(day[place]) for place in sorted(seen)}
        asked.setdefault((target, tuple(evidence.items())), infer(joint, target, evidence))
    rows = [{"target": nodes[target], **{nodes[place]: value for place, value in known}} for target, known in asked]
    schema = {"target": pl.String, **dict.fromkeys(nodes, pl.Int8)}
    return pl.DataFrame(rows, schema=schema), np.array(list(asked.values()))


def read_network(path: Path) -> Network:
    """A network of yes-no nodes in the format BIF, whose first state is taken as yes.

    Raises:
        InvalidSource: The file is not such a network.
    """
    try:
        with gzip.open(path) as file:
            text = file.read(TEXT_LIMIT_BYTES).decode()
        parents: dict[str, tuple[str, ...]] = {}
        tables = {}
        states = {name: re.split(r",\s*", kinds) for name, kinds in _VARIABLE.findall(text)}
        for name, above, body in _PROBABILITY.findall(text):
            parents[name] = tuple(re.findall(r"\w+", above))
            tables[name] = np.full((2,) * len(parents[name]), np.nan)
            for given, chances in _LINE.findall(body):
                values = re.findall(r"\w+", given)
                place = tuple(1 - states[node].index(value) for node, value in zip(parents[name], values, strict=True))
                tables[name][place] = float(chances.split(",")[0])
        if not MOST_EVIDENCE < len(parents) <= MOST_NODES:
            raise InvalidSource(f"{ARCHIVE}: has {len(parents)} nodes, not {MOST_EVIDENCE + 1} to {MOST_NODES}")
        network = Network(_in_order(parents), tables)
        if not np.isclose(network.joint().sum(), 1):
            raise InvalidSource(f"{ARCHIVE}: chances are missing")
    except (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise InvalidSource(f"{ARCHIVE}: {error}") from error
    return network


_VARIABLE = re.compile(r"variable\s+(\w+)\s*{\s*type\s+discrete\s*\[\s*2\s*]\s*{\s*([\w, ]+?)\s*}")
_PROBABILITY = re.compile(r"probability\s*\(\s*(\w+)\s*(?:\|\s*([\w, ]+?))?\s*\)\s*{([^}]*)}")
_LINE = re.compile(r"(?:table|\(([\w, ]+)\))\s*([\d., e+-]+);")


def _in_order(parents: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The same nodes, each after its parents."""
    placed: dict[str, tuple[str, ...]] = {}
    while len(placed) < len(parents):
        ready = [name for name in parents if name not in placed and set(parents[name]) <= set(placed)]
        if not ready:
            raise InvalidSource(f"{ARCHIVE}: nodes depend on each other in a circle")
        placed |= {name: parents[name] for name in ready}
    return placed


def disturb(network: Network, rng: np.random.Generator) -> Network:
    """The same network with other chances near its own: the published ones are known to the world. Certainties stay."""
    tables = {}
    for name, table in network.tables.items():
        is_open = (table > 0) & (table < 1)
        safe = np.where(is_open, table, 0.5)
        tables[name] = np.where(is_open, rng.beta(FIRMNESS * safe + 0.5, FIRMNESS * (1 - safe) + 0.5), table)
    return Network(network.parents, tables)
