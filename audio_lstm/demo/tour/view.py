"""The tour's stored results as the page shows them: success against lag, and gradients through time.

The results are what recipes/lstm/long_lag.py and recipes/lstm/gradient_flow.py wrote; each file names its command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from audio_lstm.demo.tour.charts import Axis, Line, line_chart
from audio_lstm.demo.wording import escaped

__all__ = ["flow_view", "lag_view", "stored"]

_RESULTS = Path(__file__).parent / "results"
_MODELS = {"rnn": ("tanh RNN", 3), "gru": ("GRU", 1), "lstm": ("LSTM", 0)}  # by name: how it is called, its colour
_TASKS = {"adding": "Adding problem", "speech": "Speech frames", "chorales": "Chorales"}
_FLOOR, _CEILING = 1e-9, 1e4  # of the gradients drawn


@cache
def stored(name: str) -> Mapping[str, Any]:
    """A file of results.

    Args:
        name: "long_lag" or "gradient_flow".

    Returns:
        What the recipe wrote.
    """
    found: Mapping[str, Any] = json.loads((_RESULTS / f"{name}.json").read_text("utf-8"))
    return found


def lag_view() -> str:
    """The adding problem's success against lag, with a slider over the lag.

    Returns:
        HTML; assets/tour.js shows what belongs to the slider's place.
    """
    found = stored("long_lag")
    n_seeds, rows = int(found["n_seeds"]), [row for row in found["rows"] if row["task"] == "adding"]
    lags = sorted({int(row["lag"]) for row in rows})
    x = Axis("lag in steps", lags[0] * 0.9, lags[-1] * 1.1, tuple(map(float, lags)), log=True)
    y = Axis(f"runs of {n_seeds} that solve it", -0.15, n_seeds + 0.15, tuple(map(float, range(n_seeds + 1))))
    lines = []
    for number, (model, (name, colour)) in enumerate(_MODELS.items()):
        tried = [row for row in rows if row["model"] == model and row["n_solved"] is not None]
        points = tuple((float(row["lag"]), row["n_solved"] + 0.05 * (number - 1)) for row in tried)
        lines.append(Line(name, points, colour, marked=True))
    blocks = []
    for place, lag in enumerate(lags):
        chart = line_chart(lines, x, y, title="Runs that solve the adding problem, by lag", cursor=float(lag))
        here = {row["model"]: row for row in rows if row["lag"] == lag}
        told = "".join(f"<li>{_told(name, here.get(model), n_seeds)}</li>" for model, (name, _) in _MODELS.items())
        hidden = "" if place == 0 else " hidden"
        blocks.append(f'<div data-key="{place}" data-name="{lag} steps"{hidden}>{chart}<ul>{told}</ul></div>')
    return (
        '<div class="panel tour" data-tour>'
        f'<label class="slide">How many steps must the number be kept? <output>{lags[0]} steps</output>'
        f'<input type="range" id="lag" min="0" max="{len(lags) - 1}" step="1" value="0" '
        f'aria-valuetext="{lags[0]} steps"></label>{"".join(blocks)}{_source(found)}</div>'
    )


def _told(name: str, row: Mapping[str, Any] | None, n_seeds: int) -> str:
    if row is None:
        return f"<b>{name}</b>: not measured"
    if row["n_solved"] is None:
        return f"<b>{name}</b>: not tried; it solved nothing at shorter lags"
    if row["n_solved"] == 0:
        return f"<b>{name}</b>: solved by none of {n_seeds} runs"
    steps = sorted(row["n_steps"])[len(row["n_steps"]) // 2]
    return f"<b>{name}</b>: solved by {row['n_solved']} of {n_seeds} runs, after about {steps:,} training steps"


def flow_view() -> str:
    """How much of a gradient arrives how far back, for each task, before and after training.

    Returns:
        HTML; assets/tour.js shows what belongs to the chosen buttons.
    """
    found = stored("gradient_flow")
    tasks = [task for task in _TASKS if any(row["task"] == task for row in found["rows"])]
    blocks = []
    for task in tasks:
        for when in ("before", "after"):
            rows = [row for row in found["rows"] if row["task"] == task and row["when"] == when]
            hidden = "" if (task, when) == (tasks[0], "after") else " hidden"
            kept = [row for row in rows if row["network"] == "lstm" and row["kept"]]
            gate = f"The LSTM's forget gates stand at {sum(kept[0]['kept']) / len(kept[0]['kept']):.2f} on average."
            blocks.append(f'<div data-key="{task}|{when}"{hidden}>{_flow_chart(rows, task, when)}<p>{gate}</p></div>')
    choices = _choices("flow-task", [(task, _TASKS[task]) for task in tasks], tasks[0])
    moments = _choices("flow-when", [("before", "Before training"), ("after", "After training")], "after")
    return f'<div class="panel tour" data-tour>{choices}{moments}{"".join(blocks)}{_source(found)}</div>'


def _flow_chart(rows: Sequence[Mapping[str, Any]], task: str, when: str) -> str:
    lines, longest = [], 1
    names = {"lstm": "hidden", "gru": "hidden", "rnn": "hidden", "rnn doubled": "hidden"}
    for network in names:
        for row in (row for row in rows if row["network"] == network):
            for part in ("hidden", "cell"):
                if row[part] is None:
                    continue
                values = list(reversed(row[part]))  # the last step first
                longest = max(longest, len(values) - 1)
                points = tuple((float(back), value) for back, value in enumerate(values) if value >= _FLOOR)
                lines.append(_flow_line(network, part, points))
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1_000) if longest / step <= 6)
    x = Axis("steps back from the last", 0.0, float(longest), tuple(map(float, range(0, longest + 1, step))))
    y = Axis("gradient (last step = 1)", _FLOOR, _CEILING, (1e-8, 1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4), log=True)
    return line_chart(lines, x, y, title=f"{_TASKS[task]}, {when} training: gradient against distance")


def _flow_line(network: str, part: str, points: tuple[tuple[float, float], ...]) -> Line:
    if network == "rnn doubled":
        return Line("tanh RNN, recurrent weights doubled", points, 3, dashed=True)
    name, colour = _MODELS[network]
    if network != "lstm":
        return Line(name, points, colour)
    return Line(f"LSTM, {part} state", points, colour if part == "hidden" else 2, dashed=part == "cell")


def _choices(group: str, options: Sequence[tuple[str, str]], chosen: str) -> str:
    items = "".join(
        f'<label><input type="radio" name="{group}" value="{value}"{" checked" if value == chosen else ""}>'
        f"{escaped(name)}</label>"
        for value, name in options
    )
    return f'<div class="choices" role="radiogroup">{items}</div>'


def _source(found: Mapping[str, Any]) -> str:
    return f'<p class="hint">Measured with <code>{escaped(found["command"])}</code></p>'
