"""What a model was trained on -> the novelty index that lies beside it, with which copies are told.

    python recipes/music/novelty_index.py --model runs/chorale/model --data ../shared/music/jsb16
    python recipes/music/novelty_index.py --model runs/lieder/model --data ../shared/music/lieder --run runs/lieder

The recipes write the index when they have trained; this one does it again, or for a model that has none. `--data` is
what the model was trained on: a corpus with the splits train and valid, or a folder of scores, which is then split as
midi_folder.py and lieder.py split it (and read from the tokens in `--run`, if they are there). The validation split is
the baseline: how much real pieces share that the model has not seen. `--both`: it has been trained on them as well.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from audio_lstm.checkpoint import NOVELTY_FILE, open_model
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.files.files import list_scores
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.kinds import representation_from_dict
from audio_lstm.music.training.data import load_pieces
from audio_lstm.music.training.novelty_build import write_index
from audio_lstm.music.training.shards import tokenise
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.music.midi_folder import split_pieces


def describe(index: NoveltyIndex) -> str:
    """The size of an index, and its baseline."""
    runs = index.held_out
    at_most = np.quantile(runs, (0.1, 0.5, 0.9), method="inverted_cdf").tolist()
    shares = ", ".join(f"{share} % at most {n_notes}" for share, n_notes in zip((10, 50, 90), at_most, strict=True))
    size = f"{len(index.names)} pieces, {len(index.line_starts)} lines, {len(index.prints)} places"
    return f"{size}; longest run in notes of {len(runs)} held-out pieces: {shares}, longest {runs.max()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, write, describe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model folder, or the name of a shipped model")
    parser.add_argument("--data", required=True, type=Path, help="what it was trained on")
    parser.add_argument(
        "--run", type=Path, default=Path("runs/novelty"), help="folder of the run, which holds the tokens"
    )
    parser.add_argument("--both", action="store_true", help="the model has been trained on valid too")
    options = parser.parse_args(arguments)
    folder = open_model(options.model, "music")
    vocabulary = None
    if (
        folder.representation.get("kind") == "events"
        and options.data.is_dir()
        and not (options.data / "train").is_dir()
    ):
        vocabulary = cast(EventVocabulary, representation_from_dict(dict(folder.representation)))
        files = list_scores(options.data)
        shards = tokenise(files, vocabulary, options.run / "tokens", n_workers=os.cpu_count() or 1)
        train_set, held_out = (shards.data(pieces) for pieces in split_pieces(shards))
    else:
        train_set, held_out = (load_pieces(options.data, split) for split in ("train", "valid"))
    index = write_index(
        folder.path, train_set=train_set, held_out=held_out, vocabulary=vocabulary, trained_on_both=options.both
    )
    file = folder.path / NOVELTY_FILE
    print(f"{file}: {file.stat().st_size / 1e3:.0f} kB, {describe(index)}")
    return 0


if __name__ == "__main__":
    run_recipe(main)
