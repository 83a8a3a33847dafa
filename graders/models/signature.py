"""Names, types and sizes of what goes into an ONNX graph and comes out, against what the challenge gives and reads."""

from __future__ import annotations

import onnx

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.model import ANY, Tensor
from graders.faults import show

_TYPES = {
    "float32": onnx.TensorProto.FLOAT,
    "float64": onnx.TensorProto.DOUBLE,
    "int32": onnx.TensorProto.INT32,
    "int64": onnx.TensorProto.INT64,
    "uint8": onnx.TensorProto.UINT8,
    "bool": onnx.TensorProto.BOOL,
}
_NAMES = {value: name.lower() for name, value in onnx.TensorProto.DataType.items()}
_NAMES.update({number: name for name, number in _TYPES.items()})


def check_signature(graph: onnx.GraphProto, inputs: list[Tensor], output: Tensor) -> None:
    """Compare a graph's inputs and outputs with the challenge's.

    Raises:
        InvalidSubmission: WRONG_SIGNATURE or FIXED_BATCH, one fault for each that differs.
    """
    constants = {tensor.name for tensor in graph.initializer}
    given = {value.name: value for value in graph.input if value.name not in constants}
    wanted = [tensor.name for tensor in inputs]
    if sorted(given) != sorted(wanted):
        _refuse_names("inputs", list(given), ", ".join(wanted))
    returned = {value.name: value for value in graph.output}
    if output.name not in returned:
        _refuse_names("outputs", list(returned), output.name)
    faults = [fault for tensor in inputs for fault in _compare("input", given[tensor.name], tensor)]
    faults += _compare("output", returned[output.name], output)
    if faults:
        raise InvalidSubmission(faults)


def _compare(side: str, value: onnx.ValueInfoProto, tensor: Tensor) -> list[Fault]:
    """What differs between one value of the graph and the challenge's tensor."""
    place = f"{side} `{tensor.name}`"
    if not value.type.HasField("tensor_type"):
        return [_fault(place, "no tensor", f"a tensor of {tensor.dtype}")]
    kind = value.type.tensor_type
    if kind.elem_type != _TYPES[tensor.dtype]:
        return [_fault(place, f"of type {_NAMES.get(kind.elem_type, 'unknown')}", tensor.dtype)]
    if not kind.HasField("shape"):
        return [_fault(place, "of unknown shape", _show_shape(tensor.shape))] if side == "input" else []
    sizes = [size.dim_value if size.HasField("dim_value") else ANY for size in kind.shape.dim]
    if side == "input" and len(sizes) == len(tensor.shape) and sizes[0] != ANY:
        return [Fault(Reason.FIXED_BATCH, {"found": sizes[0], "tensor": tensor.name})]
    if not _fits(sizes, tensor.shape, is_input=side == "input"):
        return [_fault(place, f"of shape {_show_shape(sizes)}", _show_shape(tensor.shape))]
    return []


def _fits(sizes: list[int], wanted: list[int], *, is_input: bool) -> bool:
    """Whether a graph takes, or may return, the sizes of the challenge; a run shows what it returns."""
    if len(sizes) != len(wanted):
        return False
    pairs = list(zip(sizes, wanted, strict=True))[1:]
    is_fixed = is_input and any(want == ANY != found for found, want in pairs)
    return not is_fixed and all(ANY in (found, want) or found == want for found, want in pairs)


def _show_shape(sizes: list[int]) -> str:
    """A shape for people: `(*, 3, 32, 32)`, where * is any size."""
    return "(" + ", ".join("*" if size == ANY else str(size) for size in sizes) + ")"


def _refuse_names(place: str, found: list[str], expected: str) -> None:
    told = show(", ".join(f"`{name[:30]}`" for name in found[:5]) or "nothing")
    raise InvalidSubmission([_fault(f"list of {place}", str(told), expected)])


def _fault(place: str, found: str, expected: str) -> Fault:
    return Fault(Reason.WRONG_SIGNATURE, {"place": place, "found": show(found), "expected": expected})
