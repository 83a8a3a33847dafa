"""Nothing about hidden answers is told by what surrounds the data: order, ids, names, times, doubles, streams."""

from __future__ import annotations

import string
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from challenges.manifest import ColumnType
from tests.challenges.workshop import SECRET, Prepared, load_part, load_rows

SIGMAS = 4.5
"""How far chance may go before it counts as a leak (about one in 150,000; data and test are deterministic)."""


def answer_signals(prepared: Prepared) -> NDArray[np.float64]:
    """Standardised numbers that an answer consists of, shape (signals, rows): one for each label, or the rank."""
    column = answer_column(prepared)
    answers = prepared.answers.sort("id")[column]
    if answers.n_unique() == 1:
        pytest.skip("all rows have the same answer")
    kinds = {c.name: c.type for c in prepared.package.manifest.submission.columns}
    if kinds.get(column) is ColumnType.LABEL:
        labels = next(c.labels for c in prepared.package.manifest.submission.columns if c.name == column)
        signals = np.stack([(answers.cast(pl.String) == label).to_numpy().astype(float) for label in labels])
    else:
        signals = answers.rank().to_numpy()[None, :]
    return np.asarray((signals - signals.mean(1, keepdims=True)) / signals.std(1, keepdims=True))


def answer_column(prepared: Prepared) -> str:
    """The column that decides the score; where the package scores, the first that tells of hidden items."""
    metric = prepared.package.manifest.metric
    if not prepared.package.manifest.is_scored_by_package:
        return metric.answer or metric.columns[0]
    told = [name for name in prepared.answers.columns if name not in ("id", "side")]
    return told[0] if told else pytest.skip("hidden items have no answers")


def strongest(signals: NDArray[np.float64], probes: NDArray[np.float64]) -> float:
    """Largest correlation of a signal with a probe (probes, rows), in standard errors of chance."""
    spread = probes.std(1, keepdims=True)
    standard = (probes - probes.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    return float(np.abs(signals @ standard.T / np.sqrt(signals.shape[1])).max())


def test_order_tells_nothing(prepared: Prepared):
    signals = answer_signals(prepared)
    rows = signals.shape[1]
    place = np.arange(rows)
    probes = np.stack([place, place % 2, place % 3 == 0, place % 10 == 0, np.sin(place / rows * 2 * np.pi)])
    assert strongest(signals, probes.astype(float)) < SIGMAS
    for lag in (1, 2, 3):
        echo = (signals[:, lag:] * signals[:, :-lag]).mean(1) * np.sqrt(rows - lag)
        assert np.abs(echo).max() < SIGMAS


def test_ids_tell_nothing(prepared: Prepared):
    ids = prepared.answers.sort("id")["id"].to_list()
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 8 and i[0] in "abcdef" and set(i) <= set(string.hexdigits.lower()) for i in ids)
    numbers = np.array([int(i, 16) for i in ids])
    bits = np.stack([(numbers >> bit) & 1 for bit in range(32)]).astype(float)
    assert strongest(answer_signals(prepared), bits) < SIGMAS


def test_public_files_are_in_the_order_of_the_ids(tabled: Prepared):
    ids = load_part(tabled.public, "test")["id"].tolist()
    assert ids == sorted(ids)
    assert tabled.sample["id"].to_list() == ids
    assert sorted(tabled.answers["id"].to_list()) == ids


def test_public_files_hold_no_answer_column(tabled: Prepared):
    columns = set(load_part(tabled.public, "test"))
    hidden = set(tabled.answers.columns) - {"id"}
    assert not columns & hidden
    assert not any(name.startswith("slice_") or name == "side" for name in columns)
    sample = tabled.sample.drop("id")
    assert all(sample[name].n_unique() == 1 for name in sample.columns)
    names = {path.name for path in tabled.public.iterdir()}
    assert "answers.parquet" not in names
    assert names == {file.name for file in tabled.report.files}


def test_times_and_archive_tell_nothing(prepared: Prepared):
    assert {path.stat().st_mtime_ns for path in prepared.public.iterdir()} == {0}
    with zipfile.ZipFile(prepared.public / f"{prepared.slug}.zip") as archive:
        members = archive.infolist()
        assert [m.filename for m in members] == sorted(m.filename for m in members)
        assert {m.date_time for m in members} == {(1980, 1, 1, 0, 0, 0)}
        assert {m.filename for m in members} == {p.name for p in prepared.public.iterdir()} - {f"{prepared.slug}.zip"}
    for path in prepared.public.glob("*.npz"):
        with zipfile.ZipFile(path) as archive:
            assert {m.date_time for m in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_no_secret_is_published(prepared: Prepared):
    for path in prepared.public.iterdir():
        content = path.read_bytes()
        assert SECRET not in content
        assert SECRET.hex().encode() not in content


def skip_without_examples(prepared: Prepared) -> None:
    """Skip what compares hidden rows with training rows that show their answers."""
    if not list(prepared.public.glob("train.*")):
        pytest.skip("has no training rows")
    if not set(load_part(prepared.public, "train")) - set(load_part(prepared.public, "test")):
        pytest.skip("its training rows hold no answers")


def test_hidden_rows_are_not_among_the_training_rows(tabled: Prepared):
    """Flowers measured to a millimetre may coincide now and then; then they say little, since species overlap."""
    skip_without_examples(tabled)
    train = load_part(tabled.public, "train")
    names = [name for name in load_part(tabled.public, "test") if name in train]
    known = set(load_rows(tabled.public, "train", names))
    asked = load_rows(tabled.public, "test", names)
    share = sum(row in known for row in asked) / len(asked)
    assert share < (0.03 if tabled.slug == "iris" else 1e-9)
    if tabled.slug != "iris":
        assert len(set(asked)) == len(asked)


def test_hidden_inputs_of_models_are_in_no_public_file(modelled: Prepared):
    """Whole or as a stretch of 64 bytes: pixels and tokens alike."""
    published = {p.name: p.read_bytes() for p in modelled.public.iterdir() if p.suffix != ".zip"}
    with np.load(modelled.hidden / "inputs.npz", allow_pickle=False) as hidden:
        scored = np.isin(hidden["id"], modelled.answers["id"].to_numpy())
        rows = {t.name: hidden[t.name][scored] for t in modelled.package.manifest.model.inputs}  # type: ignore[union-attr]
    with np.load(modelled.public / "train.npz") if (modelled.public / "train.npz").exists() else _nothing() as train:
        known = {row.tobytes() for name in train for row in train[name]} if train else set()
    for values in rows.values():
        assert len({row.tobytes() for row in values}) == len(values)
        assert not any(row.tobytes() in known for row in values)
        for row in values[:50]:
            stretch = row.tobytes()[len(row.tobytes()) // 2 :][:64]
            assert len(set(stretch)) < 8 or not any(stretch in content for content in published.values())


@contextmanager
def _nothing() -> Iterator[dict[str, NDArray[Any]]]:
    yield {}


def test_homes_are_never_at_the_same_place(tabled: Prepared):
    skip_without_examples(tabled)
    train, test = (load_part(tabled.public, part) for part in ("train", "test"))
    if "lat" not in train:
        pytest.skip("has no places")
    places = [set(zip(part["lat"].tolist(), part["lon"].tolist(), strict=True)) for part in (train, test)]
    assert not places[0] & places[1]


def test_training_answers_do_not_repeat_in_the_hidden_ones(tabled: Prepared):
    """Streams of train and test are apart: the sequences of answers are unrelated, in order of generation or of ids."""
    skip_without_examples(tabled)
    train = load_part(tabled.public, "train")
    (column,) = set(train) - set(load_part(tabled.public, "test"))
    known = train[column].reshape(len(train[column]), -1)[:, 0].astype(str)
    hidden = tabled.answers[tabled.package.manifest.metric.columns[0]].to_numpy().astype(str)
    count = min(len(known), len(hidden))
    values, sizes = np.unique(hidden, return_counts=True)
    chance = float(((sizes / len(hidden)) ** 2).sum())
    agreement = float((known[:count] == hidden[:count]).mean())
    assert abs(agreement - chance) < SIGMAS * np.sqrt(max(chance, 1 / count) / count) + 1e-9
    assert len(values) > 1


def test_labels_are_drawn_independently_and_not_counted_out(prepared: Prepared):
    if prepared.package.manifest.is_scored_by_package:
        pytest.skip("has no labels")
    column = prepared.package.manifest.metric.columns[0]
    kind = next(c for c in prepared.package.manifest.submission.columns if c.name == column)
    if kind.type is not ColumnType.LABEL:
        pytest.skip("has no labels")
    sizes = prepared.answers[column].value_counts()["count"].to_numpy()
    assert len(set(sizes.tolist())) > 1
    expected = len(prepared.answers) / len(sizes)
    assert ((sizes - expected) ** 2 / expected).sum() < 3 * len(sizes) + 10


def test_both_sides_are_alike(prepared: Prepared):
    manifest, answers = prepared.package.manifest, prepared.answers
    share = (answers["side"] == "public").mean()
    assert share == pytest.approx(manifest.split.public_share, abs=0.01)
    assert set(answers["side"].unique()) == {"public", "private"}
    if manifest.split.stratify:
        strata = answers.group_by(manifest.split.stratify).agg(pl.len(), share=(pl.col("side") == "public").mean())
        for _, rows, public in strata.iter_rows():
            assert abs(public - manifest.split.public_share) <= 0.51 / rows


def test_the_sides_cannot_be_told_from_outside(prepared: Prepared):
    sides = (prepared.answers.sort("id")["side"] == "public").to_numpy().astype(float)[None, :]
    sides = (sides - sides.mean()) / sides.std()
    rows = sides.shape[1]
    numbers = np.array([int(i, 16) for i in prepared.answers.sort("id")["id"].to_list()])
    bits = np.stack([(numbers >> bit) & 1 for bit in range(32)]).astype(float)
    assert strongest(sides, np.vstack([bits, np.arange(rows)[None, :]])) < SIGMAS


def test_published_numbers_are_rounded(prepared: Prepared):
    """Full precision could betray the state of the stream that made them."""
    for path in [*prepared.public.glob("*.csv")]:
        for line in path.read_text(encoding="utf-8").splitlines()[1:200]:
            for cell in line.split(","):
                digits = cell.replace(".", "").replace("-", "").strip("0")
                assert not cell.replace(".", "").replace("-", "").isdigit() or len(digits) <= 9, (path.name, cell)
