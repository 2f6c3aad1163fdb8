"""Which parts of the LSTM cell matter? The ablation of Greff et al. 2017, small, on chorales and on speech.

    python -m recipes.lstm.odyssey --music ../shared/music/bl/jsb.npz --speech ../shared/speech

The vanilla cell (that of `nn.LSTM`: cells.py) and eight variants, each with one part missing, changed or added. Every
variant gets the same layer size, epochs and batches, the same few learning rates, and three seeds; all runs of a
variant train side by side (`cells.together`).

- `chorales`: the JSB set of recipes/music/polyphony.py, 88 keys a quarter note; the next frame is guessed, key by
  key; nats a frame on `valid`, all frames pooled. The last `held_out` pieces of `train` choose epoch and learning rate.
- `speech`: the short recordings of AN4 as log-mel energies, eight frames (80 ms) a step, forward only, two outputs a
  step, CTC over letters; nats a letter on an4.dev. The last `held_out` chosen recordings of an4.train choose.

These are small models on small budgets: the differences between variants are what is measured, not records. A variant
on a set is a line of OUT/runs.jsonl, and what is there is not run again. Prints a table beside the paper's findings and
writes it as OUT/odyssey.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.sound.features import FeatureConfig, extract_features
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import Utterance, read_manifest
from audio_lstm.training.options import parse_recipe, run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.lstm.cells import VARIANTS, AblatedLSTM, together
from recipes.music.rolls.data import load_rolls

UNITS = {"chorales": "nats a frame", "speech": "nats a letter"}
PAPER = {
    "vanilla": "no significant difference from the cell with peepholes",
    "no input gate": "worse on speech and handwriting, no significant effect on chorales",
    "no forget gate": "significantly worse on all three sets",
    "no output gate": "worse on speech and handwriting, no significant effect on chorales",
    "no input activation": "worse on speech and handwriting, no significant effect on chorales",
    "no output activation": "significantly worse on all three sets",
    "coupled gates": "no significant difference, fewer weights",
    "peepholes": "no significant difference (their base)",
    "full gate recurrence": "worse on chorales, no significant effect elsewhere, many more weights",
}
_STACK, _OUTPUTS_A_STEP, _MELS = 8, 2, 40  # speech: frames a step, CTC outputs a step, log-mel energies


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    music: Path = Path("../shared/music/bl/jsb.npz")
    speech: Path = Path("../shared/speech")  # the folder of an4.train.jsonl and an4.dev.jsonl
    out: Path = Path("runs/odyssey")
    sets: tuple[str, ...] = tuple(UNITS)
    variants: tuple[str, ...] = tuple(VARIANTS)
    seeds: tuple[int, ...] = (0, 1, 2)
    learning_rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2)
    hidden_size: int = 32
    batch_size: int = 16
    music_epochs: int = 30
    speech_epochs: int = 30
    evaluate_every: int = 5  # epochs
    window: int = 64  # frames of a chorale that are learned from at once
    max_recording_s: float = 3.0
    max_recordings: int = 400
    held_out: int = 29  # of the training pieces or recordings, to choose with
    max_pieces: int = 0  # of each split; 0: all

    def __post_init__(self) -> None:
        for given, known, what in ((self.sets, UNITS, "sets"), (self.variants, VARIANTS, "variants")):
            wrong = [name for name in given if name not in known]
            if wrong or not given:
                raise ConfigError(f"{what} must be some of {', '.join(known)}; got {wrong[0] if wrong else 'none'!r}")
        if not self.seeds or not self.learning_rates or min(self.learning_rates) <= 0:
            raise ConfigError("seeds and learning_rates need at least one value each, the latter above 0")
        least = {"hidden_size": 1, "batch_size": 1, "music_epochs": 1, "speech_epochs": 1, "evaluate_every": 1}
        for name, lowest in (least | {"window": 2, "held_out": 1, "max_recordings": 2, "max_pieces": 0}).items():
            if getattr(self, name) < lowest:
                raise ConfigError(f"{name} must be at least {lowest}, got {getattr(self, name)}")


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/odyssey-tiny"),
    seeds=(0, 1),
    hidden_size=4,
    batch_size=4,
    music_epochs=1,
    speech_epochs=1,
    window=8,
    max_recordings=8,
    held_out=2,
    max_pieces=6,
)


class Example(NamedTuple):
    """A piece or a recording."""

    x: Tensor  # (steps, features)
    y: Tensor  # chorales: (steps, 88); speech: letters (n,), int64


class Examples(NamedTuple):
    """One of the sets."""

    train: list[Example]
    choose: list[Example]  # decides on epoch and learning rate
    report: list[Example]
    n_outputs: int  # of the head, a step


def chorales(recipe: Recipe) -> Examples:
    """JSB: each frame from those before it; the first one from nothing."""
    limit = recipe.max_pieces or None
    splits = []
    for split in ("train", "valid"):
        rolls = [torch.from_numpy(roll.astype(np.float32)) for roll in load_rolls(recipe.music, split).pieces[:limit]]
        splits.append([Example(torch.cat([torch.zeros(1, 88), roll[:-1]]), roll) for roll in rolls])
    train, choose = _held_out(splits[0], recipe.held_out, "pieces")
    cut = [
        Example(x[at : at + recipe.window], y[at : at + recipe.window])
        for x, y in train
        for at in range(0, len(x), recipe.window)
    ]
    return Examples(cut, choose, splits[1], 88)


def speech(recipe: Recipe) -> Examples:
    """AN4: short recordings, in the order of the manifest."""
    train, choose = _held_out(_recordings(recipe, "an4.train.jsonl"), recipe.held_out, "recordings")
    return Examples(train, choose, _recordings(recipe, "an4.dev.jsonl"), ENGLISH.size * _OUTPUTS_A_STEP)


def _recordings(recipe: Recipe, manifest: str) -> list[Example]:
    config = FeatureConfig(n_mels=_MELS)
    short = [item for item in read_manifest(recipe.speech / manifest) if _lasts(item) <= recipe.max_recording_s]
    if not short:
        raise DataError(f"{manifest}: no recording lasts at most {recipe.max_recording_s:g} s; raise max_recording_s")
    found = []
    for item in short[: recipe.max_recordings]:
        frames = extract_features(load_audio(item.audio, sample_rate=config.sample_rate), config)
        frames = np.pad(frames, ((0, -len(frames) % _STACK), (0, 0)))
        x = torch.from_numpy(frames.reshape(-1, _STACK * _MELS))
        y = torch.from_numpy(ENGLISH.encode(item.text)).long()
        repeats = int((y[1:] == y[:-1]).sum())
        if len(y) + repeats <= len(x) * _OUTPUTS_A_STEP:  # else CTC cannot write it
            found.append(Example(x, y))
    return found


def _lasts(item: Utterance) -> float:
    return float("inf") if item.duration_s is None else item.duration_s


def _held_out(items: list[Example], n: int, what: str) -> tuple[list[Example], list[Example]]:
    if len(items) <= n:
        raise DataError(f"{len(items)} training {what} are too few to hold out {n}: lower held_out")
    return items[:-n], items[-n:]


class Network(nn.Module):
    """A variant's layer and a linear one."""

    def __init__(self, variant: str, n_inputs: int, n_outputs: int, hidden_size: int) -> None:
        super().__init__()
        self.cell = AblatedLSTM(n_inputs, hidden_size, variant)
        self.head = nn.Linear(hidden_size, n_outputs)


def losses(kind: str, networks: Sequence[Network], batches: Sequence[Sequence[Example]]) -> tuple[Tensor, Tensor]:
    """What each network pays for its own batch.

    Args:
        kind: Of the set.
        networks: R of one variant.
        batches: As many examples for each.

    Returns:
        Nats (R,), and how many frames or letters they are for (R,).
    """
    flat = [example for batch in batches for example in batch]
    shape = (len(networks), len(batches[0]))
    lengths = torch.tensor([len(example.x) for example in flat])
    x = nn.utils.rnn.pad_sequence([example.x for example in flat], batch_first=True)
    states, _ = together([network.cell for network in networks], x.reshape(*shape, *x.shape[1:]))
    weight = torch.stack([network.head.weight for network in networks])
    bias = torch.stack([network.head.bias for network in networks])
    said = torch.einsum("rbth,roh->rbto", states, weight) + bias[:, None, None]
    said = said.flatten(0, 1)  # (R * B, T, outputs)
    if kind == "chorales":
        y = nn.utils.rnn.pad_sequence([example.y for example in flat], batch_first=True)
        costs = nn.functional.binary_cross_entropy_with_logits(said, y, reduction="none").sum(dim=2)
        valid = torch.arange(costs.shape[1])[None, :] < lengths[:, None]
        return (costs * valid).sum(dim=1).reshape(shape).sum(dim=1), lengths.reshape(shape).sum(dim=1)
    log_probs = said.reshape(len(flat), said.shape[1] * _OUTPUTS_A_STEP, -1).log_softmax(dim=2)
    sizes = torch.tensor([len(example.y) for example in flat])
    targets = torch.cat([example.y for example in flat])
    outputs = lengths * _OUTPUTS_A_STEP
    costs = nn.functional.ctc_loss(log_probs.transpose(0, 1), targets, outputs, sizes, reduction="none")
    return costs.reshape(shape).sum(dim=1), sizes.reshape(shape).sum(dim=1)


@torch.no_grad()
def priced(kind: str, networks: Sequence[Network], examples: Sequence[Example]) -> list[float]:
    """What a frame or letter of some examples costs each network."""
    total, units = torch.zeros(len(networks), dtype=torch.float64), 0
    by_length = sorted(examples, key=lambda example: len(example.x))
    for start in range(0, len(by_length), 32):
        here = by_length[start : start + 32]
        cost, n = losses(kind, networks, [here] * len(networks))
        total, units = total + cost.double(), units + int(n[0])
    return [float(value) for value in total / units]


def trained(recipe: Recipe, kind: str, variant: str, examples: Examples) -> dict[str, Any]:
    """All runs of a variant on a set, side by side.

    Args:
        recipe: The budget.
        kind: Of the set.
        variant: Of `VARIANTS`.
        examples: The set.

    Returns:
        For each learning rate, the seeds' prices of what chooses and of what is reported, at each evaluation.
    """
    began = time.process_time()
    plan = [(rate, seed) for rate in recipe.learning_rates for seed in recipe.seeds]
    networks, orders = [], []
    for _, seed in plan:
        torch.manual_seed(seed)
        networks.append(Network(variant, examples.train[0].x.shape[1], examples.n_outputs, recipe.hidden_size))
        orders.append(np.random.default_rng(seed))
    groups = [{"params": list(one.parameters()), "lr": rate} for one, (rate, _) in zip(networks, plan, strict=True)]
    optimizer = torch.optim.Adam(groups)
    size = min(recipe.batch_size, len(examples.train))
    lengths = np.array([len(example.x) for example in examples.train])
    evaluations: list[dict[str, Any]] = []
    n_epochs = recipe.music_epochs if kind == "chorales" else recipe.speech_epochs
    for epoch in range(1, n_epochs + 1):
        lists = [_batches(lengths, size, rng) for rng in orders]
        for numbers in zip(*lists, strict=True):
            cost, n = losses(kind, networks, [[examples.train[i] for i in batch] for batch in numbers])
            optimizer.zero_grad()
            (cost / n).sum().backward()  # type: ignore[no-untyped-call]
            for network in networks:
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        if epoch % recipe.evaluate_every == 0 or epoch == n_epochs:
            prices = [priced(kind, networks, part) for part in (examples.choose, examples.report)]
            evaluations.append({"epoch": epoch, "choose": prices[0], "report": prices[1]})
    n_weights = sum(parameter.numel() for parameter in networks[0].cell.parameters())
    return {"plan": plan, "evaluations": evaluations, "n_weights": n_weights, "seconds": time.process_time() - began}


def _batches(lengths: Any, size: int, rng: np.random.Generator) -> list[list[int]]:
    """An epoch in full batches of like lengths, so that little is padded; what does not fill one waits for the next."""
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order] // 8, kind="stable")]
    whole = order[: len(order) // size * size].reshape(-1, size)
    return [batch.tolist() for batch in whole[rng.permutation(len(whole))]]


def summed_up(run: dict[str, Any]) -> dict[str, Any]:
    """The learning rate that costs least where one chooses, each seed at its best epoch there; what is reported."""
    best: dict[str, Any] = {}
    for rate in dict.fromkeys(rate for rate, _ in run["plan"]):
        members = [number for number, (one, _) in enumerate(run["plan"]) if one == rate]
        chosen, reported = [], []
        for member in members:
            at = min(run["evaluations"], key=lambda one: _price(one["choose"][member]))
            chosen.append(_price(at["choose"][member]))
            reported.append(at["report"][member])
        if not best or np.mean(chosen) < best["chosen"]:
            best = {"chosen": float(np.mean(chosen)), "learning_rate": rate, "seeds": reported}
    return {**best, "mean": float(np.mean(best["seeds"])), "spread": float(np.std(best["seeds"], ddof=0))}


def _price(value: float) -> float:
    return value if np.isfinite(value) else float("inf")


def table(found: Sequence[dict[str, Any]], recipe: Recipe) -> str:
    """Each variant beside the paper's finding; what has not been run is named as missing."""
    lines = []
    for kind in recipe.sets:
        rows = {row["variant"]: row for row in found if row["set"] == kind}
        base = rows.get("vanilla")
        lines += [f"| {kind} | weights | {UNITS[kind]}, mean of seeds ± spread | against vanilla | rate | the paper |"]
        lines += ["|---|---|---|---|---|---|"]
        for variant in recipe.variants:
            row = rows.get(variant)
            if row is None:
                lines.append(f"| {variant} | – | not run | – | – | {PAPER[variant]} |")
                continue
            against = f"{row['mean'] - base['mean']:+.3f}" if base and variant != "vanilla" else "–"
            told = f"{row['mean']:.3f} ± {row['spread']:.3f}"
            name = f"{variant} ({VARIANTS[variant].short})"
            rate = f"{row['learning_rate']:g}"
            lines.append(f"| {name} | {row['n_weights']:,} | {told} | {against} | {rate} | {PAPER[variant]} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not on file, print the table, write it."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    torch.set_num_threads(1)
    path = recipe.out / "runs.jsonl"
    budget = {name: value for name, value in asdict(recipe).items() if name not in _NOT_BUDGET}
    budget = json.loads(json.dumps(budget))
    on_file = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
    known = {(one["set"], one["variant"]): one for one in on_file if one["budget"] == budget}
    for kind in recipe.sets:
        missing = [variant for variant in recipe.variants if (kind, variant) not in known]
        if not missing:
            continue
        examples = chorales(recipe) if kind == "chorales" else speech(recipe)
        for variant in missing:
            run = trained(recipe, kind, variant, examples)
            entry = {"set": kind, "variant": variant, "budget": budget, **run, **summed_up(run)}
            known[kind, variant] = entry
            recipe.out.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
    names = ("set", "variant", "n_weights", "learning_rate", "seeds", "mean", "spread", "seconds")
    rows = [{name: entry[name] for name in names} for entry in known.values()]
    (recipe.out / "odyssey.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    minutes = sum(row["seconds"] for row in rows) / 60
    print(f"{table(rows, recipe)}\n{minutes:.1f} minutes of one core.")
    return 0


_NOT_BUDGET = ("music", "speech", "out", "sets", "variants")

if __name__ == "__main__":
    run_recipe(main)
