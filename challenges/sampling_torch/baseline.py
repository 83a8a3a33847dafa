"""A first solution for sampling_torch: four thousand random walks at once, each of which gives one sample.

Metropolis' rule: propose a step, take it if the density is higher there, and else only sometimes. After many steps a
walk is anywhere with the right probability, wherever it began. How many is many, and how long a step should be, depends
on the target; and a walk hardly ever crosses a valley. That is where you can do better.

    python baseline.py --data sampling_torch --out submission.npz
"""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import torch

WALKS = 4000
STEPS = 300
STEP = 0.4
"""Length of a step, in units of the target's scale."""


def walk(target: Any, generator: torch.Generator) -> torch.Tensor:
    """The places that all walks reach, shape (walks, dimensions)."""
    shape = (WALKS, target.dimensions)
    places = target.start + target.scale * torch.randn(shape, generator=generator)
    places = torch.where(target.log_prob(places).isfinite()[:, None], places, target.start)
    heights = target.log_prob(places)
    for _ in range(STEPS):
        proposed = places + STEP * target.scale * torch.randn(shape, generator=generator)
        higher = target.log_prob(proposed)
        taken = torch.rand(WALKS, generator=generator).log() < higher - heights
        places = torch.where(taken[:, None], proposed, places)
        heights = torch.where(taken, higher, heights)
    return places


def main(data: Path, out: Path) -> None:
    """Write the submission.

    Args:
        data: Folder with `targets.py` and `targets.json`.
        out: The NPZ file to write.
    """
    targets = runpy.run_path(str(data / "targets.py"))["load"](data / "targets.json")
    generator = torch.Generator().manual_seed(0)
    samples = {name: walk(target, generator).numpy().astype(np.float32) for name, target in targets.items()}
    np.savez(out, **samples)  # type: ignore[arg-type]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the downloaded files")
    parser.add_argument("--out", type=Path, default=Path("submission.npz"), help="file to write")
    given = parser.parse_args()
    main(given.data, given.out)
