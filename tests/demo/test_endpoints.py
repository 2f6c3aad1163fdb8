"""Endpoints: Gradio sees one named parameter a component, and fills in the request and the progress."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import gradio as gr

from audio_lstm.demo.endpoints import endpoint, streaming_endpoint


def answer(wishes: Any, request: Any, progress: Any) -> tuple[Any, ...]:
    return wishes, request, progress


def answers(wishes: Any, request: Any, progress: Any) -> Iterator[Any]:
    yield wishes["bars"]
    yield request


def test_values_arrive_by_name() -> None:
    call = endpoint(answer, ("bars", "key"))
    assert call(8, "C", "the request", "the progress") == ({"bars": 8, "key": "C"}, "the request", "the progress")


def test_a_generator_stays_one() -> None:
    call = streaming_endpoint(answers, ("bars",))
    assert inspect.isgeneratorfunction(call)
    assert not inspect.isgeneratorfunction(endpoint(answer, ("bars",)))
    assert list(call(8, "the request", None)) == [8, "the request"]


def test_the_signature_names_the_parameters_and_what_gradio_fills_in() -> None:
    parameters = inspect.signature(endpoint(answer, ("bars", "key"))).parameters
    assert list(parameters) == ["bars", "key", "request", "progress"]
    assert parameters["request"].annotation is gr.Request
    assert isinstance(parameters["progress"].default, gr.Progress)
