"""A first solution for object_detection: a small YOLO with one scale, in plain PyTorch, trained for a few rounds.

The network looks at a picture once. It lays a grid of 16×16 cells over it, and every cell tells whether the middle of
a thing is near, where its box begins and ends, and what it is. Cells next to each other find the same thing, so that
of boxes of one class that overlap only the surest is kept. More rounds (`--rounds 30`), a wider network, copies that
are moved and scaled, and a second, finer grid for small things are where you can do better.

    python baseline.py --data object_detection --out submission.json
"""

from __future__ import annotations

import argparse
import csv
import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

SIDE, STRIDE = 128, 8
GRID = SIDE // STRIDE
TYPICAL = 24.0
"""Side of a typical box in pixels; the network says by which factor another one differs."""
WIDTH = 64
ROUNDS = 4
BATCH = 16
LEARNING_RATE = 4e-3
LEAST_SCORE = 0.01
MOST_BOXES = 100
OVERLAP = 0.5
"""Of two boxes of one class that overlap more than this, the surer one is kept."""

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_layer(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    """Look for `after` patterns in `before` planes."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, padding=1 if kernel == 3 else 0, bias=False),  # noqa: PLR2004
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class Detector(nn.Module):
    """From pictures (rows, 3, 128, 128), 0 … 1, to 5 + classes numbers for each of 16×16 cells."""

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        half = width // 2
        self.near = nn.Sequential(  # 128 → 32 → 16
            make_layer(3, half, kernel=4, stride=4),
            make_layer(half, half),
            make_layer(half, width, stride=2),
            make_layer(width, width),
        )
        self.far = nn.Sequential(  # sees large things whole: 16 → 8, and back
            make_layer(width, 2 * width, stride=2),
            make_layer(2 * width, width),
            make_layer(width, width),
            nn.Upsample(scale_factor=2),
        )
        numbers = nn.Conv2d(width, 5 + classes, kernel_size=1)
        with torch.no_grad():
            numbers.bias[0] = -4.0  # type: ignore[index]  # nearly all cells are empty
        self.last = nn.Sequential(make_layer(width, width), numbers)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """What each cell says, shape (rows, 16, 16, 5 + classes): surety, box, classes; all before any sigmoid."""
        spread, mean = torch.std_mean(pictures, dim=(1, 2, 3), keepdim=True)
        near = self.near((pictures - mean) / (spread + 1e-3))  # pale pictures count as well
        said: torch.Tensor = self.last(near + self.far(near))
        return said.permute(0, 2, 3, 1)


def read_boxes(said: torch.Tensor) -> torch.Tensor:
    """Boxes (…, 4) as left, top, right, bottom in pixels, of what cells say (rows, 16, 16, …)."""
    cells = torch.arange(GRID, device=said.device)
    corner = torch.stack([cells.expand(GRID, GRID), cells[:, None].expand(GRID, GRID)], dim=2)
    middle = (corner + 2 * said[..., 1:3].sigmoid() - 0.5) * STRIDE
    half = TYPICAL / 2 * said[..., 3:5].clamp(-3, 3).exp()
    return torch.cat([middle - half, middle + half], dim=-1)


def measure_overlap(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Shared area of two boxes over the area that both cover (IoU), for boxes (…, 4)."""
    shared = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(min=0)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (one, other)]
    both = shared.prod(-1)
    return both / (areas[0] + areas[1] - both + 1e-6)


class Examples:
    """Training pictures, and what each cell of them should say.

    The up to four cells whose middle is within one cell of a thing's middle are to find it; of two things the smaller.
    """

    def __init__(self, data: Path) -> None:
        told = json.loads((data / "train.json").read_text(encoding="utf-8"))
        self.names = {category["id"]: category["name"] for category in told["categories"]}
        self.pictures = load_pictures(data, [image["file_name"] for image in told["images"]])
        places = {image["id"]: place for place, image in enumerate(told["images"])}
        scales = {image["id"]: (SIDE / image["width"], SIDE / image["height"]) for image in told["images"]}
        self.boxes = torch.zeros(len(places), GRID, GRID, 4)
        self.classes = torch.full((len(places), GRID, GRID), -1)
        for thing in sorted(told["annotations"], key=lambda thing: -thing["area"]):
            across, down = scales[thing["image_id"]]
            x, y, width, height = (size * scale for size, scale in zip(thing["bbox"], (across, down) * 2, strict=True))
            column, row = (round((start + size / 2) / STRIDE) for start, size in ((x, width), (y, height)))
            cells = (places[thing["image_id"]], slice(max(row - 1, 0), row + 1), slice(max(column - 1, 0), column + 1))
            self.boxes[cells] = torch.tensor([x, y, x + width, y + height], dtype=torch.float32)
            self.classes[cells] = thing["category_id"] - 1
        self.boxes, self.classes = self.boxes.to(DEVICE), self.classes.to(DEVICE)

    def take(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Some pictures with boxes and classes of their cells, all mirrored for half of the calls."""
        pictures, boxes, classes = self.pictures[rows].float() / 255, self.boxes[rows], self.classes[rows]
        if torch.rand(1).item() < 0.5:  # noqa: PLR2004
            mirrored = torch.stack([SIDE - boxes[..., 2], boxes[..., 1], SIDE - boxes[..., 0], boxes[..., 3]], dim=-1)
            return pictures.flip(3), mirrored.flip(2), classes.flip(2)
        return pictures, boxes, classes


def load_pictures(data: Path, names: list[str]) -> torch.Tensor:
    """Pictures of the archive as bytes, shape (n, 3, 128, 128)."""
    with zipfile.ZipFile(data / "images.zip") as archive:
        pixels = [np.asarray(Image.open(BytesIO(archive.read(name))).resize((SIDE, SIDE))) for name in names]
    return torch.from_numpy(np.stack(pixels)).to(DEVICE).permute(0, 3, 1, 2).contiguous()


def measure_loss(said: torch.Tensor, boxes: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """How wrong cells are: about their boxes, about classes, and about how sure they may be."""
    full = classes >= 0
    overlap = measure_overlap(read_boxes(said)[full], boxes[full])
    sure = torch.zeros_like(said[..., 0])
    sure[full] = overlap.detach()  # a cell should be as sure as its box is good
    surety = nn.functional.binary_cross_entropy_with_logits(said[..., 0], sure, reduction="sum")
    kinds = nn.functional.cross_entropy(said[..., 5:][full], classes[full], reduction="sum")
    return (surety + kinds + 2 * (1 - overlap).sum()) / full.sum().clamp(min=1)


def train(network: nn.Module, examples: Examples, rounds: int) -> None:
    """Show all pictures `rounds` times, with a learning rate that rises and falls to nothing."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    count = len(examples.pictures)
    steps = rounds * -(-count // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    for number in range(rounds):
        losses = []
        for rows in torch.split(torch.randperm(count, device=DEVICE), BATCH):
            pictures, boxes, classes = examples.take(rows)
            loss = measure_loss(network(pictures), boxes, classes)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"round {number + 1} of {rounds}: mean loss {np.mean(losses):.3f}")


def keep_surest(boxes: torch.Tensor, scores: torch.Tensor, kinds: torch.Tensor) -> list[int]:
    """Places of the boxes to keep, the surest first: non-maximum suppression, class by class."""
    kept: list[int] = []
    moved = boxes + 2 * SIDE * kinds[:, None]  # boxes of different classes never meet
    left = torch.argsort(scores, descending=True)
    while len(left):
        kept.append(int(left[0]))
        left = left[measure_overlap(moved[left[0]], moved[left]) <= OVERLAP]
    return kept


def detect(network: nn.Module, pictures: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Boxes (left, top, right, bottom), scores and classes of each picture; a cell may name several classes."""
    found = []
    for part in torch.split(pictures, 100):
        with torch.no_grad():
            said = network(part.float() / 255).cpu()  # sorting out boxes is many small steps
        every = (said[..., :1].sigmoid() * said[..., 5:].softmax(-1)).flatten(1)
        for boxes, chances in zip(read_boxes(said).flatten(1, 2).clamp(0, SIDE), every, strict=True):
            scores, places = chances.topk(2 * MOST_BOXES)
            places, scores = places[scores > LEAST_SCORE], scores[scores > LEAST_SCORE]
            kinds = places % (said.shape[-1] - 5)
            boxes_of = boxes[places // (said.shape[-1] - 5)]
            kept = keep_surest(boxes_of, scores, kinds)[:MOST_BOXES]
            found.append((boxes_of[kept], scores[kept], kinds[kept]))
    return found


def main(data: Path, out: Path, rounds: int = ROUNDS) -> None:
    """Learn from `train.json`, write the things found in each picture of `test.csv`."""
    torch.manual_seed(0)
    examples = Examples(data)
    network = Detector(len(examples.names)).to(DEVICE)
    train(network, examples, rounds)
    network.eval()
    with (data / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    results = []
    for row, found in zip(rows, detect(network, load_pictures(data, [row["file_name"] for row in rows])), strict=True):
        wide, tall = int(row["width"]) / SIDE, int(row["height"]) / SIDE
        for (left, top, right, bottom), score, kind in zip(*(part.tolist() for part in found), strict=True):
            box = [left * wide, top * tall, (right - left) * wide, (bottom - top) * tall]
            if min(box[2:]) > 0:
                box = [round(number, 2) for number in box]
                results.append({"image_id": row["id"], "category_id": kind + 1, "bbox": box, "score": round(score, 4)})
    out.write_text(json.dumps(results), encoding="utf-8")
    print(f"wrote {len(results)} boxes in {len(rows)} pictures to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with images.zip, train.json and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often to look at every picture")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out, arguments.rounds)
