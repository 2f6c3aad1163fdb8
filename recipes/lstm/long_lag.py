"""How long does a recurrent network remember? The classical tasks with long lags, for a tanh RNN, a GRU and our LSTM.

    python -m recipes.lstm.long_lag                                       # everything, from the repository's root
    python -m recipes.lstm.long_lag --tasks adding --lags "[50, 400]"     # one task, some lags

The tasks are those of Hochreiter & Schmidhuber 1997, each with its answer asked for at the end:

- `adding`: numbers from 0 to 1, two of them marked; what is their sum? The first mark is among the first ten steps
  and the second anywhere after them, so the first number must be kept for at least the lag. Solved: a mean squared
  error below 0.01 (always answering 1 costs 0.167).
- `order`: two of the first twelve symbols are X or Y, the others distract; which came first, which second? Solved:
  fewer than 1 in 100 wrong (three in four by luck).
- `copy`: a symbol out of four, then nothing, then its name is asked for; `noisy copy`: distracting symbols between.

Every batch of training has a lag drawn from 1 to the lag of the run; the test has that lag throughout. All models have
the same number of weights, initial weights of one kind (backbone.py's), batches, steps, clipping, and the same search
for a learning rate, per task, at the shortest lag. A model that solves no run at three lags one after the other is not
tried at longer ones. The rows beside: without the forget bias of one (Gers et al. 2000; Jozefowicz et al. 2015), and
without clipping (Pascanu et al. 2013).

Each run is a line of OUT/runs.jsonl, and what is there is not run again. Prints the tables and writes them with
OUT/long_lag.png and OUT/long_lag.json.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audio_lstm.errors import ConfigError
from audio_lstm.training.options import parse_recipe, run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.lstm.tasks import MODELS, NAMES, TASKS, Reader, n_weights_of, width_of

_EXPLODED = 100.0  # a gradient's norm before clipping: a hundred times what clipping lets through

COMMAND = "python -m recipes.lstm.long_lag"
"""What made the results, for those who read them."""


@dataclass(frozen=True)
class Run:
    """One training, fully described: what is on file with the same description is not run again."""

    task: str
    model: str
    lag: int
    seed: int
    learning_rate: float
    hidden_size: int
    batch_size: int
    max_steps: int
    clip_norm: float = 1.0  # 0: none
    forget_bias: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    solved: bool
    error: float  # of the last test: mean squared (adding), share of wrong answers (others); inf if no number
    n_steps: int
    largest_gradient: float  # norm before clipping; inf if no number
    seconds: float  # of one core

    @property
    def exploded(self) -> bool:
        """Whether a gradient was a hundred times as large as clipping lets through, or no number."""
        return not self.largest_gradient <= _EXPLODED


def trained(run: Run, *, evaluate_every: int = 100, n_test: int = 512) -> tuple[Reader, Outcome]:
    """Train until the task is solved, or the steps are used up.

    Args:
        run: What to do.
        evaluate_every: Steps between two tests.
        n_test: Items of a test.

    Returns:
        The network and what became of it.
    """
    task, began = TASKS[run.task], time.process_time()
    torch.manual_seed(run.seed)
    sizes = {"input_size": task.input_size, "output_size": task.output_size, "hidden_size": run.hidden_size}
    network = Reader(run.model, **sizes, forget_bias=run.forget_bias)
    optimizer = torch.optim.Adam(network.parameters(), run.learning_rate)
    rng, test_rng = (torch.Generator().manual_seed(seed) for seed in (1000 + run.seed, 1))
    test = task.batch(n_test, run.lag, test_rng)
    largest, error, solved, step = 0.0, math.inf, False, 0
    for step in range(1, run.max_steps + 1):
        lag = int(torch.randint(1, run.lag + 1, (1,), generator=rng))
        x, answers = task.batch(run.batch_size, lag, rng)
        loss = _loss(network, x, answers)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(network.parameters(), run.clip_norm or math.inf))
        largest = max(largest, norm) if math.isfinite(norm) else math.inf
        if not math.isfinite(norm):
            error = math.inf
            break
        optimizer.step()
        if step % evaluate_every == 0 or step == run.max_steps:
            error = _error(network, *test)
            solved = error < 0.01
            if solved:
                break
    return network, Outcome(solved, error, step, largest, time.process_time() - began)


def _loss(network: Reader, x: Tensor, answers: Tensor) -> Tensor:
    said = network.head(network(x)[0][:, -1])
    loss = nn.functional.mse_loss if answers.is_floating_point() else nn.functional.cross_entropy
    return loss(said, answers)


@torch.no_grad()
def _error(network: Reader, x: Tensor, answers: Tensor) -> float:
    said = network.head(network(x)[0][:, -1])
    if answers.is_floating_point():
        return float(nn.functional.mse_loss(said, answers))
    return float((said.argmax(dim=1) != answers).float().mean())


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    out: Path = Path("runs/long-lag")
    tasks: tuple[str, ...] = tuple(TASKS)
    models: tuple[str, ...] = tuple(MODELS)
    lags: tuple[int, ...] = (50, 100, 200, 400, 1000)
    seeds: tuple[int, ...] = (0, 1, 2)
    hidden_size: int = 24  # of the LSTM; the others are as wide as gives the same number of weights
    batch_size: int = 32
    max_steps: int = 3000
    clip_norm: float = 1.0
    learning_rates: tuple[float, ...] = (1e-3, 1e-2)  # the one that does best at the shortest lag is taken
    fast_learning_rate: float = 3e-2  # too high for most: tried with and without clipping
    aside_lag: int = 50  # of the rows without forget bias and without clipping, on the first task
    n_workers: int = 2  # runs at once, each on a core

    def __post_init__(self) -> None:
        for given, known, what in ((self.tasks, TASKS, "tasks"), (self.models, MODELS, "models")):
            wrong = [name for name in given if name not in known]
            if wrong or not given:
                raise ConfigError(f"{what} must be some of {', '.join(known)}; got {wrong[0] if wrong else 'none'!r}")
        if not self.lags or not self.seeds or not self.learning_rates:
            raise ConfigError("lags, seeds and learning_rates need at least one value each")
        if min(*self.lags, self.aside_lag) < 2:
            raise ConfigError(f"a lag must be at least 2 steps, got {min(*self.lags, self.aside_lag)}")
        if min(self.hidden_size, self.batch_size, self.max_steps, self.n_workers) < 1:
            raise ConfigError("hidden_size, batch_size, max_steps and n_workers must be at least 1")
        if self.clip_norm < 0 or min(*self.learning_rates, self.fast_learning_rate) <= 0:
            raise ConfigError("clip_norm must be 0 (none) or more and learning rates above 0")


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/long-lag-tiny"),
    tasks=("adding",),
    lags=(2, 3),
    seeds=(0, 1),
    hidden_size=4,
    batch_size=8,
    max_steps=4,
    learning_rates=(1e-3, 1e-2),
    aside_lag=2,
    n_workers=1,
)


class Book:
    """The runs on file, by their description; new ones are made, side by side, and written down as they end."""

    def __init__(self, path: Path, n_workers: int) -> None:
        self._path, self._n_workers = path, n_workers
        self._known: dict[Run, Outcome] = {}
        if path.is_file():
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                try:
                    entry = json.loads(line)
                    self._known[Run(**entry["run"])] = Outcome(**entry["outcome"])
                except (ValueError, KeyError, TypeError):
                    raise ConfigError(f"{path}, line {number}: not a run of this recipe; delete the line") from None

    def outcomes(self, runs: Sequence[Run]) -> list[Outcome]:
        """What became of some runs, in their order."""
        missing = [run for run in dict.fromkeys(runs) if run not in self._known]
        if missing:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._n_workers == 1:
                self._write(zip(missing, map(_outcome, missing), strict=True))
            else:
                with ProcessPoolExecutor(self._n_workers) as pool:
                    self._write(zip(missing, pool.map(_outcome, missing), strict=True))
        return [self._known[run] for run in runs]

    def __len__(self) -> int:
        return len(self._known)

    @property
    def seconds(self) -> float:
        """Of one core, for all runs on file."""
        return sum(outcome.seconds for outcome in self._known.values())

    def _write(self, found: Iterable[tuple[Run, Outcome]]) -> None:
        for run, outcome in found:
            self._known[run] = outcome
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"run": asdict(run), "outcome": asdict(outcome)}) + "\n")


def _outcome(run: Run) -> Outcome:
    torch.set_num_threads(1)
    return trained(run)[1]


def plain_run(recipe: Recipe, task: str, model: str, lag: int, seed: int, learning_rate: float) -> Run:
    """A run as the recipe wants it, clipped and with forget bias."""
    input_size = TASKS[task].input_size
    width = width_of(model, input_size, n_weights_of("lstm", input_size, recipe.hidden_size))
    return Run(
        task=task,
        model=model,
        lag=lag,
        seed=seed,
        learning_rate=learning_rate,
        hidden_size=width,
        batch_size=recipe.batch_size,
        max_steps=recipe.max_steps,
        clip_norm=recipe.clip_norm,
    )


def searched(recipe: Recipe, book: Book, task: str, model: str) -> float:
    """The learning rate that solves the shortest lag soonest (first seed), or else leaves the smallest error."""
    shortest, seed = min(recipe.lags), recipe.seeds[0]
    runs = [plain_run(recipe, task, model, shortest, seed, rate) for rate in recipe.learning_rates]
    outcomes = book.outcomes(runs)
    best = min(
        zip(runs, outcomes, strict=True),
        key=lambda pair: (not pair[1].solved, pair[1].n_steps if pair[1].solved else 0, pair[1].error),
    )
    return best[0].learning_rate


def swept(recipe: Recipe, book: Book, task: str, model: str, learning_rate: float) -> list[dict[str, Any]]:
    """Success against lag: for each lag, how many seeds solve it (None: not tried) and the steps and errors."""
    rows: list[dict[str, Any]] = []
    for lag in sorted(recipe.lags):
        row: dict[str, Any] = {"task": task, "model": model, "lag": lag, "learning_rate": learning_rate}
        hopeless = len(rows) >= 3 and all(before["n_solved"] in (0, None) for before in rows[-3:])
        if hopeless:
            rows.append({**row, "n_solved": None, "errors": [], "n_steps": []})
            continue
        runs = [plain_run(recipe, task, model, lag, seed, learning_rate) for seed in recipe.seeds]
        found = book.outcomes(runs)
        row |= {"n_solved": sum(one.solved for one in found), "n_steps": [one.n_steps for one in found]}
        rows.append({**row, "errors": [one.error if math.isfinite(one.error) else None for one in found]})
    return rows


def aside(recipe: Recipe, book: Book, rates: dict[str, float]) -> list[dict[str, Any]]:
    """The first task at one lag, as it is, without forget bias and without clipping: solved, and exploded."""
    task, rows = recipe.tasks[0], []
    for model in recipe.models:
        changes: dict[str, dict[str, Any]] = {"as above": {}}
        if model != "rnn":
            changes["no forget bias"] = {"forget_bias": False}
        fast = recipe.fast_learning_rate  # above the searched one: what clipping is for
        changes |= {"no clipping": {"clip_norm": 0.0}}
        changes |= {f"learning rate {fast:g}": {"learning_rate": fast}}
        changes |= {f"learning rate {fast:g}, no clipping": {"learning_rate": fast, "clip_norm": 0.0}}
        for name, change in changes.items():
            runs = [
                replace(plain_run(recipe, task, model, recipe.aside_lag, seed, rates[model]), **change)
                for seed in recipe.seeds
            ]
            found = book.outcomes(runs)
            counts = {"n_solved": sum(one.solved for one in found), "n_exploded": sum(one.exploded for one in found)}
            steps = {"n_steps": [one.n_steps for one in found]}
            rows.append({"task": task, "model": model, "lag": recipe.aside_lag, "change": name, **counts, **steps})
    return rows


def tables(recipe: Recipe, rows: Sequence[dict[str, Any]], beside: Sequence[dict[str, Any]]) -> str:
    """What was found, in Markdown."""
    lags, n_seeds = sorted(recipe.lags), len(recipe.seeds)
    lines = [f"| solved of {n_seeds} | {' | '.join(f'lag {lag}' for lag in lags)} | learning rate |"]
    lines.append("|" + "---|" * (len(lags) + 2))
    for start in range(0, len(rows), len(lags)):
        found = rows[start : start + len(lags)]
        cells = []
        for row in found:
            if row["n_solved"] is None:
                cells.append("not tried")
            elif row["n_solved"]:
                cells.append(f"{row['n_solved']} ({sorted(row['n_steps'])[len(row['n_steps']) // 2]} steps)")
            else:
                cells.append("0")
        name = f"{found[0]['task']}, {NAMES[found[0]['model']]}"
        lines.append(f"| {name} | {' | '.join(cells)} | {found[0]['learning_rate']:g} |")
    lines += ["", f"| {recipe.tasks[0]}, lag {recipe.aside_lag} | solved of {n_seeds} | exploded |", "|---|---|---|"]
    for row in beside:
        lines.append(f"| {NAMES[row['model']]}, {row['change']} | {row['n_solved']} | {row['n_exploded']} |")
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, Any]], n_seeds: int, path: Path) -> None:
    """Success against lag, a panel for each task."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure(figsize=(3.2 * len(names) + 0.8, 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, names, strict=True):
        for number, (model, name) in enumerate(NAMES.items()):
            points = [row for row in rows if row["task"] == task and row["model"] == model]
            tried = [(row["lag"], row["n_solved"] / n_seeds) for row in points if row["n_solved"] is not None]
            if tried:
                shifted = [share + 0.012 * (number - 1) for _, share in tried]  # lines that coincide stay visible
                style = {"color": ("C3", "C1", "C0")[number], "marker": "o^s"[number]}
                axes.plot([lag for lag, _ in tried], shifted, label=name, **style)
        axes.set_xscale("log")
        axes.set_xlim(0.85 * min(row["lag"] for row in rows), 1.15 * max(row["lag"] for row in rows))
        axes.set_xticks(sorted({row["lag"] for row in rows}), [str(lag) for lag in sorted({r["lag"] for r in rows})])
        axes.minorticks_off()
        axes.set_title(task)
        axes.set_xlabel("lag in steps")
        axes.set_ylim(-0.05, 1.05)
    panels[0].set_ylabel(f"share of {n_seeds} runs that solve it")
    panels[0].legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not on file, print the tables, write them and the picture."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    book = Book(recipe.out / "runs.jsonl", recipe.n_workers)
    rows: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    for task in recipe.tasks:
        rates = {model: searched(recipe, book, task, model) for model in recipe.models}
        for model in recipe.models:
            rows += swept(recipe, book, task, model, rates[model])
        if task == recipe.tasks[0]:
            beside = aside(recipe, book, rates)
    text = tables(recipe, rows, beside)
    cost = f"{book.seconds / 60:.1f} minutes of one core, {len(book)} runs."
    found = {
        "command": COMMAND,
        "n_seeds": len(recipe.seeds),
        "core_minutes": round(book.seconds / 60, 1),
        "rows": rows,
        "beside": beside,
    }
    (recipe.out / "long_lag.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(rows, len(recipe.seeds), recipe.out / "long_lag.png")
    print(f"{text}\n\n{cost}")
    return 0


if __name__ == "__main__":
    run_recipe(main)
