"""The page as its configuration tells it: nothing private is reachable, every endpoint has its name."""

from __future__ import annotations

import re

import httpx

from audio_lstm.demo.page import HEAD
from tests.demo.conftest import LIMITS, Running

ENDPOINTS = {
    *("/transcribe", "/hold", "/inspect", "/inspect_picture"),
    *("/compose", "/harmonise", "/continue", "/redo", "/undo"),
}


def test_the_endpoints_have_stable_names_and_parameters(running: Running) -> None:
    named = httpx.get(f"{running.url}/gradio_api/info").json()["named_endpoints"]
    assert set(named) == ENDPOINTS
    names = [parameter["parameter_name"] for parameter in named["/transcribe"]["parameters"]]
    assert names == ["audio", "model", "language_model", "hotwords", "track", "numbers"]
    names = [parameter["parameter_name"] for parameter in named["/inspect"]["parameters"]]
    assert names[:4] == ["source", "file", "model", "layer"]


def test_the_page_names_no_server_but_this_one_for_what_it_loads(running: Running) -> None:
    page = httpx.get(running.url).text
    loaded = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', page)
    assert loaded
    assert not [address for address in loaded if address.startswith("http") and running.url not in address]
    assert "https://" not in HEAD


def test_limits_are_handed_to_gradio(running: Running) -> None:
    settings = httpx.get(f"{running.url}/config").json()
    assert settings["max_file_size"] == LIMITS.max_upload_mb * 1e6 or settings["max_file_size"] == 2000 * 1024
    assert settings["analytics_enabled"] is False
    labels = [part["props"].get("label") for part in settings["components"] if part["type"] in ("audio", "textbox")]
    assert all(labels)
