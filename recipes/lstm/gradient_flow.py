"""How far do gradients reach back in time? Their norms, step by step, for a tanh RNN, a GRU and our LSTM.

    python -m recipes.lstm.gradient_flow --speech ../shared/speech --music ../shared/music/bl/jsb.npz

Measured is the gradient of the loss at the last step with respect to what the network carried from each earlier step
to the next: the hidden state, and the LSTM's cell state. Divided by its value at the last step, it says how much of a
correction arrives: below 1 it shrinks on the way (vanishes), above 1 it grows (explodes: Bengio et al. 1994; Pascanu
et al. 2013). Beside it, the mean of the gate that keeps the state: the LSTM's forget gate, the GRU's update gate.

Three tasks, before and after training: the adding problem (tasks.py), and to guess the next frame of speech (log-mel
energies of AN4, 10 ms each) and of chorales (88 keys, a quarter note each). One more network is only looked at before
training: the tanh RNN with its recurrent weights doubled. All have the same number of weights. Gradients are torch's,
in float64; a test holds them equal to the product of the steps' Jacobians.

Prints a table and writes it with OUT/gradient_flow.png and OUT/gradient_flow.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audio_lstm.audio.files import load_audio
from audio_lstm.backbone import LSTMBackbone, lstm_weights
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.sound.features import FeatureConfig, extract_features
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.training.options import parse_recipe, run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.lstm.tasks import MODELS, NAMES, TASKS, Reader, n_weights_of, width_of
from recipes.music.rolls.data import load_rolls

COMMAND = "python -m recipes.lstm.gradient_flow"
DOUBLED = "rnn doubled"
LABELS = {**NAMES, DOUBLED: "tanh RNN, recurrent weights doubled"}
_FRAME_MELS = 40

Batch = tuple[Tensor, Tensor]  # inputs (items, steps, features); what to say after the last step (items, answers)


class Flow(NamedTuple):
    """What reaches back from the last step; every array (steps,), geometric means over items, the last step is 1."""

    hidden: NDArray[np.float64]
    cell: NDArray[np.float64] | None  # None: the network has no cell state; relative to the hidden state's last value
    kept: NDArray[np.float64] | None  # mean of the forget or update gate, 0..1; None: the network has none


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    speech: Path = Path("../shared/speech")  # the folder of an4.train.jsonl
    music: Path = Path("../shared/music/bl/jsb.npz")  # rolls, as for recipes/music/polyphony.py
    out: Path = Path("runs/gradient-flow")
    tasks: tuple[str, ...] = ("adding", "speech", "chorales")
    lag: int = 100  # of the adding problem
    speech_steps: int = 100  # frames of 10 ms
    music_steps: int = 40  # quarter notes
    hidden_size: int = 24  # of the LSTM; the others are as wide as gives the same number of weights
    batch_size: int = 32
    max_steps: int = 1000  # of training
    learning_rate: float = 1e-2  # the LSTM's and the GRU's
    rnn_learning_rate: float = 1e-3  # what long_lag.py finds for it
    n_items: int = 32  # over which gradients are averaged
    max_recordings: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [name for name in self.tasks if name not in SETS]
        if wrong or not self.tasks:
            raise ConfigError(f"tasks must be some of {', '.join(SETS)}; got {wrong[0] if wrong else 'none'!r}")
        for name in ("lag", "speech_steps", "music_steps"):
            if getattr(self, name) < 2:
                raise ConfigError(f"{name} must be at least 2 steps, got {getattr(self, name)}")
        for name in ("hidden_size", "batch_size", "n_items", "max_recordings"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")


def windows(pieces: Sequence[NDArray[np.float32]], n_steps: int, what: str) -> Callable[[int, torch.Generator], Batch]:
    """Stretches of some pieces and the frame that follows each.

    Args:
        pieces: (frames, features) each.
        n_steps: Of a stretch.
        what: They are, for the message.

    Returns:
        What draws a number of them.

    Raises:
        DataError: If no piece is longer than a stretch.
    """
    long_enough = [torch.from_numpy(piece) for piece in pieces if len(piece) > n_steps]
    if not long_enough:
        longest = max((len(piece) for piece in pieces), default=0)
        raise DataError(f"no {what} is longer than {n_steps} steps (the longest has {longest}): ask for fewer steps")

    def drawn(n_items: int, rng: torch.Generator) -> Batch:
        chosen = [long_enough[i] for i in torch.randint(0, len(long_enough), (n_items,), generator=rng).tolist()]
        starts = [int(torch.randint(0, len(piece) - n_steps, (1,), generator=rng)) for piece in chosen]
        cut = torch.stack([piece[at : at + n_steps + 1] for piece, at in zip(chosen, starts, strict=True)])
        return cut[:, :-1], cut[:, -1]

    return drawn


def adding_set(recipe: Recipe) -> Callable[[int, torch.Generator], Batch]:
    """The adding problem at the recipe's lag."""
    return lambda n_items, rng: TASKS["adding"].batch(n_items, recipe.lag, rng)


def speech_set(recipe: Recipe) -> Callable[[int, torch.Generator], Batch]:
    """Frames of AN4: 40 log-mel energies each, normalised per recording."""
    config = FeatureConfig(n_mels=_FRAME_MELS)
    chosen = read_manifest(recipe.speech / "an4.train.jsonl")[: recipe.max_recordings]
    frames = [extract_features(load_audio(item.audio, sample_rate=config.sample_rate), config) for item in chosen]
    return windows(frames, recipe.speech_steps, "recording")


def music_set(recipe: Recipe) -> Callable[[int, torch.Generator], Batch]:
    """Frames of chorales: 88 keys each."""
    rolls = load_rolls(recipe.music, "train").pieces
    return windows([roll.astype(np.float32) for roll in rolls], recipe.music_steps, "piece")


SETS = {"adding": adding_set, "speech": speech_set, "chorales": music_set}


def loss_of(task: str, said: Tensor, wanted: Tensor) -> Tensor:
    """The task's loss, one number an item."""
    if task == "chorales":
        return nn.functional.binary_cross_entropy_with_logits(said, wanted, reduction="none").sum(dim=-1)
    return (said - wanted).square().mean(dim=-1)


def flow(network: Reader, x: Tensor, loss: Callable[[Tensor], Tensor]) -> Flow:
    """How the gradient of the loss at the last step reaches back.

    Args:
        network: To look into.
        x: (items, steps, input_size).
        loss: From answers (items, output_size) after the last step to one number an item.

    Returns:
        Norms relative to the hidden state's of the last step.
    """
    network = deepcopy(network).double()
    x, state = x.double(), None
    hidden: list[Tensor] = []
    cell: list[Tensor] = []
    kept: list[float] = []
    for step in range(x.shape[1]):
        here = x[:, step : step + 1]
        if network.kind != "rnn":
            kept.append(_keeping(network, here[:, 0], hidden[-1][0] if hidden else None))
        _, state = network(here, state)
        parts = state if network.kind == "lstm" else (state,)
        for part, track in zip(parts, (hidden, cell), strict=False):
            part.retain_grad()
            track.append(part)
    loss(network.head(hidden[-1][0])).sum().backward()  # type: ignore[no-untyped-call]
    last = _norms(hidden[-1])
    reached = {
        name: np.exp(np.mean([np.log(np.maximum(_norms(part) / last, 1e-300)) for part in track], axis=1))
        for name, track in (("hidden", hidden), ("cell", cell))
        if track
    }
    return Flow(reached["hidden"], reached.get("cell"), np.array(kept) if kept else None)


def _norms(part: Tensor) -> NDArray[np.float64]:
    """Of each item's gradient, (items,); zero where none arrives, as with the cell state after the last step."""
    if part.grad is None:
        return np.zeros(part.shape[1])
    norms: NDArray[np.float64] = part.grad[0].norm(dim=-1).numpy()
    return norms


@torch.no_grad()
def _keeping(network: Reader, x: Tensor, hidden: Tensor | None) -> float:
    """Mean of the forget gate (LSTM) or update gate (GRU): the second block of rows in both."""
    layer = cast(LSTMBackbone, network.layer).forward_layers[0] if network.kind == "lstm" else network.layer
    weights = lstm_weights(layer)
    size = weights.recurrent.shape[1]
    rows = slice(size, 2 * size)
    sums = x @ weights.input[rows].T + weights.input_bias[rows] + weights.recurrent_bias[rows]
    if hidden is not None:
        sums = sums + hidden @ weights.recurrent[rows].T
    return float(torch.sigmoid(sums).mean())


def built(recipe: Recipe, kind: str, batch: Batch) -> Reader:
    """A new network for a task, as wide as the recipe says."""
    torch.manual_seed(recipe.seed)
    n_inputs, n_answers = batch[0].shape[2], batch[1].shape[1]
    model = "rnn" if kind == DOUBLED else kind
    width = width_of(model, n_inputs, n_weights_of("lstm", n_inputs, recipe.hidden_size))
    network = Reader(model, input_size=n_inputs, output_size=n_answers, hidden_size=width)
    if kind == DOUBLED:
        with torch.no_grad():
            lstm_weights(network.layer).recurrent.mul_(2.0)
    return network


def train(recipe: Recipe, task: str, network: Reader, draw: Callable[[int, torch.Generator], Batch]) -> float:
    """Train in place; the mean loss of the last tenth of the steps."""
    rate = recipe.rnn_learning_rate if network.kind == "rnn" else recipe.learning_rate
    optimizer = torch.optim.Adam(network.parameters(), rate)
    rng = torch.Generator().manual_seed(recipe.seed + 1)
    losses = []
    for _ in range(recipe.max_steps):
        x, wanted = draw(recipe.batch_size, rng)
        if task == "adding":  # every lag up to the one asked for, as in long_lag.py
            x, wanted = TASKS[task].batch(len(x), int(torch.randint(1, recipe.lag + 1, (1,), generator=rng)), rng)
        loss = loss_of(task, network.head(network(x)[0][:, -1]), wanted).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def measured(recipe: Recipe, task: str) -> list[dict[str, Any]]:
    """The flow through every network on one task, before and after training."""
    draw = SETS[task](recipe)
    x, wanted = draw(recipe.n_items, torch.Generator().manual_seed(recipe.seed))
    rows = []
    for kind in (*MODELS, DOUBLED):
        network = built(recipe, kind, (x, wanted))
        for when in ("before", "after") if kind != DOUBLED else ("before",):
            loss = train(recipe, task, network, draw) if when == "after" else None
            found = flow(network, x, lambda said: loss_of(task, said, wanted.double()))
            numbers = {name: _rounded(value) for name, value in found._asdict().items()}
            rows.append({"task": task, "network": kind, "when": when, "loss": loss, **numbers})
    return rows


def _rounded(values: NDArray[np.float64] | None) -> list[float] | None:
    return None if values is None else [float(f"{value:.3g}") for value in values.tolist()]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """What arrives 10 and 40 steps back, or at the beginning where that is nearer."""
    lines = ["| task, network | before: 10, 39 steps back | after | gate that keeps, after |", "|---|---|---|---|"]
    by = {(row["task"], row["network"], row["when"]): row for row in rows}
    for (task, kind, when), row in by.items():
        if when != "before":
            continue
        after = by.get((task, kind, "after"))
        for part in ("hidden", "cell"):
            if row[part] is None:
                continue
            told = [_arrives(one[part]) if one else "–" for one in (row, after)]
            kept = f"{np.mean(after['kept']):.2f}" if after and after["kept"] and part != "hidden" else "–"
            if kind == "gru" and after:
                kept = f"{np.mean(after['kept']):.2f}"
            name = f"{task}, {LABELS[kind]}{', ' + part + ' state' if kind == 'lstm' else ''}"
            lines.append(f"| {name} | {' | '.join(told)} | {kept} |")
    return "\n".join(lines)


def _arrives(track: Sequence[float]) -> str:
    return ", ".join(f"{track[max(0, len(track) - 1 - back)]:.1e}" for back in (10, 39))


def draw_picture(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Norms before and after training, and the gates that keep: a row for each task."""
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure(figsize=(11, 2.9 * len(tasks) + 0.6), layout="constrained")
    panels = figure.subplots(len(tasks), 3, squeeze=False)
    colours = {"rnn": "C3", DOUBLED: "C5", "gru": "C1", "lstm": "C0"}
    for line, task in zip(panels, tasks, strict=True):
        for axes, when in zip(line, ("before", "after"), strict=False):
            for row in (row for row in rows if row["task"] == task and row["when"] == when):
                for part, style in (("hidden", "-"), ("cell", "--")):
                    if row[part] is not None:
                        name = f"{LABELS[row['network']]}{', cell state' if part == 'cell' else ''}"
                        values = np.maximum(np.array(row[part]), 1e-12)
                        values[values <= 1e-12] = np.nan if part == "cell" else 1e-12
                        back = np.arange(len(values))[::-1]
                        axes.plot(back, values, style, color=colours[row["network"]], label=name)
            axes.axhline(1.0, color="0.6", linewidth=0.8)
            axes.set_yscale("log")
            axes.set_ylim(1e-12, 1e6)
            axes.set_xlabel("steps back from the last")
            axes.set_ylabel("gradient, last step = 1")
            axes.set_title(f"{task}, {when} training")
            axes.text(0.98, 0.95, "exploding ↑", transform=axes.transAxes, ha="right", va="top", fontsize=8)
            axes.text(0.98, 0.05, "vanishing ↓", transform=axes.transAxes, ha="right", va="bottom", fontsize=8)
        for row in (row for row in rows if row["task"] == task and row["kept"] is not None):
            style = "-" if row["when"] == "after" else ":"
            gate = "forget gate" if row["network"] == "lstm" else "update gate"
            label = f"{LABELS[row['network']]}, {gate}, {row['when']}"
            back = np.arange(len(row["kept"]))[::-1]
            line[2].plot(back, row["kept"], style, color=colours[row["network"]], label=label)
        line[2].set_ylim(0, 1)
        line[2].set_xlabel("steps back from the last")
        line[2].set_ylabel("mean of the gate")
        line[2].set_title(f"{task}: gate that keeps")
    panels[0, 0].legend(fontsize=7, loc="lower left")
    panels[0, 2].legend(fontsize=7, loc="lower left")
    figure.savefig(path, dpi=110)


BASE = Recipe()
TINY = replace(
    BASE, out=Path("runs/gradient-flow-tiny"), tasks=("adding",), lag=4, hidden_size=4, batch_size=4, max_steps=3
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write it and the picture."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    rows = [row for task in recipe.tasks for row in measured(recipe, task)]
    recipe.out.mkdir(parents=True, exist_ok=True)
    (recipe.out / "gradient_flow.json").write_text(
        json.dumps({"command": COMMAND, "rows": rows}) + "\n", encoding="utf-8"
    )
    draw_picture(rows, recipe.out / "gradient_flow.png")
    print(table(rows))
    return 0


if __name__ == "__main__":
    run_recipe(main)
