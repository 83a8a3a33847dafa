"""Opens an ONNX model in the sandbox: checks its graph, tries it, and computes the hidden rows with ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Phrase, join
from challenges.records import parse_record
from graders.faults import quote
from graders.models import tiny_onnx
from graders.models.asking import CPU, Ask
from graders.models.graph import check_graph, load_graph, malformed
from graders.models.macs import make_counter
from graders.models.room import lack_of, provider_options, read_total, room_bytes
from graders.models.serving import Opened, check_caps, serve
from graders.models.signature import check_signature
from graders.models.weighing import count_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graders.sandbox.guest import Guest

_SILENT = 4
_ON_GPU, _ON_CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def main(guest: Guest) -> None:
    """Open the upload, try it, and compute what the grader sends."""
    ask = parse_record(Ask, guest.settings)
    rule = import_module(f"graders.rules.{ask.model.rule}") if ask.model.rule else None
    onnxruntime.set_default_logger_severity(_SILENT)
    gpu_bytes = _warm(ask)
    guest.seal()

    def open_model(ask: Ask) -> Opened:
        model, texts = load_graph(guest.read_file(), ask)
        check_graph(model, ask)
        check_signature(model.graph, ask.model.inputs, ask.model.output)
        costs = count_weights(model)
        check_caps(costs, ask)
        problems = rule.check(model.graph, ask.model.output.name) if rule else []
        if problems:
            raise InvalidSubmission.because(Reason.RULE_BROKEN, problem=join(Phrase.BOTH, problems))
        costs |= rule.count(model.graph, ask.model.output.name) if rule else {}
        run = _start(model, [ask.model.output.name], ask)

        def compute(inputs: list[NDArray[Any]]) -> NDArray[Any]:
            return run(inputs)[0]

        def count_macs(rows: list[list[NDArray[Any]]]) -> float:
            return max(map(make_counter(model, lambda it, names: _start(it, names, ask, rewrite=False)), rows))

        # a graph without control flow, sequences and random numbers remembers nothing: one session is all copies
        return Opened(lambda: compute, costs, count_macs, texts)

    serve(guest, ask, open_model, gpu_bytes)


def _start(
    model: onnx.ModelProto, names: list[str], ask: Ask, *, rewrite: bool = True
) -> Callable[[list[NDArray[Any]]], list[NDArray[Any]]]:
    """A session on a model: the function that runs it, with the outputs of these names.

    Raises:
        InvalidSubmission: MALFORMED: ONNX Runtime does not take it.
        OutOfRoom: There is no memory for it.
    """
    is_on_gpu = bool(_gpu(ask))
    try:
        session = _open_session(model, ask, rewrite=rewrite)
    except MemoryError:
        raise
    except Exception as error:
        if lack := lack_of(error, is_on_gpu=is_on_gpu):
            raise lack from error
        malformed(quote(error))
    inputs = [tensor.name for tensor in ask.model.inputs]

    def run(values: list[NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = session.run(names, dict(zip(inputs, values, strict=True)))
        except Exception as error:
            if lack := lack_of(error, is_on_gpu=is_on_gpu):
                raise lack from error
            raise
        return found

    return run


def _open_session(model: onnx.ModelProto, ask: Ask, *, rewrite: bool = True) -> Any:
    """A session, single-threaded and deterministic; `rewrite` lets ONNX Runtime change the graph for speed."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not rewrite:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=[*_gpu(ask), _ON_CPU])


def _gpu(ask: Ask) -> list[Any]:
    """The provider of a GPU, where there is one; a model has a second one while its multiplications are counted."""
    if ask.device == CPU or _ON_GPU not in onnxruntime.get_available_providers():
        return []
    return [(_ON_GPU, provider_options(ask.device, ask.gpu_memory_bytes))]


def _warm(ask: Ask) -> int:
    """Load the libraries of the GPU while they can be read.

    Returns:
        How many bytes of its memory a model may take; 0 where there is none to compute on.
    """
    if not _gpu(ask):
        return 0
    session = _open_session(tiny_onnx.linear(), replace(ask, gpu_memory_bytes=0))  # the limit is for the model alone
    session.run(None, {"x": np.zeros((1, tiny_onnx.INPUTS), dtype=np.float32)})
    return room_bytes(ask.gpu_memory_bytes, read_total(ask.device))
