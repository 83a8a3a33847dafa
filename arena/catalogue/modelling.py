"""What the API tells of the models that a challenge takes."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from arena.formatting import format_local
from challenges.model import Caps, ModelSpec, Tensor


class TensorOut(BaseModel):
    """An input or output of a model."""

    name: str
    dtype: str
    shape: list[int] = Field(description="Sizes; -1 for any. The first is the rows of a batch.")
    description: str
    below: int = Field(description="For whole numbers: every value is smaller; 0: any.")

    @classmethod
    def of(cls, tensor: Tensor, language: str) -> Self:
        """The tensor in a language."""
        return cls(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=tensor.shape,
            description=format_local(tensor.description, language=language),
            below=tensor.below,
        )


class CapsOut(BaseModel):
    """What a model may cost; 0 for no limit."""

    parameters: int
    weight_bytes: int
    macs: int = Field(description="Multiplications with additions for one row.")
    latency_ratio: float = Field(description="Time for one row, beside a fixed reference on the same machine.")

    @classmethod
    def of(cls, caps: Caps) -> Self:
        """The caps."""
        return cls(
            parameters=caps.parameters,
            weight_bytes=caps.weight_bytes,
            macs=caps.macs,
            latency_ratio=caps.latency_ratio,
        )


class ModelOut(BaseModel):
    """The models a challenge takes."""

    formats: list[str] = Field(description="`onnx`, `weights` (safetensors) or `torchscript`.")
    inputs: list[TensorOut]
    output: TensorOut
    caps: CapsOut
    architecture: str = Field(description="For `weights`: the public file whose `build()` makes the network.")
    opsets: list[int] = Field(description="For `onnx`: the oldest and the newest version of the operators.")
    rule: str = Field(description="A rule that the graph must keep; empty: none.")
    attachments: list[str] = Field(description="Text files that may lie beside the model in a zip archive.")

    @classmethod
    def of(cls, model: ModelSpec, language: str) -> Self:
        """The models in a language."""
        return cls(
            formats=model.formats,
            inputs=[TensorOut.of(tensor, language) for tensor in model.inputs],
            output=TensorOut.of(model.output, language),
            caps=CapsOut.of(model.caps),
            architecture=model.architecture,
            opsets=[model.oldest_opset, model.newest_opset],
            rule=model.rule,
            attachments=model.attachments,
        )
