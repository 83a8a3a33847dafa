"""Makes the data of distillation: digits, drawn (offline) or MNIST's (real, t10k), and what a trained teacher says.

The teacher is trained here, on labels that participants do not get, and thrown away: its weights are written nowhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import nn

from challenges._generators.digits import SIZE, draw_digits
from challenges._generators.idx import load_pool
from challenges._generators.keys import Keys
from challenges._generators.models import save_model
from challenges._generators.pictures import save_sheet
from challenges._generators.slices import measure_pen, measure_skew, name_thirds

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Part = tuple[Images, Labels]

ROWS = {"offline": (12_000, 4_000), "real": (12_000, 4_000), "t10k": (8_000, 2_000)}
"""Training and hidden images of each source."""
POOLS = {"real": ("train", "t10k"), "t10k": ("t10k",)}
"""Parts of MNIST that each source pools."""
LABELLED_ROWS = 1_500
UNLABELLED = -1
CLASSES = 10
DECIMALS = 4
"""Of published logits: full precision would tell more of the teacher than its answers."""

ROUNDS = 5
BATCH = 64
LEARNING_RATE = 3e-3


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public`, the answers and the hidden images into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`; `real` (all four files of MNIST); `t10k` (its two small files).
    """
    (x, y), (x_hidden, y_hidden) = make_parts(raw, keys, source)
    with _repeatable(keys):
        teacher = train_teacher(x, y)
        logits, hidden_logits = ask(teacher, x), ask(teacher, x_hidden)
    labels = np.where(np.arange(len(y)) < LABELLED_ROWS, y.astype(np.int8), np.int8(UNLABELLED))
    np.savez_compressed(public / "train.npz", image=x[:, None], label=labels, logits=logits.round(DECIMALS))
    shutil.copyfile(Path(__file__).with_name("network.py"), public / "network.py")
    save_sample(public / "sample_model.onnx")
    save_sheet(public / "preview.png", x[:160], columns=20)
    ids = np.array(keys.ids(len(x_hidden)))
    order = np.argsort(ids)
    np.savez(hidden / "inputs.npz", id=ids[order], image=x_hidden[order][:, None])
    answers = pl.DataFrame({"id": ids, **describe(x_hidden, y_hidden, hidden_logits)})
    answers[order].write_parquet(hidden / "answers.parquet")


def make_parts(raw: Path, keys: Keys, source: str) -> tuple[Part, Part]:
    """Images and labels to learn from, and hidden ones."""
    rows = ROWS[source]
    if source not in POOLS:
        return draw_part("train", rows[0], keys), draw_part("test", rows[1], keys)
    x, y = load_pool(raw, POOLS[source])
    learn, hidden = keys.divide(len(x), rows[1])
    train = learn[: rows[0]]
    return (x[train], y[train]), (x[hidden], y[hidden])


def draw_part(part: str, count: int, keys: Keys) -> Part:
    """Draw digits of one part: labels, handwriting and paper each from a key of their own."""
    labels = keys.rng(f"{part}/labels").integers(0, CLASSES, count).astype(np.uint8)
    return draw_digits(labels, keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")), labels


def describe(x: Images, y: Labels, logits: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """Columns of the answers: the digit, the teacher's one and its probabilities, and groups for diagnostics."""
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    probabilities = powers / powers.sum(1, keepdims=True)
    choice = logits.argmax(1).astype(np.int64)
    return {
        "label": y.astype(np.int64),
        "teacher_label": choice,
        **{f"t{digit}": probabilities[:, digit] for digit in range(CLASSES)},
        "slice_teacher": choice.astype(np.str_),
        "slice_pen_width": name_thirds(measure_pen(x), ("thin", "medium", "thick")),
        "slice_skew": name_thirds(measure_skew(x), ("leaning left", "upright", "leaning right")),
    }


def make_teacher() -> nn.Module:
    """A convolutional network of about 74,000 parameters."""
    return nn.Sequential(
        *_layer(1, 24, stride=2),  # 28 → 14
        *_layer(24, 48),
        *_layer(48, 48, stride=2),  # 14 → 7
        *_layer(48, 96),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(96, CLASSES),
    )


def _layer(channels: int, wider: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, wider, kernel_size=3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(wider), nn.ReLU()]


def train_teacher(x: Images, y: Labels) -> nn.Module:
    """Train the teacher on all labels, in about half a minute of one processor."""
    images, labels = _to_tensor(x), torch.from_numpy(y).long()
    # the last dimension in memory is the channel: a third faster on a processor
    teacher: nn.Module = make_teacher().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(teacher.parameters(), lr=LEARNING_RATE)
    steps = ROUNDS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for _ in range(ROUNDS):
        for rows in torch.split(torch.randperm(len(images)), BATCH):
            loss = nn.functional.cross_entropy(teacher(images[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return teacher.eval()


def ask(teacher: nn.Module, x: Images) -> NDArray[np.float32]:
    """The teacher's ten scores for each image, shape (n, 10)."""
    with torch.no_grad():
        return np.concatenate([teacher(part).numpy() for part in torch.split(_to_tensor(x), 500)])


def _to_tensor(x: Images) -> torch.Tensor:
    return torch.from_numpy(x).unsqueeze(1).float().div(255)


@contextmanager
def _repeatable(keys: Keys) -> Iterator[None]:
    """Random numbers from the key, sums in one order: one secret makes one teacher. All is restored afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(keys.key("teacher")[:8], "big"))
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)  # noqa: FBT003
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)


def save_sample(path: Path) -> None:
    """Write the sample model: one number for each image, its mean, and weights of 0, so that it calls everything 0."""
    weights = {
        "weight": np.zeros((1, CLASSES), dtype=np.float32),
        "bias": np.zeros(CLASSES, dtype=np.float32),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["brightness"]),
        helper.make_node("Gemm", ["brightness", "weight", "bias"], ["logits"]),
    ]
    save_model(path, nodes, weights, (1, SIZE, SIZE), CLASSES)
