"""The backbone: padding is inert, chunks with carried state equal the whole, and every option does what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audio_lstm.backbone import LSTMBackbone, LSTMState, lstm_weights
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError

SMALL = LSTMConfig(input_size=6, hidden_size=8, n_layers=3)
VARIANTS = {
    "plain": SMALL,
    "projection": replace(SMALL, projection_size=5),
    "norm and residual": replace(SMALL, input_size=8, layer_norm=True, residual=True),
    "dropouts, in evaluation": replace(SMALL, dropout=0.5, weight_drop=0.5),
}
BOTH_WAYS = {
    **VARIANTS,
    "bidirectional": replace(SMALL, bidirectional=True),
    "bidirectional, projection, norm, residual": replace(
        SMALL, input_size=8, bidirectional=True, projection_size=8, layer_norm=True, residual=True
    ),
}


def build(config: LSTMConfig) -> LSTMBackbone:
    torch.manual_seed(1)
    backbone = LSTMBackbone(config)
    with torch.no_grad():  # biases and norms away from their neutral start
        for parameter in backbone.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return backbone.eval()


WEIGHT_DROP = replace(SMALL, weight_drop=0.5)
PADDED = [
    *((config, "evaluation") for config in BOTH_WAYS.values()),
    *((config, "training") for config in BOTH_WAYS.values() if not config.dropout),
    (WEIGHT_DROP, "training"),
    (replace(WEIGHT_DROP, projection_size=5), "training"),
    (replace(WEIGHT_DROP, bidirectional=True), "training"),
]


@pytest.mark.parametrize(("config", "mode"), PADDED)
def test_padded_batch_equals_items_alone(config: LSTMConfig, mode: str) -> None:
    backbone = build(config).train(mode == "training")
    lengths = torch.tensor([7, 1, 12, 5])
    x = torch.randn(4, 12, config.input_size)
    start = None
    if not config.bidirectional:
        start = LSTMState(*torch.randn(2, config.n_layers, 4, config.hidden_size))
    torch.manual_seed(3)  # the same weights dropped each time
    y, state = backbone(x, lengths, start)
    for item, length in enumerate(lengths.tolist()):
        own = slice(item, item + 1)
        torch.manual_seed(3)
        alone, alone_state = backbone(
            x[own, :length], None, start and LSTMState(start.hidden[:, own], start.cell[:, own])
        )
        torch.testing.assert_close(y[item, :length], alone[0], atol=1e-5, rtol=0)
        assert not y[item, length:].any()
        torch.testing.assert_close(state.hidden[:, item], alone_state.hidden[:, 0], atol=1e-5, rtol=0)
        torch.testing.assert_close(state.cell[:, item], alone_state.cell[:, 0], atol=1e-5, rtol=0)
    assert bool(state.hidden.any()) is not config.bidirectional  # which has nothing to carry on


def test_weight_drop_with_lengths_still_trains_every_weight() -> None:
    backbone = build(WEIGHT_DROP).train()
    backbone(torch.randn(2, 5, 6), torch.tensor([5, 3]))[0].square().sum().backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("config", BOTH_WAYS.values(), ids=BOTH_WAYS.keys())
def test_what_lies_in_the_padding_changes_nothing(config: LSTMConfig) -> None:
    backbone = build(config).train(config.dropout == 0)  # in training mode too, where the code path differs
    lengths = torch.tensor([3, 6])
    x = torch.randn(2, 6, config.input_size)
    other = x.clone()
    other[0, 3:] = 1e3
    torch.testing.assert_close(backbone(x, lengths)[0], backbone(other, lengths)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize("chunks", [[4, 4, 4], [1] * 12, [11, 1], [5, 7]])
def test_chunks_with_carried_state_equal_the_whole(config: LSTMConfig, chunks: list[int]) -> None:
    backbone = build(config)
    x = torch.randn(2, 12, config.input_size)
    whole, end = backbone(x)
    state, pieces = None, []
    for chunk in x.split(chunks, dim=1):
        y, state = backbone(chunk, None, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=0)
    assert state is not None
    torch.testing.assert_close(state.hidden, end.hidden, atol=1e-5, rtol=0)
    torch.testing.assert_close(state.cell, end.cell, atol=1e-5, rtol=0)


def test_bidirectional_layer_equals_packed_torch_lstm() -> None:
    config = replace(SMALL, n_layers=1, bidirectional=True)
    backbone = build(config)
    reference = torch.nn.LSTM(6, 8, bidirectional=True, batch_first=True)
    ours = {**dict(backbone.forward_layers[0].named_parameters())}
    ours |= {f"{name}_reverse": p for name, p in backbone.backward_layers[0].named_parameters()}
    reference.load_state_dict(ours)
    lengths = torch.tensor([4, 9])
    x = torch.randn(2, 9, 6)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    torch.testing.assert_close(backbone(x, lengths)[0], expected, atol=1e-6, rtol=0)


def test_dropout_mask_is_the_same_at_every_step() -> None:
    backbone = build(replace(SMALL, n_layers=1, dropout=0.5)).train()
    y, _ = backbone(torch.randn(3, 20, 6))
    dropped = y == 0
    assert dropped.any()
    assert not dropped.all()
    assert (dropped == dropped[:, :1]).all()
    assert (dropped[0] != dropped[1]).any()


def test_weight_drop_acts_in_training_only_and_keeps_the_weights() -> None:
    backbone = build(replace(SMALL, n_layers=1, weight_drop=0.5))
    x = torch.randn(1, 5, 6)
    kept = backbone.forward_layers[0].weight_hh_l0.clone()
    quiet = backbone(x)[0]
    torch.testing.assert_close(backbone(x)[0], quiet)
    backbone.train()
    first, second = backbone(x)[0], backbone(x)[0]
    assert not torch.allclose(first, second)
    torch.testing.assert_close(first[:, 0], quiet[:, 0])  # the first step has no past to drop
    first.sum().backward()
    assert backbone.forward_layers[0].weight_hh_l0.grad is not None
    torch.testing.assert_close(backbone.forward_layers[0].weight_hh_l0, kept)


def test_initial_state_is_what_none_means() -> None:
    backbone = build(SMALL)
    x = torch.randn(2, 4, 6)
    torch.testing.assert_close(backbone(x)[0], backbone(x, None, backbone.initial_state(2))[0])


def test_forget_gates_start_open() -> None:
    weights = lstm_weights(LSTMBackbone(SMALL).forward_layers[0])
    assert (weights.input_bias[8:16] + weights.recurrent_bias[8:16] == 1.0).all()


def test_gradients_reach_every_parameter() -> None:
    config = replace(SMALL, input_size=8, bidirectional=True, projection_size=8, layer_norm=True, residual=True)
    backbone = build(config).train()
    backbone(torch.randn(2, 5, 8), torch.tensor([5, 3]))[0].square().sum().backward()
    without = [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize(
    ("x", "lengths", "state", "message"),
    [
        (torch.zeros(2, 3, 5), None, None, r"expected x of shape \(batch, time >= 1, 6\), got \(2, 3, 5\)"),
        (torch.zeros(2, 0, 6), None, None, "time >= 1"),
        (torch.zeros(2, 3, 6), torch.tensor([3]), None, r"expected lengths of shape \(2,\)"),
        (torch.zeros(2, 3, 6), torch.tensor([0, 3]), None, r"lengths must lie in 1..3, got \[0, 3\]"),
        (torch.zeros(2, 3, 6), torch.tensor([4, 3]), None, "lengths must lie in 1..3"),
        (
            torch.zeros(2, 3, 6),
            None,
            LSTMState(torch.zeros(3, 1, 8), torch.zeros(3, 1, 8)),
            r"expected hidden and cell of shape \(3, 2, 8\)",
        ),
    ],
)
def test_wrong_shapes_are_named(
    x: torch.Tensor, lengths: torch.Tensor | None, state: LSTMState | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(SMALL)(x, lengths, state)


def test_bidirectional_backbone_refuses_a_state() -> None:
    backbone = build(replace(SMALL, bidirectional=True))
    with pytest.raises(ValueError, match="it takes no state"):
        backbone(torch.zeros(1, 2, 6), None, backbone.initial_state(1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_answers_as_the_cpu_does() -> None:
    for config in BOTH_WAYS.values():
        backbone = build(config)
        x, lengths = torch.randn(3, 9, config.input_size), torch.tensor([9, 4, 1])
        expected = backbone(x, lengths)[0]
        answer = backbone.cuda()(x.cuda(), lengths.cuda())[0].cpu()
        torch.testing.assert_close(answer, expected, atol=1e-4, rtol=0)


def test_config_errors_name_the_field() -> None:
    with pytest.raises(ConfigError, match="hidden_size must lie in"):
        LSTMConfig(input_size=1, hidden_size=0)
