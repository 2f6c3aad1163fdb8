"""What is given of events: prefixes stay, chords are kept, whatever the model (an untrained one) likes."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.chord_track import ChordTrack
from audio_lstm.music.score.chords import parse_chords
from audio_lstm.music.tokens.event_cursor import EventCursor, EventPiece
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.constraints import Constraint
from audio_lstm.music.writing.event_given import EventChords, Prefix
from audio_lstm.music.writing.event_plan import plan_events
from audio_lstm.music.writing.planned_events import event_writer

VOCABULARY = EventVocabulary(tempi=(500_000,), velocities=(64,), time_signatures=((4, 4), (3, 4)))


def written(given: list[Constraint[EventCursor]], wishes: Wishes, *, batch: int = 1, seed: int = 0) -> list[np.ndarray]:
    """Pieces by a model that finds all tokens alike."""
    plan = plan_events(VOCABULARY, wishes)
    writer = event_writer(plan, batch, given=given)
    rng = np.random.default_rng(seed)
    pieces: list[list[int]] = [[] for _ in range(batch)]
    while not all(writer.done):
        tokens = [int(rng.choice(choices)) for choices in writer.choices()]
        for piece, token, done in zip(pieces, tokens, writer.done, strict=True):
            if not done:
                piece.append(token)
        writer.push(tokens)
    return [np.array(piece) for piece in pieces]


@pytest.mark.parametrize(
    ("parts", "metre"), [((0,), (4, 4)), ((52, 0), (3, 4)), ((0, 128), (4, 4)), ((0, 40, 32), (4, 4))]
)
def test_chords_are_kept(parts: tuple[int, ...], metre: tuple[int, int]) -> None:
    bar = metre[0]
    chords = ChordTrack(parse_chords("Am F7:2 C/E:1.5 G", bar_quarters=bar), steps_per_quarter=12, beat_steps=12)
    wishes = Wishes(bars=4, parts=parts, metre=metre)
    plan = plan_events(VOCABULARY, wishes)
    tokens = written([EventChords(plan, chords)], wishes, batch=3)
    n_checked = 0
    for piece in tokens:
        score = VOCABULARY.decode(piece)
        drums = [number for number, track in enumerate(score.tracks) if track.is_drum]
        notes = score.notes[~np.isin(score.notes["track"], drums)]
        for step in range(4 * bar * 12):
            if not chords.is_strong(step):
                continue
            ends = notes["start_ticks"] + notes["duration_ticks"]
            sounding = notes[(notes["start_ticks"] <= step) & (ends > step)]
            assert {int(pitch) % 12 for pitch in sounding["pitch"]} <= chords.at(step).pitch_classes
            if chords.begins(step):
                lowest = sounding[sounding["pitch"] == sounding["pitch"].min()]
                assert lowest["pitch"][0] % 12 == chords.at(step).bass
                assert step in lowest["start_ticks"]
            n_checked += 1
    assert n_checked > 30


def test_a_prefix_stays_and_the_rest_begins_after_it() -> None:
    wishes = Wishes(bars=3, parts=(0,), metre=(4, 4))
    start = written([], Wishes(bars=1, parts=(0,), metre=(4, 4)), seed=3)[0][:-1]
    resume = VOCABULARY.decode(start).end_ticks
    for piece in written([Prefix(VOCABULARY, start, resume)], wishes, batch=3, seed=1):
        np.testing.assert_array_equal(piece[: len(start)], start)
        later = VOCABULARY.decode(piece).notes["start_ticks"][VOCABULARY.decode(start).n_notes :]
        assert (later >= resume).all()


def test_a_chord_without_a_note_left_is_named() -> None:
    chords = ChordTrack(parse_chords("Am"), steps_per_quarter=12, beat_steps=12)
    wishes = Wishes(bars=1, parts=(0,), metre=(4, 4))

    class Nothing(EventChords):
        def _narrow(self, piece: EventPiece, row: np.ndarray) -> None:
            row &= piece.bar < 0

    with pytest.raises(ConfigError, match="chord 'Am' in bar 1: the other wishes leave it no note; change one of them"):
        written([Nothing(plan_events(VOCABULARY, wishes), chords)], wishes)


def test_pieces_that_go_on_keep_what_is_given() -> None:
    wishes = Wishes(bars=1, parts=(0,), metre=(4, 4))
    prefix = VOCABULARY.layout.ids(7, np.array([0]))
    writer = event_writer(plan_events(VOCABULARY, wishes), 2, given=[Prefix(VOCABULARY, prefix, 0)])
    writer.fork([1])
    assert writer.choices()[0].tolist() == prefix.tolist()
    assert writer.held is None
    assert writer.n_bars == 0
    assert writer.columns().shape[0] == 1


def test_notes_before_the_first_chord_do_not_ring_into_it() -> None:
    chords = ChordTrack(parse_chords("Am", bar_quarters=4), steps_per_quarter=12, beat_steps=12)
    wishes = Wishes(bars=3, parts=(0,), metre=(4, 4))
    plan = plan_events(VOCABULARY, wishes)
    n_before = 0
    for piece in written([EventChords(plan, chords, start=48)], wishes, batch=6):
        notes = VOCABULARY.decode(piece).notes
        early = notes[notes["start_ticks"] < 48]
        ringing = early[early["start_ticks"] + early["duration_ticks"] > 48]
        assert {int(pitch) % 12 for pitch in ringing["pitch"]} <= {9, 0, 4}
        n_before += len(early)
    assert n_before
