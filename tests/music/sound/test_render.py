"""Whole pieces as sound: level, peaks, places, times, ends; blocks equal the whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.score.score import Score, Tempo, Track, make_notes
from audio_lstm.music.sound import render as render_module
from audio_lstm.music.sound.mastering import CEILING, loudness_lufs
from audio_lstm.music.sound.render import LOUDNESS_LUFS, render, render_blocks

RATE = 22_050
CHORD = Score(
    4,
    make_notes(np.repeat(np.arange(0, 32, 4), 4), 4, np.tile([48, 55, 64, 72], 8), 80, np.tile([3, 2, 1, 0], 8)),
    tuple(Track(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass")),
)
PIANO = Score(4, make_notes(np.arange(0, 64, 2), 2, 48 + (np.arange(32) * 7) % 36), (Track("Piano"),))
BAND = Score(
    4,
    make_notes(
        np.arange(0, 64), 1, np.tile([36, 42, 38, 42, 60, 64, 67, 72], 8), 127, np.tile([0, 0, 0, 0, 1, 1, 1, 1], 8)
    ),
    (Track("Kit", is_drum=True), Track("Brass", 61)),
)


def level(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sqrt(np.mean(sound.astype(float) ** 2, axis=0))


@pytest.mark.parametrize("piece", [CHORD, PIANO, BAND], ids=["choir", "piano", "band"])
def test_pieces_have_one_loudness_and_never_clip(piece: Score) -> None:
    sound = render(piece, sample_rate=RATE)
    assert sound.dtype == np.float32
    assert sound.shape[1] == 2
    assert np.isfinite(sound).all()
    assert loudness_lufs(sound, RATE) == pytest.approx(LOUDNESS_LUFS, abs=1.0)
    assert np.abs(sound).max() <= CEILING * (1 + 1e-6)


@pytest.mark.parametrize("piece", [CHORD, PIANO, BAND], ids=["choir", "piano", "band"])
def test_the_wave_between_the_samples_does_not_clip_either(piece: Score) -> None:
    import soxr

    assert np.abs(soxr.resample(render(piece, sample_rate=RATE), RATE, 4 * RATE)).max() < 1.0


def test_the_same_score_gives_the_same_samples() -> None:
    np.testing.assert_array_equal(render(CHORD, sample_rate=RATE), render(CHORD, sample_rate=RATE))


def test_the_sound_ends_softly_soon_after_the_last_note() -> None:
    sound = render(CHORD, sample_rate=RATE)
    assert CHORD.duration_s < len(sound) / RATE < CHORD.duration_s + 2.5
    assert np.abs(sound[-20:]).max() < 1e-3
    assert np.abs(sound[-1]).max() > 0


def test_notes_sound_when_the_tempi_say() -> None:
    piece = Score(4, make_notes([0, 16], 1, 60), (Track(program=115),), tempi=(Tempo(0, 500_000), Tempo(8, 1_000_000)))
    sound = np.abs(render(piece, sample_rate=RATE)).max(axis=1)
    second = int(piece.seconds_at(16) * RATE)  # 3 s
    assert second == 3 * RATE
    assert sound[second + 20 : second + 200].max() > 20 * sound[second - 2000 : second].max()


def test_high_voices_stand_left_and_a_solo_in_the_middle() -> None:
    soprano = Score(4, make_notes([0, 16], 16, 72, 80, [0, 3]), CHORD.tracks)
    sound = render(soprano, sample_rate=RATE)
    half = 2 * RATE
    assert level(sound[:half])[0] > 1.3 * level(sound[:half])[1]
    assert level(sound[half + RATE // 4 :])[1] > 1.3 * level(sound[half + RATE // 4 :])[0]
    alone = level(render(Score(4, make_notes(0, 16, 60), (Track("Organ", 16),)), sample_rate=RATE))
    assert alone[0] == pytest.approx(alone[1], rel=0.25)  # but for the room


def test_two_hands_share_one_piano() -> None:
    hands = Score(4, make_notes([0, 0], 8, [60, 60], 80, [0, 1]), (Track("Right"), Track("Left")))
    levels = level(render(hands, sample_rate=RATE))
    assert levels[0] == pytest.approx(levels[1], rel=0.15)


def test_blocks_join_to_the_whole_and_long_pieces_are_played_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    long_piece = Score(4, make_notes(np.arange(0, 128, 8), 8, 60), (Track("Organ", 16),))  # 16 s, 4 blocks or more
    whole = render(long_piece, sample_rate=RATE)
    monkeypatch.setattr(render_module, "_KEPT_BLOCKS", 1)
    seen: list[tuple[float, float]] = []
    blocks = list(render_blocks(long_piece, sample_rate=RATE, progress=lambda done, total: seen.append((done, total))))
    assert len(blocks) > 3
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert seen[-1] == (16.0, 16.0)


def test_a_note_over_many_blocks_and_a_pause_between_notes() -> None:
    piece = Score(4, make_notes([0, 160], [80, 8], 60), (Track("Organ", 16),))  # 10 s, 10 s of silence, 1 s
    sound = render(piece, sample_rate=RATE)
    assert level(sound[8 * RATE : 9 * RATE]).min() > 0.05
    assert level(sound[14 * RATE : 16 * RATE]).max() < 1e-3
    assert level(sound[int(20.2 * RATE) : int(20.8 * RATE)]).min() > 0.05


def test_one_soft_short_note_is_made_audible() -> None:
    sound = render(Score(480, make_notes(0, 1, 60, 1), (Track(),)), sample_rate=RATE)
    assert 0.02 < np.abs(sound).max() <= 1.0


def test_a_score_without_notes_cannot_be_heard() -> None:
    with pytest.raises(ScoreError, match="the score: there is no note in it"):
        render(Score(480))


def test_a_rate_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="sample_rate is in Hz, from 8,000 to 96,000, got 100"):
        render(PIANO, sample_rate=100)


def test_a_piece_of_days_is_refused() -> None:
    with pytest.raises(ScoreError, match=r"lasts 500,000 s, more than the 14,400 s that are made into sound; cut it"):
        render(Score(1, make_notes(0, 1_000_000, 60), (Track(),)))
