"""A piece on the page: notes by time and pitch, bars, what was asked and achieved, a piano to press."""

from __future__ import annotations

import re

import audio_lstm
from audio_lstm.demo.music_view import growing_view, keyboard, report_view, sheet_view, takes_view


def test_takes_stand_side_by_side_each_with_its_sound() -> None:
    takes = audio_lstm.compose_takes(n_takes=2, seed=1, bars=4)
    view = takes_view(takes, ["/shelf/a/1.wav", ""])
    assert view.count('<section class="panel take"') == 2
    assert view.count("<audio") == 1
    assert view.count('<i class="note part') == sum(take.score.n_notes for take in takes)
    assert f'data-duration="{takes[0].duration_s:.3f}"' in view
    assert ">1</span>" in view
    assert ">4</span>" in view
    assert "Soprano" in view


def test_notes_lie_where_they_sound() -> None:
    (take,) = audio_lstm.compose_takes(n_takes=1, seed=1, bars=4)
    view = takes_view([take], [""])
    lefts = [float(left) for left in re.findall(r'class="note part\d" style="left:([\d.]+)%', view)]
    tops = [float(top) for top in re.findall(r"top:([\d.]+)%;height", view)]
    assert min(lefts) == 0
    assert max(lefts) < 100
    assert 0 <= min(tops) < max(tops) < 100


def test_a_growing_piece_leaves_room_for_what_is_to_come() -> None:
    notes = [audio_lstm.NoteEvent(0.0, 1.0, 60, 80, 0), audio_lstm.NoteEvent(1.0, 2.0, 67, 80, 5)]
    view = growing_view(notes, 6.0)
    assert "2 notes so far" in view
    assert 'part1" style="left:16.67%;width:33.33%' in view
    assert "left:33.33%;width:66.67%" in growing_view(notes, 0.0)
    assert "0 notes so far" in growing_view([], 0.0)


def test_the_report_says_what_was_asked_what_came_and_whether_it_is_new() -> None:
    asked = audio_lstm.compose(seed=1, bars=4, key="D minor", ending=True)
    view = report_view(asked)
    assert "D minor" in view
    assert "not kept" not in view
    assert view.count(">kept<") == len(asked.report.findings) >= 3
    assert asked.novelty is not None
    assert asked.novelty.summary().split(":")[0] in view
    assert "Nothing was asked for" in report_view(audio_lstm.compose(seed=1))


def test_sheet_music_is_put_into_the_page_without_its_xml_header() -> None:
    assert sheet_view("<?xml version='1.0'?><svg>notes</svg>").endswith('music"><svg>notes</svg></div>')


def test_the_keys_of_the_piano_say_their_notes() -> None:
    piano = keyboard(60, 72)
    assert piano.count("<button") == 13
    assert piano.count('class="black"') == 5
    assert 'data-note="F#4" data-pitch="66" aria-label="F sharp 4"' in piano
