"""Gates held by hand: the numpy steps are torch's with the same gates held, and the pieces show it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import audio_lstm
from audio_lstm.backbone import LSTMBackbone, LSTMState, lstm_weights
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.inspection.gates import FREE, GateClamp
from audio_lstm.inspection.weight_arrays import WeightArrays
from audio_lstm.music.models.clamped import ClampedEngine, clamped_composer
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.models.ensemble import build_model
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.config import MusicModelConfig, RelativeScores

CLAMPS = {
    "free": FREE,
    "nothing is forgotten": GateClamp(forget_gate=1.0),
    "all is forgotten": GateClamp(forget_gate=0.0),
    "nothing is written": GateClamp(input_gate=0.0),
    "all is shown": GateClamp(output_gate=1.0),
    "three at once": GateClamp(0.3, 0.8, 0.5),
}
RELATIVE = RelativeScores(column=0, offset=2, first=3, n_pitches=6)
PLAIN = MusicModelConfig((9, 4, 5), 9, LSTMConfig(input_size=6, hidden_size=7, n_layers=2), relative=RELATIVE)
MODELS = {
    "one": PLAIN,
    "ensemble": replace(PLAIN, n_members=3, n_absolute=1),
    "dressed": replace(
        PLAIN, lstm=replace(PLAIN.lstm, hidden_size=8, projection_size=6, layer_norm=True, residual=True)
    ),
}


def held_layer(
    layer: torch.nn.Module, x: Tensor, clamp: GateClamp, resets: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """A layer of torch, step by step, with gates held; x (B, T, F), resets (B, T)."""
    weights = lstm_weights(layer)
    h = c = torch.zeros(len(x), weights.recurrent.shape[1])
    outputs = []
    for step in range(x.shape[1]):
        c = torch.where(resets[:, step, None], torch.zeros(()), c)
        rows = torch.nn.functional.linear(x[:, step], weights.input, weights.input_bias)
        rows = rows + torch.nn.functional.linear(h, weights.recurrent, weights.recurrent_bias)
        i, f, g, o = rows.chunk(4, dim=1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        i = i if clamp.input_gate is None else torch.full_like(i, clamp.input_gate)
        f = f if clamp.forget_gate is None else torch.full_like(f, clamp.forget_gate)
        o = o if clamp.output_gate is None else torch.full_like(o, clamp.output_gate)
        c = f * c + i * g
        h = o * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, 1), (h, c)


class HeldBackbone(LSTMBackbone):
    """The backbone with held gates in place of torch's own layers."""

    clamp: GateClamp
    only: int | None
    resets: Tensor

    def _direction(
        self, lstm: torch.nn.Module, x: Tensor, lengths: Tensor | None, start: object
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        number = [*self.forward_layers].index(cast(torch.nn.LSTM, lstm))
        concerned = self.only is None or self.only == number
        never = torch.zeros_like(self.resets)
        return held_layer(lstm, x, self.clamp if concerned else FREE, self.resets if concerned else never)


def built(config: MusicModelConfig) -> tuple[torch.nn.Module, WeightArrays]:
    torch.manual_seed(3)
    model = build_model(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model, WeightArrays({name: value.numpy() for name, value in model.state_dict().items()}, "test")


def hold(model: torch.nn.Module, clamp: GateClamp, only: int | None, resets: Tensor) -> None:
    for member in cast("MusicModel", model).singles:
        member.backbone.__class__ = HeldBackbone
        backbone = cast(HeldBackbone, member.backbone)
        backbone.clamp, backbone.only, backbone.resets = clamp, only, resets


def columns_for(config: MusicModelConfig, n_items: int, n_steps: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(0, size, (n_items, n_steps)) for size in config.column_sizes], axis=-1)


@pytest.mark.parametrize("clamp", CLAMPS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("layer", [None, 1])
def test_numpy_equals_torch_with_the_same_gates_held(name: str, clamp: str, layer: int | None) -> None:
    config = MODELS[name]
    model, weights = built(config)
    columns = columns_for(config, 2, 30)
    bar_columns = (1,)
    hold(model, CLAMPS[clamp], layer, torch.from_numpy(columns[..., 1] == 0))
    with torch.no_grad():
        expected, state = model(torch.from_numpy(columns))
    engine = ClampedEngine(config, weights, CLAMPS[clamp], layer=layer, bar_columns=bar_columns)
    scores, (hidden, cell) = engine.run(columns, np.array([30, 30]), None)
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(hidden, cast(LSTMState, state).hidden.numpy(), atol=1e-5)
    np.testing.assert_allclose(cell, cast(LSTMState, state).cell.numpy(), atol=1e-5)


def test_step_by_step_is_the_same_as_in_one_go() -> None:
    config = MODELS["ensemble"]
    _, weights = built(config)
    engine = ClampedEngine(config, weights, GateClamp(forget_gate=0.9))
    columns = columns_for(config, 1, 12)
    whole, _ = engine.run(columns, np.array([12]), None)
    state = None
    for step in range(12):
        here, state = engine.run(columns[:, step : step + 1], np.array([1]), state)
        np.testing.assert_allclose(here[0, 0], whole[0, step], atol=1e-5)


def test_free_gates_are_the_shipped_model_up_to_int8() -> None:
    tokens = audio_lstm.compose(seed=1, bars=2).score
    composer, free = load_music("chorale"), clamped_composer("chorale")
    from audio_lstm.music.score.voices import score_to_voice_grid
    from audio_lstm.music.tokens.chorale import ChoraleGrid

    assert isinstance(composer.representation, ChoraleGrid)
    encoded = composer.representation.encode(score_to_voice_grid(tokens))
    assert free.costs(encoded).mean() == pytest.approx(composer.costs(encoded).mean(), rel=0.05)


def test_the_shipped_chorale_model_equals_torch_with_a_gate_held_and_the_cell_reset() -> None:
    from audio_lstm.checkpoint import load_weights, open_model

    composer = clamped_composer("chorale", GateClamp(forget_gate=0.5), layer=2, reset_every_bar=True)
    model = build_model(composer.config).eval()
    load_weights(open_model("chorale", "music"), model)
    rng = np.random.default_rng(1)
    tokens = rng.integers(20, 40, 4 * 20)
    columns = composer.representation.columns(tokens)[None]
    names = composer.representation.features  # type: ignore[attr-defined]
    begins = (columns[..., names.index("voice")] == 0) & (columns[..., names.index("bar_4")] == 0)
    assert begins[0].nonzero()[0].tolist() == [0, 64]
    hold(model, GateClamp(forget_gate=0.5), 1, torch.from_numpy(begins))
    with torch.no_grad():
        expected, state = model(torch.from_numpy(columns))
    scores, (hidden, cell) = composer.engine.run(columns, np.array([80]), None)
    np.testing.assert_allclose(hidden, cast(LSTMState, state).hidden.numpy(), atol=1e-5)
    # Cells reach 30 here and scores 20, where float32's own steps are 2e-6.
    np.testing.assert_allclose(cell, cast(LSTMState, state).cell.numpy(), atol=1e-5, rtol=1e-6)
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-5, rtol=1e-6)
    probabilities = torch.softmax(torch.from_numpy(scores), dim=2)
    torch.testing.assert_close(probabilities, expected.softmax(dim=2), atol=1e-5, rtol=0)


def test_a_held_gate_changes_what_is_written() -> None:
    as_it_is = audio_lstm.compose(model=clamped_composer("chorale"), seed=7, bars=2)
    held = audio_lstm.compose(model=clamped_composer("chorale", GateClamp(forget_gate=0.0)), seed=7, bars=2)
    assert as_it_is.score.notes.tolist() != held.score.notes.tolist()


def test_what_the_model_has_not_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^layer must lie in 1\.\.2, got 3$"):
        clamped_composer("chorale", layer=3)
    with pytest.raises(ConfigError, match="model 'lieder' has no columns of bars"):
        clamped_composer("lieder", reset_every_bar=True)
    with pytest.raises(ConfigError, match=r"forget_gate is held at a value from 0 to 1 or left free \(None\), got 1.5"):
        clamped_composer("chorale", GateClamp(forget_gate=1.5))
    with pytest.raises(ModelError):
        clamped_composer("english-base")
    with pytest.raises(ValueError, match="expected items of 3 steps each"):
        clamped_composer("chorale").engine.run(np.zeros((1, 3, 19), np.int64), np.array([2]), None)
