"""Receive a multipart form as it comes in: the recording goes to disk, and too much of it is refused early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, NoReturn

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from audio_lstm.serving.answers import ApiError
from audio_lstm.serving.job import Job, JobCancelled
from audio_lstm.serving.messages import Receive, next_message

__all__ = ["Form", "receive_form"]

_MOST_PARTS = 64
_MOST_FIELD_BYTES = 65_536  # of all fields but the recording
_MOST_NAME_CHARACTERS = 80
_MOST_TYPED_BYTES = 1_000
_FILE = "file"  # the field that holds the recording
_TEXT_FIELDS = ("prompt", "model", "language", "response_format", "temperature")  # may be sent from a file


@dataclass
class Form:
    """What the client filled in."""

    file: BinaryIO  # the recording is written here
    name: str = ""  # what the client calls the recording; empty until one came
    n_bytes: int = 0  # of the recording
    has_file_name: bool = False  # what came as the recording; text typed into the field has none
    misplaced: str = ""  # the first other field that holds a file
    fields: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str, default: str = "") -> str:
        """The value of a field that may be there once.

        Args:
            name: Of the field.
            default: What it is if it is not there.

        Returns:
            The value.

        Raises:
            ApiError: If there are several.
        """
        values = self.all(name)
        if len(values) > 1:
            raise ApiError(400, f"the field {name!r} is there {len(values)} times; send it once", param=name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """The values of a field that may be there several times.

        Args:
            name: Of the field.

        Returns:
            The values but for empty ones, which clients send of what was not filled in.
        """
        return [value.strip() for value in self.fields.get(name, []) if value.strip()]

    def flag(self, name: str) -> bool:
        """The value of a field that says yes or no.

        Args:
            name: Of the field.

        Returns:
            The value; no where it is not there.

        Raises:
            ApiError: If it is neither.
        """
        value = self.one(name, "false")
        if value.lower() not in ("false", "true", "0", "1"):
            raise ApiError(400, f"{name} must be one of false, true, got {_short(value)!r}", param=name)
        return value.lower() in ("true", "1")

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """The value of a field that has few.

        Args:
            name: Of the field.
            known: Its values; the first is the default.

        Returns:
            The value.

        Raises:
            ApiError: If it is none of them.
        """
        value = self.one(name, known[0])
        if value not in known:
            raise ApiError(400, f"{name} must be one of {', '.join(known)}, got {_short(value)!r}", param=name)
        return value


async def receive_form(
    receive: Receive, headers: Mapping[str, str], file: BinaryIO, *, max_bytes: int, idle_s: float, job: Job
) -> Form:
    """Receive a form; its recording is written to `file`.

    Args:
        receive: Of ASGI: the next message.
        headers: Of the request, lower case.
        file: Where the recording goes.
        max_bytes: Of the whole body. More is refused as soon as it is announced or has come.
        idle_s: How long the client may send nothing.
        job: Whose deadline holds for the upload.

    Returns:
        The form.

    Raises:
        ApiError: 413 if it is too large, 415 if it is no form, 400 if it is damaged or holds no recording, 408 if it
            does not come, 503 if the server stops meanwhile.
        JobCancelled: If the client has gone.
    """
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        _refuse_size(max_bytes)
    parts = _Parts(Form(file))
    parser = MultipartParser(_boundary(headers.get("content-type", "")), parts.callbacks())  # type: ignore[arg-type]
    n_bytes, more = 0, True
    while more:
        try:
            message = await next_message(receive, seconds=min(idle_s, job.left_s), check=partial(_refuse_if_ended, job))
        except TimeoutError:
            why = f"nothing came for {idle_s:g} s" if job.left_s else "it took too long"
            raise ApiError(408, f"the upload was given up: {why}; send it again", code="upload_timeout") from None
        if message["type"] == "http.disconnect":
            raise JobCancelled("the client went away during the upload")
        body, more = message.get("body", b""), message.get("more_body", False)
        n_bytes += len(body)
        if n_bytes > max_bytes:
            _refuse_size(max_bytes)
        try:
            parser.write(body)
        except FormParserError as error:
            raise ApiError(400, f"the form is damaged ({error}); send it again", code="invalid_form") from error
    if not parts.ended:
        raise ApiError(400, "the form is cut short: its last boundary is missing; send it again", code="invalid_form")
    _require_recording(parts.form)
    return parts.form


def _require_recording(form: Form) -> None:
    if form.name and not form.has_file_name and (text := _typed(form)):
        raise ApiError(
            400,
            f"the field 'file' holds the text {_short(text)!r}, no recording; send the file (curl -F file=@a.wav)",
            param=_FILE,
        )
    if form.name:
        return
    if form.misplaced:
        where = f"in the field {_short(form.misplaced)!r}"
        raise ApiError(400, f"the form holds a file {where}; send the recording in the field 'file'", param=_FILE)
    raise ApiError(400, "the form holds no recording; send one in the field 'file'", param=_FILE)


def _typed(form: Form) -> str:
    """What was typed into the field of the recording; "" if it is no such text."""
    if form.n_bytes > _MOST_TYPED_BYTES:
        return ""
    form.file.seek(0)
    text = form.file.read().decode("utf-8", "replace").strip()
    return text if text.isprintable() and "\ufffd" not in text else ""


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise ApiError(
            415,
            f"expected Content-Type multipart/form-data with a recording in the field 'file', got "
            f"{_short(content_type)!r}",
            code="unsupported_media_type",
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # RFC 2046
        raise ApiError(400, "the Content-Type names no boundary of 1 to 70 characters; send the form again")
    return boundary


def _refuse_if_ended(job: Job) -> None:
    if job.given_up.is_set():
        raise ApiError(503, "the server is stopping; ask another one", code="stopping", retry_after_s=5)


def _refuse_size(max_bytes: int) -> NoReturn:
    raise ApiError(
        413,
        f"the upload is larger than the {max_bytes / 1e6:g} MB allowed; send it compressed (flac, opus, mp3) or in "
        "parts, or ask for a higher --max-upload-mb",
        code="upload_too_large",
        param=_FILE,
    )


def _short(text: str) -> str:
    return text if len(text) <= _MOST_NAME_CHARACTERS else text[:_MOST_NAME_CHARACTERS] + "…"


def _tidy(name: bytes) -> str:
    """A client's file name for messages: no folders, nothing that could break a line, not long."""
    text = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in text if c.isprintable())[-_MOST_NAME_CHARACTERS:] or "upload"


class _Parts:
    """Takes the parts of a form apart while they come in."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.ended = False
        self._n_parts = self._n_field_bytes = 0
        self._name_so_far = self._value_so_far = b""
        self._disposition = b""
        self._field = ""
        self._is_file = False
        self._value = bytearray()

    def callbacks(self) -> dict[str, Callable[..., None]]:
        names = ["part_begin", "part_data", "part_end", "header_field", "header_value", "header_end"]
        return {f"on_{name}": getattr(self, f"_{name}") for name in [*names, "headers_finished", "end"]}

    def _part_begin(self) -> None:
        self._n_parts += 1
        if self._n_parts > _MOST_PARTS:
            raise ApiError(400, f"the form has more than {_MOST_PARTS} fields", code="invalid_form")
        self._disposition, self._field, self._value = b"", "", bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name_so_far += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value_so_far += data[start:end]

    def _header_end(self) -> None:
        if self._name_so_far.lower() == b"content-disposition":
            self._disposition = self._value_so_far
        self._name_so_far = self._value_so_far = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if self._field == _FILE:
            if self.form.name:
                raise ApiError(400, "the form holds several recordings; send one at a time", param=_FILE)
            self.form.name = _tidy(options.get(b"filename", b""))
        named = bool(options.get(b"filename"))  # a page's field for files has an empty one where none was chosen
        self._is_file = named and self._field not in _TEXT_FIELDS
        self.form.has_file_name |= b"filename" in options and self._field == _FILE
        if self._is_file and self._field != _FILE:
            self.form.misplaced = self.form.misplaced or self._field or "(no name)"

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field == _FILE:
            self.form.file.write(data[start:end])
            self.form.n_bytes += end - start
        if self._is_file or self._field == _FILE:  # another file is passed over: `file` may still come
            return
        self._n_field_bytes += end - start
        if self._n_field_bytes > _MOST_FIELD_BYTES:
            raise ApiError(400, f"the fields hold more than {_MOST_FIELD_BYTES} bytes", param=_short(self._field))
        self._value += data[start:end]

    def _part_end(self) -> None:
        if self._is_file or self._field == _FILE:
            return
        try:
            value = self._value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ApiError(400, f"the field {_short(self._field)!r} is not UTF-8", param=_short(self._field)) from error
        self.form.fields.setdefault(self._field, []).append(value)

    def _end(self) -> None:
        self.ended = True
