"""Challenges in memory that take models: small images with a few classes, and short lines of text."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graders.loading import LoadedChallenge, make_challenge
from tests.graders.examples import TEXT, make_manifest

CHANNELS, SIZE, CLASSES, ROWS = 1, 8, 3, 40
TOKENS, VOCABULARY, LINES = 16, 12, 30
ARCHITECTURE = b"""
import torch

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.head = torch.nn.Linear(4 * 36, 3)

    def forward(self, image):
        return self.head(torch.relu(self.norm(self.conv(image))).flatten(1))

def build():
    return Network()
"""


def images(seed: int = 0, rows: int = ROWS) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (rows, CHANNELS, SIZE, SIZE), dtype=np.uint8)


def image_challenge(formats: list[str] | None = None, *, shown: int = 0, **model: Any) -> LoadedChallenge:
    """Images of bytes, scaled to 0 … 1; labels and probabilities of three classes."""
    formats = formats or ["onnx"]
    labels = [str(code) for code in range(CLASSES)]
    limits = model.pop("limits", {"grade_seconds": 60, "upload_bytes": 1_000_000})
    number = {"type": "number", "minimum": 0.0, "maximum": 1.0, "optional_group": "p"}
    manifest = make_manifest(
        [{"name": "label", "type": "label", "labels": labels}, *({"name": f"p{c}", **number} for c in labels)],
        {"name": "accuracy", "direction": "max", "columns": ["label"]},
        kind=formats[0],
        submission={"probability_groups": ["p"]},
        limits=limits,
        model={
            "formats": formats,
            "inputs": [tensor("image", "float32", [-1, CHANNELS, SIZE, SIZE], scale=1 / 255)],
            "output": tensor("logits", "float32", [-1, CLASSES]),
            "reading": "classes",
            "architecture": "network.py" if "weights" in formats else "",
            "batch_rows": 16,
            **model,
        },
    )
    return make_challenge(
        manifest,
        answers("label", [row % CLASSES for row in range(ROWS)]),
        read_package=lambda _name: ARCHITECTURE,
        read_hidden=lambda _name: archive(image=images(rows=ROWS + shown)),
    )


def lines(rows: int = LINES, seed: int = 0) -> NDArray[np.uint8]:
    """Text with a grammar: mostly, the next token is the last one plus one."""
    rng = np.random.default_rng(seed)
    text = rng.integers(0, VOCABULARY, (rows, TOKENS + 1))
    for place in range(1, TOKENS + 1):
        goes_on = rng.random(rows) < 0.7
        text[goes_on, place] = (text[goes_on, place - 1] + 1) % VOCABULARY
    return text.astype(np.uint8)


def text_challenge(*, shown: int = 0, **model: Any) -> LoadedChallenge:
    """Lines of tokens; a model predicts the next one."""
    manifest = make_manifest(
        [{"name": "bits", "type": "number", "minimum": 0.0}],
        {"name": "bits_per_character", "direction": "min", "columns": ["bits"], "answer": "scored"},
        kind="onnx",
        limits={"grade_seconds": 60, "upload_bytes": 1_000_000},
        model={
            "formats": ["onnx"],
            "inputs": [tensor("tokens", "int64", [-1, -1], below=VOCABULARY)],
            "output": tensor("logits", "float32", [-1, -1, VOCABULARY]),
            "reading": "next_token",
            "first_scored": 4,
            "attachments": ["sample.txt"],
            **model,
        },
    )
    return make_challenge(
        manifest,
        answers("scored", [TOKENS - 4] * LINES),
        read_hidden=lambda _name: archive(tokens=lines(LINES + shown)),
    )


def tensor(name: str, dtype: str, shape: list[int], **facts: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape, "description": TEXT, **facts}


def answers(column: str, values: list[Any]) -> pl.DataFrame:
    """Every third row is public: the order of the answers is another than that of the inputs."""
    rows = len(values)
    return pl.DataFrame(
        {
            "id": [f"r{row:03}" for row in range(rows)],
            column: values,
            "side": ["public" if row % 3 == 0 else "private" for row in range(rows)],
        }
    )


def archive(**arrays: NDArray[Any]) -> bytes:
    """`inputs.npz`; rows beyond the answers are shown ones."""
    rows = len(next(iter(arrays.values())))
    file = BytesIO()
    np.savez(file, id=np.array([f"r{row:03}" for row in range(rows)]), **arrays)  # type: ignore[arg-type]
    return file.getvalue()
