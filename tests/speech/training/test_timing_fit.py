"""Timing fitted on joined recordings: on a model whose peaks are known, and on the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import AudioError, DataError
from audio_lstm.runtime import State
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.text.data import Utterance, read_manifest
from audio_lstm.speech.training.timing_fit import MIN_JOINTS, fit_timing, sound_edges

RATE = 16_000
LETTER_S, DELAY_FRAMES = 0.4, 3


class LateEngine:
    """Hears an A in each sound of LETTER_S, DELAY_FRAMES output frames after it begins; spaces between."""

    def run(
        self, inputs: NDArray[np.float32], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        loud = np.pad(inputs[0].mean(axis=1) > 0, 1).astype(np.int64)  # features of mean 0: sound is above
        edges = np.diff(loud)
        frames = np.zeros(-(-inputs.shape[1] // 4), np.int64)
        for begin, end in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
            for number in range(max(1, round((end - begin) / (100 * LETTER_S)))):
                frame = round(begin / 4 + number * 25 * LETTER_S)
                frames[frame] = 3
                frames[min(frame + DELAY_FRAMES, len(frames) - 1)] = 1
        rows = np.full((1, len(frames), 4), 0.01)
        rows[0, np.arange(len(frames)), frames] = 0.97
        return np.log(rows).astype(np.float32), ()


def write_letters(folder: Path, n: int) -> list[Utterance]:
    """Recordings of one or two letters, 0.4 s of noise each, silence around them and between."""
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(n):
        letter = rng.uniform(-0.5, 0.5, round(LETTER_S * RATE))
        pause = rng.uniform(-1e-4, 1e-4, RATE // 2)
        parts = [pause, letter] * (1 + number % 2) + [pause]
        write_wav(folder / f"{number}.wav", np.concatenate(parts).astype(np.float32), RATE)
        utterances.append(Utterance(id=str(number), audio=folder / f"{number}.wav", text="a" + " a" * (number % 2)))
    return utterances


def test_the_delay_of_a_model_is_found(speech_config: SpeechModelConfig, tmp_path: Path) -> None:
    recogniser = SpeechRecogniser("late", speech_config, speech_config.alphabet, LateEngine())
    seen: list[int] = []
    fit = fit_timing(write_letters(tmp_path, 24), recogniser, progress=seen.append)
    assert seen == list(range(1, 24))
    assert fit.n_joints >= MIN_JOINTS
    assert fit.timing.single_start_s == pytest.approx(0.04 * DELAY_FRAMES, abs=0.05)
    assert fit.timing.single_end_s == pytest.approx(LETTER_S - 0.04 * (DELAY_FRAMES + 1), abs=0.05)
    assert fit.timing.start_s == fit.timing.single_start_s  # there are no longer words to tell
    assert fit.peak_error_s > 0.1
    assert fit.error_s <= 0.03


def test_too_few_recordings_or_unknown_words_are_refused(
    always_a_folder: Path, speech_config: SpeechModelConfig, tmp_path: Path
) -> None:
    utterances = write_letters(tmp_path, 24)
    recogniser = SpeechRecogniser("late", speech_config, speech_config.alphabet, LateEngine())
    with pytest.raises(DataError, match=r"needs 10 pairs of recordings whose words the model hears, got \d from 4 rec"):
        fit_timing(utterances[:4], recogniser)
    for text in ("b", "5", "", "a" * 200):
        others = [Utterance(id=each.id, audio=each.audio, text=text) for each in utterances]
        with pytest.raises(DataError, match="got 0 from 24 recordings; pass more of them, or ones that the model know"):
            fit_timing(others, load_speech(always_a_folder))
    missing = [Utterance(id="x", audio=tmp_path / "missing.wav", text="a")] * 20
    with pytest.raises(AudioError, match=r"missing\.wav: no such file"):
        fit_timing(missing, recogniser)


def test_edges_are_those_of_the_sound_and_not_of_clicks() -> None:
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1e-3, 1e-3, 3 * RATE)
    samples[RATE : 2 * RATE] = rng.uniform(-0.5, 0.5, RATE)
    samples[RATE // 2 : RATE // 2 + RATE // 100] = 0.5  # 10 ms
    assert sound_edges(samples.astype(np.float32), RATE) == pytest.approx((1.0, 2.0), abs=0.02)
    assert sound_edges(np.zeros(100, np.float32), RATE) is None
    assert sound_edges(np.zeros(RATE, np.float32), RATE) is None


@pytest.mark.shared
def test_the_timing_that_ships_is_the_one_that_is_measured(shared: Path) -> None:
    an4 = load_speech("an4")
    fit = fit_timing(read_manifest(shared / "speech" / "an4.train.jsonl")[::8], an4)
    assert fit.n_joints >= 50
    assert fit.error_s <= 0.02 < fit.peak_error_s
    stored = an4.decoder.timing
    for name in ("start_s", "end_s", "single_start_s", "single_end_s"):
        assert getattr(fit.timing, name) == pytest.approx(getattr(stored, name), abs=0.06)
