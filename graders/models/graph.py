"""An ONNX graph before anything runs it: where its weights are, which operators it uses, what goes in and out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NoReturn

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import quote, show_text
from graders.models.archive import open_archive, read_entry
from graders.models.asking import Ask
from graders.models.formats import ONNX, ONNX_ZIP, ZIP, ZIP_MAGIC, name_archive, name_format, refuse_format
from graders.models.serving import ATTACHMENT_BYTES

MODEL_FILE, DATA_FILE = "model.onnx", "model.onnx.data"
MOST_NODES, MOST_TENSORS = 20_000, 20_000
OPERATOR_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_STANDARD = frozenset((s.domain, s.name) for s in onnx.defs.get_all_schemas() if s.domain in OPERATOR_DOMAINS)
_WORDS = (
    "If Loop Scan SequenceMap "
    "SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence "
    "ConcatFromSequence Optional OptionalGetElement OptionalHasElement "
    "StringConcat StringSplit StringNormalizer RegexFullMatch TfIdfVectorizer LabelEncoder CategoryMapper "
    "DictVectorizer ZipMap CastMap ImageDecoder "
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Multinomial Bernoulli"
)
FORBIDDEN = frozenset(_WORDS.split())
"""Standard operators that are not taken: control flow, sequences, text, random numbers."""
_CLASSICAL = "ai.onnx.ml"
"""Trees, linear models and vector machines, whose multiplications are not counted: not taken where they are capped."""
_OLDEST_FORMAT = 3
BITS: dict[int, int] = {
    onnx.TensorProto.FLOAT: 32,
    onnx.TensorProto.DOUBLE: 64,
    onnx.TensorProto.FLOAT16: 16,
    onnx.TensorProto.BFLOAT16: 16,
    onnx.TensorProto.INT8: 8,
    onnx.TensorProto.UINT8: 8,
    onnx.TensorProto.INT16: 16,
    onnx.TensorProto.UINT16: 16,
    onnx.TensorProto.INT32: 32,
    onnx.TensorProto.UINT32: 32,
    onnx.TensorProto.INT64: 64,
    onnx.TensorProto.UINT64: 64,
    onnx.TensorProto.BOOL: 8,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.UINT4: 4,
}
"""Types of constants that are taken, and their size."""
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
"""Those of trained numbers."""
_ATTRIBUTE = onnx.AttributeProto


def load_graph(content: bytes, ask: Ask) -> tuple[onnx.ModelProto, dict[str, bytes]]:
    """The model of an upload with all its weights inside, and the texts that came beside it.

    Args:
        content: `.onnx`, or a zip of `model.onnx`, perhaps `model.onnx.data`, and the challenge's attachments.
        ask: Names the attachments and what an archive may unpack to.

    Raises:
        InvalidSubmission: It is no such file, or weights are missing.
    """
    if not content:
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    found = name_format(content[:4096], ask.filename)
    if content.startswith(ZIP_MAGIC):
        return _load_zip(content, ask)
    if found != ONNX:
        refuse_format(found, ask.takes)
    model = _parse(content)
    for tensor in _external(model):
        location = next((e.value for e in tensor.external_data if e.key == "location"), DATA_FILE)
        raise InvalidSubmission.because(Reason.MISSING_WEIGHTS, file=show_text(location))
    return model, {}


def check_graph(model: onnx.ModelProto, ask: Ask) -> None:
    """Versions, operators and constants.

    Raises:
        InvalidSubmission: WRONG_OPSET, FORBIDDEN_OPERATOR, BEYOND_CAP or MALFORMED.
    """
    if not model.HasField("graph") or not model.graph.node:
        malformed(say(Phrase.NO_GRAPH))
    if not _OLDEST_FORMAT <= model.ir_version <= onnx.IR_VERSION:
        span = say(Phrase.SPAN, least=_OLDEST_FORMAT, most=int(onnx.IR_VERSION))
        malformed(say(Phrase.FORMAT_VERSION, found=model.ir_version, expected=span))
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    oldest, newest = ask.model.oldest_opset, ask.model.newest_opset
    if len(versions) != 1 or not oldest <= versions[0] <= newest:
        told = Code(", ".join(str(version) for version in versions[:3])) if versions else say(Phrase.NO_VERSION)
        span = say(Phrase.SPAN, least=oldest, most=newest)
        raise InvalidSubmission.because(Reason.WRONG_OPSET, found=told, expected=span)
    if model.functions:
        forbid(f"{model.functions[0].domain}::{model.functions[0].name}")
    if len(model.graph.node) > MOST_NODES:
        _beyond("nodes", len(model.graph.node), MOST_NODES)
    for node in model.graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        is_uncounted = domain == _CLASSICAL and bool(ask.model.caps.macs)
        if (domain, node.op_type) not in _STANDARD or node.op_type in FORBIDDEN or is_uncounted:
            forbid(f"{node.domain}::{node.op_type}" if node.domain else node.op_type)
        if any(attribute.type in (_ATTRIBUTE.GRAPH, _ATTRIBUTE.GRAPHS) for attribute in node.attribute):
            forbid(node.op_type)
    if model.graph.sparse_initializer or len(model.graph.initializer) > MOST_TENSORS:
        _beyond("tensors", len(model.graph.initializer) + len(model.graph.sparse_initializer), MOST_TENSORS)


def tensors_of(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All constants: initializers, and tensors among the attributes of nodes.

    Raises:
        InvalidSubmission: FORBIDDEN_OPERATOR: one is sparse.
    """
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type in (_ATTRIBUTE.SPARSE_TENSOR, _ATTRIBUTE.SPARSE_TENSORS):
                forbid(f"{node.op_type}.{attribute.name}")
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def forbid(operator: str) -> NoReturn:
    """Refuse an operator.

    Raises:
        InvalidSubmission: FORBIDDEN_OPERATOR.
    """
    raise InvalidSubmission.because(Reason.FORBIDDEN_OPERATOR, operator=show_text(operator))


def malformed(problem: Words | Code) -> NoReturn:
    """Refuse a file that is no proper model.

    Raises:
        InvalidSubmission: MALFORMED.
    """
    raise InvalidSubmission.because(Reason.MALFORMED, expected=ONNX, problem=problem)


def _beyond(cost: str, found: int, limit: int) -> NoReturn:
    raise InvalidSubmission.because(Reason.BEYOND_CAP, cost=cost, found=found, limit=limit)


def _parse(content: bytes) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError:
        malformed(say(Phrase.NO_PROTOCOL_BUFFER))
    return model


def _load_zip(content: bytes, ask: Ask) -> tuple[onnx.ModelProto, dict[str, bytes]]:
    archive = open_archive(content, ask.expanded_bytes)
    names = archive.namelist()
    found = name_archive(names)
    if MODEL_FILE not in names:
        if found in (ZIP, ONNX_ZIP):
            malformed(say(Phrase.ZIP_LACKS, name=Code(MODEL_FILE)))
        refuse_format(found, ask.takes)
    legal = [MODEL_FILE, DATA_FILE, *ask.model.attachments]
    for name in names:
        if name not in legal:
            told = Code(", ".join(quote(each) for each in legal))
            malformed(say(Phrase.ZIP_HOLDS, name=show_text(name), expected=told))
    model = _parse(read_entry(archive, MODEL_FILE))
    external = list(_external(model))
    if external and DATA_FILE not in names:
        raise InvalidSubmission.because(Reason.MISSING_WEIGHTS, file=DATA_FILE)
    data = read_entry(archive, DATA_FILE) if external else b""
    budget = ask.expanded_bytes
    for tensor in external:
        budget -= embed(tensor, data)
        if budget < 0:
            malformed(say(Phrase.CONSTANTS_OVERLAP))
    texts = {name: read_entry(archive, name) for name in ask.model.attachments if name in names}
    for text in texts.values():
        if len(text) > ATTACHMENT_BYTES:
            raise InvalidSubmission.because(Reason.TOO_LARGE, size_bytes=len(text), limit_bytes=ATTACHMENT_BYTES)
        _check_text(text)
    return model, texts


def embed(tensor: onnx.TensorProto, data: bytes) -> int:
    """Move a constant's bytes from the file of weights into the model, and return how many.

    Raises:
        InvalidSubmission: MALFORMED: they lie elsewhere, or not within the file.
    """
    facts = {entry.key: entry.value for entry in tensor.external_data}
    name = show_text(tensor.name)
    if facts.get("location") != DATA_FILE:
        found = show_text(facts.get("location", ""))
        malformed(say(Phrase.WEIGHTS_ELSEWHERE, name=name, found=found, expected=Code(DATA_FILE)))
    if tensor.data_type not in BITS:
        malformed(say(Phrase.CONSTANT_TYPE, name=name))
    size = -(-math.prod(tensor.dims) * BITS[tensor.data_type] // 8)
    try:
        offset, length = int(facts.get("offset", "0")), int(facts.get("length", str(size)))
    except ValueError:
        malformed(say(Phrase.WEIGHTS_NOWHERE, name=name))
    if length != size or not 0 <= offset <= offset + length <= len(data):
        malformed(say(Phrase.WEIGHTS_OUTSIDE, name=name, file=Code(DATA_FILE)))
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.raw_data = data[offset : offset + length]
    return length


def _external(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for tensor in tensors_of(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            yield tensor


def _check_text(text: bytes) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=error.start) from error
