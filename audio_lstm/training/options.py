"""Recipe options: a preset, YAML files, and typed overrides from the command line, through jsonargparse."""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.config import config_to_dict
from audio_lstm.errors import AudioLSTMError, ConfigError
from audio_lstm.streams import prepare_streams

__all__ = ["data_fingerprint", "parse_recipe", "run_recipe", "settings_of"]

Recipe = TypeVar("Recipe")


def parse_recipe(kind: type[Recipe], presets: Mapping[str, Recipe], arguments: Sequence[str] | None) -> Recipe:
    """A recipe's values: those of `--preset`, then of `--config FILE.yaml`, then of the options, in whatever order.

    Args:
        kind: The recipe's dataclass.
        presets: By name; the first is the default.
        arguments: Without the program's name; None reads sys.argv. Dashes in names are as good as underscores.

    Returns:
        The recipe. `--help` prints all options and ends the program.

    Raises:
        ConfigError: If an option is unknown (the message names it, and the one that was probably meant), or a value
            has the wrong type or is out of range.
    """
    import jsonargparse

    known = _flat(next(iter(presets.values())))
    given = _lists(_words(sys.argv[1:] if arguments is None else arguments), known)
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--preset", choices=list(presets), default=next(iter(presets)))
    first.add_argument("--config", action="append", default=[])
    parser = jsonargparse.ArgumentParser(description=kind.__doc__, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", action="config", help="a YAML file of values")
    parser.add_argument("--preset", choices=list(presets), help="values to start from")
    parser.add_class_arguments(kind, None)
    try:
        chosen, options = first.parse_known_args(given)
        parser.set_defaults(_flat(presets[chosen.preset]))
        files = [word for file in chosen.config for word in ("--config", file)]
        # Its name since jsonargparse 4.49, and before.
        instantiate = parser.instantiate if hasattr(parser, "instantiate") else parser.instantiate_classes
        values = instantiate(parser.parse_args([*files, *options]))
        return kind(**{field.name: values[field.name] for field in fields(kind)})  # type: ignore[arg-type]
    except (argparse.ArgumentError, jsonargparse.ArgumentError) as error:
        raise ConfigError(_explained(str(error), [*known, "preset", "config"])) from error


def run_recipe(main: Callable[[], int]) -> None:
    """Run a recipe as a program: it exits with what `main` returns, or with one line about what went wrong.

    Args:
        main: The recipe's own.

    Raises:
        SystemExit: Always.
    """
    prepare_streams()
    try:
        status = main()
    except AudioLSTMError as error:
        raise SystemExit(f"{Path(sys.argv[0]).name}: {' '.join(str(error).split())}") from None
    from audio_lstm.training.distributed import leave  # torch: not for --help

    leave(status)


def settings_of(recipe: Any) -> dict[str, Any]:
    """A recipe as JSON types, without the places where data and results lie: with `data_fingerprint`, its outcome."""
    values = config_to_dict(recipe)
    return {name: value for name, value in values.items() if name != "train" and not _is_place(value)}


def data_fingerprint(*sets: Iterable[tuple[str, int, NDArray[np.int64]]], meaning: str = "") -> str:
    """What a run was trained on, wherever it lies: kept with its settings, so that it never resumes on other data.

    Args:
        *sets: Training set, development set: the name, the length and the target ids of every item, in order.
        meaning: What the ids stand for, where that comes from the data.

    Returns:
        How many items each set has, and a SHA-256 over all of them, shortened to 64 bits.
    """
    digest, counts = hashlib.sha256(meaning.encode()), []
    for items in sets:
        n_items = 0
        for name, length, target in items:
            # Each item as its length-prefixed parts, so that no two lists of items read the same.
            for part in (name.encode(), str(length).encode(), np.ascontiguousarray(target, dtype="<i8").tobytes()):
                digest.update(len(part).to_bytes(8, "little") + part)
            n_items += 1
        counts.append(str(n_items))
        digest.update(b"end of set")
    return f"{' + '.join(counts)} items, sha256 {digest.hexdigest()[:16]}"


def _is_place(value: Any) -> bool:
    """Whether a value is a path, or a list of paths."""
    items = value if isinstance(value, list) and value else [value]
    return all(isinstance(item, Path) for item in items)


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """The values of nested dataclasses by their dotted names."""
    flat: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        name = f"{prefix}{field.name}"
        flat |= _flat(value, f"{name}.") if is_dataclass(value) else {name: value}
    return flat


def _words(arguments: Sequence[str]) -> list[str]:
    """`--train.learning-rate=1e-3` as `--train.learning_rate`, `1e-3`; values stay as they are."""
    words: list[str] = []
    for word in arguments:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            words += ["--" + name[2:].replace("-", "_"), *([value] if equals else [])]
        else:
            words.append(word)
    return words


def _lists(words: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """One value of an option that takes several as a list of one: `--train_data clips` as `["clips"]`."""
    several = {f"--{name}" for name, value in known.items() if isinstance(value, tuple)}
    return [
        json.dumps([word]) if before in several and not word.startswith(("[", "--")) else word
        for before, word in zip(["", *words], words, strict=False)
    ]


def _explained(message: str, known: Sequence[str]) -> str:
    """The parser's complaint on one line, with the names that an unknown option may have meant."""
    line = " ".join(message.split())
    for prefix in ("unrecognized arguments: --", "Unrecognized arguments: --", "Option '"):
        if line.startswith(prefix):
            unknown = line.removeprefix(prefix).split()[0].split("=")[0].strip("'")
            close = difflib.get_close_matches(unknown, known, n=2)
            if close:
                return f"unknown option --{unknown}; did you mean {' or '.join(f'--{name}' for name in close)}?"
            return f"unknown option --{unknown}; known: {', '.join(known)}"
    return f"{line} (see --help)"
