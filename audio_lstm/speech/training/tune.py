"""Choose how a model decodes, on development data: language model weight, word bonus, confidence; or greedy.

    heard = [hear_corpus("dev", read_manifest("dev.jsonl"), recogniser)]
    result = tune(heard, recogniser, language_model="english", automaton=read_language_model("english.lm"))
    write_decoding(recogniser.folder, result.config)

Every recording goes through the model once; the search then runs over a grid of weights. Beam search has to beat
greedy decoding, or greedy it stays. Nothing but development data is ever passed in here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import read_blocks
from audio_lstm.errors import DataError
from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.decoding.confidence import Calibration, expected_calibration_error, fit_calibration
from audio_lstm.speech.decoding.decoding import DecodingConfig, WordDecoder, read_decoding
from audio_lstm.speech.decoding.lexicon import load_lexicon
from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.decoding.pooling import Pool, PoolingConfig
from audio_lstm.speech.decoding.rescore import Rescorer
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import hear
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.text.spoken import as_spoken
from audio_lstm.speech.training.metrics import score
from audio_lstm.speech.training.tune_pooling import TunedPooling, tune_phoneme_beam, tune_pooling
from audio_lstm.speech.training.tune_rescoring import TunedRescoring, tune_rescoring
from audio_lstm.speech.words.automaton import WordAutomaton

__all__ = ["N_TRIALS", "HeardCorpus", "Setting", "TuneResult", "hear_corpus", "tune"]

LM_WEIGHTS = (0.15, 0.25, 0.35, 0.5, 0.75, 1.0)
WORD_BONUSES = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5)
N_TRIALS = len(LM_WEIGHTS) * len(WORD_BONUSES)
TUNING_BEAM_SIZE = 16  # of the grid; the chosen setting is measured at the full size


@dataclass(frozen=True, eq=False)
class HeardCorpus:
    """A development set as the model hears it, before decoding."""

    name: str
    references: tuple[str, ...]
    phrases: tuple[tuple[NDArray[np.float32], ...], ...]  # log-probabilities (time, n_columns) of each utterance's


@dataclass(frozen=True)
class Setting:
    """One way to decode and what it comes to."""

    lm_weight: float | None  # None: greedy
    word_bonus: float
    wers: tuple[float, ...]  # of each corpus

    @property
    def wer(self) -> float:
        """Mean over the corpora."""
        return float(np.mean(self.wers))


@dataclass(frozen=True)
class TuneResult:
    """What was chosen, and from what."""

    config: DecodingConfig
    settings: tuple[Setting, ...]  # greedy first, then the grid at the small beam
    best: Setting  # of those with the language model, at the full beam
    chosen: Setting  # it, or greedy
    # Expected calibration error on utterances that the fit did not see, 0..1. None: there was too little to fit. Unless
    # it is below the raw one, confidence is not calibrated.
    calibration_error: float | None
    raw_calibration_error: float  # the same of the letters' probabilities
    rescored: TunedRescoring | None = None  # the best with the rescorer, whether or not it is kept; None: not tried
    pooled: TunedPooling | None = None  # the best with sounds, likewise; None: the model hears none


def hear_corpus(
    name: str,
    utterances: Sequence[Utterance],
    recogniser: SpeechRecogniser,
    *,
    progress: Callable[[int], None] | None = None,
) -> HeardCorpus:
    """Run the model over a development set, once.

    Args:
        name: What to call it.
        utterances: From `read_manifest`. A recording that cannot be read is an AudioError.
        recogniser: The model.
        progress: Called with the number of utterances done.

    Returns:
        The normalised texts and the log-probabilities of every phrase.
    """
    rate = recogniser.config.features.sample_rate
    phrases = []
    for done, utterance in enumerate(utterances, 1):
        blocks = read_blocks(utterance.audio, sample_rate=rate)
        phrases.append(tuple(heard.log_probs for heard in hear(blocks, recogniser)))
        if progress is not None:
            progress(done)
    references = tuple(
        as_spoken(utterance.text, recogniser.alphabet, language=recogniser.config.language) for utterance in utterances
    )
    return HeardCorpus(name, references, tuple(phrases))


def tune(
    corpora: Sequence[HeardCorpus],
    recogniser: SpeechRecogniser,
    *,
    language_model: str,
    automaton: WordAutomaton,
    beam: BeamConfig | None = None,
    rescorer: Rescorer | None = None,
    progress: Callable[[int], None] | None = None,
) -> TuneResult:
    """Search the grid, compare with greedy decoding, calibrate confidence.

    Args:
        corpora: Development sets; their word error rates count alike.
        recogniser: The model that heard them.
        language_model: The name to write into decoding.json.
        automaton: The language model.
        beam: Everything but the two weights; None for the defaults.
        rescorer: A character language model to judge the texts once more, where that helps; its weights are chosen too.
        progress: Called with the number of settings tried, up to N_TRIALS.

    Returns:
        The choice and the whole grid.

    Raises:
        DataError: If there is no development data.
    """
    if not any(corpus.references for corpus in corpora):
        raise DataError("there is no development data to tune on; pass a manifest with recordings")
    beam = beam or BeamConfig()
    greedy = WordDecoder(recogniser.alphabet)
    settings = [Setting(None, 0.0, _wers(corpora, greedy))]
    small = replace(beam, beam_size=min(TUNING_BEAM_SIZE, beam.beam_size))
    trials = [replace(small, lm_weight=weight, word_bonus=bonus) for weight in LM_WEIGHTS for bonus in WORD_BONUSES]
    for done, trial in enumerate(trials, 1):
        wers = _wers(corpora, _decoder(recogniser, trial, automaton))
        settings.append(Setting(trial.lm_weight, trial.word_bonus, wers))
        if progress is not None:
            progress(done)
    first = int(np.argmin([setting.wer for setting in settings[1:]]))
    beam = replace(trials[first], beam_size=beam.beam_size)
    decoder, config = _decoder(recogniser, beam, automaton), DecodingConfig(language_model, beam)
    chosen = best = Setting(beam.lm_weight, beam.word_bonus, _wers(corpora, decoder))
    if best.wer >= settings[0].wer:
        chosen, config, decoder = settings[0], DecodingConfig(), greedy
    rescored, judged = _rescore(corpora, _decoder(recogniser, beam, automaton), rescorer) if rescorer else (None, None)
    if rescored is not None and judged is not None and rescored.wer < chosen.wer:
        chosen, decoder = best, judged
        config = DecodingConfig(language_model, beam, rescoring=rescored.config)
    lowest = chosen.wer if rescored is None else min(chosen.wer, rescored.wer)
    pooled, both = _tune_sounds(corpora, recogniser, beam, automaton, rescorer)
    if pooled is not None and both is not None and pooled.wer < lowest:
        chosen, decoder = best, both
        config = DecodingConfig(language_model, beam, rescoring=pooled.rescoring, pooling=pooled.pooling)
    calibration, error, raw = _calibrate(corpora, decoder)
    if error is not None and error >= raw:  # letters' probabilities are the better confidence
        calibration = None
    own = "" if recogniser.folder is None else read_decoding(recogniser.folder).writer  # it has no part in this
    config = replace(config, calibration=calibration, writer=own)
    return TuneResult(config, tuple(settings), best, chosen, error, raw, rescored, pooled)


def _decoder(recogniser: SpeechRecogniser, beam: BeamConfig, automaton: WordAutomaton) -> WordDecoder:
    return WordDecoder(recogniser.alphabet, BeamDecoder(recogniser.alphabet, beam, language_model=automaton))


def _rescore(
    corpora: Sequence[HeardCorpus], searching: WordDecoder, rescorer: Rescorer
) -> tuple[TunedRescoring, WordDecoder]:
    """The best weights of a character language model, and the decoder with them."""
    pairs = [(corpus.phrases, corpus.references) for corpus in corpora]
    tuned = tune_rescoring(pairs, searching, rescorer.char_lm, rescorer.config)
    return tuned, replace(searching, rescorer=Rescorer(rescorer.char_lm, tuned.config))


def _tune_sounds(
    corpora: Sequence[HeardCorpus],
    recogniser: SpeechRecogniser,
    beam: BeamConfig,
    automaton: WordAutomaton,
    rescorer: Rescorer | None,
) -> tuple[TunedPooling | None, WordDecoder | None]:
    """The best weights of letters and sounds together, and the decoder with them, for a model that hears both."""
    config, folder = recogniser.config, recogniser.folder
    if not config.phoneme_output or folder is None:
        return None, None
    size = config.alphabet.size
    heard = [
        ([[phrase[:, size:] for phrase in row] for row in corpus.phrases], corpus.references) for corpus in corpora
    ]
    sounds = PhonemeBeamDecoder(config.alphabet, load_lexicon(folder, config.n_phonemes), automaton)
    sounds = tune_phoneme_beam(heard, sounds)
    letters = BeamDecoder(config.alphabet, beam, language_model=automaton)
    pool = Pool(letters, sounds, PoolingConfig(beam=sounds.config))
    tuned = tune_pooling([(corpus.phrases, corpus.references) for corpus in corpora], pool, rescorer)
    judge = Rescorer(rescorer.char_lm, tuned.rescoring) if rescorer and tuned.rescoring else None
    pool = replace(pool, config=tuned.pooling)
    return tuned, WordDecoder(config.alphabet, letters, rescorer=judge, pool=pool)


def _wers(corpora: Sequence[HeardCorpus], decoder: WordDecoder) -> tuple[float, ...]:
    return tuple(score(corpus.references, _texts(corpus, decoder)).wer for corpus in corpora)


def _texts(corpus: HeardCorpus, decoder: WordDecoder) -> list[str]:
    """What each utterance says; without the words' times, which take longer than the search."""
    if decoder.beam is None:
        return [" ".join(span.text for span in row) for row in _spans(corpus, decoder)]
    found = iter(decoder.search([phrase for phrases in corpus.phrases for phrase in phrases]))
    return [" ".join(text for _ in phrases if (text := next(found).text)) for phrases in corpus.phrases]


def _spans(corpus: HeardCorpus, decoder: WordDecoder) -> list[tuple[WordSpan, ...]]:
    """The words of each utterance."""
    found = iter(decoder.words_of_all([phrase for phrases in corpus.phrases for phrase in phrases]))
    return [tuple(span for _ in phrases for span in next(found)) for phrases in corpus.phrases]


def _calibrate(corpora: Sequence[HeardCorpus], decoder: WordDecoder) -> tuple[Calibration | None, float | None, float]:
    """The calibration on everything, its error by halves (fit on one, measured on the other), and the raw error."""
    words: list[WordSpan] = []
    correct: list[bool] = []
    halves: list[int] = []
    for corpus in corpora:
        spans = _spans(corpus, decoder)
        report = score(corpus.references, [" ".join(span.text for span in row) for row in spans])
        for number, (row, alignment) in enumerate(zip(spans, report.alignments, strict=True)):
            heard = [op for op in alignment if op.hypothesis is not None]
            words += row
            correct += [op.kind == "hit" for op in heard]
            halves += [number % 2] * len(row)
    raw = expected_calibration_error([word.confidence for word in words], correct)
    try:
        confidences = np.zeros(len(words))
        for half in (0, 1):
            seen = [i for i, other in enumerate(halves) if other != half]
            fitted = fit_calibration([words[i] for i in seen], [correct[i] for i in seen])
            for i, other in enumerate(halves):
                if other == half:
                    confidences[i] = fitted.confidence(words[i])
        return fit_calibration(words, correct), expected_calibration_error(confidences, correct), raw
    except DataError:  # all right, or all wrong, in one of the halves: too little to calibrate on
        return None, None, raw
