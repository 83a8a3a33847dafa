"""A first solution for gpt2_coherence: a small GPT in PyTorch, trained for about half a minute.

It has the parts of GPT-2 (2019): an embedding for each word and one for each place, blocks of causal attention and of a
small network, each behind a layer normalisation and beside a path that goes straight through, and at the end the words'
embedding again, which turns what was found into a score (logit) for each word. Yet it is tiny: 2 blocks of width 96.

    python baseline.py --data gpt2_coherence --out model.onnx            trains, and writes a model to submit
    python baseline.py --data gpt2_coherence --out model.onnx --write    ... and model.zip: the model with texts of it
"""

from __future__ import annotations

import argparse
import json
import math
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

LAYERS = 2
WIDTH = 96
HEADS = 4
LENGTH = 128
STEPS = 600
ROWS = 8
LEARNING_RATE = 5e-3
MOST_WORDS = 120
"""Of a text that the network writes."""
TEMPERATURE = 0.8
END, UNKNOWN = "<|endoftext|>", "<unk>"

Vocabulary = dict[str, int]


class Block(nn.Module):
    """Look back at other places, then think about what was found; shapes stay (rows, time, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_thinking = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.asked, self.answered = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.thinking = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what attention found, then what the network made of it."""
        x = x + self.attend(self.before_attention(x))
        thought: torch.Tensor = self.thinking(self.before_thinking(x))
        return x + thought

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """Each place asks all places before it, and takes over from those whose key fits its query."""
        rows, time, _ = x.shape
        query, key, value = self.asked(x).view(rows, time, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        answer: torch.Tensor = self.answered(found.transpose(1, 2).reshape(rows, time, WIDTH))
        return answer


class Network(nn.Module):
    """From token ids of shape (rows, time), time up to LENGTH, to logits of shape (rows, time, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(size, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm, self.bias = nn.LayerNorm(WIDTH), nn.Parameter(torch.zeros(size))
        nn.init.normal_(self.words.weight, std=0.1)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the token after each."""
        x = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        found: torch.Tensor = self.norm(self.blocks(x))
        return found @ self.words.weight.T + self.bias


def encode(text: str, vocabulary: Vocabulary) -> torch.Tensor:
    """Token ids of a text: one for each word between spaces, and END for each end of a line."""
    words = text.replace("\n", f" {END} ").split()
    return torch.tensor([vocabulary.get(word, vocabulary[UNKNOWN]) for word in words])


def decode(tokens: list[int], vocabulary: Vocabulary) -> str:
    """The text of token ids."""
    words = list(vocabulary)
    return " ".join(words[token] for token in tokens).replace(f" {END}", "\n").replace("\n ", "\n")


def train(network: Network, tokens: torch.Tensor, device: str, steps: int) -> None:
    """Show the network random pieces of the text, and move its weights so that each next token becomes likelier."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
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
            print(f"step {step}: perplexity {math.exp(loss.item()):.1f} on this piece")


def go_on(network: Network, vocabulary: Vocabulary, prompt: str) -> str:
    """Let the network write: draw each next token from its probabilities, and show it what was drawn, until END."""
    begun = [vocabulary[END], *encode(prompt, vocabulary).tolist()]
    written = list[int]()
    with torch.no_grad():
        while len(written) < MOST_WORDS and written[-1:] != [vocabulary[END]]:
            logits = network(torch.tensor([(begun + written)[-LENGTH:]]))[0, -1]
            written.append(int(torch.multinomial((logits / TEMPERATURE).softmax(dim=-1), 1)))
    return decode(written, vocabulary).strip()


def write_texts(network: Network, vocabulary: Vocabulary, prompts: Path) -> str:
    """A text for each line of `prompts.jsonl`, in the same form."""
    rows = [json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines()]
    texts = [{"id": row["id"], "text": go_on(network, vocabulary, row["text"])} for row in rows]
    return "".join(json.dumps(text) + "\n" for text in texts)


def export(network: Network, out: Path) -> None:
    """Write the network as one ONNX file for any number of rows and any length up to LENGTH."""
    network.eval()
    with warnings.catch_warnings():  # about an older way to export, which needs no further package
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


def main(data: Path, out: Path, steps: int = STEPS, *, writes: bool = False) -> None:
    """Learn from `train.txt`, and write a model."""
    torch.manual_seed(0)
    vocabulary: Vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))
    tokens = encode((data / "train.txt").read_text(encoding="utf-8"), vocabulary)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = Network(len(vocabulary)).to(device)
    train(network, tokens, device, steps)
    network.to("cpu")
    export(network, out)
    print(f"wrote {out}: {sum(weights.numel() for weights in network.parameters()):,} weights")
    if writes:
        texts, bundle = write_texts(network, vocabulary, data / "prompts.jsonl"), out.with_suffix(".zip")
        out.with_name("generations.jsonl").write_text(texts, encoding="utf-8")
        with zipfile.ZipFile(bundle, "w") as archive:
            archive.write(out, "model.onnx")
            archive.writestr("generations.jsonl", texts)
        print(f"wrote {bundle}: the model, and what it wrote after each line of prompts.jsonl")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.txt and vocab.json")
    parser.add_argument("--out", type=Path, required=True, help="model to write, such as model.onnx")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of training")
    parser.add_argument("--write", action="store_true", help="let the model go on telling the prompts, and zip both")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out, arguments.steps, writes=arguments.write)
