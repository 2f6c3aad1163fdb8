"""The fields of the tab "Compose", in the order of MusicWishes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import gradio as gr

from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.music_view import keyboard
from audio_lstm.demo.music_wishes import ANY, MusicWishes
from audio_lstm.demo.resources import samples_folder

__all__ = ["add_fields"]

_KEYS = (
    *("C major", "G major", "D major", "A major", "F major", "Bb major", "Eb major"),
    *("A minor", "E minor", "B minor", "D minor", "G minor", "C minor", "D dorian", "A harmonic minor"),
)
_METRES = ("4/4", "3/4", "2/4", "6/8")
_BEGINNINGS = [
    ("Nothing", "nothing"),
    ("Notes", "notes"),
    ("Chords", "chords"),
    ("A file", "file"),
    ("Humming", "humming"),
]
_SCORES = [".mid", ".midi", ".mxl", ".musicxml", ".xml", ".abc"]


def add_fields(config: DemoConfig, models: list[str]) -> list[Any]:
    """Add the fields to the page that is being built.

    Args:
        config: The limits.
        models: Names of the models that compose, the default first.

    Returns:
        The components, as many as MusicWishes has fields and in their order.
    """
    made: dict[str, Any] = {}
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            made["begin"] = gr.Radio(_BEGINNINGS, value="nothing", label="Begin with", elem_id="begin")
            with gr.Group(visible=False) as notes:
                made["notes"] = gr.Textbox(
                    value="", label="Notes", placeholder="C4 E4 G4:2 R F#4/8", elem_id="primer", lines=1
                )
                gr.HTML(keyboard(), padding=True, apply_default_css=False)
            made["chords"] = gr.Textbox(value="", label="Chords", placeholder="Am F C G", visible=False)
            made["file"] = gr.File(
                label="MIDI, MusicXML or ABC", file_types=_SCORES, visible=False, height=110, elem_id="primer-file"
            )
            with gr.Group(visible=False) as humming:
                made["humming"] = gr.Audio(
                    sources=["microphone", "upload"],
                    type="filepath",
                    label="Hum or sing a melody, one note at a time",
                    buttons=["download"],
                    elem_id="humming",
                )
                example = gr.Button("▶ An example: somebody hums", size="sm", elem_id="humming-example")
        with gr.Column(scale=5, min_width=300):
            _guarantees(made, config, models)
    with gr.Accordion("More wishes", open=False):
        _more_wishes(made)
    example.click(_hummed, None, made["humming"], api_visibility="private", queue=False)
    shown = [notes, made["chords"], made["file"], humming]
    made["begin"].change(_show_beginning, made["begin"], shown, api_visibility="private", queue=False)
    return [made[field.name] for field in fields(MusicWishes)]


def _guarantees(made: dict[str, Any], config: DemoConfig, models: list[str]) -> None:
    with gr.Row():
        made["model"] = gr.Dropdown(models, value=models[0], label="Model", min_width=120)
        made["key"] = gr.Dropdown(
            [ANY, *_KEYS], value=ANY, label="Key or scale", allow_custom_value=True, min_width=140, elem_id="key"
        )
        made["metre"] = gr.Dropdown([ANY, *_METRES], value=ANY, label="Metre", allow_custom_value=True, min_width=110)
    with gr.Row():
        made["bars"] = gr.Slider(1, config.max_bars, value=8, step=1, label="Bars, exactly", min_width=160)
        made["tempo_bpm"] = gr.Number(0, label="Tempo (quarters a minute; 0: any)", minimum=0, min_width=110)
    with gr.Row():
        made["temperature"] = gr.Slider(0.0, 1.5, value=0.7, step=0.05, label="Temperature", min_width=160)
        made["takes"] = gr.Slider(1, 4, value=1, step=1, label="Takes", min_width=100, elem_id="takes")
        made["seed"] = gr.Number(0, label="Seed (0: a new one)", precision=0, minimum=0, min_width=90, elem_id="seed")
    made["ending"] = gr.Checkbox(False, label="End on the tonic, held (needs a key)", elem_id="ending")


def _more_wishes(made: dict[str, Any]) -> None:
    with gr.Row():
        made["parts"] = gr.Textbox("", label="Parts", placeholder="voice,piano", min_width=140)
        made["ranges"] = gr.Textbox("", label="Ranges", placeholder="C4-A5, or one for each part", min_width=140)
        made["density"] = gr.Textbox("", label="Notes a bar", placeholder="4-12", min_width=110)
        made["max_polyphony"] = gr.Number(
            0, label="Notes at once, at most (0: any)", precision=0, minimum=0, min_width=110
        )
    with gr.Row():
        made["first"] = gr.Textbox("", label="First note or chord", placeholder="C4 or Am", min_width=120)
        made["last"] = gr.Textbox("", label="Last note or chord", placeholder="C4 or Am", min_width=120)
        made["max_copied"] = gr.Number(
            0, label="Longest run copied from the training set, in notes (0: any)", precision=0, min_width=180
        )


def _hummed() -> str:
    return str(samples_folder() / "humming.wav")


def _show_beginning(begin: str) -> tuple[Any, ...]:
    return tuple(gr.update(visible=begin == name) for name in ("notes", "chords", "file", "humming"))
