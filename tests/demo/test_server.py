"""The server: it says what is missing, takes an address before anything is loaded, and cleans up after itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.server import bind_demo, prepared
from audio_lstm.errors import ConfigError, MissingDependencyError


def test_without_gradio_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(MissingDependencyError, match=r"the demo needs gradio: pip install 'audio-lstm\[demo\]'"):
        bind_demo(DemoConfig(port=0))


def test_an_address_that_is_taken_is_refused() -> None:
    with bind_demo(DemoConfig(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            bind_demo(DemoConfig(port=port))


def test_gradio_is_told_to_keep_quiet_and_to_keep_its_files_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_OFFLINE", "GRADIO_SSR_MODE"):
        monkeypatch.setenv(name, "as before")
    with prepared() as folder:
        assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
        assert Path(os.environ["GRADIO_TEMP_DIR"]).parent == folder
    assert not folder.exists()


def test_the_launcher_in_demos_runs_until_it_is_told_to_stop_and_leaves_nothing(repository: Path) -> None:
    script = (repository / "demos" / "app.py").read_text("utf-8").replace("port=7860", "port=0")
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("the demo is at http://localhost:")
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in complaints
