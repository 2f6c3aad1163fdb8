"""The part of the tour in which a visitor holds a gate of the chorale model and hears what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import gradio as gr

import audio_lstm
from audio_lstm.demo.endpoints import endpoint
from audio_lstm.demo.music_view import takes_view
from audio_lstm.demo.visitor_files import VisitorFiles
from audio_lstm.demo.wording import plain_errors

__all__ = ["HoldPart"]

_HELD = {
    "forget": ("Forget gate = 0: the cell keeps nothing", audio_lstm.GateClamp(forget_gate=0.0)),
    "input": ("Input gate = 0: nothing is written into the cell", audio_lstm.GateClamp(input_gate=0.0)),
    "output": ("Output gate = 1: all of the cell is shown", audio_lstm.GateClamp(output_gate=1.0)),
    "reset": ("Cell emptied at every bar", audio_lstm.GateClamp()),
    "nothing": ("Nothing: as it was trained", audio_lstm.GateClamp()),
}
_LAYERS = ["both", "1", "2"]
_MODEL = "chorale"


class HoldPart:
    """Lays the part out and answers it."""

    def __init__(self, visitor_files: VisitorFiles, *, n_workers: int) -> None:
        """Use the server's files.

        Args:
            visitor_files: The visitors' files.
            n_workers: Pieces that are written at once.
        """
        self._visitor_files, self._n_workers = visitor_files, n_workers

    def build(self) -> None:
        """Add the part to the page that is being built."""
        held = gr.Radio([(name, key) for key, (name, _) in _HELD.items()], value="forget", label="What is held")
        with gr.Row():
            layer = gr.Dropdown(_LAYERS, value="both", label="Layer", min_width=90)
            bars = gr.Slider(2, 8, value=4, step=1, label="Bars", min_width=130)
            seed = gr.Number(7, label="Seed", precision=0, minimum=0, min_width=90)
        go = gr.Button("Write with it", variant="primary", elem_id="hold")
        verdict = gr.Textbox(label="In a sentence", interactive=False, lines=2, elem_id="hold-verdict")
        panel = gr.HTML(elem_id="hold-panel", padding=False, apply_default_css=False, label="As trained, and held")
        shared: dict[str, Any] = {"concurrency_id": "music", "concurrency_limit": self._n_workers}
        names = ["held", "layer", "bars", "seed"]
        go.click(endpoint(self._write, names), [held, layer, bars, seed], [verdict, panel], api_name="hold", **shared)

    def _write(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> tuple[str, str]:
        """Write the same piece twice: as the model was trained, and with the gate held.

        Args:
            values: Of the part's fields.
            request: The visitor's.
            progress: Where to say how far it is.

        Returns:
            A sentence, and both pieces with their sound.
        """
        held, seed = str(values["held"]), int(values["seed"] or 0)
        bars = min(8, max(2, int(values["bars"] or 4)))
        with plain_errors():
            composers = {"as trained": _composer("nothing", "both"), "held": _composer(held, str(values["layer"]))}
            takes = []
            for number, composer in enumerate(composers.values()):
                progress((number, 3), desc="writing, step by step in numpy")
                takes.append(audio_lstm.compose(model=composer, seed=seed, bars=bars))
            folder = self._visitor_files.folder(str(request.session_hash))
            urls = []
            for number, take in enumerate(takes):
                progress((2, 3), desc="making the sound")
                urls.append(self._visitor_files.link(take.save(folder / f"held-{number}.wav")))
        name = _HELD[held][0]
        costs = [_cost(composer, takes[0]) for composer in composers.values()]
        verdict = (
            f"{name}. For the piece that the trained model wrote, that model pays {costs[0]:.2f} nats a note cell; "
            f"with this it would pay {costs[1]:.2f}: {_judged(costs[1] - costs[0])}."
        )
        return verdict, takes_view(takes, urls, titles=("As it was trained", name))


def _judged(more: float) -> str:
    if abs(more) < 0.005:
        return "nothing is lost"
    if more < 0.1:
        return "little is lost, the model gets along without it"
    return "much of what it knew is lost" if more < 1.0 else "it no longer knows what comes next"


@lru_cache(maxsize=2 * len(_HELD))
def _composer(held: str, layer: str) -> audio_lstm.Composer:
    clamp = _HELD[held][1]
    chosen = int(layer) if layer.isdecimal() else None
    return audio_lstm.clamped_composer(_MODEL, clamp, layer=chosen, reset_every_bar=held == "reset")


def _cost(composer: audio_lstm.Composer, piece: audio_lstm.Composition) -> float:
    """What a cell of a piece costs on average, in nats."""
    return float(composer.costs(piece.tokens).mean())
