"""Every format, by an exact sample, and on random transcripts by what independent programs read in it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import srt
import webvtt
from hypothesis import given, settings
from praatio import textgrid
from praatio.utilities.textgrid_io import parseTextgridStr

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.hearing.formats import (
    FORMATS,
    SUFFIXES,
    format_of,
    parse_formats,
    save,
    to_json,
    to_srt,
    to_textgrid,
    to_tsv,
    to_txt,
    to_vtt,
    write_text,
)
from audio_lstm.speech.hearing.subtitles import cues, one_line
from audio_lstm.speech.hearing.transcript import Transcript
from tests.speech.hearing.transcripts import SAMPLE, SILENCE, disordered, said, spoken

HOURS = said(("LATE", 359_999.9996, 360_001.5), duration_s=400_000.0)  # the hundredth hour, by rounding


def test_txt_has_a_line_for_each_segment() -> None:
    assert to_txt(SAMPLE) == 'THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG\n"R&B" <NOW>\n'
    assert to_txt(SILENCE) == ""


def test_an_srt_sample() -> None:
    assert to_srt(SAMPLE) == (
        "1\n00:00:00,520 --> 00:00:03,400\nTHE QUICK BROWN FOX\nJUMPS OVER THE LAZY DOG\n"
        '\n2\n00:00:06,200 --> 00:00:07,400\n"R&B" <NOW>\n'
    )
    assert to_srt(SILENCE) == ""
    assert to_srt(HOURS) == "1\n100:00:00,000 --> 100:00:01,500\nLATE\n"


def test_a_vtt_sample() -> None:
    assert to_vtt(SAMPLE) == (
        "WEBVTT\n\n00:00:00.520 --> 00:00:03.400\nTHE QUICK BROWN FOX\nJUMPS OVER THE LAZY DOG\n"
        '\n00:00:06.200 --> 00:00:07.400\n"R&amp;B" &lt;NOW&gt;\n'
    )
    assert to_vtt(SILENCE) == "WEBVTT\n"
    assert to_vtt(HOURS) == "WEBVTT\n\n100:00:00.000 --> 100:00:01.500\nLATE\n"


def test_a_tsv_sample() -> None:
    assert to_tsv(SAMPLE) == (
        'start\tend\ttext\n0\t4500\tTHE QUICK BROWN FOX JUMPS OVER THE LAZY DOG\n6000\t8000\t"R&B" <NOW>\n'
    )
    assert to_tsv(SILENCE) == "start\tend\ttext\n"


def test_a_json_sample() -> None:
    assert to_json(said(("É", 0.5, 1.0), duration_s=2.0)) == (
        '{"text": "É", "spoken": "É", "segments": [{"start_s": 0.0, "end_s": 2.0, "words": [{"text": "É", '
        '"start_s": 0.5, "end_s": 1.0, "confidence": 0.5, "spoken": "É"}], "text": "É"}], "duration_s": 2.0, '
        '"model": "tiny", "language": "en", "peak_db": -3.0}\n'
    )


def test_a_textgrid_sample() -> None:
    assert to_textgrid(said(('SAY "R"', 0.5, 1.25), duration_s=2.0)) == (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = 2 \ntiers? <exists> \nsize = 2 \n'
        'item []: \n    item [1]:\n        class = "IntervalTier" \n        name = "segments" \n        xmin = 0 \n'
        "        xmax = 2 \n        intervals: size = 1 \n        intervals [1]:\n            xmin = 0 \n"
        '            xmax = 2 \n            text = "SAY ""R""" \n    item [2]:\n        class = "IntervalTier" \n'
        '        name = "words" \n        xmin = 0 \n        xmax = 2 \n        intervals: size = 3 \n'
        '        intervals [1]:\n            xmin = 0 \n            xmax = 0.5 \n            text = "" \n'
        "        intervals [2]:\n            xmin = 0.5 \n            xmax = 1.25 \n"
        '            text = "SAY ""R""" \n        intervals [3]:\n            xmin = 1.25 \n            xmax = 2 \n'
        '            text = "" \n'
    )


def ms(time: timedelta) -> int:
    return round(time / timedelta(milliseconds=1))


def read_srt(text: str) -> list[tuple[int, int, str]]:
    return [(ms(cue.start), ms(cue.end), cue.content) for cue in srt.parse(text, ignore_errors=False)]


def read_vtt(text: str) -> list[tuple[int, int, str]]:
    return [
        (milliseconds(cue.start), milliseconds(cue.end), html.unescape(cue.raw_text))
        for cue in webvtt.from_string(text)
    ]


def milliseconds(clock: str) -> int:
    hours, minutes, seconds, thousandths = (int(part) for part in re.split("[:.]", clock))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


@given(disordered())
@settings(max_examples=150, deadline=None)
def test_other_programs_read_the_same_cues(transcript: Transcript) -> None:
    shown = [(cue.start_ms, cue.end_ms, "\n".join(cue.lines)) for cue in cues(transcript)]
    assert read_srt(to_srt(transcript)) == shown
    assert read_vtt(to_vtt(transcript)) == shown


@given(spoken())
@settings(max_examples=50, deadline=None)
def test_other_programs_read_the_cues_of_speech(transcript: Transcript) -> None:
    shown = [(cue.start_ms, cue.end_ms, "\n".join(cue.lines)) for cue in cues(transcript)]
    assert read_srt(to_srt(transcript)) == shown
    assert read_vtt(to_vtt(transcript)) == shown


@given(disordered())
@settings(max_examples=100, deadline=None)
def test_a_table_reader_reads_the_segments(transcript: Transcript) -> None:
    rows = list(csv.DictReader(io.StringIO(to_tsv(transcript)), delimiter="\t", quoting=csv.QUOTE_NONE))
    said_something = [segment for segment in transcript.segments if segment.words]
    assert [row["text"] for row in rows] == [segment.text for segment in said_something]
    times = [int(row[key]) for row in rows for key in ("start", "end")]
    assert times == sorted(times)
    assert all(int(row["start"]) < int(row["end"]) for row in rows)


@given(disordered())
@settings(max_examples=100, deadline=None)
def test_json_comes_back_as_it_went(transcript: Transcript) -> None:
    assert Transcript.from_json(to_json(transcript)) == transcript


@given(disordered())
@settings(max_examples=100, deadline=None)
def test_praatio_reads_tiers_without_gap_or_overlap(transcript: Transcript) -> None:
    values = parseTextgridStr(to_textgrid(transcript), includeEmptyIntervals=True)
    assert values["xmin"] == 0
    assert values["xmax"] == pytest.approx(max(transcript.duration_s, 1e-6 * len(transcript.words), 1e-6), abs=6e-7)
    segments, words = values["tiers"]
    assert (segments["name"], words["name"]) == ("segments", "words")
    for tier, texts in (
        (segments, [segment.text for segment in transcript.segments if segment.words]),
        (words, [word.text for word in transcript.words]),
    ):
        reached = 0.0
        for start, end, _ in tier["entries"]:
            assert float(start) == reached
            reached = float(end)
            assert reached > float(start)
        assert reached == values["xmax"] == tier["xmax"]
        assert [text for _, _, text in tier["entries"] if text] == texts


def test_praatio_opens_a_file_with_the_words_times(tmp_path: Path) -> None:
    file = tmp_path / "a.TextGrid"
    save(SAMPLE, file)
    grid = textgrid.openTextgrid(str(file), includeEmptyIntervals=False, reportingMode="error")
    words = grid.getTier("words")
    assert [(entry.label, entry.start, entry.end) for entry in words.entries] == [
        (word.text, word.start_s, word.end_s) for word in SAMPLE.words
    ]
    assert grid.maxTimestamp == SAMPLE.duration_s
    assert [entry.label for entry in grid.getTier("segments").entries] == [s.text for s in SAMPLE.segments]


def test_white_space_inside_words_stays_on_the_line() -> None:
    odd = said(("NEW\n\nYORK", 1.0, 2.0), ("\t", 2.0, 3.0))
    assert to_txt(odd) == "NEW YORK\n"
    assert to_tsv(odd).splitlines()[1].split("\t")[2] == "NEW YORK"
    assert read_srt(to_srt(odd)) == read_vtt(to_vtt(odd)) == [(1000, 2000, "NEW YORK")]
    assert 'text = "NEW YORK"' in to_textgrid(odd)
    assert [one_line(word.text) for word in Transcript.from_json(to_json(odd)).words] == ["NEW YORK", ""]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_saved_in_the_format_of_its_suffix(name: str, tmp_path: Path) -> None:
    for suffix in (SUFFIXES[name], SUFFIXES[name].upper()):
        file = tmp_path / f"talk{suffix}"
        SAMPLE.save(file)
        assert file.read_bytes().decode("utf-8") == FORMATS[name](SAMPLE)
        assert getattr(SAMPLE, f"to_{name}")() == FORMATS[name](SAMPLE)
        assert format_of(file) == name


def test_formats_are_named_in_any_case_and_once() -> None:
    assert parse_formats("SRT, json,,srt") == ("srt", "json")
    assert parse_formats(["TextGrid", "txt"]) == ("textgrid", "txt")


def test_an_unknown_format_or_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown format 'doc'; known: txt, srt, vtt, tsv, json, textgrid"):
        parse_formats("srt,doc")
    with pytest.raises(ConfigError, match="no format named; known: txt, srt"):
        parse_formats(" , ")
    for name in ("a.doc", "a"):
        with pytest.raises(ConfigError, match=rf"{name}: no format for the suffix '(\.doc|)'; known: txt, srt"):
            SAMPLE.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.srt: cannot be written \(No such file or directory\); check the folder"):
        SAMPLE.save(tmp_path / "nowhere" / "x.srt")
    with pytest.raises(DataError, match=r"x\.txt: the text holds half a character \(U\+D800\)"):
        write_text(tmp_path / "x.txt", "A \ud800")
    assert not list(tmp_path.iterdir())


def test_json_is_one_strict_line() -> None:
    text = to_json(SILENCE)
    assert text.count("\n") == 1
    assert json.loads(text)["peak_db"] is None
