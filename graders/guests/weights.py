"""Opens safetensors weights in the sandbox, and runs the challenge's own architecture with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch

from challenges.errors import InvalidSubmission, Reason
from challenges.records import parse_record
from graders.faults import quote
from graders.guests.torch_device import count_macs, make_compute, set_up, told_lack
from graders.models.asking import Ask
from graders.models.formats import SAFETENSORS
from graders.models.header import ITEM_BYTES, TensorFacts, check_tensors, read_header
from graders.models.serving import BROKEN, Opened, check_caps, serve

if TYPE_CHECKING:
    from graders.sandbox.guest import Guest

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def main(guest: Guest) -> None:
    """Build the architecture, open the upload, try it, and compute what the grader sends."""
    ask = parse_record(Ask, guest.settings)
    try:
        module = build(guest.read_file(1), ask.model.architecture)
    except Exception as error:  # noqa: BLE001 - the challenge's own file is broken, whatever it raises
        guest.send({BROKEN: f"{type(error).__name__}: {error}"[:1000]})
        return
    gpu_bytes = set_up(ask)
    guest.seal()

    def open_model(ask: Ask) -> Opened:
        content = guest.read_file()
        expected = {name: facts_of(tensor) for name, tensor in module.state_dict().items()}
        check_tensors(read_header(content, ask), expected)
        try:
            module.load_state_dict(safetensors.torch.load(content), strict=True)
        except (safetensors.SafetensorError, RuntimeError) as error:
            problem = quote(error)
            raise InvalidSubmission.because(Reason.MALFORMED, expected=SAFETENSORS, problem=problem) from error
        with told_lack(ask.device):
            module.to(torch.device(ask.device)).eval()
        sizes = [(torch.Size(facts.shape).numel(), ITEM_BYTES[facts.dtype]) for facts in expected.values()]
        costs = {
            "parameters": float(sum(parameter.numel() for parameter in module.parameters())),
            "weight_bytes": float(sum(count * size for count, size in sizes)),
        }
        check_caps(costs, ask)
        compute = make_compute(module, ask)
        # the challenge's own architecture: one module is all copies
        return Opened(lambda: compute, costs, lambda rows: max(count_macs(compute, row) for row in rows))

    serve(guest, ask, open_model, gpu_bytes)


def build(source: bytes, name: str) -> torch.nn.Module:
    """Run the challenge's own file and build its architecture."""
    room: dict[str, Any] = {"__name__": "architecture", "__file__": name}
    exec(compile(source, name, "exec"), room)  # noqa: S102 - the challenge's own file, before the upload is opened
    module: torch.nn.Module = room["build"]()
    return module


def facts_of(tensor: torch.Tensor) -> TensorFacts:
    """A tensor as a header tells it."""
    return TensorFacts(_NAMES[tensor.dtype], tuple(tensor.shape))
