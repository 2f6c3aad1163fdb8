"""The language model's task: texts from files, a stable split, pure batches, and a card with what users measure."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.training.char_lm_task import CharLMTask, TextBatch, hold_out, read_texts, write_char_lm
from audio_lstm.speech.words.char_lm import CharLMConfig, load_char_lm
from audio_lstm.training.config import TrainConfig
from audio_lstm.training.loop import train

CONFIG = CharLMConfig(LSTMConfig(8, hidden_size=16, n_layers=1), ("A", "B", " "))
TEXTS = ["AB", "B A", "A", "BB", "A B A", "B", "BA", "ABABAB ABAB", ""]


def make_task(train_texts: list[str] = TEXTS, *, batch_characters: int = 20, seed: int = 3) -> CharLMTask:
    return CharLMTask(
        CONFIG, train_texts=train_texts, dev_texts=TEXTS[:5], batch_characters=batch_characters, seed=seed
    )


def texts_of(batch: TextBatch | None) -> list[str]:
    assert batch is not None
    return [
        CONFIG.alphabet.decode(row[: int(n) - 1].numpy())
        for row, n in zip(batch.targets, batch.weights.sum(1), strict=True)
    ]


def test_lines_are_normalised_and_blank_ones_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeffIt’s a cat.\r\n\r\n...\nTWENTY-ONE\n".encode())
    assert read_texts([file], ENGLISH) == ["IT'S A CAT", "TWENTY ONE"]


def test_texts_of_manifests_are_taken_too(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("THE END")
    manifest = tmp_path / "a.train.jsonl"
    manifest.write_text("".join(json.dumps({"audio": f"{i}.wav", "text": f"WORD {'AB'[i]}"}) + "\n" for i in range(2)))
    assert read_texts([tmp_path / "text.txt", str(manifest)], ENGLISH) == ["THE END", "WORD A", "WORD B"]


def test_sentences_with_letters_outside_the_alphabet_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "text.txt"
    file.write_text("A CAT\n\n3 CATS\n")
    assert read_texts([file], ENGLISH) == ["A CAT"]
    assert "1 of 2 sentences have letters outside the alphabet (such as '3'), 0 are to be kept unseen" in caplog.text
    assert read_texts([file], ENGLISH, spells_out=True) == ["A CAT"]  # capitals alone have been prepared before
    file.write_text("a cat\n3 cats\n")
    assert read_texts([file], ENGLISH, spells_out=True) == ["A CAT", "THREE CATS"]


def test_what_the_model_is_measured_on_is_left_out_and_packed_text_is_read(tmp_path: Path) -> None:
    file, unseen = tmp_path / "text.txt.xz", tmp_path / "dev.jsonl"
    file.write_bytes(lzma.compress(b"The end.\nA cat sat.\n"))
    unseen.write_text(json.dumps({"audio": "x.wav", "text": "THE END"}))
    assert read_texts([file], ENGLISH, exclude=[unseen]) == ["A CAT SAT"]
    file.write_bytes(lzma.compress(b"The end.\n"))
    with pytest.raises(DataError, match=r"text\.txt\.xz: no sentence is left in the letters of the model"):
        read_texts([file], ENGLISH, exclude=[unseen])


def test_files_without_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("\n ...\n")
    with pytest.raises(DataError, match=r"text\.txt: no words in the letters of the model; expected a sentence a line"):
        read_texts([file], ENGLISH)
    file.write_text("7 8\n")
    with pytest.raises(DataError, match=r"text\.txt: no words in the letters of the model \(the first word: '7'\)"):
        read_texts([file], ENGLISH)
    file.write_bytes(b"AB\xff\xfe")
    with pytest.raises(DataError, match=r"text\.txt:1: not UTF-8 text"):
        read_texts([file], ENGLISH)
    with pytest.raises(DataError, match=r"nowhere\.txt: no such text file"):
        read_texts([tmp_path / "nowhere.txt"], ENGLISH)


def test_a_sentence_stays_on_its_side_whatever_is_added() -> None:
    some = [f"SENTENCE {number}" for number in range(2000)]
    train_texts, dev_texts = hold_out(some, 5.0)
    assert 60 < len(dev_texts) < 140
    assert [text for text in some if text in set(dev_texts)] == dev_texts
    more_train, more_dev = hold_out(["OTHER", *reversed(some), *some], 5.0)
    assert set(dev_texts) == set(more_dev) - {"OTHER"}
    assert set(train_texts) == set(more_train) - {"OTHER"}
    assert set(dev_texts) < set(hold_out(some, 10.0)[1])


def test_the_split_never_changes() -> None:
    assert hold_out([f"{number}" for number in range(40)], 10.0)[1] == ["1", "7", "10", "15", "24"]


@pytest.mark.parametrize("percent", [0.0, 100.0, -1.0, float("nan")])
def test_a_percentage_that_holds_out_all_or_nothing_is_refused(percent: float) -> None:
    with pytest.raises(ConfigError, match=f"held-out sentences must lie between 0 and 100, got {percent}"):
        hold_out(["A"], percent)


def test_an_epoch_reads_every_sentence_once_within_the_budget() -> None:
    task = make_task()
    batches = [task.batch(4, index, 0, 1) for index in range(task.n_batches(4))]
    assert len(batches) > 2
    assert sorted(text for batch in batches for text in texts_of(batch)) == sorted(TEXTS)
    assert all(batch is not None and batch.weights.numel() <= 20 for batch in batches)


def test_batches_are_a_function_of_seed_epoch_and_index() -> None:
    one, two = make_task(), make_task()
    one.batch(0, 0, 0, 1)
    a, b = one.batch(2, 1, 0, 1), two.batch(2, 1, 0, 1)
    assert a is not None
    assert b is not None
    assert a.names == b.names
    assert torch.equal(a.inputs, b.inputs)
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, two.model.state_dict()[name])


def test_processes_share_a_batch_and_one_may_have_none() -> None:
    task = make_task(TEXTS[:2])
    whole = texts_of(task.batch(0, 0, 0, 1))
    assert sorted(whole) == sorted(texts_of(task.batch(0, 0, 0, 2)) + texts_of(task.batch(0, 0, 1, 2)))
    assert task.batch(0, 0, 2, 3) is None


def test_the_loss_of_an_epoch_is_that_of_the_evaluation() -> None:
    task = make_task(TEXTS[:5])
    task.model.eval()
    with torch.no_grad():
        steps = [task.loss(batch, None) for index in range(task.n_batches(0)) if (batch := task.batch(0, index, 0, 1))]
        metrics = task.evaluate()
    n_units = sum(step.n_units for step in steps)
    assert n_units == sum(len(text) + 1 for text in TEXTS[:5])
    assert all(step.carry is None and step.item_ids[0].startswith("sentence ") for step in steps)
    bits = sum(float(step.loss_sum) for step in steps) / n_units / np.log(2)
    assert metrics["score"] == pytest.approx(bits, rel=1e-5)
    assert metrics["bits_per_character"] == metrics["score"]


def test_the_fingerprint_follows_the_texts() -> None:
    known = make_task().fingerprint
    assert known.startswith("9 + 5 items, sha256 ")
    assert make_task(batch_characters=40, seed=1).fingerprint == known
    assert make_task([*TEXTS[:-1], "A"]).fingerprint != known


@pytest.mark.parametrize(("train_texts", "dev_texts", "side"), [([], ["A"], "training"), (["A"], [], "development")])
def test_a_side_without_sentences_is_refused(train_texts: list[str], dev_texts: list[str], side: str) -> None:
    with pytest.raises(DataError, match=f"no {side} sentences; give more text or change the percentage"):
        CharLMTask(CONFIG, train_texts=train_texts, dev_texts=dev_texts, batch_characters=20, seed=0)


def test_a_sentence_longer_than_a_batch_is_named() -> None:
    message = (
        r"the sentence 'A{40}'… has 60 characters, more than a batch of 60 with their ends holds; raise batch_char"
    )
    with pytest.raises(DataError, match=message):
        make_task(["AB", "A" * 60], batch_characters=60)
    assert make_task(["AB", "A" * 60], batch_characters=61).n_batches(0) == 2


def test_training_lowers_the_score_and_the_card_states_what_users_will_measure(tmp_path: Path) -> None:
    task = make_task(["AB AB AB", "AB AB", "AB"] * 4, batch_characters=60)
    task.model.eval()
    with torch.no_grad():
        before = task.evaluate()["score"]
    config = TrainConfig(
        max_epochs=12, learning_rate=0.02, warmup_steps=2, ema_decay=0, tensorboard=False, device="cpu"
    )
    result = train(task, config, tmp_path / "run")
    assert result.best_score < before
    char_lm_folder = tmp_path / "model"
    line = write_char_lm(task, char_lm_folder, name="toy", trained_on="a toy", notes="Toys only.", result=result)
    char_lm = load_char_lm(char_lm_folder)
    bits = char_lm.bits_per_character(task.dev_texts)
    assert f"model: {bits:.4f} bits per character" in line
    card = (char_lm_folder / "README.md").read_text("utf-8")
    assert f"| bits per character, development sentences, int8 | {bits:.4f} |" in card
    assert "trained on a toy" in card
    assert card.endswith("\nToys only.")
    assert bits == pytest.approx(result.best_score, abs=0.1)
    good, bad = char_lm.log_probs(["AB AB", "BA BA"])
    assert good > bad + 1


def test_another_alphabet_is_refused() -> None:
    config = CharLMConfig(CONFIG.lstm, ("A", " "))
    with pytest.raises(DataError, match="'B' at position 1 of 'AB' is not among the 2 symbols"):
        CharLMTask(config, train_texts=["AB"], dev_texts=["A"], batch_characters=20, seed=0)
