"""Forms as they come over the wire: in any pieces, cut short, too large, wrong, or not at all."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from audio_lstm.serving.answers import ApiError
from audio_lstm.serving.forms import Form, receive_form
from audio_lstm.serving.job import Job, JobCancelled

HEADERS = {"content-type": "multipart/form-data; boundary=XX"}
FILE = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
END = b"--XX--\r\n"


def part(name: str, value: bytes) -> bytes:
    return b'--XX\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"


def receive(
    pieces: Iterable[bytes],
    *,
    headers: Mapping[str, str] = HEADERS,
    max_bytes: int = 1_000_000,
    seconds: float = 5,
    idle_s: float = 5,
    then: str = "end",
    job: Job | None = None,
) -> Form:
    """Receive pieces; then the body ends, the client goes away, or nothing comes."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if then == "end":
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    if then == "gone":
        messages.append({"type": "http.disconnect"})

    async def next_message() -> dict[str, Any]:
        if not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    async def run() -> Form:
        limits = {"max_bytes": max_bytes, "idle_s": idle_s, "job": job or Job.lasting(seconds)}
        return await receive_form(next_message, headers, io.BytesIO(), **limits)

    return asyncio.run(run())


def content(form: Form) -> bytes:
    form.file.seek(0)
    return form.file.read()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_a_form_is_the_same_in_whatever_pieces_it_comes(size: int) -> None:
    recording = bytes(range(256)) * 4 + b"\r\n--X\r\n--XY"
    body = part("model", b"an4") + FILE + recording + b"\r\n" + part("language", "é".encode()) + END
    form = receive(body[start : start + size] for start in range(0, len(body), size))
    assert content(form) == recording
    assert (form.name, form.n_bytes) == ("a.wav", len(recording))
    assert form.fields == {"model": ["an4"], "language": ["é"]}
    assert (form.one("model"), form.one("prompt", "none")) == ("an4", "none")


def test_an_empty_recording_is_received() -> None:
    form = receive([FILE + b"\r\n" + END])
    assert (form.name, form.n_bytes) == ("a.wav", 0)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"../../etc/x.wav", "x.wav"),
        (b"C:\\music\\x.wav", "x.wav"),
        (b"a\tb.wav", "ab.wav"),
        ("é.wav".encode(), "é.wav"),
        (b"", "upload"),
        (b"x" * 300 + b".wav", "x" * 76 + ".wav"),
    ],
)
def test_the_clients_name_is_tidied(sent: bytes, shown: str) -> None:
    assert receive([FILE.replace(b"a.wav", sent) + b"R\r\n" + END]).name == shown


def test_a_choice_must_be_one_of_those_known() -> None:
    form = receive(
        [part("response_format", b"srt") + part("twice", b"1") + part("twice", b"2") + FILE + b"R\r\n" + END]
    )
    assert form.choice("response_format", ("json", "srt")) == "srt"
    assert form.choice("other", ("json", "srt")) == "json"
    with pytest.raises(ApiError, match="response_format must be one of json, text, got 'srt'") as caught:
        form.choice("response_format", ("json", "text"))
    assert (caught.value.status, caught.value.param) == (400, "response_format")
    with pytest.raises(ApiError, match="the field 'twice' is there 2 times; send it once"):
        form.one("twice")


def refused(*pieces: bytes, **options: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        receive(pieces, **options)
    return caught.value


def test_too_much_is_refused_before_it_is_read() -> None:
    error = refused(then="nothing", headers={**HEADERS, "content-length": "2000000000"}, max_bytes=1_500_000)
    assert error.status == 413
    assert error.message.startswith("the upload is larger than the 1.5 MB allowed; send it compressed")


def test_too_much_that_was_not_announced_is_refused_while_it_comes() -> None:
    assert refused(FILE, b"x" * 900, b"x" * 101, then="nothing", max_bytes=1000 + len(FILE)).status == 413


@pytest.mark.parametrize("kind", ["application/json", "audio/wav", "", "multipart/mixed; boundary=XX", "x" * 500])
def test_what_is_no_form_is_a_415(kind: str) -> None:
    error = refused(b"{}", headers={"content-type": kind})
    assert error.status == 415
    assert error.message.startswith("expected Content-Type multipart/form-data with a recording in the field 'file', ")
    assert len(error.message) < 250


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (b"", {"headers": {"content-type": "multipart/form-data"}}, "the Content-Type names no boundary of 1 to 70"),
        (
            b"",
            {"headers": {"content-type": "multipart/form-data; boundary=" + "x" * 71}},
            "the Content-Type names no boundary of 1 to 70",
        ),
        (b"no form at all", {}, "the form is damaged \\("),
        (FILE + b"half of a rec", {}, "the form is cut short: its last boundary is missing; send it again"),
        (b"", {}, "the form is cut short"),
        (part("model", b"x") + END, {}, "the form holds no recording; send one in the field 'file'"),
        (
            FILE.replace(b'"file"', b'"audio"') + bytes(range(256)) * 1000 + b"\r\n" + part("model", b"x") + END,
            {},
            "the form holds a file in the field 'audio'; send the recording in the field 'file'",
        ),
        (
            FILE.replace(b'"file"', b'""') + b"R\r\n" + END,
            {},
            "the form holds a file in the field '(no name)'; send the recording in the field 'file'",
        ),
        (part("file", b"talks/a.wav") + END, {}, "the field 'file' holds the text 'talks/a.wav', no recording; send"),
        (FILE + b"R\r\n" + FILE + b"R\r\n" + END, {}, "the form holds several recordings; send one at a time"),
        (part("x", b"1") * 65 + END, {}, "the form has more than 64 fields"),
        (part("x", b"1" * 65_537) + END, {}, "the fields hold more than 65536 bytes"),
        (part("x", b"\xff") + END, {}, "the field 'x' is not UTF-8"),
    ],
)
def test_a_bad_form_is_a_400(body: bytes, options: dict[str, Any], message: str) -> None:
    error = refused(body, **options)
    assert error.status == 400
    assert error.message.startswith(message.replace("\\", ""))


def test_an_upload_that_stalls_is_a_408() -> None:
    error = refused(FILE, then="nothing", idle_s=0.05)
    assert (error.status, error.message) == (408, "the upload was given up: nothing came for 0.05 s; send it again")


def test_an_upload_that_takes_too_long_is_a_408() -> None:
    error = refused(FILE, then="nothing", seconds=0.05)
    assert (error.status, error.message) == (408, "the upload was given up: it took too long; send it again")


def test_an_upload_is_given_up_when_the_server_stops() -> None:
    job = Job.lasting(60)
    job.cancel()
    error = refused(FILE, then="nothing", job=job)
    assert (error.status, error.code, error.message) == (503, "stopping", "the server is stopping; ask another one")


def test_a_client_that_goes_away_ends_it() -> None:
    with pytest.raises(JobCancelled, match="the client went away during the upload"):
        receive([FILE, b"half"], then="gone")


def test_other_files_beside_the_recording_are_passed_over_and_texts_may_come_as_files() -> None:
    other = FILE.replace(b'"file"', b'"cover"') + b"\xff" * 100_000 + b"\r\n"
    prompt = FILE.replace(b'"file"', b'"prompt"') + b"Ada\r\n"
    empty = FILE.replace(b'"file"', b'"more"').replace(b"a.wav", b"") + b"\r\n"
    form = receive([other + prompt + FILE + b"R\r\n" + empty + other + END])
    assert content(form) == b"R"
    assert form.fields == {"prompt": ["Ada"], "more": [""]}
    assert receive([part("file", b"\x00\xff" * 100) + END]).n_bytes == 200  # some clients name no file


def test_fields_that_were_not_filled_in_are_as_if_they_were_not_there() -> None:
    empty = b"".join(part(name, value) for name in ("language", "response_format", "stream") for value in (b"", b" "))
    form = receive([empty + part("model", b" an4 ") + part("on", b"True") + part("off", b"0") + FILE + b"R\r\n" + END])
    assert form.one("language", "en") == "en"
    assert form.choice("response_format", ("json", "srt")) == "json"
    assert form.one("model") == "an4"
    assert (form.flag("stream"), form.flag("nothing"), form.flag("on"), form.flag("off")) == (False, False, True, False)
    assert form.all("language") == []
    with pytest.raises(ApiError, match="model must be one of false, true, got 'an4'"):
        form.flag("model")
