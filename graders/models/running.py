"""A model from upload to predictions, as the grader does it: run the guest, believe no frame, check, read."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from challenges.errors import InvalidSubmission, Reason
from challenges.records import dump_record
from graders.boxing import bounds_of, check_end
from graders.kinds import Reading, Upload
from graders.models.asking import CPU, Ask, row_shape
from graders.models.outputs import check_outputs, read_outputs
from graders.models.plan import Plan, make_plan
from graders.models.room import without_room
from graders.models.serving import ALONE, ATTACHMENT_BYTES, BROKEN, OUTPUT
from graders.models.tried import Tried, check_hidden, parse_tried
from graders.sandbox import Profile, Run
from graders.sandbox.frames import Frame
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from challenges.manifest import Limits, Manifest
    from challenges.model import ModelSpec
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism, Outcome

FLAVOURS = {"onnx": "onnx", "weights": "torch", "torchscript": "torch"}
_UNPACKED = 4
"""An archive may unpack to so many times the largest upload."""
_HEADERS_BYTES = 1 << 18


@dataclass(frozen=True)
class Course:
    """What a guest is given beside the upload and its settings."""

    reply: Callable[[Frame], Sequence[memoryview] | None]
    """Answers its first frame."""
    read_package: Callable[[str], bytes]
    """Reads a file of the challenge's package."""


def read_model(kind: str, upload: Upload, challenge: LoadedChallenge, sandbox: Mechanism, device: str = CPU) -> Reading:
    """Open a model in the sandbox, run it on the hidden inputs, and read its outputs.

    Args:
        kind: `onnx`, `weights` or `torchscript`.
        upload: The file.
        challenge: With hidden inputs.
        sandbox: Where the file is opened.
        device: `cpu`, `cuda`, or `cuda:1`.

    Raises:
        InvalidSubmission: The model is not what the challenge takes, or does not do what it must.
        BrokenChallenge: Challenge and hidden inputs do not fit.
    """
    manifest, inputs = challenge.manifest, challenge.inputs
    model = spec_of(manifest)
    content = upload.path.read_bytes()
    # nobody outside knows the hidden inputs, so that nobody can choose a file whose probes miss something
    digest = hashlib.sha256(inputs.secret + content).digest()
    plan = make_plan(inputs, model, int.from_bytes(digest[:8], "big"))
    ask = ask_for(manifest, upload.name, device, plan, int.from_bytes(digest[8:15], "big"))
    told: list[Tried] = []

    def reply(frame: Frame) -> Sequence[memoryview] | None:
        if kind == "weights" and BROKEN in frame.note:
            raise BrokenChallenge(f"architecture {model.architecture}: {frame.note[BROKEN]}")
        told.append(parse_tried(frame, model, is_code=kind == "torchscript"))
        return None if told[0].faults else [array.data.cast("B") for array in plan.arrays]

    course = Course(reply, challenge.read_package)
    outcome = run_guest(kind, upload.path, ask, manifest.limits, sandbox, course)
    if told and told[0].faults:
        raise InvalidSubmission(told[0].faults, told[0].count)
    frame = check_end(outcome, manifest.limits, frames=2)
    if frame.note.get("is_out_of_room") is True:
        raise without_room(told[0].gpu_bytes, manifest.limits.memory_bytes)
    output = _take(frame, OUTPUT, [plan.rows, *ask.output_shape], model.output.dtype)
    alone = _take(frame, ALONE, [len(plan.alone), *ask.output_shape], model.output.dtype)
    check_outputs(output, alone, plan, is_autocast=bool(ask.autocast))
    check_hidden(frame, model.caps)
    predictions = read_outputs(output, plan, manifest, inputs.shown)
    predictions.attachments.update(told[0].attachments)
    return Reading(predictions, costs={**told[0].costs, "peak_bytes": float(told[0].peak_bytes)})


def spec_of(manifest: Manifest) -> ModelSpec:
    """The challenge's models.

    Raises:
        BrokenChallenge: It takes none.
    """
    if manifest.model is None:
        raise BrokenChallenge("the manifest has no [model] table")
    return manifest.model


def ask_for(manifest: Manifest, filename: str, device: str, plan: Plan, seed: int = 0) -> Ask:
    """Settings of the guest that computes what is planned, and tries the model on random inputs of this seed first."""
    return replace(
        ask_to_try(manifest, filename, device),
        shapes=[list(array.shape[1:]) for array in plan.arrays],
        stored=[array.dtype.str for array in plan.arrays],
        rows=plan.rows,
        probes=len(plan.positions),
        seed=seed,
        alone=len(plan.alone),
    )


def ask_to_try(manifest: Manifest, filename: str, device: str = CPU) -> Ask:
    """Settings of a guest that only opens and tries a model."""
    model = spec_of(manifest)
    return Ask(
        model=model,
        shapes=[row_shape(tensor) for tensor in model.inputs],
        stored=[],
        filename=filename[-255:],
        expanded_bytes=_UNPACKED * manifest.limits.upload_bytes,
        device=device,
        memory_bytes=manifest.limits.memory_bytes,
        gpu_memory_bytes=manifest.limits.gpu_memory_bytes,
        takes=model.formats,
    )


def run_guest(kind: str, path: Path, ask: Ask, limits: Limits, sandbox: Mechanism, course: Course) -> Outcome:
    """Run the guest of a kind on an upload.

    Args:
        kind: `onnx`, `weights` or `torchscript`.
        path: The upload.
        ask: What the guest is told.
        limits: The challenge's.
        sandbox: Where it runs.
        course: What it is given beside the upload.
    """
    item = np.dtype(ask.model.output.dtype).itemsize
    answer = item * (ask.rows + ask.alone) * math.prod(max(size, 1) for size in ask.output_shape)
    result_bytes = answer + ATTACHMENT_BYTES * len(ask.model.attachments) + _HEADERS_BYTES
    with ExitStack() as stack:
        files: list[IO[bytes]] = [stack.enter_context(path.open("rb"))]
        if kind == "weights":
            source = stack.enter_context(tempfile.TemporaryFile())
            source.write(course.read_package(ask.model.architecture))
            source.flush()
            files.append(source)
        return sandbox.run(
            Run(
                guest=kind,
                settings=dump_record(ask),
                bounds=bounds_of(limits, result_bytes),
                profile=Profile.COMPUTE if ask.device == CPU else Profile.GPU,
                device=ask.device,
                flavour=FLAVOURS[kind],
                files=[file.fileno() for file in files],
                reply=course.reply,
            )
        )


def _take(frame: Frame, name: str, shape: list[int], dtype: str) -> NDArray[Any]:
    """An array of a frame, if it is exactly what was asked for.

    Raises:
        InvalidSubmission: CRASHED: whoever wrote it is not our guest any more.
    """
    found = frame.arrays.get(name)
    if found is None or list(found.shape) != shape or found.dtype != np.dtype(dtype):
        raise InvalidSubmission.because(Reason.CRASHED)
    return found
