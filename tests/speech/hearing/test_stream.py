"""Live recognition gives what `transcribe` gives, for any way to cut the sound, at a bounded cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm import Partial, StreamingTranscriber, Transcript, transcribe
from audio_lstm.errors import AudioError, ConfigError
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.acoustics import STEP_FRAMES
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech

RATE = 16_000
Voice = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="module")
def live(live_folder: Path) -> SpeechRecogniser:
    return load_speech(live_folder)


@pytest.fixture(scope="module")
def whole(always_a_folder: Path) -> SpeechRecogniser:
    """A model that reads whole phrases and hears an A in each."""
    return load_speech(always_a_folder)


@pytest.fixture(scope="module")
def talk(voice: Voice) -> NDArray[np.float32]:
    """Three utterances with pauses between them, and noise under all of it."""
    pause = np.zeros(round(1.2 * RATE), np.float32)
    samples = np.concatenate([pause, voice(3.0), pause, voice(1.0), pause, pause, voice(2.0)])
    return samples + np.random.default_rng(0).normal(size=len(samples)).astype(np.float32) * np.float32(1e-4)


def stream(
    model: SpeechRecogniser, samples: NDArray[np.generic], cuts: list[int], *, rate: int | None = None
) -> tuple[list[Partial], Transcript]:
    """Feed the samples cut at these places."""
    transcriber = StreamingTranscriber(model, sample_rate=rate)
    partials = [transcriber.feed(block) for block in np.split(samples, sorted(cuts))]
    return partials, transcriber.finish()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 12 * RATE), max_size=12))
def test_the_transcript_is_that_of_the_file_for_any_cut(
    live: SpeechRecogniser, whole: SpeechRecogniser, talk: NDArray[np.float32], cuts: list[int]
) -> None:
    for model in (live, whole):
        expected = transcribe((talk, RATE), model=model)
        assert len(expected.segments) >= 2
        partials, transcript = stream(model, talk, cuts)
        assert transcript == expected
        given_out = [segment for partial in partials for segment in partial.segments]
        assert given_out == list(expected.segments[: len(given_out)])


@pytest.mark.parametrize("size", [1, 37, 160, 5120, 10**6])
def test_blocks_of_one_size_give_the_same_words(live: SpeechRecogniser, talk: NDArray[np.float32], size: int) -> None:
    samples = talk[: 3 * RATE] if size == 1 else talk
    _, transcript = stream(live, samples, list(range(size, len(samples), size)))
    assert transcript == transcribe((samples, RATE), model=live)
    assert transcript.words


def test_stable_words_never_change(live: SpeechRecogniser, talk: NDArray[np.float32]) -> None:
    partials, transcript = stream(live, talk, list(range(800, len(talk), 800)))
    text, n_tentative, n_longer = "", 0, 0
    for partial in partials:
        text = " ".join([text, *(segment.text for segment in partial.segments)]).strip()
        assert transcript.text.startswith(f"{text} {partial.stable}".strip())
        assert partial.text == " ".join(word.text for word in partial.words)
        n_tentative += bool(partial.tentative)
        n_longer += len(partial.words) > 1
    assert n_tentative > 20
    assert n_longer > 20
    for before, after in pairwise(partials):
        assert after.heard_s > before.heard_s
        if not after.is_final and before.is_speaking:
            assert f"{after.stable} ".startswith(f"{before.stable} ".lstrip())


def test_words_that_a_search_may_change_are_tentative(live_folder: Path, talk: NDArray[np.float32]) -> None:
    searching = load_speech(live_folder, decoding=Decoding(beam_size=4))
    partials, transcript = stream(searching, talk, list(range(1600, len(talk), 1600)))
    assert not any(partial.stable for partial in partials)
    assert any(partial.tentative for partial in partials)
    assert transcript == transcribe((talk, RATE), model=searching)


def test_an_utterance_is_final_at_a_pause(live: SpeechRecogniser, talk: NDArray[np.float32]) -> None:
    partials, transcript = stream(live, talk, list(range(320, len(talk), 320)))
    finals = [partial for partial in partials if partial.is_final]
    assert len(finals) == 2  # the third ends with the stream
    assert len(transcript.segments) == 3
    for partial, pause_s in zip(finals, (4.2, 6.4), strict=True):  # where the pauses begin
        assert 0.8 <= partial.heard_s - pause_s <= 1.3
        assert partial.text == ""
        assert not partial.is_speaking
    assert [partial.is_speaking for partial in partials[:50]] == [False] * 50


def test_the_first_words_come_while_they_are_spoken(live: SpeechRecogniser, voice: Voice) -> None:
    samples = np.concatenate([np.zeros(RATE, np.float32), voice(3.0)])
    partials, _ = stream(live, samples, list(range(320, len(samples), 320)))
    speaking = next(partial for partial in partials if partial.is_speaking)
    assert speaking.heard_s - 1.0 <= 0.45
    first = next(partial for partial in partials if partial.text)
    assert first.heard_s - 1.0 <= 0.65
    transcriber = StreamingTranscriber(live)
    assert transcriber.latency_s == pytest.approx((STEP_FRAMES - 1) * 0.01 + 0.025)


def test_a_model_that_reads_whole_phrases_answers_at_pauses(whole: SpeechRecogniser, talk: NDArray[np.float32]) -> None:
    transcriber = StreamingTranscriber(whole)
    assert transcriber.latency_s is None
    partials = [transcriber.feed(block) for block in np.split(talk, range(1600, len(talk), 1600))]
    assert {partial.text for partial in partials} == {"", "A", "A A"}  # phrases parted by short pauses
    assert sum(partial.is_final for partial in partials) >= 1
    assert {word.text for word in transcriber.finish().words} == {"A"}


def test_memory_does_not_grow_with_the_stream(live: SpeechRecogniser, voice: Voice) -> None:
    import tracemalloc

    minute = np.concatenate([voice(40.0), np.zeros(20 * RATE, np.float32)])
    transcriber = StreamingTranscriber(live)

    def hear_minutes(n: int) -> int:
        for _ in range(n):
            for block in np.split(minute, range(5120, len(minute), 5120)):
                transcriber.feed(block)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        growth = -hear_minutes(1) + hear_minutes(3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert growth < 500_000  # words, and nothing else: three minutes of sound are 11.5 MB
    assert peak < 20e6


def test_integers_and_floats_are_the_same_sound(live: SpeechRecogniser, voice: Voice) -> None:
    integers = np.round(voice(2.0) * 32768).astype(np.int16)
    floats = integers.astype(np.float64) / 32768
    assert stream(live, integers, [999])[1] == stream(live, floats, [5000])[1]


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_any_rate_may_come_in(live: SpeechRecogniser, voice: Voice, rate: int) -> None:
    from audio_lstm.audio.files import resample

    samples = resample(np.concatenate([voice(2.0), np.zeros(RATE, np.float32)]), RATE, rate)
    _, in_parts = stream(live, samples, [10, 777, 30_000], rate=rate)
    _, in_one = stream(live, samples, [], rate=rate)
    assert in_parts == in_one
    assert in_one.duration_s == pytest.approx(3.0)
    assert in_one == transcribe((samples, rate), model=live)


def test_silence_and_an_empty_stream_give_no_words(live: SpeechRecogniser) -> None:
    partials, transcript = stream(live, np.zeros(3 * RATE, np.float32), [100])
    assert (transcript.text, transcript.segments, transcript.peak_db) == ("", (), -math.inf)
    assert transcript.duration_s == 3.0
    assert not any(partial.text or partial.is_speaking for partial in partials)
    assert StreamingTranscriber(live).finish().duration_s == 0.0


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (np.zeros((2, 3), np.float32), r"mono samples of shape \(n,\), got \(2, 3\); mix the channels first"),
        (np.zeros(3, np.int64), r"floating point \(full scale ±1\) or int16, got int64"),
        (np.zeros(3, np.complex64), "got complex64"),
        (np.array([0, np.nan, 0], np.float32), "sample 101 of the stream is NaN or infinite; nothing of this block"),
        (np.array([1e300]), "sample 100 of the stream is NaN or infinite"),
        (np.array([0.5, -1e30]), r"sample 101 of the stream is beyond 1e\+10 times full scale"),
    ],
)
def test_bad_samples_are_refused_and_the_stream_goes_on(
    live: SpeechRecogniser, voice: Voice, block: NDArray[np.generic], complaint: str
) -> None:
    transcriber = StreamingTranscriber(live)
    transcriber.feed(np.zeros(100, np.float32))
    with pytest.raises(AudioError, match=complaint):
        transcriber.feed(block)  # type: ignore[arg-type]
    assert transcriber.feed(voice(1.0)).heard_s == pytest.approx(1.0 + 100 / RATE)
    assert transcriber.finish().words


def test_a_stream_that_has_finished_takes_nothing_more(live: SpeechRecogniser) -> None:
    transcriber = StreamingTranscriber(live)
    transcriber.finish()
    with pytest.raises(AudioError, match="this stream has finished; make a new StreamingTranscriber"):
        transcriber.feed(np.zeros(10, np.float32))
    with pytest.raises(AudioError, match="this stream has finished; its transcript was returned then"):
        transcriber.finish()


@pytest.mark.parametrize("endpoint_s", [0.1, 11, math.nan])
def test_an_impossible_endpoint_is_refused(live: SpeechRecogniser, endpoint_s: float) -> None:
    with pytest.raises(ConfigError, match=r"endpoint_s must lie in 0\.6\.\.10, got"):
        StreamingTranscriber(live, endpoint_s=endpoint_s)
    with pytest.raises(AudioError, match="sample rate"):
        StreamingTranscriber(live, sample_rate=3)
