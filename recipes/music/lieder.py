"""Songs for voice and piano (CC0 MusicXML) -> an LSTM that writes such songs.

    python recipes/music/lieder.py --data ../shared/music/lieder --out runs/lieder
    audio-lstm compose --model runs/lieder/model --bars 16 --out song.mid

Data: the OpenScore Lieder Corpus (https://github.com/OpenScore/Lieder, CC0): 19th-century songs, each a compressed
MusicXML score. Any folder of songs will do. MusicXML needs verovio (extra `scores`), and once about a second a file
and core. Splits and options are those of midi_folder.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.training.loop import TrainConfig
from audio_lstm.training.options import parse_recipe, run_recipe
from recipes.music import midi_folder
from recipes.music.midi_folder import Recipe, run

NOTES = """
**Writes** songs of the 19th century for a voice and piano: metre, key, tempo, both hands and the voice, of an exact
number of bars if asked. It also prices any score that fits its vocabulary.

**Does not know** words, repeats or articulation; loudness hardly varies in its data. What it writes has little plan
beyond the phrase: keys wander, and a piece ends where the last bar that was asked for ends.

Data: OpenScore Lieder Corpus (CC0). Model: Apache-2.0.
"""

BASE = Recipe(
    data=Path("../shared/music/lieder"),
    out=Path("runs/lieder"),
    name="lieder",
    notes=NOTES,
    lstm=LSTMConfig(input_size=256, hidden_size=512, n_layers=2, dropout=0.25, weight_drop=0.1),
    batch_size=32,
    window=256,
    train=TrainConfig(max_epochs=12, learning_rate=3e-3, warmup_steps=200, n_threads=2),
)
TINY = replace(midi_folder.TINY, data=BASE.data, out=Path("runs/lieder-tiny"), name="lieder", notes=NOTES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on the songs."""
    return run(parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments))


if __name__ == "__main__":
    run_recipe(main)
