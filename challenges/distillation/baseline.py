"""A first solution for distillation: the published student, trained on what the teacher says of all images.

A label says "this is a 4". The teacher says "a 4, though a 9 is not out of the question": that is more to learn from,
and it is there for every image. Both networks' scores are divided by a temperature before they are compared, so that
the small probabilities count. More rounds, moved copies of the images and the few true labels are left to you.

    python baseline.py --data distillation --out model.onnx
"""

from __future__ import annotations

import argparse
import runpy
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROUNDS = 4
BATCH = 64
LEARNING_RATE = 4e-3
TEMPERATURE = 2.0

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def distillation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """How far the student's softened probabilities are from the teacher's: Kullback-Leibler divergence.

    Args:
        student: Scores, shape (rows, 10).
        teacher: Scores, shape (rows, 10).
    """
    ours = nn.functional.log_softmax(student / TEMPERATURE, dim=1)
    theirs = nn.functional.log_softmax(teacher / TEMPERATURE, dim=1)
    divergence = nn.functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
    return divergence * TEMPERATURE**2  # keeps the size of the gradient whatever the temperature


def train(network: nn.Module, images: torch.Tensor, logits: torch.Tensor) -> None:
    """Teach the network, with a learning rate that rises, then falls to nothing."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    steps = ROUNDS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for number in range(ROUNDS):
        losses = []
        for rows in torch.split(torch.randperm(len(images), device=DEVICE), BATCH):
            loss = distillation_loss(network(images[rows]), logits[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"round {number + 1}: mean loss {np.mean(losses):.3f}")


def export(network: nn.Module, out: Path) -> None:
    """Write the network as one ONNX file for any number of rows."""
    with warnings.catch_warnings():
        # torch's newer exporter would put the weights into a second file
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.cpu().eval(),
            (torch.zeros(2, 1, 28, 28),),
            out,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "rows"}, "logits": {0: "rows"}},
            opset_version=17,
            dynamo=False,
        )


def main(data: Path, out: Path) -> None:
    """Learn from `train.npz`, write a model."""
    torch.manual_seed(0)
    with np.load(data / "train.npz") as arrays:
        images = torch.from_numpy(arrays["image"]).to(DEVICE).float() / 255
        logits = torch.from_numpy(arrays["logits"]).to(DEVICE)
    network = runpy.run_path(str(data / "network.py"))["build"]().to(DEVICE)
    train(network, images, logits)
    export(network, out)
    print(f"wrote {sum(weights.numel() for weights in network.parameters())} parameters to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and network.py")
    parser.add_argument("--out", type=Path, required=True, help="model file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
