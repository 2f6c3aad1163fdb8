"""The tab "Transcribe": a recording, or a microphone while it listens -> words, where they are, and files."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

import audio_lstm
from audio_lstm.audio.files import write_wav
from audio_lstm.demo.endpoints import streaming_endpoint
from audio_lstm.demo.resources import SAMPLE_RATE, Resources, samples_folder
from audio_lstm.demo.speech_view import Hearing, changes, transcript_view
from audio_lstm.demo.visitor_files import VisitorFiles
from audio_lstm.demo.wording import plain_errors, time_left
from audio_lstm.serving.decode_process import Decoded

__all__ = ["SpeechTab"]

FORMATS = ("txt", "srt", "vtt", "tsv", "json", "TextGrid")
LANGUAGE_MODELS = ("as tuned", "none", "english")
_SPEECH_MODELS = ("english-base", "english-small", "an4")
_MOST_PICTURE_S = 60.0  # spectrogram and posteriors are drawn up to here
_SAMPLES = {"spelling.wav": "M U S I C", "digits.wav": "three one four …", "control.wav": "enter sixty four"}
_LIVE = """
<div class="live" id="live">
 <div class="live-controls">
  <button type="button" id="live-start" class="own-button">● Start listening</button>
  <button type="button" id="live-stop" class="own-button" disabled>■ Stop</button>
  <span id="live-state" role="status">Words appear while you speak. Nothing leaves this machine's server.</span>
 </div>
 <div id="live-words" class="said live-words" role="log" aria-live="polite" aria-label="Live captions"></div>
</div>"""

Answer = tuple[Any, ...]


@dataclass(frozen=True)
class _Before:
    """What the visitor's last transcript was, to show what a change of settings has changed."""

    audio: str
    words: tuple[str, ...]


class SpeechTab:
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
        config = self._resources.config
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                audio = gr.Audio(
                    sources=["upload", "microphone"],
                    type="filepath",
                    label="Recording",
                    elem_id="speech-audio",
                    buttons=["download"],
                )
                limits = f"At most {config.max_minutes:g} minutes and {config.max_upload_mb:g} MB. Or try one of these:"
                gr.HTML(f'<p class="hint">{limits}</p>', padding=False, apply_default_css=False)
                with gr.Row(elem_classes="examples"):
                    samples = [
                        (gr.Button(f"▶ {text}", size="sm", elem_id=f"sample-{name[:-4]}"), name)
                        for name, text in _SAMPLES.items()
                    ]
            with gr.Column(scale=3, min_width=280):
                model = gr.Dropdown(list(_SPEECH_MODELS), value="english-base", label="Model", elem_id="speech-model")
                language = gr.Dropdown(list(LANGUAGE_MODELS), value="as tuned", label="Language model")
                hotwords = gr.Textbox(
                    label="Hot words",
                    value="",
                    placeholder="words to prefer, with commas between them",
                    elem_id="hotwords",
                )
                track = gr.Number(
                    label="Sound track of a film (0: its default one)",
                    value=0,
                    minimum=0,
                    precision=0,
                    elem_id="track",
                )
                numbers = gr.Dropdown(["words", "digits"], value="words", label="Numbers", elem_id="numbers")
                with gr.Row():
                    go = gr.Button("Transcribe", variant="primary", elem_id="transcribe")
                    stop = gr.Button("Cancel", elem_id="transcribe-cancel")
        text = gr.Textbox(label="Text", lines=2, interactive=False, buttons=["copy"], elem_id="speech-text")
        panel = gr.HTML(elem_id="speech-panel", padding=False, apply_default_css=False, label="Transcript")
        files = gr.File(label="Download", file_count="multiple", interactive=False, elem_id="speech-files", height=190)
        with gr.Accordion("Live captions", open=True, elem_id="live-box"):
            gr.HTML(_LIVE, padding=False, apply_default_css=False)
        before = gr.State(None)
        inputs = [audio, model, language, hotwords, track, numbers, before]
        outputs = [text, files, panel, before]
        shared: dict[str, Any] = {"concurrency_id": "speech", "concurrency_limit": config.workers}
        answer = streaming_endpoint(
            self._transcribe, ("audio", "model", "language_model", "hotwords", "track", "numbers", "before")
        )
        main = go.click(answer, inputs, outputs, api_name="transcribe", **shared)
        again = hotwords.submit(answer, inputs, outputs, api_visibility="private", **shared)
        runs = [main, again]
        for button, name in samples:
            chosen = button.click(_sample(name), None, audio, api_visibility="private", queue=False)
            runs.append(chosen.then(answer, inputs, outputs, api_visibility="private", **shared))
        stop.click(_cancelled, None, text, cancels=runs, api_visibility="private", queue=False)

    def _transcribe(self, wishes: Mapping[str, Any], request: gr.Request, progress: gr.Progress) -> Iterator[Answer]:
        """Transcribe a recording.

        Args:
            wishes: The recording (audio), model, language_model, hotwords with commas between them, the sound track,
                how to write numbers, and what was heard before.
            request: The visitor's.
            progress: Where to say how far it is.

        Yields:
            The text so far; at the end text, files in all formats, and the panel.

        Raises:
            gr.Error: In a sentence, where nothing can be heard.
        """
        audio, before = wishes["audio"], wishes["before"]
        if not audio:
            raise gr.Error("Record or upload something first, or press one of the examples.", title="No recording")
        progress(0, desc="reading the recording")
        with plain_errors(), self._resources.decoded(audio, track=int(wishes["track"] or 0) or None) as found:
            wanted = tuple(
                word.strip().upper() for word in re.split(r"[,;\n]", wishes["hotwords"] or "") if word.strip()
            )
            recogniser = self._resources.hearing(wishes["model"], wishes["language_model"], wanted)
            recogniser = recogniser.with_numbers(wishes["numbers"] or "words")
            whole = np.array(found.samples)
            segments: list[audio_lstm.Segment] = []
            meter = _Meter(progress, len(whole) / SAMPLE_RATE)
            sound = (whole, SAMPLE_RATE)
            for segment in audio_lstm.transcribe_segments(sound, model=recogniser, progress=meter):
                segments.append(segment)
                yield " ".join(part.text for part in segments), gr.skip(), gr.skip(), gr.skip()
            transcript = _transcript(segments, whole, recogniser.name, found)
            folder = self._visitor_files.folder(str(request.session_hash))
            files = _write_all(transcript, folder, audio)
            write_wav(folder / "recording.wav", whole, SAMPLE_RATE)
            hearing = _look(whole, recogniser, transcript)
        words = tuple(word.spoken for word in transcript.words)
        changed = changes(before.words, words) if before is not None and before.audio == audio else None
        view = transcript_view(hearing, audio_url=self._visitor_files.link(folder / "recording.wav"), changed=changed)
        yield transcript.text, files, view, _Before(audio, words)


class _Meter:
    """Tells the page how far a transcription is."""

    def __init__(self, progress: gr.Progress, total_s: float) -> None:
        self._progress, self._total_s = progress, max(total_s, 1e-3)
        self._began = time.monotonic()

    def __call__(self, heard_s: float, of_s: float | None) -> None:
        share = min(1.0, heard_s / (of_s or self._total_s))
        left = time_left(time.monotonic() - self._began, share)
        self._progress(share, desc=f"heard {heard_s:.0f} of {self._total_s:.0f} s{', ' * bool(left)}{left}")


def _sample(name: str) -> Any:
    path = str(samples_folder() / name)

    def give() -> str:
        return path

    return give


def _cancelled() -> str:
    return "Cancelled."


def _transcript(segments: list[audio_lstm.Segment], samples: Any, model: str, found: Decoded) -> audio_lstm.Transcript:
    peak = float(np.abs(samples).max(initial=0.0))
    peak_db = 20 * math.log10(peak) if peak > 0 else -math.inf
    return audio_lstm.Transcript(
        tuple(segments),
        len(samples) / SAMPLE_RATE,
        model,
        peak_db,
        notes=found.notes,
        channel_peaks_db=found.channel_peaks_db,
    )


def _write_all(transcript: audio_lstm.Transcript, folder: Any, audio: str) -> list[str]:
    stem = re.sub(r"\W+", "-", str(audio).replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]).strip("-")[:60]
    files = []
    for suffix in FORMATS:
        target = folder / f"{stem or 'transcript'}.{suffix}"
        transcript.save(target)
        files.append(str(target))
    return files


def _look(samples: Any, recogniser: audio_lstm.SpeechRecogniser, transcript: audio_lstm.Transcript) -> Hearing:
    symbols = ("", *recogniser.config.symbols)
    if len(samples) > _MOST_PICTURE_S * SAMPLE_RATE:
        return Hearing(transcript, samples, SAMPLE_RATE, None, None, symbols)
    features = recogniser.features(samples)
    log_probs, _ = recogniser.log_probs(features)
    return Hearing(transcript, samples, SAMPLE_RATE, features, log_probs[:, : len(symbols)], symbols)
