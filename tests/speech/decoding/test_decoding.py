"""From wishes to a decoder: what the model was tuned with, what the caller asks for, and what contradicts itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.speech.ctc.decode import WordSpan, greedy
from audio_lstm.speech.ctc.timing import Timing
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.confidence import Calibration
from audio_lstm.speech.decoding.decoding import (
    Decoding,
    DecodingConfig,
    WordDecoder,
    build_decoder,
    language_model_file,
    read_decoding,
    write_decoding,
)
from audio_lstm.speech.decoding.rescore import RescoringConfig
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.hotwords import HotWords

ALPHABET = Alphabet(("A", "B", " "))
ARPA = """\\data\\
ngram 1=4

\\1-grams:
-0.5 </s>
-99 <s>
-3 A
-0.5 B

\\end\\
"""


def sound(*frames: str) -> np.ndarray:
    """Log-probabilities (T, 4): "_" is the blank; "A" is sure, "AB" leaves A 0.6 and B 0.35."""
    columns = {"_": 0, "A": 1, "B": 2, " ": 3}
    rows = np.full((len(frames), 4), 0.01)
    for row, frame in zip(rows, frames, strict=True):
        row[[columns[symbol] for symbol in frame]] = [0.97] if len(frame) == 1 else [0.6, 0.35]
    return np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)


A_OR_B = sound("_", "AB", "_")  # greedy: A


def likes(**log_probs: float) -> WordAutomaton:
    """Words, each with its log-probability wherever it is said; no others."""
    n_words = len(log_probs)
    arcs = Arcs(
        states=np.zeros(n_words, np.int64),
        words=np.arange(n_words),
        log_probs=np.array(list(log_probs.values()), np.float32),
        next_states=np.zeros(n_words, np.int64),
    )
    return WordAutomaton.from_arcs(tuple(log_probs), arcs, start=0, backoff=([-1], [0.0]), final_log_probs=[-0.1])


def texts(decoder: WordDecoder, log_probs: np.ndarray) -> list[str]:
    return [word.text for word in decoder.words(log_probs)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with a language model "own" that likes B, weighed by 2."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "own.lm").write_text(ARPA)
    write_decoding(folder, DecodingConfig("own", BeamConfig(beam_size=5, lm_weight=2.0, word_bonus=0.5)))
    return folder


# What is asked for


def test_without_wishes_and_without_a_folder_it_decodes_greedily() -> None:
    decoder = build_decoder(Decoding(), ALPHABET)
    assert decoder == WordDecoder(ALPHABET) or decoder.beam is None
    log_probs = sound("A", "A", "_", "A", " ", "BA")
    assert decoder.words(log_probs) == greedy(log_probs, ALPHABET).words
    assert decoder.describe() == "greedy"
    assert not decoder.is_closed


def test_the_models_own_language_model_and_weights_are_the_default(folder: Path) -> None:
    decoder = build_decoder(Decoding(), ALPHABET, folder=folder)
    assert texts(decoder, A_OR_B) == ["B"]
    assert decoder.describe() == "beam 5, language model own, weight 2, word bonus 0.5"


def test_the_language_model_may_be_left_out(folder: Path) -> None:
    decoder = build_decoder(Decoding(language_model=None), ALPHABET, folder=folder)
    assert texts(decoder, A_OR_B) == ["A"]
    assert decoder.beam is None
    searching = build_decoder(Decoding(language_model=None, beam_size=3), ALPHABET, folder=folder)
    assert texts(searching, A_OR_B) == ["A"]
    assert searching.describe() == "beam 3"


def test_a_language_model_is_a_file_or_an_automaton(tmp_path: Path) -> None:
    file = tmp_path / "b.arpa"
    file.write_text(ARPA)
    for language_model in (file, str(file), likes(A=-7, B=-1)):
        decoder = build_decoder(Decoding(language_model=language_model), ALPHABET)
        assert texts(decoder, A_OR_B) == ["B"]
    assert build_decoder(Decoding(language_model=file), ALPHABET).source == f"language model {file}"


def test_a_rescorer_has_the_last_word_on_what_was_found(folder: Path, likes_b_folder: Path) -> None:
    plain = build_decoder(Decoding(language_model=None, beam_size=8), ALPHABET)
    assert texts(plain, A_OR_B) == ["A"]
    for rescorer in (likes_b_folder, str(likes_b_folder)):
        decoder = build_decoder(Decoding(language_model=None, beam_size=8, rescorer=rescorer), ALPHABET)
        assert texts(decoder, A_OR_B) == ["B"]
        assert texts(decoder, sound("_", "A", "_")) == ["A"]  # where the sound is clear it stays
        assert decoder.describe() == "beam 8, rescored by likes-b, weight 0.3, 16 best"
    again = replace(Decoding(language_model=None, beam_size=8), rescorer=decoder.rescorer, rescorer_weight=0.0)
    assert texts(build_decoder(again, ALPHABET), A_OR_B) == ["A"]


def test_a_model_remembers_the_rescorer_it_was_tuned_with(folder: Path, likes_b_folder: Path) -> None:
    (folder / "own.lm").write_text(ARPA.replace("-3 A", "-0.5 A"))
    rescoring = RescoringConfig(str(likes_b_folder), weight=0.2, length_bonus=0.1, n_best=4)
    write_decoding(folder, DecodingConfig("own", BeamConfig(beam_size=5), rescoring=rescoring))
    assert read_decoding(folder).rescoring == rescoring
    decoder = build_decoder(Decoding(), ALPHABET, folder=folder)
    assert decoder.rescorer is not None
    assert decoder.rescorer.config == rescoring
    assert texts(decoder, A_OR_B) == ["B"]
    heavier = build_decoder(Decoding(rescorer_weight=0.9), ALPHABET, folder=folder).rescorer
    assert heavier is not None
    assert heavier.config == replace(rescoring, weight=0.9)
    without = (Decoding(rescorer=None), Decoding(language_model=None), Decoding(language_model=likes(A=-1)))
    for wish in (*without, Decoding(vocabulary=("A",))):
        assert build_decoder(wish, ALPHABET, folder=folder).rescorer is None


def test_a_greedy_decoder_does_not_search() -> None:
    with pytest.raises(ValueError, match="a greedy decoder does not search; ask for its words"):
        WordDecoder(ALPHABET).search([A_OR_B])


def test_a_rescorer_must_know_the_letters_of_the_model(likes_b_folder: Path) -> None:
    with pytest.raises(
        DataError, match="rescorer 'likes-b' does not know the letter 'C' that the model writes; choose"
    ):
        build_decoder(Decoding(rescorer=likes_b_folder), Alphabet(("A", "B", "C", " ")))


def test_weights_of_the_caller_go_before_tuned_ones(folder: Path) -> None:
    wish = Decoding(beam_size=9, lm_weight=0.0, word_bonus=-1.0)
    decoder = build_decoder(wish, ALPHABET, folder=folder)
    assert decoder.describe() == "beam 9, language model own, weight 0, word bonus -1"
    assert texts(decoder, A_OR_B) == ["A"]


def test_hot_words_are_heard_where_the_sound_is_in_doubt(folder: Path) -> None:
    for wish in (Decoding(hotwords=("b",)), Decoding(hotwords=["B"], hotword_boost=2.0)):
        decoder = build_decoder(wish, ALPHABET)
        assert texts(decoder, A_OR_B) == ["B"]
    assert texts(decoder, sound("_", "A", "_")) == ["A"]
    both = build_decoder(Decoding(hotwords=("A", "B A"), hotword_boost=20), ALPHABET, folder=folder)
    assert "A" in texts(both, A_OR_B)
    assert both.describe() == "beam 5, language model own, weight 2, word bonus 0.5, 2 hot words, boost 20"
    assert build_decoder(Decoding(hotwords=("B",)), ALPHABET).describe() == "beam 32, 1 hot word, boost 5"


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    n_frames=st.integers(0, 12),
    words=st.sets(st.text("AB", min_size=1, max_size=3), min_size=1, max_size=4),
)
def test_a_closed_vocabulary_yields_only_its_words(seed: int, n_frames: int, words: set[str]) -> None:
    logits = 3 * np.random.default_rng(seed).normal(size=(n_frames, 4))
    log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    decoder = build_decoder(Decoding(vocabulary=tuple(sorted(words))), ALPHABET)
    assert decoder.is_closed
    assert set(texts(decoder, log_probs)) <= words


def test_words_of_a_vocabulary_may_be_in_any_case_and_there_twice(folder: Path) -> None:
    decoder = build_decoder(Decoding(vocabulary=["b", "B", "ba"]), ALPHABET, folder=folder)
    assert (
        decoder.describe() == "beam 100, vocabulary of 2 words, weight 1, word bonus 0"
    )  # tuned weights are not for it
    assert texts(decoder, A_OR_B) == ["B"]
    assert build_decoder(Decoding(vocabulary=["b"]), ALPHABET).source == "vocabulary of 1 word"


def test_a_grammar_is_its_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "two.jsgf"
    file.write_text("public <two> = B (A | B);\n")
    log_probs = sound("_", "AB", " ", "AB")
    for grammar, source in ((file.read_text(), "grammar"), (str(file), f"grammar {file}")):
        decoder = build_decoder(Decoding(grammar=grammar), ALPHABET)
        assert texts(decoder, log_probs) == ["B", "A"]
        assert decoder.source == source


def test_what_a_grammar_refuses_has_no_words() -> None:
    decoder = build_decoder(Decoding(grammar="public <five> = A A A A A;"), ALPHABET)
    assert decoder.words(sound("A", "_", "B")) == ()
    assert decoder.words(sound("_")) == ()


def test_several_phrases_are_decoded_as_one_by_one(folder: Path) -> None:
    rng = np.random.default_rng(0)
    logits = [2 * rng.normal(size=(n_frames, 4)) for n_frames in (0, 1, 7, 12)]
    batch = [rows - np.log(np.exp(rows).sum(1, keepdims=True)) for rows in logits]
    for wish in (Decoding(), Decoding(language_model=None), Decoding(vocabulary=("AB",))):
        decoder = build_decoder(wish, ALPHABET, folder=folder)
        assert decoder.words_of_all(batch) == [decoder.words(log_probs) for log_probs in batch]
    assert decoder.words_of_all([]) == []


def test_words_found_by_search_have_their_times_and_probabilities(folder: Path) -> None:
    (word,) = build_decoder(Decoding(), ALPHABET, folder=folder).words(sound("_", "_", "AB", "AB", "_"))
    assert (word.text, word.start_frame, word.end_frame) == ("B", 2, 3)
    assert word.confidence == pytest.approx(0.35 / 0.97, abs=0.01)


def test_log_probabilities_that_are_none_are_refused(folder: Path) -> None:
    for wish in (Decoding(), Decoding(language_model=None)):
        decoder = build_decoder(wish, ALPHABET, folder=folder)
        with pytest.raises(ValueError, match="NaN"):
            decoder.words(np.full((3, 4), np.nan, np.float32))


def test_confidence_is_calibrated_if_the_model_is(folder: Path) -> None:
    word = WordSpan("AB", 0, 3, -0.5)
    assert WordDecoder(ALPHABET).confidence(word) == word.confidence
    calibration = Calibration(bias=0.3, slope=2.0, length=0.1)
    write_decoding(folder, DecodingConfig(calibration=calibration))
    for wish in (Decoding(), Decoding(beam_size=4), Decoding(vocabulary=("A",))):
        decoder = build_decoder(wish, ALPHABET, folder=folder)
        assert decoder.confidence(word) == calibration.confidence(word)


# What cannot be met


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"hotwords": "B"}, r"hotwords and vocabulary are lists of words; pass \['WORD'\] for a single one"),
        ({"vocabulary": "B"}, "hotwords and vocabulary are lists of words"),
        ({"vocabulary": ["B"], "grammar": "x.jsgf"}, "vocabulary and grammar exclude each other; write the words into"),
        (
            {"vocabulary": ["B"], "language_model": "x.lm"},
            "vocabulary and language_model exclude each other; leave one",
        ),
        ({"grammar": "x.jsgf", "language_model": likes(A=0)}, "grammar and language_model exclude each other"),
        ({"language_model": None, "lm_weight": 1.0}, "weigh a language model, but language_model is None"),
        ({"language_model": None, "word_bonus": 1.0}, "weigh a language model, but language_model is None"),
        ({"beam_size": 0}, "beam_size must be at least 1, got 0"),
        ({"vocabulary": ["B"], "rescorer": "x"}, "vocabulary and rescorer exclude each other; leave one"),
        ({"rescorer": None, "rescorer_weight": 1.0}, "rescorer_weight weighs a rescorer, but there is none"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Decoding(**wish)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Decoding(lm_weight=0.5), "this model comes without one; choose a language model"),
        (Decoding(word_bonus=0.5, hotwords=("A",)), "this model comes without one; choose a language model"),
        (Decoding(rescorer_weight=0.5), "this model comes without one; choose a character language model"),
        (Decoding(lm_weight=-1.0), "lm_weight must be 0 or more, got -1"),
        (Decoding(hotwords=("",)), "a hot word is empty: ''; take it out of the list"),
        (Decoding(hotwords=("!",)), "a hot word is empty: ''"),
        (Decoding(hotwords=("A",), hotword_boost=0), "the boost of hot word 'A' must be above 0"),
    ],
)
def test_wishes_outside_what_is_allowed_are_refused(wish: Decoding, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_decoder(wish, ALPHABET)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Decoding(language_model="nowhere.lm"), "nowhere.lm: no such language model"),
        (Decoding(language_model=likes(ONE=-1, TWO=-1)), "none of the language model's 2 words fits the recogniser"),
        (Decoding(hotwords=("C",)), "hot word 'C' holds 'C', which the recogniser does not write"),
        (Decoding(vocabulary=("A", "CAB")), "word 'CAB' holds 'C', which the recogniser does not write"),
        (Decoding(vocabulary=("A B",)), "word 1 of the list is not one word: 'A B'"),
        (Decoding(grammar="public <x> = C;"), "word 'C' holds 'C', which the recogniser does not write"),
        (Decoding(grammar="nowhere.jsgf"), "nowhere.jsgf: cannot be read"),
    ],
)
def test_what_does_not_fit_the_recogniser_is_refused(wish: Decoding, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build_decoder(wish, ALPHABET)


def test_a_language_model_of_an_impossible_name_is_missing(folder: Path) -> None:
    settings = folder / "decoding.json"
    settings.write_text(settings.read_text("utf-8").replace('"own"', f'"{300 * "x"}"'), "utf-8")
    with pytest.raises(ModelError, match=r"x{300}\.lm is missing; copy the model again"):
        build_decoder(Decoding(), ALPHABET, folder=folder)


def test_a_model_whose_language_model_is_missing_says_so(folder: Path) -> None:
    (folder / "own.lm").unlink()
    message = r"model: its language model own\.lm is missing; copy the model again, or choose another one"
    with pytest.raises(ModelError, match=message):
        build_decoder(Decoding(), ALPHABET, folder=folder)
    assert build_decoder(Decoding(language_model=None), ALPHABET, folder=folder).beam is None


def test_language_models_that_ship_are_found_by_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio_lstm.speech.decoding.decoding.SHIPPED", tmp_path)
    (tmp_path / "english.lm").write_text(ARPA)
    assert language_model_file("english") == tmp_path / "english.lm"
    assert language_model_file("dutch") == Path("dutch")
    assert language_model_file(Path("x/english")) == Path("x/english")
    write_decoding(folder, DecodingConfig("english"))
    assert build_decoder(Decoding(), ALPHABET, folder=folder).source == "language model english"
    (folder / "english.lm").write_text("not this one")
    with pytest.raises(DataError, match=r"model/english\.lm:1: not an ARPA"):
        build_decoder(Decoding(), ALPHABET, folder=folder)


# decoding.json


@pytest.mark.parametrize("calibration", [None, Calibration(0.1, 2.0, -0.3)])
def test_what_is_stored_is_read_back(tmp_path: Path, calibration: Calibration | None) -> None:
    config = DecodingConfig("english", BeamConfig(beam_size=7, lm_weight=0.25, look_ahead=False), calibration)
    assert write_decoding(tmp_path, config) == tmp_path / "decoding.json"
    assert read_decoding(tmp_path) == config
    write_decoding(tmp_path, replace(config, language_model=""))
    assert read_decoding(tmp_path).language_model == ""
    assert [file.name for file in tmp_path.iterdir()] == ["decoding.json"]


def test_a_folder_without_the_file_decodes_greedily(tmp_path: Path) -> None:
    assert read_decoding(tmp_path) == DecodingConfig()


@pytest.mark.parametrize("name", ["/etc/english", "../english", "models/english"])
def test_a_stored_language_model_is_a_name_without_a_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="language_model is the name of a file without a folder, got"):
        DecodingConfig(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "",
            r"decoding\.json: not valid JSON \(Expecting value.*\); copy the model again, or delete this file and tune",
        ),
        ("{", "not valid JSON"),
        ("[" * 20_000, "not valid JSON"),
        ("[]", "expected an object for DecodingConfig, got list"),
        ('{"beams": 3}', "unknown field 'beams'"),
        ('{"language_model": 3}', "language_model must be str, got 3"),
        ('{"language_model": "../x"}', "decoding.json: language_model is the name of a file without a folder"),
        (
            '{"beam": {"beam_size": 0}}',
            "beam_size must be at least 1, got 0; copy the model again, or delete this file",
        ),
        ('{"beam": {"lm_weight": NaN}}', "lm_weight must be 0 or more, got nan"),
        ('{"calibration": {"bias": 1.0, "slope": 2.0}}', "Calibration needs the field 'length'"),
        ('{"calibration": {"bias": Infinity, "slope": 2.0, "length": 0}}', "a calibration has finite numbers"),
    ],
)
def test_a_damaged_file_is_a_model_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "decoding.json").write_text(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_decoding(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "decoding.json") in str(caught.value)


def test_bytes_that_are_no_text_are_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "decoding.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ModelError, match=r"decoding\.json: not valid JSON \(.*can't decode"):
        read_decoding(tmp_path)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "decoding.json").write_text(json.dumps({"language_model": "x" * 100_000}))
    with pytest.raises(ModelError, match=r"decoding\.json: 100\d+ bytes is too large for a configuration"):
        read_decoding(tmp_path)


def test_a_file_that_cannot_be_read_is_a_model_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    write_decoding(tmp_path, DecodingConfig())
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(
        ModelError, match=r"decoding\.json: cannot be read \(Permission denied\); check its permissions"
    ):
        read_decoding(tmp_path)


def test_a_folder_that_takes_no_files_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"decoding\.json: cannot be written \(No such file or directory\); check the"):
        write_decoding(tmp_path / "nowhere", DecodingConfig())


def test_hot_words_of_the_decoder_are_those_of_the_wish() -> None:
    decoder = build_decoder(Decoding(hotwords=("b a", "A"), hotword_boost=3), ALPHABET)
    assert decoder.beam is not None
    assert isinstance(decoder.beam.hot_words, HotWords)
    assert dict(decoder.beam.hot_words.phrases) == {"B A": 3.0, "A": 3.0}


def test_the_timing_of_words_is_stored_with_the_model_and_reaches_its_decoder(tmp_path: Path) -> None:
    timing = Timing(start_s=0.3, end_s=-0.1, single_start_s=0.4, single_end_s=0.0, spread_s=0.07)
    write_decoding(tmp_path, DecodingConfig(timing=timing))
    assert read_decoding(tmp_path).timing == timing
    for wish in (Decoding(), Decoding(beam_size=4)):
        assert build_decoder(wish, ALPHABET, folder=tmp_path).timing == timing
    (tmp_path / "decoding.json").write_text("{}")  # of a model that was tuned before there was a timing
    assert build_decoder(Decoding(), ALPHABET, folder=tmp_path).timing == Timing()
