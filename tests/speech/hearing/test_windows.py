"""Windows joined at a seam say what one pass over the whole says: no word lost, none doubled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.windows import WindowedPhrase, find_seam
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.training.metrics import score

RATE = 16_000


def emissions(text: str, *, shift: int = 0, n_frames: int = 60) -> NDArray[np.float32]:
    """Frames that say the letters of a text five frames apart."""
    chances = np.full((n_frames, ENGLISH.size), 0.001, np.float32)
    chances[:, 0] = 1.0
    for place, letter in enumerate(text):
        frame = 4 + 5 * place + shift
        chances[frame, 0] = 0.001
        chances[frame, ENGLISH.encode(letter)[0]] = 1.0
    return np.log(chances / chances.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2])
def test_letters_heard_a_little_apart_are_neither_lost_nor_doubled(shift: int) -> None:
    text = "TO BE OR NO"
    before, after = emissions(text), emissions(text, shift=shift)
    seam = find_seam(before, after)
    assert 20 <= seam <= 40
    assert greedy(np.concatenate([before[:seam], after[seam:]]), ENGLISH).text == text


def test_the_seam_avoids_what_only_one_window_hears() -> None:
    before, after = emissions("A"), emissions("A")
    after[10:50, 0] = -9.0
    after[10:50, 1] = 0.0  # a long letter
    assert not 10 <= find_seam(before, after) < 50
    noisy = np.log(np.full((9, ENGLISH.size), 1 / ENGLISH.size, np.float32))
    assert 1 <= find_seam(noisy + 0.1 * np.eye(9, ENGLISH.size, dtype=np.float32), noisy) <= 8
    assert find_seam(noisy[:1], noisy[:1]) == 0


def test_windows_that_do_not_overlap_alike_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the same frames twice, at least one, got shapes \(60, 29\) and \(59, 29\)"):
        find_seam(emissions("A"), emissions("A")[1:])
    with pytest.raises(ValueError, match=r"got shapes \(0, 29\)"):
        find_seam(emissions("A")[:0], emissions("A")[:0])


def heard(
    model: SpeechRecogniser, samples: NDArray[np.float32], *cuts: int, window_s: float | None = None
) -> NDArray[np.float32]:
    phrase = WindowedPhrase(model, window_s=window_s)
    parts = [phrase.feed(block) for block in np.split(samples, cuts)]
    return np.concatenate([*parts, phrase.finish()])


def test_what_fits_a_window_is_heard_in_one_go(
    untrained_folder: Path, voice: Callable[..., NDArray[np.float32]]
) -> None:
    model = load_speech(untrained_folder)
    for seconds in (0.03, 1.0, model.config.longest_phrase_s):
        whole, _ = model.log_probs(extract_features(voice(seconds), model.config.features))
        np.testing.assert_array_equal(heard(model, voice(seconds)), whole)
    assert len(WindowedPhrase(model).finish()) == 0


@pytest.mark.parametrize("seconds", [2.1, 5.0, 7.77, 12.0])
def test_every_frame_is_there_once_however_the_samples_arrive(
    untrained_folder: Path, voice: Callable[..., NDArray[np.float32]], seconds: float
) -> None:
    model = load_speech(untrained_folder)
    samples = voice(seconds)
    whole = heard(model, samples, window_s=2.0)
    assert len(whole) == -(-len(extract_features(samples, model.config.features)) // 4)
    np.testing.assert_array_equal(heard(model, samples, *range(0, len(samples), 4_321), window_s=2.0), whole)


@pytest.mark.shared
def test_long_speech_in_windows_reads_as_in_one_go(shared: Path) -> None:
    model = load_speech("english-base")
    clips = [load_audio(item.audio) for item in read_manifest(shared / "speech" / "an4.dev.jsonl")[::4]]
    rng = np.random.default_rng(0)
    whole, joined = [], []
    for start in range(0, len(clips) - 3, 3):
        samples = np.concatenate(clips[start : start + 4])
        samples = samples[int(rng.integers(8_000)) : len(samples) - int(rng.integers(8_000))]  # cut anywhere
        log_probs, _ = model.log_probs(extract_features(samples, model.config.features))
        letters = slice(model.config.n_outputs)  # without the sounds
        whole.append(greedy(log_probs[:, letters], model.alphabet).text)
        joined.append(greedy(heard(model, samples, window_s=8.0)[:, letters], model.alphabet).text)
    report = score(whole, joined)
    assert report.words.n_reference > 100
    assert report.wer < 0.06  # other statistics in each window, and nothing at the seams
