"""A made-up voice sings, and its notes are found; what is no singing is refused in one line."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import AudioError, ConfigError, MissingDependencyError
from audio_lstm.music.request.humming import hear_notes, hum_to_melody
from recipes.quality.humming import SAMPLE_RATE, Singer, Tune, f1, sing

pytest.importorskip("librosa")

HALF = Fraction(1, 2)
LENGTHS = (1, 1, HALF, HALF, 1, Fraction(3, 2), HALF, 2, 1, 1, 2)
PITCHES = (57, 57, 59, 61, 62, 64, 61, 62, 59, 59, 57)


def tune(bpm: float = 92.0) -> Tune:
    starts = [Fraction(sum(LENGTHS[:place], Fraction(0))) for place in range(len(LENGTHS))]
    return Tune(bpm, tuple(zip(starts, map(Fraction, LENGTHS), PITCHES, strict=True)))


def sung(singer: Singer, bpm: float = 92.0) -> tuple[NDArray[np.float32], int]:
    samples, _ = sing(tune(bpm), singer, np.random.default_rng(1))
    return samples, SAMPLE_RATE


@pytest.mark.parametrize(
    "singer",
    [
        Singer("plain", vibrato_cents=0, tuning=0.3),
        Singer("vibrato and slides", vibrato_cents=70, slide_s=0.07, tuning=-0.4, consonants=0.5),
        Singer("breathy", breath_db=-20, noise_db=-40, onset_error_s=0.015),
    ],
    ids=lambda singer: singer.name,
)
def test_the_notes_of_a_voice_are_found_and_put_on_the_beat(singer: Singer) -> None:
    samples, truth = sing(tune(), singer, np.random.default_rng(1))
    melody = hum_to_melody((samples, SAMPLE_RATE))
    found, n_true, n_heard = f1(truth, melody.heard)
    assert 2 * found / (n_true + n_heard) > 0.9
    assert melody.pulse.bpm == pytest.approx(92, rel=0.03)
    assert melody.score.tempi[0].bpm == pytest.approx(melody.pulse.bpm, rel=0.001)
    written = [(note["start_ticks"] / 480, int(note["pitch"])) for note in melody.score.notes]
    expected = [(float(start), pitch) for start, _, pitch in tune().notes]
    assert len(set(written) & set(expected)) >= len(expected) - 1
    assert melody.tuning == pytest.approx(singer.tuning, abs=0.12)


def test_a_file_and_a_known_tempo(tmp_path: Path) -> None:
    samples, _ = sung(Singer("plain"), bpm=100)
    write_wav(tmp_path / "hum.wav", samples, SAMPLE_RATE)
    melody = hum_to_melody(tmp_path / "hum.wav", tempo_bpm=50)
    starts = [float(note["start_ticks"]) / 480 for note in melody.score.notes]
    np.testing.assert_allclose(starts, [float(start) / 2 for start, _, _ in tune().notes], atol=0.01)
    assert melody.score.tempi[0].bpm == pytest.approx(50)


def test_pauses_are_rests_and_breaths_are_not() -> None:
    melody = hum_to_melody(sung(Singer("plain")))
    lengths = melody.score.notes["duration_ticks"].tolist()
    assert lengths[:8] == [480, 480, 240, 240, 480, 720, 240, 960]


@pytest.mark.parametrize("kind", ["silence", "noise", "a click", "almost nothing"])
def test_recordings_without_a_voice_are_refused(kind: str) -> None:
    samples = np.zeros(100 if kind == "almost nothing" else 48_000, np.float32)
    if kind == "noise":
        samples += np.random.default_rng(0).normal(0, 0.1, len(samples)).astype(np.float32)
    elif kind == "a click":
        samples[24_000] = 1.0
    with pytest.raises(AudioError, match=r"the recording: no voice is heard in its \d.\d s; hum or sing one line"):
        hear_notes((samples, 16_000))


def test_speech_is_not_singing(repository: Path) -> None:
    talk = repository / "demos" / "samples" / "spelling.wav"
    with pytest.raises(AudioError, match=r"spelling.wav: nobody sings in its .* s: of .* s of voice .* s are steady"):
        hear_notes(talk)


def test_tempi_out_of_range_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"tempo of a hummed melody must lie in 20..400 quarters a minute, got 5"):
        hum_to_melody((np.zeros(100), 16_000), tempo_bpm=5)
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingDependencyError, match=r"needs librosa: pip install 'audio-lstm\[hum\]'"):
        hear_notes((np.zeros(16_000, np.float32), 16_000))
