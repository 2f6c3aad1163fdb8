"""The music model: padding and chunks change nothing, the likelihood is exact, and it can learn a tune."""

from __future__ import annotations

import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.music.models.metrics import negative_log_likelihood
from audio_lstm.music.models.model import MusicModel, token_loss
from audio_lstm.music.tokens.config import MusicModelConfig, RelativeScores

SIZES = (9, 4)


def tiny(embedding_dropout: float = 0.0) -> MusicModel:
    torch.manual_seed(0)
    config = MusicModelConfig(SIZES, 9, LSTMConfig(8, hidden_size=8, n_layers=2), embedding_dropout=embedding_dropout)
    return MusicModel(config).eval()


def columns(n_items: int, n_steps: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    parts = [torch.randint(0, size, (n_items, n_steps), generator=generator) for size in SIZES]
    return torch.stack(parts, dim=-1)  # (B, T, K)


@torch.no_grad()
def test_padded_batch_equals_items_alone() -> None:
    model, ids = tiny(), columns(3, 12)
    lengths = [12, 7, 1]
    together, _ = model(ids, torch.tensor(lengths))
    for item, length in enumerate(lengths):
        alone, _ = model(ids[item : item + 1, :length])
        torch.testing.assert_close(together[item, :length], alone[0], atol=1e-5, rtol=0)


@torch.no_grad()
def test_chunks_with_carried_state_equal_the_whole() -> None:
    model, ids = tiny(), columns(2, 20)
    whole, _ = model(ids)
    state, pieces = None, []
    for chunk in ids.split([1, 6, 13], dim=1):
        logits, state = model(chunk, None, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=0)


@torch.no_grad()
def test_pitches_are_scored_by_their_distance_from_the_last_one_of_the_voice() -> None:
    torch.manual_seed(0)
    lstm, relative = LSTMConfig(8, hidden_size=8, n_layers=1), RelativeScores(1, 1, 3, 5)
    model = MusicModel(MusicModelConfig((9, 7), 9, lstm, relative=relative)).eval()
    model.head.weight.zero_()
    model.head.bias.zero_()
    model.embedding.weight[9:].zero_()  # the second column is heard by the distances alone
    scores = [model(torch.tensor([[[4, last]]]))[0][0, 0] for last in range(7)]
    assert all(not score[[0, 1, 2, 8]].any() for score in scores)
    torch.testing.assert_close(scores[3][4:8], scores[2][3:7])  # one higher in all
    torch.testing.assert_close(scores[5][4:8], scores[4][3:7])
    torch.testing.assert_close(scores[0], scores[1])  # none yet: counted from the lowest
    torch.testing.assert_close(scores[6], scores[5])
    assert not torch.allclose(scores[2], scores[3])


@torch.no_grad()
def test_the_same_id_means_something_else_in_another_column() -> None:
    model = tiny()
    first, _ = model(torch.tensor([[[3, 0]]]))
    second, _ = model(torch.tensor([[[0, 3]]]))
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_a_score_depends_on_no_later_column() -> None:
    model, ids = tiny(), columns(1, 10)
    changed = ids.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % 4
    before, _ = model(ids)
    after, _ = model(changed)
    torch.testing.assert_close(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6:], after[:, 6:])


def test_state_comes_back_from_its_tensors() -> None:
    model = tiny()
    _, state = model(columns(2, 3))
    again = MusicModel.state_from_tensors(tuple(state))
    assert type(again) is type(state)
    torch.testing.assert_close(again.hidden, state.hidden)


def test_embedding_dropout_acts_in_training_only() -> None:
    model, ids = tiny(embedding_dropout=0.5), columns(1, 8)
    torch.testing.assert_close(model(ids)[0], model(ids)[0])
    model.train()
    assert not torch.allclose(model(ids)[0], model(ids)[0])


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_columns_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected columns of shape \(batch, time, 2\), got \(2, 3"):
        tiny()(torch.zeros(shape, dtype=torch.long))


def test_the_training_loss_is_the_exact_likelihood_of_evaluation() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(1, 6, 9, generator=generator)
    legal = torch.rand(1, 6, 9, generator=generator) < 0.5
    targets = torch.randint(0, 9, (1, 6), generator=generator)
    legal[0, torch.arange(6), targets[0]] = True
    expected = negative_log_likelihood(logits[0].numpy(), targets[0].numpy(), legal[0].numpy()).sum()
    assert float(token_loss(logits, targets, legal, torch.ones(1, 6))) == pytest.approx(expected, rel=1e-5)


def test_padding_adds_nothing_to_loss_and_gradient() -> None:
    logits = torch.randn(1, 4, 9, generator=torch.Generator().manual_seed(4), requires_grad=True)
    legal = torch.ones(1, 4, 9, dtype=torch.bool)
    legal[:, 2:] = False  # padding has no legal token at all
    targets, weights = torch.tensor([[1, 2, 0, 0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    loss = token_loss(logits, targets, legal, weights)
    assert float(loss.detach()) == pytest.approx(
        float(token_loss(logits[:, :2], targets[:, :2], legal[:, :2], weights[:, :2]).detach())
    )
    loss.backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[:, 2:].any()


def test_illegal_tokens_get_no_gradient() -> None:
    logits = torch.zeros(1, 1, 9, requires_grad=True)
    legal = torch.tensor([[[False, True, True, *[False] * 6]]])
    token_loss(logits, torch.tensor([[1]]), legal, torch.ones(1, 1)).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0, 3:].abs().sum() == 0


def test_one_tune_can_be_learned_by_heart() -> None:
    model = tiny().train()
    tune = torch.tensor([[3, 1, 4, 1, 5, 2, 6, 5, 3, 5]])
    ids = torch.stack([torch.cat([torch.zeros(1, 1, dtype=torch.long), tune[:, :-1]], dim=1), tune * 0], dim=-1)
    legal, weights = torch.ones(1, 10, 9, dtype=torch.bool), torch.ones(1, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        loss = token_loss(model(ids)[0], tune, legal, weights)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5  # nats for ten tokens; knowing nothing costs 22
