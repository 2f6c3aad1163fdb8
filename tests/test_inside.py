"""`inspect` sends sound to one wing and pieces to the other, and needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import audio_lstm
from audio_lstm.errors import ConfigError, ModelError


def test_sound_goes_to_the_speech_wing_and_pieces_to_the_music_wing(repository: Path, tmp_path: Path) -> None:
    heard = audio_lstm.inspect(repository / "demos" / "samples" / "control.wav", layer=1)
    assert heard.model == "english-base"
    piece = audio_lstm.compose(seed=1, bars=4)
    read = audio_lstm.inspect(piece, span_s=(0, 3))
    assert read.model == "chorale"
    assert audio_lstm.inspect(piece.save(tmp_path / "x.mid"), span_s=(0, 3)).n_steps == read.n_steps
    assert audio_lstm.inspect(piece.score, span_s=(0, 3)).n_steps == read.n_steps


def test_a_model_of_the_other_wing_is_refused(repository: Path) -> None:
    with pytest.raises(ModelError, match="a model of the music wing, but a speech model is needed"):
        audio_lstm.inspect(repository / "demos" / "samples" / "control.wav", model="chorale")


def test_music_is_read_forward_only() -> None:
    with pytest.raises(ConfigError, match="models of music read forward only"):
        audio_lstm.inspect("piece.mid", direction="backward")


def test_looking_inside_imports_no_torch(repository: Path) -> None:
    script = (
        "import sys, audio_lstm\n"
        f"audio_lstm.inspect({str(repository / 'demos' / 'samples' / 'control.wav')!r}, span_s=(0, 1))\n"
        "audio_lstm.inspect(audio_lstm.compose(seed=1, bars=1))\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=repository, check=False).returncode == 0
