"""A model that streams gives the same log-probabilities however the samples of a phrase arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.runtime import State
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.hearing.acoustics import EARLY_STEP_FRAMES, STEP_FRAMES, StreamedPhrase, streams
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.sound.features import extract_features


@pytest.fixture(scope="module")
def live(live_folder: Path) -> SpeechRecogniser:
    return load_speech(live_folder)


def heard(model: SpeechRecogniser, samples: NDArray[np.float32], *cuts: int) -> NDArray[np.float32]:
    phrase = StreamedPhrase(model)
    parts = [phrase.feed(block) for block in np.split(samples, cuts)]
    return np.concatenate([*parts, phrase.finish()])


@pytest.mark.parametrize("n_samples", [1, 399, 2559, 2560, 2561, 40_000])
def test_cuts_change_nothing_and_every_frame_is_there(
    live: SpeechRecogniser, voice: Callable[..., NDArray[np.float32]], n_samples: int
) -> None:
    samples = voice(3.0)[:n_samples]
    whole = heard(live, samples)
    features = extract_features(samples, live.config.features)
    assert whole.shape == (-(-len(features) // 4), 4)
    np.testing.assert_array_equal(heard(live, samples, *range(0, n_samples, 777)), whole)
    at_once, _ = live.log_probs(features)
    # int8 weights meet activations that are scaled step by step, so this is not exact.
    assert np.mean(at_once.argmax(axis=1) == whole.argmax(axis=1)) > 0.8


class Counted:
    """An engine that keeps the lengths of its steps."""

    def __init__(self, n_outputs: int) -> None:
        self.steps: list[int] = []
        self._n_outputs = n_outputs

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        self.steps.append(inputs.shape[1])
        return np.zeros((1, -(-inputs.shape[1] // 4), self._n_outputs), np.float32), ()


@pytest.mark.parametrize("deltas", [0, 2])
def test_each_step_runs_as_soon_as_its_last_window_is_there(live: SpeechRecogniser, deltas: int) -> None:
    features = replace(live.config.features, deltas=deltas)
    engine = Counted(live.config.n_outputs)
    model = replace(live, config=replace(live.config, features=features), engine=engine)
    phrase = StreamedPhrase(model)
    wanted = [STEP_FRAMES] * 3 + [EARLY_STEP_FRAMES] * 16 + [STEP_FRAMES] * 2
    samples = np.random.default_rng(0).normal(scale=0.1, size=40_000).astype(np.float32)
    for number, stop in enumerate(np.cumsum(wanted).tolist(), 1):
        complete = (stop - 1 + features.lookahead_frames) * 160 + 400  # samples
        fed = phrase._n_taken + len(phrase._samples)
        phrase.feed(samples[fed : complete - 1])
        assert len(engine.steps) == number - 1
        phrase.feed(samples[complete - 1 : complete])
        assert engine.steps == wanted[:number]
    phrase.feed(samples[complete:])
    phrase.finish()
    assert sum(engine.steps) == len(extract_features(samples, features))


def test_words_come_before_the_end(live: SpeechRecogniser, voice: Callable[..., NDArray[np.float32]]) -> None:
    phrase, step = StreamedPhrase(live), 160 * STEP_FRAMES
    assert len(phrase.feed(voice(3.0)[: step - 1])) == 0
    assert len(phrase.feed(voice(3.0)[step - 1 : 2 * step])) == STEP_FRAMES // 4  # but for the end of its last window


def test_models_that_need_the_end_do_not_stream(
    live_config: SpeechModelConfig,
    streaming_config: SpeechModelConfig,
    speech_config: SpeechModelConfig,
    untrained_folder: Path,
) -> None:
    assert [streams(config) for config in (live_config, streaming_config, speech_config)] == [True, False, False]
    with pytest.raises(ConfigError, match="model 'untrained' reads whole phrases and cannot stream; choose one"):
        StreamedPhrase(load_speech(untrained_folder))
