"""The training loss: CTC, and what can be added to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig, Targets, check_loss, training_loss
from audio_lstm.speech.acoustic.model import SpeechModel, ctc_loss

LENGTHS = torch.tensor([40, 31])
SYMBOLS = (torch.tensor([1, 2, 3]), torch.tensor([2, 2]))


@pytest.fixture
def model(speech_config: SpeechModelConfig) -> SpeechModel:
    """Two layers as wide as each other."""
    torch.manual_seed(0)
    model = SpeechModel(replace(speech_config, lstm=replace(speech_config.lstm, n_layers=2))).train()
    with torch.no_grad():
        model.head.weight.mul_(10)  # answers that differ from frame to frame
    return model


@pytest.fixture
def features() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 40, 20, generator=generator)


def test_by_default_it_is_ctc_alone(model: SpeechModel, features: torch.Tensor) -> None:
    loss, lengths = training_loss(model, features, LENGTHS, Targets(SYMBOLS), CTCLossConfig())
    log_probs, expected_lengths, _ = model(features, LENGTHS)
    expected = ctc_loss(log_probs, expected_lengths, SYMBOLS)
    assert lengths.tolist() == expected_lengths.tolist() == [10, 8]
    torch.testing.assert_close(loss.total, expected.total)
    assert loss.n_symbols == 5


def test_the_intermediate_loss_reads_the_first_layer_with_the_same_head(
    model: SpeechModel, features: torch.Tensor
) -> None:
    config = CTCLossConfig(intermediate_weight=0.25, intermediate_layer=1)
    loss, _ = training_loss(model, features, LENGTHS, Targets(SYMBOLS), config)
    outputs = model.training_log_probs(features, LENGTHS, inner_layers=(1,))
    last, (first,), lengths = outputs.log_probs, outputs.inner, outputs.lengths
    expected = 0.75 * ctc_loss(last, lengths, SYMBOLS).total + 0.25 * ctc_loss(first, lengths, SYMBOLS).total
    torch.testing.assert_close(loss.total, expected)
    loss.total.backward()
    assert model.backbone.forward_layers[0].weight_ih_l0.grad is not None


def test_consistency_is_zero_for_equal_views_and_grows_with_their_difference(
    model: SpeechModel, features: torch.Tensor
) -> None:
    lengths, targets = LENGTHS.repeat(2), Targets(SYMBOLS * 2)
    plain = CTCLossConfig(consistency_weight=1e-9)
    strong = CTCLossConfig(consistency_weight=1.0)
    masked = features.clone()
    masked[:, 5:20] = 0

    def consistency(second: torch.Tensor) -> float:
        both = torch.cat([features, second])
        totals = [training_loss(model, both, lengths, targets, config)[0].total.item() for config in (strong, plain)]
        return totals[0] - totals[1]

    assert consistency(features) == pytest.approx(0, abs=1e-5)
    assert consistency(masked) > 1e-3


def test_two_equal_views_cost_what_one_does(model: SpeechModel, features: torch.Tensor) -> None:
    one, _ = training_loss(model, features, LENGTHS, Targets(SYMBOLS), CTCLossConfig())
    config = CTCLossConfig(consistency_weight=0.5)
    two, lengths = training_loss(model, features.repeat(2, 1, 1), LENGTHS.repeat(2), Targets(SYMBOLS * 2), config)
    torch.testing.assert_close(two.total, one.total)
    assert two.n_symbols == one.n_symbols
    assert len(lengths) == 4


def test_padding_adds_nothing_to_any_term(model: SpeechModel, features: torch.Tensor) -> None:
    config = CTCLossConfig(intermediate_weight=0.3, intermediate_layer=1, consistency_weight=0.2, label_smoothing=0.05)
    second = features.flip(0).flip(0) * 0.5
    both, lengths = torch.cat([features, second]), LENGTHS.repeat(2)
    short, _ = training_loss(model, both, lengths, Targets(SYMBOLS * 2), config)
    padded = torch.cat([both, torch.full((4, 16, 20), 3.0)], dim=1)
    padded[1, 31:40] = padded[3, 31:40] = -7.0
    long, _ = training_loss(model, padded, lengths, Targets(SYMBOLS * 2), config)
    torch.testing.assert_close(long.total, short.total, rtol=1e-5, atol=1e-4)


def test_label_smoothing_costs_more_the_peakier_the_outputs(model: SpeechModel, features: torch.Tensor) -> None:
    def added(scale: float) -> float:
        with torch.no_grad():
            model.head.weight.mul_(scale)
        totals = [
            training_loss(model, features, LENGTHS, Targets(SYMBOLS), CTCLossConfig(label_smoothing=weight))[
                0
            ].total.item()
            for weight in (0.1, 0.0)
        ]
        return (totals[0] - 0.9 * totals[1]) / 0.1

    flat = added(1.0)
    assert added(20.0) > flat > 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("intermediate_weight", 1.0, "intermediate_weight is a share below 1, got 1.0"),
        ("label_smoothing", -0.1, "label_smoothing is a share below 1, got -0.1"),
        ("consistency_weight", 11.0, r"consistency_weight must lie in 0\.\.10, got 11.0"),
        ("phoneme_weight", 1.5, "phoneme_weight is a share below 1, got 1.5"),
        ("phoneme_layer", 0, "phoneme_layer must be at least 1, got 0"),
        ("intermediate_layer", 0, "intermediate_layer must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CTCLossConfig(**{field: value})


def test_an_inner_layer_that_does_not_exist_is_refused(model: SpeechModel, features: torch.Tensor) -> None:
    config = CTCLossConfig(intermediate_weight=0.3, intermediate_layer=2)
    with pytest.raises(ConfigError, match=r"intermediate_layer must lie below the number of layers \(2\), got 2"):
        training_loss(model, features, LENGTHS, Targets(SYMBOLS), config)


def test_the_phoneme_term_reads_an_inner_layer_with_its_own_head(
    speech_config: SpeechModelConfig, features: torch.Tensor
) -> None:
    torch.manual_seed(0)
    lstm = replace(speech_config.lstm, n_layers=2)
    model = SpeechModel(replace(speech_config, lstm=lstm, n_phonemes=5)).train()
    said = (torch.tensor([5, 1, 4]), torch.zeros(0, dtype=torch.int64))  # the second is not known
    config = CTCLossConfig(phoneme_weight=0.4, phoneme_layer=1)
    loss, _ = training_loss(model, features, LENGTHS, Targets(SYMBOLS, said), config)
    outputs = model.training_log_probs(features, LENGTHS, phoneme_layer=1)
    assert outputs.phonemes is not None
    assert outputs.phonemes.shape == (2, 10, 6)
    expected = 0.6 * ctc_loss(outputs.log_probs, outputs.lengths, SYMBOLS).total
    expected = expected + 0.4 * ctc_loss(outputs.phonemes[:1], outputs.lengths[:1], said[:1]).total
    torch.testing.assert_close(loss.total, expected)
    loss.total.backward()
    assert model.phoneme_head.weight.grad.abs().sum() > 0
    unknown, _ = training_loss(model, features, LENGTHS, Targets(SYMBOLS, said[1:] * 2), config)
    torch.testing.assert_close(unknown.total, ctc_loss(outputs.log_probs, outputs.lengths, SYMBOLS).total)


def test_a_phoneme_head_leaves_the_model_that_is_used_as_it_is(
    speech_config: SpeechModelConfig, features: torch.Tensor
) -> None:
    answers = []
    for n_phonemes in (0, 5):
        torch.manual_seed(0)
        answers.append(SpeechModel(replace(speech_config, n_phonemes=n_phonemes)).eval()(features)[0])
    assert torch.equal(*answers)


def test_a_phoneme_term_without_head_or_layer_is_refused(speech_config: SpeechModelConfig) -> None:
    with pytest.raises(ConfigError, match="phoneme_weight needs a model with a phoneme head; set n_phonemes"):
        check_loss(CTCLossConfig(phoneme_weight=0.3, phoneme_layer=1), speech_config)
    with pytest.raises(ConfigError, match=r"phoneme_layer must be at most the number of layers \(1\), got 2"):
        check_loss(CTCLossConfig(phoneme_weight=0.3), replace(speech_config, n_phonemes=5))
