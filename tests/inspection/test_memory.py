"""Memory: what is measured on a cell whose memory is known, and on the shipped models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import audio_lstm
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import AudioError, ConfigError, ScoreError
from audio_lstm.inspection.memory import MIN_STEPS, Memory, MemoryTally, Stretch
from audio_lstm.inspection.weight_arrays import WeightArrays

CONFIG = LSTMConfig(input_size=2, hidden_size=2, n_layers=1)


def fading(forget: float, config: LSTMConfig = CONFIG) -> WeightArrays:
    """Cells that keep the same share of themselves at every step, whatever comes, and hear nothing of each other."""
    arrays = {}
    for side in ("forward", "backward") if config.bidirectional else ("forward",):
        for layer in range(config.n_layers):
            name, width = f"{side}_layers.{layer}", config.layer_input_size(layer)
            read = np.zeros((8, width), np.float32)
            read[4, 0] = read[5, 1] = 0.01  # the candidate sees its own input; small, so that tanh is straight
            bias = np.array([9, 9, *2 * [np.log(forget / (1 - forget))], 0, 0, 9, 9], np.float32)
            arrays |= {
                f"{name}.weight_ih_l0": read,
                f"{name}.weight_hh_l0": np.zeros((8, 2), np.float32),
                f"{name}.bias_ih_l0": bias,
                f"{name}.bias_hh_l0": np.zeros(8, np.float32),
            }
    return WeightArrays(arrays, "test")


def measured(forget: float, config: LSTMConfig = CONFIG, n_steps: int = 400) -> Memory:
    tally = MemoryTally("toy", "beats", config, fading(forget, config), "")
    x = np.random.default_rng(0).normal(size=(n_steps, 2)).astype(np.float32)

    def answers(y: NDArray[np.float32]) -> NDArray[np.float32]:
        odds = np.exp(y[:, :2])
        share: NDArray[np.float32] = odds / odds.sum(axis=1, keepdims=True)
        return share

    tally.add(Stretch(x, 0.25 * np.arange(n_steps), answers), 8)
    return tally.result()


@pytest.mark.parametrize("forget", [0.5, 0.9, 0.97])
def test_a_cell_that_keeps_a_share_fades_by_it(forget: float) -> None:
    found = measured(forget)
    near, far = found.layers[0, 0], found.layers[0, 6]  # steps of a quarter of a beat
    steps = [step for step in range(100) if found.edges[6] <= 0.25 * step + 1e-9 < found.edges[7]]
    assert far / near == pytest.approx(np.mean([forget**step for step in steps]), rel=0.02)


def test_a_cell_that_keeps_more_reaches_further() -> None:
    reaches = [measured(forget).reach()[0] for forget in (0.3, 0.9, 0.99)]
    assert reaches == sorted(reaches)
    assert reaches[0] < 1 < 10 < reaches[2]


def test_only_a_model_that_reads_backward_is_moved_from_ahead() -> None:
    assert measured(0.9).lags.min() > 0
    both = measured(0.9, replace(CONFIG, bidirectional=True))
    assert both.lags.min() < 0
    assert both.reach(ahead=True)[0] == pytest.approx(both.reach()[0], rel=0.5)
    assert "ahead" in both.table()
    assert "ahead" not in measured(0.9).table()


def test_the_answer_has_a_row_of_its_own_and_what_is_asked_for_is_checked() -> None:
    found = measured(0.9)
    assert len(found.reach()) == len(found.layers) + 1
    assert len(found.edges) == len(found.answer) + 1 == found.layers.shape[1] + 1
    for share in (0.0, 1.5):
        with pytest.raises(ConfigError, match="share must lie above 0 and be at most 1"):
            found.reach(share)


def test_shipped_models_of_both_wings_are_measured(repository: Path) -> None:
    clip = repository / "demos" / "samples" / "control.wav"
    heard = audio_lstm.memory(clip, model="english-small", span_s=(0, 3), n_probes=2)
    assert (heard.unit, heard.n_sources) == ("seconds", 1)
    assert all(0 < reach < 3 for reach in heard.reach())
    piece = audio_lstm.compose(seed=1, bars=3)
    played = audio_lstm.memory([piece, piece.score], n_probes=2)
    assert (played.model, played.unit, played.n_sources, played.n_probes) == ("chorale", "beats", 2, 4)
    assert 0 <= played.answer.min() <= played.answer.max() <= 1
    assert all(0 < reach < 12 for reach in played.reach())


def test_what_is_too_short_is_named_with_what_would_do(repository: Path) -> None:
    with pytest.raises(AudioError, match=r"^recording 1: 0\.\d\d s is too short; memory needs \d\.\d\d s$"):
        audio_lstm.memory((np.zeros(8000, np.float32), 16_000))
    chord = audio_lstm.compose(seed=1, bars=1).score
    with pytest.raises(ScoreError, match=rf"^piece 1: \d+ tokens are too short a piece; memory needs {MIN_STEPS}$"):
        audio_lstm.memory(chord, span_s=(0.0, 0.3))


def test_lists_hold_one_kind_of_source() -> None:
    with pytest.raises(ConfigError, match="got both"):
        audio_lstm.memory(["a.mid", "b.wav"])
    with pytest.raises(ConfigError, match="got neither"):
        audio_lstm.memory([])
    with pytest.raises(ConfigError, match="n_probes must be at least 1, got 0"):
        audio_lstm.memory("a.mid", n_probes=0)


def test_a_picture_is_written_or_refused_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra plot")
    found = measured(0.9, replace(CONFIG, bidirectional=True), n_steps=40)
    figure = found.plot(tmp_path / "memory.png")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "beats from the input to a later step",
        "beats from the input back to an earlier step",
    ]
    with pytest.raises(ConfigError, match=r"memory\.txt: cannot draw this; end the name in"):
        found.plot(tmp_path / "memory.txt")
