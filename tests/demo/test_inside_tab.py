"""The tab "Look inside the LSTM", through gradio_client."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import audio_lstm
from tests.demo.conftest import SAMPLES, Running


@pytest.fixture(scope="module")
def client(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(running.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


def test_a_sample_is_opened(client: Client) -> None:
    verdict, table, panel = client.predict(source="spelling", file=None, event="letter", layer="2", api_name="/inspect")
    assert "follows “letter”" in verdict
    assert len(table["data"]) == 12
    assert "layer 2 of 4" in panel
    assert panel.count("data:image/png") == 6


def test_a_chorale_is_opened_at_its_cadences(client: Client) -> None:
    verdict, _, panel = client.predict(source="chorale", file=None, event="cadence", length_s=20, api_name="/inspect")
    assert "cadence" in verdict
    assert 'class="note part3"' in panel


def test_a_file_of_ones_own_decides_which_wing_reads_it(client: Client, tmp_path: Path) -> None:
    piece = audio_lstm.compose(seed=1, bars=2).save(tmp_path / "mine.mid")
    options = {"source": "mine", "event": "bar line", "api_name": "/inspect"}
    assert "<b>chorale</b>" in client.predict(file=handle_file(piece), **options)[2]
    own = client.predict(file=handle_file(SAMPLES / "control.wav"), model="an4", direction="backward", **options)[2]
    assert "<b>an4</b>, layer 3 of 3, reading backward" in own


def test_a_picture_is_drawn_to_keep(client: Client) -> None:
    file = client.predict(source="spelling", file=None, length_s=1, api_name="/inspect_picture")
    path = file["value"] if isinstance(file, dict) else file
    assert Path(path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"source": "mine"}, "Choose a file of your own first"),
        ({"source": "chorale", "layer": "4"}, "Layer must lie in 1..2, got 4"),
        ({"source": "spelling", "start_s": 99}, "nothing to look at"),
    ],
)
def test_what_cannot_be_seen_is_said_in_a_sentence(client: Client, wishes: dict[str, object], message: str) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(file=None, api_name="/inspect", **wishes)
