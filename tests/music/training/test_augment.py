"""Transposed pieces of events: the same music elsewhere, never outside MIDI's range, drums where they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.score import KeySignature, Score, Tempo, Track, make_notes
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.augment import random_event_variation, random_transposition


def score(*pitches: int) -> Score:
    return Score(
        12,
        make_notes(np.arange(len(pitches)) * 12, 12, pitches, 63, np.arange(len(pitches)) % 2),
        tracks=(Track(program=0), Track(is_drum=True)),
        key_signatures=(KeySignature(0, 0),),
    )


def test_every_interval_is_drawn_and_only_the_tonal_notes_and_the_key_move() -> None:
    vocabulary = EventVocabulary()
    original = vocabulary.encode(score(60, 36, 64, 38))
    move = random_event_variation(vocabulary, max_semitones=2, max_tempo_change=0.0)
    intervals = set()
    for seed in range(60):
        moved = vocabulary.decode(move(original, np.random.default_rng(seed)))
        interval = int(moved.notes["pitch"][0]) - 60
        assert moved.notes["pitch"].tolist() == [60 + interval, 36, 64 + interval, 38]
        assert moved.key_signatures == vocabulary.decode(original).transpose(interval).key_signatures
        intervals.add(interval)
    assert intervals == {-2, -1, 0, 1, 2}


def test_the_same_generator_gives_the_same_piece_and_the_original_is_kept() -> None:
    vocabulary = EventVocabulary()
    original = vocabulary.encode(score(60, 36, 64))
    kept = original.copy()
    move = random_event_variation(vocabulary, max_semitones=5, max_tempo_change=0.0)
    first, second = (move(original, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(original, kept)


def test_no_note_leaves_the_range_of_midi() -> None:
    vocabulary = EventVocabulary()
    original = vocabulary.encode(score(0, 36, 126))
    move = random_event_variation(vocabulary, max_semitones=12, max_tempo_change=0.0)
    lowest = {int(vocabulary.decode(move(original, np.random.default_rng(s))).notes["pitch"][0]) for s in range(20)}
    assert lowest == {0, 1}


def test_a_piece_of_drums_alone_stays_as_it_is() -> None:
    vocabulary = EventVocabulary()
    drums = Score(12, make_notes([0, 12], 12, [36, 38], 63), tracks=(Track(is_drum=True),))
    original = vocabulary.encode(drums)
    move = random_event_variation(vocabulary, max_semitones=5, max_tempo_change=0.0)
    np.testing.assert_array_equal(move(original, np.random.default_rng(0)), original)


def test_a_negative_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_semitones must be >= 0, got -1"):
        random_event_variation(EventVocabulary(), max_semitones=-1, max_tempo_change=0.0)


def test_all_tempi_of_a_piece_change_by_one_factor_within_the_limit() -> None:
    vocabulary = EventVocabulary()
    tempi = (Tempo.from_bpm(0, 60), Tempo.from_bpm(12, 120))
    original = vocabulary.encode(replace(score(60, 36, 64), tempi=tempi))
    vary = random_event_variation(vocabulary, max_semitones=0, max_tempo_change=0.25)
    found = [vocabulary.decode(vary(original, np.random.default_rng(s))) for s in range(40)]
    slow, fast = (np.array([piece.tempi[i].bpm for piece in found]) for i in range(2))
    assert slow.min() >= 48
    assert slow.max() <= 75
    assert len(np.unique(slow)) > 5
    np.testing.assert_allclose(fast / slow, 2.0, rtol=0.06)  # rounded to the table
    for piece in found:
        assert piece.notes["pitch"].tolist() == vocabulary.decode(original).notes["pitch"].tolist()


def test_tempi_stay_in_the_table() -> None:
    vocabulary = EventVocabulary()
    tempi = (Tempo.from_bpm(0, 300), Tempo.from_bpm(12, 298))
    original = vocabulary.encode(replace(score(60, 36, 64), tempi=tempi))
    vary = random_event_variation(vocabulary, max_semitones=0, max_tempo_change=3.0)
    for seed in range(20):
        assert 24 <= vocabulary.decode(vary(original, np.random.default_rng(seed))).tempi[0].bpm <= 300
    with pytest.raises(ConfigError, match=r"max_tempo_change must be >= 0, got -0\.1"):
        random_event_variation(vocabulary, max_semitones=0, max_tempo_change=-0.1)


def test_random_transposition_moves_all_pitches_alike_and_stays_in_range() -> None:
    representation = ChoraleGrid()
    tokens = representation.encode([[83, 70, -1, 36]])
    move = random_transposition(representation, max_semitones=3)
    moved = np.array([move(tokens, np.random.default_rng(i)) for i in range(60)])
    intervals = {tuple((row - tokens).tolist()) for row in moved}
    assert intervals == {(k, k, 0, k, 0) for k in range(-3, 2)}
    np.testing.assert_array_equal(tokens, representation.encode([[83, 70, -1, 36]]))
    silence = representation.encode([[-1] * 4])
    np.testing.assert_array_equal(move(silence, np.random.default_rng(0)), silence)
    with pytest.raises(ConfigError, match="max_semitones must be >= 0, got -1"):
        random_transposition(representation, max_semitones=-1)
