"""The benchmark of word times: what it takes for known, and how it counts errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.audio.files import write_wav
from recipes.quality.word_times import Known, errors, joined_clips, main, repeated

RATE = 16_000


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Three clips of 1 s with sound from 0.3 to 0.7 s."""
    rng = np.random.default_rng(0)
    lines = []
    for number in range(3):
        samples = rng.uniform(-1e-4, 1e-4, RATE)
        samples[int(0.3 * RATE) : int(0.7 * RATE)] = rng.uniform(-0.5, 0.5, int(0.4 * RATE))
        write_wav(tmp_path / f"{number}.wav", samples, RATE)
        lines.append(json.dumps({"audio": f"{number}.wav", "text": "ONE TWO"}))
    file = tmp_path / "clips.dev.jsonl"
    file.write_text("\n".join(lines))
    return file


def test_clips_are_joined_with_silences_and_have_two_known_edges_each(manifest: Path) -> None:
    recording = joined_clips(manifest)
    assert len(recording.samples) == round((1.3 + 1.6 + 2.2) * RATE)
    assert [part.begin_s for part in recording.parts] == pytest.approx([0.0, 1.3, 2.9])
    assert recording.text == "ONE TWO " * 2 + "ONE TWO"
    for part in recording.parts:
        ((first, start_s),), ((last, end_s),) = part.starts, part.ends
        assert (first, last) == (0, 1)
        assert (start_s, end_s) == (
            pytest.approx(part.begin_s + 0.3, abs=0.02),
            pytest.approx(part.begin_s + 0.7, abs=0.02),
        )


def test_rounds_are_the_same_later(manifest: Path) -> None:
    once = joined_clips(manifest)
    often, n_rounds = repeated(once, 60.0)
    assert n_rounds == int(60 // 5.1)
    assert len(often.samples) == n_rounds * len(once.samples)
    late_s = (n_rounds - 1) * 5.1
    assert often.parts[-1].starts[0][1] == pytest.approx(once.parts[-1].starts[0][1] + late_s)


def test_errors_are_of_words_that_were_heard_right() -> None:
    parts = [Known(0.0, 2.0, ("A", "B", "C"), ((0, 0.5), (1, 1.0)), ((1, 1.5), (2, 2.0)))]
    parts += [Known(3.0, 4.0, ("A",), ((0, 3.0),), ((0, 3.5),))]
    timed = [("X", 0.1, 0.3), ("A", 0.6, 0.9), ("B", 0.9, 1.6), ("D", 1.6, 2.0), ("B", 3.0, 3.5)]
    starts, ends = errors(parts, timed)
    assert starts == pytest.approx([0.1, -0.1])
    assert ends == pytest.approx([0.1])


@pytest.mark.shared
def test_real_clips_meet_the_bar(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(shared / "speech"), "--model", "an4", "--n-espeak", "0"]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == 3
    for row in rows:
        n_heard, n_known = map(int, row[2].split(" of "))
        assert n_known == 260
        assert n_heard > 200
        assert float(row[5].split()[0]) <= 50
