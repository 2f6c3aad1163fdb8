"""The fields of "Compose" stand in the order of MusicWishes, each with a label."""

from __future__ import annotations

from dataclasses import fields

import gradio as gr

from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.music_fields import add_fields
from audio_lstm.demo.music_wishes import MusicWishes


def test_there_is_a_labelled_field_for_each_wish_in_order() -> None:
    with gr.Blocks():
        made = add_fields(DemoConfig(max_bars=12), ["chorale", "lieder"])
    assert len(made) == len(fields(MusicWishes))
    by_name = dict(zip([field.name for field in fields(MusicWishes)], made, strict=True))
    assert all(part.label for part in made)
    assert by_name["bars"].maximum == 12
    assert by_name["model"].value == "chorale"
    assert by_name["ending"].value is False


def test_the_values_that_the_page_opens_with_ask_for_nothing_but_a_length() -> None:
    with gr.Blocks():
        made = add_fields(DemoConfig(), ["chorale"])
    values = {field.name: part.value for field, part in zip(fields(MusicWishes), made, strict=True)}
    wishes = MusicWishes.from_values(values)
    assert wishes.options(max_bars=64) == {"bars": 8, "temperature": 0.7}
    assert wishes.n_takes == 1
