"""The tree of sounds: homophones share a node, variants have several, and nodes look ahead to their best word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.phoneme_tree import PhonemeTree, build_phoneme_tree
from audio_lstm.speech.words.ngram import train_ngram

WAYS = {"PEA": [(1,)], "PEE": [(1,)], "TEA": [(2,), (2, 1)], "PETE": [(1, 2)], "RARE": [(3, 3)]}
LEXICON = Lexicon.from_pronunciations(WAYS, phonemes=("P", "T", "K"))
MODEL = train_ngram(["PEA TEA", "PEA", "PEE", "PETE TEA TEA", "UNSAID"], order=2).to_automaton()


def node_of(tree: PhonemeTree, *phonemes: int) -> int:
    node = 0
    for phoneme in phonemes:
        node = int(tree.children[node * tree.size + phoneme])
    return node


def words_at(tree: PhonemeTree, node: int) -> set[str]:
    return {tree.spellings[word] for word in tree.words[tree.firsts[node] : tree.firsts[node + 1]]}


def unigram(word: str) -> float:
    return float(MODEL.advance([MODEL.backoff_states[MODEL.start]], MODEL.word_ids([word]))[0][0])


def test_every_way_to_say_a_word_ends_in_a_node_of_its_own() -> None:
    tree = build_phoneme_tree(MODEL, LEXICON, unknown_log_prob=-5.0)
    assert words_at(tree, node_of(tree, 1)) == {"PEA", "PEE"}
    assert words_at(tree, node_of(tree, 2)) == words_at(tree, node_of(tree, 2, 1)) == {"TEA"}
    assert words_at(tree, node_of(tree, 1, 2)) == {"PETE"}
    assert words_at(tree, 0) == set()
    assert tree.children[3] == -1  # nothing that the language model knows begins with K
    leaves = [node for node in range(5) if not tree.has_children[node]]
    assert sorted(leaves) == sorted([node_of(tree, 1, 2), node_of(tree, 2, 1)])


def test_nodes_look_ahead_to_the_best_word_that_ends_there_or_below() -> None:
    tree = build_phoneme_tree(MODEL, LEXICON, unknown_log_prob=-5.0)
    best = {word: unigram(word) for word in ("PEA", "PEE", "TEA", "PETE")}
    assert tree.look_ahead[node_of(tree, 1)] == pytest.approx(max(best["PEA"], best["PEE"], best["PETE"]))
    assert tree.below[node_of(tree, 1)] == pytest.approx(best["PETE"])
    assert tree.look_ahead[0] == pytest.approx(max(best.values()))
    assert np.isneginf(tree.below[node_of(tree, 1, 2)])


def test_further_words_are_heard_as_unknown_ones_and_favours_are_looked_ahead() -> None:
    tree = build_phoneme_tree(
        MODEL, LEXICON, unknown_log_prob=-5.0, further=("RARE", "PEA", "UNHEARD"), favours={"RARE": 2.0}
    )
    node = node_of(tree, 3, 3)
    assert words_at(tree, node) == {"RARE"}
    place = tree.spellings.index("RARE")
    assert (tree.ids[place], tree.penalties[place]) == (MODEL.unknown, -5.0)
    unknown = float(MODEL.advance([MODEL.backoff_states[MODEL.start]], [MODEL.unknown])[0][0])
    assert tree.look_ahead[node] == pytest.approx(unknown - 5.0 + 2.0)
    assert tree.spellings.count("PEA") == 1


def test_the_speller_adds_the_ways_of_words_that_the_lexicon_lacks() -> None:
    spelled = replace(LEXICON, speller=lambda words: [[(3,), (3, 1)] if word == "UNSAID" else [] for word in words])
    tree = build_phoneme_tree(MODEL, spelled, unknown_log_prob=-5.0)
    assert words_at(tree, node_of(tree, 3)) == words_at(tree, node_of(tree, 3, 1)) == {"UNSAID"}


def test_a_speller_is_not_asked_for_a_whole_language_model(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def speller(words: Sequence[str]) -> list[list[tuple[int, ...]]]:
        asked.extend(words)
        return [[(3,)] for _ in words]

    spelled = replace(LEXICON, speller=speller)
    monkeypatch.setattr("audio_lstm.speech.decoding.phoneme_tree.MAX_SPELLED", 0)
    assert build_phoneme_tree(MODEL, spelled, unknown_log_prob=-5.0).children[3] == -1
    assert not asked
    larger = spelled.with_words(MODEL.words)
    assert asked == ["UNSAID"]
    tree = build_phoneme_tree(MODEL, larger, unknown_log_prob=-5.0)
    assert words_at(tree, node_of(tree, 3)) == {"UNSAID"}


def test_what_cannot_be_built_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = train_ngram(["XYZ"], order=1).to_automaton()
    with pytest.raises(DataError, match="the lexicon pronounces none of the language model's 1 words; make one"):
        build_phoneme_tree(strange, LEXICON, unknown_log_prob=-5.0)
    monkeypatch.setattr("audio_lstm.speech.decoding.phoneme_tree._MAX_DENSE", 10)
    with pytest.raises(DataError, match=r"have 5 beginnings in sound, more than 2; make one with fewer words"):
        build_phoneme_tree(MODEL, LEXICON, unknown_log_prob=-5.0)
