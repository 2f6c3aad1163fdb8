import pytest
import torch
from torch import nn

from audio_lstm.training.ema import WeightAverage


def test_average_follows_the_formula_with_its_warm_up():
    model = nn.Linear(2, 1)
    average = WeightAverage(model, decay=0.5)
    expected = model.weight.detach().clone()
    for step in range(1, 20):
        with torch.no_grad():
            model.weight.add_(step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    torch.testing.assert_close(average.tensors["weight"], expected)


def test_weights_are_swapped_in_the_block_and_come_back_even_after_an_error():
    model = nn.Linear(2, 1)
    average = WeightAverage(model, decay=0.9)
    start = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    storage = model.weight.data_ptr()

    def use_and_fail():
        with average.in_place():
            assert torch.equal(model.weight, start)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_and_fail()
    assert torch.equal(model.weight, start + 1.0)
    assert model.weight.data_ptr() == storage  # cuDNN's flattened weights stay where they are


def test_decay_zero_keeps_nothing():
    model = nn.Linear(2, 1)
    average = WeightAverage(model, decay=0.0)
    average.update(1)
    with average.in_place():
        assert average.tensors == {}


def test_a_saved_average_is_taken_up():
    first, second = (WeightAverage(nn.Linear(2, 1), decay=0.9) for _ in range(2))
    second.load({name: tensor.clone() for name, tensor in first.tensors.items()})
    assert torch.equal(first.tensors["weight"], second.tensors["weight"])


def test_frozen_weights_are_left_out():
    model = nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    assert set(WeightAverage(model, decay=0.9).tensors) == {"weight"}
