"""Recordings become windows and windows become words: nothing is lost at the cuts, and memory stays bounded."""

from __future__ import annotations

import io
import math
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from audio_lstm.audio import write_wav
from audio_lstm.errors import AudioError, DataError, ModelError
from audio_lstm.speech.confidence import Calibration
from audio_lstm.speech.decoding import Decoding, DecodingConfig, write_decoding
from audio_lstm.speech.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.transcribe import MAX_WINDOW_S, SILENCE_DB, cut_at_quiet_places, transcribe

RATE = 16000


@pytest.fixture(scope="module")
def always_a(always_a_folder: Path) -> SpeechRecogniser:
    """Hears "A" wherever there is sound."""
    return load_speech(always_a_folder)


def noise(n_samples: int, *, peak: float = 0.5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-peak, peak, n_samples).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    block_sizes=st.lists(st.integers(0, 4000), max_size=12),
    max_window_s=st.floats(0.1, 3.0),
    kind=st.sampled_from(["noise", "zeros", "square"]),
    seed=st.integers(0, 9),
)
def test_windows_hold_every_sample_once_and_none_is_too_long(
    block_sizes: list[int], max_window_s: float, kind: str, seed: int
) -> None:
    rate, n_samples = 1000, sum(block_sizes)
    samples = noise(n_samples, seed=seed)
    samples = {"noise": samples, "zeros": 0 * samples, "square": np.sign(samples)}[kind]
    blocks = np.split(samples, np.cumsum(block_sizes)[:-1]) if block_sizes else []
    windows = list(cut_at_quiet_places(blocks, rate, max_window_s=max_window_s))
    joined = np.concatenate([window.samples for window in windows]) if windows else np.zeros(0, np.float32)
    np.testing.assert_array_equal(joined, samples)
    assert all(1 <= len(window.samples) <= max_window_s * rate for window in windows)
    starts = np.cumsum([0, *(len(window.samples) for window in windows)])[:-1]
    assert [window.start_sample for window in windows] == starts.tolist()
    # Only the last may be short: no more pieces than half-length windows would make.
    assert all(len(window.samples) >= 0.45 * max_window_s * rate for window in windows[:-1])


def test_a_window_is_cut_in_the_pause() -> None:
    samples = noise(30 * RATE)
    samples[int(15.0 * RATE) : int(15.6 * RATE)] *= 0.001
    samples[int(17.0 * RATE) : int(17.05 * RATE)] = 0.0  # quieter, but the closure of a P and no pause
    first, second = cut_at_quiet_places(np.split(samples, 3), RATE)
    assert 15.0 * RATE < second.start_sample < 15.6 * RATE
    assert len(first.samples) == second.start_sample


def test_a_short_recording_is_one_window() -> None:
    samples = noise(int(MAX_WINDOW_S * RATE))
    (window,) = cut_at_quiet_places([samples], RATE)
    assert (window.start_sample, len(window.samples)) == (0, len(samples))


@pytest.mark.parametrize("max_window_s", [0.0, -1.0, 0.05, math.nan])
def test_a_window_too_short_to_search_is_refused(max_window_s: float) -> None:
    with pytest.raises(ValueError, match=r"max_window_s must be at least 0\.1, got"):
        next(cut_at_quiet_places([noise(100)], RATE, max_window_s=max_window_s))


def test_a_path_a_file_object_and_an_array_give_the_same_transcript(always_a: SpeechRecogniser, tmp_path: Path) -> None:
    samples = np.round(noise(RATE) * 32768) / 32768  # as 16-bit PCM holds them
    write_wav(tmp_path / "a.wav", samples.astype(np.float32), RATE)
    from_path = transcribe(tmp_path / "a.wav", model=always_a)
    assert from_path == transcribe(str(tmp_path / "a.wav"), model=always_a)
    assert from_path == transcribe(io.BytesIO((tmp_path / "a.wav").read_bytes()), model=always_a)
    assert from_path == transcribe((samples.astype(np.float32), RATE), model=always_a)
    assert from_path == transcribe(((samples * 32768).astype(np.int16), RATE), model=always_a)
    assert from_path.text == "A"
    assert from_path.model == "always-a"
    assert from_path.duration_s == 1.0
    assert from_path.peak_db == pytest.approx(20 * math.log10(0.5), abs=0.01)


def test_a_model_may_be_given_as_its_folder(always_a_folder: Path) -> None:
    assert transcribe((noise(RATE), RATE), model=always_a_folder).text == "A"


def test_other_rates_and_channels_are_brought_to_the_models(always_a: SpeechRecogniser) -> None:
    transcript = transcribe((noise(8 * 8000).reshape(-1, 8), 8000), model=always_a)
    assert transcript.duration_s == pytest.approx(1.0)
    assert transcript.text == "A"


def test_word_times_lie_inside_the_recording(always_a: SpeechRecogniser) -> None:
    for n_samples in (400, 401, 1000, 16000, 16001):
        (word,) = transcribe((noise(n_samples), RATE), model=always_a).words
        assert word.start_s == 0.0
        assert 0.0 < word.end_s <= n_samples / RATE
        assert 0.0 < word.confidence <= 1.0
        assert n_samples / RATE - word.end_s < 0.05


@pytest.mark.parametrize("level_db", [-math.inf, SILENCE_DB - 1])
def test_silence_gives_an_empty_transcript(always_a: SpeechRecogniser, level_db: float) -> None:
    peak = 10 ** (level_db / 20)
    transcript = transcribe((noise(2 * RATE, peak=peak), RATE), model=always_a)
    assert (transcript.text, transcript.segments) == ("", ())
    assert transcript.duration_s == 2.0
    assert transcript.peak_db == pytest.approx(level_db, abs=0.1)


def test_quiet_speech_is_no_silence(always_a: SpeechRecogniser) -> None:
    peak = 10 ** ((SILENCE_DB + 1) / 20)
    assert transcribe((noise(RATE, peak=peak), RATE), model=always_a).text == "A"


@pytest.mark.parametrize("n_samples", [1, 399])
def test_less_than_one_feature_window_is_an_error(always_a: SpeechRecogniser, n_samples: int, tmp_path: Path) -> None:
    write_wav(tmp_path / "short.wav", noise(n_samples), RATE)
    message = rf"{n_samples} samples at 16000 Hz is too short to hear anything; pass at least 25 ms"
    with pytest.raises(AudioError, match=rf"short\.wav: {message}"):
        transcribe(tmp_path / "short.wav", model=always_a)
    with pytest.raises(AudioError, match=f"^audio: {message}"):
        transcribe((noise(n_samples), RATE), model=always_a)


def test_a_missing_file_is_an_audio_error(always_a: SpeechRecogniser, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"missing\.wav: no such file"):
        transcribe(tmp_path / "missing.wav", model=always_a)


def test_options_reach_the_reader(always_a: SpeechRecogniser, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="more than the 1 s allowed"):
        transcribe((noise(2 * RATE), RATE), model=always_a, max_seconds=1)
    write_wav(tmp_path / "whole.wav", noise(2 * RATE), RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[: 44 + 2 * RATE])
    with pytest.raises(AudioError, match="cut short"):
        transcribe(tmp_path / "cut.wav", model=always_a)
    assert transcribe(tmp_path / "cut.wav", model=always_a, allow_truncated=True).duration_s == pytest.approx(1.0)


def test_the_caller_says_how_to_decode(always_a: SpeechRecogniser, always_a_folder: Path) -> None:
    wish = Decoding(vocabulary=("B", "BB"))
    for model in (always_a, always_a_folder):
        transcript = transcribe((noise(RATE), RATE), model=model, decoding=wish)
        assert {word.text for word in transcript.words} <= {"B", "BB"}
        assert transcript.text
    assert transcribe((noise(RATE), RATE), model=always_a).text == "A"
    with pytest.raises(DataError, match="word 'C' holds 'C', which the recogniser does not write"):
        transcribe((noise(RATE), RATE), model=always_a, decoding=Decoding(vocabulary=("C",)))


def test_confidence_is_that_of_the_models_calibration(always_a_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(always_a_folder, tmp_path / "model")
    write_decoding(folder, DecodingConfig(calibration=Calibration(bias=-math.log(3), slope=0.0, length=0.0)))
    (word,) = transcribe((noise(RATE), RATE), model=folder).words
    assert word.confidence == pytest.approx(0.25)


def test_a_model_that_answers_nan_is_named(always_a_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(always_a_folder, tmp_path / "model")
    graph = onnx.load(folder / "model.onnx")
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.shape == (4,):  # the biases, that of the head among them
            weight.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), weight.name))
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(ModelError, match=r"model 'always-a' is damaged \(.* hold NaN.*\); copy or export it again"):
        transcribe((noise(RATE), RATE), model=folder)


def test_a_long_recording_gives_segments_in_order_and_bounded_memory(
    always_a: SpeechRecogniser, tmp_path: Path
) -> None:
    minute = noise(60 * RATE)
    for pause_s in range(5, 60, 6):  # words, and half a second between them
        minute[pause_s * RATE : pause_s * RATE + RATE // 2] = 0.0
    write_wav(tmp_path / "long.wav", np.tile((minute * 32767).astype(np.int16), 10), RATE)
    whole_mb = 600 * RATE * 4 / 1e6  # as float32
    tracemalloc.start()
    transcript = transcribe(tmp_path / "long.wav", model=always_a)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / 1e6 < 0.5 * whole_mb
    assert transcript.duration_s == 600.0
    assert 75 <= len(transcript.segments) <= 150  # 4 to 8 s each
    assert transcript.text == " ".join("A" for _ in transcript.segments)
    edges = [edge for segment in transcript.segments for edge in (segment.start_s, segment.end_s)]
    assert edges[0] == 0.0
    assert edges[-1] == 600.0
    assert edges == sorted(edges)
    assert edges[1:-1:2] == edges[2::2]  # each begins where the one before ended
    starts = [word.start_s for word in transcript.words]
    assert starts == sorted(starts)
    assert all(
        segment.start_s <= word.start_s < word.end_s <= segment.end_s
        for segment in transcript.segments
        for word in segment.words
    )
    in_pause = [any(pause <= start % 60 <= pause + 0.5 for pause in range(5, 60, 6)) for start in edges[2::2]]
    assert all(in_pause)
