"""Names, types and sizes of what goes into an ONNX graph and comes out, against what the challenge gives and reads."""

from __future__ import annotations

import onnx

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.model import ANY, Tensor
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import quote, show_text

_TYPES = {
    "float32": onnx.TensorProto.FLOAT,
    "float64": onnx.TensorProto.DOUBLE,
    "int32": onnx.TensorProto.INT32,
    "int64": onnx.TensorProto.INT64,
    "uint8": onnx.TensorProto.UINT8,
    "bool": onnx.TensorProto.BOOL,
}
_NAMES = {value: name.lower() for name, value in onnx.TensorProto.DataType.items()}
_SHOWN_NAMES, _NAME_CHARACTERS = 5, 30
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
        _refuse_names(Phrase.INPUTS, list(given), wanted)
    returned = {value.name: value for value in graph.output}
    if output.name not in returned:
        _refuse_names(Phrase.OUTPUTS, list(returned), [output.name])
    faults = [fault for tensor in inputs for fault in _compare(Phrase.INPUT, given[tensor.name], tensor)]
    faults += _compare(Phrase.OUTPUT, returned[output.name], output)
    if faults:
        raise InvalidSubmission(faults)


def _compare(side: Phrase, value: onnx.ValueInfoProto, tensor: Tensor) -> list[Fault]:
    """What differs between one value of the graph and the challenge's tensor."""
    place, is_input = say(side, name=Code(tensor.name)), side is Phrase.INPUT
    if not value.type.HasField("tensor_type"):
        return [_fault(place, say(Phrase.NO_TENSOR), say(Phrase.TENSOR_OF, type=Code(tensor.dtype)))]
    kind = value.type.tensor_type
    if kind.elem_type != _TYPES[tensor.dtype]:
        found = Code(_NAMES.get(kind.elem_type, str(kind.elem_type)))
        return [_fault(place, say(Phrase.OF_TYPE, type=found), quote(tensor.dtype))]
    if not kind.HasField("shape"):
        return [_fault(place, say(Phrase.OF_UNKNOWN_SHAPE), _show_shape(tensor.shape))] if is_input else []
    sizes = [size.dim_value if size.HasField("dim_value") else ANY for size in kind.shape.dim]
    if is_input and len(sizes) == len(tensor.shape) and sizes[0] != ANY:
        return [Fault(Reason.FIXED_BATCH, {"found": sizes[0], "tensor": tensor.name})]
    if not _fits(sizes, tensor.shape, is_input=is_input):
        return [_fault(place, say(Phrase.OF_SHAPE, shape=_show_shape(sizes)), _show_shape(tensor.shape))]
    return []


def _fits(sizes: list[int], wanted: list[int], *, is_input: bool) -> bool:
    """Whether a graph takes, or may return, the sizes of the challenge; a run shows what it returns."""
    if len(sizes) != len(wanted):
        return False
    pairs = list(zip(sizes, wanted, strict=True))[1:]
    is_fixed = is_input and any(want == ANY != found for found, want in pairs)
    return not is_fixed and all(ANY in (found, want) or found == want for found, want in pairs)


def _show_shape(sizes: list[int]) -> Code:
    """A shape for people: `(*, 3, 32, 32)`, where * is any size."""
    return show_text("(" + ", ".join("*" if size == ANY else str(size) for size in sizes) + ")")


def _refuse_names(place: Phrase, found: list[str], expected: list[str]) -> None:
    told = _show_names(found[:_SHOWN_NAMES]) if found else say(Phrase.NOTHING)
    raise InvalidSubmission([_fault(say(place), told, _show_names(expected))])


def _show_names(names: list[str]) -> Code:
    return Code(", ".join(quote(name, _NAME_CHARACTERS) for name in names))


def _fault(place: Words, found: Words | Code, expected: Words | Code) -> Fault:
    return Fault(Reason.WRONG_SIGNATURE, {"place": place, "found": found, "expected": expected})
