"""The CTC task: batches are pure functions of their arguments, nothing is dropped in silence, and it learns."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.audio.files import write_wav
from audio_lstm.checkpoint import open_model
from audio_lstm.errors import AudioError, ConfigError, DataError, ModelError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.sound.augment import AugmentConfig
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.training.corpus import Recording, load_corpus
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.training.task import CTCBatch, CTCConfig, CTCTask, start_from, write_speech_model
from audio_lstm.speech.words.pronunciations import Pronunciations
from audio_lstm.training.config import TrainConfig
from audio_lstm.training.loop import train

RATE = 16000
TEXTS = ["AB", "B A", "A", "BB", "A B A", "B", "BA"]


@pytest.fixture(scope="module")
def corpus(speech_config: SpeechModelConfig, tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    """Seven short recordings in which A is a low tone and B a high one."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    utterances = []
    for number, text in enumerate(TEXTS):
        tones = [np.sin(np.arange(3200) * {"A": 0.1, "B": 0.8, " ": 0.0}[letter]) for letter in text]
        samples = 0.3 * np.concatenate(tones) + rng.normal(0, 0.01, 3200 * len(text))
        write_wav(folder / f"{number}.wav", samples.astype(np.float32), RATE)
        utterances.append(Utterance(id=f"item-{number}", audio=folder / f"{number}.wav", text=text.lower()))
    return load_corpus(utterances, speech_config)


def make_task(config: SpeechModelConfig, corpus: list[Recording], **changes: object) -> CTCTask:
    seed, weights = changes.pop("seed", 3), changes.pop("weights", None)
    options = CTCConfig(**{"augment": AugmentConfig(), "batch_frames": 250, **changes})  # type: ignore[arg-type]
    return CTCTask(config, corpus, {"dev": corpus[:3]}, options=options, seed=seed, weights=weights)  # type: ignore[arg-type]


def assert_same(one: CTCBatch | None, other: CTCBatch | None) -> None:
    assert one is not None
    assert other is not None
    assert one.ids == other.ids
    assert torch.equal(one.features, other.features)
    assert torch.equal(one.lengths, other.lengths)
    assert all(torch.equal(a, b) for a, b in zip(one.targets, other.targets, strict=True))


def test_texts_are_normalised_and_encoded(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    assert [speech_config.alphabet.decode(item.target.numpy()) for item in corpus] == TEXTS
    assert [len(item.samples) for item in corpus] == [3200 * len(text) for text in TEXTS]


def test_a_corpus_with_a_bad_recording_or_text_is_refused(
    speech_config: SpeechModelConfig, corpus: list[Recording], tmp_path: Path
) -> None:
    good = corpus[0].utterance
    with pytest.raises(AudioError, match=r"no\.wav: no such file"):
        load_corpus([good, replace(good, audio=tmp_path / "no.wav")], speech_config)
    with pytest.raises(DataError, match=r"item-0: '7' at position 1 of 'A7' is not among the 3 symbols"):
        load_corpus([replace(good, text="A7")], speech_config)


def test_batches_hold_every_recording_once_in_a_new_order_each_epoch(
    speech_config: SpeechModelConfig, corpus: list[Recording]
) -> None:
    task = make_task(speech_config, corpus)
    for epoch in range(3):
        assert task.n_batches(epoch) == len(task.batches(epoch)) > 1
        assert sorted(copy.item for batch in task.batches(epoch) for copy in batch) == list(range(7))
    assert task.batches(0) != task.batches(1)


def test_a_batch_is_a_pure_function_of_its_arguments(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    task = make_task(speech_config, corpus)
    first = task.batch(1, 1, 0, 1)
    torch.manual_seed(99)
    task.batch(0, 0, 0, 1)
    assert_same(first, task.batch(1, 1, 0, 1))
    assert_same(first, make_task(speech_config, corpus).batch(1, 1, 0, 1))


def test_augmentation_differs_from_epoch_to_epoch_and_leaves_the_corpus_alone(
    speech_config: SpeechModelConfig, corpus: list[Recording]
) -> None:
    task = make_task(speech_config, corpus, batch_frames=10_000)
    before = [item.samples.copy() for item in corpus]
    batches = [task.batch(epoch, 0, 0, 1) for epoch in range(2)]
    assert batches[0] is not None
    assert batches[1] is not None
    one, other = (batch.features[batch.ids.index("item-4")] for batch in batches)
    assert one.shape != other.shape or not torch.equal(one, other)
    for item, samples in zip(corpus, before, strict=True):
        np.testing.assert_array_equal(item.samples, samples)


def test_without_augmentation_a_batch_holds_the_features_of_its_items(
    speech_config: SpeechModelConfig, corpus: list[Recording]
) -> None:
    task = make_task(speech_config, corpus, augment=AugmentConfig.off())
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    by_id = {item.utterance.id: item for item in corpus}
    for row, length, identifier in zip(batch.features, batch.lengths.tolist(), batch.ids, strict=True):
        expected = extract_features(by_id[identifier].samples, speech_config.features)
        np.testing.assert_allclose(row[:length], expected, atol=1e-6)
        assert not row[length:].any()


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_shares_of_all_processes_make_up_the_whole(
    speech_config: SpeechModelConfig, corpus: list[Recording], world_size: int
) -> None:
    task = make_task(speech_config, corpus)
    n_without = 0
    for index in range(task.n_batches(0)):
        whole = task.batch(0, index, 0, 1)
        assert whole is not None
        found: dict[str, np.ndarray] = {}
        for rank in range(world_size):
            part = task.batch(0, index, rank, world_size)
            n_without += part is None
            if part is not None:
                rows = zip(part.ids, part.features, part.lengths.tolist(), strict=True)
                found |= {identifier: row[:length].numpy() for identifier, row, length in rows}
        assert sorted(found) == sorted(whole.ids)
        for identifier, row, length in zip(whole.ids, whole.features, whole.lengths.tolist(), strict=True):
            np.testing.assert_array_equal(found[identifier], row[:length].numpy())
    assert n_without < world_size * task.n_batches(0) / 2  # a batch smaller than the processes leaves some without


def test_a_padded_batch_stays_within_its_frames(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    task = make_task(speech_config, corpus, augment=replace(AugmentConfig(), speeds=(0.9,)))
    for index in range(task.n_batches(0)):
        batch = task.batch(0, index, 0, 1)
        assert batch is not None
        assert batch.features.shape[0] * batch.features.shape[1] <= 250


def test_loss_is_per_symbol_and_names_its_items(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    task = make_task(speech_config, corpus)
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    loss = task.loss(batch, None)
    assert loss.n_units == sum(len(target) for target in batch.targets)
    assert loss.item_ids == batch.ids
    assert loss.loss_sum.isfinite()
    assert task.unalignable == set()


def test_recordings_that_cannot_be_aligned_are_counted_and_reported(
    speech_config: SpeechModelConfig, corpus: list[Recording], caplog: pytest.LogCaptureFixture
) -> None:
    dense = replace(corpus[2], target=torch.ones(40, dtype=torch.int64))  # 40 times A in 0.2 s
    task = make_task(speech_config, [*corpus[:2], dense], augment=AugmentConfig.off())
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    assert sorted(batch.ids) == ["item-0", "item-1"]
    assert [record.message for record in caplog.records] == [
        "item-2: 40 symbols do not fit into 5 output frames; left out"
    ]
    assert task.unalignable == {"item-2"}
    with torch.no_grad():
        assert task.evaluate()["unalignable"] == 1.0


def test_a_recording_that_fits_only_when_slowed_down_is_kept_and_its_fast_copies_are_reported_once(
    speech_config: SpeechModelConfig, corpus: list[Recording], caplog: pytest.LogCaptureFixture
) -> None:
    dense = replace(corpus[2], target=torch.tensor([1, 2, 1, 2, 1, 2]))  # 6 symbols in 0.2 s
    task = make_task(speech_config, [dense], augment=replace(AugmentConfig.off(), speeds=(0.8, 2.0)))
    assert task.unalignable == set()
    shares = []
    with caplog.at_level(logging.WARNING):
        for epoch in range(12):
            batch = task.batch(epoch, 0, 0, 1)
            assert batch is not None
            shares.append(task.loss(batch, None).n_units)
    assert set(shares) == {0, 6}
    assert [record.message for record in caplog.records] == [
        "item-2: 6 symbols do not fit into 3 output frames of a faster copy; such copies are left out"
    ]


def test_a_run_goes_on_over_a_batch_of_which_nothing_fits(
    speech_config: SpeechModelConfig, corpus: list[Recording], tmp_path: Path
) -> None:
    dense = replace(corpus[2], target=torch.tensor([1, 2, 1, 2, 1, 2]))
    task = make_task(
        speech_config, [dense, corpus[4]], batch_frames=130, augment=replace(AugmentConfig.off(), speeds=(0.8, 1.3))
    )
    assert task.n_batches(0) == 2
    config = TrainConfig(max_epochs=6, warmup_steps=1, tensorboard=False, device="cpu", n_threads=1)
    assert train(task, config, tmp_path / "run").step == 12


def test_a_corpus_of_which_nothing_fits_is_refused(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    dense = replace(corpus[2], target=torch.ones(40, dtype=torch.int64))
    with pytest.raises(DataError, match=r"no text fits its recording \(first: item-2\); check which text is whose"):
        make_task(speech_config, [dense])
    empty = replace(corpus[0], samples=corpus[0].samples[:0])
    with pytest.raises(DataError, match=r"no text fits its recording \(first: item-0\)"):
        CTCTask(speech_config, [empty], {}, options=CTCConfig(), seed=0)
    with pytest.raises(DataError, match=r"nothing to train on: no text fits its recording \(there are none\)"):
        make_task(speech_config, [])


def test_a_recording_longer_than_a_batch_is_named_with_its_seconds_and_the_option(
    speech_config: SpeechModelConfig, corpus: list[Recording]
) -> None:
    long = replace(corpus[0], samples=np.tile(corpus[0].samples, 10))  # 4 s
    message = (
        r"item-0: 4\.0 s are up to 443 frames \(at speed 0\.9\), more than a batch may hold; leave it out, cut it up, "
        r"or set --ctc.batch_frames to 443 or more \(now 250\)"
    )
    with pytest.raises(DataError, match=message):
        make_task(speech_config, [corpus[1], long])


def test_the_fingerprint_follows_the_data_and_not_their_place(
    speech_config: SpeechModelConfig, corpus: list[Recording]
) -> None:
    known = make_task(speech_config, corpus).fingerprint
    moved = [replace(item, utterance=replace(item.utterance, audio=Path("elsewhere.wav"))) for item in corpus]
    assert make_task(speech_config, moved, seed=4).fingerprint == known
    assert make_task(speech_config, corpus[1:]).fingerprint != known
    other = replace(corpus[0], target=corpus[1].target)
    assert make_task(speech_config, [other, *corpus[1:]]).fingerprint != known


def test_evaluation_scores_normalised_texts(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    task = make_task(speech_config, corpus)
    with torch.no_grad():
        task.model.head.weight.zero_()
        task.model.head.bias.copy_(torch.tensor([0.0, 9.0, 0.0, 0.0]))  # "A", whatever is said
        figures = task.evaluate()
    # Against "AB", "B A", "A", written in small letters in the manifest: one word and two characters are right.
    assert task.reports["dev"].words.hits == 2
    assert figures["score"] == figures["wer"] == pytest.approx(2 / 4)
    assert figures["cer"] == pytest.approx(3 / 6)


def test_several_development_sets_count_alike(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    task = CTCTask(speech_config, corpus, {"one": corpus[:1], "two": corpus[1:3]}, options=CTCConfig(), seed=0)
    with torch.no_grad():
        task.model.head.weight.zero_()
        task.model.head.bias.copy_(torch.tensor([0.0, 9.0, 0.0, 0.0]))  # "A", whatever is said
        figures = task.evaluate()
    assert (figures["one_wer"], figures["two_wer"]) == (1.0, pytest.approx(1 / 3))
    assert figures["score"] == pytest.approx(2 / 3)


def test_weights_say_how_often_a_recording_is_heard(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    weights = [0.0, 0.5, 1.0, 1.0, 1.0, 2.0, 1.5]
    task = make_task(speech_config, corpus, weights=weights)
    counts = np.zeros(7)
    for epoch in range(200):
        heard = [copy.item for batch in task.batches(epoch) for copy in batch]
        counts += np.bincount(heard, minlength=7)
    assert counts[[0, 2, 3, 4, 5]].tolist() == [0, 200, 200, 200, 400]
    np.testing.assert_allclose(counts[[1, 6]] / 200, [0.5, 1.5], atol=0.12)


def test_a_recording_that_a_batch_holds_twice_is_varied_twice(
    speech_config: SpeechModelConfig, corpus: list[Recording]
) -> None:
    batch = make_task(speech_config, corpus[:1], weights=[2.0], batch_frames=10_000).batch(0, 0, 0, 1)
    assert batch is not None
    assert batch.ids == ("item-0", "item-0")
    assert not torch.equal(batch.features[0], batch.features[1])


def test_the_first_epochs_go_from_short_to_long(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    task = make_task(speech_config, corpus, curriculum_epochs=1)

    def lengths(epoch: int) -> list[int]:
        batches = [task.batch(epoch, index, 0, 1) for index in range(task.n_batches(epoch))]
        return [int(batch.lengths.max()) for batch in batches if batch is not None]

    assert lengths(0) == sorted(lengths(0))
    later = [lengths(epoch) for epoch in (1, 2, 3)]
    assert any(order != sorted(order) for order in later)


def test_a_second_view_differs_in_its_masks_alone(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    loss = CTCLossConfig(consistency_weight=0.2)
    task = make_task(speech_config, corpus, batch_frames=10_000, loss=loss)
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    assert batch.ids[:7] == batch.ids[7:]
    assert torch.equal(batch.lengths[:7], batch.lengths[7:])
    one, other = batch.features[:7], batch.features[7:]
    same = (one == other).float().mean()
    assert 0.2 < same < 1
    assert task.loss(batch, None).n_units == sum(len(target) for target in batch.targets[:7])


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="batch_frames must be at least 1 and curriculum_epochs at least 0, got 0 and 0"
    ):
        CTCConfig(batch_frames=0)


def test_the_same_seed_starts_from_the_same_weights(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    one, other = (make_task(speech_config, corpus).model.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_few_epochs_and_the_finished_folder(
    speech_config: SpeechModelConfig, corpus: list[Recording], tmp_path: Path
) -> None:
    task = make_task(speech_config, corpus, batch_frames=10_000, augment=AugmentConfig.off())
    config = TrainConfig(max_epochs=3, warmup_steps=1, tensorboard=False, device="cpu", n_threads=1)
    result = train(task, config, tmp_path / "run")
    assert set(task.reports) == {"dev"}
    folder = tmp_path / "model"
    line = write_speech_model(task, folder, name="tones", trained_on="seven tones", notes="Beeps only.", result=result)
    assert line.startswith(f"{folder}: dev WER ")
    assert open_model(folder, "speech").name == "tones"
    card = (folder / "README.md").read_text("utf-8")
    assert card.startswith("# tones\n\nA small LSTM-CTC recogniser trained on seven tones.\n")
    assert "| training steps | 3 |" in card
    assert " % | 3 | 4 |\n" in card
    assert "| streams | no: it reads whole phrases |" in card
    assert card.endswith("\nBeeps only.")
    assert len(list(folder.iterdir())) == 4
    assert json.loads((folder / "config.json").read_text())["model"]["symbols"] == ["A", "B", " "]


def test_phonemes_go_with_their_recordings(speech_config: SpeechModelConfig, corpus: list[Recording]) -> None:
    config = replace(speech_config, n_phonemes=3)
    options = CTCConfig(loss=CTCLossConfig(phoneme_weight=0.3, phoneme_layer=1), batch_frames=10_000)
    pronunciations = Pronunciations({"A": (1,), "B": (2, 3)})
    task = CTCTask(config, corpus, {}, options=options, seed=0, pronunciations=pronunciations)
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    said = {name: phonemes.tolist() for name, phonemes in zip(batch.ids, batch.phonemes, strict=True)}
    assert said["item-4"] == [1, 2, 3, 1]  # A B A
    assert said["item-0"] == []  # AB is not in the dictionary
    assert task.loss(batch, None).loss_sum.isfinite()
    with pytest.raises(ConfigError, match="phoneme_weight needs pronunciations; pass a dictionary such as cmudict"):
        CTCTask(config, corpus, {}, options=options, seed=0)


def test_training_starts_from_a_model_with_or_without_a_phoneme_head(
    speech_config: SpeechModelConfig, corpus: list[Recording], tmp_path: Path
) -> None:
    plain, aided = SpeechModel(speech_config), SpeechModel(replace(speech_config, n_phonemes=3))
    for name, model in (("plain", plain), ("aided", aided)):
        export_speech(model.eval(), tmp_path / name, name=name, card="")
    for source in (plain, aided):
        for config in (speech_config, aided.config):
            target = SpeechModel(config)
            start_from(open_model(tmp_path / ("aided" if source is aided else "plain"), "speech"), target)
            assert torch.equal(target.head.weight, source.head.weight)
            if source is aided and config.n_phonemes:
                assert torch.equal(target.phoneme_head.weight, aided.phoneme_head.weight)


def test_training_does_not_start_from_a_model_of_another_shape(
    speech_config: SpeechModelConfig, tmp_path: Path
) -> None:
    folder = open_model(export_speech(SpeechModel(speech_config).eval(), tmp_path / "m", name="m", card=""), "speech")
    wider = replace(speech_config, lstm=replace(speech_config.lstm, hidden_size=16))
    with pytest.raises(ModelError, match=r"m: backbone\S+ does not fit the model to be trained; start from one of"):
        start_from(folder, SpeechModel(wider))
    deeper = replace(speech_config, lstm=replace(speech_config.lstm, n_layers=2))
    with pytest.raises(ModelError, match=r"m: lacks backbone\S+ of the model to be trained"):
        start_from(folder, SpeechModel(deeper))
