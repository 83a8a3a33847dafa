"""style_transfer: the score is what libraries compute, shortcuts stay below the levels, and gradients reach them."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter  # type: ignore[import-untyped]
from skimage.metrics import structural_similarity

from challenges._generators import textures
from challenges._generators.grading import Given, Graded, Side
from challenges._generators.keys import Keys
from challenges._generators.textures import COLOURS, KINDS, draw_textures
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.factories import thresholds_of
from tests.real_data import REAL, needs_files, serve_real_files

FOLDER = CHALLENGES / "style_transfer"
PREPARE, GRADE, BASELINE, GATYS = (load_script(FOLDER, name) for name in ("prepare", "grade", "baseline", "gatys"))
CHANCE = np.random.default_rng(5)
LUMA = np.array(GRADE.LUMA)
CPU = torch.device("cpu")
Pixels = NDArray[np.uint8]


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    """The challenge's offline data."""
    return workshop.prepare("style_transfer")


def load_pairs(made: Prepared) -> tuple[list[str], Pixels, Pixels]:
    with np.load(made.public / "pictures.npz", allow_pickle=False) as pictures:
        return pictures["id"].tolist(), pictures["content"], pictures["style"]


def load_hidden(made: Prepared) -> dict[str, dict[str, Any]]:
    hidden = {path.stem: dict(np.load(path)) for path in made.hidden.glob("*.npz")}
    assert set(hidden) == {"pictures", "bank_public", "bank_private"}
    return hidden


def load_bank(made: Prepared, side: str = "private") -> list[NDArray[np.float32]]:
    return list(load_hidden(made)[f"bank_{side}"].values())


def to_pixels(values: NDArray[Any]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def score(made: Prepared, outs: NDArray[Any], rows: NDArray[np.intp] | None = None) -> Graded:
    """What the private side says of pictures, of all pairs where no rows are named."""
    chosen = np.arange(len(outs)) if rows is None else rows
    graded: Graded = GRADE.grade(Given({"out": to_pixels(outs)}), load_hidden(made), Side("private", chosen))
    return graded


# The score


def test_content_is_scikit_images_structural_similarity(made: Prepared):
    _, contents, styles = load_pairs(made)
    noise = CHANCE.integers(0, 256, contents.shape[1:]).astype(np.uint8)
    black = np.zeros_like(noise)
    for a, b in [(contents[0], styles[0]), (contents[1], contents[2]), (noise, contents[3]), (black, noise)]:
        expected = structural_similarity(a @ LUMA, b @ LUMA, data_range=255)
        assert GRADE.measure_structure(a, b) == pytest.approx(expected, abs=1e-10)
        assert GRADE.measure_structure(a, a) == pytest.approx(1)


def test_patches_are_described_as_convolutions_of_torch_describe_them(made: Prepared):
    _, contents, styles = load_pairs(made)
    bank = load_bank(made)
    network = GATYS.Patches(CPU, 0)
    network._bank = [torch.from_numpy(filters).permute(0, 3, 1, 2) for filters in bank]
    both = np.stack([contents[0], styles[0]])
    expected = network.describe(GATYS.to_planes(both, CPU))
    found = [GRADE.describe_patches(picture, bank) for picture in both]
    for place, grams in enumerate(expected):
        for row in range(2):
            assert found[row][place] == pytest.approx(grams[row].numpy(), rel=1e-3, abs=1e-5)
    told = float(GATYS.compare([g[:1] for g in expected], [g[1:] for g in expected]))
    assert GRADE.compare_patches(*found) == pytest.approx(told, rel=1e-3)


def test_the_optimised_content_is_the_graded_one(made: Prepared):
    _, contents, styles = load_pairs(made)
    planes = [GATYS.to_planes(pictures[:5], CPU) for pictures in (styles, contents)]
    expected = [GRADE.measure_structure(a, b) for a, b in zip(styles[:5], contents[:5], strict=True)]
    assert GATYS.measure_structure(*planes).numpy() == pytest.approx(expected, abs=1e-3)


def test_the_ends_are_zero_and_one(made: Prepared):
    _, contents, styles = load_pairs(made)
    kept, copied = score(made, contents), score(made, styles)
    assert (kept.score, kept.secondary["style"]) == (0, 0)
    assert kept.secondary["content"] == pytest.approx(1)
    assert copied.secondary["style"] == pytest.approx(1)
    assert copied.secondary["colour_distance"] == 0
    assert GRADE.join(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 0.5])) == pytest.approx([0, 0.5, 2 / 3])


def test_colours_and_steps_are_counted():
    black, white = np.zeros((4, 4, 3), dtype=np.uint8), np.full((4, 4, 3), 255, dtype=np.uint8)
    half = np.concatenate([black[:2], white[:2]])
    assert (GRADE.compare_colours(black, white), GRADE.compare_colours(half, white)) == (1, 0.5)
    assert GRADE.measure_variation(black) == 0
    assert GRADE.measure_variation(half) == pytest.approx(255 / 3 / 2)


# What is hidden


def test_each_side_has_filters_of_its_own_and_none_is_published(made: Prepared, workshop: Workshop):
    other = workshop.prepare("style_transfer", installation="third", secret=bytes(32))
    banks = [load_bank(made), load_bank(made, "public"), load_bank(other)]
    for mine, theirs in ((0, 1), (0, 2)):
        for a, b in zip(banks[mine], banks[theirs], strict=True):
            assert np.abs(a.reshape(len(a), -1) @ b.reshape(len(b), -1).T).max() < 0.99
    published = b"".join(path.read_bytes() for path in made.public.iterdir())
    for filters in (*banks[0], *banks[1]):
        assert np.linalg.norm(filters.reshape(len(filters), -1), axis=1) == pytest.approx(1, abs=1e-5)
        assert filters[0].tobytes()[:16] not in published


def test_every_style_is_asked_for_equally_often_and_pictures_are_those_of_the_grader(made: Prepared):
    ids, contents, styles = load_pairs(made)
    pairs, hidden = pl.read_csv(made.public / "pairs.csv"), load_hidden(made)["pictures"]
    assert pairs["id"].to_list() == ids == sorted(ids) == made.answers["id"].to_list()
    assert sorted(pairs["style"].value_counts()["count"]) == [2] * 20
    assert (hidden["content"] == contents).all()
    assert (hidden["style"][pairs["style"].to_numpy()] == styles).all()
    assert len(np.unique(contents.reshape(40, -1), axis=0)) == 40


# Shortcuts


def tint(contents: Pixels, styles: Pixels) -> NDArray[np.float64]:
    """Brightness of the picture, and the style's colours pixel by pixel."""
    return np.asarray(styles + ((contents.astype(float) - styles) @ LUMA)[..., None])


def swap_bands(contents: Pixels, styles: Pixels, size: int) -> NDArray[np.float64]:
    """What the style is from afar, and the picture from near."""
    far = [uniform_filter(x.astype(float), (0, size, size, 0)) for x in (styles, contents)]
    return np.asarray(contents + far[0] - far[1])


def score_baseline(made: Prepared, rows: NDArray[np.intp]) -> float:
    _, contents, styles = load_pairs(made)
    colours = [BASELINE.transfer_colours(a, b) for a, b in zip(contents, styles, strict=True)]
    return float(score(made, np.stack(colours), rows).score)


SHORTCUTS = {
    "the style": lambda _, s: s,
    "both, half and half": lambda c, s: (c.astype(float) + s) / 2,
    "more of the style": lambda c, s: 0.3 * c + 0.7 * s,
    "side by side": lambda c, s: np.concatenate([c[:, :, :48], s[:, :, 48:]], axis=2),
    "edges over a blurred style": lambda c, s: swap_bands(c, s, 7),
    "edges over a very blurred style": lambda c, s: swap_bands(c, s, 15),
    "one colour": lambda _, s: np.broadcast_to(s.mean((1, 2), keepdims=True), s.shape),
    "noise": lambda c, _: np.random.default_rng(6).integers(0, 256, c.shape),
    "black": lambda c, _: np.zeros_like(c),
}


@pytest.mark.parametrize("name", SHORTCUTS)
def test_what_is_no_transfer_stays_below_the_baseline(made: Prepared, name: str):
    _, contents, styles = load_pairs(made)
    rows = np.arange(0, 40, 2)
    assert score(made, SHORTCUTS[name](contents, styles), rows).score < score_baseline(made, rows) - 0.02


def test_painting_the_styles_colours_over_the_picture_is_below_good(made: Prepared):
    """Content looks at brightness alone, so that this goes far; what it lacks is the brightness of strokes."""
    _, contents, styles = load_pairs(made)
    found = score(made, tint(contents, styles))
    assert found.secondary["content"] > 0.85
    assert found.score < thresholds_of(made.package.manifest).good


def test_gradients_of_another_network_go_far_beyond_colours(made: Prepared):
    """In a few steps, on a few pairs; and the secret filters see what those of the network saw."""
    _, contents, styles = load_pairs(made)
    rows = np.arange(0, 40, 10)
    start, wanted = (GATYS.to_planes(pictures[rows], CPU) for pictures in (contents, styles))
    painted = GATYS.repaint(start, wanted, steps=25).permute(0, 2, 3, 1).numpy() * 255
    outs = contents.copy()
    outs[rows] = to_pixels(painted)
    after = score(made, outs, rows)
    assert after.score > score_baseline(made, rows) + 0.1
    patches = GATYS.Patches(CPU, 0)
    own = GATYS.compare(*(patches.describe(x) for x in (GATYS.to_planes(outs[rows], CPU), wanted)))
    whole = GATYS.compare(*(patches.describe(x) for x in (start, wanted)))
    assert float((1 - (own / whole).sqrt()).mean()) == pytest.approx(after.secondary["style"], abs=0.1)


# What participants see


def test_the_gallery_shows_public_pairs_from_the_worst_to_the_best(made: Prepared, tmp_path: Path):
    ids, contents, styles = load_pairs(made)
    PREPARE.save_archive(tmp_path / "s.zip", dict(zip(ids, to_pixels(tint(contents, styles)), strict=True)))
    verdict = made.grade(tmp_path / "s.zip")
    assert verdict.outcome is Outcome.SCORED, verdict.faults
    gallery, scatter = verdict.diagnostics
    public = set(made.answers.filter(side="public")["id"])
    shown = [np.asarray(Image.open(BytesIO(base64.b64decode(row["pictures"][0])))) for row in gallery["rows"]]
    places = [int(np.flatnonzero((contents == picture).all((1, 2, 3)))[0]) for picture in shown]
    assert {ids[place] for place in places} <= public
    told = [float(row["caption"]["en"].rpartition(" ")[2]) for row in gallery["rows"]]
    assert told == sorted(told)
    assert (len(told), len(scatter["points"])) == (GRADE.SHOWN_PAIRS, 12)


def test_textures_repeat_for_a_stream_and_differ_otherwise():
    keys = Keys(SECRET, "demo", 1)
    first, again, other = (draw_textures(10, 48, keys.rng(name)) for name in ("a", "a", "b"))
    assert first.shape == (10, 48, 48, 3)
    assert (first == again).all()
    assert (first != other).mean() > 0.9


def test_palettes_go_from_dark_to_bright():
    palettes = np.stack([textures._draw_palette(np.random.default_rng(seed)) for seed in range(50)])
    assert palettes.min() >= 0
    assert palettes.max() <= 255
    lights = np.sort(palettes @ LUMA, axis=1)
    assert (np.abs(lights - np.linspace(*textures._LIGHTS, COLOURS)) <= 15.001).all()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_texture_has_the_colours_of_its_palette_and_is_alike_everywhere(kind: Any):
    palette = 255 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    pixels = np.asarray(kind(288, palette.astype(float), np.random.default_rng(2))).astype(float)
    far = np.abs(pixels.reshape(-1, 1, 3) - palette).max(2).min(1)
    assert np.quantile(far, 0.99) < 50
    assert len(palette) == COLOURS
    quarters = [pixels[y : y + 144, x : x + 144].mean((0, 1)) for y in (0, 144) for x in (0, 144)]
    assert np.ptp(quarters, axis=0).max() < 90


# The real source


@needs_files
def test_paintings_are_cut_up_and_the_baseline_repaints_in_them(workshop: Workshop, tmp_path: Path):
    with serve_real_files(REAL / "style-images") as mirror:
        made = workshop.prepare("style_transfer", source="real", mirror=mirror)
    _, contents, styles = load_pairs(made)
    assert contents.shape == styles.shape == (40, 96, 96, 3)
    assert len(np.unique(styles.reshape(40, -1), axis=0)) == 20
    BASELINE.main(made.public, tmp_path / "s.zip")
    verdict = made.grade(tmp_path / "s.zip")
    assert verdict.public is not None
    assert verdict.private is not None
    assert min(verdict.public.score, verdict.private.score) > 0.4
    assert made.grade(made.sample_file).outcome is Outcome.SCORED


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0cut"], ids=["empty", "no JPEG", "cut"])
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / "amber.jpg").write_bytes(content)
    with pytest.raises(InvalidSource, match=r"amber\.jpg is no JPEG picture"):
        PREPARE.load_picture(tmp_path / "amber.jpg")
