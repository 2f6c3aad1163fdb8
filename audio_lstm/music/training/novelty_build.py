"""Making the novelty index of a training set (novelty.py), and putting it beside the model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from audio_lstm.errors import DataError
from audio_lstm.music.compare.fingerprints import KEY_NOTES, KEY_PRINTS, PRINT_INTERVALS, fingerprints, lines_of
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.score.score import Score
from audio_lstm.music.score.voices import voice_grid_to_score
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.data import MusicData

__all__ = ["as_scores", "build_index", "write_index"]


def build_index(pieces: Iterable[Score], names: Sequence[str], *, held_out: Iterable[Score] = ()) -> NoveltyIndex:
    """The index of a training set.

    Args:
        pieces: What the model was trained on; a generator is read once.
        names: Of the pieces, in their order.
        held_out: Real pieces of the same kind that the model was not trained on: the baseline.

    Returns:
        The index.

    Raises:
        DataError: If there are no pieces, or not as many as names, or a name that is no single line.
    """
    parts, starts, owners = [], [], []
    n_bytes = n_pieces = 0
    for number, piece in enumerate(pieces):
        n_pieces = number + 1
        for line in lines_of(piece):
            steps = np.diff(line.pitches)
            if len(steps) < KEY_NOTES - 1:
                continue
            found = fingerprints(np.lib.stride_tricks.sliding_window_view(steps, PRINT_INTERVALS))
            starts.append(n_bytes + 1)
            owners.append(number)
            parts += [np.zeros(1, np.uint8), found]
            n_bytes += 1 + len(found)
    if n_pieces != len(names) or not n_pieces:
        raise DataError(f"a novelty index needs a name for each piece, and a piece; got {len(names)} and {n_pieces}")
    broken = [name for name in names if not name or "\n" in name]
    if broken:
        raise DataError(f"the name of a piece must be one line of text, got {broken[0]!r}")
    index = NoveltyIndex(
        np.concatenate([*parts, np.zeros(KEY_PRINTS, np.uint8)] if parts else [np.zeros(1 + KEY_PRINTS, np.uint8)]),
        np.array(starts, np.int64),
        np.array(owners, np.int64),
        tuple(names),
        np.zeros(0, np.int64),
    )
    runs = [index.longest_run(piece) for piece in held_out]
    longest = np.sort(np.array([run.n_notes if run else 0 for run in runs], np.int64))
    return NoveltyIndex(index.prints, index.line_starts, index.line_pieces, index.names, longest)


def write_index(
    folder: str | os.PathLike[str],
    *,
    train_set: MusicData,
    held_out: MusicData,
    vocabulary: EventVocabulary | None = None,
    trained_on_both: bool = False,
) -> NoveltyIndex:
    """Put the index of its training set beside a model.

    Args:
        folder: A model folder.
        train_set: What it was trained on.
        held_out: Other real pieces: the baseline is what they share with `train_set`.
        vocabulary: Of the pieces, if they are tokens.
        trained_on_both: Whether the model has, at last, been trained on `held_out` too. Then the index has both.

    Returns:
        The index.
    """
    pieces, others = as_scores(train_set, vocabulary), as_scores(held_out, vocabulary)
    index = build_index(pieces, train_set.names, held_out=others)
    if trained_on_both:
        pieces = chain(as_scores(train_set, vocabulary), as_scores(held_out, vocabulary))
        index = replace(build_index(pieces, (*train_set.names, *held_out.names)), held_out=index.held_out)
    index.save(Path(folder))
    return index


def as_scores(data: MusicData, vocabulary: EventVocabulary | None = None) -> Iterable[Score]:
    """The pieces of a corpus as scores, one after the other.

    Args:
        data: Chorales, scores or tokens.
        vocabulary: Of the tokens.

    Returns:
        The scores, made when they are asked for.

    Raises:
        DataError: For tokens without their vocabulary.
    """
    if data.kind == "chorale":
        return map(voice_grid_to_score, data.voice_grids())
    if data.kind == "scores":
        return data.scores()
    if data.kind == "tokens" and vocabulary is not None:
        return (vocabulary.decode(np.asarray(tokens, np.int64)) for tokens in data.pieces)
    way_out = "pass chorales, scores, or tokens with their vocabulary"
    raise DataError(f"{data.source}: pieces of kind {data.kind!r} cannot be read as scores here; {way_out}")
