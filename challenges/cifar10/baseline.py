"""A first solution for cifar10: a small convolutional network in PyTorch, trained for four rounds.

Three layers look for edges, then for corners and curves, then for parts of things; after each, only the strongest
answer of four neighbours is kept. One linear layer adds up the evidence for each class. Wider layers, evened-out
contrast and mirrored or shifted copies of the training images are where you can do better.

    python baseline.py --data cifar10 --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

WIDTH = 8
ROUNDS = 4
BATCH = 64
LEARNING_RATE = 3e-3
CLASSES = 10

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_layer(before: int, after: int) -> nn.Module:
    """Look for `after` patterns in `before` planes, and halve the sides."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def make_network() -> nn.Module:
    """From a colour image of 32×32 pixels to ten scores, about 11,000 weights."""
    return nn.Sequential(
        make_layer(3, WIDTH),  # 32 → 16
        make_layer(WIDTH, 2 * WIDTH),  # 16 → 8
        make_layer(2 * WIDTH, 4 * WIDTH),  # 8 → 4
        nn.Flatten(),
        nn.Linear(4 * WIDTH * 4 * 4, CLASSES),
    )


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """Pixels 0 … 255 of shape (n, 32, 32, 3) as planes 0 … 1 of shape (n, 3, 32, 32), which PyTorch wants."""
    return torch.from_numpy(pixels).to(DEVICE).permute(0, 3, 1, 2).float().div(255).contiguous()


def train(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    """Show all images to the network `ROUNDS` times, with a learning rate that rises and falls to nothing."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    steps = ROUNDS * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for number in range(ROUNDS):
        losses = []
        for rows in torch.split(torch.randperm(len(x), device=DEVICE), BATCH):
            loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"round {number + 1}: mean loss {np.mean(losses):.3f}")


def main(data: Path, out: Path) -> None:
    """Learn from `train.npz`, write a label and ten probabilities for each image of `test.npz`."""
    torch.manual_seed(0)
    with np.load(data / "train.npz") as arrays:
        x, y = to_tensor(arrays["x"]), torch.from_numpy(arrays["y"]).to(DEVICE).long()
    with np.load(data / "test.npz") as arrays:
        ids, x_test = arrays["id"], to_tensor(arrays["x"])
    network = make_network().to(DEVICE)
    train(network, x, y)
    network.eval()
    with torch.no_grad():
        probabilities = torch.cat([network(part).softmax(dim=1) for part in torch.split(x_test, 500)]).cpu()
    submission = {"id": ids, "label": probabilities.argmax(dim=1).numpy()}
    submission |= {f"p{label}": probabilities[:, label].double().numpy().round(6) for label in range(CLASSES)}
    pl.DataFrame(submission).write_csv(out)
    print(f"wrote {len(ids)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and test.npz")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
