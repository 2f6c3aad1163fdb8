"""Primers: the same tune from every source, what is found out about it, and one line for what cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files.files import score_to_pretty_midi, write_midi
from audio_lstm.music.request.primer import read_music, read_primer
from audio_lstm.music.score.key_finding import key_name
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes

TUNE = "D4 F4 A4:2 Bb4 A4 G4 E4 F4 E4 D4:2"
ABC = "X:1\nM:4/4\nL:1/4\nQ:1/4=90\nK:Dm\nD F A2 | B A G E | F E D2 |\n"
MUSICXML = """<?xml version="1.0"?><score-partwise version="3.1"><part-list><score-part id="P1"><part-name>A</part-name>
</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions><key><fifths>-1</fifths>
</key><time><beats>3</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>
<note><pitch><step>D</step><octave>4</octave></pitch><duration>3</duration><type>half</type><dot/></note></measure>
</part></score-partwise>"""


def score(text: str = TUNE, **parts: object) -> Score:
    notes = parse_notes(text)
    return Score(480, notes.notes, notes.tracks, **parts)  # type: ignore[arg-type]


def test_every_source_gives_the_same_tune(tmp_path: Path) -> None:
    whole = score(tempi=(Tempo.from_bpm(0, 90),), time_signatures=(TimeSignature(0, 4, 4),))
    whole = Score(480, whole.notes, whole.tracks, whole.tempi, whole.time_signatures, (KeySignature(0, -1, True),))
    write_midi(whole, tmp_path / "tune.mid")
    (tmp_path / "tune.abc").write_text(ABC)
    sources = [whole, tmp_path / "tune.mid", str(tmp_path / "tune.mid"), score_to_pretty_midi(whole), ABC]
    with open(tmp_path / "tune.abc", "rb") as file:
        for source in [*sources, tmp_path / "tune.abc", file]:
            primer = read_primer(source)
            found = primer.score.resample_ticks(480).notes
            for field in ("pitch", "start_ticks", "duration_ticks"):
                assert found[field].tolist() == whole.notes[field].tolist(), source
            assert (key_name(primer.key), primer.metre, round(primer.tempo_bpm)) == ("D minor", (4, 4), 90)
            assert dict(primer.sources)["metre"] == "file"


def test_notes_that_say_nothing_are_listened_to() -> None:
    primer = read_primer(TUNE)
    assert dict(primer.sources) == {"key": "detected", "metre": "detected", "tempo": "assumed"}
    assert primer.summary() == (
        "10 notes, 3.0 bars; D minor (detected), 4/4 (detected), 120 quarters a minute (assumed)"
    )
    assert primer.score.key_signatures == (KeySignature(0, -1, True),)


def test_musicxml_gives_its_metre(tmp_path: Path) -> None:
    (tmp_path / "tune.musicxml").write_text(MUSICXML)
    primer = read_primer(tmp_path / "tune.musicxml")
    assert primer.metre == (3, 4)
    assert primer.score.notes["pitch"].tolist() == [62]


def test_what_is_given_counts() -> None:
    primer = read_primer(TUNE, key=KeySignature(9, 4), metre=(3, 4), tempo_bpm=66)
    assert (primer.key, primer.metre, primer.tempo_bpm) == (KeySignature(0, 4), (3, 4), 66)
    assert {how for _, how in primer.sources} == {"given"}
    assert primer.score.notes["pitch"].tolist() == parse_notes(TUNE).notes["pitch"].tolist()


def test_a_key_signature_is_believed_where_the_notes_bear_it_out() -> None:
    wrong = read_primer(score(key_signatures=(KeySignature(0, 5),)))
    assert (key_name(wrong.key), dict(wrong.sources)["key"]) == ("D minor", "detected")
    relative = read_primer(score(key_signatures=(KeySignature(0, -1),)))
    assert (key_name(relative.key), dict(relative.sources)["key"]) == ("D minor", "file")


def test_of_several_tempi_the_longest_counts() -> None:
    assert read_primer(score(tempi=(Tempo.from_bpm(0, 60), Tempo.from_bpm(960, 96)))).tempo_bpm == pytest.approx(96)


def test_some_bars_are_a_primer() -> None:
    primer = read_primer(TUNE, bars=(2, 2))
    assert primer.score.notes["pitch"].tolist() == [70, 69, 67, 64]
    with pytest.raises(ConfigError, match="the notes: its bars are 1 to 3"):
        read_primer(TUNE, bars=(2, 9))
    gap = score("C4 R:7 C4")
    with pytest.raises(ScoreError, match="bars 2-2 of the score: there is no note in it"):
        read_primer(gap, bars=(2, 2))


def test_primers_that_cannot_be_used_have_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="the score: there is no note in it"):
        read_primer(Score(480))
    drums = Score(480, make_notes([0, 480], 240, [36, 38]), (Track(is_drum=True),))
    write_midi(drums, tmp_path / "drums.mid")
    with pytest.raises(ScoreError, match=r"drums.mid: all of its notes are drums; give a primer with a part"):
        read_primer(tmp_path / "drums.mid")
    two = (TimeSignature(0, 4, 4), TimeSignature(1920, 3, 4))
    assert read_primer(score(time_signatures=two), metre=(4, 4)).metre == (4, 4)
    assert read_primer(score(time_signatures=two), bars=(1, 1)).metre == (4, 4)
    with pytest.raises(ScoreError, match="the score: 30 minutes long; a primer has at most 10: name the bars"):
        read_primer(score("C4:900 " * 4, tempi=(Tempo.from_bpm(0, 120),)))


def test_options_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match=r"tempo must lie in 5..1000 quarters a minute, got 3"):
        read_primer(TUNE, tempo_bpm=3)
    for metre in ((0, 4), (3, 5)):
        with pytest.raises(ConfigError, match=f"metre {metre[0]}/{metre[1]}: expected one such as 4/4"):
            read_primer(TUNE, metre=metre)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("H4 C4", "'H4 C4': neither a file nor notes; write notes as in"),
        ("C4 H4", "notes, word 2, 'H4'"),
        ("nowhere.mid", "nowhere.mid: no such file"),
        (5, "expected a score, a file, notes as text, a pretty_midi object .* got int"),
        ("X:1\nK:C\nC 8 D\n", "the score: ABC line 3, place 3"),
    ],
)
def test_what_is_no_music_is_named(source: object, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        read_primer(source)


def test_recordings_are_heard() -> None:
    clock = np.arange(16_000) / 16_000
    samples = np.concatenate([np.sin(2 * np.pi * hertz * clock) * np.minimum(clock * 50, 1) for hertz in (220, 247)])
    found, name = read_music((0.3 * samples, 16_000), tempo_bpm=60)
    assert found.notes["pitch"].tolist() == [57, 59]
    assert name == "the recording"


def test_a_primer_is_moved_and_picked_from_a_book(tmp_path: Path) -> None:
    assert read_primer("C4 E4", transpose=-12).score.notes["pitch"].tolist() == [48, 52]
    with pytest.raises(ScoreError, match=r"the notes: transposing by 100 takes pitches to 160\.\.164, not 0\.\.127"):
        read_primer("C4 E4", transpose=100)
    book = "X:1\nT:One\nK:C\nC4\n\nX:2\nT:Two\nK:C\nD4\n"
    (tmp_path / "book.abc").write_text(book)
    for source in (book, tmp_path / "book.abc"):
        assert read_primer(source, tune="2").score.notes["pitch"].tolist() == [62]
        assert read_primer(source).score.remarks[0].startswith("it holds 2 tunes, and X:1 One is read")
