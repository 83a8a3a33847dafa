"""object_detection: the form is COCO's, errors are told apart, and nothing tells a hidden box."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO

from challenges._generators.coco import Boxes
from challenges._generators.grading import Given, Graded, Side
from challenges.messages import Outcome
from graders.checking import check_file
from tests.challenges.workshop import CHALLENGES, Prepared, Workshop, load_part, load_script

GRADE = load_script(CHALLENGES / "object_detection", "grade")
ASIDE = np.array([15.0, 0, 0, 0])
"""So far to the right that boxes of thirty pixels still overlap by a third."""


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    return workshop.prepare("object_detection")


def load_objects(made: Prepared) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Ids of the hidden pictures in their order, and the boxes in them."""
    with np.load(made.hidden / "objects.npz", allow_pickle=False) as arrays:
        return made.answers["id"].to_list(), dict(arrays)


def to_results(made: Prepared, keep: float = 1.0) -> list[dict[str, Any]]:
    """The answers in the form of a submission, or the first share of them."""
    ids, objects = load_objects(made)
    every = zip(objects["picture"].tolist(), objects["category"].tolist(), objects["box"].tolist(), strict=True)
    return [
        {"image_id": ids[picture], "category_id": category, "bbox": box, "score": 0.5}
        for picture, category, box in list(every)[: round(keep * len(objects["picture"]))]
    ]


def send(made: Prepared, results: list[dict[str, Any]], folder: Path) -> Any:
    """The verdict on a submission."""
    path = folder / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    return made.grade(path)


def test_annotations_are_read_by_coco(made: Prepared):
    with redirect_stdout(io.StringIO()):
        coco = COCO(str(made.public / "train.json"))
    assert (len(coco.imgs), len(coco.cats)) == (1200, 10)
    assert 3000 < len(coco.anns) < 5000
    assert [coco.cats[number]["name"] for number in (1, 10)] == ["airplane", "truck"]
    for thing in coco.anns.values():
        x, y, width, height = thing["bbox"]
        assert min(x, y) >= 0
        assert max(x + width, y + height) <= 128
        assert thing["area"] == width * height
    with zipfile.ZipFile(made.public / "images.zip") as archive:
        names = archive.namelist()
        assert {image["file_name"] for image in coco.imgs.values()} | set(
            load_part(made.public, "test")["file_name"]
        ) == {*names}
        assert names == sorted(names)
        picture = Image.open(archive.open("train/0001.jpg"))
        assert (picture.size, picture.mode, picture.format) == ((128, 128), "RGB", "JPEG")
        assert all(member.date_time == (1980, 1, 1, 0, 0, 0) for member in archive.infolist())
        contents = {archive.read(name) for name in names}
        assert len(contents) == len(names) == 1500


def test_public_files_hold_no_hidden_box(made: Prepared):
    ids, objects = load_objects(made)
    test = load_part(made.public, "test")
    assert sorted(test) == ["file_name", "height", "id", "width"]
    assert test["id"].tolist() == ids == sorted(ids)
    told = json.loads((made.public / "train.json").read_text("utf-8"))
    known = {tuple(thing["bbox"]) for thing in told["annotations"] if min(thing["bbox"][:2]) > 0}
    hidden = {tuple(box) for box in objects["box"].tolist() if min(box[:2]) > 0}
    assert len(known & hidden) < 0.01 * len(hidden)
    assert not any(name in (made.public / "train.json").read_text("utf-8") for name in ids)


def test_the_answers_sent_back_are_perfect_in_every_number(made: Prepared, tmp_path: Path):
    verdict = send(made, to_results(made), tmp_path)
    assert verdict.outcome is Outcome.SCORED
    for side in (verdict.public, verdict.private):
        assert [side.score, *side.secondary.values()] == [1.0] * 7
        assert side.standard_error == pytest.approx(0, abs=1e-12)
    shown = {d["title"]["en"]: d for d in verdict.diagnostics}
    assert [row["value"] for row in shown["What each kind of errors costs"]["rows"]] == [0.0] * 6
    assert [row["value"] for row in shown["Score of each class"]["rows"]] == [1.0] * 10


def test_half_of_the_answers_get_about_half_with_an_error(made: Prepared, tmp_path: Path):
    verdict = send(made, to_results(made, keep=0.5), tmp_path)
    for side in (verdict.public, verdict.private):
        assert side.score == pytest.approx(0.5, abs=0.15)
        assert 0.01 < side.standard_error < 0.1


def test_diagnostics_name_no_picture_and_show_no_true_box(made: Prepared, tmp_path: Path):
    results = [one | {"bbox": [1.5, 1.5, 1.5, 1.5]} for one in to_results(made, keep=0.3)]
    verdict = send(made, results + to_results(made, keep=0.7)[len(results) :], tmp_path)
    assert [(d["kind"], len(d.get("rows", d.get("lines", d.get("pictures"))))) for d in verdict.diagnostics] == [
        ("boxes", 12),
        ("curve", 3),
        ("curve", 10),
        ("values", 6),
        ("values", 10),
    ]
    assert not any(name in json.dumps(verdict.diagnostics) for name in made.answers["id"])
    drawn = [box["box"] for picture in verdict.diagnostics[0]["pictures"] for box in picture["boxes"]]
    assert {tuple(box) for box in drawn} == {(1.5, 1.5, 1.5, 1.5)}  # what was sent, not what would be right


def test_the_pictures_with_boxes_are_public_and_the_same_for_all(made: Prepared, tmp_path: Path):
    first = send(made, to_results(made), tmp_path).diagnostics[0]
    other = made.grade(made.sample_file).diagnostics[0]
    jpegs = [picture["jpeg"] for picture in first["pictures"]]
    assert jpegs == [picture["jpeg"] for picture in other["pictures"]]
    assert len(set(jpegs)) == 12
    assert {box["score"] for picture in first["pictures"] for box in picture["boxes"]} == {0.5}
    ids, objects = load_objects(made)
    public = [place for place, name in enumerate(ids) if name in set(made.answers.filter(side="public")["id"])]
    counts = np.bincount(objects["picture"], minlength=len(ids))[public[:12]].tolist()
    assert [len(picture["boxes"]) for picture in first["pictures"]] == counts
    assert "F1 1.00" in first["note"]["en"]
    assert "none is right yet" in other["note"]["en"]
    assert {len(picture["boxes"]) for picture in other["pictures"]} == {1}


def test_where_nothing_is_sent_no_picture_is_shown(made: Prepared, tmp_path: Path):
    assert "boxes" not in [d["kind"] for d in send(made, [], tmp_path).diagnostics]


@pytest.mark.parametrize(
    ("scores", "is_right", "expected"),
    [
        ([5.0, 4.0, 3.0, 2.0], [1, 1, 0, 0], (4.0, 1.0)),
        ([5.0, 4.0, 4.0, 2.0], [1, 1, 0, 0], (4.0, 0.8)),  # boxes of one score are drawn together
        ([-1.0, -2.0, -3.0, -4.0], [0, 0, 0, 0], (-4.0, 0.0)),
    ],
)
def test_boxes_are_drawn_where_precision_and_recall_are_in_balance(
    scores: list[float], is_right: list[int], expected: tuple[float, float]
):
    box = np.array([[0, 0, 10, 10], [50, 50, 10, 10]], dtype=np.float64)
    truth = Boxes(np.zeros(2, np.intp), np.ones(2, np.int64), box, np.zeros(2))
    moved = [box[place % 2] + (0 if right else 30) for place, right in enumerate(is_right)]
    found = Boxes(np.zeros(4, np.intp), np.ones(4, np.int64), np.array(moved), np.array(scores)).settle()
    field = GRADE.Field(truth, found, 1, 1, 128)
    assert GRADE.find_balance(field, GRADE.find_errors(field)) == pytest.approx(expected)


def test_categories_without_a_name_are_shown_by_their_number():
    box = np.array([[0, 0, 10, 10]], dtype=np.float64)
    truth = Boxes(np.zeros(1, np.intp), np.ones(1, np.int64), box, np.ones(1))
    field = GRADE.Field(truth, replace(truth, category=np.array([9])), 1, 3, 640)
    told = GRADE.show_boxes(field, GRADE.find_errors(field), [GRADE.name_category("RBC")] * 3, ["a"])
    (drawn,) = told["pictures"][0]["boxes"]
    assert (drawn["name"], drawn["kind"]) == ("9", 9)


def test_at_home_the_same_is_checked(made: Prepared, tmp_path: Path):
    manifest, path = made.package.manifest, tmp_path / "results.json"
    wrong = {"image_id": "zzzzzzzz", "category_id": 11, "bbox": [1, 2, 3, -4], "score": 1}
    for results, reasons in (
        (to_results(made), []),
        ([wrong], ["out_of_range"] * 2),
        ([wrong | {"category_id": 1, "bbox": [1, 2, 3, 4]}], ["unknown_id"]),
        ([to_results(made)[0]] * 101, ["too_many_rows"]),
    ):
        path.write_text(json.dumps(results), encoding="utf-8")
        assert [fault.reason.value for fault in check_file(manifest, made.public, path).faults] == reasons


def test_a_full_upload_is_graded_in_time(made: Prepared, tmp_path: Path):
    """A hundred boxes in each picture: the largest file there is."""
    rng = np.random.default_rng(0)
    results = [
        {"image_id": name, "category_id": int(rng.integers(1, 11)), "bbox": box, "score": float(rng.random())}
        for name in made.answers["id"]
        for box in np.concatenate([rng.random((100, 2)) * 90, 5 + rng.random((100, 2)) * 60], axis=1).tolist()
    ]
    verdict = send(made, results, tmp_path)
    assert verdict.outcome is Outcome.SCORED
    assert verdict.public.score < 0.01
    assert (tmp_path / "results.json").stat().st_size < made.package.manifest.limits.upload_bytes
    assert verdict.provenance is not None
    assert verdict.provenance.seconds < made.package.manifest.limits.grade_seconds / 2


# Errors, one kind at a time


def make_field(rng: np.random.Generator) -> tuple[Any, Boxes]:
    """Forty pictures with two things far apart in each, and all of them found."""
    box = np.array([[5, 5, 30, 30], [80, 80, 30, 30]] * 40, dtype=np.float64)
    picture = np.repeat(np.arange(40), 2)
    truth = Boxes(picture, rng.integers(1, 4, 80), box, np.zeros(80))
    found = replace(truth, score=rng.uniform(0.5, 1, 80))
    return GRADE.Field(truth, found.settle(), 40, 3, 128), found


SPOILT = {
    "class": lambda boxes: replace(boxes, category=boxes.category % 3 + 1),
    "location": lambda boxes: replace(boxes, box=boxes.box + ASIDE),
    "both": lambda boxes: replace(boxes, box=boxes.box + ASIDE, category=boxes.category % 3 + 1),
    "duplicate": lambda boxes: replace(boxes, score=boxes.score + 1),
    "backdrop": lambda boxes: replace(boxes, box=boxes.box * [0, 1, 1, 1] + [45, 0, 0, 0]),
    "missed": lambda boxes: boxes.take(np.empty(0, np.intp)),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_mending_one_kind_of_errors_mends_all_where_there_is_no_other(kind: str):
    field, found = make_field(np.random.default_rng(3))
    wrong = np.arange(80) % 5 == 0
    spoilt = SPOILT[kind](found.take(wrong))
    kept = found if kind in ("duplicate", "backdrop") else found.take(~wrong)
    if kind == "backdrop":
        spoilt = replace(spoilt, score=spoilt.score + 1)
    both = [np.concatenate(pair) for pair in zip(vars(kept).values(), vars(spoilt).values(), strict=True)]
    field = replace(field, found=Boxes(*both).settle())
    errors = GRADE.find_errors(field)
    assert set(errors.kind.tolist()) == ({""} if kind == "missed" else {"", kind})
    names = [GRADE.name_category(name) for name in "abc"]
    rows = GRADE.show(field, errors, field.measure(field.found), names)["errors"]["rows"]
    gains = dict(zip(GRADE.ERRORS, (row["value"] for row in rows), strict=True))
    before = field.measure(field.found).average(overlap=0)
    assert before < 0.95
    if kind != "both":  # then the things are not found either
        assert gains[kind] == pytest.approx(1 - before, abs=0.02)
    assert all(gain == pytest.approx(0, abs=1e-9) for other, gain in gains.items() if other not in (kind, "missed"))


def test_one_thing_is_mended_once():
    field, _ = make_field(np.random.default_rng(3))
    truth, first = field.truth, field.truth.take(np.arange(1))
    moved = [replace(first, box=first.box + ASIDE, score=np.array([score])) for score in (0.5, 0.9, 0.7)]
    many = Boxes(
        *(np.concatenate([getattr(b, name) for b in moved]) for name in ("picture", "category", "box", "score"))
    )
    field = replace(field, found=many.settle())
    mended, _ = GRADE.mend(field, GRADE.find_errors(field), "location")
    assert mended.score.tolist() == [0.9]
    assert mended.box.tolist() == truth.box[:1].tolist()


def test_where_nothing_is_found_all_is_missed(made: Prepared):
    verdict = made.grade(made.sample_file)
    errors = next(d for d in verdict.diagnostics if "errors" in d["title"]["en"])
    assert errors["rows"][-1] == {"name": {"en": "not found at all", "zh": "完全没找到"}, "value": 1.0}


def test_limits_of_sizes_grow_with_the_pictures():
    """Twice as large, the same boxes are of the same size."""
    box = np.array([[0, 0, 15, 15], [40, 0, 20, 20], [64, 64, 50, 50]], dtype=np.int64)
    told = []
    for times in (1, 5):
        objects = {"picture": np.zeros(3, np.int64), "category": np.ones(3, np.int64), "box": times * box}
        about = {"categories": np.array(["cat"]), "size": np.array([128 * times, 128 * times])}
        rows = np.array([[1, *times * box[size], 0.5] for size in (0, 2)], dtype=np.float64)
        given = Given({"results": rows}, places={"results": np.zeros(2, np.intp)})
        graded: Graded = GRADE.grade(given, {"objects": objects, "about": about}, Side("private", np.arange(1)))
        told.append([graded.secondary[name] for name in ("ap_small", "ap_medium", "ap_large")])
    assert told[0] == told[1] == pytest.approx([1, 0, 1])
