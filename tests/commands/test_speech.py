"""`evaluate speech`, and how to decode: what they print, their exit status, one line for every bad input or wish."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine

Write = Callable[..., Path]

# Every B costs 13 x 2 nats against A in half a second of sound.
LIKES_B = """\\data\\
ngram 1=4

\\1-grams:
-0.5 </s>
-99 <s>
-60 A
-0.5 B

\\end\\
"""


def test_evaluate_speech_prints_one_json_object_with_the_agreed_keys(
    run: CommandLine, speech: str, tmp_path: Path, manifest: Write
) -> None:
    status, out, err = run(
        "evaluate", "speech", "--manifest", manifest(tmp_path, "A", "A B"), "--model", speech, "--json"
    )
    figures = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert {"wer", "cer", "n_utterances", "n_words", "audio_s", "real_time_factor"} <= set(figures)
    assert figures["wer"] == pytest.approx(1 / 3)  # "A" and "A" for "A" and "A B"
    assert figures["cer"] == pytest.approx(2 / 4)
    assert (figures["n_utterances"], figures["n_words"], figures["audio_s"]) == (2, 3, 1.0)
    assert figures["real_time_factor"] > 0


def test_evaluate_speech_for_people(run: CommandLine, speech: str, tmp_path: Path, manifest: Write) -> None:
    status, out, _ = run("evaluate", "speech", "--manifest", manifest(tmp_path, "A"), "--model", speech)
    assert status == 0
    assert out.startswith("WER 0.00 %   CER 0.00 %\n1 utterances, 1 words")


def test_a_folder_of_recordings_and_texts_is_a_manifest_too(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write
) -> None:
    for name, text in (("one", "a\n"), ("two", "A B")):
        tone(tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text(text)
    status, out, _ = run("evaluate", "speech", "--manifest", tmp_path, "--model", speech, "--json")
    assert status == 0
    assert json.loads(out)["wer"] == pytest.approx(1 / 3)


def test_hypothesis_and_reference_are_written_a_line(
    run: CommandLine, speech: str, tmp_path: Path, manifest: Write
) -> None:
    file = tmp_path / "out.jsonl"
    wish = ["evaluate", "speech", "--manifest", manifest(tmp_path, "A B", "A"), "--model", speech]
    assert run(*wish, "--per-utterance", file)[0] == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["id"], line["reference"], line["hypothesis"]) for line in lines] == [
        ("0", "A B", "A"),
        ("1", "A", "A"),
    ]
    status, out, err = run(*wish, "--per-utterance", tmp_path / "nowhere" / "out.jsonl")
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, "nowhere does not exist; create it first")


def test_the_listing_of_errors_leaves_json_alone_on_stdout(
    run: CommandLine, speech: str, tmp_path: Path, manifest: Write
) -> None:
    wish = ["evaluate", "speech", "--manifest", manifest(tmp_path, "A B"), "--model", speech, "--errors"]
    status, out, _ = run(*wish)
    assert status == 0
    assert "B" in out.split("real-time factor")[1]
    status, out, err = run(*wish, "--json")
    assert status == 0
    json.loads(out)
    assert "B" in err


def test_an_unreadable_recording_is_reported_and_counts_as_empty(
    run: CommandLine, speech: str, tmp_path: Path, manifest: Write
) -> None:
    file = manifest(tmp_path, "A", "A")
    (tmp_path / "1.wav").unlink()
    status, out, err = run("evaluate", "speech", "--manifest", file, "--model", speech, "--json")
    figures = json.loads(out)
    assert status == 1
    assert (figures["wer"], figures["n_unreadable"], figures["n_utterances"]) == (0.5, 1, 2)
    run.assert_one_complaint(err, "1.wav", "(counted as empty)")


def test_texts_that_the_model_cannot_write_are_named_and_scored(
    run: CommandLine, speech: str, tmp_path: Path, manifest: Write
) -> None:
    file = manifest(tmp_path, "A", "A 12", "7")
    status, out, err = run("evaluate", "speech", "--manifest", file, "--model", speech, "--json")
    assert (status, json.loads(out)["wer"]) == (0, 0.5)
    run.assert_one_complaint(err, "2 of 3 references hold letters that the model cannot write", "'A 12'")


@pytest.mark.parametrize("content", [None, "", "not json\n", '{"audio": "a.wav"}\n'])
def test_a_bad_manifest_is_one_line(run: CommandLine, speech: str, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "set.jsonl"
    if content is not None:
        file.write_text(content)
    status, out, err = run("evaluate", "speech", "--manifest", file, "--model", speech, "--json")
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, file)


# How to decode


@pytest.fixture
def clip(tone: Write, tmp_path: Path) -> Path:
    return tone(tmp_path / "clip.wav")


@pytest.fixture
def tuned(speech: str, tmp_path: Path) -> Path:
    """The model with a language model of its own, under which it hears a B."""
    folder = shutil.copytree(speech, tmp_path / "tuned")
    (folder / "own.lm").write_text(LIKES_B)
    (folder / "decoding.json").write_text(
        json.dumps({"language_model": "own", "beam": {"lm_weight": 1.0, "word_bonus": 0.0}})
    )
    return folder


def written(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, "utf-8")
    return folder / name


def test_a_language_model_changes_what_is_heard(run: CommandLine, speech: str, clip: Path, tmp_path: Path) -> None:
    lm = written(tmp_path, "b.arpa", LIKES_B)
    wish = ["transcribe", clip, "--model", speech, "--lm", lm, "--lm-weight", "1", "--word-bonus", "-1"]
    assert run(*wish) == (0, "B\n", "")
    assert run(*wish, "--beam-size", "4", "--word-bonus", "0.1") == (0, "B\n", "")
    assert run(*wish, "--lm-weight", "0") == (0, "A\n", "")


def test_the_models_own_language_model_can_be_left_out(run: CommandLine, tuned: Path, clip: Path) -> None:
    assert run("transcribe", clip, "--model", tuned) == (0, "B\n", "")
    assert run("transcribe", clip, "--model", tuned, "--lm", "none") == (0, "A\n", "")
    assert run("transcribe", clip, "--model", tuned, "--lm-weight", "0.01") == (0, "A\n", "")


def test_a_shipped_language_model_is_found_by_its_name(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio_lstm.speech.decoding.decoding.SHIPPED", written(tmp_path, "likes-b.lm", LIKES_B).parent)
    assert run("transcribe", clip, "--model", speech, "--lm", "likes-b", "--lm-weight", "1", "--word-bonus=-1") == (
        0,
        "B\n",
        "",
    )


def test_hot_words_come_from_the_command_line_and_from_a_file(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, "hot.txt", "\ufeffb\n\n b a \n")
    wish = ["transcribe", clip, "--model", speech, "--hotword-boost", "40"]
    assert "B" in run(*wish, "--hotword", "b")[1]
    assert "B" in run(*wish, "--hotwords-file", file)[1]
    assert "B" in run(*wish, "--hotwords-file", file, "--hotword", "A B", "--hotword", "AA")[1]


def test_a_hot_word_that_is_given_twice_is_one(run: CommandLine, speech: str, clip: Path, tmp_path: Path) -> None:
    file = written(tmp_path, "hot.txt", "b\nB\n'b'\n")
    wish = ["evaluate", "speech", "--manifest", tmp_path, "--model", speech, "--json", "--hotword", "b"]
    written(tmp_path, "clip.txt", "B")
    status, out, err = run(*wish, "--hotword", "B", "--hotwords-file", file)
    assert (status, err) == (0, "")
    assert json.loads(out)["decoding"].endswith("1 hot word, boost 5")


def test_a_language_model_in_another_case_is_used(run: CommandLine, speech: str, clip: Path, tmp_path: Path) -> None:
    lm = written(tmp_path, "b.arpa", LIKES_B.replace("A", "a").replace("B", "b").replace("\\ENd", "\\end"))
    wish = ["transcribe", clip, "--model", speech, "--lm", lm, "--lm-weight", "1", "--word-bonus", "-1"]
    assert run(*wish) == (0, "B\n", "")


def test_words_of_a_language_model_that_are_never_heard_are_counted(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path
) -> None:
    lm = written(tmp_path, "b.arpa", LIKES_B.replace("1=4", "1=6").replace("-60 A", "-60 a\n-9 R2D2\n-9 café"))
    wish = ["transcribe", clip, "--model", speech, "--lm", lm, "--lm-weight", "1", "--word-bonus", "-1"]
    status, out, err = run(*wish)
    assert (status, out) == (0, "B\n")
    assert err == (
        f"audio-lstm: language model {lm}: 2 of 4 words hold letters that the model cannot write, and will never be "
        "heard (the first: 'R2D2')\n"
    )
    status, _, err = run(*wish, "--out", tmp_path / "out", "--workers", "2")
    assert status == 0
    assert err.count("2 of 4 words hold letters that the model cannot write") == 1


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--vocabulary", "b\n\nB C\n", "list.txt:3: word 'C' holds 'C', which the recogniser does not write"),
        ("--hotwords-file", "b\u2028\nx\n", "list.txt:2: hot word 'x' holds 'x', which the recogniser does not write"),
        ("--grammar", "public <a> = b\n | c;", "list.txt:2:4: word 'c' holds 'c', which the recogniser does not wr"),
        ("--grammar", "public <a> = b\n | ( ! );", "list.txt:2:6: '!' is nothing that can be said; nothing at all is"),
    ],
)
def test_words_that_the_model_cannot_write_are_named_with_file_and_line(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path, option: str, content: str, message: str
) -> None:
    file = written(tmp_path, "list.txt", content)
    assert message in run.refused(1, "transcribe", clip, "--model", speech, option, file)


def test_closed_lists_let_nothing_else_be_heard(run: CommandLine, speech: str, clip: Path, tmp_path: Path) -> None:
    words = written(tmp_path, "words.txt", "b BB\nBB\n\n")
    grammar = written(tmp_path, "b.jsgf", "#JSGF V1.0;\ngrammar b;\npublic <b> = b | B B;\n")
    for option in (["--vocabulary", words], ["--grammar", grammar]):
        status, out, err = run("transcribe", clip, "--model", speech, *option)
        assert (status, err) == (0, "")
        assert set(out.split()) <= {"B", "BB"}
        assert out.strip()


def test_a_recording_that_says_nothing_of_a_grammar_is_named(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path
) -> None:
    grammar = written(tmp_path, "long.jsgf", f"public <b> = {'B ' * 40};\n")
    err = run.refused(1, "transcribe", clip, "--model", speech, "--grammar", grammar)
    assert f"it may say what the grammar {grammar} does not hold" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--vocabulary words --grammar words", "--vocabulary and --grammar exclude each other; write the words into"),
        ("--vocabulary words --lm lm", "--vocabulary and --lm exclude each other: nothing but its words is heard"),
        ("--grammar words --lm lm", "--grammar and --lm exclude each other"),
        ("--grammar words --rescorer lm", "--grammar and --rescorer exclude each other"),
        ("--rescorer none --rescorer-weight 1", "--rescorer-weight weighs a rescorer, but there is none; leave it out"),
        ("--rescorer-weight 1", "this model comes without one; choose a character language model"),
        ("--lm none --lm-weight 1", "--lm-weight weighs a language model, but --lm is none; leave one of them out"),
        ("--lm none --word-bonus 1", "--word-bonus weighs a language model, but --lm is none"),
        ("--lm-weight 1", "this model comes without one; choose a language model"),
        ("--hotword-boost 3", "--hotword-boost needs words to boost; add --hotword or --hotwords-file"),
        ("--lm lm --beam-size 0", "beam_size must be at least 1, got 0"),
        ("--beam-size -3", "beam_size must be at least 1, got -3"),
        ("--lm lm --lm-weight -1", "lm_weight must be 0 or more, got -1.0"),
        ("--lm lm --lm-weight nan", "lm_weight must be 0 or more, got nan"),
        ("--lm lm --word-bonus nan", "word_bonus must be a number, got nan"),
        ("--lm lm --word-bonus=-inf", "word_bonus must be a number, got -inf"),
        ("--hotword EMPTY", "a hot word is empty: ''; take it out of the list"),
        ("--hotword B --hotword EMPTY", "a hot word is empty: ''; take it out of the list"),
        ("--hotword B --hotword-boost 0", "the boost of hot word 'B' must be above 0 and at most 100 nats, got 0.0"),
        ("--hotword B --hotword-boost nan", "the boost of hot word 'B' must be above 0 and at most 100 nats, got nan"),
    ],
)
def test_contradictions_and_bad_values_are_one_line_and_status_2(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path, options: str, message: str
) -> None:
    words, lm = written(tmp_path, "words.txt", "B\n"), written(tmp_path, "b.arpa", LIKES_B)
    files = {"words": words, "lm": lm, "EMPTY": ""}
    err = run.refused(2, "transcribe", clip, "--model", speech, *[files.get(word, word) for word in options.split()])
    assert message in err


def test_evaluation_refuses_contradictions_too(run: CommandLine, speech: str, tmp_path: Path, manifest: Write) -> None:
    wish = ["evaluate", "speech", "--manifest", manifest(tmp_path, "A"), "--model", speech]
    err = run.refused(2, *wish, "--lm", "none", "--lm-weight", "1")
    assert "--lm-weight weighs a language model, but --lm is none" in err


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--lm", None, "list.txt: no such language model; check the path"),
        ("--lm", "", "list.txt:1: not an ARPA language model: no line"),
        ("--lm", "these are words\n", "list.txt:1: not an ARPA language model: no line"),
        ("--lm", LIKES_B.replace("A\n", "Ä\n").replace("B\n", "B2\n"), "none of the language model's 2 words fits the"),
        ("--lm", LIKES_B.replace("\\end\\", ""), "no \\end\\ after the last n-gram; the file is damaged or cut off"),
        (
            "--hotwords-file",
            None,
            "list.txt: cannot be read (No such file or directory); expected a text file, one hot",
        ),
        ("--hotwords-file", "\n \n", "list.txt: is empty; expected one hot word a line"),
        ("--hotwords-file", "B\nÄB\n", "hot word 'ÄB' holds 'Ä', which the recogniser does not write"),
        ("--vocabulary", None, "list.txt: cannot be read (No such file or directory); expected a text file, one word"),
        ("--vocabulary", "", "list.txt: is empty; expected one word a line"),
        ("--vocabulary", "B\nÄB", "word 'ÄB' holds 'Ä', which the recogniser does not write"),
        ("--vocabulary", "B!?B", "word 1 of the list is not one word: 'B B'; give phrases in a grammar"),
        ("--grammar", None, "list.txt: cannot be read (No such file or directory); check the path and its permissions"),
        ("--grammar", "", "list.txt"),
        ("--grammar", "public <b> = B", "list.txt:1:15: "),
        ("--grammar", "public <b> = B | C;", "word 'C' holds 'C', which the recogniser does not write"),
        (
            "--grammar",
            "public <b> = c;",
            "list.txt:1:14: word 'c' holds 'c', which the recogniser does not write; write the",
        ),
    ],
)
def test_bad_files_are_one_line_and_status_1(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path, option: str, content: str | None, message: str
) -> None:
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_text(content, "utf-8")
    assert message in run.refused(1, "transcribe", clip, "--model", speech, option, file)


@pytest.mark.parametrize("option", ["--lm", "--hotwords-file", "--vocabulary", "--grammar"])
@pytest.mark.parametrize("kind", ["folder", "no UTF-8"])
def test_lists_that_are_no_text_are_one_line_and_status_1(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path, option: str, kind: str
) -> None:
    file = tmp_path / "list"
    file.mkdir() if kind == "folder" else file.write_bytes(b"B\n\xff\xfe\n")
    assert str(file) in run.refused(1, "transcribe", clip, "--model", speech, option, file)


def test_a_list_that_is_far_too_large_is_not_read(
    run: CommandLine, speech: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio_lstm.commands.speech._MAX_LIST_BYTES", 3)
    file = written(tmp_path, "words.txt", "B BB")
    err = run.refused(1, "transcribe", clip, "--model", speech, "--vocabulary", file)
    assert "words.txt: 4 bytes is too large for a list with one word a line" in err


def test_a_damaged_decoding_json_is_one_line(run: CommandLine, tuned: Path, clip: Path) -> None:
    written(tuned, "decoding.json", "{")
    err = run.refused(1, "transcribe", clip, "--model", tuned)
    assert "decoding.json: not valid JSON" in err
    assert "or delete this file and tune it anew" in err


def test_evaluation_says_how_it_decoded_and_how_well_confidence_is_calibrated(
    run: CommandLine, speech: str, tmp_path: Path, manifest: Write
) -> None:
    lm = written(tmp_path, "b.arpa", LIKES_B)
    wish = ["evaluate", "speech", "--manifest", manifest(tmp_path, "A", "A B"), "--model", speech]
    status, out, _ = run(*wish)
    assert status == 0
    lines = out.splitlines()
    assert [line.rstrip("0123456789.") for line in lines[2:]] == [lines[2], "decoding: greedy", "real-time factor "]
    figures = json.loads(run(*wish, "--json")[1])
    assert figures["decoding"] == "greedy"
    assert figures["calibration_error"] == pytest.approx(1 - 0.551, abs=1e-3)  # both words right, A has 0.551
    assert lines[2] == f"calibration error {100 * figures['calibration_error']:.1f} %"
    out = run(*wish, "--lm", lm, "--lm-weight", "0.9", "--word-bonus", "0", "--beam-size", "7", "--hotword", "BB")[1]
    assert f"decoding: beam 7, language model {lm}, weight 0.9, word bonus 0, 1 hot word, boost 5\n" in out
