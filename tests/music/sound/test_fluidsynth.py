"""FluidSynth: clear words where it or its sound font is missing; its sound where a stand-in plays it."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.sound.fluidsynth import fluidsynth_blocks
from audio_lstm.music.sound.mastering import CEILING
from audio_lstm.music.sound.render import render

TUNE = Score(4, make_notes([0, 4], 4, [60, 64]), (Track("Flute", 73),))

# Checks its arguments and writes half a second of a square wave.
STAND_IN = """#!/usr/bin/env python3
import struct, sys
out, font, midi = sys.argv[-3:]
assert open(midi, "rb").read(4) == b"MThd" and open(font, "rb").read(4) == b"RIFF"
rate = int(sys.argv[sys.argv.index("-r") + 1])
open(out, "wb").write(b"".join(struct.pack("<hh", 9000 * (1 - i // 40 % 2 * 2), 4500) for i in range(rate // 2)))
"""


@pytest.fixture
def font(tmp_path: Path) -> Path:
    path = tmp_path / "font.sf2"
    path.write_bytes(b"RIFF\0\0\0\0sfbk")
    return path


def install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "fluidsynth"
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_sound_of_the_program_comes_back_mastered(
    tmp_path: Path, font: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, STAND_IN, monkeypatch)
    (block,) = fluidsynth_blocks(TUNE, font, sample_rate=8_000)
    assert block.shape == (2, 4_000)
    assert block.max() == pytest.approx(9000 / 32768)
    sound = render(TUNE, sample_rate=8_000, soundfont=font)
    assert sound.shape == (4_000, 2)
    assert np.abs(sound).max() <= CEILING * (1 + 1e-6)


def test_a_missing_sound_font_is_named() -> None:
    with pytest.raises(
        ScoreError, match=r"nowhere\.sf2: no such sound font; give a \.sf2 or \.sf3 file, or leave it out"
    ):
        render(TUNE, soundfont="nowhere.sf2")


def test_a_file_that_is_no_sound_font_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sf2"
    path.write_bytes(b"hello")
    with pytest.raises(ScoreError, match=r"x\.sf2: not a sound font \(it starts with b'hello'\); give"):
        render(TUNE, soundfont=path)


def test_without_the_program_the_way_to_get_it_is_named(font: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"needs the program fluidsynth \(apt install fluidsynth"):
        render(TUNE, soundfont=font)


@pytest.mark.parametrize("script", ["#!/bin/sh\necho bad font >&2\nexit 3\n", "#!/bin/sh\nexit 0\n"])
def test_a_program_that_fails_is_one_clear_error(
    tmp_path: Path, font: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    install(tmp_path, script, monkeypatch)
    with pytest.raises(ScoreError, match=r"fluidsynth failed \(status .*; try another sound font, or leave it out"):
        render(TUNE, soundfont=font)


def test_a_program_that_cannot_start_is_one_clear_error(
    tmp_path: Path, font: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "#!/no/such/interpreter\n", monkeypatch)
    with pytest.raises(ScoreError, match=r"fluidsynth failed \(.*\); try another"):
        render(TUNE, soundfont=font)
