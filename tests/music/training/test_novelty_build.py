"""Building an index from any corpus that a model is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.score.voices import voice_grid_to_score
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.novelty_build import as_scores, build_index, write_index


def grid(seed: int) -> np.ndarray:
    return 60 + np.random.default_rng(seed).integers(-9, 10, (40, 4))


def test_a_corpus_of_any_kind_makes_the_same_index(tmp_path: Path) -> None:
    grids, names = [grid(0), grid(1)], ("one", "two")
    scores = [voice_grid_to_score(piece) for piece in grids]
    vocabulary = EventVocabulary()
    corpora = {
        "chorale": MusicData("chorale", tuple(grids), names, "grids"),
        "scores": MusicData("scores", tuple(scores), names, "scores"),
        "tokens": MusicData("tokens", tuple(vocabulary.encode(score) for score in scores), names, "tokens"),
    }
    for kind, corpus in corpora.items():
        (tmp_path / kind).mkdir()
        write_index(tmp_path / kind, train_set=corpus, held_out=corpus, vocabulary=vocabulary)
        index = NoveltyIndex.load(tmp_path / kind)
        assert index.names == names
        assert index.held_out.min() > 25
        run = index.longest_run(scores[1].transpose(3))
        assert run is not None
        assert (run.piece, run.piece_note) == ("two", 0)


def test_a_model_trained_on_the_held_out_pieces_too_has_them_in_its_index(tmp_path: Path) -> None:
    train_set, held_out = (MusicData("chorale", (grid(seed),), (f"piece {seed}",), "grids") for seed in (0, 1))
    one = write_index(tmp_path, train_set=train_set, held_out=held_out)
    both = write_index(tmp_path, train_set=train_set, held_out=held_out, trained_on_both=True)
    score = voice_grid_to_score(grid(1))
    assert one.longest_run(score) is None
    run = both.longest_run(score)
    assert run is not None
    assert run.piece == "piece 1"
    assert both.held_out.tolist() == one.held_out.tolist() == [0]


def test_corpora_without_notes_are_refused() -> None:
    tokens = MusicData("tokens", (np.zeros(4, np.int64),), ("tokens",), "shards")
    with pytest.raises(DataError, match=r"shards: pieces of kind 'tokens' .* tokens with their vocabulary"):
        as_scores(tokens)


def test_names_and_pieces_have_to_go_together() -> None:
    piece = voice_grid_to_score(grid(0))
    with pytest.raises(DataError, match=r"needs a name for each piece, and a piece; got 2 and 1"):
        build_index([piece], ["one", "two"])
    with pytest.raises(DataError, match=r"got 0 and 0"):
        build_index([], [])
    with pytest.raises(DataError, match=r"must be one line of text, got 'a\\nb'"):
        build_index([piece], ["a\nb"])


def test_pieces_too_short_for_a_run_still_have_an_index() -> None:
    short = Score(480, make_notes([0, 480], 480, [60, 62]), (Track(),))
    index = build_index([short], ["short"], held_out=[short])
    assert index.held_out.tolist() == [0]
    assert index.longest_run(voice_grid_to_score(grid(0))) is None
