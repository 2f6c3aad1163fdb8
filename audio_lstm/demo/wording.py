"""What the page says when something goes wrong: one sentence, without a path of the server in it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from audio_lstm.errors import AudioLSTMError

__all__ = ["escaped", "plain_errors", "sentence", "time_left"]

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][^\s/\\:'\"]+)+[/\\]([^\s/\\:'\"]+)")


def sentence(error: AudioLSTMError) -> str:
    """An error's message for a visitor.

    Args:
        error: One of ours; its message names files by their path.

    Returns:
        One line; of each path only the file's name is left.
    """
    line = _PATH.sub(r"\1", " ".join(str(error).split()))
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "!", "?")) else ".")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn our errors into a sentence on the page.

    Raises:
        gr.Error: In place of an AudioLSTMError.
    """
    try:
        yield
    except AudioLSTMError as error:
        raise gr.Error(sentence(error), duration=None, title="That did not work") from error


def escaped(text: str) -> str:
    """Text as HTML, for attributes too."""
    return html.escape(text, quote=True)


def time_left(elapsed_s: float, share: float) -> str:
    """How much longer something takes, in words.

    Args:
        elapsed_s: Since it began.
        share: Of it that is done, 0..1.

    Returns:
        As in "about 12 s left"; empty where nothing can be said yet.
    """
    if share <= 0 or elapsed_s < 0.5:
        return ""
    left_s = elapsed_s * (1 - share) / share
    if left_s < 1:
        return "nearly done"
    return f"about {left_s:.0f} s left" if left_s < 90 else f"about {left_s / 60:.0f} min left"
