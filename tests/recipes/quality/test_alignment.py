"""The benchmark of alignments: its scripts, and how it counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.audio.files import write_wav
from audio_lstm.speech.aligning.alignment import AlignedWord, Alignment
from recipes.quality import alignment as benchmark
from recipes.quality.alignment import KINDS, count, main, script

CLIPS = [(f"TEXT {letter}", np.zeros(10, np.float32)) for letter in "ABCDEFGH"]
OTHERS = [("OTHER", np.zeros(10, np.float32))] * 8


def test_scripts_differ_as_their_names_say() -> None:
    orders = {kind: [number for number, _ in script(kind, CLIPS, OTHERS)] for kind in KINDS}
    assert orders == {
        "right": [0, 1, 2, 3, 4, 5, 6, 7],
        "sentence added": [0, 1, 2, 3, -1, 4, 5, 6, 7],
        "sentence left out": [0, 1, 2, 3, 5, 6, 7],
        "sentences swapped": [0, 1, 2, 4, 3, 5, 6, 7],
        "another text": [-1] * 8,
    }


def test_words_count_by_where_they_are_found() -> None:
    def word(start_s: float | None, *, matched: bool) -> AlignedWord:
        return AlignedWord("x", start_s, None if start_s is None else start_s + 0.2, 1.0, matched, True, ())

    found = (word(1.0, matched=True), word(5.0, matched=True), word(None, matched=False), word(3.0, matched=True))
    alignment = Alignment(found, (), 9.0, "tiny", 0.0)
    assert count(alignment, [(0, "A B C"), (-1, "D")], [(0.9, 1.2)]).tolist() == [3, 1, 1, 1, 1]


@pytest.mark.parametrize("hour", [False, True])
def test_it_prints_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, hour: bool
) -> None:
    rng = np.random.default_rng(0)
    for number in range(8):
        write_wav(tmp_path / f"{number}.wav", rng.uniform(-0.5, 0.5, 8000), 16_000)
    lines = [json.dumps({"id": str(number), "audio": f"{number % 8}.wav", "text": "YES NO"}) for number in range(34)]
    (tmp_path / "tiny.jsonl").write_text("\n".join(lines))
    for name, value in (("N_ROUNDS", 1), ("HOUR_S", 20)):
        monkeypatch.setattr(benchmark, name, value)
    assert main(["--data", str(tmp_path), "--corpus", "tiny", *["--hour"] * hour]) == 0
    printed = capsys.readouterr().out.splitlines()
    if hour:
        assert printed[0].startswith("its script, 21 s of audio: ")
        assert " s of CPU, " in printed[1]
    else:
        assert [line.split("|")[1].strip() for line in printed[2:]] == list(KINDS)
        assert [int(line.split("|")[2]) for line in printed[2:]] == [16, 16, 14, 16, 0]
