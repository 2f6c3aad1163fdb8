"""Configurations survive JSON, and wrong ones are named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from audio_lstm.config import LSTMConfig, config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError


@dataclass(frozen=True)
class Outer:
    lstm: LSTMConfig
    kind: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = (1, 2)
    span: tuple[float, float] = (0.0, 1.0)
    limit: int | None = None
    name: str = "x"
    fast: bool = False


def test_nested_config_survives_json() -> None:
    config = Outer(LSTMConfig(4, dropout=0.25), "b", (3,), (0.5, 2.0), 7, "y", fast=True)
    assert config_from_dict(Outer, json.loads(json.dumps(config_to_dict(config)))) == config


def test_missing_fields_take_their_defaults_and_ints_become_floats() -> None:
    config = config_from_dict(Outer, {"lstm": {"input_size": 4, "dropout": 0}, "limit": None})
    assert config == Outer(LSTMConfig(4))
    assert isinstance(config.lstm.dropout, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"lstm": {"input_size": 4, "hiden_size": 3}},
            "unknown field 'hiden_size'; LSTMConfig has input_size",
        ),
        ({}, "Outer needs the field 'lstm'"),
        ({"lstm": 3}, "expected an object for LSTMConfig, got int"),
        ({"lstm": {"input_size": "4"}}, "lstm: input_size must be int, got '4'"),
        ({"lstm": {"input_size": True}}, "input_size must be int, got True"),
        ({"lstm": {"input_size": 4}, "kind": "c"}, "kind is one of 'a', 'b', got 'c'"),
        ({"lstm": {"input_size": 4}, "span": [1]}, "span takes 2 values, got 1"),
        ({"lstm": {"input_size": 4}, "sizes": 3}, "sizes must be"),
        ({"lstm": {"input_size": 4, "n_layers": 10**9}}, r"n_layers must lie in 1..64"),
        ({"lstm": {"input_size": 10**9}}, r"input_size must lie in 1..16384"),
        ({"lstm": {"input_size": 4, "projection_size": -1}}, "projection_size must lie in 0"),
        ({"lstm": {"input_size": 4, "dropout": 1.0}}, "dropout is a probability below 1"),
        ({"lstm": {"input_size": 4, "dropout": 10**400}}, "lstm: dropout must be float, got a whole number too large"),
        ({"lstm": {"input_size": 4, "weight_drop": -0.1}}, "weight_drop is a probability below 1"),
    ],
)
def test_wrong_values_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_dict(Outer, values)
