"""The model folder: written whole or not at all, found in the documented order, and refused where it is damaged."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import onnx
import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from onnx import TensorProto, helper
from safetensors.torch import load_file, save_file
from torch import nn

from audio_lstm import checkpoint
from audio_lstm.checkpoint import (
    ModelFolder,
    load_weights,
    open_model,
    resolve_model,
    shipped_models,
    write_card,
    write_model,
)
from audio_lstm.errors import MissingDependencyError, ModelError

FILES = ["README.md", "config.json", "model.onnx", "model.safetensors"]
FETCHED = sorted([*FILES, "decoding.json", "reader.onnx", "novelty.npz", "lexicon.lex", "*.lm"])  # from the hub


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The hub is off, and a call of it would be seen: the calls that were made."""
    calls: list[dict[str, Any]] = []

    def snapshot_download(hub_id: str, **options: Any) -> str:
        calls.append({"hub_id": hub_id, **options})
        raise LocalEntryNotFoundError("not cached")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return calls


def graph() -> onnx.ModelProto:
    """x -> x."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    return helper.make_model(
        helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "tiny", ends[:1], ends[1:])
    )


def write(folder: Path, *, value: float = 0.5, half: bool = False, **header: Any) -> Path:
    module = nn.Linear(2, 3)
    nn.init.constant_(module.weight, value)
    fields = {"wing": "speech", "name": "tiny", "config": {"width": 3}, "representation": {}, **header}
    return write_model(folder, ModelFolder(folder, **fields), module=module, graph=graph(), card="# Tiny\n", half=half)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def edit_config(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "new" / "model", wing="music", representation={"kind": "events"})
    assert names(folder) == FILES
    opened = open_model(folder, "music")
    assert (opened.path, opened.wing, opened.name) == (folder, "music", "tiny")
    assert opened.config == {"width": 3}
    assert opened.representation == {"kind": "events"}
    assert onnx.load(opened.graph).graph.name == "tiny"
    module = nn.Linear(2, 3)
    load_weights(opened, module)
    assert (module.weight == 0.5).all()
    assert (folder / "README.md").read_text() == "# Tiny\n"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_others_may_read_a_written_model(tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_an_older_model_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "model", value=0.25, name="old")
    folder = write(tmp_path / "model", value=0.75, name="new")
    assert open_model(folder, "speech").name == "new"
    assert (load_file(folder / "model.safetensors")["weight"] == 0.75).all()
    assert names(tmp_path) == ["model"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert names(write(tmp_path)) == FILES


def test_a_link_to_a_model_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "first", name="old")
    (tmp_path / "latest").symlink_to("first")
    write(tmp_path / "latest", name="new")
    assert (tmp_path / "latest").is_symlink()
    assert open_model(tmp_path / "first", "speech").name == "new"
    assert names(tmp_path) == ["first", "latest"]


@pytest.mark.parametrize("broken", ["config", "weights", "graph", "rename"])
def test_a_failure_while_writing_leaves_the_old_model_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    write(tmp_path / "model", name="old")

    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    if broken == "config":
        monkeypatch.setattr(Path, "write_text", fail)
    elif broken == "weights":
        monkeypatch.setattr("safetensors.torch.save_file", fail)
    elif broken == "graph":
        monkeypatch.setattr(Path, "write_bytes", fail)
    else:
        rename = Path.rename

        def only_aside(path: Path, target: Path) -> Path:
            return rename(path, target) if "-" in target.name or path.name.endswith("-old") else fail()

        monkeypatch.setattr(Path, "rename", only_aside)
    with pytest.raises(ModelError, match=r"model: cannot be written \(No space left on device\); check the folder and"):
        write(tmp_path / "model", name="new")
    monkeypatch.undo()
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == FILES
    assert open_model(tmp_path / "model", "speech").name == "old"


def test_a_foreign_error_while_writing_leaves_the_old_model_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "model", name="old")
    with pytest.raises(TypeError, match="not JSON serializable"):
        write(tmp_path / "model", name="new", config={"width": object()})
    assert names(tmp_path) == ["model"]
    assert open_model(tmp_path / "model", "speech").name == "old"


@pytest.mark.parametrize("precious", ["notes.txt", "README.md"])
def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path, precious: str) -> None:
    (tmp_path / precious).write_text("years of work")
    with pytest.raises(ModelError, match=f"holds '{precious}', which is no part of a model; choose a new folder"):
        write(tmp_path)
    assert names(tmp_path) == [precious]


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("years of work")
    with pytest.raises(ModelError, match="exists and is not a folder; choose another name for the model"):
        write(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "years of work"


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", value=1 / 3, half=True)
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float16}
    module = nn.Linear(2, 3)
    load_weights(open_model(folder, "speech"), module)
    assert module.weight.dtype == torch.float32
    torch.testing.assert_close(module.weight, torch.full((3, 2), 1 / 3), atol=1e-3, rtol=0)


def test_names_resolve_to_shipped_models_first_then_folders_then_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[dict[str, Any]]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path / "weights")
    write(tmp_path / "weights" / "an4")
    write(tmp_path / "an4")
    write(tmp_path / "runs" / "mine")
    (tmp_path / "weights" / "notes").mkdir()
    assert shipped_models() == {"an4": tmp_path / "weights" / "an4"}
    assert resolve_model("an4") == tmp_path / "weights" / "an4"
    assert resolve_model("./an4").samefile(tmp_path / "an4")
    assert resolve_model("runs/mine").samefile(tmp_path / "runs" / "mine")
    assert resolve_model(tmp_path / "runs" / "mine") == tmp_path / "runs" / "mine"
    assert no_network == []
    with pytest.raises(ModelError, match="not found"):
        resolve_model("owner/name")
    assert [call["hub_id"] for call in no_network] == ["owner/name"]


def test_without_shipped_models_the_error_says_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path / "missing")
    assert shipped_models() == {}
    with pytest.raises(ModelError, match=r"model 'x' not found; tried a shipped model \(none\); a local folder \(x\)$"):
        resolve_model("x")


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folder = write(tmp_path / "model")
    assert resolve_model("~/model").samefile(folder)


@pytest.mark.parametrize("name", ["~no-such-user-here/model/x", "x" * 5000, "a\0b", "../../elsewhere", "a/b/c"])
def test_odd_names_are_not_found_and_never_reach_the_hub(name: str, no_network: list[dict[str, Any]]) -> None:
    with pytest.raises(ModelError, match="not found; tried a shipped model"):
        resolve_model(name)
    assert no_network == []


def test_a_path_object_is_never_a_hub_id(no_network: list[dict[str, Any]]) -> None:
    with pytest.raises(ModelError, match="not found"):
        resolve_model(Path("owner/name"))
    assert no_network == []


def test_a_file_in_place_of_its_folder_is_named_with_the_way_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    with pytest.raises(ModelError, match=r"model\.onnx: is a file; pass the model's folder, .*model$"):
        resolve_model(folder / "model.onnx")


def test_the_hub_is_not_called_when_offline(no_network: list[dict[str, Any]]) -> None:
    message = (
        r"'o/n' not found; .*; a local folder \(o.n\); the hub \(not in the local cache, and HF_HUB_OFFLINE is set\)"
    )
    with pytest.raises(ModelError, match=message):
        resolve_model("o/n")
    assert [call["local_files_only"] for call in no_network] == [True]


def hub(monkeypatch: pytest.MonkeyPatch, cached: Callable[[], str], fetched: Callable[[], str]) -> list[str]:
    """A hub that answers so, and a list of what it was asked."""
    asked: list[str] = []

    def snapshot_download(hub_id: str, *, allow_patterns: list[str], local_files_only: bool = False, **_: Any) -> str:
        assert sorted(allow_patterns) == FETCHED
        asked.append("cache" if local_files_only else "network")
        return cached() if local_files_only else fetched()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return asked


def absent() -> str:
    raise LocalEntryNotFoundError("not cached")


def test_a_cached_hub_model_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "model")
    asked = hub(monkeypatch, lambda: str(folder), absent)
    assert open_model("owner/name", "speech").path == folder
    assert asked == ["cache"]


def test_a_hub_model_is_fetched_when_it_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "model")
    asked = hub(monkeypatch, absent, lambda: str(folder))
    assert resolve_model("owner/name") == folder
    assert asked == ["cache", "network"]


def test_a_download_that_broke_off_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "model")
    partial = shutil.copytree(folder, tmp_path / "partial")
    (partial / "model.onnx").unlink()
    asked = hub(monkeypatch, lambda: str(partial), lambda: str(folder))
    assert resolve_model("owner/name") == folder
    assert asked == ["cache", "network"]


@pytest.mark.parametrize("kind", [LocalEntryNotFoundError, OSError, *HfHubHTTPError.__bases__])
def test_a_hub_out_of_reach_is_one_clear_error(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise kind("no route")

    hub(monkeypatch, absent, fail)
    message = (
        rf"the hub \(not in the local cache, and fetching it failed with {kind.__name__}; check the id and the netw"
    )
    with pytest.raises(ModelError, match=message):
        resolve_model("owner/name")


def test_a_name_that_the_hub_refuses_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise huggingface_hub.errors.HFValidationError("--")

    hub(monkeypatch, refuse, absent)
    with pytest.raises(ModelError, match=r"the hub \('a--b/c' is not a hub id\)"):
        resolve_model("a--b/c")


def test_without_huggingface_hub_the_pip_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match="models from the hub need huggingface_hub: pip install"):
        resolve_model("owner/name")


def test_a_folder_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a model folder \(no config\.json\); pass a folder written by a recipe"):
        open_model(tmp_path, "speech")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", r"not valid JSON .*; the folder is damaged, copy it again"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "expected an object with wing, name and model; not a model of audio_lstm"),
        (b'{"model_type": "bert"}', "not a model of audio_lstm"),
        (b'{"model": 3}', "not a model of audio_lstm"),
        (b'{"model": {}}', r"format None, this version of audio_lstm reads 1; upgrade audio_lstm or export"),
        (b'{"model": {}, "format_version": 2}', "format 2, this version of audio_lstm reads 1; upgrade audio_lstm"),
        (b" " * 4_000_001, "4000001 bytes is too large for a configuration; not a model's file"),
    ],
    ids=range(10),
)
def test_a_damaged_or_newer_config_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        open_model(tmp_path, "speech")
    assert str(tmp_path / "config.json") in str(caught.value)


def test_a_config_that_cannot_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "model")

    def refuse(*_: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ModelError, match=r"config\.json: cannot be read \(Permission denied\); check its permissions"):
        open_model(tmp_path / "model", "speech")


def test_a_model_of_the_other_wing_names_the_command_for_it(tmp_path: Path) -> None:
    speech, music = write(tmp_path / "speech"), write(tmp_path / "music", wing="music")
    with pytest.raises(ModelError, match="of the speech wing, but a music model is needed; use it with `transcribe`"):
        open_model(speech, "music")
    with pytest.raises(ModelError, match="of the music wing, but a speech model is needed; use it with `compose`"):
        open_model(music, "speech")
    language = write(tmp_path / "language", wing="language")
    with pytest.raises(ModelError, match="the language wing, but a speech model is needed; use it with `load_char_lm`"):
        open_model(language, "speech")
    sounds = write(tmp_path / "sounds", wing="pronunciation")
    with pytest.raises(ModelError, match=r"the pronunciation wing, but a language .* use it with `load_pronouncer`"):
        open_model(sounds, "language")
    with pytest.raises(ModelError, match="of the speech wing, but a language model is needed; use it with `transcri"):
        open_model(speech, "language")


@pytest.mark.parametrize("wing", ["vision", None, ["speech"], {}])
def test_an_unknown_wing_is_refused(tmp_path: Path, wing: object) -> None:
    edit_config(write(tmp_path / "model"), wing=wing)
    with pytest.raises(ModelError, match="wing, but a speech model is needed; pass a folder written by a recipe"):
        open_model(tmp_path / "model", "speech")


def test_a_representation_is_an_object(tmp_path: Path) -> None:
    edit_config(write(tmp_path / "model", wing="music"), representation=[1])
    with pytest.raises(ModelError, match="representation must be an object; the folder is damaged, copy it again"):
        open_model(tmp_path / "model", "music")


def test_weights_that_are_missing_leave_the_cpu(tmp_path: Path) -> None:
    folder = open_model(write(tmp_path / "model"), "speech")
    (folder.path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no such file; a model without it runs on the CPU only \(device='cpu'\)"):
        load_weights(folder, nn.Linear(2, 3))


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-3], lambda b: b"PK\x03\x04" + b, lambda b: b[:8]])
def test_damaged_weights_are_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    folder = open_model(write(tmp_path / "model"), "speech")
    file = folder.path / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged \(.*\); copy the model again"):
        load_weights(folder, nn.Linear(2, 3))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(3, 2)}, r"does not fit config\.json \(tensor 'bias' is missing or unexpected\)"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "more": torch.zeros(1)}, "tensor 'more' is missing or"),
        (
            {"weight": torch.zeros(2, 3), "bias": torch.zeros(3)},
            r"weight has shape \(2, 3\), config\.json asks for \(3,",
        ),
        (
            {"weight": torch.zeros(3, 2).bfloat16(), "bias": torch.zeros(3)},
            "weight is torch.bfloat16, expected float32",
        ),
        (
            {"weight": torch.zeros(3, 2), "bias": torch.tensor([0, torch.nan, 0])},
            "bias holds values that are not finite",
        ),
        (
            {"weight": torch.zeros(3, 2), "bias": torch.tensor([0, torch.inf, 0])},
            "bias holds values that are not finite",
        ),
    ],
    ids=["missing", "unexpected", "shape", "type", "NaN", "infinite"],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(
    tmp_path: Path, tensors: dict[str, torch.Tensor], message: str
) -> None:
    folder = open_model(write(tmp_path / "model"), "speech")
    save_file(tensors, folder.path / "model.safetensors")
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    with pytest.raises(ModelError, match=message):
        load_weights(folder, module)
    assert torch.equal(module.weight, before)


def test_a_card_is_replaced_alone_and_atomically(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("old")
    (tmp_path / "model.onnx").write_text("graph")
    write_card(tmp_path, "# néw\n")
    assert {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()} == {
        "README.md": "# néw\n",
        "model.onnx": "graph",
    }


def test_a_card_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"README\.md: cannot be written \(No such file or directory\); check the fold"
    ):
        write_card(tmp_path / "nowhere", "# new")
