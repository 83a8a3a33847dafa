"""A first solution for mnist_digits: a small convolutional network in PyTorch, trained for two rounds.

Two layers look for strokes, each followed by a step that keeps the strongest answer of four neighbours; one linear
layer adds up the evidence for each digit. More rounds, wider layers and turned or shifted copies of the training
images are where you can do better.

    python baseline.py --data mnist_digits --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

ROUNDS = 2
BATCH = 128
LEARNING_RATE = 3e-3


def make_network() -> nn.Module:
    """From one grey image of 28×28 pixels to ten scores, about 9,000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),  # 28 → 14
        nn.Conv2d(8, 16, kernel_size=3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),  # 14 → 7
        nn.Flatten(),
        nn.Linear(16 * 7 * 7, 10),
    )


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """Pixels 0 … 255 of shape (n, 28, 28) as floats 0 … 1 of shape (n, 1, 28, 28)."""
    return torch.from_numpy(images).float().div(255).unsqueeze(1)


def main(data: Path, out: Path) -> None:
    """Learn from `train.npz`, write a label for each image of `test.npz`."""
    torch.manual_seed(0)
    with np.load(data / "train.npz") as train:
        x, y = to_tensor(train["x"]), torch.from_numpy(train["y"]).long()
    with np.load(data / "test.npz") as test:
        ids, x_test = test["id"], to_tensor(test["x"])

    network = make_network()
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for number in range(ROUNDS):
        losses = []
        for rows in torch.split(torch.randperm(len(x)), BATCH):
            loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(loss.item())
        print(f"round {number + 1}: mean loss {np.mean(losses):.3f}")

    network.eval()
    with torch.no_grad():
        probabilities = torch.cat([network(part).softmax(dim=1) for part in torch.split(x_test, 1000)])
    submission = {"id": ids, "label": probabilities.argmax(dim=1).numpy()}
    submission |= {f"p{digit}": probabilities[:, digit].double().numpy().round(6) for digit in range(10)}
    pl.DataFrame(submission).write_csv(out)
    print(f"wrote {len(ids)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and test.npz")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
