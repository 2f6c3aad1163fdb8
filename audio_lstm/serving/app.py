"""The routes: OpenAI's transcription and models, health, and live audio."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast, get_args

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from audio_lstm.errors import AudioLSTMError
from audio_lstm.serving.answers import FORMATS, GRANULARITIES, ApiError, language_name, render, render_events
from audio_lstm.serving.decode_process import Upload
from audio_lstm.serving.forms import Form, receive_form
from audio_lstm.serving.job import JobCancelled
from audio_lstm.serving.live import converse
from audio_lstm.serving.middleware import App, RequestMiddleware
from audio_lstm.serving.service import Service
from audio_lstm.speech.text.numerals import Numbers

__all__ = ["create_app"]

# OpenAI's own, which clients ask for that know no other name; with or without a snapshot's date.
_STOCK_MODELS = re.compile(r"whisper-1|gpt-4o(-mini)?-transcribe(-diarize)?(-latest|-\d{4}-\d\d-\d\d)?")
_ANY_LANGUAGE = "auto"  # what clients send that let the model find out
_READ = ["GET", "HEAD"]
_MOST_TRACKS = 10_000
_STARTED = int(time.time())


def create_app(service: Service) -> RequestMiddleware:
    """The application.

    Args:
        service: The work behind it.

    Returns:
        An ASGI application.
    """
    # It would write every fault of a body to standard error; what is wrong is answered, and told in one line, by us.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    app = FastAPI(title="audio_lstm", docs_url=None, redoc_url=None, openapi_url=None)

    @app.api_route("/healthz", methods=_READ)
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.api_route("/readyz", methods=_READ)
    async def ready() -> JSONResponse:
        return JSONResponse({"status": service.state}, 200 if service.state == "ready" else 503)

    @app.api_route("/v1/models", methods=_READ)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(service)]}

    @app.api_route("/v1/models/{name:path}", methods=_READ)
    async def model(name: str) -> dict[str, Any]:
        _check_model(name, service)
        return _model(service)

    @app.post("/v1/audio/transcriptions")
    async def transcriptions(request: Request) -> Response:
        return await _transcriptions(request, service)

    @app.websocket("/v1/audio/stream")
    async def stream(socket: WebSocket) -> None:
        await converse(socket, service)

    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _failed)
    return RequestMiddleware(_open_to(app, service.config.allow_origins))


def _open_to(app: FastAPI, origins: tuple[str, ...]) -> App:
    """The application, whose answers the scripts of web pages of these origins may read (CORS)."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=[origin.lower() for origin in origins],  # as browsers write them
        allow_methods=[*_READ, "POST"],
        allow_headers=["*"],
        expose_headers=["x-request-id", "retry-after"],
    )


async def _transcriptions(request: Request, service: Service) -> Response:
    try:
        with service.admitted() as job, tempfile.TemporaryFile() as file:
            form = await receive_form(
                request.receive,
                request.headers,
                file,
                max_bytes=service.config.max_upload_bytes,
                idle_s=service.config.idle_s,
                job=job,
            )
            wish = _wish(form, service)
            upload = Upload(form.file, form.name, wish.allow_truncated, wish.track)
            transcript = await service.transcribe(upload, form.one("prompt"), job, _gone(request), numbers=wish.numbers)
    except JobCancelled:  # nobody reads what is answered now
        return Response(status_code=499)
    except AudioLSTMError as error:
        raise ApiError(400, str(error), code="invalid_audio", param="file") from error
    except OSError as error:
        raise ApiError(507, f"the server cannot store the upload ({error.strerror}); try again later") from error
    request.scope["facts"]["audio"] = f"{transcript.duration_s:.2f}s"
    answer = render(transcript, wish.response_format, wish.granularities)
    if wish.in_events:
        answer = render_events(transcript)
    return Response(answer.body, media_type=answer.media_type)


@dataclass(frozen=True)
class _Wish:
    """How the client wants its transcript."""

    response_format: str
    granularities: tuple[str, ...]
    in_events: bool
    allow_truncated: bool
    track: int | None
    numbers: Numbers | None


def _wish(form: Form, service: Service) -> _Wish:
    """What the form asks for; a wrong wish is refused before the work is done."""
    _check_model(form.one("model"), service)
    _check_language(form.one("language"), service.language)
    wish = _Wish(
        response_format=form.choice("response_format", FORMATS),
        granularities=_granularities(form),
        in_events=form.flag("stream"),
        allow_truncated=form.flag("allow_truncated"),
        track=_track(form.one("track")),
        numbers=_numbers(form.one("numbers")),
    )
    if wish.in_events and wish.response_format not in ("json", "text"):
        raise ApiError(400, f"stream gives text alone, got response_format {wish.response_format!r}", param="stream")
    return wish


def _numbers(wanted: str) -> Numbers | None:
    if wanted and wanted not in get_args(Numbers):
        raise ApiError(400, f"numbers must be words or digits, got {wanted[:40]!r}", param="numbers")
    return cast("Numbers", wanted) if wanted else None


def _track(wanted: str) -> int | None:
    if not wanted:
        return None
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= _MOST_TRACKS):
        raise ApiError(400, f"track must be a whole number from 1, got {wanted[:40]!r}", param="track")
    return int(wanted)


def _granularities(form: Form) -> tuple[str, ...]:
    name = "timestamp_granularities[]"
    wanted = [*form.all(name), *form.all("timestamp_granularities")]
    wrong = next((value for value in wanted if value not in GRANULARITIES), None)
    if wrong is not None:
        raise ApiError(400, f"{name} must be word or segment, got {wrong[:40]!r}", param="timestamp_granularities")
    return tuple(wanted) or GRANULARITIES[:1]


def _check_model(name: str, service: Service) -> None:
    served = service.recogniser.name
    if name not in ("", served) and not _STOCK_MODELS.fullmatch(name):
        raise ApiError(
            404,
            f"the model {name[:80]!r} does not exist; this server has {served!r}",
            code="model_not_found",
            param="model",
        )


def _check_language(wanted: str, heard: str) -> None:
    if wanted.lower() not in ("", _ANY_LANGUAGE) and language_name(wanted) != language_name(heard):
        raise ApiError(400, f"the model hears the language {heard!r}, got {wanted[:40]!r}", param="language")


def _model(service: Service) -> dict[str, Any]:
    return {"id": service.recogniser.name, "object": "model", "created": _STARTED, "owned_by": "audio_lstm"}


async def _gone(request: Request) -> None:
    """Return once the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    if error.code:
        request.scope["facts"]["error"] = error.code
    return JSONResponse(error.to_dict(), error.status, error.headers)


async def _unknown(request: Request, error: Exception) -> Response:
    """A path or method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"{HTTPStatus(status).phrase}: {request.method} {request.url.path[:100]}"
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse(ApiError(status, message, code="unknown_url").to_dict(), status, headers)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of ours: the client learns no more than that, the log gets the traceback."""
    message = "the server failed; its log says why"
    return JSONResponse(ApiError(500, message, code="internal_error").to_dict(), 500)
