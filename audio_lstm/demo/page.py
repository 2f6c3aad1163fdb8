"""The page: its tabs, its looks, and the limits of its queue."""

from __future__ import annotations

from typing import Any

import gradio as gr

from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.inside_tab import InsideTab
from audio_lstm.demo.music_tab import MusicTab
from audio_lstm.demo.resources import Resources
from audio_lstm.demo.speech_tab import SpeechTab
from audio_lstm.demo.visitor_files import VisitorFiles

__all__ = ["HEAD", "TITLE", "build_page", "looks"]

TITLE = "audio_lstm: transcribe and compose"
# Styles and scripts are files of this server, not of a CDN; the theme names fonts of the visitor's own system.
HEAD = (
    '<link rel="stylesheet" href="/page/app.css">'
    '<script defer src="/page/player.js"></script>'
    '<script defer src="/page/captions.js"></script>'
    '<script defer src="/page/keyboard.js"></script>'
    '<script defer src="/page/tour.js"></script>'
)
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Ubuntu", "sans-serif")
_MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
_INTRO = (
    "<h1>audio_lstm</h1><p>Small LSTMs that write down speech and write music, on this machine's processor, offline. "
    "<em>Transcribe</em> a recording or your voice, <em>compose</em> with guarantees, and <em>look inside</em>.</p>"
)


def looks() -> gr.Theme:
    """The theme, without a font from anywhere."""
    return gr.themes.Soft(primary_hue="indigo", font=_FONTS, font_mono=_MONO_FONTS)


def build_page(config: DemoConfig, resources: Resources, visitor_files: VisitorFiles) -> gr.Blocks:
    """All tabs.

    Args:
        config: The limits.
        resources: The models.
        visitor_files: The visitors' files.

    Returns:
        The page, with its queue; not yet mounted anywhere.
    """
    keep_s = round(60 * config.keep_minutes)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(min(600, keep_s), keep_s)) as page:
        gr.HTML(_INTRO, elem_classes="intro", padding=False, apply_default_css=False)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Transcribe", id="transcribe"):
                SpeechTab(resources, visitor_files).build()
            with gr.Tab("Compose", id="compose"):
                MusicTab(resources, visitor_files).build()
            with gr.Tab("Look inside the LSTM", id="inside") as inside:
                InsideTab(resources, visitor_files).build(inside)

        def leave(request: gr.Request) -> None:
            visitor_files.drop(str(request.session_hash))

        unload: Any = page.unload
        unload(leave)
    page.queue(max_size=config.queue, default_concurrency_limit=config.workers)
    return page
