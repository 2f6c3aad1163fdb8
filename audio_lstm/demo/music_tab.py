"""The tab "Compose": wishes -> pieces that keep them, seen, heard, printed, changed and taken home."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr

import audio_lstm
from audio_lstm.demo.endpoints import endpoint, streaming_endpoint
from audio_lstm.demo.music_fields import add_fields
from audio_lstm.demo.music_view import growing_view, report_view, sheet_view, takes_view
from audio_lstm.demo.music_wishes import MusicWishes
from audio_lstm.demo.resources import Resources
from audio_lstm.demo.visitor_files import VisitorFiles
from audio_lstm.demo.wording import plain_errors, time_left
from audio_lstm.errors import AudioLSTMError, ConfigError

__all__ = ["MusicTab"]

COMPOSERS = ("chorale", "lieder")
FORMATS = ("mid", "musicxml", "wav", "pdf", "png")
_SHOW_EVERY_S = 0.2  # a growing roll
_TAKES = ["Take 1", "Take 2", "Take 3", "Take 4"]
_MORE_BARS = 8
_MOST_REMEMBERED = 12  # steps that can be undone

Takes = tuple[audio_lstm.Composition, ...]
Answer = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class _Desk:
    """What a visitor has written so far."""

    steps: tuple[Takes, ...] = ()  # the last one is on the page
    urls: tuple[str, ...] = field(default=())  # of the sound of its takes

    def with_step(self, takes: Takes, urls: tuple[str, ...]) -> _Desk:
        return _Desk((*self.steps, takes)[-_MOST_REMEMBERED:], urls)


class MusicTab:
    """Lays the tab out and answers it."""

    def __init__(self, resources: Resources, visitor_files: VisitorFiles) -> None:
        """Use the server's models and files.

        Args:
            resources: The models.
            visitor_files: The visitors' files.
        """
        self._resources, self._visitor_files = resources, visitor_files

    def build(self) -> None:
        """Add the tab's content to the page that is being built."""
        wishes = add_fields(self._resources.config, [name for name in COMPOSERS if name in audio_lstm.shipped_models()])
        with gr.Row():
            go = gr.Button("Compose", variant="primary", elem_id="compose")
            stop = gr.Button("Stop", elem_id="compose-stop")
            undo = gr.Button("Undo", elem_id="compose-undo")
        with gr.Row(equal_height=True):
            harmonise = gr.Button("Harmonise the beginning", size="sm", elem_id="harmonise")
            longer = gr.Button("Continue this take by 8 bars", size="sm", elem_id="continue")
            bars = gr.Textbox("", label="Bars to redo", placeholder="5-8", min_width=90, elem_id="redo-bars")
            redo = gr.Button("Redo these bars, keep the others", size="sm", elem_id="redo")
        panel = gr.HTML(elem_id="music-panel", padding=False, apply_default_css=False, label="Takes")
        take = gr.Radio(_TAKES, value=_TAKES[0], label="This take", elem_id="take", type="index")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                sheet = gr.HTML(elem_id="sheet", padding=False, apply_default_css=False, label="Sheet music")
            with gr.Column(min_width=320):
                report = gr.HTML(elem_id="report", padding=False, apply_default_css=False, label="Report")
                files = gr.File(
                    label="Download", file_count="multiple", interactive=False, elem_id="music-files", height=190
                )
        desk = gr.State(_Desk(), time_to_live=60 * self._resources.config.keep_minutes)
        outputs = [panel, files, report, sheet, take, desk]
        shared: dict[str, Any] = {"concurrency_id": "music", "concurrency_limit": self._resources.config.workers}
        names = [part.name for part in fields(MusicWishes)]
        composing = streaming_endpoint(self._compose, [*names, "desk"])
        run = go.click(composing, [*wishes, desk], outputs, api_name="compose", **shared)
        runs = [run]
        for button, answer, name in (
            (harmonise, self._harmonise, "harmonise"),
            (longer, self._continue, "continue"),
            (redo, self._redo, "redo"),
        ):
            changing = streaming_endpoint(answer, [*names, "bars_to_redo", "take", "desk"])
            runs.append(button.click(changing, [*wishes, bars, take, desk], outputs, api_name=name, **shared))
        undoing = endpoint(self._undo, ["desk"])
        undo.click(undoing, [desk], outputs, api_name="undo", **shared)
        choosing = endpoint(self._choose, ["take", "desk"])
        take.select(choosing, [take, desk], [files, report, sheet], api_visibility="private", **shared)
        stop.click(None, None, None, cancels=runs, api_visibility="private")

    def _compose(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Iterator[Answer]:
        """Write one or several pieces.

        Args:
            values: Of the tab's fields, and the desk.
            request: The visitor's.
            progress: Where to say how far it is.

        Yields:
            What the page shows: the roll while it grows, then everything.
        """
        wishes = MusicWishes.from_values(values)
        progress(0, desc="writing")
        with plain_errors():
            options = wishes.options(max_bars=self._resources.config.max_bars)
            model = self._resources.composer(wishes.model)
            if wishes.n_takes == 1:
                stream = audio_lstm.compose_stream(model=model, seed=wishes.chosen_seed, **options)
                yield from _growing(stream, wishes)
                yield from self._shown((stream.finish(),), values["desk"], str(request.session_hash), progress)
                return
            meter = _BarMeter(progress, wishes.bars)
            takes = audio_lstm.compose_takes(
                n_takes=wishes.n_takes, model=model, seed=wishes.chosen_seed, progress=meter, **options
            )
            yield from self._shown(tuple(takes), values["desk"], str(request.session_hash), progress)

    def _harmonise(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Iterator[Answer]:
        """Write three more voices to the beginning.

        Args:
            values: Of the tab's fields, and the desk.
            request: The visitor's.
            progress: Where to say how far it is.

        Yields:
            What the page shows.

        Raises:
            gr.Error: If there is no beginning.
        """
        wishes = MusicWishes.from_values(values)
        progress(0, desc="harmonising")
        with plain_errors():
            melody = wishes.beginning
            if melody is None:
                raise gr.Error("Choose a beginning first: notes, a file, or humming.", title="No melody")
            take = audio_lstm.harmonise(
                melody, seed=wishes.chosen_seed, temperature=wishes.temperature, tempo_bpm=wishes.tempo_bpm or None
            )
            yield from self._shown((take,), values["desk"], str(request.session_hash), progress)

    def _continue(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Iterator[Answer]:
        """Make the chosen take longer.

        Args:
            values: Of the tab's fields, the position of the take, and the desk.
            request: The visitor's.
            progress: Where to say how far it is.

        Yields:
            What the page shows.
        """
        wishes, take = MusicWishes.from_values(values), _chosen(values)
        progress(0, desc="going on")
        with plain_errors():
            bars = round((take.bars or wishes.bars or _MORE_BARS) + _MORE_BARS)
            options = replace(wishes, begin="nothing", bars=bars).options(max_bars=self._resources.config.max_bars)
            model = self._resources.composer(take.model)
            after = audio_lstm.compose(model=model, seed=wishes.chosen_seed, **{**options, "primer": take.score})
            yield from self._shown((after,), values["desk"], str(request.session_hash), progress)

    def _redo(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Iterator[Answer]:
        """Write some bars of the chosen take anew.

        Args:
            values: Of the tab's fields, the bars, the position of the take, and the desk.
            request: The visitor's.
            progress: Where to say how far it is.

        Yields:
            What the page shows.

        Raises:
            gr.Error: If no bars are named.
        """
        wishes, take, bars = MusicWishes.from_values(values), _chosen(values), str(values["bars_to_redo"] or "").strip()
        if not bars:
            raise gr.Error("Name the bars to redo first, such as 5-8.", title="Which bars?")
        progress(0, desc="writing bars anew")
        with plain_errors():
            after = audio_lstm.infill(
                take.score, bars=_span(bars), seed=wishes.chosen_seed, temperature=wishes.temperature
            )
            yield from self._shown((after,), values["desk"], str(request.session_hash), progress)

    def _shown(self, takes: Takes, desk: _Desk, visitor: str, progress: gr.Progress) -> Iterator[Answer]:
        """The notes at once, then sound, sheet and files."""
        silent = ("",) * len(takes)
        choice = gr.Radio(_TAKES[: len(takes)], value=_TAKES[0])
        yield takes_view(takes, silent), None, report_view(takes[0]), "", choice, gr.skip()
        folder = self._visitor_files.folder(visitor)
        urls = []
        for number, take in enumerate(takes):
            progress((number, len(takes)), desc="making the sound", unit="takes")
            urls.append(self._visitor_files.link(take.save(folder / f"take-{number + 1}.wav")))
        after = desk.with_step(takes, tuple(urls))
        progress(0.9, desc="engraving")
        files, sheet = self._printed(takes[0], folder)
        yield takes_view(takes, urls), files, report_view(takes[0]), sheet, choice, after

    def _printed(self, take: audio_lstm.Composition, folder: Path) -> tuple[list[str], str]:
        """The files of a take, and its sheet music as HTML."""
        files = []
        for suffix in FORMATS:
            target = folder / f"{take.model}-{take.seed}-{take.take + 1}.{suffix}"
            if _done(take.save, target):
                files.append(str(target))
        drawn = folder / "sheet.svg"
        sheet = sheet_view(drawn.read_text("utf-8")) if _done(take.save, drawn) else ""
        return files, sheet

    def _choose(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Answer:
        """Show sheet, report and files of another take.

        Args:
            values: The take's position and the desk.
            request: The visitor's.
            progress: Where to say how far it is.

        Returns:
            Files, report and sheet.
        """
        take = _chosen(values)
        progress(0.5, desc="engraving")
        files, sheet = self._printed(take, self._visitor_files.folder(str(request.session_hash)))
        return files, report_view(take), sheet

    def _undo(self, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Answer:
        """Go back to what was there before the last step.

        Args:
            values: The desk.
            request: The visitor's.
            progress: Where to say how far it is.

        Returns:
            What the page shows.

        Raises:
            gr.Error: If there is nothing before.
        """
        desk: _Desk = values["desk"]
        if len(desk.steps) < 2:
            raise gr.Error("There is nothing to go back to.", title="Undo")
        before = _Desk(desk.steps[:-2])
        *_, last = self._shown(desk.steps[-2], before, str(request.session_hash), progress)
        return last


def _growing(stream: audio_lstm.CompositionStream, wishes: MusicWishes) -> Iterator[Answer]:
    """The roll while the piece is written, a few times a second."""
    notes: list[audio_lstm.NoteEvent] = []
    shown_at = 0.0
    for note in stream:
        notes.append(note)
        if time.monotonic() - shown_at >= _SHOW_EVERY_S:
            yield growing_view(notes, wishes.expected_s), *[gr.skip()] * 5
            shown_at = time.monotonic()


class _BarMeter:
    """Tells the page how many bars are written."""

    def __init__(self, progress: gr.Progress, n_bars: float | None) -> None:
        self._progress, self._n_bars = progress, n_bars or 1
        self._began = time.monotonic()

    def __call__(self, begun: int) -> None:
        share = min(1.0, begun / self._n_bars)
        left = time_left(time.monotonic() - self._began, share)
        self._progress(share, desc=f"bar {begun} of {self._n_bars:g}{', ' * bool(left)}{left}")


def _span(text: str) -> tuple[int, int]:
    """The bars "5-8", or one, "5"; ConfigError for what says none."""
    first, _, last = text.replace("–", "-").partition("-")
    if not first.strip().isdecimal() or not (last.strip() or first.strip()).isdecimal():
        raise ConfigError(f"bars to redo are written as 5-8, or 5 for one; got {text[:20]!r}")
    return int(first), int(last.strip() or first)


def _chosen(values: Mapping[str, Any]) -> audio_lstm.Composition:
    """The take that is chosen on the page."""
    desk: _Desk = values["desk"]
    if not desk.steps:
        raise gr.Error("Compose something first.", title="No take yet")
    takes = desk.steps[-1]
    return takes[min(int(values["take"] or 0), len(takes) - 1)]


def _done(save: Callable[[Path], Path], target: Path) -> bool:
    """Whether a piece could be written so: not every piece has every form, and some forms need an extra."""
    try:
        save(target)
    except AudioLSTMError:
        return False
    return True
