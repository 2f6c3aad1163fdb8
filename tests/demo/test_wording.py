"""What the page says: one sentence, without the server's paths."""

from __future__ import annotations

import gradio as gr
import pytest

from audio_lstm.demo.wording import escaped, plain_errors, sentence, time_left
from audio_lstm.errors import AudioError


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("/tmp/gradio/8f/talk.mp3: not audio; pass another", "Talk.mp3: not audio; pass another."),
        ("bars must lie in 1..64, got 0", "Bars must lie in 1..64, got 0."),
        ("two\nlines", "Two lines."),
        ("4/4 or 3/4?", "4/4 or 3/4?"),
    ],
)
def test_an_error_is_one_sentence_that_names_no_folder(message: str, said: str) -> None:
    assert sentence(AudioError(message)) == said


def test_our_errors_become_the_pages_and_others_pass() -> None:
    with pytest.raises(gr.Error, match="Nothing to hear"), plain_errors():
        raise AudioError("nothing to hear")
    with pytest.raises(KeyError), plain_errors():
        raise KeyError("a mistake of ours")


def test_text_cannot_become_markup() -> None:
    assert escaped("<b a='\"'>") == "&lt;b a=&#x27;&quot;&#x27;&gt;"


@pytest.mark.parametrize(
    ("elapsed_s", "share", "said"),
    [
        (0.1, 0.5, ""),
        (5, 0, ""),
        (10, 0.5, "about 10 s left"),
        (10, 0.99, "nearly done"),
        (60, 0.1, "about 9 min left"),
    ],
)
def test_time_left_is_said_once_it_is_known(elapsed_s: float, share: float, said: str) -> None:
    assert time_left(elapsed_s, share) == said
