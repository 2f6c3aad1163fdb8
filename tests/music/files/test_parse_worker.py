"""The worker's framing and its formats."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files import parse_worker
from audio_lstm.music.files.midi_bytes import score_to_midi
from audio_lstm.music.files.parse_worker import (
    frame_to_score,
    parse_bytes,
    score_to_frame,
)
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.workers import read_frame, write_frame

SCORE = Score(
    480,
    make_notes([0, 480], 480, [60, 64]),
    (Track("Flöte", 73),),
    (Tempo(0, 500_000),),
    (TimeSignature(0, 3, 4),),
    (KeySignature(0, -1, True),),
)

MUSICXML = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.1">
  <part-list><score-part id="P1"><part-name>Voice</part-name></score-part></part-list>
  <part id="P1"><measure number="1">
    <attributes><divisions>2</divisions><key><fifths>1</fifths></key>
      <time><beats>3</beats><beat-type>4</beat-type></time></attributes>
    <note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration><type>quarter</type></note>
    <note><pitch><step>A</step><octave>4</octave></pitch><duration>1</duration><type>eighth</type></note>
    <note><rest/><duration>1</duration><type>eighth</type></note>
    <note><pitch><step>B</step><octave>4</octave></pitch><duration>2</duration><type>quarter</type></note>
  </measure></part>
</score-partwise>
"""


def parse(data: bytes) -> Score:
    return parse_bytes(data, max_notes=1000)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), data)  # no clock: workers must name tests alike
    return buffer.getvalue()


def test_frames_and_scores_survive_the_pipe() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, *score_to_frame(SCORE))
    write_frame(pipe, {}, b"")
    pipe.seek(0)
    frame = read_frame(pipe)
    assert frame is not None
    assert frame_to_score(*frame) == SCORE
    assert read_frame(pipe) == ({}, b"")
    assert read_frame(pipe) is None


def test_half_a_frame_is_none() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"a": 1}, b"12345")
    assert read_frame(io.BytesIO(pipe.getvalue()[:-1])) is None
    assert read_frame(io.BytesIO(pipe.getvalue()[:9])) is None


def test_the_process_answers_many_requests_until_the_pipe_closes() -> None:
    requests = io.BytesIO()
    for data in (score_to_midi(SCORE), b"no music", score_to_midi(SCORE)):
        write_frame(requests, {"max_notes": 10}, data)
    done = subprocess.run(
        [sys.executable, "-m", "audio_lstm.music.files.parse_worker", str(1 << 31), "60"],
        input=requests.getvalue(),
        capture_output=True,
        check=True,
    )
    answers = io.BytesIO(done.stdout)
    scores = [read_frame(answers) for _ in range(3)]
    assert scores[0] == scores[2]
    assert scores[0] is not None
    assert frame_to_score(*scores[0]) == SCORE
    assert scores[1] == ({"error": "not a MIDI file: it starts with b'no music', not with b'MThd'"}, b"")
    assert answers.read() == b""


def test_musicxml_plain_compressed_and_in_utf_16_are_the_same_music() -> None:
    plain = parse(MUSICXML.encode())
    quarter = plain.ticks_per_quarter
    assert plain.notes["pitch"].tolist() == [67, 69, 71]
    assert (plain.notes["start_ticks"] * 2 / quarter).tolist() == [0, 2, 4]
    assert (plain.notes["duration_ticks"] * 2 / quarter).tolist() == [2, 1, 2]
    assert plain.time_signatures == (TimeSignature(0, 3, 4),)
    assert plain.key_signatures == (KeySignature(0, 1),)
    assert parse(zipped(score__xml=MUSICXML.encode())) == plain
    assert parse(MUSICXML.replace("UTF-8", "UTF-16").encode("utf-16")) == plain
    assert parse(b"\xef\xbb\xbf" + MUSICXML.encode()) == plain


def test_the_dynamics_of_musicxml_are_heard() -> None:
    assert set(parse(MUSICXML.encode()).notes["velocity"].tolist()) == {90}  # without marks
    mark = "<direction><direction-type><dynamics><p/></dynamics></direction-type></direction>"
    first, *rest = MUSICXML.split("<note>")
    for text in (first + mark + "<note>" + "<note>".join(rest),):
        assert set(parse(text.encode()).notes["velocity"].tolist()) == {49}
        assert set(parse(text.replace("UTF-8", "UTF-16").encode("utf-16")).notes["velocity"].tolist()) == {49}


def test_musicxml_is_read_without_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    assert parse(MUSICXML.encode()).n_notes == 3


def test_running_out_of_memory_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(data: bytes, *, max_notes: int, tune: str | None, sustain: bool) -> Score:
        raise MemoryError

    monkeypatch.setattr(parse_worker, "parse_bytes", greedy)
    answer, _ = parse_worker._answer({"max_notes": 9}, b"")
    assert answer["error"].startswith("too large: reading it takes more memory than allowed; raise")


def test_abc_is_read_without_a_package_and_within_its_limit() -> None:
    tune = b"X:1\nK:C\nCDEF\n"
    assert parse_bytes(tune, max_notes=4).notes["pitch"].tolist() == [60, 62, 64, 65]
    with pytest.raises(ScoreError, match="too large: 4 notes, more than 3; raise max_notes to read it"):
        parse_bytes(tune, max_notes=3)
