"""Recordings become windows and windows become words: nothing is lost at the cuts, and memory stays bounded."""

from __future__ import annotations

import io
import math
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from audio_lstm.audio.files import resample, write_wav
from audio_lstm.errors import AudioError, DataError, ModelError
from audio_lstm.speech.aligning.align_script import align
from audio_lstm.speech.decoding.confidence import Calibration
from audio_lstm.speech.decoding.decoding import Decoding, DecodingConfig, write_decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.stream import StreamingTranscriber
from audio_lstm.speech.hearing.transcribe import hear, transcribe, transcribe_segments
from audio_lstm.speech.hearing.transcript import Transcript
from audio_lstm.speech.sound.sounds import KINDS
from audio_lstm.speech.sound.vad import SILENCE_DB

RATE = 16000


@pytest.fixture(scope="module")
def always_a(always_a_folder: Path) -> SpeechRecogniser:
    """Hears "A" wherever somebody speaks."""
    return load_speech(always_a_folder)


Voice = Callable[..., NDArray[np.float32]]


def test_a_path_a_file_object_and_an_array_give_the_same_transcript(
    always_a: SpeechRecogniser, voice: Voice, tmp_path: Path
) -> None:
    samples = np.round(voice(1.0) * 32767) / 32768  # as 16-bit PCM holds them
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


def test_the_language_is_the_models(always_a: SpeechRecogniser, voice: Voice) -> None:
    german = replace(always_a, config=replace(always_a.config, language="de"))
    sound = (voice(1.0), RATE)
    assert transcribe(sound, model=always_a).language == "en"
    found = transcribe(sound, model=german)
    assert found.language == Transcript.from_json(found.to_json()).language == "de"
    stream = StreamingTranscriber(german)
    stream.feed(sound[0])
    assert stream.finish().language == "de"
    alignment = align(sound, "A", model=german)
    assert alignment.language == alignment.to_transcript().language == alignment.to_dict()["language"] == "de"


def test_a_model_may_be_given_as_its_folder(always_a_folder: Path, voice: Voice) -> None:
    assert transcribe((voice(1.0), RATE), model=always_a_folder).text == "A"


def test_other_rates_and_channels_are_brought_to_the_models(always_a: SpeechRecogniser, voice: Voice) -> None:
    samples = resample(voice(1.0), RATE, 8_000)
    transcript = transcribe((np.stack([samples] * 8, axis=1), 8_000), model=always_a)
    assert transcript.duration_s == pytest.approx(1.0)
    assert transcript.text == "A"


def test_word_times_lie_inside_the_recording(always_a: SpeechRecogniser, voice: Voice) -> None:
    for n_samples in (8_000, 8_001, 16_000, 16_001, 30_000):
        (word,) = transcribe((voice(2.0)[:n_samples], RATE), model=always_a).words
        assert 0.0 <= word.start_s <= 0.02
        assert 0.0 < word.end_s <= n_samples / RATE
        assert 0.0 < word.confidence <= 1.0
        assert n_samples / RATE - word.end_s < 0.05


@pytest.mark.parametrize("level_db", [-math.inf, SILENCE_DB - 1])
def test_silence_gives_an_empty_transcript(always_a: SpeechRecogniser, voice: Voice, level_db: float) -> None:
    transcript = transcribe((voice(2.0, peak=10 ** (level_db / 20)), RATE), model=always_a)
    assert (transcript.text, transcript.segments) == ("", ())
    assert transcript.duration_s == 2.0
    assert transcript.peak_db == pytest.approx(level_db, abs=0.1)


def test_quiet_speech_is_no_silence(always_a: SpeechRecogniser, voice: Voice) -> None:
    assert transcribe((voice(1.0, peak=10 ** ((SILENCE_DB + 15) / 20)), RATE), model=always_a).text == "A"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "music"])
def test_what_is_not_speech_gives_no_words(always_a: SpeechRecogniser, kind: str) -> None:
    make, _ = KINDS[kind]
    samples = make(10 * RATE, np.random.default_rng(3))
    assert transcribe((samples, RATE), model=always_a).text == ""


@pytest.mark.parametrize("n_samples", [1, 399])
def test_less_than_one_feature_window_is_an_error(
    always_a: SpeechRecogniser, voice: Voice, n_samples: int, tmp_path: Path
) -> None:
    samples = voice(1.0)[:n_samples]
    write_wav(tmp_path / "short.wav", samples, RATE)
    message = rf"{n_samples} samples at 16000 Hz is too short to hear anything; pass at least 25 ms"
    with pytest.raises(AudioError, match=rf"short\.wav: {message}"):
        transcribe(tmp_path / "short.wav", model=always_a)
    with pytest.raises(AudioError, match=f"^audio: {message}"):
        transcribe((samples, RATE), model=always_a)
    with pytest.raises(AudioError, match=f"^audio: {message}"):
        list(transcribe_segments((samples, RATE), model=always_a))


def test_a_missing_file_is_an_audio_error(always_a: SpeechRecogniser, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"missing\.wav: no such file"):
        transcribe(tmp_path / "missing.wav", model=always_a)


def test_options_reach_the_reader(always_a: SpeechRecogniser, voice: Voice, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="more than the 1 s allowed"):
        transcribe((voice(2.0), RATE), model=always_a, max_seconds=1)
    write_wav(tmp_path / "whole.wav", voice(2.0), RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[: 44 + 2 * RATE])
    with pytest.raises(AudioError, match="cut short"):
        transcribe(tmp_path / "cut.wav", model=always_a)
    assert transcribe(tmp_path / "cut.wav", model=always_a, allow_truncated=True).duration_s == pytest.approx(1.0)


def test_the_caller_says_how_to_decode(always_a: SpeechRecogniser, always_a_folder: Path, voice: Voice) -> None:
    wish = Decoding(vocabulary=("B", "BB"))
    for model in (always_a, always_a_folder):
        transcript = transcribe((voice(1.0), RATE), model=model, decoding=wish)
        assert {word.text for word in transcript.words} <= {"B", "BB"}
        assert transcript.text
    assert transcribe((voice(1.0), RATE), model=always_a).text == "A"
    with pytest.raises(DataError, match="word 'C' holds 'C', which the recogniser does not write"):
        transcribe((voice(1.0), RATE), model=always_a, decoding=Decoding(vocabulary=("C",)))


def test_confidence_is_that_of_the_models_calibration(always_a_folder: Path, voice: Voice, tmp_path: Path) -> None:
    folder = shutil.copytree(always_a_folder, tmp_path / "model")
    write_decoding(folder, DecodingConfig(calibration=Calibration(bias=-math.log(3), slope=0.0, length=0.0)))
    (word,) = transcribe((voice(1.0), RATE), model=folder).words
    assert word.confidence == pytest.approx(0.25)


def test_a_model_that_answers_nan_is_named(always_a_folder: Path, voice: Voice, tmp_path: Path) -> None:
    folder = shutil.copytree(always_a_folder, tmp_path / "model")
    graph = onnx.load(folder / "model.onnx")
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.shape == (4,):  # the biases, that of the head among them
            weight.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), weight.name))
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(ModelError, match=r"model 'always-a' is damaged \(.* hold NaN.*\); copy or export it again"):
        transcribe((voice(1.0), RATE), model=folder)


def test_a_long_recording_gives_segments_in_order_and_bounded_memory(
    always_a: SpeechRecogniser, voice: Voice, tmp_path: Path
) -> None:
    minute = np.zeros(60 * RATE, np.float32)
    for start_s in range(0, 60, 12):  # nine seconds of speech, longer than a window; three of silence
        minute[start_s * RATE : (start_s + 9) * RATE] = voice(9.0)
    write_wav(tmp_path / "long.wav", np.tile((minute * 32767).astype(np.int16), 10), RATE)
    whole_mb = 600 * RATE * 4 / 1e6  # as float32
    told: list[tuple[float, float | None]] = []
    tracemalloc.start()
    transcript = transcribe(
        tmp_path / "long.wav", model=always_a, progress=lambda done_s, total_s: told.append((done_s, total_s))
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / 1e6 < 0.4 * whole_mb
    assert told == [(10.0 * n, 600.0) for n in range(1, 61)]
    assert transcript.duration_s == 600.0
    assert len(transcript.segments) == 50
    assert transcript.text == " ".join(["A"] * 50)
    edges = [edge for segment in transcript.segments for edge in (segment.start_s, segment.end_s)]
    assert edges == sorted(edges)
    for number, segment in enumerate(transcript.segments):
        assert segment.start_s == pytest.approx(12 * number - 0.3, abs=0.35)
        assert segment.end_s == pytest.approx(12 * number + 9.4, abs=0.15)
        (word,) = segment.words
        assert segment.start_s <= word.start_s < word.end_s <= segment.end_s
    assert tuple(transcribe_segments(tmp_path / "long.wav", model=always_a)) == transcript.segments


def test_memory_is_the_same_after_two_minutes_and_after_twenty(always_a: SpeechRecogniser, voice: Voice) -> None:
    piece = np.concatenate([voice(9.0), np.zeros(3 * RATE, np.float32)])

    def peak_after(n_pieces: int) -> int:
        tracemalloc.start()
        try:
            assert sum(len(heard.log_probs) for heard in hear([piece] * n_pieces, always_a)) > 200 * n_pieces
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_after(1)
    short = peak_after(10)
    assert peak_after(100) < short + 200_000
    assert short < 10e6


def test_segments_come_while_the_recording_is_read(always_a: SpeechRecogniser, voice: Voice) -> None:
    samples = np.concatenate([voice(2.0), np.zeros(40 * RATE, np.float32)])
    told: list[float] = []
    segments = transcribe_segments((samples, RATE), model=always_a, progress=lambda done_s, _: told.append(done_s))
    assert told == []
    assert next(segments).text == "A"
    assert max(told, default=0.0) <= 10.0
    assert list(segments) == []
    assert told[-1] == 42.0


def test_what_the_model_makes_of_a_recording_can_be_had(always_a: SpeechRecogniser, voice: Voice) -> None:
    (heard,) = hear([voice(2.0)[:5_000], voice(2.0)[5_000:]], always_a)
    assert (heard.start_sample, heard.stop_sample) == (0, 32_000)
    assert heard.log_probs.shape == (50, 4)


@pytest.mark.parametrize("name", ["an4", "english-base"])
def test_the_music_wings_own_pieces_hold_no_words(name: str) -> None:
    import audio_lstm

    model = load_speech(name)
    for seed in range(3):
        sound = audio_lstm.compose(seed=seed, bars=6).to_pretty_midi().synthesize(fs=RATE)
        assert transcribe((0.3 * sound / np.abs(sound).max(), RATE), model=model).text == ""
