"""What the service says, in OpenAI's shapes: transcripts in five formats, and errors."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word

__all__ = [
    "FORMATS",
    "GRANULARITIES",
    "Answer",
    "ApiError",
    "language_name",
    "render",
    "render_events",
    "segment_to_dict",
    "transcript_to_dict",
    "words_of",
]

FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
GRANULARITIES = ("segment", "word")

# OpenAI writes a language's name, not its tag, and takes both. What is not here keeps its tag.
_LANGUAGES = {
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
    "uk": "ukrainian",
}
_FRAMES_PER_S = 100  # OpenAI's `seek` counts frames of 10 ms
_LEAST_CONFIDENCE = 1e-6  # its logarithm is what is written for a word without any


class ApiError(Exception):
    """A request that is refused or fails, as the client is told."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        """Keep the parts.

        Args:
            status: Of HTTP.
            message: What was expected, what came, and the way out; holds no path of this machine.
            code: For programs, e.g. "model_not_found".
            param: The field that is wrong.
            retry_after_s: When to try again, in seconds.
        """
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}

    def to_dict(self) -> dict[str, Any]:
        """As OpenAI writes errors."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        if self.status == 429:
            kind = "rate_limit_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class Answer:
    """A body and what it is."""

    body: str
    media_type: str


def render(transcript: Transcript, response_format: str, granularities: Collection[str] = ("segment",)) -> Answer:
    """A transcript as the client wants it.

    Args:
        transcript: What was heard.
        response_format: One of FORMATS.
        granularities: Which times verbose_json holds: "segment", "word".

    Returns:
        The body of the answer.

    Raises:
        ValueError: If the format is not one of FORMATS.
    """
    if response_format == "json":
        body = {"text": transcript.text, "usage": _usage(transcript), **_notes(transcript)}
        return Answer(json.dumps(body, ensure_ascii=False), "application/json")
    if response_format == "verbose_json":
        return Answer(json.dumps(transcript_to_dict(transcript, granularities), ensure_ascii=False), "application/json")
    if response_format == "text":
        return Answer(transcript.text + "\n", "text/plain")
    if response_format == "srt":
        return Answer(transcript.to_srt(), "text/plain")
    if response_format == "vtt":
        return Answer(transcript.to_vtt(), "text/vtt")
    raise ValueError(f"response_format must be one of {', '.join(FORMATS)}, got {response_format!r}")


def render_events(transcript: Transcript) -> Answer:
    """A transcript as the events that OpenAI's clients expect with `stream=True`: a delta a segment, then the whole.

    Args:
        transcript: What was heard, all of it: who wants words while they are spoken takes the WebSocket.

    Returns:
        The body of the answer, as server-sent events.
    """
    texts = [segment.text for segment in transcript.segments]
    events: list[dict[str, Any]] = [
        {"type": "transcript.text.delta", "delta": text if number == 0 else f" {text}"}
        for number, text in enumerate(texts)
    ]
    events.append({"type": "transcript.text.done", "text": transcript.text, "usage": _usage(transcript)})
    body = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return Answer(body, "text/event-stream")


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.duration_s)}


def _notes(transcript: Transcript) -> dict[str, Any]:
    """What is odd about the recording, in a key of our own; nothing where nothing is."""
    return {"notes": list(transcript.notes)} if transcript.notes else {}


def transcript_to_dict(transcript: Transcript, granularities: Collection[str] = GRANULARITIES) -> dict[str, Any]:
    """A transcript as OpenAI's verbose_json.

    Args:
        transcript: What was heard.
        granularities: Which times it holds: "segment", "word".

    Returns:
        Plain JSON values.
    """
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": language_name(transcript.language),
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
        "spoken": transcript.spoken,
    }
    if "segment" in granularities:
        body["segments"] = [segment_to_dict(number, segment) for number, segment in enumerate(transcript.segments)]
    if "word" in granularities:
        body["words"] = words_of(transcript.words)
    return body | {"usage": _usage(transcript), **_notes(transcript)}


def language_name(language: str) -> str:
    """A language as OpenAI writes it.

    Args:
        language: An IETF tag ("de-CH"), a locale ("de_CH.UTF-8"), or a name, in any case.

    Returns:
        The name ("german"), or what was passed, in lower case without the region.
    """
    tag = re.split(r"[-_. ]", language.strip().lower())[0]
    return _LANGUAGES.get(tag, tag)


def words_of(words: Iterable[Word]) -> list[dict[str, Any]]:
    """Words as OpenAI writes them, with times in seconds; and what was heard, in a key of our own."""
    return [
        {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3), "spoken": word.spoken}
        for word in words
    ]


def segment_to_dict(number: int, segment: Segment) -> dict[str, Any]:
    """A segment as OpenAI writes it.

    Two of its values are Whisper's own and mean nothing here: `tokens` is empty, and `no_speech_prob` is 0, since only
    stretches in which words were heard become segments. `avg_logprob` is the mean of the words' log-confidences.

    Args:
        number: From 0.
        segment: With at least one word.

    Returns:
        Plain JSON values.
    """
    logarithms = [math.log(max(word.confidence, _LEAST_CONFIDENCE)) for word in segment.words]
    text = segment.text.encode()
    return {
        "id": number,
        "seek": round(segment.start_s * _FRAMES_PER_S),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(logarithms) / max(1, len(logarithms)), 4),
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 4),
        "no_speech_prob": 0.0,
    }
