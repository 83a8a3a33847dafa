"""What an ONNX graph holds beside its operators: trained numbers, and all other places where some could hide."""

from __future__ import annotations

import math

import numpy as np
import onnx
from numpy.typing import NDArray

from challenges.phrases import Phrase, say
from graders.faults import show_text
from graders.models.graph import BITS, FLOATS, forbid, malformed, tensors_of

FEW_NUMBERS = 64
"""Tensors of whole numbers up to this size are shapes and axes, not weights."""
FREE_BYTES = 2048
"""What shapes, axes, masks and attributes of one graph may hold before they count as weights."""
_NUMBER_BYTES = 4
"""Of a trained number, as most are stored."""
_ENDLESS = np.iinfo(np.int64).max
"""The end of a slice, as exporters write it."""
_TENSOR = onnx.TensorProto
_WHOLE: dict[int, str] = {_TENSOR.INT32: "<i4", _TENSOR.UINT32: "<u4", _TENSOR.INT64: "<i8", _TENSOR.UINT64: "<u8"}
"""Types whose values are mostly much smaller than they could be."""


def count_weights(model: onnx.ModelProto) -> dict[str, float]:
    """`parameters`: trained numbers; `weight_bytes`: of all constants.

    Elements of floats and of long tensors of whole numbers are trained numbers, and an element that holds more than 32
    bits is several. Short tensors of whole numbers, masks, and attributes are not, up to `FREE_BYTES` of a graph.

    Raises:
        InvalidSubmission: MALFORMED: a constant is of a type that is not taken, or not of the size it claims;
            FORBIDDEN_OPERATOR: a constant of text.
    """
    parameters, bits, spare_bytes = 0, 0, 0
    for tensor in tensors_of(model):
        count = _check_constant(tensor)
        bits += count * BITS[tensor.data_type]
        if not count:  # its sizes can be read all the same
            spare_bytes += _whole_bytes(np.array(tensor.dims, dtype=np.int64))
        elif tensor.data_type in FLOATS:
            parameters += count
        elif count > FEW_NUMBERS and tensor.data_type != _TENSOR.BOOL:
            parameters += max(count, _numbers_in(_held_bytes(tensor)))
        else:
            spare_bytes += _held_bytes(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            numbers, size, spare = _weigh_attribute(node, attribute)
            parameters, bits, spare_bytes = parameters + numbers, bits + 8 * size, spare_bytes + spare
    parameters += _numbers_in(max(spare_bytes - FREE_BYTES, 0))
    return {"parameters": float(parameters), "weight_bytes": float(-(-bits // 8))}


def _check_constant(tensor: onnx.TensorProto) -> int:
    """How many elements a constant has."""
    name = show_text(tensor.name)
    if tensor.data_type not in BITS:
        malformed(say(Phrase.CONSTANT_TYPE, name=name))
    if any(size < 0 for size in tensor.dims):
        malformed(say(Phrase.CONSTANT_NEGATIVE, name=name))
    count = int(math.prod(tensor.dims))
    typed = len(tensor.float_data) + len(tensor.int32_data) + len(tensor.int64_data)
    held = len(tensor.raw_data) or typed + len(tensor.double_data) + len(tensor.uint64_data)
    if held and tensor.raw_data and -(-count * BITS[tensor.data_type] // 8) != held:
        malformed(say(Phrase.CONSTANT_SIZE, name=name, found=held, count=count))
    if not held and count:
        malformed(say(Phrase.CONSTANT_EMPTY, name=name))
    return count


def _held_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes of what a constant of whole numbers or a mask can say."""
    count = int(math.prod(tensor.dims))
    stored = -(-count * BITS[tensor.data_type] // 8)
    if tensor.data_type == _TENSOR.BOOL:
        # ONNX Runtime keeps a byte that is neither 0 nor 1 as it is
        is_plain = set(tensor.raw_data or tensor.int32_data) <= {0, 1}
        return -(-count // 8) if is_plain else stored
    if tensor.data_type in _WHOLE and tensor.raw_data:
        return _whole_bytes(np.frombuffer(tensor.raw_data, _WHOLE[tensor.data_type]))
    return _whole_bytes(np.array(tensor.int64_data)) if tensor.int64_data else stored


def _whole_bytes(values: NDArray[np.integer]) -> int:
    """Bytes that are needed to write these down, at least one for each."""
    sizes = np.where(values < 0, ~values, values).astype(np.uint64)
    sizes[sizes == _ENDLESS] = 0
    return len(sizes) + sum(int(np.count_nonzero(sizes >> np.uint64(8 * more - 1))) for more in range(1, 8))


def _weigh_attribute(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> tuple[int, int, int]:
    """Trained numbers in an attribute, its bytes, and those that may be free."""
    if node.op_type == "Constant" and (attribute.strings or attribute.name == "value_string"):
        forbid(f"Constant.{attribute.name}")
    if attribute.name == "to" and attribute.i == _TENSOR.STRING:
        forbid(f"{node.op_type} to text")
    whole = _whole_bytes(np.array(attribute.ints, dtype=np.int64))
    text = len(attribute.s) + sum(map(len, attribute.strings))
    alone = _whole_bytes(np.array([attribute.i])) * attribute.HasField("i")
    alone += _NUMBER_BYTES * attribute.HasField("f")
    size = _NUMBER_BYTES * len(attribute.floats) + 8 * len(attribute.ints) + alone + text
    if len(attribute.ints) > FEW_NUMBERS:
        return len(attribute.floats) + max(len(attribute.ints), _numbers_in(whole)), size, alone + text
    return len(attribute.floats), size, alone + text + whole


def _numbers_in(size: int) -> int:
    return -(-size // _NUMBER_BYTES)
