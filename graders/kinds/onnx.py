"""ONNX models: one file with its weights inside, or a zip of model.onnx and model.onnx.data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graders.models import specimens as models_to_try
from graders.models.asking import CPU
from graders.models.formats import ONNX, ONNX_ZIP, name_format
from graders.models.running import read_model

if TYPE_CHECKING:
    from graders.kinds import Reading, Specimen, Upload
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism


def recognise(head: bytes, filename: str) -> bool:
    """Whether a file begins like an ONNX model, or like a zip of one."""
    return name_format(head, filename) in (ONNX, ONNX_ZIP)


def read(upload: Upload, challenge: LoadedChallenge, sandbox: Mechanism, device: str = CPU) -> Reading:
    """Run a model on the hidden inputs in the sandbox; see `graders.models.running.read_model`."""
    return read_model("onnx", upload, challenge, sandbox, device)


def specimens() -> list[Specimen]:
    """Models that a grader must judge rightly before it takes the first job."""
    return models_to_try.for_onnx(read)
