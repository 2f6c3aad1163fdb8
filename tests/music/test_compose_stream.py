"""The stream: the same notes as the piece that comes of it, whenever it is stopped."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from audio_lstm.music.compose import DEFAULT_SAMPLING, compose
from audio_lstm.music.compose_stream import CompositionStream, NoteEvent, compose_stream
from audio_lstm.music.composition import Composition
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.writing.writing import end_token


def notes_of(piece: Composition) -> list[tuple[float, ...]]:
    score = piece.score
    starts = score.seconds_at(score.notes["start_ticks"])
    ends = score.seconds_at(score.notes["start_ticks"] + score.notes["duration_ticks"])
    names = ("pitch", "velocity", "track")
    rows = zip(starts.tolist(), (ends - starts).tolist(), *(score.notes[name].tolist() for name in names), strict=True)
    return sorted((round(start, 5), round(length, 5), *rest) for start, length, *rest in rows)


def told(notes: list[NoteEvent]) -> list[tuple[float, ...]]:
    rows = ((round(n.start_s, 5), round(n.duration_s, 5), n.pitch, n.velocity, n.part) for n in notes)
    return sorted(rows)


@pytest.mark.parametrize("tempo_bpm", [None, 75.0])
def test_the_notes_that_were_told_are_those_of_the_piece(
    chorale_composer: Composer, events_composer: Composer, tempo_bpm: float | None
) -> None:
    for composer in (chorale_composer, events_composer):
        tempo = {} if tempo_bpm is None else {"tempo_bpm": tempo_bpm}
        stream = compose_stream(model=composer, seed=4, bars=3, **tempo)  # type: ignore[arg-type]
        notes = list(stream)
        piece = stream.finish()
        assert piece.tokens[-1] == end_token(composer)
        assert piece.ended
        assert piece.report.kept
        assert len(notes) > 3
        np.testing.assert_allclose(told(notes), notes_of(piece), atol=1e-4)


def test_a_stream_writes_the_piece_that_compose_writes(events_composer: Composer) -> None:
    stream = compose_stream(model=events_composer, seed=4, bars=2)
    list(stream)
    piece = compose(model=events_composer, seed=4, bars=2)
    assert stream.finish().tokens.tolist() == piece.tokens.tolist()


def test_a_stream_with_a_primer_writes_the_piece_that_compose_writes(
    chorale_composer: Composer, events_composer: Composer
) -> None:
    for composer in (chorale_composer, events_composer):
        for seed in range(3):
            stream = compose_stream(model=composer, primer="C4 E4 G4:2 A4", bars=4, seed=seed)
            notes = list(stream)
            piece = compose(model=composer, primer="C4 E4 G4:2 A4", bars=4, seed=seed, best_of=1)
            assert stream.finish().tokens.tolist() == piece.tokens.tolist()
            assert [note.pitch for note in sorted(notes, key=lambda note: note.start_s) if note.part == 0][:3] == [
                *(60, 64, 67)
            ]


@pytest.mark.parametrize("n_notes", [0, 1, 5])
def test_a_stream_can_be_stopped_at_any_time_and_go_on(
    chorale_composer: Composer, events_composer: Composer, n_notes: int
) -> None:
    for composer in (chorale_composer, events_composer):
        stream = compose_stream(model=composer, seed=4, bars=16)
        first = list(islice(stream, n_notes))
        piece = stream.finish()
        assert len(first) == n_notes
        assert piece.score.n_notes >= max(1, n_notes)
        assert not piece.ended
        assert "cut" in piece.summary()
        n_before = stream.n_tokens
        assert next(stream).duration_s > 0
        assert stream.n_tokens >= n_before


def test_a_stream_that_may_not_write_any_further_ends(events_composer: Composer) -> None:
    short = replace(DEFAULT_SAMPLING, max_tokens=5)
    stream = compose_stream(model=events_composer, seed=1, sampling=short)
    assert isinstance(iter(stream), CompositionStream)
    assert list(stream) == []
    assert stream.finish().score.n_notes == 0
