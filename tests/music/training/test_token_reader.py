"""Tokens from a worker process: a file that kills it, or hangs, costs itself and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_lstm.music.files.files import ReadLimits, read_score, write_midi
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training import token_reader
from audio_lstm.music.training.token_reader import TokenReader

SABOTEUR = """
import os, sys, time
from audio_lstm.music.training import token_worker

read = token_worker._read

def sabotage(path, *rest, **options):
    name = os.path.basename(path)
    if name.startswith("kill"):
        os.kill(os.getpid(), 11)
    if name.startswith("leave"):
        os._exit(7)
    if name.startswith("hang"):
        time.sleep(60)
    return read(path, *rest, **options)

token_worker._read = sabotage
token_worker.main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
"""


@pytest.fixture
def saboteur(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "saboteur_of_tokens.py").write_text(SABOTEUR)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(token_reader, "_WORKER_MODULE", "saboteur_of_tokens")


def songs(folder: Path, *names: str) -> list[Path]:
    for number, name in enumerate(names):
        notes = make_notes(np.arange(9) * 480, 480, 60 + (np.arange(9) * number) % 12)
        write_midi(Score(480, notes, (Track(),)), folder / name)
    return [folder / name for name in names]


def test_tokens_are_those_of_the_vocabulary(tmp_path: Path) -> None:
    paths = songs(tmp_path, "a.mid", "b.mid")
    vocabulary = EventVocabulary(steps_per_quarter=4)
    with TokenReader(vocabulary) as reader:
        for _ in range(2):
            for path, (found,) in zip(paths, reader.read(paths), strict=True):
                np.testing.assert_array_equal(found, vocabulary.encode(read_score(path)))
        assert reader.read([]) == []


def test_deadly_files_take_only_themselves(tmp_path: Path, saboteur: None) -> None:
    paths = songs(tmp_path, "a.mid", "kill.mid", "b.mid", "leave.mid", "c.mid")
    with TokenReader(EventVocabulary()) as reader:
        found = [found for (found,) in reader.read(paths)]
        ((again,),) = reader.read(paths[:1])
    assert [isinstance(tokens, str) for tokens in found] == [False, True, False, True, False]
    assert found[1] == f"{paths[1]}: damaged: it broke the parser (SIGSEGV)"
    assert found[3] == f"{paths[3]}: damaged: it broke the parser (exit status 7)"
    np.testing.assert_array_equal(again, found[0])


def test_a_file_that_hangs_is_given_up(tmp_path: Path, saboteur: None) -> None:
    paths = songs(tmp_path, "hang.mid", "a.mid")
    with TokenReader(EventVocabulary(), ReadLimits(timeout_s=1.5)) as reader:
        found = [found for (found,) in reader.read(paths)]
    assert found[0] == f"{paths[0]}: not read within 1.5 s; raise timeout_s"
    assert not isinstance(found[1], str)


def test_a_worker_that_was_ended_from_outside_is_replaced(tmp_path: Path) -> None:
    paths = songs(tmp_path, "a.mid")
    with TokenReader(EventVocabulary()) as reader:
        first = reader.read(paths)
        assert reader._worker.process is not None
        reader._worker.process.kill()
        reader._worker.process.wait()
        np.testing.assert_array_equal(reader.read(paths)[0][0], first[0][0])


def test_all_tunes_of_a_book_become_tokens(tmp_path: Path) -> None:
    book = tmp_path / "book.abc"
    book.write_text("X:1\nK:C\nCDE\n\nX:2\nK:J\nC\n\nX:3\nK:C\nC\n")
    with TokenReader(EventVocabulary()) as reader:
        ((first, fault, last),) = reader.read([book])
    assert len(first) > len(last) > 2
    assert fault == f"{book}: X:2: ABC line 6: key 'J'; expected one such as G, Bb, Em or D dorian"
