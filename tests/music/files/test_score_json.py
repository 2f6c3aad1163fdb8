"""JSON: everything comes back, foreign and damaged documents are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.score_json import FORMAT, read_score_json, score_from_json, score_to_json
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes

SCORE = Score(
    480,
    make_notes([0, 480, 960], 240, [60, 64, 38], [64, 70, 127], [0, 0, 1]),
    (Track('Flöte "1"', 73), Track("Kit", 0, is_drum=True)),
    (Tempo(0, 500_000), Tempo(480, 400_000)),
    (TimeSignature(0, 3, 4),),
    (KeySignature(0, 2, True),),
)


def test_a_score_comes_back() -> None:
    assert score_from_json(score_to_json(SCORE)) == SCORE
    assert score_from_json(score_to_json(Score(96)).encode()) == Score(96)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(1, 10**5), st.integers(0, 127), st.integers(1, 127)), max_size=9
    )
)
def test_any_notes_come_back(rows: list[tuple[int, int, int, int]]) -> None:
    score = Score(960, make_notes(*zip(*rows, strict=True)), (Track(),)) if rows else Score(960)
    assert score_from_json(score_to_json(score)) == score


def test_notes_have_seconds_and_beats() -> None:
    document = json.loads(score_to_json(SCORE, facts={"seed": 3}))
    assert document["format"] == FORMAT
    assert document["facts"] == {"seed": 3}
    assert document["duration_s"] == pytest.approx(SCORE.duration_s)
    assert document["key_signatures"][0]["name"] == "B minor"
    last = document["notes"][-1]
    assert (last["start_beats"], last["duration_beats"]) == (2.0, 0.5)
    assert last["start_s"] == pytest.approx(0.9)
    assert last["duration_s"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"not a JSON document \(.*\); save the score again"),
        ("[" * 100_000, "not a JSON document"),
        ("[1]", "JSON, but not a score: expected .* got 'list'"),
        ('{"format": "audio-lstm score 9"}', 'expected "format": "audio-lstm score 1", got \'audio-lstm score 9\''),
        (json.dumps({"format": FORMAT}), r"a damaged score in JSON \('notes' is missing\); save it again"),
        (json.dumps({"format": FORMAT, "notes": [{}]}), "'start_ticks' is missing"),
        (json.dumps({"format": FORMAT, "notes": [[1]]}), "a damaged score in JSON"),
        (score_to_json(SCORE).replace('"pitch": 60', '"pitch": 60.5'), "a value of a note is not a whole number"),
        (score_to_json(SCORE).replace('"pitch": 60', '"pitch": 600'), "pitch of a note is 600; expected 0 to 127"),
        (score_to_json(SCORE).replace('"pitch": 60', f'"pitch": {10**30}'), "a damaged score in JSON"),
    ],
)
def test_foreign_and_damaged_documents_are_refused(text: str, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        score_from_json(text)


def test_a_file_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(score_to_json(SCORE), "utf-8")
    assert read_score_json(path) == SCORE


def test_files_that_are_missing_large_closed_or_foreign_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(ScoreError, match=r"x\.json: no such file; check the path"):
        read_score_json(path)
    path.write_text("[]")
    with pytest.raises(ScoreError, match=r"x\.json: JSON, but not a score"):
        read_score_json(path)
    with pytest.raises(ScoreError, match="too large: more than 1 bytes; raise max_bytes"):
        read_score_json(path, max_bytes=1)

    def denied(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ScoreError, match=r"cannot be opened \(Permission denied\); check its permissions"):
        read_score_json(path)
