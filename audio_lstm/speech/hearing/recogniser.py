"""A loaded speech model: features in, log-probabilities out, whichever engine runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import ModelFolder, load_weights, open_config, open_model
from audio_lstm.errors import ModelError
from audio_lstm.runtime import Engine, OnnxEngine, State, TorchEngine, resolve_device
from audio_lstm.speech.acoustic.config import SUBSAMPLING, SpeechModelConfig
from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.decoding.decoding import Decoding, WordDecoder, build_decoder
from audio_lstm.speech.hearing.writing import PLAIN, Writing, build_writing
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.text.numerals import Numbers, check_choices

__all__ = ["DEFAULT_MODEL", "STREAMING_MODEL", "SpeechRecogniser", "load_speech"]

DEFAULT_MODEL = "english-base"
STREAMING_MODEL = "english-small"  # where words are wanted while they are spoken


@dataclass(frozen=True)
class SpeechRecogniser:
    """A speech model ready to run. Holds no state between calls, so several threads may share one."""

    name: str
    config: SpeechModelConfig
    alphabet: Alphabet
    engine: Engine
    folder: Path | None = None  # where it was loaded from
    given_decoder: WordDecoder | None = None  # None: greedy
    writing: Writing = PLAIN  # how words are written down

    @property
    def decoder(self) -> WordDecoder:
        """What turns its output into words."""
        return self.given_decoder or WordDecoder(self.alphabet)

    def with_decoding(self, decoding: Decoding) -> SpeechRecogniser:
        """The same model with another way to turn its output into words.

        Args:
            decoding: Language model, hot words, closed vocabulary … A wish that cannot be met is a ConfigError or a
                DataError.

        Returns:
            A recogniser that shares this one's engine.
        """
        n_phonemes = self.config.n_phonemes if self.config.phoneme_output else 0
        decoder = build_decoder(decoding, self.alphabet, folder=self.folder, n_phonemes=n_phonemes)
        writing = build_writing(decoding, folder=self.folder, language=self.config.language)
        return replace(self, given_decoder=decoder, writing=writing)

    def unwritten(self) -> SpeechRecogniser:
        """The same model, whose words stay as they were heard."""
        return replace(self, writing=PLAIN)

    def with_numbers(self, numbers: Numbers | None) -> SpeechRecogniser:
        """The same model with another way to write numbers.

        Args:
            numbers: "words" or "digits"; None: as before. Something else is a ConfigError.

        Returns:
            A recogniser that shares all else.
        """
        if numbers is None:
            return self
        check_choices(numbers, self.writing.letters)
        return replace(self, writing=replace(self.writing, numbers=numbers))

    def words(self, log_probs: NDArray[np.float32]) -> tuple[WordSpan, ...]:
        """The words of one phrase, in output frames.

        Args:
            log_probs: From `log_probs`.

        Returns:
            The words, in order.

        Raises:
            ModelError: If the log-probabilities are not ones.
        """
        try:
            return self.decoder.words(log_probs)
        except ValueError as error:
            raise ModelError(f"model {self.name!r} is damaged ({error}); copy or export it again") from error

    def features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the model reads of a sound: log-mel or MFCC frames, normalised as it wants them.

        Args:
            samples: Mono at `config.features.sample_rate`, float in [-1, 1], (n,).

        Returns:
            (frames, feature_size), for `log_probs`.
        """
        return extract_features(samples, self.config.features)

    def log_probs(self, features: NDArray[np.float32], state: State | None = None) -> tuple[NDArray[np.float32], State]:
        """Score every symbol at every output frame of one recording, or of one chunk of it.

        Args:
            features: (time, feature_size); a chunk that is followed by another holds a multiple of
                `config.chunk_frames`.
            state: What the previous chunk returned (models that stream only).

        Returns:
            Natural-log probabilities (ceil(time / 4), n_columns): of blank and letters, and after them, where the model
            has that output, of blank and phonemes; and the state for the next chunk.

        Raises:
            ValueError: If the features have the wrong width, or a model that cannot stream is handed a state.
        """
        width = self.config.features.feature_size
        if features.ndim != 2 or features.shape[1] != width:
            raise ValueError(f"expected features of shape (time, {width}), got {features.shape}")
        if state and self.config.lstm.bidirectional:
            raise ValueError(f"model {self.name!r} is bidirectional: it reads whole recordings and takes no state")
        if len(features) == 0:
            return np.zeros((0, self.config.n_columns), np.float32), state or ()
        lengths = np.array([len(features)], np.int64)
        outputs, next_state = self.engine.run(features[None].astype(np.float32, copy=False), lengths, state or None)
        return outputs[0, : -(-len(features) // SUBSAMPLING)], next_state


def load_speech(
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    *,
    device: str = "cpu",
    n_threads: int = 1,
    decoding: Decoding | None = None,
) -> SpeechRecogniser:
    """Load a speech model.

    Examples:
        >>> import audio_lstm
        >>> recogniser = audio_lstm.load_speech("an4")
        >>> audio_lstm.transcribe("demos/samples/spelling.wav", model=recogniser).text
        'M U S I C'

    Args:
        model: A shipped model's name, a model folder, or a hub id; a loaded recogniser is returned as it is.
        device: "cpu" runs ONNX Runtime and never imports torch; "cuda" runs torch on the GPU.
        n_threads: CPU threads for one recording.
        decoding: Language model, hot words, closed vocabulary …; None decodes as the model was tuned (a loaded
            recogniser: as it was loaded). What cannot be met is a ConfigError or a DataError.

    Returns:
        The recogniser.

    Raises:
        ModelError: If the model is not found, is damaged, or belongs to the music wing.
    """  # noqa: DOC502 - raised by what it calls
    if isinstance(model, SpeechRecogniser):
        return model if decoding is None else model.with_decoding(decoding)
    device = resolve_device(device)
    folder = open_model(model, "speech")
    config = open_config(folder, SpeechModelConfig)
    engine: Engine
    if device == "cpu":
        graph = OnnxEngine(folder.graph, n_threads=n_threads)
        graph.check(
            input_size=config.features.feature_size,
            output_size=config.n_columns,
            streams=not config.lstm.bidirectional,
        )
        engine = graph
    else:
        engine = _torch_engine(folder, config, device)
    recogniser = SpeechRecogniser(folder.name, config, config.alphabet, engine, folder.path)
    return recogniser.with_decoding(decoding or Decoding())


def _torch_engine(folder: ModelFolder, config: SpeechModelConfig, device: str) -> TorchEngine:
    from audio_lstm.speech.acoustic.model import SpeechModel

    module = SpeechModel(config)
    load_weights(folder, module)
    return TorchEngine(module.to(device).eval(), streams=not config.lstm.bidirectional, device=device)
