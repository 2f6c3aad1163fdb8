"""Songs for voice and piano (CC0 MusicXML) -> an LSTM that writes such songs.

    python recipes/music/lieder.py --data ../shared/music/lieder --out runs/lieder
    audio-lstm compose --model runs/lieder/model --bars 16 --out song.mid

Data: the OpenScore Lieder Corpus (https://github.com/OpenScore/Lieder, CC0): 19th-century songs, each a compressed
MusicXML score. Any folder of songs will do. Reading takes once 0.05 s a file and core;
repeats are played out, dynamic marks are heard (audio_lstm/music/files/musicxml/reader.py). Splits and options are
those of midi_folder.py; recipes/music/event_report.py and lieder_report.py look at the result.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.training.loop import TrainConfig
from audio_lstm.training.options import parse_recipe, run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.music import midi_folder
from recipes.music.midi_folder import Recipe, run

NOTES = """
**Writes** songs of the 19th century for a voice and piano: metre, key, tempo, loudness, both hands and the voice, of an
exact number of bars if asked. It also prices any score that fits its vocabulary, for the piano alone too.

**Does not know** words, repeats or articulation; loudness is what the marks of its data say, not a performance. What it
writes has little plan beyond the phrase: keys wander, and a piece ends where the last bar that was asked for ends.

Data: OpenScore Lieder Corpus (CC0). Model: Apache-2.0.
"""

BASE = Recipe(
    data=Path("../shared/music/lieder"),
    out=Path("runs/lieder"),
    name="lieder",
    notes=NOTES,
    # The corpus has oboes (68) for voices. Those who ask for a voice mean 52 to 54, and choirs are voices too.
    program_words=((52, 68), (53, 68), (54, 68)),
    two_handed=(0,),  # and its pianos are two staves
    # As large as two epochs, half an hour on one core with bf16, can fill; it does not overfit in so few.
    lstm=LSTMConfig(input_size=192, hidden_size=320, n_layers=2, dropout=0.05),
    embedding_dropout=0.05,
    batch_size=32,
    window=128,  # cuts of the gradient, not of the memory: 128 and 32 rows still fit the processor's cache
    train=TrainConfig(
        max_epochs=2, optimizer="muon", learning_rate=3e-3, warmup_steps=60, ema_decay=0.995, n_threads=1
    ),
)
TINY = replace(
    midi_folder.TINY,
    data=BASE.data,
    out=Path("runs/lieder-tiny"),
    name="lieder",
    notes=NOTES,
    program_words=BASE.program_words,
    two_handed=BASE.two_handed,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on the songs."""
    return run(parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments))


if __name__ == "__main__":
    run_recipe(main)
