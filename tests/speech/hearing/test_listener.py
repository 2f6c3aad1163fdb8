"""The engine: phrases near each other are decoded together, long ones are cut between words, doubtful ones dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.hearing.listener import Heard, Listener, ListenerConfig, cut_frame, pause_frames
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.sound.sounds import clicks
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet

RATE = 16_000
Voice = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="module")
def whole(always_a_folder: Path) -> SpeechRecogniser:
    return load_speech(always_a_folder)


@pytest.fixture(scope="module")
def live(live_folder: Path) -> SpeechRecogniser:
    return load_speech(live_folder)


def heard(
    model: SpeechRecogniser, samples: NDArray[np.float32], config: ListenerConfig | None = None, *cuts: int
) -> list[Heard]:
    listener = Listener(model, config)
    ended = [item for block in np.split(samples, cuts) for item in listener.feed(block)]
    return ended + listener.finish()


def with_pause(voice: Voice, seconds: float) -> NDArray[np.float32]:
    return np.concatenate([voice(2.0), np.zeros(round(seconds * RATE), np.float32), voice(2.0)])


def test_phrases_with_a_short_pause_are_one_utterance(whole: SpeechRecogniser, voice: Voice) -> None:
    (together,) = heard(whole, with_pause(voice, 1.2))
    assert greedy(together.log_probs, whole.alphabet).text == "A A"
    assert (together.start_sample, together.stop_sample) == (0, pytest.approx(5.2 * RATE, abs=640))
    assert len(heard(whole, with_pause(voice, 2.2))) == 2
    assert len(heard(whole, with_pause(voice, 1.2), ListenerConfig(join_pause_s=0.0))) == 2


def test_a_model_that_streams_ends_an_utterance_at_every_pause(live: SpeechRecogniser, voice: Voice) -> None:
    assert len(heard(live, with_pause(voice, 1.2))) == 2
    assert len(heard(live, with_pause(voice, 0.5))) == 1


@pytest.mark.parametrize("name", ["whole", "live"])
def test_times_fit_the_sound_and_cuts_change_nothing(name: str, voice: Voice, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    samples = np.concatenate([np.zeros(5 * RATE, np.float32), with_pause(voice, 3.0)])
    first, second = heard(model, samples)
    assert first.start_sample == pytest.approx(4.6 * RATE, abs=0.15 * RATE)
    assert second.start_sample == pytest.approx(9.6 * RATE, abs=0.15 * RATE)
    for item in (first, second):
        assert item.start_sample % 640 == 0
        assert item.stop_sample - item.start_sample == 640 * len(item.log_probs)
    again = heard(model, samples, None, *range(0, len(samples), 1_111))
    for one, other in zip((first, second), again, strict=True):
        assert one.start_sample == other.start_sample
        np.testing.assert_array_equal(one.log_probs, other.log_probs)


@pytest.mark.parametrize("name", ["whole", "live"])
@pytest.mark.parametrize("n_frames", range(60, 69))
def test_speech_to_the_last_sample_ends_wherever_that_lies(
    name: str, n_frames: int, voice: Voice, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    n_samples = round((n_frames - 0.4) * 0.032 * RATE)
    (only,) = heard(model, voice(3.0)[:n_samples])
    assert n_samples - 640 <= only.stop_sample <= n_samples + 0.6 * RATE + 1280


def test_the_end_of_the_stream_is_followed_by_silence_for_a_late_model(
    live: SpeechRecogniser, whole: SpeechRecogniser, voice: Voice
) -> None:
    (late,) = heard(live, voice(2.0))
    (prompt,) = heard(whole, voice(2.0))
    assert late.stop_sample == pytest.approx(2.6 * RATE, abs=0.15 * RATE)
    assert prompt.stop_sample == pytest.approx(2.0 * RATE, abs=640)


def test_long_speech_is_cut_between_words(live: SpeechRecogniser, voice: Voice) -> None:
    (uncut,) = heard(live, voice(25.0))
    parts = heard(live, voice(25.0), ListenerConfig(longest_s=6.0))
    assert len(parts) >= 4
    np.testing.assert_array_equal(np.concatenate([part.log_probs for part in parts]), uncut.log_probs)
    assert all(len(part.log_probs) <= 150 for part in parts)
    text = greedy(uncut.log_probs, live.alphabet).text
    assert text.count(" ") > 20
    assert " ".join(greedy(part.log_probs, live.alphabet).text for part in parts) == text
    starts = [part.start_sample for part in parts]
    assert starts[1:] == [part.stop_sample for part in parts[:-1]]


def test_what_is_hardly_speech_is_dropped(whole: SpeechRecogniser, voice: Voice) -> None:
    blip = np.concatenate([np.zeros(RATE, np.float32), voice(1.0)[:4_000], np.zeros(2 * RATE, np.float32)])
    assert len(heard(whole, blip, ListenerConfig(least_evidence_frames=1.0))) == 1
    assert heard(whole, blip, ListenerConfig(least_evidence_frames=40.0)) == []
    listener = Listener(whole, ListenerConfig(least_evidence_frames=40.0))
    listener.feed(blip[: 2 * RATE])
    assert not listener.is_certain
    assert heard(whole, clicks(5 * RATE, np.random.default_rng(1))) == []


def test_memory_is_that_of_a_phrase(live: SpeechRecogniser, whole: SpeechRecogniser, voice: Voice) -> None:
    for model in (live, whole):
        listener = Listener(model)
        for block in np.split(np.tile(np.concatenate([voice(14.0), np.zeros(RATE)]).astype(np.float32), 8), 60):
            listener.feed(block)
            assert len(listener._samples) < 3 * RATE
            assert listener.open is None or len(listener.open.log_probs) <= 30 * 25


def test_a_pause_parts_words_and_nothing_else() -> None:
    frames = pause_frames(3, ENGLISH)
    assert frames.shape == (3, ENGLISH.size)
    np.testing.assert_allclose(np.exp(frames).sum(axis=1), 1.0, atol=1e-4)
    letter = np.log(np.full((1, ENGLISH.size), 1e-4, np.float32))
    letter[0, 1] = np.log(1 - 28e-4)
    log_probs = np.concatenate([letter, frames, letter])
    assert greedy(log_probs, ENGLISH).text == "A A"
    decoder = BeamDecoder(ENGLISH, BeamConfig(beam_size=8))
    assert decoder.decode([log_probs])[0][0].text == "A A"
    spaced = np.concatenate([letter, pause_frames(1, ENGLISH), pause_frames(1, ENGLISH), letter])
    assert decoder.decode([spaced])[0][0].text == "A A"
    assert greedy(pause_frames(4, Alphabet(("A",))), Alphabet(("A",))).text == ""


def test_a_cut_lies_in_the_widest_gap_of_the_second_half() -> None:
    alphabet = Alphabet(("A", " "))
    path = [1, 0, 0, 0, 0, 0, 2, 1, 2, 0, 1, 0, 0, 2, 0, 0, 1, 1, 2, 0]
    log_probs = np.log(np.eye(3, dtype=np.float32)[path] * 0.97 + 0.01)
    assert cut_frame(log_probs, alphabet) == 13
    assert cut_frame(log_probs[:1], alphabet) == 1
    assert cut_frame(np.log(np.eye(3, dtype=np.float32)[[1] * 8] * 0.97 + 0.01), alphabet) == 8
    silent = np.log(np.eye(3, dtype=np.float32)[[0] * 8] * 0.97 + 0.01)
    assert 1 <= cut_frame(silent, alphabet) <= 8


def test_a_pause_is_silent_to_both_heads() -> None:
    frames = pause_frames(3, ENGLISH, n_columns=ENGLISH.size + 40)
    assert frames.shape == (3, ENGLISH.size + 40)
    np.testing.assert_array_equal(frames[:, : ENGLISH.size], pause_frames(3, ENGLISH))
    sounds = np.exp(frames[:, ENGLISH.size :])
    np.testing.assert_allclose(sounds.sum(axis=1), 1.0, atol=1e-5)
    assert (sounds[:, 0] > 0.999).all()
