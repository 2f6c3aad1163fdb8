"""Recipe options: a preset, typed overrides from the command line, and YAML files, through jsonargparse."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from audio_lstm.config import config_to_dict

__all__ = ["parse_recipe", "settings_of"]

Recipe = TypeVar("Recipe")


def parse_recipe(kind: type[Recipe], presets: Mapping[str, Recipe], arguments: Sequence[str] | None) -> Recipe:
    """A recipe's values: those of `--preset`, then of `--config FILE.yaml`, then of the options.

    Args:
        kind: The recipe's dataclass.
        presets: By name; the first is the default.
        arguments: Without the program's name; None reads sys.argv.

    Returns:
        The recipe; an unknown or ill-typed option ends the program with a line that says so.
    """
    import jsonargparse

    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset", choices=list(presets), default=next(iter(presets)))
    chosen, rest = first.parse_known_args(arguments)
    parser = jsonargparse.ArgumentParser(description=kind.__doc__)
    parser.add_argument("--config", action="config", help="a YAML file of values")
    parser.add_argument("--preset", choices=list(presets), help="values to start from")
    parser.add_class_arguments(kind, None)
    parser.set_defaults(_flat(presets[chosen.preset]))
    values = parser.instantiate_classes(parser.parse_args(rest))
    return kind(**{field.name: values[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def settings_of(recipe: Any) -> dict[str, Any]:
    """A recipe as JSON types, without the places where data and results lie: what determines its outcome."""
    values = config_to_dict(recipe)
    return {name: value for name, value in values.items() if name != "train" and not isinstance(value, Path)}


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """The values of nested dataclasses by their dotted names."""
    flat: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        name = f"{prefix}{field.name}"
        flat |= _flat(value, f"{name}.") if is_dataclass(value) else {name: value}
    return flat
