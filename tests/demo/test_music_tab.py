"""The tab "Compose", through gradio_client: pieces that keep their wishes, in files that parse, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pretty_midi
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.demo.conftest import Running

NO_FILES: dict[str, Any] = {"file": None, "humming": None}


@pytest.fixture(scope="module")
def client(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(running.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


def test_a_piece_keeps_its_wishes_in_every_file(client: Client) -> None:
    panel, files, report, sheet, _ = client.predict(
        key="G major", bars=4, tempo_bpm=120, ending=True, seed=3, api_name="/compose", **NO_FILES
    )
    by_suffix = {Path(file).suffix: Path(file) for file in files}
    assert set(by_suffix) == {".mid", ".musicxml", ".wav", ".pdf", ".png"}
    midi = pretty_midi.PrettyMIDI(str(by_suffix[".mid"]))
    assert midi.get_end_time() == pytest.approx(4 * 4 * 0.5, abs=0.01)
    assert {note.pitch % 12 for part in midi.instruments for note in part.notes} <= {7, 9, 11, 0, 2, 4, 6}
    assert by_suffix[".wav"].read_bytes().startswith(b"RIFF")
    assert "G major" in report
    assert "not kept" not in report
    assert "<svg" in sheet
    assert "/shelf/" in panel


def test_undo_brings_back_what_was_there(client: Client) -> None:
    client.reset_session()
    options: dict[str, Any] = {"bars": 1, "api_name": "/compose", **NO_FILES}
    client.predict(seed=1, **options)
    client.predict(seed=2, takes=2, **options)
    panel, *_ = client.predict(api_name="/undo")
    assert "seed 1," in panel
    with pytest.raises(AppError, match="nothing to go back to"):
        client.predict(api_name="/undo")


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"key": "H flat"}, "H flat"),
        ({"begin": "notes"}, "press some keys of the piano first"),
        ({"ending": True}, "An ending rests on the tonic"),
        ({"density": "lots"}, "lots"),
    ],
)
def test_a_wish_that_cannot_be_met_is_said_in_a_sentence(client: Client, wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(AppError, match=message) as refusal:
        client.predict(api_name="/compose", **{**NO_FILES, **wishes})
    assert "\n" not in str(refusal.value)


def test_a_melody_is_harmonised_bars_are_redone_and_a_take_goes_on(client: Client) -> None:
    client.reset_session()
    tune = {"begin": "notes", "notes": "G4 G4 A4 B4 C5:4 D5:2 B4:2 G4:4", "seed": 1, **NO_FILES}
    panel, *_ = client.predict(**tune, api_name="/harmonise")
    assert panel.count('<i class="note part3') > 2
    panel, *_ = client.predict(bars_to_redo="2", take="Take 1", seed=2, **NO_FILES, api_name="/redo")
    assert "seed 2," in panel
    with pytest.raises(AppError, match="Bars to redo are written as 5-8"):
        client.predict(bars_to_redo="some", take="Take 1", **NO_FILES, api_name="/redo")
    with pytest.raises(AppError, match="Choose a beginning first"):
        client.predict(**NO_FILES, api_name="/harmonise")
    client.predict(bars=2, seed=1, api_name="/compose", **NO_FILES)
    panel, *_ = client.predict(take="Take 1", seed=3, **NO_FILES, api_name="/continue")
    assert panel.startswith('<div class="takes">')
    assert "10 bars," in panel
