"""Configurations: the backbone's own, and frozen dataclasses to and from JSON, strictly and without running code."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from audio_lstm.errors import ConfigError

__all__ = ["LSTMConfig", "config_from_dict", "config_to_dict"]

_MAX_SIZE = 16384  # wider or deeper is a damaged or hostile file, not a model of this project
_MAX_LAYERS = 64

Config = TypeVar("Config")


@dataclass(frozen=True)
class LSTMConfig:
    """What the backbone's stack looks like. The defaults suit an hour of speech on two CPU cores."""

    input_size: int
    hidden_size: int = 256  # units per direction
    n_layers: int = 3
    bidirectional: bool = False  # reads the future too: better, but it cannot stream
    projection_size: int = 0  # 0: none; else a linear layer after each LSTM layer (Sak 2014 puts it in the loop)
    layer_norm: bool = False  # normalises the input of every layer; needed once the stack is deep or residual
    residual: bool = False  # adds a layer's input to its output where the sizes agree
    dropout: float = 0.0  # between the layers and after the last, one mask for all time steps
    weight_drop: float = 0.0  # share of recurrent weights zeroed at each training step

    def __post_init__(self) -> None:
        for name in ("input_size", "hidden_size"):
            if not 1 <= getattr(self, name) <= _MAX_SIZE:
                raise ConfigError(f"{name} must lie in 1..{_MAX_SIZE}, got {getattr(self, name)}")
        if not 1 <= self.n_layers <= _MAX_LAYERS:
            raise ConfigError(f"n_layers must lie in 1..{_MAX_LAYERS}, got {self.n_layers}")
        if not 0 <= self.projection_size <= _MAX_SIZE:
            raise ConfigError(f"projection_size must lie in 0 (none)..{_MAX_SIZE}, got {self.projection_size}")
        for name in ("dropout", "weight_drop"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} is a probability below 1, got {getattr(self, name)}")

    @property
    def n_directions(self) -> int:
        """2 when bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Width of the backbone's output."""
        return self.projection_size or self.hidden_size * self.n_directions

    def layer_input_size(self, layer: int) -> int:
        """Width of the input of layer `layer` (0 is the first)."""
        return self.input_size if layer == 0 else self.output_size


def config_to_dict(config: Any) -> dict[str, Any]:
    """The fields of a (nested) configuration dataclass as JSON types; tuples become lists.

    Args:
        config: An instance of a frozen configuration dataclass.

    Returns:
        A dictionary that `config_from_dict` turns back into an equal instance.
    """
    result = dataclasses.asdict(config)
    return {name: _to_json(value) for name, value in result.items()}


def config_from_dict(kind: type[Config], values: Mapping[str, Any], *, where: str = "config") -> Config:
    """Build a configuration dataclass from JSON values, checking every name and type.

    Args:
        kind: The dataclass to build.
        values: Field values; fields with defaults may be missing.
        where: Named in error messages, e.g. the file.

    Returns:
        The configuration.

    Raises:
        ConfigError: For an unknown or missing field, or a value of the wrong type or outside its range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected an object for {kind.__name__}, got {type(values).__name__}")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigError(f"{where}: unknown field {unknown[0]!r}; {kind.__name__} has {', '.join(fields)}")
    hints = get_type_hints(kind)
    missing = [
        name
        for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: {kind.__name__} needs the field {missing[0]!r}")
    converted = {name: _from_json(hints[name], value, f"{where}: {name}") for name, value in values.items()}
    try:
        return kind(**converted)
    except ConfigError as error:  # a value out of range: the class does not know where it came from
        raise ConfigError(f"{where}: {error}") from error


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _from_json(hint: Any, value: Any, where: str) -> Any:
    """Convert one JSON value to the annotated type, or say what is wrong with it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else config_from_dict(hint, value, where=where)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{where} is one of {', '.join(map(repr, arguments))}, got {value!r}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _from_json(next(a for a in arguments if a is not type(None)), value, where)
    if origin is tuple and isinstance(value, list | tuple):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_from_json(arguments[0], item, where) for item in value)
        if len(arguments) == len(value):
            return tuple(_from_json(a, item, where) for a, item in zip(arguments, value, strict=True))
        raise ConfigError(f"{where} takes {len(arguments)} values, got {len(value)}")
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:  # JSON's whole numbers have no limit
            raise ConfigError(f"{where} must be float, got a whole number too large for one") from error
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise ConfigError(f"{where} must be {getattr(hint, '__name__', hint)}, got {value!r}")
