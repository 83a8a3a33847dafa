"""Refusals as a Chinese reader gets them: every upload is opened in the real sandbox, and no English is left."""

from __future__ import annotations

import json
import re
import struct
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import onnx
import pytest

from arena.submissions.schemas import FaultOut
from arena.translations import CHINESE
from challenges.errors import InvalidSubmission
from graders.kinds import Specimen, Upload, find_kinds
from graders.kinds.predictions import read_table
from graders.models import tiny_onnx
from graders.models.specimens import challenge_for, safetensors, torchscript
from tests.graders.examples import flowers, perfect, prices
from tests.graders.models.networks import Attentive, Convolutional, to_onnx
from tests.graders.models.settings import image_challenge
from tests.graders.models.trying import submit
from tests.sandboxing import shared_sandbox

SPECIMENS = [
    specimen
    for kind in find_kinds()
    for specimen in import_module(f"graders.kinds.{kind}").specimens()
    if specimen.reason is not None
]
FORMATS = "Arrow COCO CSV GIF HDF JPEG JSON Keras Lines NumPy ONNX Office PDF PNG Parquet PyTorch Python RAR SQLite"
NAMES = set(
    f"{FORMATS} TorchScript GPU NaN UTF buffer bzip csv deflated gzip id inf npy npz pickle protocol safetensors "
    "softmax stored xz zip zlib zstd".split()
)
"""Of formats and the like, as Chinese text writes them."""
WORD = re.compile(r"[A-Za-z]{2,}")


def english_of(sentence: str) -> list[str]:
    """English words outside of backticks."""
    return [word for word in WORD.findall(re.sub(r"`[^`]*`", "", sentence)) if word not in NAMES]


def told(read: Callable[[], object]) -> list[str]:
    """The Chinese sentences of an upload that is refused."""
    with pytest.raises(InvalidSubmission) as refusal:
        read()
    faults = json.loads(json.dumps([fault.to_dict() for fault in refusal.value.faults]))
    return [FaultOut.of(fault, CHINESE).sentence for fault in faults]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.name)
def test_every_specimen_is_refused_without_a_word_of_english(specimen: Specimen, tmp_path: Path):
    path = tmp_path / "specimen"
    path.write_bytes(specimen.content)
    sentences = told(lambda: specimen.read(Upload(path, specimen.filename), shared_sandbox()))
    assert not [english for sentence in sentences for english in english_of(sentence)], sentences


def without_shape() -> onnx.ModelProto:
    model = tiny_onnx.linear()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


def of_doubles() -> onnx.ModelProto:
    model = tiny_onnx.linear()
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    return model


def wide() -> onnx.ModelProto:
    model = tiny_onnx.linear()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7
    return model


TINY = challenge_for("onnx")
MODELS = {
    "names": (to_onnx(Convolutional(), input_names=["picture"]), "模型的 输入列表 是 `picture`；必须是 `image`。"),
    "a rule": (to_onnx(Convolutional()), "它在矩阵乘积之间有 0 个 softmax；至少需要 2 个"),
    "another rule": (to_onnx(Attentive(overlap=True)), "它的卷积有重叠"),
}
TINY_MODELS = {
    "a type": (of_doubles(), "模型的 输入 `x` 是 `float64` 类型；必须是 `float32`。"),
    "no shape": (without_shape(), "模型的 输入 `x` 是 形状未知；必须是 (*, 4)。"),
    "a shape": (wide(), "模型的 输出 `logits` 是 形状 (*, 7)；必须是 (*, 3)。"),
    "no graph": (onnx.ModelProto(ir_version=9), "文件无法按 ONNX 读取：其中没有计算图。"),
    "a newer format": (onnx.ModelProto(ir_version=99, graph=tiny_onnx.linear().graph), "格式版本为 99，应为 3 到 "),
}


@pytest.mark.parametrize("case", MODELS.values(), ids=MODELS)
def test_a_wrong_model_is_refused_in_chinese(case: tuple[bytes, str]):
    challenge = image_challenge(rule="vision_transformer")
    (sentence,) = told(lambda: submit(case[0], challenge))
    assert case[1] in sentence
    assert not english_of(sentence), sentence


@pytest.mark.parametrize("case", TINY_MODELS.values(), ids=TINY_MODELS)
def test_a_wrong_tiny_model_is_refused_in_chinese(case: tuple[onnx.ModelProto, str]):
    (sentence,) = told(lambda: submit(case[0].SerializeToString(), TINY))
    assert case[1] in sentence
    assert not english_of(sentence), sentence


OTHERS = {
    "elsewhere": ("onnx", "model.zip", tiny_onnx.outside("/etc/passwd"), "只接受 `model.onnx.data`"),
    "a pickle": ("onnx", "model.pkl", b"\x80\x04\x95", "Python 的 pickle 文件（`.pkl`，或旧的 `.pt`）"),
    "a header": ("weights", "a.safetensors", struct.pack("<Q", 2) + b"[]" + bytes(9), "safetensors"),
    "two tensors": ("weights", "a.safetensors", safetensors({"weight": ("F32", [4, 3])}), "缺少张量 `bias`"),
    "code": ("torchscript", "model.pt", torchscript("torch.mm(x, torch.ones(9, 3))"), "模型的代码抛出了错误"),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_other_uploads_of_models_are_refused_in_chinese(case: tuple[str, str, bytes, str]):
    kind, name, content, expected = case
    sentences = told(lambda: submit(content, challenge_for(kind), name))
    assert expected in sentences[0]
    assert not [english for sentence in sentences for english in english_of(sentence)], sentences


GOOD = perfect(flowers()).write_csv()
TABLES = {
    "a row": ("p.csv", GOOD.replace("\n", ",1\n", 4).replace(",1\n", "\n", 3).encode(), "读取：第 3 行有 "),
    "a quotation mark": ("p.csv", GOOD.replace("setosa", '"setosa', 1).encode(), "文件无法按 CSV 读取："),
    "carriage returns": ("p.csv", GOOD.replace("\n", "\r").encode(), "请以换行符结尾"),
    "a header": ("p.csv", GOOD.replace("species", "kind", 1).encode(), "表头应为：`id,species[,p_setosa,"),
    "a label": (
        "p.csv",
        GOOD.replace("setosa", "tulip", 1).encode(),
        "以下之一：`setosa`, `versicolor`, `virginica`",
    ),
    "a list": ("p.jsonl", b'{"id": "a", "species": ["setosa"]}', "列表（第 1 行）"),
    "a line": ("p.jsonl", b'{"id": "a", "species": \n', "第 1 行有误（`"),
    "a cut file": ("p.parquet", b"PAR1" + bytes(40), "文件不完整，或不是 Parquet 文件"),
    "an archive": ("p.npz", b"PK\x03\x04" + bytes(40), "文件无法按 NumPy .npz 读取：`"),
    "an image": ("p.csv", b"\x89PNG\r\n", "文件看起来是 图片（PNG），本挑战接受 CSV, Parquet"),
}


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_a_malformed_table_is_refused_in_chinese(case: tuple[str, bytes, str]):
    name, content, expected = case
    challenge = flowers()
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        upload = Upload(Path(file.name), name)
        sentences = told(lambda: read_table(upload, challenge.manifest, challenge.index, shared_sandbox()))
    assert expected in sentences[0]
    assert not [english for sentence in sentences for english in english_of(sentence)], sentences


def test_numbers_that_overflow_are_told_in_chinese():
    from graders.metrics import rmse, rmsle  # noqa: PLC0415

    huge = perfect(prices())["price"].to_numpy() * 1e300
    assert told(lambda: rmse.rmse(huge, -huge)) == ["这些预测的指标没有有限值：数值过大，误差溢出。"]
    assert not english_of(told(lambda: rmsle.rmsle(-huge, huge))[0].replace("x", ""))


def test_the_test_sees_english():
    assert english_of("文件看起来是 a zip of model，`id name`。") == ["zip", "of", "model"][1:]
