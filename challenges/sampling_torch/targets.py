"""The six densities as functions in PyTorch, known up to a factor; their numbers stand in targets.json.

`load(Path("targets.json"))["t2"].log_prob(points)` takes points of shape (n, 2), and autograd goes through it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Target(NamedTuple):
    """One density."""

    dimensions: int
    start: Tensor
    """A point where the density is not 0."""
    scale: float
    """How far from there most of it lies, roughly."""
    log_prob: Callable[[Tensor], Tensor]
    """Logarithm of the density, up to a constant: from points of shape (n, dimensions) to shape (n,); -inf outside."""


def load(path: Path) -> dict[str, Target]:
    """All targets by name, `t1` to `t6`."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return {name: _make(fields) for name, fields in told.items()}


def _make(fields: dict[str, Any]) -> Target:
    log_prob = _DENSITIES[fields["density"]]
    start = torch.tensor(fields["start"])
    return Target(len(start), start, fields["scale"], lambda x: log_prob(x, fields))


def _mixture(x: Tensor, fields: dict[str, Any]) -> Tensor:
    """A normal distribution and a Gumbel distribution, on a line."""
    z = (x[:, 0] - fields["mean"]) / fields["deviation"]
    g = (x[:, 0] - fields["mode"]) / fields["width"]
    share = fields["share"]
    normal = math.log(share / fields["deviation"] / math.sqrt(2 * math.pi)) - z**2 / 2
    gumbel = math.log((1 - share) / fields["width"]) - g - torch.exp(-g)
    logs: Tensor = torch.logaddexp(normal, gumbel)
    return logs


def _banana(x: Tensor, fields: dict[str, Any]) -> Tensor:
    """A normal distribution that is bent along a parabola, in the plane."""
    z = (x[:, 1] - fields["bend"] * x[:, 0] ** 2 - fields["height"]) / fields["thickness"]
    logs: Tensor = -((x[:, 0] / fields["length"]) ** 2) / 2 - z**2 / 2
    return logs


def _ring(x: Tensor, fields: dict[str, Any]) -> Tensor:
    """Eight round hills of different weight on a circle, in the plane."""
    angles = torch.arange(8) * (math.pi / 4) + fields["turn"]
    middles = fields["radius"] * torch.stack([angles.cos(), angles.sin()], dim=1)
    squares = ((x[:, None] - middles) ** 2).sum(2)
    return torch.logsumexp(torch.tensor(fields["weights"]).log() - squares / (2 * fields["deviation"] ** 2), dim=1)


def _correlated(x: Tensor, fields: dict[str, Any]) -> Tensor:
    """A normal distribution whose four coordinates depend on each other: x = mean + factor · noise."""
    factor = torch.tensor(fields["factor"])
    noise = torch.linalg.solve_triangular(factor, (x - torch.tensor(fields["mean"])).T, upper=False)
    logs: Tensor = -(noise**2).sum(0) / 2
    return logs


def _simplex(x: Tensor, fields: dict[str, Any]) -> Tensor:
    """A Dirichlet distribution of four shares, of which three are given, within two bounds."""
    shares = torch.cat([x, 1 - x.sum(1, keepdim=True)], dim=1)
    is_inside = (shares > 0).all(1) & (x[:, 0] < fields["most"]) & (x[:, 1] > x[:, 2])
    powers = torch.tensor(fields["powers"]) - 1
    inside = (powers * shares.clamp_min(1e-12).log()).sum(1)
    return torch.where(is_inside, inside, -torch.inf)


def _funnel(x: Tensor, fields: dict[str, Any]) -> Tensor:
    """The first coordinate says how wide the other nine are."""
    width = x[:, 0]
    others = (x[:, 1:] ** 2).sum(1)
    logs: Tensor = (
        -((width / fields["deviation"]) ** 2) / 2 - others * torch.exp(-width) / 2 - (x.shape[1] - 1) * width / 2
    )
    return logs


_DENSITIES = {
    "mixture": _mixture,
    "banana": _banana,
    "ring": _ring,
    "correlated": _correlated,
    "simplex": _simplex,
    "funnel": _funnel,
}
