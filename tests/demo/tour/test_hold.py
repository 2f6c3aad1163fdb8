"""The tour's last part, through gradio_client: a gate is held, and both pieces come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.demo.conftest import Running


@pytest.fixture(scope="module")
def client(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder: Path = tmp_path_factory.mktemp("downloads")
    return Client(running.url, verbose=False, download_files=folder)


@pytest.mark.parametrize("held", ["forget", "input", "output", "reset"])
def test_every_choice_writes_two_pieces_that_differ_and_says_what_it_costs(client: Client, held: str) -> None:
    verdict, panel = client.predict(held=held, layer="both", bars=2, seed=7, api_name="/hold")
    assert "nats a note cell" in verdict
    assert panel.count("<audio") == 2
    trained, after = panel.split("<section")[1:]
    assert "As it was trained" in trained
    assert trained[trained.index('class="row') :] != after[after.index('class="row') :]


def test_nothing_held_is_the_trained_model(client: Client) -> None:
    verdict, panel = client.predict(held="nothing", layer="1", bars=2, seed=3, api_name="/hold")
    assert "nothing is lost" in verdict
    left, right = (part[part.index('class="timeline"') :].replace("<p>", "") for part in panel.split("<section")[1:])
    assert left.split("legend")[0] == right.split("legend")[0]


def test_a_layer_that_is_not_there_is_a_sentence(client: Client) -> None:
    with pytest.raises(AppError, match=r"Layer must lie in 1\.\.2, got 3|not in the list of choices"):
        client.predict(held="forget", layer="3", bars=2, seed=7, api_name="/hold")
