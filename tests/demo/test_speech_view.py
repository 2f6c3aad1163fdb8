"""The panel of a transcript: every word can be pressed, nothing said can become markup, changes show."""

from __future__ import annotations

import numpy as np

import audio_lstm
from audio_lstm.demo.speech_view import Hearing, changes, transcript_view


def heard(*words: audio_lstm.Word, pictures: bool = True) -> Hearing:
    segments = (audio_lstm.Segment(0.0, 2.0, words),) if words else ()
    rng = np.random.default_rng(0)
    log_probs = np.log(np.full((50, 4), 0.01, np.float32))
    log_probs[10, 2] = log_probs[20, 3] = -0.05
    return Hearing(
        audio_lstm.Transcript(segments, 2.0, "tiny", -3.0),
        rng.normal(size=32_000).astype(np.float32) * 0.1,
        16_000,
        rng.normal(size=(200, 20)).astype(np.float32) if pictures else None,
        log_probs if pictures else None,
        ("", "A", "B", " "),
    )


HELLO = audio_lstm.Word("HELLO", 0.1, 0.5, 0.93)
WORLD = audio_lstm.Word("W<i>RLD", 0.6, 1.5, 0.3)


def test_words_carry_their_span_and_their_confidence() -> None:
    view = transcript_view(heard(HELLO, WORLD), audio_url="/shelf/x/a.wav")
    assert 'class="word sure" data-word="0" data-start="0.100" data-end="0.500"' in view
    assert 'class="word doubtful" data-word="1"' in view
    assert "HELLO, 93 % sure, 0.10 to 0.50 s" in view
    assert 'src="/shelf/x/a.wav"' in view
    assert 'data-duration="2.000"' in view


def test_what_is_said_cannot_become_markup() -> None:
    view = transcript_view(heard(WORLD), audio_url='"><script>')
    assert "<i>RLD" not in view
    assert "W&lt;i&gt;RLD" in view
    assert "<script>" not in view


def test_wave_spectrogram_and_posteriors_lie_on_one_timeline() -> None:
    view = transcript_view(heard(HELLO), audio_url="x")
    assert view.count("data:image/png") == 2
    assert "Waveform" in view
    assert "<span>B</span><span>␣</span>" in view  # what is never likely is left out
    assert view.count('class="tag"') == 1


def test_a_long_recording_has_a_wave_and_words_only() -> None:
    view = transcript_view(heard(HELLO, pictures=False), audio_url="x")
    assert "data:image/png" not in view
    assert "Waveform" in view


def test_silence_is_said_to_be_silence() -> None:
    assert "Nobody was heard (peak -3 dBFS)." in transcript_view(heard(), audio_url="x")


def test_changed_words_are_found_and_shown() -> None:
    assert changes(["A", "B", "C"], ["A", "X", "C", "D"]) == {1: "B", 3: ""}
    assert changes(["A"], ["A"]) == {}
    view = transcript_view(heard(HELLO), audio_url="x", changed={0: "YELLOW"})
    assert 'class="word sure changed"' in view
    assert "before: YELLOW" in view
    assert "not what it was before" in view
