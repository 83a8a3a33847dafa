"""Scores repainted pictures: how far they went from the picture towards the style, and how much structure is left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter  # type: ignore[import-untyped]

from challenges._generators.grading import Given, Graded, Hidden, Side, grade_mean

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bank = list[NDArray[np.float32]]
"""Filters of each size, shape (filters, size, size, 3)."""

DIRECTION, BEST = "max", 1.0
WHITE = 255
GREY = 0.5
SCALES = (1, 2)
"""A picture is looked at as it is, and at half its size."""
LUMA = (0.299, 0.587, 0.114)
"""Luminance of red, green and blue (ITU-R BT.601)."""
WINDOW = 7
"""Side of the squares that structure is compared in, in pixels."""
STEADY = ((0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2)
"""What keeps the quotients of SSIM steady in dark and in even squares."""
LEVELS = 8
"""Levels of each channel that colours are counted in."""
SHOWN_PAIRS = 5


def grade(given: Given, hidden: Hidden, side: Side) -> Graded:
    """Mean over one side's pairs of the harmonic mean of style and content.

    Args:
        given: `out`, shape (40, 96, 96, 3), in the order of the ids.
        hidden: `pictures`, and of each side a bank of filters, `bank_public` and `bank_private`.
        side: The pairs.
    """
    pictures, filters = hidden["pictures"], hidden[f"bank_{side.name}"]
    contents, chosen = pictures["content"][side.rows], pictures["chosen"][side.rows]
    outs, styles = given.arrays["out"][side.rows], pictures["style"][chosen]
    bank = [filters[name] for name in sorted(filters)]
    wanted = {place: describe_patches(pictures["style"][place], bank) for place in np.unique(chosen).tolist()}
    style, content = (np.empty(len(outs)) for _ in range(2))
    for row, (out, start, place) in enumerate(zip(outs, contents, chosen.tolist(), strict=True)):
        style[row] = measure_style(out, start, wanted[place], bank)
        content[row] = max(measure_structure(out, start), 0.0)
    scores = join(style, content)
    return grade_mean(
        scores,
        secondary={
            "style": float(style.mean()),
            "content": float(content.mean()),
            "colour_distance": float(np.mean([compare_colours(a, b) for a, b in zip(outs, styles, strict=True)])),
            "total_variation": float(np.mean([measure_variation(out) for out in outs])),
        },
        shown=show((contents, styles, outs), style, content, scores) if side.is_public else {},
    )


def join(style: Floats, content: Floats) -> Floats:
    """Harmonic mean of both; 0 where one of them is."""
    total = style + content
    return np.divide(2 * style * content, total, out=np.zeros_like(total), where=total > 0)


def measure_style(out: Pixels, start: Pixels, wanted: list[Floats], bank: Bank) -> float:
    """Share of the way from the picture to the style: 0 where it began or further away, 1 in the style.

    Args:
        out: The repainted picture, shape (height, width, 3).
        start: The picture before.
        wanted: What patches of the style are like.
        bank: The filters.
    """
    left, whole = (compare_patches(describe_patches(picture, bank), wanted) for picture in (out, start))
    return max(1 - float(np.sqrt(left / max(whole, 1e-12))), 0.0)


def describe_patches(picture: Pixels, bank: Bank) -> list[Floats]:
    """Gram matrices of the filters' rectified answers, one for each scale and size of filters.

    Two pictures of one style differ at every pixel and agree in these numbers. The filters need no training: many
    random ones together see nearly every difference between two sets of patches.

    Source: Gatys, Ecker and Bethge, Texture Synthesis Using Convolutional Neural Networks, 2015, section 2;
    Ustyuzhaninov, Brendel, Gatys and Bethge, What does it take to generate natural textures?, 2017 (random filters).

    Args:
        picture: Shape (height, width, 3), even sides of at least twice a filter's.
        bank: The filters.

    Returns:
        Matrices of shape (filters, filters): entry i, j is the mean over all places of answer i times answer j.
    """
    pixels = picture.astype(np.float32) / np.float32(WHITE) - np.float32(GREY)
    height, width, channels = pixels.shape
    grams = []
    for scale in SCALES:
        small = pixels.reshape(height // scale, scale, width // scale, scale, channels).mean((1, 3))
        for filters in bank:
            count, size = filters.shape[:2]
            patches = sliding_window_view(small, (size, size), axis=(0, 1)).reshape(-1, channels * size * size)
            answers = np.maximum(patches @ filters.transpose(0, 3, 1, 2).reshape(count, -1).T, 0)
            grams.append(np.asarray(answers.T @ answers / len(answers), dtype=np.float64))
    return grams


def compare_patches(found: list[Floats], wanted: list[Floats]) -> float:
    """Mean over the matrices of the squared distance, as a share of the wanted one's square; 0 where all agree."""
    return float(np.mean([((a - b) ** 2).sum() / (b**2).sum() for a, b in zip(found, wanted, strict=True)]))


def measure_structure(out: Pixels, start: Pixels) -> float:
    """Structural similarity of the luminance, from -1 to 1.

    Source: Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to structural
    similarity, 2004, equation 13; with square windows, as `skimage.metrics.structural_similarity` has them.

    Args:
        out: Shape (height, width, 3), uint8.
        start: The picture to compare with, of the same shape.
    """
    a, b = (picture @ np.array(LUMA) for picture in (out, start))
    mean_a, mean_b, square_a, square_b, product = (uniform_filter(x, WINDOW) for x in (a, b, a * a, b * b, a * b))
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    spread = unbiased * (square_a - mean_a**2 + square_b - mean_b**2)
    shared = unbiased * (product - mean_a * mean_b)
    light = (2 * mean_a * mean_b + STEADY[0]) / (mean_a**2 + mean_b**2 + STEADY[0])
    edge = WINDOW // 2
    similar = light * (2 * shared + STEADY[1]) / (spread + STEADY[1])
    return float(similar[edge:-edge, edge:-edge].mean())


def compare_colours(out: Pixels, style: Pixels) -> float:
    """Share of the pixels whose colour, in 8 × 8 × 8 boxes, would have to change; 0 where all colours agree."""
    counts = []
    for picture in (out, style):
        red, green, blue = (picture.reshape(-1, 3) // (WHITE // LEVELS + 1)).astype(np.intp).T
        counts.append(np.bincount((red * LEVELS + green) * LEVELS + blue, minlength=LEVELS**3) / len(red))
    return float(np.abs(counts[0] - counts[1]).sum() / 2)


def measure_variation(picture: Pixels) -> float:
    """Mean difference between neighbouring pixels, in grey levels of one channel."""
    steps = [np.abs(np.diff(picture.astype(np.float64), axis=axis)).mean() for axis in (0, 1)]
    return float(np.mean(steps))


def show(pictures: tuple[Pixels, Pixels, Pixels], style: Floats, content: Floats, scores: Floats) -> dict[str, Any]:
    """Style over content of each pair, and some pairs from the worst to the best; all of it can be downloaded."""
    order = np.argsort(scores, kind="stable")
    places = order[np.linspace(0, len(order) - 1, min(SHOWN_PAIRS, len(order))).round().astype(int)]
    heads = (("content", "内容"), ("style", "风格"), ("yours", "你的结果"))
    return {
        "pairs": {
            "columns": [{"en": en, "zh": zh} for en, zh in heads],
            "rows": [
                {
                    "pictures": [picture[row] for picture in pictures],
                    "caption": {
                        "en": f"style {style[row]:.2f}, content {content[row]:.2f}, score {scores[row]:.2f}",
                        "zh": f"风格 {style[row]:.2f}，内容 {content[row]:.2f}，得分 {scores[row]:.2f}",
                    },
                }
                for row in places.tolist()
            ],
        },
        "balance": {
            "x_label": {"en": "content", "zh": "内容"},
            "y_label": {"en": "style", "zh": "风格"},
            "points": np.stack([content, style], axis=1).tolist(),
        },
    }
