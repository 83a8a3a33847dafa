"""ONNX uploads: what is taken, what is refused, and that hostile files end as a plain reason."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from challenges.errors import Reason
from graders.models import tiny_onnx
from graders.models.specimens import archive_of, challenge_for, safetensors, torch_pickle, torchscript
from tests.graders.models.networks import Attentive, Convolutional, to_onnx
from tests.graders.models.settings import image_challenge
from tests.graders.models.trying import reason, refuse, submit, table_of

TINY = challenge_for("onnx")
FLOAT = onnx.TensorProto.FLOAT


def tiny(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString())


def zip_of(*entries: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def test_a_trained_network_is_scored_and_weighed():
    challenge = image_challenge()
    reading = submit(to_onnx(Convolutional()), challenge)
    assert set(table_of(reading).columns) == {"label", "p0", "p1", "p2"}
    assert np.allclose(table_of(reading).block.sum(axis=0), 1)
    assert reading.costs["macs"] == 4 * 36 * 9 + 3 * 4 * 36
    assert reading.costs["parameters"] == 4 * 9 + 4 + 3 * 4 * 36 + 3  # normalisation is folded into the convolution
    assert 0 < reading.costs["latency_ms"] < 1000
    assert reading.costs["latency_ratio"] > 0
    assert reading.costs["peak_bytes"] > 1e7


def test_the_new_exporter_is_taken_too():
    model = Convolutional()
    dynamic: dict[str, Any] = {"dynamo": True, "external_data": False, "dynamic_axes": None, "opset_version": 20}
    newest = to_onnx(model, **dynamic, dynamic_shapes=({0: "rows"},))
    challenge = image_challenge()
    ours, theirs = submit(newest, challenge), submit(to_onnx(model), challenge)
    assert np.allclose(table_of(ours).block, table_of(theirs).block, atol=1e-6)


def test_weights_beside_the_model_are_the_same_as_weights_inside():
    inside = submit(tiny(tiny_onnx.linear()), TINY)
    beside = submit(tiny_onnx.outside(), TINY, "model.zip")
    assert table_of(inside).extras["probabilities"].tolist() == table_of(beside).extras["probabilities"].tolist()
    assert inside.costs["parameters"] == beside.costs["parameters"] == 12


@pytest.mark.parametrize(
    "location", ["../../../etc/passwd", "/etc/passwd", "/proc/self/environ", "./model.onnx.data", "model.onnx"]
)
def test_weights_lie_in_the_one_file_or_nowhere(location: str):
    assert reason(tiny_onnx.outside(location), TINY, "model.zip") is Reason.MALFORMED


@pytest.mark.parametrize(
    "facts",
    [{"offset": "1000000"}, {"offset": "-4"}, {"length": "4"}, {"length": "99999999999"}, {"offset": "x"}],
)
def test_weights_lie_within_their_file(facts: dict[str, str]):
    assert reason(tiny_onnx.outside(**facts), TINY, "model.zip") is Reason.MALFORMED


def test_a_model_without_its_weights_says_how_to_export():
    fault = refuse(tiny_onnx.without_weights(), TINY)
    assert fault.reason is Reason.MISSING_WEIGHTS
    assert "external_data=False" in fault.sentence
    alone = zip_of(("model.onnx", tiny_onnx.without_weights()))
    assert reason(alone, TINY, "model.zip") is Reason.MISSING_WEIGHTS


def link(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


GOOD = tiny(tiny_onnx.linear())
ZIPS = {
    "another file": (zip_of(("model.onnx", GOOD), ("run.sh", b"ls")), Reason.MALFORMED),
    "a folder": (zip_of(("model/model.onnx", GOOD)), Reason.MALFORMED),
    "upwards": (zip_of(("../model.onnx", GOOD)), Reason.MALFORMED),
    "no model": (zip_of(("model.onnx.data", GOOD)), Reason.MALFORMED),
    "a link": (zip_of((link("model.onnx"), b"/etc/passwd")), Reason.MALFORMED),
    "cut off": (zip_of(("model.onnx", GOOD))[:-30], Reason.MALFORMED),
    "a bomb": (
        zip_of(("model.onnx", GOOD), ("model.onnx.data", bytes(80_000_000)), method=zipfile.ZIP_DEFLATED),
        Reason.EXPANDS_TOO_MUCH,
    ),
    "packed otherwise": (zip_of(("model.onnx", GOOD), method=zipfile.ZIP_LZMA), Reason.MALFORMED),
    "deflated": (zip_of(("model.onnx", GOOD), method=zipfile.ZIP_DEFLATED), None),
}


@pytest.mark.parametrize("name", ZIPS)
def test_archives_hold_the_known_files_and_no_more(name: str):
    content, expected = ZIPS[name]
    if expected is None:
        assert submit(content, TINY, "model.zip").costs["parameters"] == 12
    else:
        assert reason(content, TINY, "model.zip") is expected


def test_an_archive_that_lies_about_its_sizes_is_refused():
    data = bytes(3_000_000)
    content = zip_of(
        ("model.onnx", tiny_onnx.without_weights()), ("model.onnx.data", data), method=zipfile.ZIP_DEFLATED
    )
    lying = content.replace((3_000_000).to_bytes(4, "little"), (48).to_bytes(4, "little"))
    assert lying != content
    assert reason(lying, TINY, "model.zip") is Reason.MALFORMED


OTHERS = {
    "pickle": (b"\x80\x04}\x94.", "model.onnx", Reason.UNSAFE_FORMAT),
    "torch.save": (torch_pickle(), "model.pt", Reason.UNSAFE_FORMAT),
    "torch.export": (archive_of({"archive_format": b"pt2", "models/model.json": b"{}"}), "m.pt2", Reason.UNSAFE_FORMAT),
    "TorchScript": (torchscript("x"), "model.pt", Reason.UNSAFE_FORMAT),
    "safetensors": (safetensors({"a": ("F32", [2])}), "model.safetensors", Reason.WRONG_TYPE),
    "Keras": (b"\x89HDF\r\n\x1a\n" + bytes(100), "model.h5", Reason.WRONG_TYPE),
    "text": (b"id,label\n1,2\n", "model.csv", Reason.WRONG_TYPE),
    "text by another name": (b"id,label\n1,2\n", "model.onnx", Reason.MALFORMED),
    "nothing": (b"", "model.onnx", Reason.EMPTY_FILE),
    "half a model": (GOOD[: len(GOOD) // 2], "model.onnx", Reason.MALFORMED),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_named_and_never_opened(name: str):
    content, filename, expected = OTHERS[name]
    fault = refuse(content, TINY, filename)
    assert fault.reason is expected
    if expected is Reason.UNSAFE_FORMAT:
        assert "torch.onnx.export" in fault.sentence
        assert "ONNX" in fault.sentence


def test_a_plain_pt_and_a_pt2_never_run_their_pickles(tmp_path: Any):
    marker = tmp_path / "marker"
    evil = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    for files in ({"data.pkl": evil}, {"archive_format": b"pt2", "data/weights/weight_0": evil}):
        assert reason(archive_of(files), TINY, "model.pt") is Reason.UNSAFE_FORMAT
    assert not marker.exists()


SIGNATURES: dict[str, dict[str, Any]] = {
    "input's name": {"input_names": ["picture"], "dynamic_axes": {"picture": {0: "rows"}, "logits": {0: "rows"}}},
    "output's name": {"output_names": ["scores"], "dynamic_axes": {"image": {0: "rows"}, "scores": {0: "rows"}}},
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_names_are_those_of_the_challenge(name: str):
    assert reason(to_onnx(Convolutional(), **SIGNATURES[name]), image_challenge()) is Reason.WRONG_SIGNATURE


@pytest.mark.parametrize(("dtype", "shape"), [("float64", [-1, 4]), ("float32", [-1, 5]), ("float32", [-1, 2, 2])])
def test_types_and_sizes_are_those_of_the_challenge(dtype: str, shape: list[int]):
    model = tiny_onnx.linear()
    kind = onnx.TensorProto.DOUBLE if dtype == "float64" else FLOAT
    sizes: list[int | str] = ["rows", *shape[1:]]
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", kind, sizes))
    fault = refuse(tiny(model), TINY)
    assert (fault.reason, str(fault.facts["place"])) == (Reason.WRONG_SIGNATURE, "input `x`")


def test_an_output_of_other_classes_is_found_by_running():
    weight = numpy_helper.from_array(np.ones((4, 5), dtype=np.float32), "weight")
    model = tiny_onnx.assemble([helper.make_node("MatMul", ["x", "weight"], ["logits"])], [weight])
    model.graph.output[0].type.tensor_type.ClearField("shape")
    fault = refuse(tiny(model), TINY)
    assert (fault.reason, fault.facts["expected"]) == (Reason.WRONG_SIGNATURE, "(1, 3)")


def test_a_fixed_batch_is_told_how_to_become_dynamic():
    fault = refuse(to_onnx(Convolutional(), dynamic_axes=None), image_challenge())
    assert fault.reason is Reason.FIXED_BATCH
    assert fault.facts == {"found": 2, "tensor": "image"}
    assert "dynamic" in fault.sentence


def test_a_batch_that_is_fixed_inside_is_found_by_running():
    weight = numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "weight")
    shape = numpy_helper.from_array(np.array([1, 3]), "shape")
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Reshape", ["product", "shape"], ["logits"]),
    ]
    assert reason(tiny(tiny_onnx.assemble(nodes, [weight, shape])), TINY) is Reason.FIXED_BATCH


def test_batch_statistics_left_on_are_found():
    statistics = to_onnx(Convolutional(dropout=0.0), train=True)
    assert reason(statistics, image_challenge()) is Reason.BATCH_DEPENDENT


@pytest.mark.parametrize("operator", ["Loop", "If", "Scan", "RandomNormalLike", "Multinomial", "SequenceConstruct"])
def test_operators_beyond_the_list_are_refused(operator: str):
    fault = refuse(tiny(tiny_onnx.with_operator(operator)), TINY)
    assert (fault.reason, fault.facts) == (Reason.FORBIDDEN_OPERATOR, {"operator": operator})


def test_functions_and_foreign_operators_are_refused():
    assert reason(tiny(tiny_onnx.with_operator("Gelu", domain="com.microsoft")), TINY) is Reason.FORBIDDEN_OPERATOR
    model = tiny_onnx.linear()
    imports = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("ours", "F", ["a"], ["a"], [], opset_imports=imports))
    assert reason(tiny(model), TINY) is Reason.FORBIDDEN_OPERATOR


@pytest.mark.parametrize("opset", [9, 16, 24])
def test_operators_have_a_version_in_the_range(opset: int):
    assert reason(tiny(tiny_onnx.linear(opset=opset)), TINY) is Reason.WRONG_OPSET


def test_a_constant_of_eight_billion_numbers_ends_cleanly():
    size = np.array([1 << 33], dtype=np.int64)
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"]),
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "sum"], ["logits"]),
    ]
    weights = [
        numpy_helper.from_array(size, "size"),
        numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "weight"),
    ]
    found = reason(tiny(tiny_onnx.assemble(nodes, weights)), TINY)
    assert found in (Reason.OUT_OF_MEMORY, Reason.MODEL_FAILED, Reason.MALFORMED)


@pytest.mark.parametrize("dims", [[1 << 40, 1 << 40], [-1, 4], [1 << 62, 4]])
def test_a_constant_that_claims_more_than_it_has_is_refused(dims: list[int]):
    model = tiny_onnx.linear()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(dims)
    assert reason(tiny(model), TINY) in (Reason.MALFORMED, Reason.BEYOND_CAP)


CAPS = {"parameters": 400, "weight_bytes": 1600, "macs": 1700}


@pytest.mark.parametrize("cost", CAPS)
def test_a_cap_counts_every_constant(cost: str):
    content = to_onnx(Convolutional())
    fault = refuse(content, image_challenge(caps={cost: CAPS[cost]}))
    assert fault.reason is Reason.BEYOND_CAP
    assert (fault.facts["cost"], fault.facts["limit"]) == (cost, CAPS[cost])
    assert submit(content, image_challenge(caps={cost: 2 * CAPS[cost]})).costs[cost] <= 2 * CAPS[cost]


def test_weights_hidden_in_a_node_or_as_whole_numbers_count():
    constant = numpy_helper.from_array(np.arange(300, dtype=np.int64).reshape(100, 3), "")
    nodes = [
        helper.make_node("Constant", [], ["table"], value=constant),
        helper.make_node("Cast", ["table"], ["real"], to=FLOAT),
        helper.make_node("ReduceSum", ["real"], ["sum"]),
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "sum"], ["logits"]),
    ]
    weight = numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "weight")
    fault = refuse(tiny(tiny_onnx.assemble(nodes, [weight])), TINY)
    assert (fault.reason, fault.facts["found"]) == (Reason.BEYOND_CAP, 312)


def test_the_rule_of_vision_transformers():
    challenge = image_challenge(rule="vision_transformer")
    costs = submit(to_onnx(Attentive()), challenge).costs
    assert costs["macs"] > 0
    assert (costs["convolutions"], costs["attentions"]) == (1, 2)
    assert "attentions" not in submit(to_onnx(Attentive()), image_challenge()).costs  # where no rule asks
    fault = refuse(to_onnx(Convolutional()), challenge)
    assert fault.reason is Reason.RULE_BROKEN
    assert "softmax" in str(fault.facts["problem"])
    assert "overlaps" in str(refuse(to_onnx(Attentive(overlap=True)), challenge).facts["problem"])
