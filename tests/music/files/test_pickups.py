"""Pickups and changes of metre: bars are those of the page in primers, what goes on from them, gaps, and on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import audio_lstm
from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from audio_lstm.music.infill import infill
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.primer import read_primer
from audio_lstm.music.request.report import measure
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.musicxml import score_to_musicxml
from audio_lstm.music.tokens.chorale import ChoraleGrid

QUARTER = 480
TUNE = Score(
    QUARTER,
    make_notes(np.arange(0, 13) * QUARTER, QUARTER, [67, *(60, 64, 62, 65) * 3], track=0),
    (Track("Tune", 40),),
    time_signatures=(TimeSignature(0, 4, 4), TimeSignature(QUARTER, 4, 4)),
)


def starts(score: Score) -> list[float]:
    return [bar.start_ticks / score.ticks_per_quarter for bar in score_bars(score)]


def test_a_primer_counts_its_pickup_as_no_bar_and_keeps_its_bar_lines() -> None:
    primer = read_primer(TUNE)
    assert (primer.n_bars, primer.n_pickups, primer.lead_ticks) == (3.0, 1, 3 * QUARTER)
    assert primer.score.notes["start_ticks"][0] == 3 * QUARTER
    assert "3.0 bars" in primer.summary()
    assert read_primer(TUNE, bars=(1, 2)).n_pickups == 0
    assert read_primer(TUNE, bars=(0, 1)).n_bars == 1.0
    assert read_primer(TUNE, metre=(2, 4)).lead_ticks == QUARTER


@pytest.mark.parametrize("kind", ["events", "chorale"])
def test_what_goes_on_from_a_pickup_keeps_it_and_has_as_many_bars_behind_it(
    kind: str, events_composer: Composer, chorale_composer: Composer
) -> None:
    composer = events_composer if kind == "events" else chorale_composer
    piece = audio_lstm.compose(model=composer, primer=TUNE, bars=5, seed=1)
    assert starts(piece.score) == [0, 1, 5, 9, 13, 17]
    assert piece.bars == 5
    bars = next(finding for finding in piece.report.findings if finding.wish == "bars")
    assert (bars.asked, bars.achieved, bars.kept) == ("5", "5", True)
    begun = piece.score.notes[piece.score.notes["track"] == 0][: len(TUNE.notes)]
    quarter = piece.score.ticks_per_quarter
    assert (begun["start_ticks"] / quarter).tolist() == (TUNE.notes["start_ticks"] / QUARTER).tolist()
    assert begun["pitch"].tolist() == TUNE.notes["pitch"].tolist()
    others = piece.score.notes[piece.score.notes["start_ticks"] < quarter]
    assert set(others["pitch"].tolist()) >= {67}


def test_a_stream_tells_the_notes_of_a_pickup_at_once(events_composer: Composer) -> None:
    stream = audio_lstm.compose_stream(model=events_composer, primer=TUNE, bars=4, seed=1)
    assert next(stream).start_s == 0.0
    assert stream.finish().score.notes["start_ticks"][0] == 0


def test_a_report_counts_bars_behind_the_pickup() -> None:
    wishes = Wishes(bars=3, metre=(4, 4))
    assert all(finding.kept for finding in measure(TUNE, wishes).findings)


def test_the_bars_of_a_gap_are_those_of_the_page(events_composer: Composer) -> None:
    tune = replace(TUNE, time_signatures=(TimeSignature(0, 4, 4), TimeSignature(3 * QUARTER, 4, 4)))
    for bars, first, last in (((2, 2), 7, 11), ((0, 1), 0, 7), ((0, 0), 0, 3)):
        filled = infill(tune, bars=bars, model=events_composer, seed=1).score
        kept = [
            notes[(notes["start_ticks"] < first * QUARTER) | (notes["start_ticks"] >= last * QUARTER)]
            for notes in (tune.notes, filled.notes)
        ]
        np.testing.assert_array_equal(*kept)
        assert filled.time_signatures == tune.time_signatures
        assert filled.n_notes > len(kept[0])


def test_a_pickup_is_printed_as_one_and_read_back() -> None:
    document = score_to_musicxml(TUNE)
    assert '<measure number="0" implicit="yes">' in document
    again = musicxml_to_score(document.encode())
    assert starts(again) == starts(TUNE)
    assert again.time_signatures == TUNE.time_signatures


def test_bars_shorter_than_their_metre_are_printed_and_read_back() -> None:
    signatures = (TimeSignature(0, 4, 4), TimeSignature(7 * QUARTER, 4, 4))
    short = Score(QUARTER, TUNE.notes, TUNE.tracks, time_signatures=signatures)
    assert starts(short) == [0, 4, 7, 11]
    assert starts(musicxml_to_score(score_to_musicxml(short).encode())) == [0, 4, 7, 11]


def test_chorale_cells_of_a_pickup_are_silent_before_it() -> None:
    from audio_lstm.music.writing.chorale_given import GivenCells
    from audio_lstm.music.writing.start_given import chorale_cells

    cells = chorale_cells(ChoraleGrid(), read_primer(TUNE))
    assert (cells[:12] != GivenCells.UNKNOWN).all()
    assert (cells[12:] == GivenCells.UNKNOWN).any()


# Four bars of 4/4 behind a pickup, then two of 3/4; a second part plays in the first bars alone.
CHANGING = Score(
    QUARTER,
    make_notes(
        [*(np.arange(15) * QUARTER), QUARTER],
        QUARTER,
        [67, *(60, 64, 62, 65) * 2, *(67, 65, 64) * 2, 48],
        track=[*([0] * 15), 1],
    ),
    (Track("Tune", 40), Track("Bass", 43)),
    time_signatures=(TimeSignature(0, 4, 4), TimeSignature(QUARTER, 4, 4), TimeSignature(9 * QUARTER, 3, 4)),
)
MELODY = replace(CHANGING, notes=CHANGING.notes[CHANGING.notes["track"] == 0])


def test_a_primer_whose_metre_changes_goes_on_in_the_last_metre() -> None:
    primer = read_primer(CHANGING)
    assert primer.metre == (3, 4)
    assert primer.n_bars == 4.0
    assert "16 notes, 4.0 bars" in primer.summary()
    assert primer.score.notes["pitch"].tolist() == [67, 65, 64] * 2
    assert primer.opening is not None
    assert (primer.opening.n_bars, primer.opening.stop_ticks) == (2, 9 * QUARTER)
    np.testing.assert_array_equal(np.sort(primer.whole.notes), np.sort(CHANGING.notes))
    assert read_primer(CHANGING, bars=(1, 2)).opening is None
    assert read_primer(CHANGING, metre=(4, 4)).opening is None


def test_a_last_metre_without_a_pitch_is_refused_with_its_bars() -> None:
    drums = replace(CHANGING, tracks=(Track(is_drum=True), Track("Bass", 43)))
    with pytest.raises(
        ScoreError, match="no note with a pitch begins in its last metre, 3/4, from bar 3 on; name bars"
    ):
        read_primer(drums)


@pytest.mark.parametrize("kind", ["events", "chorale"])
@pytest.mark.parametrize("tune", [CHANGING, MELODY])
def test_what_goes_on_from_a_change_of_metre_keeps_all_bars_of_its_primer(
    tune: Score, kind: str, events_composer: Composer, chorale_composer: Composer
) -> None:
    composer = events_composer if kind == "events" else chorale_composer
    piece = audio_lstm.compose(model=composer, primer=tune, bars=6, seed=1)
    assert starts(piece.score) == [0, 1, 5, 9, 12, 15, 18]
    assert piece.bars == piece.wishes.bars == 6
    bars = next(finding for finding in piece.report.findings if finding.wish == "bars")
    assert (bars.asked, bars.achieved, bars.kept) == ("6", "6", True)
    assert piece.report.kept
    quarter = piece.score.ticks_per_quarter
    written = {(n[0] / quarter, n[2], piece.score.tracks[n[4]].name) for n in piece.score.notes.tolist()}
    given = {(n[0] / QUARTER, n[2]) for n in tune.notes.tolist()}
    assert given <= {(start, pitch) for start, pitch, _ in written}
    if tune is CHANGING:
        assert (1.0, 48, "Bass") in written
    alone = audio_lstm.compose(model=composer, primer=tune, bars=6, seed=1, without_primer=True)
    assert alone.score.time_signatures[0].numerator == 3
    later = piece.score.notes[piece.score.notes["start_ticks"] >= 15 * quarter]
    assert alone.score.n_notes == len(later)


def test_bars_that_the_primer_alone_has_more_of_are_counted_from_its_beginning(events_composer: Composer) -> None:
    with pytest.raises(ConfigError, match="bars=3, but the primer alone has 4; pass more"):
        audio_lstm.compose(model=events_composer, primer=CHANGING, bars=3, seed=1)


@pytest.mark.parametrize("kind", ["events", "chorale"])
def test_a_stream_tells_the_notes_before_a_change_of_metre_first(
    kind: str, events_composer: Composer, chorale_composer: Composer
) -> None:
    composer = events_composer if kind == "events" else chorale_composer
    stream = audio_lstm.compose_stream(model=composer, primer=CHANGING, bars=6, seed=1)
    told = list(stream)
    score = stream.finish().score
    found = sorted((round(note.start_s, 3), note.pitch, note.part) for note in told)
    seconds = score.seconds_at(score.notes["start_ticks"]).round(3).tolist()
    expected = sorted(zip(seconds, score.notes["pitch"].tolist(), score.notes["track"].tolist(), strict=True))
    assert found[:10] == expected[:10]
    assert told[0].start_s == 0.0
