"""The tab "Look inside the LSTM": gates and states of a layer over a recording or a piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

import audio_lstm
from audio_lstm.audio.files import write_wav
from audio_lstm.demo.endpoints import endpoint
from audio_lstm.demo.inside_view import inside_view, unit_table
from audio_lstm.demo.resources import SAMPLE_RATE, Resources, samples_folder
from audio_lstm.demo.tour.hold import HoldPart
from audio_lstm.demo.tour.view import flow_view, lag_view
from audio_lstm.demo.visitor_files import VisitorFiles
from audio_lstm.demo.wording import plain_errors

__all__ = ["InsideTab"]

_SCORES = (".mid", ".midi", ".mxl", ".musicxml", ".xml", ".abc")
_SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".webm")
_SAMPLES = [
    ("Spelled letters", "spelling"),
    ("Digits", "digits"),
    ("A chorale, written now", "chorale"),
    ("My recording or piece", "mine"),
]
_MODELS = ("the one that fits", "english-base", "english-small", "an4", "chorale", "lieder")
_SPEECH_EVENTS = ("letter", "word boundary", "word start", "word end", "inside a word", "phrase end", "pause")
_MUSIC_EVENTS = ("cadence", "phrase end", "bar line", "beat", "note start")
_QUANTITIES = ("hidden", "cell", "forget_gate", "input_gate", "output_gate", "candidate")
_LENGTH_S = 12.0
_EXPLAINED = """
At each step three **gates**, numbers from 0 to 1, decide for every unit how much of its memory (the **cell**) stays,
how much of a new *candidate* is written, and how much is shown to the next layer (the **hidden state**). Choose an
event, and the units that follow it most closely come first. (Hochreiter & Schmidhuber 1997; Gers et al. 2000;
audio_lstm/inspection/gates.py.)
"""

_LAG = """
In the **adding problem** a network reads a long row of numbers, two of them marked, and must say their sum at the end;
the first must be kept for as many steps as the slider says. A plain tanh network fails where an LSTM and a GRU of the
same size still learn it. (Hochreiter & Schmidhuber 1997; recipes/lstm/long_lag.py.)
"""
_FLOW = """
A network learns from what its last step tells its earlier ones, and on the way back that message is multiplied at
every step: below 1 it **vanishes**, above 1 it **explodes**. The LSTM's cell passes it on almost as it is where the
forget gate is open. (Bengio et al. 1994; Pascanu et al. 2013; recipes/lstm/gradient_flow.py.)
"""
_HOLD = """
Here the gates of the chorale model are *inputs*: one of them is held at a value, nothing is trained again, and the same
seed writes the piece with it and without. What goes wrong shows what the gate was for. (After Greff et al. 2017, who
trained cells without one part each: recipes/lstm/odyssey.py.)
"""

Answer = tuple[Any, ...]


@dataclass(frozen=True)
class _Wishes:
    """What a visitor wants to see."""

    source: str  # one of _SAMPLES
    file: str | None  # the visitor's own
    model: str
    layer: str
    direction: Any
    event: str
    quantity: str
    start_s: float | None  # an empty field
    length_s: float | None


class InsideTab:
    """Lays the tab out and answers it."""

    def __init__(self, resources: Resources, visitor_files: VisitorFiles) -> None:
        """Use the server's models and files.

        Args:
            resources: The models.
            visitor_files: The visitors' files.
        """
        self._resources, self._visitor_files = resources, visitor_files

    def build(self, tab: gr.Tab) -> None:
        """Add the tab's content to the page that is being built.

        Args:
            tab: That it stands in; when it is opened, the first example is shown.
        """
        with gr.Tabs(elem_id="tour"):
            with gr.Tab("Gates", id="gates"):
                gr.Markdown(_EXPLAINED)
                self._build_gates(tab)
            with gr.Tab("Lag", id="lag"):
                gr.Markdown(_LAG)
                gr.HTML(lag_view(), elem_id="lag-panel", padding=False, apply_default_css=False)
            with gr.Tab("Gradients", id="flow"):
                gr.Markdown(_FLOW)
                gr.HTML(flow_view(), elem_id="flow-panel", padding=False, apply_default_css=False)
            with gr.Tab("By hand", id="hold-gate"):
                gr.Markdown(_HOLD)
                HoldPart(self._visitor_files, n_workers=self._resources.config.workers).build()

    def _build_gates(self, tab: gr.Tab) -> None:
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                source = gr.Radio(_SAMPLES, value="spelling", label="What to look at", elem_id="inside-source")
                mine = gr.File(
                    label="Mine: a recording, MIDI or MusicXML",
                    file_types=[*_SOUNDS, *_SCORES],
                    elem_id="inside-file",
                    height=120,
                    visible=False,
                )
            with gr.Column(scale=4, min_width=280):
                with gr.Row():
                    model = gr.Dropdown(list(_MODELS), value=_MODELS[0], label="Model", min_width=130)
                    layer = gr.Dropdown(["last", "1", "2", "3", "4"], value="last", label="Layer", min_width=90)
                    direction = gr.Dropdown(["forward", "backward"], value="forward", label="Direction", min_width=120)
                with gr.Row():
                    event = gr.Dropdown(
                        list(dict.fromkeys((*_SPEECH_EVENTS, *_MUSIC_EVENTS))),
                        value="letter",
                        label="Event",
                        elem_id="inside-event",
                        min_width=130,
                    )
                    quantity = gr.Dropdown(list(_QUANTITIES), value="hidden", label="Compared by", min_width=120)
                with gr.Row():
                    start = gr.Number(0.0, label="From (s)", minimum=0, min_width=90)
                    length = gr.Number(_LENGTH_S, label="Length (s)", minimum=0.1, maximum=60, min_width=90)
        with gr.Row():
            go = gr.Button("Look inside", variant="primary", elem_id="look")
            draw = gr.Button("Picture to keep (PNG)", elem_id="inside-draw")
        verdict = gr.Textbox(label="In a sentence", interactive=False, lines=2, elem_id="inside-verdict")
        panel = gr.HTML(elem_id="inside-panel", padding=False, apply_default_css=False, label="Gates over time")
        table = gr.Dataframe(
            headers=["unit", "correlation", "judged"],
            label="Units that follow the event",
            interactive=False,
            elem_id="inside-units",
        )
        picture = gr.File(label="Picture", interactive=False, visible=False)
        source.change(_fit, [source], [mine, event], api_visibility="private", queue=False)
        inputs = [source, mine, model, layer, direction, event, quantity, start, length]
        names = [field.name for field in fields(_Wishes)]
        shared: dict[str, Any] = {"concurrency_id": "speech", "concurrency_limit": self._resources.config.workers}
        go.click(endpoint(self._look, names), inputs, [verdict, table, panel], api_name="inspect", **shared)
        opened = gr.State(value=False)
        tab.select(
            endpoint(self._open, ["opened"]),
            [opened],
            [verdict, table, panel, opened],
            api_visibility="private",
            **shared,
        )
        draw.click(endpoint(self._draw, names), inputs, picture, api_name="inspect_picture", **shared)

    def _seen(self, wishes: _Wishes, visitor: str) -> tuple[audio_lstm.Inspection, str]:
        """The inspection, and the address of its sound ("" for a piece)."""
        start_s = float(wishes.start_s or 0.0)
        options: dict[str, Any] = {
            "model": None if wishes.model == _MODELS[0] else wishes.model,
            "layer": None if wishes.layer == "last" else int(wishes.layer),
            "direction": wishes.direction,
            "span_s": (start_s, start_s + float(wishes.length_s or _LENGTH_S)),
        }
        if wishes.source == "chorale":
            piece = audio_lstm.compose(model=self._resources.composer("chorale"), seed=7, bars=8)
            return audio_lstm.inspect(piece, **options), ""
        if wishes.source == "mine" and not wishes.file:
            raise gr.Error("Choose a file of your own first, or one of the samples.", title="Nothing to look at")
        path = Path(str(wishes.file)) if wishes.source == "mine" else samples_folder() / f"{wishes.source}.wav"
        if path.suffix.lower() in _SCORES:
            return audio_lstm.inspect(path, **options), ""
        with self._resources.decoded(path) as found:
            sound = np.array(found.samples)
        seen = audio_lstm.inspect((sound, SAMPLE_RATE), **options)
        target = self._visitor_files.folder(visitor) / "span.wav"
        first, last = (round(edge * SAMPLE_RATE) for edge in (seen.edges_s[0], seen.edges_s[-1]))
        write_wav(target, sound[first:last], SAMPLE_RATE)
        return seen, self._visitor_files.link(target)

    def _look(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Answer:
        """Open a layer.

        Args:
            values: Of the tab's fields.
            request: The visitor's.
            progress: Where to say how far it is.

        Returns:
            A sentence, the units that follow the event, and the panel.
        """
        wishes = _Wishes(**values)
        progress(0.2, desc="computing the gates")
        with plain_errors():
            seen, url = self._seen(wishes, str(request.session_hash))
            event = wishes.event if wishes.event in seen.events else next(iter(seen.events))
            rows, verdict = unit_table(seen, event, wishes.quantity)
            found = seen.strongest(event, quantity=wishes.quantity, n_units=40)
        units = [item.unit for item in found] or np.argsort(-seen.trace.cell.std(axis=0)).tolist()
        return verdict, rows, inside_view(seen, units, event=event, quantity=wishes.quantity, audio_url=url)

    def _open(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Answer:
        """Show the first example to a visitor who opens the tab.

        Args:
            values: Whether it has been shown.
            request: The visitor's.
            progress: Where to say how far it is.

        Returns:
            A sentence, the units that follow the event, the panel, and that it has been shown.
        """
        if values["opened"]:
            return gr.skip(), gr.skip(), gr.skip(), True
        example = _Wishes("spelling", None, _MODELS[0], "last", "forward", "letter", "hidden", 0.0, _LENGTH_S)
        return (*self._look(vars(example), request, progress), True)

    def _draw(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Any:
        """Draw a layer with matplotlib.

        Args:
            values: Of the tab's fields.
            request: The visitor's.
            progress: Where to say how far it is.

        Returns:
            The file.
        """
        wishes, visitor = _Wishes(**values), str(request.session_hash)
        progress(0.2, desc="computing and drawing the gates")
        with plain_errors():
            seen, _ = self._seen(wishes, visitor)
            target = self._visitor_files.folder(visitor) / "gates.png"
            seen.plot(target, event=wishes.event if wishes.event in seen.events else None, n_units=40)
        return gr.File(value=str(target), visible=True)


def _fit(source: str) -> tuple[Any, Any]:
    """Show what belongs to the kind of source."""
    if source == "mine":
        both = list(dict.fromkeys((*_SPEECH_EVENTS, *_MUSIC_EVENTS)))
        return gr.File(visible=True), gr.Dropdown(choices=both, value="phrase end")
    events = _MUSIC_EVENTS if source == "chorale" else _SPEECH_EVENTS
    return gr.File(visible=False), gr.Dropdown(choices=list(events), value=events[0])
