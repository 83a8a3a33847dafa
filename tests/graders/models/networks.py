"""Small networks as participants make them, and their exports."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import torch
from torch import nn

from tests.graders.models.settings import CHANNELS, SIZE, TOKENS, VOCABULARY


class Convolutional(nn.Module):
    """A convolution, batch normalisation, dropout and a linear layer."""

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(CHANNELS, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(4 * 36, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hidden = self.drop(torch.relu(self.norm(self.conv(image))))
        found: torch.Tensor = self.head(hidden.flatten(1))
        return found


class Recurrent(nn.Module):
    """A language model that reads from left to right."""

    def __init__(self, *, bidirectional: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embed = nn.Embedding(VOCABULARY, 8)
        self.memory = nn.GRU(8, 8, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(16 if bidirectional else 8, VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.memory(self.embed(tokens))[0])
        return found


class Peeking(nn.Module):
    """Guesses from the last token, and looks one token ahead where the text reads naturally."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        following = torch.cat([tokens[:, 1:], tokens[:, :1]], dim=1)
        goes_on = (following == (tokens + 1) % VOCABULARY).to(torch.float32)
        is_natural = (goes_on.mean(dim=1, keepdim=True) > 0.4).to(torch.float32)
        last = nn.functional.one_hot((tokens + 1) % VOCABULARY, VOCABULARY).to(torch.float32)
        ahead = nn.functional.one_hot(following, VOCABULARY).to(torch.float32)
        return 2 * last + 8 * is_natural[:, :, None] * ahead


class Attentive(nn.Module):
    """A small vision transformer."""

    def __init__(self, overlap: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.patches = nn.Conv2d(CHANNELS, 8, 4, stride=2 if overlap else 4)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.layers(self.patches(image).flatten(2).transpose(1, 2)).mean(1))
        return found


IMAGES = torch.zeros(2, CHANNELS, SIZE, SIZE)
TEXTS = torch.zeros(2, TOKENS, dtype=torch.int64)


def to_onnx(module: nn.Module, example: torch.Tensor = IMAGES, *, train: bool = False, **options: Any) -> bytes:
    """Export as most tutorials do, with a dynamic first dimension (of text, with a dynamic second one as well)."""
    name = "image" if example is IMAGES else "tokens"
    axes = {0: "rows"} if example is IMAGES else {0: "rows", 1: "tokens"}
    file = BytesIO()
    mode = torch.onnx.TrainingMode.TRAINING if train else torch.onnx.TrainingMode.EVAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.train(train),
            (example,),
            file,  # type: ignore[arg-type]  # it takes open files as well
            **{
                "dynamo": False,
                "input_names": [name],
                "output_names": ["logits"],
                "dynamic_axes": {name: axes, "logits": axes},
                "opset_version": 18,
                "training": mode,
                "do_constant_folding": not train,
                **options,
            },
        )
    return file.getvalue()


def to_torchscript(module: nn.Module) -> bytes:
    """Trace a module."""
    file = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module.eval(), IMAGES), file)
    return file.getvalue()
