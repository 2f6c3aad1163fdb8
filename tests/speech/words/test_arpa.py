"""ARPA files: a round trip, what other programs write, and one line with file and number for every kind of damage."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.words.arpa import read_arpa, write_arpa
from audio_lstm.speech.words.ngram import NgramModel, train_ngram

TEXTS = ["THE CAT SAT", "THE CAT RAN", "A DOG RAN", "THE DOG"]
LN_10 = math.log(10)

SRILM = r"""
\data\
ngram 1=6
ngram 2=4
ngram 3=2

\1-grams:
-0.8	</s>
-99	<s>	-0.3
-1.2	<unk>
-0.5	CAT	-0.2
-0.6	SAT	-0.1
-0.4	THE	-0.25

\2-grams:
-0.35	<s> THE	-0.15
-0.3	CAT SAT	0.05
-0.2	SAT </s>
-0.45	THE CAT	-0.05

\3-grams:
-0.1	<s> THE CAT
-0.15	THE CAT SAT

\end\
"""


def written(folder: Path, text: str, name: str = "lm.arpa") -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


def same(one: NgramModel, other: NgramModel) -> bool:
    return (
        (one.words, one.order_sizes) == (other.words, other.order_sizes)
        and np.array_equal(one.parents, other.parents)
        and np.array_equal(one.symbols, other.symbols)
        and np.allclose(one.log_probs, other.log_probs, rtol=1e-6, atol=1e-6)
        and np.allclose(one.backoffs, other.backoffs, rtol=1e-6, atol=1e-6)
    )


def test_a_file_in_srilms_style_scores_by_hand(tmp_path: Path) -> None:
    automaton = read_arpa(written(tmp_path, SRILM)).to_automaton()
    assert automaton.words == ("CAT", "SAT", "THE")

    def score(text: str) -> float:
        return automaton.score(text.split()) / LN_10

    assert score("THE CAT SAT") == pytest.approx(-0.35 - 0.1 - 0.15 + (0.05 - 0.2))  # </s> backs off from CAT SAT
    assert score("CAT SAT") == pytest.approx((-0.3 - 0.5) - 0.3 + (0.05 - 0.2))  # CAT backs off from <s>
    assert score("SAT SAT") == pytest.approx((-0.3 - 0.6) + (-0.1 - 0.6) - 0.2)
    assert score("THE") == pytest.approx(-0.35 + (-0.15 - 0.25 - 0.8))  # </s> backs off twice
    assert score("THE DOG") == pytest.approx(-0.35 + (-0.15 - 0.25 - 1.2) - 0.8)  # <unk> has no weight
    assert score("") == pytest.approx(-0.3 - 0.8)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\t", " "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"made by hand\nfor a test\n{text}",
        lambda text: f"\ufeff{text.lstrip()}",
        lambda text: text.replace("<unk>", "<UNK>"),
        lambda text: text.replace("ngram 1=6", "ngram  1 = 6"),
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace("-0.15\tTHE CAT SAT", "-0.15\tTHE CAT SAT\t0"),
        lambda text: text.replace("-1.2\t<unk>", "-1.2\t<unk>\t0"),
        lambda text: text.replace("ngram 3=2", "ngram 3=2\nngram 4=0").replace("\\end", "\\4-grams:\n\\end"),
    ],
)
def test_what_other_programs_write_reads_the_same(tmp_path: Path, change: object) -> None:
    assert callable(change)
    changed = change(SRILM)
    assert changed != SRILM
    assert same(read_arpa(written(tmp_path, changed, "other")), read_arpa(written(tmp_path, SRILM)))


@pytest.mark.parametrize("name", ["lm.arpa", "lm.arpa.gz"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_model_comes_back_as_it_was_written(tmp_path: Path, name: str, order: int) -> None:
    model = train_ngram(TEXTS, order=order)
    write_arpa(model, tmp_path / name)
    assert ((tmp_path / name).read_bytes()[:2] == b"\x1f\x8b") == name.endswith("gz")
    assert same(read_arpa(tmp_path / name), model)


def test_the_same_model_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.arpa.gz", "b.arpa.gz"):
        write_arpa(train_ngram(TEXTS), tmp_path / name)
    assert (tmp_path / "a.arpa.gz").read_bytes() == (tmp_path / "b.arpa.gz").read_bytes()


def test_histories_that_were_pruned_away_are_put_back(tmp_path: Path) -> None:
    without = SRILM.replace("-0.45\tTHE CAT\t-0.05\n", "").replace("ngram 2=4", "ngram 2=3")
    model = read_arpa(written(tmp_path, without))
    assert model.order_sizes == (6, 4, 2)
    automaton = model.to_automaton()
    expected = -0.35 - 0.1 - 0.15 + (0.05 - 0.2)
    assert automaton.score(["THE", "CAT", "SAT"]) / LN_10 == pytest.approx(expected)
    the = automaton.advance([automaton.start], automaton.word_ids(["SAT"]))[1]
    the = automaton.advance(the, automaton.word_ids(["THE"]))[1]
    log_prob, the_cat = automaton.advance(the, automaton.word_ids(["CAT"]))
    assert log_prob[0] / LN_10 == pytest.approx(-0.25 - 0.5)  # as backing off has it
    assert automaton.advance(the_cat, automaton.word_ids(["SAT"]))[0][0] / LN_10 == pytest.approx(-0.15)


def test_histories_of_histories_are_put_back_too(tmp_path: Path) -> None:
    text = SRILM.replace("ngram 3=2", "ngram 3=0\nngram 4=1")
    text = re.sub(r"-0.1\t<s> THE CAT\n-0.15\tTHE CAT SAT\n", r"\n\\4-grams:\n-0.01 CAT CAT CAT SAT\n", text)
    model = read_arpa(written(tmp_path, text))
    assert model.order_sizes == (6, 5, 1, 1)
    automaton = model.to_automaton()
    score = automaton.score(["CAT", "CAT", "CAT", "SAT"]) / LN_10
    assert score == pytest.approx((-0.3 - 0.5) + 2 * (-0.2 - 0.5) - 0.01 + (0.05 - 0.2))


def test_minus_infinity_is_a_probability(tmp_path: Path) -> None:
    automaton = read_arpa(written(tmp_path, SRILM.replace("-99\t<s>", "-inf\t<s>"))).to_automaton()
    assert math.isfinite(automaton.score(["THE"]))


def test_a_model_without_sentence_starts_begins_without_history(tmp_path: Path) -> None:
    text = "\\data\\\nngram 1=2\n\\1-grams:\n-0.3 A\n-0.3 </s>\n\\end\\\n"
    automaton = read_arpa(written(tmp_path, text)).to_automaton()
    assert automaton.unknown == -1
    assert automaton.score(["A", "A"]) / LN_10 == pytest.approx(-0.9)


DAMAGE = [
    ("not at all", r"lm.arpa:1: not an ARPA language model: no line \\data\\$"),
    ("", r"lm.arpa:1: not an ARPA language model"),
    ("x\n" * 600_000, r"lm.arpa:\d+: not an ARPA language model: no line \\data\\ so far"),
    ("x" * 70_000, "lm.arpa:1: a line longer than 65536 bytes: not an ARPA language model"),
    ("\\data\\\n", r"lm.arpa:1: expected lines such as 'ngram 1=1000' after \\data\\"),
    ("\\data\\\nngram 2=1\n", "lm.arpa:2: expected the orders 1, 2, … up to 10 in turn, got 'ngram 2=1'"),
    ("\\data\\\nngram 1=3\n", r"lm.arpa:2: expected \\1-grams:, found 'the end of the file'"),
]


@pytest.mark.parametrize(("text", "message"), DAMAGE)
def test_what_is_not_arpa_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_arpa(written(tmp_path, text))


CHANGES = [
    ("\\2-grams:", "\\3-grams:", r"lm.arpa:15: expected \\2-grams:, found '\\\\3-grams:'"),
    ("ngram 2=4", "ngram 2=5", r"lm.arpa:21: 4 2-grams, but \\data\\ says 5; the file is damaged"),
    ("ngram 1=6", "ngram 1=7", r"lm.arpa:15: 6 1-grams, but \\data\\ says 7"),
    ("ngram 3=2", "ngram 3=1", r"lm.arpa:25: 2 3-grams, but \\data\\ says 1"),
    ("\\end\\", "", r"lm.arpa:25: no \\end\\ after the last n-gram; the file is damaged or cut off"),
    ("-0.45\tTHE CAT\t-0.05", "-0.45\tTHE\t-0.05", "lm.arpa:19: .*-0.05' is not among the 1-grams"),
    ("-0.45\tTHE CAT", "-0.45\tTHE DOG", "lm.arpa:19: the word 'DOG' is not among the 1-grams"),
    ("-0.45\tTHE CAT", "THE\tTHE CAT", r"lm.arpa:19: expected a number at either end of 'THE\\tTHE CAT\\t-0.05'"),
    ("-0.45\tTHE CAT", "nan\tTHE CAT", "lm.arpa:19: expected a log-probability up to 0 and a finite weight"),
    ("-0.45\tTHE CAT", "0.45\tTHE CAT", "lm.arpa:19: expected a log-probability up to 0"),
    ("CAT\t-0.05", "CAT\tnan", "lm.arpa:19: expected a log-probability up to 0 and a finite weight"),
    ("CAT\t-0.05", "CAT\t1e308", "lm.arpa:19: expected a log-probability up to 0 and a finite weight"),
    ("CAT\t-0.05", "CAT\tinf", "lm.arpa:19: expected a log-probability up to 0 and a finite weight"),
    ("-0.45\tTHE CAT", "-0.45", "lm.arpa:19: expected log-probability, 2 words, back-off weight, got 2 fields"),
    ("-0.45\tTHE CAT", "-0.45\tCAT SAT", "lm.arpa:19: this n-gram has been listed before; the file is damaged"),
    ("-0.6\tSAT", "-0.6\tCAT", "lm.arpa:12: the word 'CAT' is listed twice"),
    ("-0.6\tSAT", "-0.6\t<UNK>", "lm.arpa:12: the word '<UNK>' is listed twice"),
    ("-0.8\t</s>", "-0.8\tEND", "lm.arpa:15: no 1-gram </s>: the model cannot end a sentence"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHANGES)
def test_damage_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SRILM.count(old) == 1
    with pytest.raises(DataError, match=message) as caught:
        read_arpa(written(tmp_path, SRILM.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    end = SRILM.index("\\end\\") + len("\\end\\")
    for length in range(0, end, 3):
        with pytest.raises(DataError, match=r"lm.arpa:"):
            read_arpa(written(tmp_path, SRILM[:length]))


def test_words_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "lm.arpa"
    file.write_bytes(SRILM.encode().replace(b"-0.6\tSAT", b"-0.6\tS\xc4T"))
    with pytest.raises(DataError, match=r"lm.arpa:12: b'S\\xc4T' is not UTF-8; convert the file"):
        read_arpa(file)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    data = gzip.compress(SRILM.encode())
    for broken in (data[:-20], data[:12] + b"\0\0\0\0" + data[16:], data[:2]):
        (tmp_path / "lm.arpa.gz").write_bytes(broken)
        with pytest.raises(DataError, match=r"lm.arpa.gz: damaged gzip data"):
            read_arpa(tmp_path / "lm.arpa.gz")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lm.arpa: cannot be read .No such file or directory.; check the path"):
        read_arpa(tmp_path / "lm.arpa")


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lm.arpa: cannot write the language model .No such file"):
        write_arpa(train_ngram(TEXTS), tmp_path / "no" / "lm.arpa")
