"""Recordings that went wrong once: what their README says is right, with the default model."""

from __future__ import annotations

from pathlib import Path

import pytest

import audio_lstm
from audio_lstm.audio.files import read_blocks
from audio_lstm.errors import AudioError

pytestmark = pytest.mark.shared
TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    folder = shared / "cases" / "audio"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


@pytest.fixture(scope="module")
def model() -> audio_lstm.SpeechRecogniser:
    return audio_lstm.load_speech("english-base")


def heard(path: Path, model: audio_lstm.SpeechRecogniser, **options: bool) -> audio_lstm.Transcript:
    return audio_lstm.transcribe(path, model=model, **options)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("noeos.ogg", None),
        ("two.mkv", "track 2 of 2 is heard"),
        ("opposite_channels.wav", None),
        ("zero_size.wav", "the header gives no length"),
        ("junk6000.mp3", None),
    ],
)
def test_the_whole_text_is_heard(name: str, note: str | None, cases: Path, model: audio_lstm.SpeechRecogniser) -> None:
    transcript = heard(cases / name, model)
    assert transcript.spoken == TEXT
    assert len(transcript.notes) == (note is not None)
    assert note is None or note in transcript.notes[0]


def test_both_parts_of_a_chain_are_heard(cases: Path, model: audio_lstm.SpeechRecogniser) -> None:
    transcript = heard(cases / "chained.ogg", model)
    assert transcript.spoken == f"{TEXT} M U S I C"
    assert transcript.duration_s == pytest.approx(5.78, abs=0.01)


def test_words_have_the_times_of_a_player(cases: Path, model: audio_lstm.SpeechRecogniser) -> None:
    transcript = heard(cases / "delayed.mkv", model)
    assert transcript.spoken == TEXT
    assert transcript.words[0].start_s == pytest.approx(5.02, abs=0.06)
    assert "00:00:05," in transcript.to_srt()
    alignment = audio_lstm.align(cases / "delayed.mkv", TEXT, model=model)
    assert alignment.words[0].start_s == pytest.approx(5.02, abs=0.06)


def test_a_gap_keeps_its_length(cases: Path, model: audio_lstm.SpeechRecogniser) -> None:
    transcript = heard(cases / "gap.webm", model)
    five = next(word for word in transcript.words if word.spoken == "FIVE")
    assert five.start_s == pytest.approx(11.46, abs=0.06)
    assert transcript.duration_s == pytest.approx(13.56, abs=0.01)


def test_damage_is_an_error_and_can_be_passed_over(cases: Path, model: audio_lstm.SpeechRecogniser) -> None:
    with pytest.raises(AudioError, match=r"damaged or cut short after 9\.1 s"):
        list(read_blocks(cases / "damaged.m4a"))
    transcript = heard(cases / "damaged.m4a", model, allow_truncated=True)
    assert transcript.spoken == " ".join([TEXT] * 4)
    assert transcript.words[-1].end_s == pytest.approx(16.8, abs=0.2)
    assert "damaged at 9.1 s" in transcript.notes[0]


def test_an_odd_header_is_our_own_error(cases: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for allow in (False, True):
        with pytest.raises(AudioError):
            list(read_blocks(cases / "odd_header.caf", allow_truncated=allow))
    assert capfd.readouterr() == ("", "")
