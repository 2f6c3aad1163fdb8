"""The arrays of the search through sounds: rows and exits; what they find as texts is in test_phoneme_beam.py."""

from __future__ import annotations

import math

import numpy as np

from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.beam_frames import active_frames
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.decoding.phoneme_search import Ended, search_phonemes
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.words.ngram import train_ngram

LEXICON = Lexicon.from_pronunciations({"PEA": [(1,)], "PEE": [(1,)], "PETE": [(1, 2)]}, phonemes=("P", "T"))


def ended(*frames: int, config: BeamConfig | None = None) -> tuple[Ended, tuple[str, ...]]:
    """What is left at the end of an utterance whose likeliest symbols are these."""
    rows = np.full((len(frames), 3), 0.02)
    rows[np.arange(len(frames)), list(frames)] = 0.96
    model = train_ngram(["PEA", "PEE PEA", "PETE"], order=2).to_automaton()
    config = config or BeamConfig(min_symbol_log_prob=-20.0, score_margin=100.0, beam_size=1000, blank_threshold=1.0)
    settings = PhonemeBeamDecoder(ENGLISH, LEXICON, model, config)._search
    batch = [np.log(rows)]
    return search_phonemes(
        active_frames(batch, blank_log_prob=math.log(config.blank_threshold), n_symbols=9, min_log_prob=-20.0), settings
    ), settings.tree.spellings


def test_each_homophone_is_a_sentence_of_its_own_with_the_same_paths() -> None:
    found, words = ended(0, 1, 0)
    rows = {tuple(words[word] for word in said): row for row, said in enumerate(found.words)}
    assert found.log_probs[rows["PEA",]] == found.log_probs[rows["PEE",]]
    assert found.lm[rows["PEA",]] != found.lm[rows["PEE",]]
    assert len(rows) == len(found.words)  # nothing is found twice: no word here can be said in two ways


def test_a_sentence_ends_only_where_a_word_does() -> None:
    found, words = ended(1, 0, 2)
    said = {tuple(words[word] for word in each) for each in found.words}
    assert ("PETE",) in said
    assert all(word in words for each in said for word in each)
    assert found.complete.all()


def test_a_narrow_beam_keeps_no_more_than_its_rows() -> None:
    found, _ = ended(0, 1, 0, 1, 2, 0, config=BeamConfig(beam_size=1, score_margin=100.0))
    assert 1 <= len({tuple(each) for each in found.words}) <= 2  # the exits of one row
    assert found.utterances.tolist() == [0] * len(found.words)
