"""distillation: one secret makes one teacher, which stays hidden; the student and the sample are small enough."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
import torch

from challenges._generators.keys import Keys
from tests.challenges.workshop import CHALLENGES, SECRET, load_part, load_script
from tests.real_data import REAL, needs_files

FOLDER = CHALLENGES / "distillation"
MNIST_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
Folders = tuple[Path, Path]
Prepare = Callable[[str, bytes], Folders]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepare]:
    """Prepares a small world, public and hidden: 500 images, 100 of them labelled, 200 hidden ones, a hasty teacher."""
    script = load_script(FOLDER, "prepare")
    place = tmp_path_factory.mktemp("distillation")

    def make(name: str, secret: bytes) -> Folders:
        public, hidden = place / name / "public", place / name / "hidden"
        public.mkdir(parents=True)
        hidden.mkdir()
        script.prepare(place, public, hidden, Keys(secret, "distillation", 1), "offline")
        return public, hidden

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "ROWS", {"offline": (500, 200)})
        patch.setattr(script, "LABELLED_ROWS", 100)
        patch.setattr(script, "ROUNDS", 3)
        patch.setattr(script, "BATCH", 16)
        yield make


@pytest.fixture(scope="module")
def world(prepare: Prepare) -> Folders:
    """The small world of one secret."""
    return prepare("world", SECRET)


def digests(folders: Folders) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for f in folders for path in f.iterdir()}


def test_one_secret_makes_one_teacher_and_leaves_no_trace_in_the_process(prepare: Prepare, world: Folders):
    torch.manual_seed(7)
    before = torch.random.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    again = prepare("again", SECRET)
    assert digests(again) == digests(world)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[1:]


def test_another_secret_makes_another_teacher(prepare: Prepare, world: Folders):
    first, other = digests(world), digests(prepare("other", bytes(32)))
    changed = {name for name in first if first[name] != other[name]}
    assert changed == {"train.npz", "preview.png", "inputs.npz", "answers.parquet"}


def test_labels_are_few_and_scores_are_rounded(world: Folders):
    train = load_part(world[0], "train")
    assert {name: (a.shape, a.dtype.name) for name, a in train.items()} == {
        "image": ((500, 1, 28, 28), "uint8"),
        "label": ((500,), "int8"),
        "logits": ((500, 10), "float32"),
    }
    assert (train["label"][:100] >= 0).all()
    assert (train["label"][100:] == -1).all()
    told = train["logits"].astype(np.float64)
    assert np.abs(told - told.round(4)).max() < 1e-5
    names = {path.name for path in world[0].iterdir()}
    assert names == {"train.npz", "network.py", "sample_model.onnx", "preview.png"}


def test_answers_hold_the_teacher_and_stand_in_the_order_of_the_hidden_images(world: Folders):
    public, hidden = world
    answers = pl.read_parquet(hidden / "answers.parquet")
    with np.load(hidden / "inputs.npz", allow_pickle=False) as inputs:
        assert inputs["id"].tolist() == answers["id"].to_list() == sorted(answers["id"].to_list())
        assert (inputs["image"].shape, inputs["image"].dtype) == ((200, 1, 28, 28), np.dtype("uint8"))
        known = {image.tobytes() for image in load_part(public, "train")["image"]}
        assert not any(image.tobytes() in known for image in inputs["image"])
    probabilities = answers.select(f"t{digit}" for digit in range(10)).to_numpy()
    assert probabilities.sum(1) == pytest.approx(np.ones(200), abs=1e-12)
    assert (probabilities.argmax(1) == answers["teacher_label"].to_numpy()).all()
    assert answers["slice_teacher"].to_list() == answers["teacher_label"].cast(pl.String).to_list()
    assert np.mean(answers["teacher_label"].to_numpy() == answers["label"].to_numpy()) > 0.4


@needs_files
def test_the_small_part_of_mnist_is_pooled_and_divided_anew():
    script = load_script(FOLDER, "prepare")
    raw = next(REAL.rglob("t10k-images-idx3-ubyte.gz")).parent
    (x, y), (x_hidden, y_hidden) = script.make_parts(raw, Keys(SECRET, "distillation", 1), "t10k")
    assert (x.shape, x_hidden.shape) == ((8000, 28, 28), (2000, 28, 28))
    assert np.bincount([*y.tolist(), *y_hidden.tolist()]).tolist() == MNIST_TEST_COUNTS


@pytest.fixture(scope="module")
def baseline() -> ModuleType:
    """The challenge's `baseline.py`."""
    return load_script(FOLDER, "baseline")


def run(model: Path, image: np.ndarray) -> np.ndarray:
    (logits,) = onnxruntime.InferenceSession(model).run(["logits"], {"image": image})
    return np.asarray(logits)


def count(model: Path) -> int:
    return sum(int(np.prod(tensor.dims)) for tensor in onnx.load(model).graph.initializer)


def test_the_sample_model_is_small_and_knows_nothing(tmp_path: Path):
    script = load_script(FOLDER, "prepare")
    script.save_sample(tmp_path / "sample.onnx")
    assert count(tmp_path / "sample.onnx") == 20
    for rows in (1, 3):
        assert (
            run(tmp_path / "sample.onnx", np.ones((rows, 1, 28, 28), dtype=np.float32)).tolist() == [[0.0] * 10] * rows
        )


def test_the_student_fits_and_is_exported_as_it_is(baseline: ModuleType, tmp_path: Path):
    torch.manual_seed(0)
    network = load_script(FOLDER, "network").build()
    state = network.state_dict().values()
    assert sum(weights.numel() for weights in network.parameters()) == 4514
    assert sum(tensor.numel() for tensor in state) == 4662
    assert sum(tensor.numel() * tensor.element_size() for tensor in state) < 40_000
    baseline.export(network, tmp_path / "model.onnx")
    assert count(tmp_path / "model.onnx") <= 4514
    for rows in (1, 7):
        image = np.random.default_rng(rows).random((rows, 1, 28, 28), dtype=np.float32)
        with torch.no_grad():
            assert run(tmp_path / "model.onnx", image) == pytest.approx(
                network(torch.from_numpy(image)).numpy(), abs=1e-5
            )


def test_the_loss_is_nothing_where_student_and_teacher_agree(baseline: ModuleType):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 5, 10))
    heat = baseline.TEMPERATURE
    p, t = (np.exp(z / heat) / np.exp(z / heat).sum(1, keepdims=True) for z in (student, teacher))
    expected = heat**2 * (t * np.log(t / p)).sum(1).mean()
    tensors = torch.from_numpy(student), torch.from_numpy(teacher)
    assert baseline.distillation_loss(*tensors).item() == pytest.approx(expected, rel=1e-9)
    assert baseline.distillation_loss(tensors[1], tensors[1] + 3).item() == pytest.approx(0, abs=1e-12)


def test_the_baseline_learns_from_the_scores_alone(world: Folders, baseline: ModuleType, tmp_path: Path):
    """Where no label is known, the student comes to say what the teacher says."""
    train = load_part(world[0], "train")
    shutil.copy(world[0] / "network.py", tmp_path)
    np.savez(tmp_path / "train.npz", image=train["image"].repeat(5, 0), logits=train["logits"].repeat(5, 0))
    baseline.main(tmp_path, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", train["image"].astype(np.float32) / 255).argmax(1)
    assert (found == train["logits"].argmax(1)).mean() > 0.5
