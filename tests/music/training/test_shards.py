"""Tokens on the disk: the same whatever the number of processes, made once, and honest about what could not be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.files.files import read_score, write_midi
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training import shards as module
from audio_lstm.music.training.evaluate import encode_pieces
from audio_lstm.music.training.shards import TokenShards, tokenise
from audio_lstm.music.training.token_reader import TokenReader


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "songs" / "deep").mkdir(parents=True)
    paths = []
    for number in range(5):
        pitches = 50 + np.random.default_rng(number).integers(0, 30, 20 + number)
        path = tmp_path / "songs" / ("deep" if number % 2 else "") / f"{number}.mid"
        write_midi(Score(480, make_notes(np.arange(len(pitches)) * 240, 240, pitches, 80), (Track(),)), path)
        paths.append(path)
    (tmp_path / "songs" / "bad.mid").write_text("nonsense")
    write_midi(Score(480, make_notes([], [], [], []), (Track(),)), tmp_path / "songs" / "empty.mid")
    return [*paths[:2], tmp_path / "songs" / "bad.mid", *paths[2:], tmp_path / "songs" / "empty.mid"]


def test_pieces_come_back_as_they_were_tokenised(files: list[Path], tmp_path: Path) -> None:
    vocabulary = EventVocabulary()
    told: list[int] = []
    made = tokenise(files, vocabulary, tmp_path / "tokens", progress=told.append)
    assert made.names == ("0.mid", "deep/1.mid", "2.mid", "deep/3.mid", "4.mid")
    for number, name in enumerate(made.names):
        expected = vocabulary.encode(read_score(tmp_path / "songs" / name))
        np.testing.assert_array_equal(made.tokens(number), expected)
    assert made.n_tokens == sum(len(made.tokens(number)) for number in range(len(made)))
    assert len(made.faults) == 2
    assert "bad.mid: " in made.faults[0]
    assert "empty.mid: there is no note in it" in made.faults[1]
    assert told[-1] == len(files)
    assert told == sorted(told)


def test_the_number_of_processes_and_of_shards_changes_nothing(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tokenise(files, EventVocabulary(), tmp_path / "one")
    monkeypatch.setattr(module, "_SHARD_FILES", 3)
    two = tokenise(files, EventVocabulary(), tmp_path / "two", n_workers=2)
    assert len(list((tmp_path / "two").glob("*.npy"))) == 3
    assert (one.names, one.faults) == (two.names, two.faults)
    for number in range(len(one)):
        np.testing.assert_array_equal(one.tokens(number), two.tokens(number))


def test_what_is_done_is_not_done_again(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHARD_FILES", 3)
    tokenise(files, EventVocabulary(), tmp_path / "tokens")
    read: list[str] = []
    plain = TokenReader.read

    def watched(self: TokenReader, paths: Sequence[Path]) -> list[np.ndarray | str]:
        read.extend(path.name for path in paths)
        return plain(self, paths)

    monkeypatch.setattr(TokenReader, "read", watched)
    tokenise(files, EventVocabulary(), tmp_path / "tokens")
    assert read == []
    os.utime(files[4])  # in the second shard
    tokenise(files, EventVocabulary(), tmp_path / "tokens")
    assert read == ["2.mid", "3.mid", "4.mid"]
    read.clear()
    tokenise(files, EventVocabulary(steps_per_quarter=4), tmp_path / "tokens")
    assert len(read) == len(files)


def test_shards_are_a_corpus_for_training(files: list[Path], tmp_path: Path) -> None:
    made = tokenise(files, EventVocabulary(), tmp_path / "tokens")
    fitting, unusable = encode_pieces(made.data([3, 0]), made.vocabulary)
    assert [name for name, _ in fitting] == ["deep/3.mid", "0.mid"]
    assert unusable == []
    np.testing.assert_array_equal(fitting[1][1], made.tokens(0))


def test_damage_is_named(files: list[Path], tmp_path: Path) -> None:
    made: TokenShards = tokenise(files, EventVocabulary(), tmp_path / "tokens")
    shard = tmp_path / "tokens" / "shard-00000.npy"
    np.save(shard, np.load(shard)[:10])
    with pytest.raises(DataError, match=r"shard-00000\.npy: damaged; delete .*tokens and tokenise again"):
        made.tokens(4)
    shard.write_bytes(b"")
    with pytest.raises(DataError, match=r"shard-00000\.npy: not readable .*tokenise again"):
        made.tokens(0)


def test_a_corpus_without_a_usable_file_is_an_error(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of 2 files can be used; the first one: .*bad\.mid"):
        tokenise([files[2], files[-1]], EventVocabulary(), tmp_path / "tokens")
    with pytest.raises(DataError, match=r"none of 0 files can be used$"):
        tokenise([], EventVocabulary(), tmp_path / "none")
    with pytest.raises(ConfigError, match=r"n_workers is 0; expected at least 1"):
        tokenise(files, EventVocabulary(), tmp_path / "tokens", n_workers=0)
