"""The acoustic model and its loss: padding is inert, chunks equal the whole, and CTC is torch's, in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel, SpeechState, ctc_loss
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.text.alphabet import n_ctc_frames


def build(config: SpeechModelConfig) -> SpeechModel:
    torch.manual_seed(0)
    return SpeechModel(config).eval()


def log_probs_of(n_items: int, n_frames: int, n_outputs: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_items, n_frames, n_outputs, generator=generator).log_softmax(-1)


@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_padded_batch_equals_items_alone(either_config: SpeechModelConfig, mode: str) -> None:
    model = build(either_config).train(mode == "training")
    lengths = torch.tensor([23, 1, 8, 40, 37])
    features = torch.randn(5, 40, 20)
    for item, length in enumerate(lengths):
        features[item, length:] = 1e3  # whatever lies there
    log_probs, output_lengths, _ = model(features, lengths)
    assert log_probs.shape == (5, 10, 4)
    assert output_lengths.tolist() == [6, 1, 2, 10, 10]
    for item, length in enumerate(lengths.tolist()):
        alone, _, _ = model(features[item : item + 1, :length])
        torch.testing.assert_close(log_probs[item, : alone.shape[1]], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("chunks", [[4] * 9 + [1], [8, 28, 1], [36, 1], [37]])
def test_chunks_with_carried_state_equal_the_whole(streaming_config: SpeechModelConfig, chunks: list[int]) -> None:
    model = build(streaming_config)
    features = torch.randn(2, 37, 20)
    whole, _, end = model(features)
    state, pieces = None, []
    for chunk in features.split(chunks, dim=1):
        log_probs, _, state = model(chunk, None, state)
        pieces.append(log_probs)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=0)
    assert state is not None
    torch.testing.assert_close(state.lstm, end.lstm, atol=1e-5, rtol=0)


def test_chunks_of_unequal_lengths_go_on_where_each_item_ended(streaming_config: SpeechModelConfig) -> None:
    model = build(streaming_config)
    features, lengths = torch.randn(2, 14, 20), [8, 4]
    first, first_lengths, state = model(features[:, :8], torch.tensor(lengths))
    rest = torch.stack([features[item, length : length + 6] for item, length in enumerate(lengths)])
    second, _, end = model(rest, None, state)
    for item, length in enumerate(lengths):
        whole, _, whole_end = model(features[item : item + 1, : length + 6])
        chunks = torch.cat([first[item, : first_lengths[item]], second[item]])
        torch.testing.assert_close(chunks, whole[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(end.features[item], whole_end.features[0])
        torch.testing.assert_close(end.channels[item], whole_end.channels[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(end.lstm.cell[:, item], whole_end.lstm.cell[:, 0], atol=1e-5, rtol=0)


def test_initial_state_is_what_none_means(streaming_config: SpeechModelConfig) -> None:
    model = build(streaming_config)
    features = torch.randn(2, 9, 20)
    torch.testing.assert_close(model(features)[0], model(features, None, model.initial_state(2))[0])


def test_a_state_survives_the_way_through_flat_tensors(streaming_config: SpeechModelConfig) -> None:
    _, _, state = build(streaming_config)(torch.randn(1, 8, 20))
    again = SpeechModel.state_from_tensors((state.features, state.channels, *state.lstm))
    assert isinstance(again, SpeechState)
    torch.testing.assert_close(again, state)


def test_a_bidirectional_model_takes_no_state(speech_config: SpeechModelConfig) -> None:
    model = build(speech_config)
    _, _, state = model(torch.randn(1, 8, 20))
    with pytest.raises(ValueError, match="reads whole sequences: it takes no state"):
        model(torch.randn(1, 8, 20), None, state)


def test_outputs_are_log_probabilities_in_float32_under_autocast(speech_config: SpeechModelConfig) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        log_probs, _, _ = build(speech_config)(torch.randn(2, 12, 20))
    assert log_probs.dtype == torch.float32
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(2, 12, 19), (12, 20), (1, 2, 12, 20)])
def test_features_of_another_width_are_refused(speech_config: SpeechModelConfig, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected features of shape \(batch, time, 20\), got \("):
        build(speech_config)(torch.zeros(shape))


def test_loss_equals_torch_item_by_item() -> None:
    log_probs, lengths = log_probs_of(4, 12), torch.tensor([12, 7, 3, 5])
    targets = [torch.tensor(ids) for ids in ([1, 2, 3, 3, 1], [2, 2, 2], [1, 2, 3], [3])]
    loss = ctc_loss(log_probs, lengths, targets)
    assert loss.n_symbols == 12
    assert loss.too_long == ()
    alone = [
        nn.functional.ctc_loss(
            log_probs[item, None, :length].transpose(0, 1),
            target[None],
            length[None],
            torch.tensor([len(target)]),
            reduction="sum",
        )
        for item, (length, target) in enumerate(zip(lengths, targets, strict=True))
    ]
    torch.testing.assert_close(loss.total, torch.stack(alone).sum(), atol=1e-5, rtol=0)


def test_loss_is_float32_from_half_precision() -> None:
    loss = ctc_loss(log_probs_of(2, 6).bfloat16(), torch.tensor([6, 6]), [torch.tensor([1]), torch.tensor([2, 2])])
    assert loss.total.dtype == torch.float32


def test_targets_too_long_are_set_apart_and_give_no_gradient() -> None:
    log_probs, lengths = log_probs_of(4, 4).requires_grad_(), torch.tensor([4, 4, 2, 4])
    # The second needs five frames: three symbols and a blank between each two equal ones.
    targets = [torch.tensor(ids) for ids in ([1, 2, 2], [1, 1, 1], [1, 2, 3], [1, 2, 3, 1])]
    loss = ctc_loss(log_probs, lengths, targets)
    assert loss.too_long == (1, 2)
    assert loss.n_symbols == 7
    assert loss.total.isfinite()
    loss.total.backward()
    assert log_probs.grad is not None
    assert log_probs.grad.isfinite().all()
    assert log_probs.grad[[0, 3]].any()
    assert not log_probs.grad[[1, 2]].any()
    kept = ctc_loss(log_probs[[0, 3]], lengths[[0, 3]], [targets[0], targets[3]])
    torch.testing.assert_close(loss.total, kept.total)


@pytest.mark.parametrize("ids", [[], [1], [1, 1], [1, 2, 1], [3, 3, 3, 2], [1, 1, 2, 2]])
def test_what_fits_agrees_with_the_alphabet(ids: list[int]) -> None:
    needed = n_ctc_frames(ids)
    target = [torch.tensor(ids, dtype=torch.int64)]
    for n_frames in range(1, 8):
        loss = ctc_loss(log_probs_of(1, 8), torch.tensor([n_frames]), target)
        assert (loss.too_long == ()) == (needed <= n_frames)
        assert loss.total.isfinite()


def test_a_batch_of_nothing_but_too_long_targets_is_a_finite_zero() -> None:
    log_probs = log_probs_of(2, 2).requires_grad_()
    loss = ctc_loss(log_probs, torch.tensor([2, 1]), [torch.tensor([1, 1]), torch.tensor([1, 2])])
    assert (loss.total.item(), loss.n_symbols, loss.too_long) == (0.0, 0, (0, 1))
    loss.total.backward()
    assert log_probs.grad is not None
    assert not log_probs.grad.any()


def test_an_empty_target_costs_the_blanks() -> None:
    log_probs = log_probs_of(2, 6)
    empty = torch.zeros(0, dtype=torch.int64)
    loss = ctc_loss(log_probs, torch.tensor([5, 6]), [empty, torch.tensor([1])])
    alone = ctc_loss(log_probs[1:], torch.tensor([6]), [torch.tensor([1])])
    torch.testing.assert_close(loss.total - alone.total, -log_probs[0, :5, 0].sum())
    assert loss.n_symbols == 1
    only = ctc_loss(log_probs[:1], torch.tensor([5]), [empty])
    torch.testing.assert_close(only.total, -log_probs[0, :5, 0].sum())


def test_as_many_targets_as_items_are_asked_for() -> None:
    with pytest.raises(ValueError, match="expected 2 targets, got 1"):
        ctc_loss(log_probs_of(2, 6), torch.tensor([6, 6]), [torch.tensor([1])])


def test_one_batch_is_learnt_by_heart(speech_config: SpeechModelConfig) -> None:
    torch.manual_seed(0)
    model = SpeechModel(replace(speech_config, lstm=replace(speech_config.lstm, input_size=16, hidden_size=24)))
    features, lengths = torch.randn(3, 48, 20), torch.tensor([48, 40, 33])
    texts = ["AB BA", "BB", "A"]
    alphabet = speech_config.alphabet
    targets = [torch.from_numpy(alphabet.encode(text)) for text in texts]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(120):
        log_probs, output_lengths, _ = model(features, lengths)
        loss = ctc_loss(log_probs, output_lengths, targets)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert loss.total.item() / loss.n_symbols < 0.05
    log_probs, output_lengths, _ = model.eval()(features, lengths)
    heard = [
        greedy(item[:length].detach().numpy(), alphabet).text
        for item, length in zip(log_probs, output_lengths, strict=True)
    ]
    assert heard == texts
