"""ABC: notes, lengths, accidentals, keys, tempi, voices; as verovio reads it, and what cannot be read named."""

from __future__ import annotations

import base64

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.book import is_abc
from audio_lstm.music.files.abc.text import abc_to_score, abc_to_scores
from audio_lstm.music.files.midi_bytes import midi_to_score
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import Score, TimeSignature

HEADER = "X:1\nT:Tune\nM:4/4\nL:1/8\nK:C\n"


def read(body: str, header: str = HEADER) -> Score:
    return abc_to_score((header + body + "\n").encode())


def pitches(body: str, header: str = HEADER) -> list[int]:
    return [int(pitch) for pitch in read(body, header).notes["pitch"]]


def eighths(body: str, header: str = HEADER) -> list[float]:
    return [float(length) / 240 for length in read(body, header).notes["duration_ticks"]]


def test_octaves_accidentals_and_keys() -> None:
    assert pitches("C,CcC'c'") == [48, 60, 72, 72, 84]
    assert pitches("^F F f|F =F __B ^^c") == [66, 66, 78, 65, 65, 69, 74]
    assert pitches("FCB", "X:1\nL:1/8\nK:D\n") == [66, 61, 71]
    for key, sharps, minor in (("Em", 1, True), ("Bb", -2, False), ("D dorian", 0, False), ("F#min", 3, True)):
        found = read("C", f"X:1\nK:{key}\n").key_signatures[0]
        assert (found.sharps, found.is_minor) == (sharps, minor), key
    assert read("C", "X:1\nK:none\n").key_signatures[0].sharps == 0
    assert pitches("C [K:G] F", HEADER) == [60, 66]


def test_rests_chords_and_ties() -> None:
    score = read("z2 [CEG]2 x Z C-|C [CE]-[CE]")
    found = [(n["start_ticks"] / 240, n["pitch"], n["duration_ticks"] / 240) for n in score.notes]
    assert found == [(2, 60, 2), (2, 64, 2), (2, 67, 2), (13, 60, 2), (15, 60, 2), (15, 64, 2)]


def test_tempo_and_metre_come_from_the_header() -> None:
    score = read("C", "X:1\nM:6/8\nQ:3/8=60\nK:C\n")
    assert score.tempi[0].bpm == pytest.approx(90)
    assert score.time_signatures == (TimeSignature(0, 6, 8),)
    assert read("C", "X:1\nQ:120\nL:1/8\nK:C\n").tempi[0].bpm == pytest.approx(60)
    assert read("C", "X:1\nL:1/8\nQ:120\nM:C|\nK:C\n").time_signatures == (TimeSignature(0, 2, 2),)
    assert read("C", 'X:1\nQ:"Slow"\nM:none\nK:C\n').tempi == ()


def test_voices_are_tracks_and_the_first_tune_counts() -> None:
    score = read("V:1\nCD\nV:2\nE4\n[V:1] E\n\nX:2\nK:C\nccc")
    assert len(score.tracks) == 2
    assert [(int(n["track"]), int(n["pitch"])) for n in score.notes] == [(0, 60), (1, 64), (0, 62), (0, 64)]
    assert pitches("CD\nEF\n\nG") == [60, 62, 64, 65]
    assert score.remarks[0].startswith("it holds 2 tunes, and X:1 Tune is read; name another one")


def test_bytes_of_either_encoding_are_recognised() -> None:
    assert is_abc(b"%abc\nX: 1\nT:a\n")
    assert is_abc(b"M:3/4\nK:C\nCDE")
    assert not any(is_abc(data) for data in (b"", b"MThd", b"<score", b"hello: world", b"X: no", b"PK"))
    assert abc_to_score("X:1\nT:Säng\nK:C\nC".encode("latin-1")).n_notes == 1
    assert abc_to_score(b"X:1\nK:C\n").n_notes == 0


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        ("X:1\nM:7\nK:C\nC", "ABC line 2: metre '7'; expected one such as 3/4 or C"),
        ("X:1\nM:900/4\nK:C\nC", "ABC line 2: metre '900/4'"),
        ("X:1\nL:x\nK:C\nC", "ABC line 2: length 'x'; expected a note value such as 1/8"),
        ("X:1\nK:Hb\nC", "ABC line 2: key 'Hb'; expected one such as G"),
        ("X:1\nK:E-\nC", "ABC line 2: key 'E-'; expected one such as G"),
        ("X:1\nK:J\nC", "ABC line 2: key 'J'; expected one such as G"),
        ("X:1\nK:C wild\nC", "key 'C wild'"),
        ("X:1\nK:G# \nC", "key 'G#' has 8 accidentals; write it enharmonically"),
        ("X:1\nK:C\nCD 8", "ABC line 3, place 4, '8': this is no ABC"),
        ("X:1\nT:a\nC", "ABC line 4: the tune ends without a K: field"),
        ("X:1\nK:C\nC0", "no length '0'; expected a multiple such as 2, /2 or 3/2"),
        ("X:1\nK:C\n[2x]]", "this is no ABC"),
        ("X:1\nK:C\n[zz]", "'\\[zz\\]' holds no note"),
        ("X:1\nK:C\nC,,,,,,", "C,,,,,, is outside MIDI's range"),
        ("X:1\nK:C\n(1C", "no tuplet '\\(1'; expected one such as \\(3"),
        ("X:1\nM:99/1\nK:C\n" + "Z1024" * 400, "the ABC tune is too long for a score"),
    ],
)
def test_what_is_no_abc_is_named(tune: str, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        abc_to_score((tune + "\nC\n").encode())


def test_verovio_reads_the_same_notes() -> None:
    verovio = pytest.importorskip("verovio")
    body = "D2|EB BA B2 EB|^c/d/e/f/ AB d>B A<G|z2 F2 (3ABc|[C2E2G2] _B,,2 A2-A2|"
    header = "X:1\nT:Cooley's\nM:4/4\nL:1/8\nK:Emin\n"
    toolkit = verovio.toolkit()
    assert toolkit.loadData(header + body + "\n")
    theirs = midi_to_score(base64.b64decode(toolkit.renderToMIDI())).resample_ticks(480).notes
    ours = read(body, header).notes
    assert ours["pitch"].tolist() == theirs["pitch"].tolist()
    assert abs(ours["start_ticks"] - theirs["start_ticks"]).max() <= 4


def starts(score: Score) -> list[tuple[float, int, float]]:
    return [(n["start_ticks"] / 480, int(n["pitch"]), n["duration_ticks"] / 480) for n in score.notes]


def test_comments_directives_and_text_blocks_are_passed_over() -> None:
    body = "CD|\n% a comment\nE%F\n%%scale 0.7 \\\nCCCC\n%%begintext\nGGGG\n%%endtext\n%%beginps a\nAAAA\n%%endps\nF"
    assert pitches(body) == [60, 62, 64, 65]


def test_fields_within_a_tune_hold_from_there_on() -> None:
    score = read("C4F4|\nM:3/4\nK:D\nQ:1/4=90\nF6|[M:2/4][K:C]F4|[Q:1/4=60]F4|")
    assert [(m.tick // 480, m.numerator) for m in score.time_signatures] == [(0, 4), (4, 3), (7, 2)]
    assert [(k.tick // 480, k.sharps) for k in score.key_signatures] == [(0, 0), (4, 2), (7, 0)]
    assert [(t.tick // 480, round(t.bpm)) for t in score.tempi] == [(4, 90), (9, 60)]
    assert [p for _, p, _ in starts(score)] == [60, 65, 66, 65, 65]
    assert eighths("C [L:1/16] C [L:1/4] C") == [1, 0.5, 2]


def test_signs_come_back_where_a_repeat_does() -> None:
    score = read("|: C4 F4 | [K:D] F8 :|")
    assert [(k.tick // 480, k.sharps) for k in score.key_signatures] == [(0, 0), (4, 2), (8, 0), (12, 2)]


def test_voices_have_shifts_names_and_instruments_of_their_own() -> None:
    header = 'X:1\nL:1/4\nV:T clef=treble-8 name="Ten\u00f6r"\nV:B octave=-1\n%%MIDI program 40\nK:C\n'
    score = abc_to_score((header + "V:T\nC\nV:B\n%%MIDI program 42\nC\n").encode())
    assert [(t.name, t.program) for t in score.tracks] == [("Ten\u00f6r", 40), ("Voice B", 42)]
    assert sorted(score.notes["pitch"].tolist()) == [48, 48]


def test_a_tie_carries_an_accidental_over_the_bar_line_for_its_note_alone() -> None:
    assert starts(read("^C8-|C8|C8")) == [(0, 61, 8), (8, 60, 4)]
    assert [p for _, p, _ in starts(read("^C8-|C4C4"))] == [61, 60]
    assert [p for _, p, _ in starts(read("[^C^F]8-|[CF]4 F4"))] == [61, 66, 65]
    assert starts(read("C4 -|C4")) == [(0, 60, 4)]


def test_characters_without_a_meaning_are_left_out_and_said() -> None:
    score = read("CDEFGABc cdefgab =|")
    assert score.n_notes == 15
    assert score.remarks == (
        "1 characters that mean nothing in ABC are left out, the first at ABC line 6, place 18, '=|'",
    )


def test_a_tune_with_a_few_typing_errors_is_still_read() -> None:
    assert read("CDEF | 4=A2F2 | =G2F2E2- | E4 | 62 | CDEFGA |").n_notes == 15


def test_a_pickup_is_a_bar_cut_short() -> None:
    score = read("G2|C2D2E2F2|G2F2E2D2|C2D2C2|]")
    assert [(bar.number, bar.start_ticks // 480) for bar in score_bars(score)] == [(0, 0), (1, 1), (2, 5), (3, 9)]
    repeated = read("|:G2|C2D2E2F2|C2D2C2:|")
    assert [bar.start_ticks // 480 for bar in score_bars(repeated)] == [0, 1, 5, 9, 13]


def test_all_tunes_of_a_book_are_read_each_with_its_fault() -> None:
    found = abc_to_scores(b"X:1\nT:One\nK:C\nC\n\nX:2\nT:Two\nK:J\nC\n\nX:3\nK:C\nCD\n")
    assert [name for name, _ in found] == ["X:1 One", "X:2 Two", "X:3"]
    assert [score.n_notes if isinstance(score, Score) else str(score) for _, score in found] == [
        *(1, "ABC line 8: key 'J'; expected one such as G, Bb, Em or D dorian", 2)
    ]
    assert abc_to_scores(b"X:1\nK:C\nC\n")[0][0] == ""
