"""The tab "Transcribe", through gradio_client: text, files that parse, and a sentence for what cannot be heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import audio_lstm
from audio_lstm.audio.files import load_audio, write_wav
from tests.audio.encoders import two_tracks
from tests.demo.conftest import SAMPLES, Running


@pytest.fixture(scope="module")
def client(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(running.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


def test_a_recording_becomes_text_files_and_a_panel(client: Client) -> None:
    text, files, panel = client.predict(audio=handle_file(SAMPLES / "spelling.wav"), api_name="/transcribe")
    by_suffix = {Path(file).suffix: Path(file) for file in files}
    assert set(by_suffix) == {".txt", ".srt", ".vtt", ".tsv", ".json", ".TextGrid"}
    transcript = audio_lstm.Transcript.from_json(by_suffix[".json"].read_text("utf-8"))
    assert transcript.text == text
    assert transcript.spoken == "M U S I C"
    assert by_suffix[".srt"].read_text("utf-8").startswith("1\n00:00:00,")
    assert by_suffix[".txt"].name == "spelling.txt"
    assert panel.count('class="word ') == 5 + 3  # words, and the legend


def test_a_hot_word_changes_what_is_heard_and_the_panel_says_so(client: Client) -> None:
    options: dict[str, Any] = {"model": "english-base", "language_model": "none", "api_name": "/transcribe"}
    client.reset_session()
    audio = handle_file(SAMPLES / "control.wav")
    client.predict(audio=audio, hotwords="", **options)
    text, _, panel = client.predict(audio=audio, hotwords="ENTIRE, sixty", **options)
    assert "sixty" in text.lower()
    assert "/shelf/" in panel


def test_a_sound_track_is_chosen_by_its_number(client: Client, tmp_path: Path) -> None:
    voice = load_audio(SAMPLES / "spelling.wav")
    (tmp_path / "film.mkv").write_bytes(two_tracks(voice, 0 * voice))
    audio = handle_file(tmp_path / "film.mkv")
    assert client.predict(audio=audio, track=1, api_name="/transcribe")[0].startswith("M U S I C")
    with pytest.raises(AppError, match="has 2 sound tracks, got track 3"):
        client.predict(audio=audio, track=3, api_name="/transcribe")


@pytest.mark.parametrize("what", ["nothing", "no sound", "too long"])
def test_what_cannot_be_heard_is_said_in_a_sentence_without_a_path(client: Client, what: str, tmp_path: Path) -> None:
    audio = None
    if what == "no sound":
        (tmp_path / "notes.wav").write_bytes(b"RIFF, or so it says")
        audio = handle_file(tmp_path / "notes.wav")
    elif what == "too long":
        write_wav(tmp_path / "long.wav", np.zeros(13 * 8000, np.int16), 8000)
        audio = handle_file(tmp_path / "long.wav")
    with pytest.raises(AppError) as refusal:
        client.predict(audio=audio, api_name="/transcribe")
    said = str(refusal.value)
    assert "\n" not in said
    assert "/" not in said.replace("wav/flac", "")
    assert {"nothing": "Record or upload", "no sound": "Notes.wav", "too long": "Long.wav"}[what] in said
