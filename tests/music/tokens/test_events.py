"""Events: exact round trips on the grid, one spelling a score, tables, and their errors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.files.midi_bytes import midi_to_score, score_to_midi
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import START, Representation

SMALL = EventVocabulary(
    steps_per_quarter=4,
    time_signatures=((4, 4), (3, 4), (3, 8), (1, 4)),
    tempi=(400_000, 500_000, 600_000),
    velocities=(40, 80, 120),
    durations=(1, 2, 3, 4, 8, 16),
    n_tracks=3,
)


@st.composite
def scores_on_grid(draw: st.DrawFn) -> Score:
    """Scores that SMALL can say exactly: every kind of event, metres at bar lines, changes that change."""
    n_tracks = draw(st.integers(1, 3))
    tracks = tuple(
        Track(is_drum=True) if draw(st.booleans()) else Track(program=draw(st.integers(0, 127)))
        for _ in range(n_tracks)
    )
    tick, metres = 0, []
    for row in draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)):
        metre = TimeSignature(tick, *SMALL.time_signatures[row])
        if not metres or (metre.numerator, metre.denominator) != (metres[-1].numerator, metres[-1].denominator):
            metres.append(metre)
        tick += int(4 * metre.bar_quarters) * draw(st.integers(1, 3))
    slots = draw(st.sets(st.tuples(st.integers(0, 70), st.integers(0, n_tracks - 1), st.integers(0, 127)), max_size=20))
    slots |= {(5, track, 60) for track in range(n_tracks)}  # no track without a note
    rows = sorted(slots)
    durations = draw(st.lists(st.sampled_from(SMALL.durations), min_size=len(rows), max_size=len(rows)))
    velocities = draw(st.lists(st.sampled_from(SMALL.velocities), min_size=len(rows), max_size=len(rows)))
    return Score(
        4,
        make_notes([r[0] for r in rows], durations, [r[2] for r in rows], velocities, [r[1] for r in rows]),
        tracks,
        tuple(Tempo(t, SMALL.tempi[row]) for t, row in draw(changes(2, first=True))),
        tuple(metres),
        tuple(KeySignature(t, row % 15 - 7, row > 14) for t, row in draw(changes(29, first=False))),
    )


@st.composite
def changes(draw: st.DrawFn, highest: int, *, first: bool) -> list[tuple[int, int]]:
    """(tick, row) pairs, no row twice in succession."""
    ticks = sorted(draw(st.sets(st.integers(0, 90), max_size=4)) | ({0} if first else set()))
    kept: list[tuple[int, int]] = []
    for tick in ticks:
        row = draw(st.integers(0, highest))
        if not kept or kept[-1][1] != row:
            kept.append((tick, row))
    return kept


@st.composite
def any_scores(draw: st.DrawFn) -> Score:
    """Scores off the grid and outside the tables in every way that is allowed."""
    ticks = st.integers(0, 3000)
    tracks = tuple(
        Track(draw(st.text(max_size=3)), draw(st.integers(0, 127)), draw(st.booleans()))
        for _ in range(draw(st.integers(1, 3)))
    )
    note = st.tuples(
        ticks, st.integers(1, 3000), st.integers(0, 127), st.integers(1, 127), st.integers(0, len(tracks) - 1)
    )
    notes = draw(st.lists(note, max_size=15))
    return Score(
        draw(st.sampled_from([1, 4, 7, 120, 480])),
        make_notes(*np.array(notes).T) if notes else Score(1).notes,
        tracks,
        tuple(Tempo(draw(ticks), draw(st.integers(1, 2**24 - 1))) for _ in range(draw(st.integers(0, 3)))),
        tuple(
            TimeSignature(draw(ticks), draw(st.integers(1, 40)), 2 ** draw(st.integers(0, 7)))
            for _ in range(draw(st.integers(0, 5)))
        ),
        tuple(
            KeySignature(draw(ticks), draw(st.integers(-7, 7)), draw(st.booleans()))
            for _ in range(draw(st.integers(0, 3)))
        ),
    )


@settings(max_examples=80, deadline=None, derandomize=True)
@given(scores_on_grid())
def test_score_on_the_grid_survives_exactly(score: Score) -> None:
    fitted, report = SMALL.fit(score)
    assert fitted == score
    assert report.n_notes == score.n_notes
    assert report.n_merged_notes == report.n_metres_changed == report.max_velocity_shift == 0
    assert report.max_onset_shift_quarters == report.max_duration_shift_quarters == report.max_tempo_ratio == 0
    assert SMALL.decode(SMALL.encode(score)) == score


@settings(max_examples=120, deadline=None, derandomize=True)
@given(any_scores())
def test_any_score_becomes_the_fitted_one_in_one_legal_spelling(score: Score) -> None:
    fitted, report = SMALL.fit(score)
    tokens = SMALL.encode(score)
    assert SMALL.decode(tokens) == fitted
    assert SMALL.fit(fitted)[0] == fitted
    np.testing.assert_array_equal(SMALL.encode(fitted), tokens)
    assert report.n_merged_notes == score.n_notes - fitted.n_notes
    assert report.max_onset_shift_quarters <= 1 / 8 + 1e-9
    legal = SMALL.legal(tokens)
    assert legal.shape == (len(tokens), SMALL.vocabulary_size)
    assert legal[np.arange(len(tokens)), tokens].all()
    assert not legal[:, START].any()
    assert SMALL.n_units(tokens) == len(tokens)
    assert (tokens == SMALL.end).sum() == 1


@settings(max_examples=30, deadline=None, derandomize=True)
@given(scores_on_grid())
def test_rows_depend_on_the_past_alone_and_equal_the_cursor(score: Score) -> None:
    tokens = SMALL.encode(score)
    columns, legal = SMALL.columns(tokens), SMALL.legal(tokens)
    assert columns.shape == (len(tokens), len(SMALL.column_sizes))
    assert (columns.min(axis=0) >= 0).all()
    assert (columns < SMALL.column_sizes).all()
    assert columns[0, 0] == START
    np.testing.assert_array_equal(columns[1:, 0], tokens[:-1])
    half = len(tokens) // 2
    np.testing.assert_array_equal(SMALL.columns(tokens[:half]), columns[:half])
    np.testing.assert_array_equal(SMALL.legal(tokens[:half]), legal[:half])
    cursor = SMALL.cursor(2)
    for step, token in enumerate(tokens):
        np.testing.assert_array_equal(cursor.columns(), columns[[step, step]])
        np.testing.assert_array_equal(cursor.legal(), legal[[step, step]])
        cursor.push(np.array([token, token]))
    assert cursor.done.all()


@pytest.mark.parametrize("vocabulary", [SMALL, EventVocabulary()], ids=["small", "default"])
def test_whatever_is_sampled_within_the_grammar_is_a_score(vocabulary: EventVocabulary) -> None:
    rng, batch = np.random.default_rng(0), 8
    cursor = vocabulary.cursor(batch)
    pieces = []
    for _ in range(400):
        legal = cursor.legal()
        assert legal.any(axis=1).all()
        # Ends are made rare, so that the walk goes deep.
        scores = rng.random(legal.shape) - 0.9 * (np.arange(legal.shape[1]) == vocabulary.end)
        pieces.append(np.where(legal, scores, -2).argmax(axis=1))
        cursor.push(pieces[-1])
    tokens = np.stack(pieces, axis=1)
    n_notes = 0
    for row in tokens:
        ended = np.flatnonzero(row == vocabulary.end)
        piece = row[: ended[0] + 1] if len(ended) else row
        score = vocabulary.decode(piece)
        fitted, report = vocabulary.fit(score)
        assert report.n_merged_notes == report.n_metres_changed == 0
        np.testing.assert_array_equal(fitted.notes[["start_ticks", "pitch"]], score.notes[["start_ticks", "pitch"]])
        n_notes += score.n_notes
    assert n_notes > 20


def test_120_bpm_comes_back_as_exactly_120_through_a_file_and_tokens() -> None:
    vocabulary = EventVocabulary()
    score = Score(480, make_notes(0, 480, 60), (Track("x"),), (Tempo.from_bpm(0, 120),))
    read = midi_to_score(score_to_midi(score))
    back = midi_to_score(score_to_midi(vocabulary.decode(vocabulary.encode(read))))
    assert back.tempi == (Tempo(0, 500_000),)
    assert back.tempi[0].bpm == 120.0


def test_triplets_and_sixteenths_and_two_pianos_are_exact() -> None:
    vocabulary = EventVocabulary()
    notes = make_notes([0, 160, 320, 480, 600, 720], [160, 160, 160, 120, 120, 960], 60, 63, [0, 1, 0, 1, 0, 1])
    score = Score(480, notes, (Track(), Track()))
    back = vocabulary.decode(vocabulary.encode(score))
    assert len(back.tracks) == 2
    np.testing.assert_array_equal(back.resample_ticks(480).notes, score.notes)


def test_spelling_is_the_documented_one() -> None:
    score = Score(
        4, make_notes([0, 0, 20], [4, 4, 2], [64, 36, 60], 80, [0, 1, 0]), (Track(program=5), Track(is_drum=True))
    )
    kinds = [Kind(int(SMALL.layout.kind_of[token])).name for token in SMALL.encode(score)]
    note, drum = ["TRACK", "PITCH", "VELOCITY", "DURATION"], ["TRACK", "DRUM", "VELOCITY", "DURATION"]
    assert kinds == [
        *["PROGRAM", "PROGRAM", "BAR", "TIME_SIGNATURE", "POSITION", "TEMPO", *note, *drum],
        *["BAR", "POSITION", *note, "END"],
    ]


def test_without_echoes_the_tokens_are_the_same_and_the_rows_shorter() -> None:
    plain = replace(SMALL, echoes=False, harmony=False)
    score = Score(4, make_notes(np.arange(24) * 4, 4, [60, 62, 64] * 8, 80), (Track(),))
    tokens = plain.encode(score)
    np.testing.assert_array_equal(tokens, SMALL.encode(score))
    rows = SMALL.columns(tokens)
    np.testing.assert_array_equal(rows[:, : len(plain.column_sizes)], plain.columns(tokens))
    assert rows.shape[1] == len(SMALL.column_sizes) == len(plain.column_sizes) + 9
    assert rows[-10:, len(plain.column_sizes)].any()
    cursor = plain.cursor(1)
    cursor.push(tokens[:1])
    np.testing.assert_array_equal(cursor.columns()[0], plain.columns(tokens)[1])


def test_kinds_name_each_event() -> None:
    tokens = SMALL.encode(Score(4, make_notes(0, 4, 60), (Track(),)))
    assert [Kind(int(kind)).name for kind in SMALL.kinds(tokens)][-4:] == ["PITCH", "VELOCITY", "DURATION", "END"]


def test_piece_that_is_cut_short_ends_with_its_last_whole_note() -> None:
    score = Score(4, make_notes([0, 4, 8], 4, 60, 80), (Track(),))
    tokens = SMALL.encode(score)
    assert [SMALL.decode(tokens[:cut]).n_notes for cut in (0, 1, -1, -2, -3, -7)] == [0, 0, 3, 2, 2, 1]


def test_tables_can_be_learned_from_scores() -> None:
    scores = [
        Score(4, make_notes(0, 1, 60), (Track(),), (Tempo(0, 123_456),), (TimeSignature(0, 7, 8),) * 2),
        Score(4, make_notes([0, 0], 1, 60, 80, [0, 1]), (Track(), Track()), (), (TimeSignature(0, 5, 128),)),
    ]
    vocabulary = EventVocabulary.from_scores(scores)
    assert vocabulary.time_signatures == ((4, 4), (7, 8))
    assert vocabulary.tempi == (123_456, 500_000)
    assert vocabulary.n_tracks == 2
    assert EventVocabulary.from_scores(scores, max_tempi=1).tempi == EventVocabulary().tempi
    assert vocabulary.fit(scores[0])[1].max_tempo_ratio == 0


def test_json_round_trip_and_protocol() -> None:
    for vocabulary in (SMALL, EventVocabulary()):
        values = json.loads(json.dumps(vocabulary.to_dict()))
        back = EventVocabulary.from_dict(values)
        assert back == vocabulary
        representation: Representation = back
        assert (representation.kind, representation.unit) == ("events", "event")
        assert representation.column_sizes[0] == representation.vocabulary_size


def test_default_tables_hold_the_common_values() -> None:
    vocabulary = EventVocabulary()
    assert {60_000_000 // bpm for bpm in (60, 100, 120)} <= set(vocabulary.tempi)
    assert {(4, 4), (3, 4), (6, 8), (2, 2), (12, 8), (5, 4), (1, 4)} <= set(vocabulary.time_signatures)
    assert vocabulary.durations[:48] == tuple(range(1, 49))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps_per_quarter": 0}, "steps_per_quarter is 0; expected 1 to 480"),
        ({"n_tracks": 257}, "n_tracks is 257; expected 1 to 256"),
        ({"tempi": ()}, r"tempi must ascend within 1 to 16777215, and not be empty; it is \(\)"),
        ({"velocities": (5, 4)}, "velocities must ascend within 1 to 127"),
        ({"durations": (0, 4)}, "durations must ascend within 1 to 12288"),
        ({"time_signatures": ()}, "time_signatures must not be empty"),
        ({"time_signatures": ((4, 4), (4, 4))}, "nor repeat one"),
        ({"time_signatures": ((1, 32),)}, "a bar of 1/32 is not a whole number of steps with steps_per_quarter 12"),
    ],
)
def test_wrong_tables_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EventVocabulary(**changes)


def test_wrong_dicts_are_refused() -> None:
    values = SMALL.to_dict()
    for wrong in (
        {},
        {**values, "kind": "chorale"},
        {**values, "extra": 1},
        {**values, "echoes": "no"},
        {**values, "harmony": 1},
    ):
        with pytest.raises(ModelError, match="an event vocabulary has kind 'events' and"):
            EventVocabulary.from_dict(wrong)
    wrong_tables = (("tempi", [3, 2]), ("n_tracks", None), ("time_signatures", [[4]]), ("program_words", [[1, 2, 3]]))
    for name, value in (*wrong_tables, ("two_handed", ["x"])):
        with pytest.raises(ModelError, match="a table of the event vocabulary is wrong: "):
            EventVocabulary.from_dict({**values, name: value})


def test_tokens_that_break_the_grammar_are_refused() -> None:
    tokens = SMALL.encode(Score(4, make_notes(0, 1, 60), (Track(),)))
    for read in (SMALL.legal, SMALL.decode):
        with pytest.raises(ScoreError, match=r"token 1 \(END\) may not stand at step 8 of these events"):
            read(np.append(tokens[:-2], SMALL.end))
        with pytest.raises(ScoreError, match=r"token 1 \(END\) may not stand at step"):
            read(np.append(tokens, SMALL.end))
        with pytest.raises(ScoreError, match=r"token 0 \(START\) may not stand at step 0"):
            read(np.array([START]))
    with pytest.raises(ScoreError, match=r"tokens run from 0 to 9999; expected 0 to"):
        SMALL.columns(np.array([0, 9999]))
    with pytest.raises(ScoreError, match=r"tokens have shape \(1, 1\) and type int64; expected \(N,\) int64"):
        SMALL.columns(np.array([[1]]))


def test_programs_that_share_a_word_are_read_back_as_the_first_of_them() -> None:
    vocabulary = replace(SMALL, n_tracks=4, program_words=((52, 68), (53, 68)), two_handed=(0,))
    assert EventVocabulary.from_dict(vocabulary.to_dict()) == vocabulary
    notes = make_notes([0, 0, 0, 0], 4, [60, 62, 64, 65], track=[0, 1, 2, 3])
    score = Score(4, notes, tuple(Track(program=program) for program in (52, 53, 68, 0)))
    fitted, _ = vocabulary.fit(score)
    assert [track.program for track in fitted.tracks] == [52, 52, 52, 0]
    tokens = vocabulary.encode(score)
    assert vocabulary.layout.value_of[tokens[:4]].tolist() == [68, 68, 68, 0]
    assert vocabulary.decode(tokens) == fitted
    assert vocabulary.decode(vocabulary.encode(fitted)) == fitted


def test_words_for_programs_are_programs() -> None:
    with pytest.raises(ConfigError, match=r"program_words and two_handed hold programs in 0\.\.127"):
        replace(SMALL, program_words=((52, 200),))
    with pytest.raises(ConfigError, match=r"program_words and two_handed hold programs in 0\.\.127"):
        replace(SMALL, two_handed=(-1,))
