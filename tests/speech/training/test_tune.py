"""Tuning on development data: the language model stays only where it helps, and confidence is judged by halves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import AudioError, DataError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.confidence import expected_calibration_error, fit_calibration
from audio_lstm.speech.decoding.decoding import DecodingConfig, read_decoding, write_decoding
from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.training.tune import (
    LM_WEIGHTS,
    N_TRIALS,
    WORD_BONUSES,
    HeardCorpus,
    TuneResult,
    hear_corpus,
    tune,
)
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.char_lm import load_char_lm

COLUMNS = {"_": 0, "A": 1, "B": 2, " ": 3}


def sound(text: str, *, sure: float = 0.97, doubt: str = "") -> np.ndarray:
    """Log-probabilities of a text, each letter in one frame of probability `sure`; the other letter comes second."""
    frames = [symbol for letter in text for symbol in (letter, "_")]
    rows = np.full((len(frames), 4), 0.005)
    for row, symbol in zip(rows, frames, strict=True):
        row[COLUMNS[symbol]] = sure if symbol in "AB" else 0.985
        if symbol in "AB" and symbol in doubt:
            row[3 - COLUMNS[symbol]] = 1 - sure - 0.01
    return np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)


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


@pytest.fixture
def recogniser(speech_config: SpeechModelConfig) -> SpeechRecogniser:
    """Its engine is never asked: the corpora below have been heard."""
    return SpeechRecogniser("fake", speech_config, speech_config.alphabet, engine=None)  # type: ignore[arg-type]


def corpus(*pairs: tuple[str, np.ndarray], name: str = "dev") -> HeardCorpus:
    return HeardCorpus(name, tuple(text for text, _ in pairs), tuple((log_probs,) for _, log_probs in pairs))


DOUBTFUL_A = sound("A", sure=0.4, doubt="A")  # greedy: B
DOUBTFUL_B = sound("B", sure=0.6, doubt="B")  # greedy: B


def run(corpora: list[HeardCorpus], recogniser: SpeechRecogniser, automaton: WordAutomaton) -> TuneResult:
    return tune(corpora, recogniser, language_model="lm", automaton=automaton, beam=BeamConfig(beam_size=8))


def test_weights_are_found_where_the_language_model_helps(recogniser: SpeechRecogniser) -> None:
    dev = corpus(("A", DOUBTFUL_A), ("B", sound("B")), ("A B", sound("A B")))
    result = run([dev], recogniser, likes(A=-1.0, B=-3.0))
    greedy_setting, *grid = result.settings
    assert greedy_setting.lm_weight is None
    assert greedy_setting.wer == pytest.approx(1 / 4)
    assert [(setting.lm_weight, setting.word_bonus) for setting in grid] == [
        (weight, bonus) for weight in LM_WEIGHTS for bonus in WORD_BONUSES
    ]
    assert result.chosen is result.best
    assert result.chosen.wer == 0.0
    assert result.config.language_model == "lm"
    assert result.config.beam == BeamConfig(
        beam_size=8, lm_weight=result.chosen.lm_weight or 0.0, word_bonus=result.chosen.word_bonus
    )


def test_of_equal_settings_the_first_and_lightest_is_taken(recogniser: SpeechRecogniser) -> None:
    dev = corpus(("A", DOUBTFUL_A), ("A", sound("A")))
    result = run([dev], recogniser, likes(A=-0.1, B=-9.0))
    wers = [setting.wer for setting in result.settings[1:]]
    assert wers[0] == min(wers)
    assert (result.chosen.lm_weight, result.chosen.word_bonus) == (LM_WEIGHTS[0], WORD_BONUSES[0])


@pytest.mark.parametrize("text", ["B", "A"])
def test_greedy_decoding_stays_where_the_language_model_hurts_or_changes_nothing(
    recogniser: SpeechRecogniser, text: str
) -> None:
    dev = corpus((text, DOUBTFUL_B if text == "B" else sound("A")), ("B", sound("B")))
    result = run([dev], recogniser, likes(A=-0.1, B=-9.0))
    assert result.best.wer >= result.settings[0].wer == 0.0
    assert result.chosen is result.settings[0]
    assert result.config == DecodingConfig()


def test_corpora_count_alike_however_long_they_are(recogniser: SpeechRecogniser) -> None:
    helped = corpus(("A", DOUBTFUL_A), name="helped")
    hurt = corpus(("B", DOUBTFUL_B), *[("B", sound("B"))] * 9, name="hurt")
    result = run([helped, hurt], recogniser, likes(A=-0.1, B=-3.0))
    assert result.settings[0].wers == (1.0, 0.0)
    assert result.settings[0].wer == 0.5
    assert result.chosen.wers == (0.0, pytest.approx(0.1))
    assert result.chosen.wer == pytest.approx(0.05)


def test_the_grid_runs_at_the_small_beam_and_never_above_the_wish(
    recogniser: SpeechRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audio_lstm.speech.training import tune as module

    sizes: list[int] = []
    build = module.BeamDecoder

    def spy(alphabet: object, config: BeamConfig, **options: object) -> object:
        sizes.append(config.beam_size)
        return build(alphabet, config, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "BeamDecoder", spy)
    dev = corpus(("B", sound("B")))
    for wanted, in_grid in ((40, module.TUNING_BEAM_SIZE), (3, 3)):
        tune([dev], recogniser, language_model="lm", automaton=likes(B=-1), beam=BeamConfig(beam_size=wanted))
        assert sizes == [in_grid] * N_TRIALS + [wanted]
        sizes.clear()


def test_the_best_setting_is_measured_again_at_the_full_beam(
    recogniser: SpeechRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audio_lstm.speech.training import tune as module

    monkeypatch.setattr(module, "TUNING_BEAM_SIZE", 1)
    dev = corpus(("A", DOUBTFUL_A))
    automaton = likes(A=-0.1, B=-0.1, BA=-0.1)
    small = tune([dev], recogniser, language_model="lm", automaton=automaton, beam=BeamConfig(beam_size=1))
    full = tune([dev], recogniser, language_model="lm", automaton=automaton, beam=BeamConfig(beam_size=16))
    assert small.settings == full.settings
    assert full.config.beam.beam_size in (16, BeamConfig().beam_size)


@pytest.mark.parametrize("truth", ["A", "B"])
def test_the_rescorer_stays_only_where_it_helps(recogniser: SpeechRecogniser, likes_b_folder: Path, truth: str) -> None:
    # Greedy and with the language model: the first sound is A, the second B; the rescorer writes B for both.
    dev = corpus((truth, sound("A", sure=0.6, doubt="A")), ("B", DOUBTFUL_B), ("A", DOUBTFUL_A), ("A", DOUBTFUL_A))
    rescorer = Rescorer(load_char_lm(likes_b_folder), RescoringConfig(str(likes_b_folder)))
    # It likes A enough for the language model to be better than greedy, and not enough for the first sound.
    result = tune(
        [dev], recogniser, language_model="lm", automaton=likes(A=-1.0, B=-2.0), beam=BeamConfig(8), rescorer=rescorer
    )
    assert result.chosen is result.best
    assert result.rescored is not None
    assert result.rescored.config.model == str(likes_b_folder)
    assert (result.config.rescoring is not None) == (result.rescored.wer < result.best.wer)
    if result.config.rescoring is not None:
        assert result.config.rescoring == result.rescored.config


def test_progress_counts_every_setting(recogniser: SpeechRecogniser) -> None:
    seen: list[int] = []
    tune([corpus(("B", sound("B")))], recogniser, language_model="lm", automaton=likes(B=-1), progress=seen.append)
    assert seen == list(range(1, N_TRIALS + 1))


@pytest.mark.parametrize("corpora", [[], [HeardCorpus("empty", (), ())]])
def test_without_development_data_there_is_nothing_to_tune_on(
    recogniser: SpeechRecogniser, corpora: list[HeardCorpus]
) -> None:
    message = "there is no development data to tune on; pass a manifest with recordings"
    with pytest.raises(DataError, match=message):
        run(corpora, recogniser, likes(A=-1))


def heard_words(*rows: tuple[bool, float]) -> HeardCorpus:
    """Utterances of one word: whether it is right, and how sure the model is."""
    return corpus(*[("A" if right else "B", sound("A", sure=sure, doubt="A")) for right, sure in rows])


def test_calibration_is_judged_on_the_half_that_it_has_not_seen(recogniser: SpeechRecogniser) -> None:
    # In one half sure words are right, in the other unsure ones: what one half teaches misleads about the other.
    even = [(True, 0.95), (False, 0.6), (True, 0.94), (False, 0.62), (True, 0.7)]
    odd = [(False, 0.95), (True, 0.6), (False, 0.94), (True, 0.62), (False, 0.7)]
    rows = [row for pair in zip(even, odd, strict=True) for row in pair]
    result = run([heard_words(*rows)], recogniser, likes(A=-1.0))
    assert result.config.language_model == ""
    words = [greedy(sound("A", sure=sure, doubt="A"), recogniser.alphabet).words[0] for _, sure in rows]
    correct = [right for right, _ in rows]
    raw = expected_calibration_error([word.confidence for word in words], correct)
    assert result.raw_calibration_error == pytest.approx(raw)
    fits = [fit_calibration(words[half::2], correct[half::2]) for half in (0, 1)]
    confidences = [fits[1 - number % 2].confidence(word) for number, word in enumerate(words)]
    assert result.calibration_error == pytest.approx(expected_calibration_error(confidences, correct))
    assert (result.calibration_error or 0) > max(0.5, raw)  # on everything, the fit would look far better than that
    assert result.config.calibration is None


def test_calibration_helps_where_both_halves_agree(recogniser: SpeechRecogniser) -> None:
    rows = [(number % 4 < 2, 0.9) for number in range(40)]  # sure, yet wrong half of the time
    result = run([heard_words(*rows)], recogniser, likes(A=-1.0))
    assert result.raw_calibration_error > 0.3
    assert (result.calibration_error or 0.0) < 0.05
    word = greedy(sound("A", sure=0.9, doubt="A"), recogniser.alphabet).words[0]
    assert result.config.calibration == fit_calibration([word] * 40, [right for right, _ in rows])


@pytest.mark.parametrize("rows", [[(True, 0.9)] * 4, [(False, 0.9)] * 4, [(True, 0.9), (False, 0.9)] * 3])
def test_too_little_to_calibrate_on_leaves_confidence_alone(
    recogniser: SpeechRecogniser, rows: list[tuple[bool, float]]
) -> None:
    # The last case has right words in one half and wrong ones in the other.
    result = run([heard_words(*rows)], recogniser, likes(A=-1.0))
    assert (result.config.calibration, result.calibration_error) == (None, None)
    assert 0 <= result.raw_calibration_error <= 1


def test_several_phrases_of_an_utterance_are_one_text(recogniser: SpeechRecogniser) -> None:
    dev = HeardCorpus("dev", ("A B", ""), ((DOUBTFUL_A, sound("_"), sound("B")), ()))
    result = run([dev], recogniser, likes(A=-1.0, B=-3.0))
    assert result.settings[0].wer == 0.5
    assert result.chosen.wer == 0.0


def test_the_choice_can_be_stored_and_is_read_back(recogniser: SpeechRecogniser, tmp_path: Path) -> None:
    rows = [(number % 3 > 0, 0.9) for number in range(12)]
    result = run([heard_words(*rows)], recogniser, likes(A=-1.0))
    write_decoding(tmp_path, result.config)
    assert read_decoding(tmp_path) == result.config
    assert result.config.calibration is not None


def test_a_corpus_is_heard_once_in_the_order_of_its_manifest(
    always_a_folder: Path, voice: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    utterances = []
    for name, seconds, text in (("one", 1, "a, b!"), ("two", 2, "a")):
        write_wav(tmp_path / f"{name}.wav", voice(seconds), 16_000)
        utterances.append(Utterance(id=name, audio=tmp_path / f"{name}.wav", text=text))
    always_a = load_speech(always_a_folder)
    seen: list[int] = []
    heard = hear_corpus("dev", utterances, always_a, progress=seen.append)
    assert (heard.name, heard.references, seen) == ("dev", ("A B", "A"), [1, 2])
    assert [sum(len(phrase) for phrase in phrases) for phrases in heard.phrases] == [25, 50]
    assert {phrase.shape[1] for phrases in heard.phrases for phrase in phrases} == {4}
    missing = Utterance(id="x", audio=tmp_path / "missing.wav", text="a")
    with pytest.raises(AudioError, match=r"missing\.wav: no such file"):
        hear_corpus("dev", [missing], always_a)
