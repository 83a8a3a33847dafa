"""bayes_net: exact answers, questions that differ, gaps as promised, and networks read from their files."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from challenges._generators.beliefs import MOST_NODES, Network, infer
from challenges._generators.keys import Keys
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.factories import thresholds_of
from tests.real_data import REAL, needs_files, serve_real_files

WEATHER = Network(
    {"rain": (), "sprinkler": ("rain",), "wet": ("sprinkler", "rain")},
    {
        "rain": np.array(0.2),
        "sprinkler": np.array([0.4, 0.01]),
        "wet": np.array([[0.0, 0.8], [0.9, 0.99]]),
    },
)


def count_by_hand(network: Network, target: str, evidence: dict[str, int]) -> float:
    """Walk through all states of the world, one by one."""
    sums = [0.0, 0.0]
    for values in itertools.product((0, 1), repeat=len(network.nodes)):
        state = dict(zip(network.nodes, values, strict=True))
        if any(state[name] != value for name, value in evidence.items()):
            continue
        chance = 1.0
        for name, above in network.parents.items():
            yes = float(network.tables[name][tuple(state[parent] for parent in above)])
            chance *= yes if state[name] else 1 - yes
        sums[state[target]] += chance
    return sums[1] / sum(sums)


def test_rain_given_wet_grass_is_what_textbooks_say():
    joint = WEATHER.joint()
    assert joint.sum() == pytest.approx(1)
    assert joint.shape == (2, 2, 2)
    assert infer(joint, 0, {2: 1}) == pytest.approx(0.3577, abs=1e-4)
    assert infer(joint, 1, {}) == pytest.approx(0.8 * 0.4 + 0.2 * 0.01)


def test_chances_are_those_of_counting_all_states():
    script = load_script(CHALLENGES / "bayes_net", "prepare")
    town = script.draw_town(np.random.default_rng(3))
    joint, rng = town.joint(), np.random.default_rng(4)
    for _ in range(40):
        target, *seen = rng.permutation(9)[: rng.integers(1, 6)].tolist()
        evidence = {place: int(rng.integers(2)) for place in seen}
        named = {town.nodes[place]: value for place, value in evidence.items()}
        assert infer(joint, target, evidence) == pytest.approx(count_by_hand(town, town.nodes[target], named))


def test_samples_follow_the_chances():
    days = WEATHER.sample(40_000, np.random.default_rng(0))
    assert set(np.unique(days)) == {0, 1}
    assert days[:, 0].mean() == pytest.approx(0.2, abs=0.01)
    assert days[days[:, 2] == 1, 0].mean() == pytest.approx(0.3577, abs=0.015)
    assert len(WEATHER.nodes) <= MOST_NODES


@pytest.fixture
def bayes_net(workshop: Workshop) -> Prepared:
    return workshop.prepare("bayes_net")


def test_days_have_gaps_and_questions_differ(bayes_net: Prepared):
    structure = json.loads((bayes_net.public / "structure.json").read_text())
    days = pl.read_csv(bayes_net.public / "train.csv")
    assert days.columns == structure["nodes"]
    assert days.height == 600
    assert 0.12 < sum(days.null_count().row(0)) / (600 * 9) < 0.18
    assert 90 < days.drop_nulls().height < 190
    questions = pl.read_csv(bayes_net.public / "test.csv", schema_overrides=dict.fromkeys(days.columns, pl.Int64))
    assert questions.drop("id").unique().height == questions.height == 1200
    known = questions.select(pl.sum_horizontal(pl.col(name).is_not_null() for name in days.columns)).to_series()
    assert known.min() == 1
    assert known.max() == 4
    for name in days.columns:
        asked = questions.filter(target=name)
        assert asked.height > 80
        assert asked[name].null_count() == asked.height
    assert bayes_net.answers["p"].is_between(0, 1).all()
    assert bayes_net.answers["slice_evidence"].to_list() == known.cast(pl.String).to_list()


def test_diagnostics_show_questions_and_no_answer(bayes_net: Prepared, tmp_path: Path):
    load_script(bayes_net.package.folder, "baseline").main(bayes_net.public, tmp_path / "s.csv")
    verdict = bayes_net.grade(tmp_path / "s.csv")
    told = {d["kind"]: d for d in verdict.diagnostics}
    assert [d["kind"] for d in verdict.diagnostics] == ["calibration", "slices", "slices", "worst_rows"]
    assert told["worst_rows"]["columns"][:2] == ["target", "rainy_season"]
    assert told["worst_rows"]["columns"][-1] == "p"
    assert len(told["worst_rows"]["rows"]) == 10
    sent = pl.read_csv(tmp_path / "s.csv").filter(bayes_net.answers["side"] == "public")["p"]
    assert {row[-1] for row in told["worst_rows"]["rows"]} <= {float(f"{p:.5g}") for p in sent}


def test_the_arrows_pay(bayes_net: Prepared, tmp_path: Path):
    """Tables counted on all days that allow it reach `good`, as the page says."""
    parents = json.loads((bayes_net.public / "structure.json").read_text())["parents"]
    days = pl.read_csv(bayes_net.public / "train.csv")
    tables = {}
    for name, above in parents.items():
        seen = days.select(*above, name).drop_nulls().to_numpy()
        tables[name] = np.empty((2,) * len(above))
        for place in np.ndindex(tables[name].shape):
            rows = seen[(seen[:, :-1] == place).all(axis=1), -1]
            tables[name][place] = (rows.sum() + 1) / (len(rows) + 2)
    joint = Network({name: tuple(above) for name, above in parents.items()}, tables).joint()
    questions = pl.read_csv(bayes_net.public / "test.csv", schema_overrides=dict.fromkeys(days.columns, pl.Int64))
    nodes = list(parents)
    chances = [
        infer(joint, nodes.index(row["target"]), {n: row[v] for n, v in enumerate(nodes) if row[v] is not None})
        for row in questions.iter_rows(named=True)
    ]
    questions.select("id", p=pl.Series(chances)).write_csv(tmp_path / "s.csv")
    verdict = bayes_net.grade(tmp_path / "s.csv")
    assert verdict.private is not None
    assert verdict.private.score < thresholds_of(bayes_net.package.manifest).good


@needs_files
def test_the_chest_clinic_is_read_and_disturbed(workshop: Workshop):
    with serve_real_files() as mirror:
        made = workshop.prepare("bayes_net", source="real", mirror=mirror)
    structure = json.loads((made.public / "structure.json").read_text())
    assert set(structure["nodes"]) == {"asia", "tub", "smoke", "lung", "bronc", "either", "xray", "dysp"}
    assert structure["parents"]["either"] == ["lung", "tub"]
    told = made.package.manifest.sources["real"]
    for path, place, tolerance in ((made.sample_file, 0, 0.08), (made.run_baseline()[0], 2, 0.008)):
        verdict = made.grade(path)
        assert verdict.outcome is Outcome.SCORED
        assert verdict.private is not None
        assert verdict.private.score == pytest.approx(told.baselines[place].score, abs=tolerance)
    script = load_script(CHALLENGES / "bayes_net", "prepare")
    clinic = script.read_network(next(REAL.rglob("asia.bif.gz")))
    assert clinic.tables["xray"].tolist() == [0.05, 0.98]
    assert clinic.tables["dysp"][0].tolist() == [0.1, 0.7]
    disturbed = script.disturb(clinic, np.random.default_rng(0))
    assert disturbed.tables["either"].tolist() == clinic.tables["either"].tolist()
    assert 0 < abs(float(disturbed.tables["smoke"]) - 0.5) < 0.3


LEAVES = "".join(
    f"variable c{n} {{\n  type discrete [ 2 ] {{ yes, no }};\n}}\nprobability ( c{n} ) {{\n  table 0.5, 0.5;\n}}\n"
    for n in range(3)
)
PAIR = """
variable b {\n  type discrete [ 2 ] { yes, no };\n}
variable a {\n  type discrete [ 2 ] { on, off };\n}
probability ( b | a ) {\n  (on) 0.75, 0.25;\n  (off) 1e-3, 0.999;\n}
probability ( a ) {\n  table 0.1, 0.9;\n}
"""
GOOD = "network unknown {\n}\n" + LEAVES + PAIR
BROKEN = {
    "no gzip": b"network",
    "cut gzip": gzip.compress(GOOD.encode())[:40],
    "no text": gzip.compress(b"\xff\xfe" * 40),
    "nothing": gzip.compress(b""),
    "too few nodes": gzip.compress(GOOD.replace(LEAVES, "").encode()),
    "too many nodes": gzip.compress((GOOD + "".join(LEAVES.replace("c", f"d{n}c") for n in range(5))).encode()),
    "three states": gzip.compress(GOOD.replace("[ 2 ] { on, off }", "[ 3 ] { on, off, odd }").encode()),
    "an unknown state": gzip.compress(GOOD.replace("(on)", "(up)").encode()),
    "a missing line": gzip.compress(GOOD.replace("  (on) 0.75, 0.25;\n", "").encode()),
    "a circle": gzip.compress(GOOD.replace("( a ) {\n  table 0.1", "( a | b ) {\n  (yes) 0.1").encode()),
    "an unknown parent": gzip.compress(GOOD.replace("| a )", "| c )").encode()),
}


def test_a_network_is_read_in_the_order_of_its_arrows(tmp_path: Path):
    (tmp_path / "good.bif.gz").write_bytes(gzip.compress(GOOD.encode()))
    network = load_script(CHALLENGES / "bayes_net", "prepare").read_network(tmp_path / "good.bif.gz")
    assert network.nodes == ["c0", "c1", "c2", "a", "b"]
    assert network.tables["b"].tolist() == [0.001, 0.75]
    assert infer(network.joint(), 4, {}) == pytest.approx(0.1 * 0.75 + 0.9 * 0.001)


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_such_a_network_is_refused(name: str, tmp_path: Path):
    raw, public, hidden = (tmp_path / part for part in ("raw", "public", "hidden"))
    for folder in (raw, public, hidden):
        folder.mkdir()
    (raw / "asia.bif.gz").write_bytes(BROKEN[name])
    script = load_script(CHALLENGES / "bayes_net", "prepare")
    with pytest.raises(InvalidSource, match=r"asia\.bif\.gz"):
        script.prepare(raw, public, hidden, Keys(SECRET, "bayes_net", 1), "real")
