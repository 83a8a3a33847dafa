"""A first solution for optimizers: Adam, and a tensor that can differentiate sums and products of arrays of one shape.

This very file is what is sent, as solution.py in a zip archive: the server makes an `Optimizer` for each problem, and
asks it 300 times where to go. Adam divides by the size of recent gradients, so that no problem makes it fly off; but
its steps stay as long at the end as they were at the beginning. That is where you can do better. So is the tensor,
which knows four of the twelve operations, and no shapes that differ.

    python baseline.py --data optimizers --out submission.zip
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

STEP = 0.05
MEMORY, SQUARE_MEMORY = 0.9, 0.999
SMALL = 1e-8


class Optimizer:
    """Adam (Kingma and Ba, 2015).

    Args:
        dim: Dimensions of the points.
        budget: How many steps there will be.
        seed: For random numbers, of which Adam needs none.
    """

    def __init__(self, dim: int, budget: int, seed: int) -> None:  # noqa: ARG002 - every optimiser is told
        self.mean, self.square = np.zeros(dim), np.zeros(dim)
        self.steps = 0

    def step(self, x: Floats, grad: Floats, loss: float) -> Floats:  # noqa: ARG002 - Adam does not look at it
        """The next point, given the gradient and the loss at this one."""
        self.steps += 1
        self.mean = MEMORY * self.mean + (1 - MEMORY) * grad
        self.square = SQUARE_MEMORY * self.square + (1 - SQUARE_MEMORY) * grad**2
        mean = self.mean / (1 - MEMORY**self.steps)
        square = self.square / (1 - SQUARE_MEMORY**self.steps)
        return np.asarray(x - STEP * mean / (np.sqrt(square) + SMALL))


class Tensor:
    """An array that remembers what it was computed from.

    Args:
        data: Its numbers.
        parents: The tensors it was computed from, each with what turns this one's gradient into a share of its own.
    """

    def __init__(self, data: ArrayLike, parents: tuple[tuple[Tensor, Callable[[Floats], Floats]], ...] = ()) -> None:
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents

    def __add__(self, other: Tensor) -> Tensor:
        """Both get the whole gradient."""
        return Tensor(self.data + other.data, ((self, lambda g: g), (other, lambda g: g)))

    def __sub__(self, other: Tensor) -> Tensor:
        """The second gets it with the other sign."""
        return Tensor(self.data - other.data, ((self, lambda g: g), (other, lambda g: -g)))

    def __mul__(self, other: Tensor) -> Tensor:
        """Each gets the gradient times the other."""
        return Tensor(self.data * other.data, ((self, lambda g: g * other.data), (other, lambda g: g * self.data)))

    def sum(self) -> Tensor:
        """Every element gets the gradient."""
        return Tensor(self.data.sum(), ((self, lambda g: g * np.ones_like(self.data)),))

    def backward(self) -> None:
        """Give all tensors that led here their gradients; each waits for everything that was computed from it."""
        order: list[Tensor] = []
        seen: set[int] = set()

        def visit(tensor: Tensor) -> None:
            if id(tensor) not in seen:
                seen.add(id(tensor))
                for parent, _ in tensor.parents:
                    visit(parent)
                order.append(tensor)

        visit(self)
        self.grad = np.ones_like(self.data)
        for tensor in reversed(order):
            for parent, share in tensor.parents:
                parent.grad = parent.grad + share(tensor.grad)


def main(data: Path, out: Path) -> None:  # noqa: ARG001 - called like every baseline
    """Write the submission.

    Args:
        data: Unused: there is nothing to learn from.
        out: The zip archive to write.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("solution.py", Path(__file__).read_text(encoding="utf-8"))
        archive.writestr("autograd.py", "from solution import Tensor\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the downloaded files")
    parser.add_argument("--out", type=Path, default=Path("submission.zip"), help="file to write")
    given = parser.parse_args()
    main(given.data, given.out)
