"""Functions of many wishes as Gradio wants them: one parameter a component, named for gradio_client."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

__all__ = ["endpoint", "streaming_endpoint"]

Wishes = Mapping[str, Any]


def endpoint(answer: Callable[[Wishes, gr.Request, gr.Progress], Any], names: Sequence[str]) -> Callable[..., Any]:
    """A function that Gradio can call with the components' values.

    Args:
        answer: Takes the values by name, the visitor's request, and where to say how far it is.
        names: Of the parameters, in the order of the components: what gradio_client calls them.

    Returns:
        A function with these parameters.
    """

    def call(*values: Any) -> Any:
        return answer(*_sorted_out(values, names))

    return _named(call, names)


def streaming_endpoint(
    answer: Callable[[Wishes, gr.Request, gr.Progress], Iterator[Any]], names: Sequence[str]
) -> Callable[..., Any]:
    """The same for a function that answers more than once.

    Args:
        answer: As for `endpoint`, a generator.
        names: As for `endpoint`.

    Returns:
        A generator function with these parameters.
    """

    def call(*values: Any) -> Iterator[Any]:
        yield from answer(*_sorted_out(values, names))

    return _named(call, names)


def _sorted_out(values: Sequence[Any], names: Sequence[str]) -> tuple[dict[str, Any], gr.Request, gr.Progress]:
    *given, request, progress = values
    return dict(zip(names, given, strict=True)), request, progress


def _named(call: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The function with a signature that Gradio reads: the request is known by its type, the progress by its value."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in names]
    parameters.append(inspect.Parameter("request", kind, annotation=gr.Request))
    parameters.append(inspect.Parameter("progress", kind, default=gr.Progress()))
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {"request": gr.Request}
    return call
