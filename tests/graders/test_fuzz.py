"""Whatever bytes come: a table is read, or refused as the participant's fault; nothing else is ever raised."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.errors import InvalidSubmission
from challenges.messages import GradeJob, Outcome, dump_message, parse_message
from graders.grading import grade
from graders.kinds.predictions import read_here
from graders.loading import LoadedChallenge
from tests.graders.examples import digits, flowers, job_for, perfect, prices
from tests.sandboxing import shared_box

CHALLENGES = [flowers(6), prices(6), digits(6)]
NAMES = ["p.csv", "p.parquet", "p.jsonl", "p.npz"]
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def good_uploads(challenge: LoadedChallenge) -> list[bytes]:
    frame = perfect(challenge)
    parquet, packed = BytesIO(), BytesIO()
    frame.write_parquet(parquet)
    arrays: dict[str, Any] = {s.name: np.array(s.to_list()) for s in frame.get_columns()}
    np.savez_compressed(packed, **arrays)
    return [frame.write_csv().encode(), parquet.getvalue(), frame.write_ndjson().encode(), packed.getvalue()]


UPLOADS = [(c, content) for c in CHALLENGES for content in good_uploads(c)]


def read_or_refuse(content: bytes, filename: str, challenge: LoadedChallenge) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        refused = None
        try:
            read_here(path.read_bytes(), filename, challenge.manifest, challenge.index)
        except InvalidSubmission as refusal:
            refused = refusal
    if refused is not None:
        assert 1 <= len(refused.faults) <= min(5, refused.count)
        assert all(fault.sentence for fault in refused.faults)


@QUICK
@given(st.binary(max_size=400), st.sampled_from(NAMES), st.sampled_from(CHALLENGES))
def test_random_bytes(content: bytes, filename: str, challenge: LoadedChallenge):
    read_or_refuse(content, filename, challenge)


@QUICK
@given(st.text(max_size=200), st.sampled_from(NAMES), st.sampled_from(CHALLENGES))
def test_random_text_after_a_right_header(text: str, filename: str, challenge: LoadedChallenge):
    header = ",".join(perfect(challenge).columns)
    read_or_refuse(f"{header}\n{text}".encode("utf-8", "replace"), filename, challenge)


@QUICK
@given(st.data(), st.sampled_from(range(len(UPLOADS))))
def test_good_uploads_with_a_few_bytes_changed(data: st.DataObject, number: int):
    challenge, content = UPLOADS[number]
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    read_or_refuse(bytes(changed), NAMES[number % 4], challenge)


@QUICK
@given(st.data(), st.sampled_from(range(len(UPLOADS))))
def test_good_uploads_cut_short(data: st.DataObject, number: int):
    challenge, content = UPLOADS[number]
    read_or_refuse(content[: data.draw(st.integers(0, len(content) - 1))], NAMES[number % 4], challenge)


CELLS = st.one_of(
    st.sampled_from(["", " ", "1", "-1", "nan", "inf", "setosa", "3", "1e308", '"', "0.5", "é", "\t", "1,5", "1e-400"]),
    st.text(max_size=5),
    st.floats().map(str),
    st.integers().map(str),
)


@QUICK
@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8), st.sampled_from(CHALLENGES))
def test_random_cells_give_a_verdict_that_can_travel(cells: list[list[str]], challenge: LoadedChallenge):
    frame = perfect(challenge)
    rows = [f"{name},{','.join(row)}" for name, row in zip(frame["id"].to_list(), cells, strict=False)]
    content = "\n".join([",".join(frame.columns), *rows]).encode("utf-8", "replace")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_bytes(content)
        verdict = grade(job_for(path), path, challenge, shared_box())
    assert verdict.outcome in (Outcome.SCORED, Outcome.REJECTED)
    assert parse_message(type(verdict), dump_message(verdict)) == verdict
    assert "\\u0000" not in dump_message(verdict)


@QUICK
@given(st.permutations(range(30)), st.permutations(range(5)), st.integers(0, 2**32))
def test_the_score_depends_on_no_order(rows: list[int], columns: list[int], seed: int):
    challenge = flowers()
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet([1, 1, 1], 30)
    frame = perfect(challenge).with_columns(
        species=pl.Series(rng.permutation(perfect(challenge)["species"].to_numpy())),
        **{name: chances[:, i] for i, name in enumerate(["p_setosa", "p_versicolor", "p_virginica"])},
    )
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        for shown in (frame, frame[rows].select([frame.columns[i] for i in columns])):
            path = Path(folder) / "p.csv"
            shown.write_csv(path)
            verdicts.append(grade(job_for(path), path, challenge, shared_box()))
    assert verdicts[0].public == verdicts[1].public
    assert verdicts[0].private == verdicts[1].private


def test_a_job_survives_its_own_way(tmp_path: Path):
    (tmp_path / "p.csv").write_bytes(UPLOADS[0][1])
    job = job_for(tmp_path / "p.csv")
    assert parse_message(GradeJob, dump_message(job)) == job


@pytest.mark.parametrize("number", range(len(UPLOADS)))
def test_the_uploads_that_are_changed_here_are_good(number: int, tmp_path: Path):
    challenge, content = UPLOADS[number]
    (tmp_path / "p").write_bytes(content)
    read_here((tmp_path / "p").read_bytes(), NAMES[number % 4], challenge.manifest, challenge.index)
