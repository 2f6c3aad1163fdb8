"""The worker that tokenises: what it answers, in the frames that workers.py describes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.music.files.files import ReadLimits, read_score, write_midi
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training import token_worker
from audio_lstm.workers import Worker

VOCABULARY = json.dumps(EventVocabulary().to_dict()).encode()


def song(path: Path, n_notes: int = 8) -> Path:
    notes = make_notes(np.arange(n_notes) * 480, 480, 60 + np.arange(n_notes))
    write_midi(Score(480, notes, (Track(),)), path)
    return path


def test_requests_are_answered_in_order_until_the_pipe_closes(tmp_path: Path) -> None:
    good, bad = song(tmp_path / "good.mid"), tmp_path / "bad.mid"
    bad.write_text("nonsense")
    worker = Worker("audio_lstm.music.training.token_worker", 1 << 31, 60.0, 1 << 20, 1000)
    worker.start()
    for _ in range(2):
        paths = [str(good), str(bad), str(tmp_path / "none.mid"), str(good)]
        answer = worker.ask({"paths": paths}, VOCABULARY)
        assert answer is not None
        header, payload = answer
        (n_tokens,), (fault,), (missing,), (again,) = header["found"]
        assert n_tokens == again == len(EventVocabulary().encode(read_score(good)))
        assert "not a MIDI file" in fault
        assert "no such file" in missing
        assert len(payload) == 2 * 2 * n_tokens
    process = worker.process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    worker.close()


def read(path: Path, **limits: int) -> bytes | str:
    usual = ReadLimits()
    chosen = {"max_bytes": usual.max_bytes, "max_notes": usual.max_notes} | limits
    limits_of_all = (chosen["max_bytes"], chosen["max_notes"])
    (found,) = token_worker._read(str(path), VOCABULARY, limits=limits_of_all, sustain=False)
    return found


def test_limits_and_empty_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "too large: more than 10 bytes" in str(read(song(tmp_path / "a.mid"), max_bytes=10))
    assert "too large: 8 notes" in str(read(tmp_path / "a.mid", max_notes=7))
    assert read(song(tmp_path / "b.mid", 0)) == "there is no note in it"

    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(token_worker, "parse_pieces", greedy)
    assert "takes more memory than allowed" in str(read(tmp_path / "a.mid"))
