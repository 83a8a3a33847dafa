"""Who looks at everything but the data itself does no better than chance: probes of what surrounds hidden rows.

`test_leaks.py` looks for straight relations; here a decision tree looks for any, and constants stand for counting.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import chi2, rankdata  # type: ignore[import-untyped]
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from challenges.manifest import ColumnType, Direction, Manifest
from tests.challenges.test_leaks import SIGMAS
from tests.challenges.workshop import Prepared, load_part
from tests.factories import thresholds_of

FOLDS = 5
EVEN = 1e-4
"""Probability below which class sizes are too even to be drawn by chance."""
CLEAR = 0.5
"""How far below `pass` the best constant has to stay, as a share of the way from pass to good."""
A_FEW = 10
"""Members that an archive has names for; more are rows, whose order could tell something."""
PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""What pixels need; everything else could tell of them."""
JPEG_TAGS = {0xC0, 0xC2, 0xC4, 0xD8, 0xDA, 0xDB, 0xDD, 0xE0}
"""The same for JPEG: frames, tables, the scan, and the header that every file has."""
PICTURES = {".png", ".jpg", ".jpeg"}


def skill(probes: NDArray[np.float64], answers: NDArray[np.generic], *, is_label: bool) -> float:
    """How much better than chance a tree foretells unseen answers, in standard errors of chance.

    Args:
        probes: What is known of each row, shape (rows, probes).
        answers: Labels, or numbers to be ranked, shape (rows,).
        is_label: Whether they are labels.
    """
    rows = len(answers)
    folds, least = KFold(FOLDS, shuffle=True, random_state=0), max(5, rows // 200)
    if is_label:
        tree = DecisionTreeClassifier(min_samples_leaf=least, random_state=0)
        guesses = cross_val_predict(tree, probes, answers, cv=folds)
        names = np.unique(answers)
        chance = float(sum((guesses == name).mean() * (answers == name).mean() for name in names))
        return float(((guesses == answers).mean() - chance) / np.sqrt(chance * (1 - chance) / rows + 1e-12))
    ranks = rankdata(answers)
    guesses = cross_val_predict(DecisionTreeRegressor(min_samples_leaf=least, random_state=0), probes, ranks, cv=folds)
    return float(np.corrcoef(guesses, ranks)[0, 1] * np.sqrt(rows)) if guesses.std() > 0 else 0.0


def surroundings(ids: list[str]) -> NDArray[np.float64]:
    """Place in the file, and what can be read of the ids, shape (rows, probes)."""
    numbers = np.array([int(name, 16) for name in ids], dtype=np.int64)
    place = np.arange(len(ids))
    digits = np.array([[int(digit, 16) for digit in name] for name in ids])
    bits = (numbers[:, None] >> np.arange(32)) & 1
    remainders = [place % divisor for divisor in (2, 3, 4, 5, 7, 10, 16)] + [numbers % 3, numbers % 7, numbers % 10]
    return np.column_stack([place, *remainders, numbers, digits, digits.sum(1), bits, bits.sum(1) % 2]).astype(float)


def answer_columns(prepared: Prepared) -> dict[str, bool]:
    """Columns of the answers that are no groups of diagnostics, and whether each holds labels."""
    declared = {column.name: column.type for column in prepared.package.manifest.submission.columns}
    frame = prepared.answers
    names = [name for name in frame.columns if name not in ("id", "side") and not name.startswith("slice_")]
    few = {name: declared.get(name) is ColumnType.LABEL or frame[name].n_unique() <= 2 for name in names}
    return {name: is_label for name, is_label in few.items() if frame[name].n_unique() > 1}


# Classifiers and regressors on what surrounds the rows.


def test_place_and_id_foretell_no_answer(prepared: Prepared):
    answers = prepared.answers.sort("id")
    probes = surroundings(answers["id"].to_list())
    columns = answer_columns(prepared)
    if not columns:
        pytest.skip("hidden items have no answers")
    for name, is_label in columns.items():
        values = answers[name] if is_label else answers[name].rank()
        assert skill(probes, values.to_numpy(), is_label=is_label) < SIGMAS, name


def test_neighbours_foretell_no_answer(prepared: Prepared):
    """Whoever has found out one answer knows no more of the next one."""
    answers = prepared.answers.sort("id")
    for name, is_label in answer_columns(prepared).items():
        values = answers[name].rank("dense").to_numpy().astype(float)
        probes = np.column_stack([np.roll(values, lag)[8:] for lag in range(1, 9)])
        assert skill(probes, values[8:], is_label=is_label) < SIGMAS, name


@pytest.mark.parametrize("leak", ["blocks", "turns", "parity", "numbers"])
def test_the_probes_find_what_leaks(leak: str):
    rng = np.random.default_rng(5)
    ids = sorted(f"{number:08x}" for number in rng.choice(2**28, 1000, replace=False) + 0xA0000000)
    probes, place = surroundings(ids), np.arange(1000)
    told = {
        "blocks": place // 37 % 10,
        "turns": place % 10,
        "parity": np.array([int(name, 16).bit_count() % 2 for name in ids]),
        "numbers": np.abs(place - 500) + rng.normal(0, 100, 1000),
    }[leak]
    is_label = leak != "numbers"
    mixed = rng.permutation(told)
    assert skill(probes, np.where(rng.random(1000) < 0.7, told, mixed), is_label=is_label) > 2 * SIGMAS
    assert skill(probes, mixed, is_label=is_label) < SIGMAS


# Files within files: archives and pictures.


def archives_of(public: Path, slug: str) -> list[Path]:
    return [path for path in public.iterdir() if path.suffix in (".npz", ".zip") and path.name != f"{slug}.zip"]


def test_members_of_public_archives_differ_in_name_and_content_only(prepared: Prepared):
    for path in archives_of(prepared.public, prepared.slug):
        with zipfile.ZipFile(path) as archive:
            members, comment = archive.infolist(), archive.comment
        assert not comment
        assert not any(member.comment for member in members)
        assert len({(m.date_time, m.external_attr, m.create_system, m.compress_type) for m in members}) == 1, path.name
        names = [member.filename for member in members]
        assert len(names) < A_FEW or names == sorted(names), path.name


def faults_of(picture: bytes) -> set[str]:
    """What a PNG or JPEG file holds beside pixels."""
    if picture.startswith(b"\x89PNG"):
        chunks, at = [], 8
        while at < len(picture) and b"IEND" not in chunks:
            size = int.from_bytes(picture[at : at + 4])
            chunks.append(picture[at + 4 : at + 8])
            at += size + 12
        ends = at == len(picture) and chunks[-1] == b"IEND"
        return {chunk.decode() for chunk in set(chunks) - PNG_CHUNKS} | (set() if ends else {"after its end"})
    tags, at = set(), 2
    while at < len(picture) and picture[at] == 0xFF and picture[at + 1] != 0xDA:
        tags.add(picture[at + 1])
        at += 2 + int.from_bytes(picture[at + 2 : at + 4])
    ends = picture.endswith(b"\xff\xd9") and b"\xff\xd9" not in picture[:-2]
    return {f"{tag:x}" for tag in tags - JPEG_TAGS} | (set() if ends else {"after its end"})


def test_pictures_hold_pixels_and_nothing_else(prepared: Prepared):
    """The size of such a file follows from its pixels, and tells nothing that they do not."""
    for path in prepared.public.iterdir():
        if path.suffix in PICTURES:
            assert not faults_of(path.read_bytes()), path.name
    for path in archives_of(prepared.public, prepared.slug):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if Path(name).suffix in PICTURES]
            pictures = [archive.read(name) for name in names]
        assert not set().union(*map(faults_of, pictures)), path.name
        forms = {(picture.format, picture.mode) for picture in map(Image.open, map(io.BytesIO, pictures))}
        assert len(forms) <= 1, path.name


def test_what_hides_in_a_picture_is_found():
    picture = Image.new("RGB", (4, 4))
    saved: dict[str, bytes] = {}
    for name in ("PNG", "JPEG"):
        file = io.BytesIO()
        picture.save(file, name)
        saved[name] = file.getvalue()
        assert faults_of(saved[name]) == set()
        assert faults_of(saved[name] + b"cat") == {"after its end"}
    file = io.BytesIO()
    picture.save(file, "JPEG", comment=b"cat")
    assert faults_of(file.getvalue()) == {"fe"}
    text = saved["PNG"].replace(b"IDAT", b"tEXt", 1)
    assert "tEXt" in faults_of(text)


# Counting, and constants.


def is_too_even(labels: list[str]) -> bool:
    """Whether class sizes are closer to one another than independent draws leave them."""
    _, sizes = np.unique(labels, return_counts=True)
    expected = len(labels) / len(sizes)
    return float(((sizes - expected) ** 2 / expected).sum()) < float(chi2.ppf(EVEN, len(sizes) - 1))


def test_classes_are_counted_out_nowhere(prepared: Prepared):
    """Neither among hidden rows nor with the training rows: the last class would be what the others leave."""
    columns = [column for column in prepared.package.manifest.submission.columns if column.type is ColumnType.LABEL]
    if not columns or columns[0].name not in prepared.answers.columns:
        pytest.skip("has no labels")
    hidden = prepared.answers[columns[0].name].cast(pl.String).to_list()
    assert not is_too_even(hidden)
    if list(prepared.public.glob("train.*")):
        known = [values for values in load_part(prepared.public, "train").values() if values.ndim == 1]
        for labels in [values.astype(str).tolist() for values in known]:
            if set(labels) <= set(columns[0].labels):
                assert not is_too_even(labels + hidden)


def test_even_classes_are_noticed():
    assert is_too_even(["a", "b", "c", "d"] * 250)
    assert is_too_even(["a", "b", "c", "d"] * 250 + ["a"])
    assert not is_too_even(np.random.default_rng(1).choice(list("abcd"), 1000).tolist())


def constants_of(prepared: Prepared) -> dict[str, pl.DataFrame]:
    """Submissions that say one thing for all rows, chosen with a look at the answers."""
    table, answers = prepared.package.manifest.submission, prepared.answers
    columns = [column for column in table.columns if not column.optional_group]
    made: dict[str, pl.DataFrame] = {}
    for name in ("mode", "mean", "median"):
        frame = answers.select(table.id)
        for column in columns:
            known = answers[column.name]
            is_number = column.type is ColumnType.NUMBER
            value = getattr(known, name)() if is_number and name != "mode" else known.mode().sort()[0]
            frame = frame.with_columns(pl.lit(value).alias(column.name))
        made[name] = frame
    return made


def below_pass(manifest: Manifest, score: float) -> float:
    """How far a score stays below pass, as a share of the way from pass to good."""
    levels = thresholds_of(manifest)
    sign = 1 if manifest.metric.direction is Direction.MAX else -1
    return sign * (levels.passing - score) / abs(levels.good - levels.passing)


def test_no_constant_comes_near_to_pass(tabled: Prepared, tmp_path: Path):
    for name, frame in constants_of(tabled).items():
        frame.write_csv(tmp_path / f"{name}.csv")
        verdict = tabled.grade(tmp_path / f"{name}.csv")
        for side in (verdict.public, verdict.private):
            assert side is not None, verdict.faults
            assert below_pass(tabled.package.manifest, side.score) > CLEAR, name
