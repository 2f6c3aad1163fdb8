"""Models that hear phonemes too, from the folder to the words: files, live sound, closed vocabularies, hot words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from audio_lstm.errors import ModelError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.decoding import Decoding, DecodingConfig, build_decoder, write_decoding
from audio_lstm.speech.decoding.lexicon import Lexicon, write_lexicon
from audio_lstm.speech.decoding.phoneme_beam import PHONEME_BEAM
from audio_lstm.speech.decoding.pooling import PoolingConfig
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.hearing.stream import StreamingTranscriber
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.training.tune import HeardCorpus, tune
from audio_lstm.speech.words.lm_file import write_language_model
from audio_lstm.speech.words.ngram import train_ngram

ALPHABET = Alphabet(("A", "B", " "))
LEXICON = Lexicon.from_pronunciations({"A": [(1,)], "B": [(2,)], "BA": [(2, 1)]}, phonemes=("ah", "b"))
POOLING = PoolingConfig(letters=0.2, phonemes=1.0, lm_weight=0.1, word_bonus=0.0)
TUNED = DecodingConfig("own", BeamConfig(lm_weight=0.1, word_bonus=0.0), pooling=POOLING)


def sound(letters: str, phonemes: str) -> NDArray[np.float32]:
    """Log-probabilities (T, 7), a frame a symbol: "_" is the blank; the letters are in doubt, the phonemes less so."""
    rows = np.full((len(letters), 7), 0.01)
    for row, letter, phoneme in zip(rows, letters, phonemes, strict=True):
        row["_AB ".index(letter)], row[4 + "_ab".index(phoneme)] = 0.6, 0.9
        for part in (slice(0, 4), slice(4, 7)):
            row[part] /= row[part].sum()
    return np.log(rows).astype(np.float32)


def texts(folder: Path, log_probs: NDArray[np.float32], decoding: Decoding | None = None) -> list[str]:
    decoder = build_decoder(decoding or Decoding(), ALPHABET, folder=folder, n_phonemes=2)
    return [word.text for word in decoder.words(log_probs)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    write_language_model(train_ngram(["A", "B", "BA", "A B", "B A"], order=1), folder / "own.lm")
    write_lexicon(LEXICON, folder / "lexicon.lex")
    write_decoding(folder, TUNED)
    return folder


def test_sounds_decide_where_letters_are_in_doubt(folder: Path) -> None:
    doubtful = sound("_A_", "_b_")
    assert texts(folder, doubtful) == ["B"]
    assert texts(folder, doubtful[:, :4]) == ["A"]  # letters alone, as from what reads only these
    assert texts(folder, doubtful, Decoding(language_model=None)) == ["A"]
    described = build_decoder(Decoding(), ALPHABET, folder=folder, n_phonemes=2).describe()
    assert "sounds beam 128, weight 0.6, pooled: letters 0.2, sounds 1, words 0.1" in described


def test_words_are_timed_and_as_sure_as_both_heads(folder: Path) -> None:
    decoder = build_decoder(Decoding(), ALPHABET, folder=folder, n_phonemes=2)
    (first, second) = decoder.words(sound("_A__ B__", "a__b____"))
    assert (first.text, first.start_frame) == ("A", 0)
    assert (second.text, second.start_frame) == ("B", 3)
    assert first.log_prob == pytest.approx((np.log(0.6 / 0.63) + np.log(0.9 / 0.92)) / 2, abs=1e-4)


def test_a_model_tuned_without_sounds_stays_with_its_letters(folder: Path) -> None:
    write_decoding(folder, replace(TUNED, pooling=None))
    assert build_decoder(Decoding(), ALPHABET, folder=folder, n_phonemes=2).pool is None
    assert texts(folder, sound("_A_", "_b_")) == ["A"]


def test_a_model_that_was_never_tuned_hears_sounds_with_any_language_model(folder: Path) -> None:
    (folder / "decoding.json").unlink()
    assert build_decoder(Decoding(), ALPHABET, folder=folder, n_phonemes=2).beam is None
    decoder = build_decoder(Decoding(language_model=folder / "own.lm"), ALPHABET, folder=folder, n_phonemes=2)
    assert decoder.pool is not None
    assert decoder.pool.config == PoolingConfig()


def test_what_the_caller_asks_of_the_search_holds_for_both_beams(folder: Path) -> None:
    wanted = Decoding(beam_size=7, lm_weight=0.9, word_bonus=1.5)
    pool = build_decoder(wanted, ALPHABET, folder=folder, n_phonemes=2).pool
    assert pool is not None
    assert (pool.letters.config.beam_size, pool.phonemes.config.beam_size) == (7, 7)
    assert (pool.phonemes.config.lm_weight, pool.config.lm_weight) == (0.9, 0.9)
    assert (pool.phonemes.config.word_bonus, pool.config.word_bonus) == (1.5, 1.5)
    assert pool.config.phonemes == POOLING.phonemes


def test_a_closed_vocabulary_is_heard_by_both_heads(folder: Path) -> None:
    doubtful = sound("_A_", "_b_")
    assert texts(folder, doubtful, Decoding(vocabulary=("B", "BA"))) == ["B"]
    assert texts(folder, doubtful, Decoding(grammar="#JSGF V1.0; grammar g; public <x> = BA;")) == ["BA"]


def test_a_vocabulary_that_nobody_can_say_is_searched_by_letters(folder: Path) -> None:
    decoder = build_decoder(Decoding(vocabulary=("AB", "ABA")), ALPHABET, folder=folder, n_phonemes=2)
    assert decoder.pool is None
    assert [word.text for word in decoder.words(sound("A_B", "a_b"))] == ["AB"]
    assert texts(folder, sound("A_B", "a_b"), Decoding(vocabulary=("AB", "A"))) == ["AB"]


def test_hot_words_win_over_sounds_in_doubt(folder: Path) -> None:
    doubtful = sound("_A_", "_b_")
    assert texts(folder, doubtful, Decoding(hotwords=("A",), hotword_boost=5.0)) == ["A"]
    assert texts(folder, sound("A_B", "___"), Decoding(hotwords=("AB",), hotword_boost=30.0)) == ["AB"]  # letters only


def test_a_missing_lexicon_is_said_when_the_model_is_loaded(folder: Path) -> None:
    (folder / "lexicon.lex").unlink()
    with pytest.raises(ModelError, match=r"lexicon\.lex: the lexicon of this model is missing"):
        build_decoder(Decoding(), ALPHABET, folder=folder, n_phonemes=2)


@pytest.fixture(params=["both ways", "streams"])
def heard_folder(
    request: pytest.FixtureRequest, speech_config: SpeechModelConfig, live_config: SpeechModelConfig, tmp_path: Path
) -> Path:
    """A whole model whose letters say A in every frame, and whose phonemes say b."""
    config = replace(live_config if request.param == "streams" else speech_config, n_phonemes=2)
    model = SpeechModel(config).eval()
    with torch.no_grad():
        for head, bias in ((model.head, [0.0, 2.0, 1.0, 0.0]), (model.phoneme_head, [0.0, 0.0, 6.0])):
            head.weight.zero_()
            head.bias.copy_(torch.tensor(bias))
    folder = export_speech(model, tmp_path / "heard", name="heard", card="", lexicon=LEXICON)
    write_language_model(train_ngram(["A", "B", "BA", "A B", "B A"], order=1), folder / "own.lm")
    write_decoding(folder, TUNED)
    return folder


def test_files_and_live_sound_are_decoded_through_both_heads(
    heard_folder: Path, voice: Callable[..., NDArray[np.float32]]
) -> None:
    samples = np.concatenate([np.zeros(8_000), voice(2.0), np.zeros(40_000)]).astype(np.float32)
    transcript = transcribe((samples, 16_000), model=heard_folder)
    assert {"B"} <= set(transcript.text.split()) <= {"B", "BA"}
    live = StreamingTranscriber(heard_folder)
    partials = [live.feed(samples[begin : begin + 4_000]) for begin in range(0, len(samples), 4_000)]
    assert live.finish().text == transcript.text
    words = {word for partial in partials for word in partial.text.split()}
    assert words <= {"A"}  # what is still open is shown by its letters
    greedy = transcribe((samples, 16_000), model=heard_folder, decoding=Decoding(language_model=None))
    assert set(greedy.text.split()) == {"A"}


def test_tuning_finds_that_sounds_are_right(heard_folder: Path) -> None:
    recogniser = load_speech(heard_folder, decoding=Decoding(language_model=None))
    phrases = tuple((sound("_A_", "_b_"),) for _ in range(4)) + tuple((sound("_B_", "_a_"),) for _ in range(4))
    corpus = HeardCorpus("dev", ("B",) * 4 + ("A",) * 4, phrases)
    automaton = train_ngram(["A", "B", "BA", "A B", "B A"], order=1).to_automaton()
    result = tune([corpus], recogniser, language_model="own", automaton=automaton)
    assert result.pooled is not None
    assert result.pooled.wer == 0.0 < result.best.wer
    assert result.config.pooling == result.pooled.pooling
    assert result.config.pooling is not None
    assert result.config.pooling.beam.beam_size == PHONEME_BEAM.beam_size
