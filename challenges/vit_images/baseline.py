"""A first solution for vit_images: a small Vision Transformer, written out, trained on flipped and shifted images.

An image is cut into 64 patches of 4×4 pixels, and each becomes a token of 64 numbers. In every block the tokens look at
each other (attention), then each thinks for itself (two linear layers). Their mean decides. The training stops long
before the network has learned all it can: more rounds and livelier copies of the images are where you can do better.

    python baseline.py --data vit_images --out model.onnx
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

SIDE, PATCH = 32, 4
WIDTH, HEADS, DEPTH = 64, 4, 2
STEPS = 750  # six rounds of 8,000 images
BATCH = 64
LEARNING_RATE = 3e-3
SHIFT = 3  # pixels

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Attention(nn.Module):
    """Lets each token gather from the others what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = nn.Linear(WIDTH, 3 * WIDTH)
        self.answer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From tokens (rows, tokens, width) to as many."""
        shape = (-1, x.shape[1], HEADS, WIDTH // HEADS)
        query, key, value = (part.reshape(shape).transpose(1, 2) for part in self.ask(x).split(WIDTH, dim=2))
        # scaled before the product, so that the softmax follows it at once
        weights = torch.softmax((query * (WIDTH // HEADS) ** -0.5) @ key.transpose(2, 3), dim=3)
        gathered: torch.Tensor = self.answer((weights @ value).transpose(1, 2).flatten(2))
        return gathered


class Block(nn.Module):
    """Attention, then two linear layers; both add to what was there."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(WIDTH), Attention())
        self.thought = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From tokens (rows, tokens, width) to as many."""
        x = x + self.attention(x)
        return x + torch.as_tensor(self.thought(x))


class VisionTransformer(nn.Module):
    """From images (rows, 3, 32, 32), 0 … 1, to ten scores for each; about 75,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, WIDTH, kernel_size=PATCH, stride=PATCH)
        self.places = nn.Parameter(place_codes(SIDE // PATCH))
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Scores, shape (rows, 10)."""
        image = image - image.mean((2, 3), keepdim=True)
        image = image / (image.square().mean((1, 2, 3), keepdim=True) + 1e-4).sqrt()  # pale pictures count as well
        tokens = self.cut(image).flatten(2).transpose(1, 2) + self.places
        scores: torch.Tensor = self.head(self.blocks(tokens)).mean(1)
        return scores


def place_codes(side: int) -> torch.Tensor:
    """A code for each place of the grid, (1, side², WIDTH): waves along both axes, so that neighbours are alike."""
    waves = torch.arange(side)[:, None] * 1.5 * 50.0 ** -torch.linspace(0, 1, WIDTH // 4)
    line = torch.cat([waves.sin(), waves.cos()], dim=1) / 2
    down, across = line[:, None].expand(side, side, -1), line[None].expand(side, side, -1)
    return torch.cat([down, across], dim=2).reshape(1, side * side, WIDTH)


def vary(images: torch.Tensor) -> torch.Tensor:
    """Flip half of the batches, and shift each by a few pixels: a mirrored cat is a cat."""
    flip, down, across = torch.rand(1).item(), *torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    images = images.flip(3) if flip < 0.5 else images  # noqa: PLR2004
    return images.roll((down, across), dims=(2, 3))


def train(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Take `STEPS` steps, with a learning rate that rises, then falls to nothing."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=STEPS, pct_start=0.25)
    losses = []
    for step in range(STEPS):
        rows = torch.randint(len(images), (BATCH,), device=DEVICE)
        loss = nn.functional.cross_entropy(network(vary(images[rows]).float() / 255), labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % 125 == 0:
            print(f"step {step + 1} of {STEPS}: mean loss {np.mean(losses[-125:]):.3f}")


def export(network: nn.Module, out: Path) -> None:
    """Write the network as one ONNX file for any number of rows."""
    with warnings.catch_warnings():
        # torch's newer exporter would put the weights into a second file
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.cpu().eval(),
            (torch.zeros(2, 3, SIDE, SIDE),),
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
        images = torch.from_numpy(arrays["image"]).to(DEVICE)
        labels = torch.from_numpy(arrays["label"]).to(DEVICE).long()
    network = VisionTransformer().to(DEVICE)
    train(network, images, labels)
    export(network, out)
    print(f"wrote {sum(weights.numel() for weights in network.parameters())} parameters to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz")
    parser.add_argument("--out", type=Path, required=True, help="model file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
