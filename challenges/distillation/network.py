"""The student whose weights can be submitted: 4,514 parameters, 4,662 with the means and variances of its layers.

The grader builds the very same network and loads your weights into it. To submit another network, send it as ONNX.
"""

from __future__ import annotations

from torch import nn


def build() -> nn.Module:
    """From grey images of shape (rows, 1, 28, 28), 0 … 1, to ten scores for each, shape (rows, 10)."""
    return nn.Sequential(
        *_layer(1, 8, stride=2),  # 28 → 14
        *_layer(8, 16),
        *_layer(16, 16, stride=2),  # 14 → 7
        nn.Conv2d(16, 32, kernel_size=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def _layer(channels: int, wider: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, wider, kernel_size=3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(wider), nn.ReLU()]
