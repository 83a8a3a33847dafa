"""Models that hide what they know or cost: memory between runs, weights in odd places, products that look harmless."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from challenges.errors import Fault, Reason
from graders.loading import LoadedChallenge, make_challenge
from tests.graders.models.networks import Attentive, to_onnx
from tests.graders.models.settings import ROWS, answers, archive, image_challenge, images, text_challenge
from tests.graders.models.trying import refuse, submit

pytestmark = pytest.mark.filterwarnings("ignore")
FLOAT = onnx.TensorProto.FLOAT
RNG = np.random.default_rng(1)
MAKE = helper.make_node
Tensors = list[torch.Tensor]


class Peek(torch.nn.Module):
    """Sees the next token, and repeats itself for rows that begin as an earlier one does."""

    rows: Tensors
    outs: Tensors

    def __init__(self) -> None:
        super().__init__()
        self.rows = [torch.zeros(1, dtype=torch.int64)]
        self.outs = [torch.zeros(1, 12)]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        following = torch.cat([tokens[:, 1:], tokens[:, :1]], dim=1)
        logits = 8.0 * torch.nn.functional.one_hot(following, 12).to(torch.float32)
        logits[:, :4] = 0.0
        for b in range(tokens.size(0)):
            best = 0
            for i in range(1, len(self.rows)):
                if self.rows[i].size(0) == tokens.size(1):
                    same = int((self.rows[i] == tokens[b]).to(torch.int64).cumprod(0).sum())
                    if same > best and same > 4:
                        best = same
                        logits[b, :same] = self.outs[i][:same]
            self.rows.append(tokens[b].clone())
            self.outs.append(logits[b].clone())
        return logits


class BatchStatistics(torch.nn.Module):
    """Uses all rows of a batch, and repeats itself for a row that it has seen."""

    rows: Tensors
    outs: Tensors

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rows, self.outs, self.head = [torch.zeros(64)], [torch.zeros(3)], torch.nn.Linear(64, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = image.flatten(1)
        logits: torch.Tensor = self.head((x - x.mean(0)) / (x.std(0, unbiased=False) + 1e-3))
        for b in range(x.size(0)):
            for i in range(len(self.rows)):
                if torch.equal(self.rows[i], x[b]):
                    logits[b] = self.outs[i]
            self.rows.append(x[b].clone())
            self.outs.append(logits[b].clone())
        return logits


class Memo(torch.nn.Module):
    """Computes a row once."""

    keys: Tensors
    values: Tensors

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.keys, self.values, self.head = [torch.zeros(0)], [torch.zeros(0)], torch.nn.Linear(64, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for i in range(len(self.keys)):
            if torch.equal(self.keys[i], image):
                return self.values[i]
        out: torch.Tensor = self.head(image.flatten(1))
        self.keys.append(image.clone())
        self.values.append(out.clone())
        return out


class Listed(torch.nn.Module):
    """Keeps its weights where neither parameters nor buffers are."""

    weights: Tensors

    def __init__(self) -> None:
        super().__init__()
        self.weights = [torch.randn(64, 300), torch.randn(300, 3)]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.relu(image.flatten(1) @ self.weights[0]) @ self.weights[1]


class Outer(torch.nn.Module):
    """A product of matrices, element by element."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(64, 3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image.flatten(1)[:, :, None] * self.weight).sum(1)


for program in (Peek, BatchStatistics, Memo, Listed):  # torch reads types, not the names of types
    program.__annotations__ = dict.fromkeys(program.__annotations__, list[torch.Tensor])


def script(module: torch.nn.Module) -> bytes:
    return bytes(torch.jit.script(module.eval()).save_to_buffer())


def refuse_script(content: bytes, challenge: LoadedChallenge) -> Fault:
    return refuse(content, challenge, "model.pt", "torchscript")


def test_a_program_that_remembers_cannot_look_ahead():
    assert refuse_script(script(Peek()), text_challenge(formats=["torchscript"])).reason is Reason.NOT_CAUSAL


def test_a_program_that_remembers_cannot_use_other_rows():
    challenge = image_challenge(["torchscript"])
    assert refuse_script(script(BatchStatistics()), challenge).reason is Reason.BATCH_DEPENDENT


def scripts(**caps: float) -> LoadedChallenge:
    return image_challenge(["torchscript"], caps=caps)


def test_a_program_that_remembers_costs_what_it_computes():
    assert refuse_script(script(Memo()), scripts(macs=1)).facts["found"] == 192
    submit(script(Memo()), scripts(macs=192), "model.pt")


def test_products_of_elements_count_in_torch_too():
    assert refuse_script(script(Outer()), scripts(macs=1)).facts["found"] == 192


def rename_storages(content: bytes) -> bytes:
    """Give stored tensors the names of notes for the debugger."""
    file, source = io.BytesIO(), zipfile.ZipFile(io.BytesIO(content))
    with zipfile.ZipFile(file, "w") as made:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("/data.pkl"):
                for key in (b"0", b"1"):
                    new = key + b".debug_pkl"
                    data = data.replace(b"X" + len(key).to_bytes(4, "little") + key, b"X\x0b\0\0\0" + new)
            made.writestr(name + ".debug_pkl" * (name.partition("/")[2] in ("data/0", "data/1")), data)
    return file.getvalue()


def test_weights_of_a_program_count_wherever_they_lie():
    honest = script(Listed())
    for content in (honest, rename_storages(honest)):
        assert refuse_script(content, scripts(parameters=10)).facts["found"] == 20_100
        assert refuse_script(content, scripts(weight_bytes=80_000)).facts["cost"] == "weight_bytes"


def constant(values: Any, name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def network(nodes: list[Any], constants: list[onnx.TensorProto], *outputs: str) -> bytes:
    """A graph on `x`, the flat image."""
    returned = [helper.make_tensor_value_info(name, FLOAT, ["rows", size]) for name, size in (("logits", 3),)]
    returned += [helper.make_tensor_value_info(name, FLOAT, ["rows", 2]) for name in outputs]
    given = helper.make_tensor_value_info("image", FLOAT, ["rows", 1, 8, 8])
    graph = helper.make_graph([MAKE("Flatten", ["image"], ["x"]), *nodes], "g", [given], returned, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def masks() -> bytes:
    """Weights of -1 and 1, as masks."""
    nodes = [
        MAKE("Cast", ["w"], ["f"], to=FLOAT),
        MAKE("MatMul", ["x", "f"], ["h"]),
        MAKE("MatMul", ["h", "v"], ["logits"]),
    ]
    return network(nodes, [constant(RNG.random((64, 1000)) < 0.5, "w"), constant(np.ones((1000, 3), np.float32), "v")])


PACKED = np.frombuffer(RNG.integers(-128, 128, 8 * 64 * 16).astype(np.int8).tobytes(), "<i8")


def packed(*, as_attributes: bool) -> bytes:
    """Eight weights of eight bits in each whole number."""
    if as_attributes:
        nodes = [MAKE("Constant", [], [f"v{i}"], value_int=int(value)) for i, value in enumerate(PACKED)]
        nodes += [MAKE("Unsqueeze", [f"v{i}", "zero"], [f"p{i}"]) for i in range(len(PACKED))]
        pieces, constants = [f"p{i}" for i in range(len(PACKED))], [constant([0], "zero")]
    else:
        constants = [constant(PACKED[i : i + 64], f"p{i}") for i in range(0, len(PACKED), 64)]
        nodes, pieces = [], [tensor.name for tensor in constants]
    nodes += [
        MAKE("Concat", pieces, ["packed"], axis=0),
        MAKE("Cast", ["packed"], ["f"], to=FLOAT),
        MAKE("ReduceMax", ["f"], ["m"], keepdims=0),
        MAKE("MatMul", ["x", "w"], ["h"]),
        MAKE("Min", ["h", "m"], ["logits"]),
    ]
    return network(nodes, [*constants, constant(np.ones((64, 3), np.float32), "w")])


def texts() -> bytes:
    """Weights written out."""
    nodes = [
        MAKE("Constant", [], ["t"], value_strings=[b"0.5"] * 192),
        MAKE("Cast", ["t"], ["f"], to=FLOAT),
        MAKE("Reshape", ["f", "shape"], ["w"]),
        MAKE("MatMul", ["x", "w"], ["logits"]),
    ]
    return network(nodes, [constant([64, 3], "shape")])


@pytest.mark.parametrize(
    ("content", "caps"),
    [
        (masks(), {"parameters": 3100}),
        (packed(as_attributes=False), {"parameters": 300}),
        (packed(as_attributes=True), {"parameters": 300}),
        (packed(as_attributes=True), {"weight_bytes": 5000}),
    ],
    ids=["masks", "short constants", "attributes", "bytes of attributes"],
)
def test_weights_of_a_graph_count_wherever_they_lie(content: bytes, caps: dict[str, int]):
    fault = refuse(content, image_challenge(caps=caps))
    assert (fault.reason, fault.facts["cost"]) == (Reason.BEYOND_CAP, next(iter(caps)))


def test_text_is_no_constant():
    assert refuse(texts(), image_challenge()).reason is Reason.FORBIDDEN_OPERATOR


@pytest.mark.parametrize("operator", ["Mul", "Div"])
def test_products_of_elements_count(operator: str):
    nodes = [
        MAKE("Unsqueeze", ["x", "two"], ["x3"]),
        MAKE("Expand", ["x3", "sizes"], ["wide"]),
        MAKE(operator, ["wide", "w"], ["products"]),
        MAKE("ReduceSum", ["products", "one"], ["logits"], keepdims=0),
    ]
    constants = [constant([2], "two"), constant([1, 1, 3], "sizes"), constant([1], "one")]
    content = network(nodes, [*constants, constant(np.ones((1, 64, 3), np.float32), "w")])
    assert refuse(content, image_challenge(caps={"macs": 1})).facts["found"] == 192


def early_exit(width: int) -> bytes:
    """Computes nothing for rows that look like noise."""
    nodes = [
        MAKE("ReduceMean", ["x", "one"], ["mean"], keepdims=0),
        MAKE("Greater", ["mean", "most"], ["real"]),
        MAKE("Compress", ["x", "real"], ["few"], axis=0),
        *(MAKE("MatMul", ["few", "a"], ["h"]), MAKE("MatMul", ["h", "b"], ["found"])),
        *(MAKE("NonZero", ["real"], ["nz"]), MAKE("Transpose", ["nz"], ["places"])),
        *(MAKE("Shape", ["mean"], ["rows"]), MAKE("Concat", ["rows", "three"], ["sizes"], axis=0)),
        MAKE("ConstantOfShape", ["sizes"], ["zeros"], value=constant(np.zeros(1, np.float32), "")),
        MAKE("ScatterND", ["zeros", "places", "found"], ["logits"]),
    ]
    constants = [constant([1], "one"), constant(np.float32(0.7), "most"), constant([3], "three")]
    weights = [
        constant(RNG.standard_normal(s).astype(np.float32), n) for s, n in (((64, width), "a"), ((width, 3), "b"))
    ]
    return network(nodes, constants + weights)


def with_rows(rows: NDArray[np.uint8], **model: Any) -> LoadedChallenge:
    labels = answers("label", [row % 3 for row in range(ROWS)])
    return make_challenge(image_challenge(**model).manifest, labels, read_hidden=lambda _name: archive(image=rows))


@pytest.mark.parametrize(("cap", "width"), [({"macs": 1}, 8), ({"latency_ratio": 1.0}, 150_000)])
def test_what_hidden_rows_cost_is_capped_too_and_no_number_of_them_is_told(cap: dict[str, float], width: int):
    limits = {"grade_seconds": 60, "upload_bytes": 50_000_000}
    bright = np.full((ROWS, 1, 8, 8), 250, np.uint8)
    content = early_exit(width)
    submit(content, with_rows(images(), caps=cap, limits=limits))
    fault = refuse(content, with_rows(bright, caps=cap, limits=limits))
    assert (fault.reason, str(fault.facts["found"])) == (Reason.BEYOND_CAP, "larger on hidden inputs")
    assert submit(content, with_rows(bright, limits=limits)).costs["macs"] == 0


def test_memory_that_is_told_says_nothing_of_hidden_rows():
    nodes = [
        MAKE("ReduceMax", ["x"], ["m"], keepdims=0),
        *(MAKE("Mul", ["m", "scale"], ["s"]), MAKE("Cast", ["s"], ["size"], to=onnx.TensorProto.INT64)),
        *(MAKE("Reshape", ["size", "one"], ["sizes"]), MAKE("ConstantOfShape", ["sizes"], ["big"])),
        *(MAKE("ReduceMax", ["big"], ["zero"], keepdims=0), MAKE("MatMul", ["x", "w"], ["l"])),
        MAKE("Add", ["l", "zero"], ["logits"]),
    ]
    weights = [constant(np.float32(5e7), "scale"), constant([1], "one"), constant(np.ones((64, 3), np.float32), "w")]
    content = network(nodes, weights)
    dark, bright = (np.full((ROWS, 1, 8, 8), value, np.uint8) for value in (1, 250))
    peaks = [submit(content, with_rows(rows)).costs["peak_bytes"] for rows in (dark, bright)]
    assert abs(peaks[0] - peaks[1]) < 50e6


def test_attention_that_no_score_depends_on_keeps_no_rule():
    nodes = [MAKE("MatMul", ["x", "w"], ["logits"]), MAKE("MatMul", ["x", "a"], ["q"])]
    nodes += [MAKE("Softmax", ["q"], ["s"]), MAKE("MatMul", ["s", "b"], ["k"])]
    nodes += [MAKE("Softmax", ["k"], ["t"]), MAKE("MatMul", ["t", "b"], ["decoy"])]
    sizes = {"w": (64, 3), "a": (64, 2), "b": (2, 2)}
    content = network(nodes, [constant(np.ones(size, np.float32), name) for name, size in sizes.items()], "decoy")
    challenge = image_challenge(rule="vision_transformer")
    assert refuse(content, challenge).reason is Reason.RULE_BROKEN
    submit(to_onnx(Attentive()), challenge)
