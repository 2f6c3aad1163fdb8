r"""A run of english.py -> a model folder, at any time: the best weights so far, as int8 for CPUs and as they are.

    python recipes/speech/model_of_run.py --run runs/english-base --out models/english-base \
        --pronunciations cmudict.dict
    audio-lstm tune --model models/english-base --lm english --rescorer english-char --manifest dev.jsonl …
    audio-lstm evaluate speech --model models/english-base --manifest dev.jsonl

With `--pronunciations` (CMU Pronouncing Dictionary) the model decodes through sounds too, if the last layer of the run
learned phonemes (`--ctc.loss.phoneme_layer`). An older model in the folder is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_lstm.config import config_from_dict
from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.words.pronunciations import read_dictionary
from audio_lstm.training.options import parse_recipe, run_recipe
from audio_lstm.training.runs import best_weights


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    run: Path = Path("runs/english-base")  # the folder of the run
    out: Path = Path("models/english-base")  # the model's
    name: str = ""  # of the model; '' = the run's
    pronunciations: str = ""  # CMU Pronouncing Dictionary (cmudict.dict); '' = letters only
    half: bool = False  # the weights for torch as float16, half as large


def _settings(run: Path) -> dict[str, Any]:
    """What the run was asked for."""
    file = run / "config.json"
    try:
        settings = json.loads(file.read_text("utf-8"))["recipe"]
        settings["model"], settings["ctc"]["loss"]  # what the model needs
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); pass the folder of a run of english.py") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: not the settings of a run of english.py; pass the folder of one") from error
    return dict(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the run, write the model."""
    recipe = parse_recipe(Recipe, {"base": Recipe()}, arguments)
    settings = _settings(recipe.run)
    config = config_from_dict(SpeechModelConfig, settings["model"], where=str(recipe.run / "config.json"))
    lexicon = None
    if recipe.pronunciations:
        layer = settings["ctc"]["loss"].get("phoneme_layer")
        if not config.n_phonemes or layer != config.lstm.n_layers:
            raise ConfigError(
                f"{recipe.run}: the last layer, {config.lstm.n_layers}, has not learned phonemes "
                f"(--ctc.loss.phoneme_layer was {layer}); leave --pronunciations out, or train it to"
            )
        lexicon = Lexicon.from_pronunciations(read_dictionary(recipe.pronunciations))
    model = SpeechModel(config)
    try:
        model.load_state_dict(best_weights(recipe.run))
    except RuntimeError as error:
        raise ModelError(f"{recipe.run}: the weights do not fit config.json; take a run that is whole") from error
    name = recipe.name or settings.get("name") or recipe.out.name
    card = f"# {name}\n\nThe best weights of a run that may not have ended.\n"
    print(export_speech(model.eval(), recipe.out, name=name, card=card, half=recipe.half, lexicon=lexicon))
    return 0


if __name__ == "__main__":
    run_recipe(main)
