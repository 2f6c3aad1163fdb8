"""Error rates over a manifest: unreadable recordings count, figures are JSON, each utterance has its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.training.evaluate import evaluate_speech

RATE = 16000


@pytest.fixture(scope="module")
def always_a(always_a_folder: Path) -> SpeechRecogniser:
    return load_speech(always_a_folder)


@pytest.fixture(scope="module")
def utterances(
    voice: Callable[..., NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Utterance, ...]:
    """Four recordings: right, half right, a text that is no audio, and none at all."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, seconds in (("right", 1), ("half", 2)):
        write_wav(folder / f"{name}.wav", voice(seconds), RATE)
    (folder / "text.wav").write_text("not a recording")
    texts = {"right": "a", "half": "A, b!", "text": "B A", "missing": "A"}
    return tuple(Utterance(id=name, audio=folder / f"{name}.wav", text=text) for name, text in texts.items())


def test_errors_are_counted_over_the_corpus(always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]) -> None:
    evaluation = evaluate_speech(utterances[:2], always_a)
    assert evaluation.references == ("A", "A B")
    assert evaluation.hypotheses == ("A", "A")
    assert evaluation.unreadable == ()
    assert evaluation.report.wer == pytest.approx(1 / 3)
    assert evaluation.report.cer == pytest.approx(2 / 4)


def test_an_unreadable_recording_counts_as_empty_and_is_named(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]
) -> None:
    evaluation = evaluate_speech(utterances, always_a)
    assert evaluation.hypotheses == ("A", "A", "", "")
    assert [next(n for n in ("text.wav", "missing.wav") if n in line) for line in evaluation.unreadable] == [
        "text.wav",
        "missing.wav",
    ]
    assert evaluation.report.words.deletions == 4
    assert evaluation.report.wer == pytest.approx(4 / 6)
    assert evaluation.audio_s == pytest.approx(3.0)


def test_texts_that_the_model_cannot_write_are_listed_and_scored(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]
) -> None:
    texts = ("a 12", "a", "C")
    evaluation = evaluate_speech([replace(utterances[0], text=text) for text in texts], always_a)
    assert evaluation.unwritable == ("A 12", "C")
    assert evaluation.references == ("A 12", "A", "C")
    assert evaluation.report.wer == pytest.approx(2 / 4)


def test_figures_are_json_with_the_documented_names(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]
) -> None:
    evaluation = evaluate_speech(utterances, always_a)
    figures = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert figures["wer"] == pytest.approx(4 / 6)
    assert {key: figures[key] for key in ("n_utterances", "n_words", "n_characters", "n_unreadable", "audio_s")} == {
        "n_utterances": 4,
        "n_words": 6,
        "n_characters": 8,
        "n_unreadable": 2,
        "audio_s": 3.0,
    }
    assert figures["real_time_factor"] == pytest.approx(evaluation.wall_s / evaluation.audio_s, abs=1e-5)
    assert figures["real_time_factor"] > 0


def test_confidence_is_compared_with_what_was_right(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]
) -> None:
    texts = ("a", "a b", "b a", "b")  # "A" is heard each time
    heard = [replace(utterances[0], id=str(number), text=text) for number, text in enumerate(texts)]
    evaluation = evaluate_speech([*heard, utterances[2]], always_a)
    assert evaluation.correct == (True, True, True, False)
    assert len(set(evaluation.confidences)) == 1
    assert len(evaluation.confidences) == 4
    assert evaluation.calibration_error == pytest.approx(abs(evaluation.confidences[0] - 3 / 4))
    assert evaluation.to_dict()["calibration_error"] == evaluation.calibration_error
    assert evaluate_speech(utterances[2:], always_a).calibration_error == 0.0  # no words, no error


def test_figures_say_how_the_output_was_decoded(always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]) -> None:
    assert evaluate_speech(utterances[:1], always_a).to_dict()["decoding"] == "greedy"
    closed = always_a.with_decoding(Decoding(vocabulary=("B",)))
    evaluation = evaluate_speech(utterances[:1], closed)
    assert evaluation.to_dict()["decoding"].endswith(", vocabulary of 1 word, weight 1, word bonus 0")
    assert set(evaluation.hypotheses[0].split()) == {"B"}


def test_without_any_audio_there_is_no_real_time_factor(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]
) -> None:
    figures = evaluate_speech(utterances[2:], always_a).to_dict()
    assert figures["real_time_factor"] is None
    assert figures["wer"] == 1.0


def test_progress_counts_every_utterance(always_a: SpeechRecogniser, utterances: tuple[Utterance, ...]) -> None:
    seen: list[int] = []
    evaluate_speech(utterances, always_a, progress=seen.append)
    assert seen == [1, 2, 3, 4]


def test_each_utterance_has_its_line(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    evaluate_speech(utterances, always_a).write_per_utterance(tmp_path / "lines.jsonl", utterances)
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text("utf-8").splitlines()]
    assert lines == [
        {"id": "right", "reference": "A", "hypothesis": "A", "n_word_errors": 0},
        {"id": "half", "reference": "A B", "hypothesis": "A", "n_word_errors": 1},
        {"id": "text", "reference": "B A", "hypothesis": "", "n_word_errors": 2},
        {"id": "missing", "reference": "A", "hypothesis": "", "n_word_errors": 1},
    ]


def test_a_folder_that_is_missing_for_the_lines_is_an_error(
    always_a: SpeechRecogniser, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    evaluation = evaluate_speech(utterances[:1], always_a)
    with pytest.raises(
        DataError, match=r"lines\.jsonl: cannot be written \(No such file or directory\); check the fold"
    ):
        evaluation.write_per_utterance(tmp_path / "no" / "lines.jsonl", utterances[:1])
