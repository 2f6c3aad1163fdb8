"""LibriSpeech's folders are read and checked, and recordings are decoded when they are used, not before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from audio_lstm.errors import AudioError, ConfigError, DataError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.training import corpus
from audio_lstm.speech.training.corpus import encode_texts, list_recordings, load_corpus, read_librispeech
from audio_lstm.speech.training.task import CTCConfig, CTCTask

RATE = 16_000


def write_flac(path: Path, n_samples: int, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.random.default_rng(n_samples).standard_normal(n_samples)
    soundfile.write(path, samples, rate)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two subsets: three utterances of two speakers, and one."""
    folder = tmp_path / "LibriSpeech"
    chapters = {
        "train-clean-100/103/1240": ["103-1240-0000 AB A", "103-1240-0001 B"],
        "train-clean-100/19/198": ["19-198-0000 BA"],
        "dev-clean/84/121123": ["84-121123-0003 A"],
    }
    for place, lines in chapters.items():
        for line in lines:
            write_flac(folder / place / f"{line.split()[0]}.flac", 3_200 * len(line.partition(" ")[2]))
        speaker, chapter = place.split("/")[1:]
        (folder / place / f"{speaker}-{chapter}.trans.txt").write_text("\n".join(lines) + "\n")
    (folder / "SPEAKERS.TXT").write_text("; read me\n")
    return folder


def test_subsets_are_read_in_order_of_speaker_chapter_and_number(root: Path) -> None:
    utterances = read_librispeech(root, ("train-clean-100", "dev-clean"))
    assert [(item.id, item.text, item.speaker, item.duration_s) for item in utterances] == [
        ("19-198-0000", "BA", "19", None),
        ("103-1240-0000", "AB A", "103", None),
        ("103-1240-0001", "B", "103", None),
        ("84-121123-0003", "A", "84", None),
    ]
    assert utterances[1].audio == root / "train-clean-100/103/1240/103-1240-0000.flac"
    assert utterances[3:] == read_librispeech(str(root), ["dev-clean"])


def test_names_of_speakers_need_not_be_numbers(root: Path) -> None:
    write_flac(root / "dev-clean/anna/one/anna-one-1.flac", 100)
    (root / "dev-clean/anna/one/anna-one.trans.txt").write_text("\nanna-one-1  A   B \n\n")
    assert [(item.speaker, item.text) for item in read_librispeech(root, ["dev-clean"])] == [
        ("anna", "A B"),
        ("84", "A"),
    ]


@pytest.mark.parametrize(
    ("subsets", "message"), [((), "got none"), (("dev-clean", "dev-clean"), "got dev-clean, dev-clean")]
)
def test_subsets_are_named_once(root: Path, subsets: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=f"name one or more different subsets of LibriSpeech, {message}"):
        read_librispeech(root, subsets)


def test_missing_folders_are_named_with_their_source(root: Path) -> None:
    with pytest.raises(DataError, match=r"nothing: no such folder; fetch https://\S+/12/dev-clean\.tar\.gz and unpack"):
        read_librispeech(root / "nothing", ["dev-clean"])
    with pytest.raises(
        DataError, match=r"no such subset \(LibriSpeech holds dev-clean, train-clean-100\); fetch \S+er\.t"
    ):
        read_librispeech(root, ["dev-clean", "dev-other"])
    (root / "dev-other").mkdir()
    with pytest.raises(DataError, match=r"dev-other: no transcripts; expected SPEAKER/CHAPTER/SPEAKER-CHAPTER\.trans"):
        read_librispeech(root, ["dev-other"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("84-121123-0003", r"trans\.txt:1: expected '84-121123-NUMBER TEXT', got '84-121123-0003'"),
        ("84-121123-0003 A\n19-198-0000 B", r"trans\.txt:2: expected '84-121123-NUMBER TEXT', got '19-198-0000 B'"),
        ("84-121123-0003 A\n\n84-121123-0003 A", r"trans\.txt:3: 84-121123-0003 has a line already"),
        ("84-121123-0003 A\n84-121123-0004 A", r"trans\.txt:2: its recording 84-121123-0004\.flac is missing"),
        ("", r"trans\.txt: 84-121123-0003\.flac has no line; add its text"),
    ],
)
def test_faulty_transcripts_are_named_with_their_line(root: Path, text: str, message: str) -> None:
    (root / "dev-clean/84/121123/84-121123.trans.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_librispeech(root, ["dev-clean"])


def test_unreadable_transcripts_are_named(root: Path) -> None:
    file = root / "dev-clean/84/121123/84-121123.trans.txt"
    file.write_bytes(b"84-121123-0003 \xff")
    with pytest.raises(DataError, match=r"84-121123\.trans\.txt: not UTF-8 text \(invalid start byte\); fetch"):
        read_librispeech(root, ["dev-clean"])
    file.unlink()
    file.mkdir()
    with pytest.raises(DataError, match=r"84-121123\.trans\.txt: cannot be read \(Is a directory\); check its perm"):
        read_librispeech(root, ["dev-clean"])


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that lazy recordings have decoded."""
    files: list[str] = []
    load_audio: Callable[..., object] = corpus.load_audio

    def load(path: Path, *, sample_rate: int) -> object:
        files.append(path.name)
        return load_audio(path, sample_rate=sample_rate)

    monkeypatch.setattr(corpus, "load_audio", load)
    return files


def test_recordings_are_decoded_when_their_samples_are_asked_for(
    root: Path, speech_config: SpeechModelConfig, decoded: list[str]
) -> None:
    utterances = read_librispeech(root, ["train-clean-100"])
    eager = load_corpus(utterances, speech_config)
    decoded.clear()
    lazy = list_recordings(utterances, speech_config)
    assert [item.n_samples for item in lazy] == [item.n_samples for item in eager] == [6_400, 12_800, 3_200]
    assert decoded == []
    for item, other in zip(lazy, eager, strict=True):
        np.testing.assert_array_equal(item.samples, other.samples)
        assert torch.equal(item.target, other.target)
        assert item.target.dtype == torch.int64
        assert item.utterance == other.utterance
    assert decoded == ["19-198-0000.flac", "103-1240-0000.flac", "103-1240-0001.flac"]


def test_training_on_lazy_recordings_is_training_on_decoded_ones(
    root: Path, speech_config: SpeechModelConfig, decoded: list[str]
) -> None:
    utterances = read_librispeech(root, ["train-clean-100"])
    tasks = []
    for items in (load_corpus(utterances, speech_config), list_recordings(utterances, speech_config)):
        decoded.clear()
        tasks.append(CTCTask(speech_config, items, {"dev": items[:1]}, options=CTCConfig(batch_frames=120), seed=3))
    eager, lazy = tasks
    assert lazy.fingerprint == eager.fingerprint
    assert set(decoded) <= {"19-198-0000.flac"}  # the development set
    assert lazy.n_batches(0) == eager.n_batches(0) > 1
    for index in range(lazy.n_batches(0)):
        decoded.clear()
        one, other = lazy.batch(0, index, 0, 1), eager.batch(0, index, 0, 1)
        assert one is not None
        assert other is not None
        assert torch.equal(one.features, other.features)
        assert [target.tolist() for target in one.targets] == [target.tolist() for target in other.targets]
        assert sorted(decoded) == sorted(f"{identifier}.flac" for identifier in one.ids)
    with torch.inference_mode():
        assert lazy.evaluate() == eager.evaluate()


def test_other_sample_rates_count_in_samples_of_the_model(tmp_path: Path, speech_config: SpeechModelConfig) -> None:
    write_flac(tmp_path / "a.flac", 8_001, rate=8_000)
    (item,) = list_recordings([Utterance("a", tmp_path / "a.flac", "A")], speech_config)
    assert item.n_samples == len(item.samples) == 16_002


def test_the_manifests_duration_is_taken_without_opening_the_file(
    tmp_path: Path, speech_config: SpeechModelConfig
) -> None:
    utterance = Utterance("a", tmp_path / "a.flac", "A", duration_s=0.5)
    (item,) = list_recordings([utterance], speech_config)
    assert item.n_samples == 8_000
    with pytest.raises(AudioError, match=r"a\.flac: no such file"):
        _ = item.samples
    write_flac(tmp_path / "a.flac", 8_000 + 1_600)
    assert len(item.samples) == 9_600
    write_flac(tmp_path / "a.flac", 8_000 + 1_601)
    with pytest.raises(DataError, match=r"a\.flac: lasts 0\.60 s, its manifest or header says 0\.50 s; correct dur"):
        _ = item.samples


def test_recordings_without_a_readable_length_are_named(tmp_path: Path, speech_config: SpeechModelConfig) -> None:
    utterance = Utterance("a", tmp_path / "a.flac", "A")
    with pytest.raises(AudioError, match=r"a\.flac: no such file; check the path"):
        list_recordings([utterance], speech_config)
    utterance.audio.write_bytes(b"not audio")
    with pytest.raises(AudioError, match=r"a\.flac: its header cannot be read \(.*\); give its duration_s in a man"):
        list_recordings([utterance], speech_config)
    write_flac(utterance.audio, 8_000)
    data = bytearray(utterance.audio.read_bytes())
    data[21] &= 0xF0  # STREAMINFO's number of samples is the 36 bits from here: 0 means unknown
    data[22:26] = bytes(4)
    utterance.audio.write_bytes(data)
    with pytest.raises(AudioError, match=r"a\.flac: its header tells no length; give its duration_s"):
        list_recordings([utterance], speech_config)
    (item,) = list_recordings([replace(utterance, duration_s=0.5)], speech_config)
    assert len(item.samples) == 8_000


def test_figures_signs_and_accents_are_spelled_out() -> None:
    texts = ["Café No. 5 & ‘42’", "$3 million", "DON'T"]
    utterances = [Utterance(text, Path("a.wav"), text) for text in texts]
    assert [ENGLISH.decode(ids) for ids in encode_texts(utterances, ENGLISH)] == [
        "CAFE NUMBER FIVE AND FORTY TWO", "THREE MILLION DOLLARS", "DON'T"
    ]  # fmt: skip
    german = Alphabet((*"abcdefghijklmnopqrstuvwxyzäöüß", " "))
    (ids,) = encode_texts([Utterance("x", Path("a.wav"), "21 Äpfel")], german, language="de-AT")
    assert german.decode(ids) == "einundzwanzig äpfel"


def test_texts_that_the_alphabet_cannot_write_are_named(speech_config: SpeechModelConfig, tmp_path: Path) -> None:
    utterances = [Utterance("one", tmp_path, "a b"), Utterance("two", tmp_path, "a7")]
    assert encode_texts(utterances[:1], speech_config.alphabet)[0].tolist() == [1, 3, 2]
    with pytest.raises(DataError, match=r"two: '7' at position 1 of 'A7' is not among the 3 symbols"):
        list_recordings(utterances, speech_config)


def test_a_recording_that_nothing_can_be_learned_from_is_left_out_undecoded(
    root: Path, speech_config: SpeechModelConfig, decoded: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    utterances = read_librispeech(root, ["train-clean-100"])
    items = list_recordings([replace(utterances[0], text="ABAB" * 20), *utterances[1:]], speech_config)
    with caplog.at_level(logging.WARNING):
        task = CTCTask(speech_config, items, {"dev": items[2:]}, options=CTCConfig(), seed=0)
    assert task.unalignable == {"19-198-0000"}
    assert "19-198-0000.flac" not in decoded
