"""The device files of a GPU, as its driver makes them. Whether it works is tried by a guest, never by the grader."""

from __future__ import annotations

from pathlib import Path

_SHARED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/dxg")
_FIRST = "/dev/nvidia"


def find_devices(device: str) -> list[str]:
    """What a guest must be able to open to compute on a device.

    Args:
        device: `cuda`, or `cuda:1` for one of several; `cpu` needs nothing.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return []
    own = [f"{_FIRST}{number}"] if number else [str(p) for p in Path("/dev").glob("nvidia[0-9]*")]
    parts = [str(p) for p in Path("/dev/nvidia-caps").glob("*")]  # of a GPU that is divided (MIG)
    return [path for path in (*_SHARED, *own, *parts) if Path(path).exists()]
