"""The two engines behind one interface: ONNX Runtime on a CPU (no torch), and torch for everything else.

An engine turns inputs and a state into outputs and the next state. The state is a tuple of arrays that the caller
passes back untouched: engines remember nothing, so that one engine serves many streams.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, MissingDependencyError, ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["Engine", "OnnxEngine", "State", "TorchEngine", "resolve_device"]

State = tuple[NDArray[np.float32], ...]


class Engine(Protocol):
    """A model that can be run."""

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        """Run a padded batch.

        Args:
            inputs: (batch, time, width): float32 features or int64 ids.
            lengths: Valid steps of each item (batch,).
            state: What the previous chunk returned, or None at the start.

        Returns:
            Outputs (batch, output time, output width) in float32, and the next state (empty for a model that reads
            whole sequences only).
        """
        ...


class OnnxEngine:
    """A graph written by audio_lstm.export, run by ONNX Runtime on the CPU."""

    def __init__(self, path: str | os.PathLike[str], *, n_threads: int = 1) -> None:
        """Load the graph.

        Args:
            path: The `.onnx` file.
            n_threads: CPU threads inside one call. One is best for small models and for several streams at once.

        Raises:
            ModelError: If the file is missing or is not a graph that ONNX Runtime can run.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        if not Path(path).is_file():
            raise ModelError(f"{path}: no such file; export the model again or pass device='cuda'")
        failures = (
            ort.capi.onnxruntime_pybind11_state.Fail,
            ort.capi.onnxruntime_pybind11_state.InvalidProtobuf,
            ort.capi.onnxruntime_pybind11_state.InvalidGraph,
            ort.capi.onnxruntime_pybind11_state.InvalidArgument,
            ort.capi.onnxruntime_pybind11_state.NoSuchFile,
            ort.capi.onnxruntime_pybind11_state.NotImplemented,
            ort.capi.onnxruntime_pybind11_state.RuntimeException,
            UnicodeDecodeError,  # it quotes what is no text
        )
        try:
            self._session = ort.InferenceSession(
                _readable(path),
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # it would try the same again, and say so on standard output
            )
        except failures as error:
            raise ModelError(f"{path}: not a model that ONNX Runtime can run; export it again") from error
        self._path = path
        declared = self._session.get_inputs()
        self._inputs = [(item.name, item.shape, item.type) for item in declared[:2]]
        self._state = [(item.name, item.shape) for item in declared[2:]]
        shapes = [item.shape for item in self._session.get_outputs()]
        self._heads = shapes[: max(1, len(shapes) - len(self._state))]  # the next state comes after them

    def check(self, *, input_size: int, output_size: int, streams: bool) -> None:
        """Make sure that the graph is the model that config.json describes.

        Args:
            input_size: Width of the inputs.
            output_size: Width of the outputs, those of several heads side by side.
            streams: Whether it takes a state.

        Raises:
            ModelError: If it is not; running it would fail in ONNX Runtime's words, or not at all.
        """
        widths = [shape[-1] if shape else 0 for shape in self._heads]
        adds_up = all(isinstance(width, int) for width in widths) and sum(widths) == output_size
        fits = len(self._inputs) == 2 and self._inputs[0][1][-1:] == [input_size] and adds_up
        if not fits or bool(self._state) != streams:
            raise ModelError(
                f"{self._path}: does not fit config.json (expected input width {input_size}, output width "
                f"{output_size}, {'a' if streams else 'no'} state); copy or export the model again"
            )

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        """See Engine.run."""
        if state is None:
            state = tuple(self._zeros(shape, len(lengths)) for _, shape in self._state)
        feed = {self._inputs[0][0]: inputs, self._inputs[1][0]: lengths.astype(np.int32)}
        feed.update({name: array for (name, _), array in zip(self._state, state, strict=True)})
        results = self._session.run(None, feed)
        heads, next_state = results[: len(self._heads)], results[len(self._heads) :]
        return heads[0] if len(heads) == 1 else np.concatenate(heads, axis=-1), tuple(next_state)

    @staticmethod
    def _zeros(shape: list[int | str], batch_size: int) -> NDArray[np.float32]:
        return np.zeros([size if isinstance(size, int) else batch_size for size in shape], np.float32)


class StatefulModule(Protocol):
    """What a torch model offers to its engine; SpeechModel and MusicModel do."""

    def __call__(self, inputs: torch.Tensor, lengths: torch.Tensor, state: Any) -> tuple[Any, ...]:
        """Outputs first, the nested state last."""
        ...

    @staticmethod
    def state_from_tensors(tensors: tuple[torch.Tensor, ...]) -> Any:
        """The nested state again from its flat tensors."""
        ...


class TorchEngine:
    """A torch module that takes (inputs, lengths, state) and returns (outputs, …, state), on any device."""

    def __init__(self, module: StatefulModule, *, streams: bool, device: str = "cpu") -> None:
        """Wrap a module.

        Args:
            module: A SpeechModel or MusicModel, already on `device` and in evaluation mode.
            streams: Whether its state may be carried on (unidirectional models).
            device: "cpu" or "cuda".
        """
        self._module = module
        self._streams = streams
        self._device = device

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        """See Engine.run."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(inputs)).to(self._device)
            given = None
            if state:
                tensors = tuple(torch.from_numpy(array).to(self._device) for array in state)
                given = self._module.state_from_tensors(tensors)
            outputs, *_, next_state = self._module(x, torch.from_numpy(lengths), given)
            arrays = tuple(t.cpu().numpy() for t in _flatten(next_state)) if self._streams else ()
            return outputs.float().cpu().numpy(), arrays


def resolve_device(device: str) -> str:
    """Check a device name.

    Args:
        device: "cpu" or "cuda" (a GPU, through torch).

    Returns:
        The name, once it is known to work here.

    Raises:
        ConfigError: If the name is unknown, or no GPU is there.
        MissingDependencyError: If "cuda" is asked for and torch is not installed.
    """
    if device == "cpu":
        return device
    if device != "cuda":
        raise ConfigError(f"device must be 'cpu' or 'cuda', got {device!r}")
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("device='cuda' needs torch: pip install 'audio-lstm[train]'") from error
    if not torch.cuda.is_available():
        raise ConfigError("device='cuda': torch finds no GPU here; use device='cpu'")
    return device


def _flatten(state: Any) -> list[torch.Tensor]:
    """The tensors of a nested tuple, depth first: the order in which the ONNX graphs declare them."""
    if isinstance(state, tuple):
        return [tensor for item in state for tensor in _flatten(item)]
    return [state]


def _readable(path: str | os.PathLike[str]) -> str | bytes:
    """A model as ONNX Runtime takes it: by its name, or its bytes where the name is not UTF-8."""
    name = os.fspath(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return Path(path).read_bytes()
    return name
