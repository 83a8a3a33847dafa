"""Language models: bits, the probe for looking ahead, shown rows and attachments."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
from torch import nn

from challenges.errors import InvalidSubmission, Reason
from graders.arrangement import Predictions
from graders.grading import score_side
from graders.loading import LoadedChallenge
from graders.metrics.perplexity import perplexity
from graders.models.outputs import check_outputs, cost_in_bits
from graders.models.plan import make_plan, spread_positions
from tests.graders.models.networks import TEXTS, Peeking, Recurrent, to_onnx
from tests.graders.models.settings import LINES, TOKENS, VOCABULARY, lines, text_challenge
from tests.graders.models.trying import predict, reason, refuse, submit

CHALLENGE = text_challenge()


class Bigram(nn.Module):
    """Says that the next token is the last one plus one, as surely as it is told."""

    def __init__(self, surety: float, shift: float = 0.0) -> None:
        super().__init__()
        self.surety, self.shift = surety, shift

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        following = nn.functional.one_hot((tokens + 1) % VOCABULARY, VOCABULARY).to(torch.float32)
        return self.surety * following + self.shift


def bits_of(module: nn.Module, challenge: LoadedChallenge = CHALLENGE) -> Predictions:
    return predict(to_onnx(module, TEXTS), challenge)


def test_uniform_guessing_costs_the_logarithm_of_the_vocabulary():
    found = bits_of(Bigram(0.0))
    assert np.allclose(found.columns["bits"], np.log2(VOCABULARY))
    assert score_side(CHALLENGE, found, CHALLENGE.public).score == pytest.approx(np.log2(VOCABULARY))


def test_bits_are_those_of_a_second_calculation():
    found = bits_of(Bigram(2.0))
    text = lines()
    is_next = text[:, 5:] == (text[:, 4:-1] + 1) % VOCABULARY
    total = np.exp(2.0) + VOCABULARY - 1
    expected = np.where(is_next, -np.log2(np.exp(2.0) / total), np.log2(total))
    order = [*range(0, LINES, 3), *(row for row in range(LINES) if row % 3)]
    assert np.allclose(found.columns["bits"], expected.mean(axis=1)[order], atol=1e-5)
    assert np.allclose(found.extras["bits"], expected[order], atol=1e-5)
    assert found.extras["bits"].shape == (LINES, TOKENS - 4)


def test_perplexity_is_the_exponential_of_the_cross_entropy():
    text = torch.tensor(lines().astype(np.int64))
    logits = Recurrent()(text[:, :-1])[:, 4:].detach()
    costs = nn.functional.cross_entropy(logits.flatten(0, 1), text[:, 5:].flatten())
    bits = cost_in_bits(logits.numpy(), text[:, 5:].numpy()).mean(axis=1, dtype=np.float64)
    assert perplexity(np.full(LINES, TOKENS - 4.0), bits) == pytest.approx(float(costs.exp()), rel=1e-5)


def test_outputs_that_sum_to_anything_gain_nothing():
    assert np.allclose(bits_of(Bigram(2.0, shift=50.0)).block, bits_of(Bigram(2.0)).block, atol=1e-4)


def test_a_recurrent_network_is_read_and_weighed():
    reading = submit(to_onnx(Recurrent(), TEXTS), CHALLENGE)
    gates = 3 * 8 * (8 + 8)
    assert reading.costs["macs"] == TOKENS * (gates + 8 * VOCABULARY)


def test_reading_backwards_is_not_causal():
    assert reason(to_onnx(Recurrent(bidirectional=True), TEXTS), CHALLENGE) is Reason.NOT_CAUSAL


def test_peeking_that_shows_on_natural_text_only_is_found_and_tells_nothing():
    fault = refuse(to_onnx(Peeking(), TEXTS), CHALLENGE)
    assert (fault.reason, fault.facts) == (Reason.NOT_CAUSAL, {})


def test_shown_rows_are_run_and_not_scored():
    challenge = text_challenge(shown=2)
    found = bits_of(Bigram(2.0), challenge)
    assert found.columns["bits"].shape == (LINES,)
    assert found.extras["shown_bits"].shape == (2, TOKENS - 4)
    assert found.extras["shown_id"].tolist() == [f"r{LINES:03}", f"r{LINES + 1:03}"]


def with_sample(text: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", to_onnx(Bigram(1.0), TEXTS))
        archive.writestr("sample.txt", text)
    return file.getvalue()


def test_a_sample_of_its_writing_may_lie_beside_the_model():
    found = predict(with_sample("Es war einmal… 从前".encode()), CHALLENGE, "model.zip")
    assert found.attachments == {"sample.txt": "Es war einmal… 从前"}
    assert reason(with_sample(b"\xff\xfe"), CHALLENGE, "model.zip") is Reason.NOT_UTF8
    assert reason(with_sample(b"a" * 100_000), CHALLENGE, "model.zip") is Reason.TOO_LARGE


def test_every_position_is_probed_where_there_are_enough_rows():
    rng = np.random.default_rng(0)
    assert set(spread_positions(40, 15, rng).tolist()) == set(range(15))
    assert len(set(spread_positions(5, 15, rng).tolist())) == 5


def test_probes_keep_the_beginning_and_end_as_another_hidden_row():
    plan = make_plan(CHALLENGE.inputs, CHALLENGE.manifest.model, 3)  # type: ignore[arg-type]
    given, probes = plan.arrays[0][:LINES], plan.arrays[0][LINES : 2 * LINES]
    for row, position in enumerate(plan.positions):
        assert (given[row, : position + 1] == probes[row, : position + 1]).all()
        ends = [other for other in given if (other[position + 1 :] == probes[row, position + 1 :]).all()]
        assert ends
    assert (given != probes).any(axis=1).mean() > 0.9


def test_looking_ahead_at_a_single_place_is_found():
    plan = make_plan(CHALLENGE.inputs, CHALLENGE.manifest.model, 3)  # type: ignore[arg-type]
    place = int(plan.positions[0])
    tokens = plan.arrays[0]
    honest = 2.0 * np.eye(VOCABULARY, dtype=np.float32)[tokens]
    check_outputs(honest[: plan.rows], honest[plan.rows :], plan)
    honest[:, place] = np.eye(VOCABULARY, dtype=np.float32)[tokens[:, place + 1]]
    with pytest.raises(InvalidSubmission) as refusal:
        check_outputs(honest[: plan.rows], honest[plan.rows :], plan)
    assert refusal.value.faults[0].reason is Reason.NOT_CAUSAL


def test_costs_of_extreme_outputs_are_finite():
    logits = np.array([[[1e30, -1e30, 0.0]]], dtype=np.float32)
    assert np.isfinite(cost_in_bits(logits, np.array([[1]]))).all()
