"""svd_compress: what grade.py tells agrees with the field's own functions; MNIST is read and spoiled as promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import orth, subspace_angles  # type: ignore[import-untyped]
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier

from arena.catalogue.levels import Level, level_of
from challenges._generators.grading import Given, Graded, Side
from challenges._generators.keys import Keys
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.real_data import REAL, needs_files, serve_real_files

FOLDER = CHALLENGES / "svd_compress"
PREPARE, GRADE = (load_script(FOLDER, name) for name in ("prepare", "grade"))
PIXELS, ROWS = 784, 60


def invent(seed: int) -> dict[str, dict[str, Any]]:
    """Hidden images near a plane of 30 dimensions, digits, and the directions of clean images."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(ROWS, 30)) @ rng.normal(size=(30, PIXELS)) * 12 + 120
    clean = images.clip(0, 255).astype(np.uint8)
    return {
        "images": {"image": clean},
        "answers": {"label": rng.integers(0, 10, ROWS)},
        "train": {"image": clean[:20].astype(np.uint16), "basis": PREPARE.find_basis(clean)},
    }


def grade(hidden: dict[str, dict[str, Any]], mean: np.ndarray, components: np.ndarray, rows: np.ndarray) -> Graded:
    arrays = {"mean": mean.astype(np.float32), "components": components.astype(np.float32)}
    graded: Graded = GRADE.grade(Given(arrays=arrays), hidden, Side("public", rows))
    return graded


def restore(images: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """The nearest points of the subspace, by least squares: no orthonormal directions are needed."""
    codes = np.linalg.lstsq(components.T, (images - mean).T, rcond=1e-5)[0]
    return np.asarray(mean + (components.T @ codes).T)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 5, 24])
def test_every_number_is_that_of_the_reference(seed: int, count: int):
    rng, hidden = np.random.default_rng(100 + seed), invent(seed)
    rows = np.sort(rng.permutation(ROWS)[:40])
    images = hidden["images"]["image"][rows] / 255
    mean = (images.mean(0) + rng.normal(0, 0.1, PIXELS)).astype(np.float32).astype(np.float64)
    # neither orthogonal nor of one length, and partly along what images vary in
    components = (
        rng.normal(size=(count, ROWS)) @ (hidden["images"]["image"] / 255 - 0.5) * rng.uniform(0.1, 9, (count, 1))
    )
    components = components.astype(np.float32).astype(np.float64)
    told = grade(hidden, mean, components, rows)
    expected = r2_score(images, restore(images, mean, components), multioutput="variance_weighted")
    assert told.score == pytest.approx(expected, abs=1e-6)
    for first in (4, 8, 16):
        prefix = restore(images, mean, components[:first])
        assert told.secondary[f"first_{first}"] == pytest.approx(
            r2_score(images, prefix, multioutput="variance_weighted"), abs=1e-6
        )
    angles = subspace_angles(components.T, hidden["train"]["basis"].T.astype(np.float64))
    assert told.secondary["angle"] == pytest.approx(float(np.degrees(angles.max())), abs=1e-3)
    codes, labels = (images - mean) @ orth(components.T), hidden["answers"]["label"][rows]
    hits = [
        KNeighborsClassifier(1).fit(np.delete(codes, row, 0), np.delete(labels, row)).predict(codes[[row]])[0]
        == labels[row]
        for row in range(len(codes))
    ]
    assert told.secondary["neighbours"] == pytest.approx(np.mean(hits))


def test_the_best_directions_of_the_hidden_images_are_those_of_pca():
    hidden = invent(7)
    images = hidden["images"]["image"] / 255
    pca = PCA(24, svd_solver="full").fit(images)
    told = grade(hidden, images.mean(0), pca.components_, np.arange(ROWS))
    assert told.score == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-6)
    assert told.secondary["angle"] < 0.1
    assert told.influence is not None
    assert told.influence.mean() == pytest.approx(0, abs=1e-9)


def test_directions_that_add_nothing_count_as_none():
    hidden, rng, rows = invent(8), np.random.default_rng(8), np.arange(ROWS)
    images = hidden["images"]["image"] / 255
    three = rng.normal(size=(3, PIXELS))
    twice = np.concatenate([three, three[:2] * 5, np.zeros((1, PIXELS))])
    once, again = (grade(hidden, images.mean(0), components, rows) for components in (three, twice))
    assert again.score == pytest.approx(once.score, abs=1e-6)
    assert again.secondary["angle"] == pytest.approx(once.secondary["angle"], abs=1e-2)
    nothing = grade(hidden, images.mean(0), np.zeros((2, PIXELS)), rows)
    assert nothing.score == pytest.approx(0, abs=1e-6)
    assert "angle" not in nothing.secondary


def test_a_score_below_0_comes_from_the_mean_and_never_from_directions():
    hidden, rng, rows = invent(9), np.random.default_rng(9), np.arange(ROWS)
    far = np.full(PIXELS, 3.0)
    directions = rng.normal(size=(24, PIXELS))
    steps = [grade(hidden, far, directions[:count], rows).score for count in (1, 4, 12, 24)]
    assert steps == sorted(steps)
    assert steps[0] < 0
    mean = (hidden["images"]["image"] / 255).mean(0)
    assert grade(hidden, mean, directions, rows).score >= 0


def test_nothing_shown_is_a_hidden_image():
    hidden = invent(10)
    told = grade(hidden, np.zeros(PIXELS), np.eye(3, PIXELS), np.arange(30, ROWS))
    assert set(told.shown) == {"variance", "images", "residuals"}
    pictures = [row["pictures"][0].reshape(-1) for row in told.shown["images"]["rows"]]
    train = hidden["train"]["image"][: len(pictures)]
    assert (np.array(pictures) == train).all()
    arrays = {"mean": np.zeros(PIXELS), "components": np.eye(3, PIXELS)}
    private = GRADE.grade(Given(arrays=arrays), hidden, Side("private", np.arange(30)))
    assert private.shown == {}


@pytest.fixture(scope="module")
def noise() -> tuple[np.ndarray, np.ndarray]:
    clean = np.full((4000, PIXELS), 7, dtype=np.uint8)
    return clean, PREPARE.spoil(clean, Keys(SECRET, "svd_compress", 1))


def test_about_six_images_in_a_hundred_are_noise_of_any_loudness(noise: tuple[np.ndarray, np.ndarray]):
    clean, spoiled = noise
    is_noise = (spoiled != clean).any(1)
    assert 0.045 < is_noise.mean() < 0.075
    loudest = spoiled[is_noise].max(1)
    assert loudest.max() > 3.5 * 255
    assert (loudest < 255).mean() == pytest.approx(0.25, abs=0.1)


@needs_files
def test_the_small_part_of_mnist_is_spoiled_and_its_hidden_part_is_clean(workshop: Workshop):
    with serve_real_files() as mirror:
        made = workshop.prepare("svd_compress", source="t10k", mirror=mirror)
    official = PREPARE.load_pool(next(REAL.rglob("t10k-images-idx3-ubyte.gz")).parent, ("t10k",))
    known = {image.tobytes(): int(label) for image, label in zip(*official, strict=True)}
    with np.load(made.hidden / "images.npz") as images, np.load(made.public / "train.npz") as train:
        hidden, learned = images["image"], train["image"]
    assert hidden.shape == (1500, PIXELS)
    assert learned.shape == (3000, PIXELS)
    assert [known[image.tobytes()] for image in hidden] == made.answers["label"].to_list()
    clean = [image.astype(np.uint8).tobytes() in known and image.max() <= 255 for image in learned]
    assert 0.92 < np.mean(clean) < 0.96
    assert not {image.tobytes() for image in hidden} & {image.astype(np.uint8).tobytes() for image in learned}
    check_scores(made)


def check_scores(made: Prepared) -> None:
    """The sample and the baseline get about what the board of this source tells."""
    told = made.package.manifest.sources["t10k"].baselines
    for path, place in ((made.sample_file, 0), (made.run_baseline()[0], 1)):
        verdict = made.grade(path)
        assert verdict.outcome is Outcome.SCORED
        assert verdict.private is not None
        assert verdict.private.score == pytest.approx(told[place].score, abs=0.03)


def test_a_file_that_is_not_mnist_is_refused(tmp_path: Path):
    raw, public, hidden = (tmp_path / part for part in ("raw", "public", "hidden"))
    for folder in (raw, public, hidden):
        folder.mkdir()
    for kind in ("images-idx3", "labels-idx1"):
        (raw / f"t10k-{kind}-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(InvalidSource, match="t10k-images-idx3-ubyte"):
        PREPARE.prepare(raw, public, hidden, Keys(SECRET, "svd_compress", 1), "t10k")


def test_quiet_noise_keeps_from_the_highest_level(workshop: Workshop, tmp_path: Path):
    """As the page says: without pixels above 255 an installation's score may do, but the angle does not."""
    made = workshop.prepare("svd_compress")
    with np.load(made.public / "train.npz") as train:
        images = train["image"] / 255
    distances = ((images - np.median(images, axis=0)) ** 2).sum(1)
    chosen = {"quiet": images.max(1) <= 1, "none": distances <= np.quantile(distances, 0.93)}
    earned = {}
    for name, kept in chosen.items():
        pca = PCA(24, svd_solver="full").fit(images[kept])
        arrays = {"mean": pca.mean_.astype(np.float32), "components": pca.components_.astype(np.float32)}
        np.savez(tmp_path / "s.npz", **arrays)
        private = made.grade(tmp_path / "s.npz").private
        assert private is not None
        earned[name] = level_of(made.package.manifest, private.score, private.secondary)
    assert earned == {"quiet": Level.GOOD, "none": Level.EXCELLENT}
