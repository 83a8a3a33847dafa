"""A first solution for char_rnn: a small recurrent network (GRU) in PyTorch, trained for half a minute.

It reads a text token by token and keeps what it has seen in 192 numbers, its state. From the state, one linear layer
gives a score (logit) to each token that may come next. A larger state, more layers, longer training, and attention to
what was read before are where you can do better.

    python baseline.py --data char_rnn --out model.onnx             trains, and writes a model to submit
    python baseline.py --data char_rnn --out model.onnx --sample    ... and model.zip: the model with a text it wrote
"""

from __future__ import annotations

import argparse
import json
import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

EMBEDDING = 32
STATE = 192
STEPS = 500
ROWS = 24
LENGTH = 96
LEARNING_RATE = 1e-2
SAMPLE_CHARACTERS = 2000

Vocabulary = dict[str, Any]


class Network(nn.Module):
    """From token ids of shape (rows, time) to logits of shape (rows, time, size): of the token after each."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, EMBEDDING)
        self.recurrent = nn.GRU(EMBEDDING, STATE, batch_first=True)
        self.out = nn.Linear(STATE, size)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Read texts from their beginning."""
        return self.read(tokens, None)[0]

    def read(self, tokens: torch.Tensor, state: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Read on from a state; the logits, and the state that it ends in."""
        states, last = self.recurrent(self.embedding(tokens), state)
        return self.out(states), last


def encode(text: str, vocabulary: Vocabulary) -> torch.Tensor:
    """Token ids of a text: one for each character, or two (Chinese: row and place in a large table)."""
    places = {character: place for place, character in enumerate(vocabulary["characters"])}
    numbers = torch.tensor([places[character] for character in text])
    if vocabulary["tokens_per_character"] == 1:
        return numbers
    return torch.stack([numbers // vocabulary["size"], numbers % vocabulary["size"]], dim=1).flatten()


def decode(tokens: list[int], vocabulary: Vocabulary) -> str:
    """The text of token ids."""
    if vocabulary["tokens_per_character"] != 1:
        pairs = zip(tokens[::2], tokens[1::2], strict=True)
        tokens = [row * vocabulary["size"] + place for row, place in pairs]
    characters = vocabulary["characters"]
    return "".join(characters[token] if token < len(characters) else "?" for token in tokens)


def train(network: Network, tokens: torch.Tensor, device: str, steps: int) -> None:
    """Show the network random pieces of the text, and move its weights so that each next token becomes likelier."""
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.1)
    for step in range(1, steps + 1):
        starts = torch.randint(len(tokens) - LENGTH, (ROWS, 1))
        pieces = tokens[starts + torch.arange(LENGTH + 1)].to(device)
        logits = network(pieces[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: {loss.item() / math.log(2):.2f} bits per character")


def write_text(network: Network, vocabulary: Vocabulary) -> str:
    """Let the network write: draw each next token from its probabilities, and show it what was drawn."""
    written: list[int] = []
    tokens, state = encode("\n", vocabulary)[None], None
    with torch.no_grad():
        for _ in range(SAMPLE_CHARACTERS * vocabulary["tokens_per_character"]):
            logits, state = network.read(tokens, state)
            tokens = torch.multinomial(logits[:, -1].softmax(dim=-1), 1)
            written.append(int(tokens))
    return decode(written, vocabulary)


def export(network: Network, out: Path) -> None:
    """Write the network as one ONNX file for any number of rows and any length."""
    network.eval()
    with warnings.catch_warnings():  # about an older way to export: it writes a recurrent network as one operator
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 8, dtype=torch.int64),),
            out,
            input_names=["tokens"],
            output_names=["logits"],
            dynamic_axes={"tokens": {0: "rows", 1: "time"}, "logits": {0: "rows", 1: "time"}},
            opset_version=17,
            dynamo=False,
        )


def main(data: Path, out: Path, steps: int = STEPS, *, with_sample: bool = False) -> None:
    """Learn from `train.txt`, and write a model."""
    torch.manual_seed(0)
    vocabulary: Vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))
    tokens = encode((data / "train.txt").read_text(encoding="utf-8"), vocabulary)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = Network(vocabulary["size"]).to(device)
    train(network, tokens, device, steps)
    network.to("cpu")
    export(network, out)
    print(f"wrote {out}: {sum(weights.numel() for weights in network.parameters()):,} weights")
    if with_sample:
        text, bundle = write_text(network, vocabulary), out.with_suffix(".zip")
        out.with_name("sample.txt").write_text(text, encoding="utf-8")
        with zipfile.ZipFile(bundle, "w") as archive:
            archive.write(out, "model.onnx")
            archive.writestr("sample.txt", text)
        print(f"wrote {bundle}: the model, and a text of {len(text):,} characters that it wrote")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.txt and vocab.json")
    parser.add_argument("--out", type=Path, required=True, help="model to write, such as model.onnx")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of training")
    parser.add_argument("--sample", action="store_true", help="let the model write a text too, and zip both")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out, arguments.steps, with_sample=arguments.sample)
