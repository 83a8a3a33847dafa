"""Multiplications are counted from the shapes of a run, and tricks with sums count too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from challenges.errors import InvalidSubmission, Reason
from graders.models.macs import make_counter

FLOAT = onnx.TensorProto.FLOAT


def count(node: onnx.NodeProto, shape: list[int], *constants: tuple[int, ...], opset: int = 18) -> float:
    """Multiplications of one operator on `x` and constants `a`, `b`, `c`."""
    weights = [
        numpy_helper.from_array(np.ones(sizes, dtype=np.float32), name)
        for name, sizes in zip("abc", constants, strict=False)
    ]
    given = helper.make_tensor_value_info("x", FLOAT, shape)
    returned = onnx.ValueInfoProto(name=node.output[0])
    graph = helper.make_graph([node], "counted", [given], [returned], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)

    def start(measured: onnx.ModelProto, names: list[str]) -> Callable[[list[NDArray[Any]]], list[Any]]:
        session = onnxruntime.InferenceSession(measured.SerializeToString(), providers=["CPUExecutionProvider"])
        return lambda row: list(session.run(names, {"x": row[0]}))

    return make_counter(model, start)([np.zeros(shape, dtype=np.float32)])


def test_each_operator_is_counted():
    make = helper.make_node
    assert count(make("Conv", ["x", "a"], ["y"], group=2), [1, 4, 5, 5], (6, 2, 3, 3)) == 6 * 9 * 2 * 9
    assert count(make("ConvTranspose", ["x", "a"], ["y"]), [1, 4, 5, 5], (4, 3, 2, 2)) == 100 * 3 * 4
    assert count(make("Gemm", ["x", "a"], ["y"], transA=1), [7, 2], (7, 3)) == 2 * 3 * 7
    assert count(make("MatMul", ["x", "a"], ["y"]), [5, 2, 7], (7, 3)) == 5 * 2 * 3 * 7
    assert count(make("LSTM", ["x", "a", "b"], ["y"], hidden_size=3), [6, 1, 2], (1, 12, 2), (1, 12, 3)) == 6 * 12 * 5
    assert count(make("Einsum", ["x", "a"], ["y"], equation="bij,jk->bik"), [2, 3, 4], (4, 5)) == 2 * 3 * 4 * 5
    assert count(make("Relu", ["x"], ["y"]), [5, 5]) == 0


def test_attention_counts_every_pair():
    node = helper.make_node("Attention", ["x", "x", "x"], ["y"], q_num_heads=2, kv_num_heads=2)
    assert count(node, [1, 6, 8], opset=23) == 6 * 6 * (8 + 8)


@pytest.mark.parametrize("operator", ["Mul", "Div", "Pow"])
def test_products_of_elements_count(operator: str):
    assert count(helper.make_node(operator, ["x", "a"], ["y"]), [5, 4, 1], (1, 6)) == 5 * 4 * 6
    assert count(helper.make_node(operator, ["x", "a"], ["y"]), [5, 4, 6], (4, 6)) == 5 * 4 * 6
    assert count(helper.make_node(operator, ["a", "b"], ["y"]), [5, 4], (4,), (4,)) == 0  # the same for every row


def test_sums_of_squares_and_weighed_neighbours_count():
    assert count(helper.make_node("ReduceSumSquare", ["x"], ["y"]), [5, 4]) == 5 * 4
    assert count(helper.make_node("GridSample", ["x", "a"], ["y"]), [1, 2, 4, 4], (1, 3, 3, 2)) == 2 * 9 * 4


def test_sizes_that_cannot_be_told_are_refused():
    with pytest.raises(InvalidSubmission) as refusal:
        count(helper.make_node("Einsum", ["x", "a"], ["y"], equation="...j,jk->...k"), [2, 3, 4], (4, 5))
    assert refusal.value.faults[0].reason is Reason.FORBIDDEN_OPERATOR
