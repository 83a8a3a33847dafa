"""Functions to be minimised, four families of them, with their gradients: many problems of one family at a time.

Points have shape (problems, dimensions) and every parameter one row for each problem. A row of parameters broadcasts
against many points, to draw a picture of one landscape. NumPy is all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Parameters = dict[str, NDArray[Any]]
"""Of each problem, among others `start`, where one begins, and `least`, the smallest value there is."""

BUDGET = 300
"""Gradients that an optimiser is given."""
FLOOR = 1e-10
"""A smaller remainder counts as this."""
LOWEST, HIGHEST = -1.0, 8.0
"""Bounds of a problem's score."""

_QUADRATIC, _ROSENBROCK = 40, 10  # dimensions
_EXAMPLES, _FEATURES = 200, 40  # of logistic regression
_RIDGE = 1e-4
_POINTS, _INPUTS, _HIDDEN = 64, 5, 16  # of the network's regression
_NEWTON_STEPS, _HALVINGS = 100, 30


class Family(NamedTuple):
    """One kind of landscape."""

    draw: Callable[[np.random.Generator], Parameters]
    """Draws the parameters of one problem."""
    evaluate: Callable[[Floats, Parameters], tuple[Floats, Floats]]
    """Values of shape (problems,) and gradients of shape (problems, dimensions)."""


def draw_problems(name: str, count: int, rng: np.random.Generator) -> Parameters:
    """Draw problems of a family; the first axis of each parameter counts them."""
    drawn = [FAMILIES[name].draw(rng) for _ in range(count)]
    return {key: np.stack([one[key] for one in drawn]) for key in drawn[0]}


def measure_reduction(remainders: Floats, first: Floats) -> Floats:
    """Orders of magnitude by which the loss above its least value fell: -log10(remainder / first), from -1 to 8.

    Args:
        remainders: Loss minus the least loss there is; what is not finite counts as the worst.
        first: The same at the start, of a shape that broadcasts.
    """
    ratio = np.maximum(np.where(np.isfinite(remainders), remainders, np.inf), FLOOR) / first
    return np.asarray(np.clip(-np.log10(ratio), LOWEST, HIGHEST))


def _draw_quadratic(rng: np.random.Generator) -> Parameters:
    """A bowl whose steepest direction is a hundred to ten thousand times as curved as its flattest."""
    directions, _ = np.linalg.qr(rng.normal(size=(_QUADRATIC, _QUADRATIC)))
    curvatures = np.logspace(0, -rng.uniform(2, 4), _QUADRATIC)
    middle = rng.normal(size=_QUADRATIC)
    return {
        "start": middle + 3 * rng.normal(size=_QUADRATIC),
        "least": np.zeros(()),
        "middle": middle,
        "hessian": (directions * curvatures) @ directions.T,
    }


def _evaluate_quadratic(x: Floats, told: Parameters) -> tuple[Floats, Floats]:
    away = x - told["middle"]
    gradients = (told["hessian"] @ away[..., None])[..., 0]
    return (away * gradients).sum(1) / 2, gradients


def _draw_rosenbrock(rng: np.random.Generator) -> Parameters:
    """A bent and narrow valley whose floor hardly falls, somewhere in ten dimensions."""
    shift = rng.normal(0, 0.5, _ROSENBROCK)
    return {"start": np.zeros(_ROSENBROCK), "least": np.zeros(()), "shift": shift}


def _evaluate_rosenbrock(x: Floats, told: Parameters) -> tuple[Floats, Floats]:
    y = x - told["shift"]
    bend, rest = y[:, 1:] - y[:, :-1] ** 2, 1 - y[:, :-1]
    gradients = np.zeros_like(y)
    gradients[:, 1:] += 2 * bend
    gradients[:, :-1] -= 4 * y[:, :-1] * bend + rest / 50
    return (bend**2 + rest**2 / 100).sum(1), gradients


def _draw_logistic(rng: np.random.Generator) -> Parameters:
    """Logistic regression on features of which some are three hundred times as large as others."""
    features = rng.normal(size=(_EXAMPLES, _FEATURES)) * np.logspace(-1.5, 1, _FEATURES)
    labels = np.where(features @ rng.normal(size=_FEATURES) + rng.normal(size=_EXAMPLES) > 0, 1.0, -1.0)
    told = {"start": np.zeros(_FEATURES), "signed": features * labels[:, None]}
    return told | {"least": np.asarray(_find_least(told["signed"]))}


def _evaluate_logistic(x: Floats, told: Parameters) -> tuple[Floats, Floats]:
    margins = (told["signed"] @ x[..., None])[..., 0]
    losses = np.logaddexp(0, -margins).mean(1) + _RIDGE * (x**2).sum(1)
    pull = (_squash(-margins)[:, None, :] @ told["signed"])[:, 0]
    return losses, 2 * _RIDGE * x - pull / _EXAMPLES


def _find_least(signed: Floats) -> float:
    """The smallest loss of a logistic regression: Newton's method, with steps halved until they lead down."""
    told = {"signed": signed[None]}
    x = np.zeros((1, _FEATURES))
    loss, gradient = _evaluate_logistic(x, told)
    for _ in range(_NEWTON_STEPS):
        chance = _squash(-(signed @ x[0]))
        hessian = (signed * (chance * (1 - chance))[:, None]).T @ signed / _EXAMPLES
        direction = np.linalg.solve(hessian + 2 * _RIDGE * np.eye(_FEATURES), gradient[0])
        lower = (x - direction / 2**halvings for halvings in range(_HALVINGS))
        better = next((place for place in lower if _evaluate_logistic(place, told)[0] < loss), None)
        if better is None:
            break
        x = better
        loss, gradient = _evaluate_logistic(x, told)
    return float(loss[0])


def _draw_network(rng: np.random.Generator) -> Parameters:
    """Regression with a small network of tanh units, on what another network of the same form says."""
    inputs = rng.normal(size=(_POINTS, _INPUTS))
    teacher, start = (rng.normal(0, spread, (_INPUTS + 1) * _HIDDEN) for spread in (1.0, 0.5))
    told = {"inputs": inputs[None], "targets": np.zeros((1, _POINTS))}
    targets = _run_network(teacher[None], told)[2]
    return {"start": start, "least": np.zeros(()), "inputs": inputs, "targets": targets[0]}


def _run_network(x: Floats, told: Parameters) -> tuple[Floats, Floats, Floats]:
    """Weights of the second layer, what the units say, and how far the network is from its targets."""
    first = x[:, : _INPUTS * _HIDDEN].reshape(-1, _INPUTS, _HIDDEN)
    second = x[:, _INPUTS * _HIDDEN :]
    units = np.tanh(told["inputs"] @ first)
    return second, units, (units @ second[..., None])[..., 0] - told["targets"]


def _evaluate_network(x: Floats, told: Parameters) -> tuple[Floats, Floats]:
    second, units, errors = _run_network(x, told)
    pull = 2 * errors / _POINTS
    inner = pull[..., None] * second[:, None, :] * (1 - units**2)
    first = np.swapaxes(told["inputs"], -1, -2) @ inner
    outer = (pull[:, None, :] @ units)[:, 0]
    return (errors**2).mean(1), np.concatenate([first.reshape(len(x), -1), outer], axis=1)


def _squash(x: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.asarray((1 + np.tanh(x / 2)) / 2)


FAMILIES = {
    "quadratic": Family(_draw_quadratic, _evaluate_quadratic),
    "rosenbrock": Family(_draw_rosenbrock, _evaluate_rosenbrock),
    "logistic": Family(_draw_logistic, _evaluate_logistic),
    "network": Family(_draw_network, _evaluate_network),
}
