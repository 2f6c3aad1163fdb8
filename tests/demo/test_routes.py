"""What is served beside the page: its own files, and each visitor's under their links."""

from __future__ import annotations

import httpx
import pytest

from tests.demo.conftest import Running


@pytest.mark.parametrize("name", ["app.css", "player.js", "captions.js", "keyboard.js", "worklet.js"])
def test_styles_and_scripts_come_from_here(running: Running, name: str) -> None:
    answer = httpx.get(f"{running.url}/page/{name}")
    assert answer.status_code == 200
    assert "http://" not in answer.text.replace("http://localhost", "")
    assert "https://" not in answer.text


def test_a_visitors_file_is_given_in_parts_and_never_stored_on_the_way(running: Running) -> None:
    file = running.demo.visitor_files.folder("ada") / "a.wav"
    file.write_bytes(bytes(range(100)))
    link = running.demo.visitor_files.link(file)
    answer = httpx.get(running.url + link, headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.content == bytes(range(10, 20))
    assert answer.headers["cache-control"] == "private, no-store"
    running.demo.visitor_files.drop("ada")
    assert httpx.get(running.url + link).status_code == 404


@pytest.mark.parametrize("path", ["/shelf/guess/a.wav", "/shelf/..%2f..%2fetc/passwd", "/page/../server.py"])
def test_nothing_else_is_given(running: Running, path: str) -> None:
    assert httpx.get(running.url + path).status_code == 404
