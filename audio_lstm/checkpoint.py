"""The model folder: written whole or not at all, found by name, path or hub id, and never trusted blindly.

    config.json        wing, name, the resolved model configuration (and, for music, the representation)
    model.safetensors  the weights, for torch: fine-tuning and GPUs
    model.onnx         the same model for CPUs: int8 weights, the state as inputs and outputs
    README.md          the model card: data, licences, measured quality, size, limits
    decoding.json      how its output becomes text (speech; if it was tuned): language model, weights, confidence
    lexicon.lex        how words are said (speech; if the model hears sounds beside letters)
    *.lm               language models that decoding.json names
    novelty.npz        what the training set sounds like, to tell copies (music/compare/novelty.py)

Nothing here is ever unpickled, and no configuration names code.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from audio_lstm.atomic import atomic_write
from audio_lstm.config import config_from_dict
from audio_lstm.errors import ConfigError, MissingDependencyError, ModelError

if TYPE_CHECKING:
    import onnx
    from torch import Tensor, nn

__all__ = [
    "ModelFolder",
    "Wing",
    "load_weights",
    "open_config",
    "open_model",
    "resolve_model",
    "shipped_models",
    "write_card",
    "write_model",
]

# Beside the two wings: models of text, and of how words are said.
Wing = Literal["speech", "music", "language", "pronunciation", "punctuation"]

ConfigT = TypeVar("ConfigT")

FORMAT_VERSION = 1
CONFIG_FILE, WEIGHTS_FILE, GRAPH_FILE, CARD_FILE = "config.json", "model.safetensors", "model.onnx", "README.md"
SHIPPED = Path(__file__).parent / "weights"
DECODING_FILE, LANGUAGE_MODEL_SUFFIX = "decoding.json", ".lm"
READER_FILE = "reader.onnx"  # of a model of two parts (music/models/fill_export.py)
NOVELTY_FILE = "novelty.npz"
LEXICON_FILE = "lexicon.lex"  # of a model that hears phonemes too (speech/decoding/lexicon.py)
_MODEL_FILES = (
    CONFIG_FILE,
    WEIGHTS_FILE,
    GRAPH_FILE,
    CARD_FILE,
    DECODING_FILE,
    READER_FILE,
    NOVELTY_FILE,
    LEXICON_FILE,
)
_MAX_CONFIG_BYTES = 4_000_000
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk whose config.json has been read."""

    path: Path
    wing: Wing
    name: str
    config: Mapping[str, Any]  # the model's own configuration
    representation: Mapping[str, Any]  # how music becomes tokens; empty for speech

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.path / GRAPH_FILE


def shipped_models() -> dict[str, Path]:
    """The models inside this package, by name.

    Examples:
        >>> import audio_lstm
        >>> "english-base" in audio_lstm.shipped_models()
        True

    Returns:
        The folder of each.
    """
    folders = sorted(SHIPPED.iterdir()) if SHIPPED.is_dir() else []
    return {folder.name: folder for folder in folders if (folder / CONFIG_FILE).is_file()}


def resolve_model(model: str | os.PathLike[str]) -> Path:
    """Find a model folder.

    Args:
        model: The name of a shipped model, else a local folder, else a Hugging Face hub id ("owner/name").

    Returns:
        The folder.

    Raises:
        ModelError: If nothing of that name is found (the message lists what was tried), or it is a file.
    """
    name = os.fspath(model)
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    folder = Path(os.path.expanduser(name))  # Path.expanduser raises for an unknown user
    if os.path.isdir(folder):  # False for names too long or odd for the system, where Path.is_dir raises
        return folder
    if os.path.isfile(folder):
        raise ModelError(f"{folder}: is a file; pass the model's folder, {folder.parent}")
    tried = [f"a shipped model ({', '.join(shipped) or 'none'})", f"a local folder ({folder})"]
    if isinstance(model, str) and _HUB_ID.fullmatch(name):
        reason = ""
        try:
            return _download(name)
        except ModelError as error:
            reason = str(error)
        tried.append(f"the hub ({reason})")
    raise ModelError(f"model {name!r} not found; tried {'; '.join(tried)}")


def open_model(model: str | os.PathLike[str], wing: Wing) -> ModelFolder:
    """Find a model folder and read its configuration.

    Args:
        model: Name, folder or hub id, as for `resolve_model`.
        wing: The wing that is going to use it.

    Returns:
        The folder with its configuration, not yet its weights.

    Raises:
        ModelError: If it is not found, is not a model folder, is of a newer format, or belongs to another wing.
    """
    path = resolve_model(model)
    file = path / CONFIG_FILE
    if not file.is_file():
        raise ModelError(f"{path}: not a model folder (no {CONFIG_FILE}); pass a folder written by a recipe")
    if file.stat().st_size > _MAX_CONFIG_BYTES:
        raise ModelError(f"{file}: {file.stat().st_size} bytes is too large for a configuration; not a model's file")
    try:
        content = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: not valid JSON ({error}); the folder is damaged, copy it again") from error
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise ModelError(f"{file}: expected an object with wing, name and model; not a model of audio_lstm")
    if content.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{file}: format {content.get('format_version')!r}, this version of audio_lstm reads {FORMAT_VERSION}; "
            "upgrade audio_lstm or export the model again"
        )
    found = content.get("wing")
    if found != wing:
        uses = {"speech": "`transcribe`", "music": "`compose`"}
        uses |= {"language": "`load_char_lm`", "pronunciation": "`load_pronouncer`", "punctuation": "`load_writer`"}
        use = uses.get(str(found))
        way_out = f"use it with {use}" if use else "pass a folder written by a recipe"
        raise ModelError(f"{path}: a model of the {found} wing, but a {wing} model is needed; {way_out}")
    representation = content.get("representation", {})
    if not isinstance(representation, dict):
        raise ModelError(f"{file}: representation must be an object; the folder is damaged, copy it again")
    return ModelFolder(path, wing, str(content.get("name", path.name)), content["model"], representation)


def open_config(folder: ModelFolder, kind: type[ConfigT]) -> ConfigT:
    """The configuration of a model, checked.

    Args:
        folder: An opened model folder.
        kind: The dataclass that it is to be.

    Returns:
        The configuration.

    Raises:
        ModelError: If a field is missing, unknown or of a wrong value.
    """
    try:
        return config_from_dict(kind, folder.config, where=str(folder.path))
    except ConfigError as error:
        raise ModelError(f"{error}; the model folder is damaged or of another version") from error


def write_model(
    folder: str | os.PathLike[str],
    header: ModelFolder,
    *,
    module: nn.Module,
    graph: onnx.ModelProto,
    card: str,
    half: bool = False,
    more_graphs: Mapping[str, onnx.ModelProto | bytes] | None = None,
) -> Path:
    """Write a whole model folder, replacing an older one only once the new one is complete.

    Args:
        folder: Where to write; parents are created, links are followed. What is there may only be an older model.
        header: Wing, name, configuration and representation (its path is ignored).
        module: The torch model whose weights are saved.
        graph: The ONNX model, usually int8.
        card: The text of the model card, Markdown.
        half: Store the weights for torch as float16, at half the size.
        more_graphs: Further ONNX models by file name, for a model of several parts; bytes are written as they are.

    Returns:
        The folder.

    Raises:
        ModelError: If something other than a model is there already, or the disk does not take the files.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    target = Path(os.path.realpath(folder))
    _check_replaceable(target)
    tensors: dict[str, Tensor] = {
        name: (tensor.half() if half else tensor).cpu().contiguous() for name, tensor in module.state_dict().items()
    }
    content = {"format_version": FORMAT_VERSION, "wing": header.wing, "name": header.name, "model": header.config}
    if header.representation:
        content["representation"] = header.representation
    scratch = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        (scratch / CONFIG_FILE).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        save_file(tensors, scratch / WEIGHTS_FILE)
        for file_name, part in {GRAPH_FILE: graph, **(more_graphs or {})}.items():
            (scratch / file_name).write_bytes(part if isinstance(part, bytes) else part.SerializeToString())
        (scratch / CARD_FILE).write_text(card, "utf-8")
        scratch.chmod(0o755)
        for file in scratch.iterdir():
            file.chmod(0o644)  # safetensors makes files that only their owner may read
            with file.open("r+b") as handle:
                os.fsync(handle.fileno())
        _replace_folder(target, scratch)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"{target}: cannot be written ({reason}); check the folder and the space left") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def write_card(folder: str | os.PathLike[str], card: str) -> None:
    """Replace the card of a model folder; the model itself stays as it is.

    Args:
        folder: A model folder that exists.
        card: The text of the model card, Markdown.

    Raises:
        ModelError: If the card cannot be written.
    """
    file = Path(folder) / CARD_FILE
    try:
        with atomic_write(file) as scratch:
            scratch.write_text(card, "utf-8")
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be written ({error.strerror}); check the folder and the space left"
        ) from error


def _check_replaceable(target: Path) -> None:
    """Refuse to replace what is no model: a folder is replaced with all that it holds."""
    if not target.exists():
        return
    if not target.is_dir():
        raise ModelError(f"{target}: exists and is not a folder; choose another name for the model")
    names = {file.name for file in target.iterdir()}
    of_a_model = set(_MODEL_FILES) if CONFIG_FILE in names else set()
    of_a_model |= {name for name in names if of_a_model and name.endswith(LANGUAGE_MODEL_SUFFIX)}
    foreign = sorted(names - of_a_model)
    if foreign:
        raise ModelError(f"{target}: holds {foreign[0]!r}, which is no part of a model; choose a new folder")


def _replace_folder(target: Path, scratch: Path) -> None:
    """Put the complete new folder in the place of the old one, or leave the old one there."""
    if not target.exists():
        scratch.rename(target)
        return
    old = scratch.with_name(scratch.name + "-old")
    target.rename(old)
    try:
        scratch.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def load_weights(folder: ModelFolder, module: nn.Module) -> None:
    """Read model.safetensors into a module built from the folder's configuration.

    Args:
        folder: An opened model folder.
        module: The torch model, on the CPU; its parameters are overwritten.

    Raises:
        ModelError: If the file is missing or damaged, or names, shapes, types or values are not what the
            configuration asks for.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = folder.path / WEIGHTS_FILE
    if not file.is_file():
        raise ModelError(f"{file}: no such file; a model without it runs on the CPU only (device='cpu')")
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise ModelError(f"{file}: damaged ({error}); copy the model again") from error
    expected = module.state_dict()
    different = sorted(set(expected) ^ set(tensors))
    if different:
        raise ModelError(f"{file}: does not fit config.json (tensor {different[0]!r} is missing or unexpected)")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise ModelError(
                f"{file}: {name} has shape {tuple(tensor.shape)}, config.json asks for {tuple(expected[name].shape)}"
            )
        if tensor.dtype not in (torch.float32, torch.float16):
            raise ModelError(f"{file}: {name} is {tensor.dtype}, expected float32 or float16")
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{file}: {name} holds values that are not finite; the training of this model failed")
    module.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})


def _download(hub_id: str) -> Path:
    """A hub model's folder: from the local cache, else from the network; ModelError says what to do."""
    try:
        from huggingface_hub import constants, snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingDependencyError("models from the hub need huggingface_hub: pip install huggingface_hub") from error
    files = [*_MODEL_FILES, f"*{LANGUAGE_MODEL_SUFFIX}"]
    try:
        cached = Path(snapshot_download(hub_id, allow_patterns=files, local_files_only=True))
        if (cached / CONFIG_FILE).is_file() and (cached / GRAPH_FILE).is_file():  # else a download broke off
            return cached
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise ModelError(f"{hub_id!r} is not a hub id") from error
    if constants.HF_HUB_OFFLINE:
        raise ModelError("not in the local cache, and HF_HUB_OFFLINE is set")
    # The bases of the hub's error are those of its HTTP client, which differs between its versions.
    unreachable: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, LocalEntryNotFoundError, OSError)
    try:
        return Path(snapshot_download(hub_id, allow_patterns=files, etag_timeout=5))
    except unreachable as error:
        raise ModelError(
            f"not in the local cache, and fetching it failed with {type(error).__name__}; check the id and the network"
        ) from error
