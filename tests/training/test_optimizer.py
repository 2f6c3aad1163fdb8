import math

import pytest
import torch
from torch import nn

from audio_lstm.training.config import TrainConfig
from audio_lstm.training.optimizer import Optimizer, build_optimizer, learning_rate_at


def rate(step, **changes):
    options = {"peak": 2.0, "warmup_steps": 10, "total_steps": 110, "final_fraction": 0.1} | changes
    return learning_rate_at(step, **options)


def test_learning_rate_warms_up_to_the_peak_and_falls_along_a_cosine():
    assert rate(0) == pytest.approx(0.2)
    assert rate(9) == rate(10) == 2.0
    assert rate(60) == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert rate(110) == rate(1000) == pytest.approx(0.2)
    assert all(rate(step) >= rate(step + 1) for step in range(10, 120))
    assert rate(0, warmup_steps=0) == 2.0


def test_flat_gradient_is_the_gradient_of_every_parameter():
    model = nn.LSTM(3, 4)
    optimizer = Optimizer(model, weight_decay=0.0, betas=(0.9, 0.99))
    x = torch.randn(5, 2, 3)
    model(x)[0].square().sum().backward()
    expected = torch.autograd.grad(model(x)[0].square().sum(), list(model.parameters()))
    torch.testing.assert_close(optimizer.gradient, torch.cat([g.flatten() for g in expected]))
    norm = optimizer.norm(10)
    total = math.sqrt(sum(float(g.square().sum()) for g in expected)) / 10
    assert norm == pytest.approx(total, rel=1e-5)


def test_steps_equal_torchs_adamw_with_clipping_by_norm():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    optimizer = Optimizer(ours, weight_decay=0.1, betas=(0.9, 0.98))
    groups = [{"params": [theirs.weight], "weight_decay": 0.1}, {"params": [theirs.bias], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    n_clipped = 0
    for step in range(6):
        x, scale = torch.randn(7, 4), 0.01 if step < 2 else 1.0
        (scale * ours(x).square().sum()).backward()
        norm = optimizer.norm(7)
        optimizer.step(learning_rate=0.01 * (step + 1), norm=norm, clip_norm=1.0)
        reference.zero_grad()
        (scale * theirs(x).square().sum() / 7).backward()
        n_clipped += float(nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)) > 1.0
        for group in reference.param_groups:
            group["lr"] = 0.01 * (step + 1)
        reference.step()
    assert 0 < n_clipped < 6
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.bias, theirs.bias, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("muon_factor", [0.0, 4.0])
def test_a_saved_state_continues_to_the_same_bits(muon_factor):
    def run(n_steps, model, optimizer, first=0):
        for step in range(first, n_steps):
            model(torch.full((2, 3), step + 1.0)).square().sum().backward()
            optimizer.step(learning_rate=0.1, norm=optimizer.norm(2), clip_norm=0.0)

    torch.manual_seed(0)
    whole, broken, resumed = (nn.Linear(3, 2) for _ in range(3))
    broken.load_state_dict(whole.state_dict())
    options = {"weight_decay": 0.1, "betas": (0.9, 0.98), "muon_factor": muon_factor}
    run(8, whole, Optimizer(whole, **options))
    first = Optimizer(broken, **options)
    assert first.state() == {}
    run(4, broken, first)
    resumed.load_state_dict(broken.state_dict())
    second = Optimizer(resumed, **options)
    second.load(first.state())
    run(8, resumed, second, first=4)
    assert torch.equal(whole.weight, resumed.weight)


def test_an_unused_parameter_has_a_gradient_of_zero():
    model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    optimizer = Optimizer(model, weight_decay=0.0, betas=(0.9, 0.98))
    before = model[1].weight.detach().clone()
    model[0](torch.ones(1, 2)).sum().backward()
    optimizer.step(learning_rate=0.1, norm=optimizer.norm(1), clip_norm=1.0)
    assert torch.equal(model[1].weight, before)


class Tagger(nn.Module):
    """A network with parameters of every kind."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.conv = nn.Conv1d(4, 4, 3, padding=1)
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, ids):
        return self.head(self.lstm(self.conv(self.embedding(ids).mT).mT)[0])


def test_muon_moves_the_inner_matrices_as_torchs_does_and_adamw_the_rest():
    torch.manual_seed(0)
    ours, theirs = Tagger(), Tagger()
    theirs.load_state_dict(ours.state_dict())
    config = TrainConfig(optimizer="muon", muon_factor=3.0, weight_decay=0.3, betas=(0.9, 0.98))
    optimizer = build_optimizer(ours, config)
    inner = [theirs.lstm.weight_ih_l0, theirs.lstm.weight_hh_l0]
    muon = torch.optim.Muon(inner, lr=0.03, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    rest = [p for p in theirs.parameters() if all(p is not q for q in inner)]
    groups = [{"params": [p for p in rest if p.ndim > 1], "weight_decay": 0.3}]
    groups += [{"params": [p for p in rest if p.ndim == 1], "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98))
    for _ in range(3):
        ids = torch.randint(7, (3, 5))
        ours(ids).square().sum().backward()
        optimizer.step(learning_rate=0.01, norm=optimizer.norm(1), clip_norm=0.0)
        theirs.zero_grad()
        theirs(ids).square().sum().backward()
        muon.step()
        adam.step()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name, rtol=1e-4, atol=1e-5)


def test_a_network_may_be_all_muon_or_all_adamw():
    for model in (nn.Sequential(nn.Linear(3, 3, bias=False)), nn.Conv1d(2, 2, 1)):
        before = [p.detach().clone() for p in model.parameters()]
        optimizer = Optimizer(model, weight_decay=0.0, betas=(0.9, 0.98), muon_factor=1.0)
        optimizer.gradient.fill_(1.0)
        optimizer.step(learning_rate=0.1, norm=1.0, clip_norm=0.0)
        assert all((p != q).any() for p, q in zip(model.parameters(), before, strict=True))
