"""The weights of a model folder as numpy arrays: what looks inside a model needs no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import WEIGHTS_FILE, ModelFolder
from audio_lstm.errors import ModelError

__all__ = ["WeightArrays", "read_weights"]

_DTYPES = (np.float32, np.float16)


class WeightArrays:
    """Named arrays, each checked when it is asked for."""

    def __init__(self, arrays: dict[str, NDArray[np.floating]], where: str) -> None:
        """Wrap what was read.

        Args:
            arrays: By the names that the torch module gives its parameters.
            where: Named in messages, e.g. the file.
        """
        self._arrays = arrays
        self._checked: dict[str, NDArray[np.float32]] = {}
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def get(self, name: str, *shape: int) -> NDArray[np.float32]:
        """One parameter.

        Args:
            name: As in "backbone.norms.0.weight".
            *shape: That config.json asks for.

        Returns:
            float32 of that shape.

        Raises:
            ModelError: If there is none of that name, or its shape, type or values are not a model's.
        """
        if name not in self._arrays:
            raise ModelError(f"{self._where}: does not fit config.json (tensor {name!r} is missing)")
        array = self._arrays[name]
        if array.shape != shape:
            raise ModelError(f"{self._where}: {name} has shape {array.shape}, config.json asks for {shape}")
        if name in self._checked:
            return self._checked[name]
        if array.dtype not in _DTYPES:
            raise ModelError(f"{self._where}: {name} is {array.dtype}, expected float32 or float16")
        if not np.isfinite(array).all():
            raise ModelError(f"{self._where}: {name} holds values that are not finite; copy the model again")
        self._checked[name] = array.astype(np.float32, copy=False)
        return self._checked[name]


def read_weights(folder: ModelFolder) -> WeightArrays:
    """Read model.safetensors without torch.

    Args:
        folder: An opened model folder.

    Returns:
        Its parameters.

    Raises:
        ModelError: If the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    file = folder.path / WEIGHTS_FILE
    if not file.is_file():
        raise ModelError(f"{file}: no such file; looking inside a model needs its weights, copy them beside the graph")
    try:
        return WeightArrays(load_file(file), str(file))
    except SafetensorError as error:
        raise ModelError(f"{file}: damaged ({error}); copy the model again") from error
