"""object_detection: BCCD is read with care, and the baseline's grid, boxes and suppression do what they say."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from challenges._generators.coco import measure_overlap
from challenges.errors import InvalidSource
from tests.challenges.workshop import CHALLENGES, Prepared, Workshop, load_part, load_script
from tests.real_data import REAL, needs_files, serve_real_files

FOLDER = CHALLENGES / "object_detection"
SCRIPT, BASELINE = (load_script(FOLDER, name) for name in ("prepare", "baseline"))


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    return workshop.prepare("object_detection")


# Real data


@needs_files
def test_cells_are_pooled_divided_anew_and_graded(workshop: Workshop, tmp_path: Path):
    with serve_real_files(REAL / "bccd") as mirror:
        real = workshop.prepare("object_detection", source="real", mirror=mirror)
    told = json.loads((real.public / "train.json").read_text("utf-8"))
    test = load_part(real.public, "test")
    assert (len(told["images"]), len(test["id"])) == (255, 109)
    assert [category["name"] for category in told["categories"]] == ["RBC", "WBC", "Platelets"]
    with np.load(real.hidden / "objects.npz") as objects:
        hidden = dict(objects)
    boxes = np.array([thing["bbox"] for thing in told["annotations"]] + hidden["box"].tolist())
    assert len(boxes) == 4886  # two have no area
    assert boxes.min() >= 0
    assert ((boxes[:, :2] + boxes[:, 2:]) <= [640, 480]).all()
    originals = {path.read_bytes() for path in (REAL / "bccd").rglob("*.jpg")}
    with zipfile.ZipFile(real.public / "images.zip") as archive:
        assert {archive.read(name) for name in archive.namelist()} == originals
    results = [
        {"image_id": test["id"][picture], "category_id": category, "bbox": box, "score": 1}
        for picture, category, box in zip(
            *(hidden[name].tolist() for name in ("picture", "category", "box")), strict=True
        )
    ]
    results += [results[0] | {"category_id": category, "score": 0.5} for category in range(4, 11)]  # find nothing
    (tmp_path / "results.json").write_text(json.dumps(results), "utf-8")
    verdict = real.grade(tmp_path / "results.json")
    assert verdict.private is not None
    assert verdict.private.score == 1.0
    assert [len(d["pictures"]) for d in verdict.diagnostics if d["kind"] == "boxes"] == [12]
    assert {line["name"]["zh"] for line in verdict.diagnostics[2]["lines"]} == {"红细胞", "白细胞", "血小板"}
    assert real.package.manifest.sources["real"].honour_system


def jpeg(width: int = 40, height: int = 30) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


HEADER = "filename,cell_type,xmin,xmax,ymin,ymax\n"


def write_cells(folder: Path, table: str, **pictures: bytes) -> None:
    (folder / "test.csv").write_text(table, "utf-8")
    for name, content in pictures.items():
        (folder / f"{name}.jpg").write_bytes(content)


def test_boxes_are_clipped_and_those_without_an_area_left_out(tmp_path: Path):
    rows = "b.jpg,WBC,-5,20,3,99\na.jpg,RBC,1,2,3,4\na.jpg,Platelets,7,7,3,4\n"
    write_cells(tmp_path, HEADER + rows, a=jpeg(), b=jpeg())
    cells = SCRIPT.load_cells(tmp_path)
    assert cells.size == (40, 30)
    assert cells.picture.tolist() == [0, 1]
    assert cells.category.tolist() == [1, 2]
    assert cells.box.tolist() == [[1, 3, 1, 1], [0, 3, 20, 27]]
    turned = cells.take(np.array([1, 0]))
    assert turned.box.tolist() == cells.box.tolist()[::-1]
    assert turned.picture.tolist() == [0, 1]
    assert cells.take(np.array([1])).category.tolist() == [2]


SPOILT = {
    "no table": (None, {}),
    "an empty table": ("", {}),
    "a table of something else": ("a,b\n1,2\n", {}),
    "another kind of cell": (HEADER + "a.jpg,XYZ,1,2,3,4\n", {"a": jpeg()}),
    "text for a number": (HEADER + "a.jpg,RBC,1,x,3,4\n", {"a": jpeg()}),
    "a cut line": (HEADER + "a.jpg,RBC,1\n", {"a": jpeg()}),
    "a missing picture": (HEADER + "a.jpg,RBC,1,2,3,4\n", {}),
    "a picture that is none": (HEADER + "a.jpg,RBC,1,2,3,4\n", {"a": b"no picture"}),
    "pictures of two sizes": (HEADER + "a.jpg,RBC,1,2,3,4\nb.jpg,RBC,1,2,3,4\n", {"a": jpeg(), "b": jpeg(20)}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_cells_are_refused(name: str, tmp_path: Path):
    table, pictures = SPOILT[name]
    write_cells(tmp_path, table or "", **pictures)
    if table is None:
        (tmp_path / "test.csv").unlink()
    with pytest.raises(InvalidSource, match=r"test\.csv"):
        SCRIPT.load_cells(tmp_path)


# The baseline


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for each other make a busy machine crawl."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def few(made: Prepared, tmp_path: Path) -> Path:
    """A folder as participants have it, with few pictures."""
    told = json.loads((made.public / "train.json").read_text("utf-8"))
    told["images"] = told["images"][:48]
    told["annotations"] = [thing for thing in told["annotations"] if thing["image_id"] <= 48]
    (tmp_path / "train.json").write_text(json.dumps(told), "utf-8")
    lines = (made.public / "test.csv").read_text("utf-8").splitlines()[:9]
    (tmp_path / "test.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "images.zip").symlink_to(made.public / "images.zip")
    return tmp_path


def test_cells_round_the_middle_are_to_find_a_thing(few: Path):
    examples = BASELINE.Examples(few)
    told = json.loads((few / "train.json").read_text("utf-8"))
    assert examples.pictures.shape == (48, 3, 128, 128)
    assert examples.pictures.dtype == torch.uint8
    hit = 0
    for thing in told["annotations"]:
        x, y, width, height = thing["bbox"]
        column, row = int((x + width / 2) / 8), int((y + height / 2) / 8)
        place = thing["image_id"] - 1, min(row, 15), min(column, 15)
        hit += int(examples.boxes[place].tolist() == [x, y, x + width, y + height])
        assert examples.classes[place] >= 0
    assert hit / len(told["annotations"]) > 0.95  # a smaller one may be in the way
    assert 2 < (examples.classes >= 0).sum() / len(told["annotations"]) <= 4


def test_mirrored_pictures_have_mirrored_boxes(few: Path):
    examples = BASELINE.Examples(few)
    rows = torch.arange(48)
    seen = set()
    for seed in range(6):
        torch.manual_seed(seed)
        pictures, boxes, classes = examples.take(rows)
        is_mirrored = bool((pictures != examples.pictures[rows] / 255).any())
        seen.add(is_mirrored)
        full = classes >= 0
        assert (boxes[full][:, 2:] > boxes[full][:, :2]).all()
        cells = full.nonzero()[:, [2, 1]] * 8 + 4
        middle = (boxes[full][:, :2] + boxes[full][:, 2:]) / 2
        assert (cells - middle).abs().max() <= 8.5
    assert seen == {True, False}


def test_numbers_become_boxes():
    said = torch.zeros(1, 16, 16, 15)
    said[0, 2, 5, 3] = np.log(2)
    boxes = BASELINE.read_boxes(said)
    assert boxes[0, 2, 5].tolist() == pytest.approx([44 - 24, 20 - 12, 44 + 24, 20 + 12])
    assert boxes[0, 0, 0].tolist() == [-8, -8, 16, 16]


def test_overlaps_are_those_of_the_grader():
    boxes = np.random.default_rng(0).integers(1, 50, (40, 4)).astype(np.float64)
    corners = torch.from_numpy(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1))
    found = BASELINE.measure_overlap(corners[:, None], corners[None])
    assert found.numpy() == pytest.approx(measure_overlap(boxes, boxes), abs=1e-6)


def test_of_boxes_that_overlap_the_surest_is_kept():
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [30, 0, 40, 10.0]])
    scores, kinds = torch.tensor([0.5, 0.9, 0.4, 0.1]), torch.tensor([0, 0, 1, 0])
    assert BASELINE.keep_surest(boxes, scores, kinds) == [1, 2, 3]
    assert BASELINE.keep_surest(boxes[:0], scores[:0], kinds[:0]) == []


@pytest.mark.usefixtures("one_thread")
def test_forty_steps_lower_the_loss(few: Path):
    torch.manual_seed(0)
    examples = BASELINE.Examples(few)
    for name in ("pictures", "boxes", "classes"):
        setattr(examples, name, getattr(examples, name)[:16])
    network = BASELINE.Detector(10, width=16)
    before = BASELINE.measure_loss(network(examples.pictures / 255), examples.boxes, examples.classes).item()
    BASELINE.train(network, examples, rounds=40)
    after = BASELINE.measure_loss(network(examples.pictures / 255), examples.boxes, examples.classes).item()
    assert after < 0.8 * before


class Sure(torch.nn.Module):
    """Says the same of every picture: a thing in one cell, two classes of which are likely."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        said = torch.zeros(len(pictures), 16, 16, 15)
        said[..., 0] = -20
        said[:, 4, 15, 0], said[:, 4, 15, 5], said[:, 4, 15, 7] = 20, 9, 10
        said[:, 4, 14] = said[:, 4, 15]
        said[:, 4, 14, 0] = 1
        said[:, 4, 14, 1] = 9  # its box is nearly that of its neighbour
        return said


def test_what_cells_are_sure_of_is_found_once_for_each_class():
    found = BASELINE.detect(Sure(), torch.zeros(120, 3, 128, 128, dtype=torch.uint8))
    assert len(found) == 120
    for boxes, scores, kinds in found:
        assert kinds.tolist() == [2, 0]
        assert scores.tolist() == pytest.approx([0.731, 0.269], abs=0.001)
        assert boxes.tolist() == [[112, 24, 128, 48]] * 2  # cut off at the edge of the picture


@pytest.mark.usefixtures("one_thread")
def test_what_the_baseline_writes_is_what_is_taken(few: Path):
    BASELINE.main(few, few / "results.json", rounds=4)
    results = json.loads((few / "results.json").read_text("utf-8"))
    names = [row["image_id"] for row in results]
    assert set(names) <= set(load_part(few, "test")["id"])
    assert all(names.count(name) <= 100 for name in set(names))
    assert all(min(row["bbox"][2:]) > 0 and 1 <= row["category_id"] <= 10 for row in results)
    assert {tuple(row) for row in results} <= {("image_id", "category_id", "bbox", "score")}
