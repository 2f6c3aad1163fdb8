"""The models in the package do what their cards say: on the samples, and on the real data where it is found."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, groupby, pairwise
from pathlib import Path

import numpy as np
import pytest

import audio_lstm
from audio_lstm.checkpoint import SHIPPED, open_model, shipped_models
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.score.voices import score_to_voice_grid
from audio_lstm.music.training.data import load_chorales
from audio_lstm.music.training.evaluate import evaluate_music
from audio_lstm.speech.decoding.decoding import Decoding, read_decoding
from audio_lstm.speech.decoding.pronouncer import load_pronouncer
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.text.punctuation import load_writer
from audio_lstm.speech.training.evaluate import evaluate_speech
from audio_lstm.speech.words.lm_file import read_language_model

SAMPLES = {
    "spelling.wav": "M U S I C",
    "digits.wav": "THREE ONE FOUR ONE FIVE NINE TWO SIX",
    "control.wav": "ENTER SIXTY FOUR",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_read_word_for_word(repository: Path, name: str) -> None:
    transcript = audio_lstm.transcribe(repository / "demos" / "samples" / name)
    assert transcript.spoken == SAMPLES[name]
    assert transcript.text[-1] in ".?!"
    times = [time for word in transcript.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= transcript.duration_s


def test_models_are_small_and_have_cards() -> None:
    models = shipped_models()
    speech, music = {"an4", "english-base", "english-small"}, {"chorale", "chorale-fill", "lieder"}
    assert set(models) == speech | music | {"english-char", "english-sounds", "english-writer"}
    for folder in models.values():
        assert (folder / "model.onnx").stat().st_size < 8_000_000
        card = (folder / "README.md").read_text("utf-8")
        for promise in ("Does not", "Data:", "Made by", "Apache-2.0"):
            assert promise in card


def test_the_language_model_is_small_and_belongs_to_the_english_model() -> None:
    file = SHIPPED / "english.lm"
    assert file.stat().st_size <= 5_000_000
    for name in ("english-base", "english-small"):
        assert read_decoding(shipped_models()[name]).language_model == "english"
    assert "THE" in read_language_model(file).words


def test_the_writer_is_small_and_belongs_to_the_english_models() -> None:
    folder = shipped_models()["english-writer"]
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 4_000_000
    for name in ("english-base", "english-small"):
        assert read_decoding(shipped_models()[name]).writer == "english-writer"
    assert read_decoding(shipped_models()["an4"]).writer == ""


@pytest.mark.parametrize(
    "written",
    [
        "I went to London with my wife, but she did not like it.",
        "How are you? I am fine, thank you.",
        "On Monday, he said that he would come back to New York.",
        "Where did you go?",
    ],
)
def test_plain_english_is_written_as_people_write_it(written: str) -> None:
    words = "".join(letter for letter in written if letter not in ",.?").upper().split()
    assert " ".join(load_writer("english-writer").write(words)) == written


def test_what_is_shipped_is_written_by_default_and_spoken_on_request(repository: Path) -> None:
    sample = repository / "demos" / "samples" / "control.wav"
    assert audio_lstm.transcribe(sample).text == "Enter sixty four."
    assert audio_lstm.transcribe(sample, numbers="digits").text == "Enter 64."
    assert audio_lstm.transcribe(sample, decoding=Decoding(writer=None)).text == "ENTER SIXTY FOUR"
    assert audio_lstm.transcribe(sample, decoding=Decoding(vocabulary=("ENTER", "SIXTY", "FOUR"))).text.isupper()
    assert audio_lstm.transcribe(sample, model="an4").text == "ENTER SIXTY FOUR"


def test_words_that_no_dictionary_has_are_pronounced() -> None:
    assert (shipped_models()["english-sounds"] / "model.onnx").stat().st_size <= 1_500_000
    words = {"CAT": "K AE T", "PHONETIC": "F AH N EH T IH K", "STATION": "S T EY SH AH N", "BLEEN": "B L IY N"}
    said = load_pronouncer().pronounce(list(words), n_best=3)
    assert [" ".join(ways[0].phonemes) for ways in said] == list(words.values())
    for ways in said:
        assert 0.3 < sum(np.exp(way.log_prob) for way in ways) <= 1.001


def count_parallels(grid: np.ndarray) -> int:
    """Pairs of voices that move, from one 16th to the next, in fifths, octaves or unisons by the same interval."""
    n_parallels = 0
    for before, after in pairwise(grid.tolist()):
        for upper, lower in combinations(range(4), 2):
            sounding = min(before[upper], before[lower], after[upper], after[lower]) >= 0
            moved = before[upper] != after[upper]
            same = before[upper] - before[lower] == after[upper] - after[lower]
            n_parallels += sounding and moved and same and (after[upper] - after[lower]) % 12 in (0, 7)
    return n_parallels


def longest_chord(grid: np.ndarray) -> int:
    """16ths that the chord which stands longest stands."""
    return max(len(list(steps)) for _, steps in groupby(grid.tolist()))


def test_parallels_and_standing_chords_are_counted() -> None:
    assert count_parallels(np.array([[67, 60, 55, 48], [69, 62, 55, 48]])) == 1  # S and A in fifths
    assert count_parallels(np.array([[72, 67, 60, 48], [74, 67, 62, 50]])) == 3  # S, T and B in octaves
    assert count_parallels(np.array([[72, 67, 60, 48], [72, 65, 60, 53], [72, 65, -1, 53]])) == 0
    assert longest_chord(np.array([[72, 67, 60, 48]] * 3 + [[72, 65, 60, 48]] * 2)) == 3


def test_chorales_have_the_bars_asked_for_and_no_parallels() -> None:
    piece = audio_lstm.compose(seed=5, bars=8)
    grid = score_to_voice_grid(piece.score)
    assert len(grid) == 8 * 16
    assert count_parallels(grid) == 0
    assert longest_chord(grid) <= 16
    assert {len(instrument.notes) > 4 for instrument in piece.to_pretty_midi().instruments} == {True}
    again = audio_lstm.compose(seed=5, bars=8)
    np.testing.assert_array_equal(piece.tokens, again.tokens)


def test_shipped_models_run_without_torch(repository: Path) -> None:
    sample = repository / "demos" / "samples" / "control.wav"
    code = (
        "import sys, audio_lstm\n"
        f"assert audio_lstm.transcribe({str(sample)!r}).spoken == 'ENTER SIXTY FOUR'\n"
        "assert audio_lstm.compose(seed=1, bars=2).score.n_notes\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository)


@pytest.mark.shared
def test_an4_stays_below_eight_percent_word_errors_and_twelve_without_its_language_model(shared: Path) -> None:
    utterances = read_manifest(shared / "speech" / "an4.dev.jsonl")
    assert len(utterances) == 130
    assert evaluate_speech(utterances, load_speech("an4")).report.wer <= 0.08
    greedy = load_speech("an4", decoding=Decoding(language_model=None))
    assert evaluate_speech(utterances, greedy).report.wer <= 0.12


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("english-base", {"an4": 0.045, "cv13": 0.65, "cv1": 0.47, "so762": 0.42, "devclean": 0.40}),
        ("english-small", {"an4": 0.09, "cv13": 0.83, "so762": 0.63}),
    ],
)
def test_english_models_do_what_their_cards_say(shared: Path, name: str, most: dict[str, float]) -> None:
    model = load_speech(name)
    for corpus, wer in most.items():
        utterances = read_manifest(shared / "speech" / f"{corpus}.dev.jsonl")[::5]
        assert len(utterances) >= 26
        assert evaluate_speech(utterances, model).report.wer <= wer


def test_the_small_model_streams() -> None:
    latency_s = load_speech("english-small").config.latency_s
    assert latency_s is not None
    assert latency_s <= 0.32


@pytest.mark.shared
def test_chorale_stays_below_the_bar_on_chorales_that_it_knows(shared: Path) -> None:
    data = load_chorales(shared / "music" / "jsb16", "valid")
    assert len(data.pieces) == 76
    assert evaluate_music(data, load_music("chorale")).nll.nats_per_unit <= 0.40


@pytest.mark.parametrize("name", ["an4", "english-base", "chorale"])
def test_weights_for_torch_fit_the_configuration(name: str) -> None:
    from audio_lstm.checkpoint import load_weights
    from audio_lstm.config import config_from_dict
    from audio_lstm.music.models.ensemble import build_model
    from audio_lstm.music.tokens.config import MusicModelConfig
    from audio_lstm.speech.acoustic.config import SpeechModelConfig
    from audio_lstm.speech.acoustic.model import SpeechModel

    if name != "chorale":
        folder = open_model(name, "speech")
        load_weights(folder, SpeechModel(config_from_dict(SpeechModelConfig, folder.config)))
    else:
        folder = open_model(name, "music")
        load_weights(folder, build_model(config_from_dict(MusicModelConfig, folder.config)))
