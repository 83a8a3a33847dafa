"""The laws of a challenge (1 to 5 and 7), run on every folder. Law 6, broken submissions, has a file of its own."""

from __future__ import annotations

import json
import re
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arena.markup import to_html
from challenges.catalogue import SECTIONS, Package, find_packages, heading_levels, split_sections
from challenges.manifest import Direction, Manifest
from challenges.messages import Outcome, Verdict
from tests.challenges.workshop import CHALLENGES, SLUGS, SMALLER, Prepared, Workshop, load_script
from tests.factories import thresholds_of

PACKAGES = find_packages(CHALLENGES)
BASELINE_SECONDS = 60
"""Of one processor: well under a minute on two."""


def best_submission(prepared: Prepared) -> pl.DataFrame:
    """The answers in the form of a submission, with certain probabilities where they may be given."""
    table = prepared.package.manifest.submission
    answers = prepared.answers
    names = [table.id, *(c.name for c in table.columns if not c.optional_group)]
    best = answers.select(names)
    for metric in prepared.package.manifest.secondary:
        labels = next((c.labels for c in table.columns if c.name == metric.answer), [])
        labels = labels[-len(metric.columns) :]  # a single column is the probability of the last label
        columns = [(answers[metric.answer].cast(pl.String) == x).cast(pl.Float64) for x in labels]
        best = best.with_columns(c.alias(n) for c, n in zip(columns, metric.columns, strict=False))
    return best


def is_better(manifest: Manifest, score: float, other: float) -> bool:
    return score > other if manifest.metric.direction is Direction.MAX else score < other


def scores_of(verdict: Verdict) -> list[float]:
    assert verdict.outcome is Outcome.SCORED, verdict.faults
    assert verdict.public is not None
    assert verdict.private is not None
    return [verdict.public.score, verdict.private.score]


# Law 1: the folder is complete, the manifest valid, both languages have the same headings.


def test_every_folder_is_found_and_listed_on_the_path():
    assert sorted(PACKAGES) == SLUGS


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_both_languages_have_the_same_headings_and_formulas(package: Package):
    english, chinese = package.descriptions["en"], package.descriptions["zh"]
    assert heading_levels(english) == heading_levels(chinese)
    assert set(split_sections(english, "en")) == set(split_sections(chinese, "zh")) == set(SECTIONS)
    formulas = [re.findall(r"\$\$.+?\$\$", text, re.DOTALL) for text in (english, chinese)]
    assert formulas[0] == formulas[1]
    assert formulas[0]
    assert all(body for body in split_sections(chinese, "zh").values())
    assert [text.count("\n|") for text in (english, chinese)] == [english.count("\n|")] * 2


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_every_formula_of_a_description_is_drawn(package: Package):
    for text in package.descriptions.values():
        formulas = re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", text, re.DOTALL)
        html = to_html(text)
        assert html.count("<math") == len(formulas)
        assert "$" not in html


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_no_star_is_left_of_what_was_to_be_emphasised(package: Package):
    """In Chinese, a full stop before the closing stars and a word behind them keep these from being a mark."""
    for text in package.descriptions.values():
        assert "*" not in re.sub(r"<(code|pre|math)\b.*?</\1>", "", to_html(text), flags=re.DOTALL)


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_metrics_and_diagnostics_exist_and_agree_with_the_manifest(package: Package):
    manifest = package.manifest
    for metric in (manifest.metric, *manifest.secondary):
        assert metric.title is not None
        if not manifest.is_scored_by_package:
            assert metric.direction == import_module(f"graders.metrics.{metric.name}").DIRECTION
    if manifest.is_scored_by_package:
        assert manifest.metric.direction == load_script(package.folder, "grade").DIRECTION
    for diagnostic in manifest.diagnostics:
        assert hasattr(import_module(f"graders.diagnostics.{diagnostic.name}"), diagnostic.name)
    assert len([b for b in manifest.baselines if b.is_script]) == 1
    scores = [baseline.score for baseline in manifest.baselines]
    assert scores == sorted(scores, reverse=manifest.metric.direction is Direction.MIN)


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_learner_is_told_the_thresholds_that_hold(package: Package):
    levels = thresholds_of(package.manifest)
    for language, text in package.descriptions.items():
        evaluation = split_sections(text, language)["evaluation"]
        told = re.findall(r"^\| \S+ \| ([\d.]+) \|", evaluation, re.MULTILINE)
        assert [float(x) for x in told] == [levels.passing, levels.good, levels.excellent]


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_script_is_told_as_one_on_each_source(package: Package):
    for source in package.manifest.sources.values():
        scripts = [known.is_script for known in source.baselines]
        assert scripts == ["(baseline.py)" in known.name.en for known in source.baselines]
        assert sum(scripts) <= 1


def test_the_description_names_every_file_and_column(prepared: Prepared):
    for language, text in prepared.package.descriptions.items():
        sections = split_sections(text, language)
        for file in prepared.report.files:
            assert f"`{file.name}`" in sections["data"]
        for name in names_of(prepared):
            assert f"`{name}`" in sections["submission"]


def names_of(prepared: Prepared) -> list[str]:
    """What a submission's parts are called: columns, tensors, arrays or files."""
    manifest = prepared.package.manifest
    model, artefacts, program = manifest.model, manifest.artefacts, manifest.program
    if program is not None:
        return [file.name for file in program.files]
    if artefacts is not None:
        return [*(array.name for array in artefacts.arrays), *(file.pattern for file in artefacts.files)]
    return prepared.sample.columns if model is None else [t.name for t in (*model.inputs, model.output)]


# Law 2: one secret, one result. (What may not be in it: test_leaks.py.)


def test_preparing_twice_makes_the_same_bytes(prepared: Prepared, workshop: Workshop):
    skip_where_smaller(prepared)
    again = workshop.prepare(prepared.slug, installation="second")
    assert again.report.digest == prepared.report.digest
    assert again.report.files == prepared.report.files


def test_another_secret_makes_other_data(prepared: Prepared, workshop: Workshop):
    skip_where_smaller(prepared)
    other = workshop.prepare(prepared.slug, installation="third", secret=bytes(32))
    assert not set(prepared.answers["id"]) & set(other.answers["id"])
    assert other.report.digest != prepared.report.digest


def skip_where_smaller(prepared: Prepared) -> None:
    if prepared.slug in SMALLER:
        pytest.skip(f"test_{prepared.slug}.py prepares a smaller world twice")


# Laws 3, 4, 5


def test_the_sample_submission_is_scored_and_well_below_pass(prepared: Prepared):
    manifest = prepared.package.manifest
    for score in scores_of(prepared.grade(prepared.sample_file)):
        margin = abs(thresholds_of(manifest).good - thresholds_of(manifest).passing)
        assert is_better(manifest, thresholds_of(manifest).passing, score)
        assert abs(score - thresholds_of(manifest).passing) > margin


def test_groups_and_classes_that_are_words_are_named_in_both_languages(prepared: Prepared):
    named = []
    for diagnostic in prepared.grade(prepared.sample_file).diagnostics:
        if diagnostic["kind"] in ("slices", "token_groups"):
            named += [row["name"] for row in diagnostic["rows"]]
        if diagnostic["kind"] == "confusion":
            named += diagnostic["labels"]
    for name in named:
        english, chinese = (name, name) if isinstance(name, str) else (name["en"], name["zh"])
        assert not re.search("[A-Za-z]{2}", english) or chinese != english


def test_the_sample_submission_reaches_the_score_the_manifest_tells(prepared: Prepared):
    first = prepared.package.manifest.baselines[0].score
    for score in scores_of(prepared.grade(prepared.sample_file)):
        assert score == pytest.approx(first, rel=0.2)


def test_the_answers_get_the_best_score_of_every_metric(tabled: Prepared, tmp_path: Path):
    best_submission(tabled).write_csv(tmp_path / "best.csv")
    verdict = tabled.grade(tmp_path / "best.csv")
    for side in (verdict.public, verdict.private):
        assert side is not None
        found = {tabled.package.manifest.metric.name: side.score, **side.secondary}
        assert set(found) >= {m.name for m in tabled.package.manifest.secondary}
        for name, score in found.items():
            assert score == pytest.approx(import_module(f"graders.metrics.{name}").BEST, abs=1e-6)


def test_no_artefact_is_beyond_the_best_score(archived: Prepared):
    """Answers have no form of a submission there: the sample and the baseline stand for what may be sent."""
    module = load_script(archived.package.folder, "grade")
    for path in (archived.sample_file, archived.run_baseline()[0]):
        for score in scores_of(archived.grade(path)):
            assert not is_better(archived.package.manifest, score, module.BEST)


def test_artefacts_are_scored_with_all_that_is_declared(archived: Prepared):
    manifest = archived.package.manifest
    verdict = archived.grade(archived.run_baseline()[0])
    for side in (verdict.public, verdict.private):
        assert side is not None
        assert set(side.secondary) == {metric.name for metric in manifest.secondary}
        assert side.rows > 0
    shown = [d["title"]["en"] for d in verdict.diagnostics]
    assert shown
    assert shown == [d.title.en for d in manifest.diagnostics if d.title.en in shown]


def test_members_of_an_archive_and_detections_may_come_in_any_order(archived: Prepared, tmp_path: Path):
    sent, path = archived.run_baseline()[0], tmp_path / f"turned{archived.suffix}"
    if archived.suffix == ".json":
        path.write_text(json.dumps(json.loads(sent.read_text("utf-8"))[::-1]), "utf-8")
    else:
        with zipfile.ZipFile(sent) as archive, zipfile.ZipFile(path, "w") as other:
            for member in reversed(archive.infolist()):
                other.writestr(member.filename, archive.read(member))
    assert scores_of(archived.grade(path)) == scores_of(archived.grade(sent))


@pytest.mark.parametrize("format_", ["csv", "parquet", "jsonl", "npz"])
def test_order_and_format_make_no_difference(tabled: Prepared, format_: str, tmp_path: Path):
    frame = best_submission(tabled)
    label = tabled.package.manifest.metric.columns[0]
    frame = frame.with_columns(frame[label].shift(1).backward_fill()) if format_ != "npz" else frame
    frame.write_csv(tmp_path / "plain.csv")
    expected = tabled.grade(tmp_path / "plain.csv")
    mixed = frame.select(frame.columns[::-1]).sample(fraction=1, shuffle=True, seed=3)
    path = tmp_path / f"mixed.{format_}"
    write_table(mixed, path)
    found = tabled.grade(path)
    assert scores_of(found) == pytest.approx(scores_of(expected), rel=1e-12)


def write_table(frame: pl.DataFrame, path: Path) -> None:
    match path.suffix:
        case ".csv":
            frame.write_csv(path)
        case ".parquet":
            frame.write_parquet(path)
        case ".jsonl":
            frame.write_ndjson(path)
        case _:
            arrays = {name: np.array(frame[name].to_list()) for name in frame.columns}
            np.savez(path, **arrays)  # type: ignore[arg-type]


# Law 7


def test_the_baseline_reaches_pass_and_the_score_the_manifest_tells(prepared: Prepared):
    out, seconds = prepared.run_baseline()
    assert seconds < BASELINE_SECONDS
    manifest = prepared.package.manifest
    told = next(b for b in manifest.baselines if b.is_script)
    sample = scores_of(prepared.grade(prepared.sample_file))
    for score, other in zip(scores_of(prepared.grade(out)), sample, strict=True):
        assert is_better(manifest, score, other)
        assert is_better(manifest, score, thresholds_of(manifest).passing)
        assert score == pytest.approx(told.score, abs=told.tolerance)


def test_probabilities_of_a_baseline_are_scored_too(workshop: Workshop, tmp_path: Path):
    iris = workshop.prepare("iris")
    load_script(iris.package.folder, "baseline").main(iris.public, tmp_path / "s.csv")
    verdict = iris.grade(tmp_path / "s.csv")
    assert verdict.private is not None
    assert verdict.private.secondary["log_loss"] == pytest.approx(0.35, abs=0.05)
    assert {d["kind"] for d in verdict.diagnostics} == {"confusion", "scatter"}
