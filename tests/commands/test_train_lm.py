"""The command train-lm: files that it writes, what it prints, and an error before the work for every wrong option."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from audio_lstm.commands.train_lm import add_train_lm
from audio_lstm.errors import AudioLSTMError, ConfigError, DataError
from audio_lstm.speech.words.lm_file import read_language_model, read_ngram
from audio_lstm.speech.words.perplexity import perplexity

if TYPE_CHECKING:
    from tests.conftest import CommandLine

LINES = "The cat sat.\nThe cat ran!\n\nA dog ran, and the cat sat.\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text(LINES)
    return file


def train(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_train_lm(parser.add_subparsers())
    options = parser.parse_args(["train-lm", *map(str, arguments)])
    status: int = options.command(options)
    return status


@pytest.mark.parametrize("name", ["lm.arpa", "lm.arpa.gz", "lm.lm"])
def test_it_writes_a_model_that_can_be_read(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert train(text, "--out", tmp_path / name) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{tmp_path / name}: 10 1-grams, 11 2-grams, 10 3-grams, 0.00 MB\n")
    assert printed.err == ""
    assert read_language_model(tmp_path / name).score(["THE", "CAT", "SAT"]) > -5


def test_it_says_how_well_the_file_predicts_other_text(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.txt").write_text("the dog sat\nthe zebra ran\n")
    out = tmp_path / "lm.lm"
    assert train(text, "--out", out, "--held-out", tmp_path / "other.txt", "--json", "--order", 2) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["file"], result["order"], result["n_words"]) == (str(out), 2, 7)
    assert result["n_bytes"] == out.stat().st_size
    expected = perplexity(read_language_model(out), ["THE DOG SAT", "THE ZEBRA RAN"])
    assert result["held_out"] == {
        "perplexity": round(expected.perplexity, 2),
        "perplexity_with_unknown": round(expected.perplexity_with_unknown, 2),
        "n_sentences": 2,
        "n_words": 6,
        "n_unknown": 1,
    }
    assert train(text, "--out", out, "--held-out", tmp_path / "other.txt", "--force") == 0
    assert "held-out words without the 1 unknown ones" in capsys.readouterr().out


def test_words_with_digits_are_remarked_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("at 7 he left\n")
    assert train(tmp_path / "text.txt", "--out", tmp_path / "lm.arpa") == 0
    assert "1 of 4 words are not in the letters of the model and count as unknown (the first: '7'; spell" in (
        capsys.readouterr().err
    )


def test_texts_are_weighted_and_rare_ngrams_left_out(text: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("Turn left now\n")
    train(text, tmp_path / "more.txt", "--weights", "1,3", "--min-count", "1,2", "--out", tmp_path / "lm.lm")
    model = read_ngram(tmp_path / "lm.lm")
    assert model.words[:2] == ("CAT", "LEFT")
    assert model.order_sizes[1] == 8  # <s> THE, THE CAT, CAT SAT, SAT </s>, and those of the weighted text


def test_a_model_is_pruned_to_a_threshold_or_a_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 9)) for _ in range(400)))
    out = tmp_path / "lm.lm"
    train(text, "--out", out)
    whole = out.stat().st_size
    capsys.readouterr()
    train(text, "--out", out, "--force", "--prune", "5e-4", "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["threshold"] == 5e-4
    assert sum(result["n_grams"]) < sum(result["pruned_from"])
    assert result["n_bytes"] < whole
    train(text, "--out", out, "--force", "--max-mb", str(0.6 * whole / 1e6))
    assert 0.5 * whole < out.stat().st_size <= 0.6 * whole
    assert "n-grams kept" in capsys.readouterr().out


def test_words_of_a_list_are_known_too_and_held_out_sentences_left_out(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.dict").write_text(";;; a comment\nzebra Z IY1 B R AH0\nread(2) R IY1 D\n3d TH R IY1 D IY1\n")
    (tmp_path / "dev.txt").write_text("the cat sat\n")
    out = tmp_path / "lm.lm"
    given = ["--vocabulary", tmp_path / "words.dict", "--exclude", tmp_path / "dev.txt", "--min-count", 2]
    assert train(text, "--out", out, *given, "--held-out", tmp_path / "dev.txt", "--held-out", text) == 0
    assert set(read_ngram(out).words) == {"THE", "CAT", "RAN", "A", "ZEBRA", "READ"} - {"A"}
    printed = capsys.readouterr()
    assert "text.txt: 1 of 3 sentences left out, as --exclude asks" in printed.err
    assert printed.out.count("held-out words without") == 3  # both together, and each
    assert f"{tmp_path / 'dev.txt'}: perplexity" in printed.out


def test_another_model_is_mixed_in_by_file_or_name(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("espresso please\n")
    train(text, "--out", tmp_path / "cats.lm")
    train(tmp_path / "mine.txt", "--out", tmp_path / "mine.lm", "--mix", tmp_path / "cats.lm", "0.25")
    mixed = read_language_model(tmp_path / "mine.lm")
    assert {"ESPRESSO", "CAT"} <= set(mixed.words)
    assert mixed.score(["ESPRESSO", "PLEASE"]) > mixed.score(["THE", "CAT", "SAT"])
    monkeypatch.setattr("audio_lstm.speech.decoding.decoding.SHIPPED", tmp_path)
    train(tmp_path / "mine.txt", "--out", tmp_path / "same.lm", "--mix", "cats", "0.25")
    assert (tmp_path / "same.lm").read_bytes() == (tmp_path / "mine.lm").read_bytes()


def test_numbers_are_spelled_out_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("at 7 he left\n")
    assert train(tmp_path / "text.txt", "--spell-out", "--out", tmp_path / "lm.arpa") == 0
    assert capsys.readouterr().err == ""
    assert "SEVEN" in read_ngram(tmp_path / "lm.arpa").words


def test_the_letters_may_be_those_of_a_model(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from audio_lstm.speech.hearing import recogniser
    from audio_lstm.speech.text.alphabet import Alphabet

    class Lowercase:
        alphabet = Alphabet(tuple("acehtdnrs "))

    monkeypatch.setattr(recogniser, "load_speech", {"small": Lowercase}.__getitem__)
    assert train(text, "--alphabet-of", "small", "--out", tmp_path / "lm.arpa") == 0
    assert read_language_model(tmp_path / "lm.arpa").words[:2] == ("cat", "the")
    assert "'dog'" in capsys.readouterr().err


def test_an_existing_file_is_overwritten_only_by_force(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "lm.arpa"
    out.write_text("precious")
    with pytest.raises(
        AudioLSTMError, match=r"lm.arpa: exists already; pass --force to overwrite it, or another --out"
    ):
        train(text, "--out", out)
    assert out.read_text() == "precious"
    assert train(text, "--out", out, "--force") == 0
    assert "precious" not in out.read_text()


def test_wrong_outputs_are_refused_before_the_work(text: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a name that ends in .arpa, .arpa.gz or .lm"):
        train(text, "--out", tmp_path / "lm.bin")
    with pytest.raises(AudioLSTMError, match=r"the folder .*no does not exist; create it first"):
        train(text, "--out", tmp_path / "no" / "lm.arpa")
    (tmp_path / "folder.lm").mkdir()
    with pytest.raises(AudioLSTMError, match=r"folder.lm: is a folder; pass another --out"):
        train(text, "--out", tmp_path / "folder.lm", "--force")


def test_wrong_numbers_are_refused(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "lm.arpa"
    with pytest.raises(ConfigError, match=r"--weights needs one number a text, got 2 for 1"):
        train(text, "--out", out, "--weights", "1,2")
    with pytest.raises(ConfigError, match=r"order must lie in 1\.\.5, got 9"):
        train(text, "--out", out, "--order", 9)
    with pytest.raises(ConfigError, match="min_counts are 1 to 2 numbers"):
        train(text, "--out", out, "--order", 2, "--min-count", "1,1,2")
    for wrong in ("0", "x", "1,,2", "1.5"):
        with pytest.raises(SystemExit):
            train(text, "--out", out, "--min-count", wrong)
        expected = f"expected whole numbers from 1 up with commas between them, got '{wrong}'"
        assert expected in capsys.readouterr().err
    assert not out.exists()


def test_a_text_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no.txt: no such text file"):
        train(tmp_path / "no.txt", "--out", tmp_path / "lm.arpa")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--out", "x.txt"], 2, "x.txt: expected a name that ends in .arpa, .arpa.gz or .lm"),
        (["--out", "nowhere/x.lm"], 1, "the folder nowhere does not exist; create it first"),
        (["--out", "folder.lm"], 1, "folder.lm: is a folder; pass another --out"),
        (["--out", "old.lm"], 1, "old.lm: exists already; pass --force to overwrite it, or another --out"),
        (["--out", "x.lm", "--weights", "1,2"], 2, "--weights needs one number a text, got 2 for 1"),
        (
            ["--out", "x.lm", "--weights", "1.5"],
            2,
            "expected whole numbers from 1 up with commas between them, got '1.5'",
        ),
        (
            ["--out", "x.lm", "--min-count", "0"],
            2,
            "expected whole numbers from 1 up with commas between them, got '0'",
        ),
        (["--out", "x.lm", "--order", "0"], 2, "order"),
        (["--out", "x.lm", "--alphabet-of", "nothing"], 1, "model 'nothing' not found"),
        (["--out", "x.lm", "--held-out", "missing.txt"], 1, "missing.txt"),
        (["--out", "x.lm", "--prune", "-1"], 2, "--prune is a fraction from 0 up, such as 1e-8, got -1.0"),
        (["--out", "x.lm", "--prune", "nan"], 2, "--prune is a fraction from 0 up, such as 1e-8, got nan"),
        (["--out", "x.lm", "--max-mb", "0"], 2, "--max-mb must be above 0, got 0.0"),
        (["--out", "x.arpa", "--max-mb", "1"], 2, "--max-mb is about .lm files; write one, or use --prune for x.arpa"),
        (["--out", "x.lm", "--max-mb", "0.0001"], 2, "words alone take"),
        (["--out", "x.lm", "--max-mb", "1", "--prune", "1"], 2, "not allowed with argument"),
        (["--out", "x.lm", "--mix", "missing.lm", "0.5"], 1, "missing.lm: no such language model"),
        (["--out", "x.lm", "--mix", "english", "1"], 2, "its share between 0 and 1, got '1'"),
        (["--out", "x.lm", "--mix", "english", "half"], 2, "its share between 0 and 1, got 'half'"),
        (["--out", "x.lm", "--exclude", "missing.txt"], 1, "missing.txt: no such text file"),
        (["--out", "x.lm", "--vocabulary", "missing.txt"], 1, "missing.txt"),
        (["--out", "x.lm", "--vocabulary", "empty.txt"], 1, "empty.txt: no word in the letters of the model"),
        (["missing.txt", "--out", "x.lm"], 1, "missing.txt"),
        (["empty.txt", "--out", "x.lm"], 1, "empty.txt"),
    ],
)
def test_bad_wishes_are_one_line_and_leave_no_file(
    run: CommandLine, text: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], status: int, message: str
) -> None:
    monkeypatch.chdir(text.parent)
    Path("folder.lm").mkdir()
    Path("old.lm").write_text("mine")
    Path("empty.txt").touch()
    assert message in run.refused(status, "train-lm", text, *options)
    assert Path("old.lm").read_text() == "mine"
    assert not Path("x.lm").exists()
