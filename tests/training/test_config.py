import json
import math

import pytest

from audio_lstm.config import config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError
from audio_lstm.training.config import TrainConfig


def test_config_survives_json():
    config = TrainConfig(max_epochs=3, max_steps=7, precision="fp32", betas=(0.8, 0.9))
    assert config_from_dict(TrainConfig, json.loads(json.dumps(config_to_dict(config)))) == config


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_epochs": 0}, "max_epochs must be at least 1, got 0"),
        ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
        ({"weight_decay": math.nan}, "weight_decay must be at least 0, got nan"),
        ({"gradient_clip_norm": -1.0}, "gradient_clip_norm must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
        ({"max_minutes": -3.0}, "max_minutes must be above 0"),
        ({"betas": (0.9, 1.0)}, r"betas must lie in \[0, 1\), got \(0.9, 1.0\)"),
        ({"ema_decay": 1.0}, r"ema_decay must lie in \[0, 1\), got 1.0"),
        ({"final_lr_fraction": 1.5}, r"final_lr_fraction must lie in \[0, 1\], got 1.5"),
        ({"precision": "fp16"}, "precision must be auto, fp32 or bf16, got 'fp16'"),
        ({"optimizer": "sgd"}, "optimizer must be adamw or muon, got 'sgd'"),
        ({"muon_factor": 0.0}, r"muon_factor must lie in \(0, 100\], got 0.0"),
        ({"device": "tpu"}, "device must be auto, cpu or cuda, got 'tpu'"),
    ],
)
def test_values_out_of_range_are_refused(option, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**option)
