"""The panel of an inspection: six pictures under the words or notes, the event marked, chance in the sentence."""

from __future__ import annotations

import numpy as np

import audio_lstm
from audio_lstm.demo.inside_view import inside_view, unit_table
from audio_lstm.inspection.gates import GateTrace


def seen(*, with_notes: bool = False) -> audio_lstm.Inspection:
    rng = np.random.default_rng(0)
    happens = np.arange(100) % 10 < 2
    arrays = [rng.normal(size=(100, 12)).astype(np.float32) for _ in range(6)]
    arrays[5][:, 4] += 5 * happens
    marks = (audio_lstm.Mark("HI <3", 1.0, 2.0), audio_lstm.Mark("YOU", 2.0, 5.5))
    if with_notes:
        marks = (audio_lstm.Mark("C4", 0.5, 2.0, 60, 0), audio_lstm.Mark("G4", 2.0, 9.0, 67, 5))
    edges_s = 1.0 + np.arange(101) * 0.04
    events = {"beat": happens, "never": np.zeros(100, bool)}
    return audio_lstm.Inspection("tiny", 2, 3, "backward", GateTrace(*arrays), edges_s, marks, events)


def test_the_panel_holds_six_pictures_the_words_and_the_event() -> None:
    view = inside_view(seen(), [4, 1, 2], event="beat", quantity="hidden", audio_url="/shelf/a/span.wav")
    assert view.count("data:image/png") == 6
    assert "HI &lt;3" in view
    assert "layer 2 of 3, reading backward: 12 units, 100 steps" in view
    assert view.count("<i ") == 10  # as many beats
    assert "The hidden of unit 4, the first line below" in view
    assert 'src="/shelf/a/span.wav"' in view


def test_words_are_cut_at_the_edges_of_the_span_and_times_count_from_its_start() -> None:
    view = inside_view(seen(), [0], event="", quantity="cell")
    assert 'data-start="0.000" data-end="1.000"' in view
    assert 'data-start="1.000" data-end="4.000"' in view
    assert "<audio" not in view


def test_notes_are_drawn_by_pitch_and_part() -> None:
    view = inside_view(seen(with_notes=True), [0], event="never", quantity="cell")
    assert 'class="note part0"' in view
    assert 'class="note part1"' in view
    assert 'title="G4"' in view


def test_the_sentence_says_what_luck_would_reach() -> None:
    rows, verdict = unit_table(seen(), "beat", "hidden")
    assert rows[0][0] == 4
    assert rows[0][2] == "more than chance"
    assert "Unit 4 follows “beat” (20 of 100 steps)" in verdict
    assert "more than luck explains" in verdict


def test_an_event_that_never_happens_has_no_units() -> None:
    rows, verdict = unit_table(seen(), "never", "hidden")
    assert rows == []
    assert "never happens in this span" in verdict
