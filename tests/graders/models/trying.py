"""Submits models to challenges in memory, in the real sandbox."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path

from challenges.errors import Fault, InvalidSubmission, Reason
from graders.arrangement import Predictions
from graders.kinds import Reading, Upload
from graders.loading import LoadedChallenge
from tests.sandboxing import shared_sandbox


def submit(content: bytes, challenge: LoadedChallenge, name: str = "model.onnx", kind: str = "") -> Reading:
    """Read an upload as a grader does."""
    reader = import_module(f"graders.kinds.{kind or challenge.manifest.kind}")
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        reading: Reading = reader.read(Upload(Path(file.name), name), challenge, shared_sandbox())
    return reading


def predict(content: bytes, challenge: LoadedChallenge, name: str = "model.onnx", kind: str = "") -> Predictions:
    """What is read of a model's outputs."""
    found = submit(content, challenge, name, kind).predictions
    assert found is not None
    return found


def table_of(reading: Reading) -> Predictions:
    """The predictions of what was read."""
    assert reading.predictions is not None
    return reading.predictions


def refuse(content: bytes, challenge: LoadedChallenge, name: str = "model.onnx", kind: str = "") -> Fault:
    """The first fault of an upload that must be refused."""
    try:
        submit(content, challenge, name, kind)
    except InvalidSubmission as refusal:
        return refusal.faults[0]
    raise AssertionError("it was read")


def reason(content: bytes, challenge: LoadedChallenge, name: str = "model.onnx", kind: str = "") -> Reason:
    """Why an upload is refused."""
    return refuse(content, challenge, name, kind).reason
