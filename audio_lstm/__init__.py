"""One LSTM backbone that learns to write down speech and to write music.

>>> import audio_lstm
>>> audio_lstm.transcribe("demos/samples/control.wav").text
'Enter sixty four.'
>>> path = audio_lstm.compose(seed=1).save("chorale.mid")

Importing this package does next to nothing; each name below is loaded when it is first used, and none of them needs
torch on a CPU.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from audio_lstm.errors import AudioLSTMError
from audio_lstm.version import __version__

if TYPE_CHECKING:
    from audio_lstm.checkpoint import shipped_models
    from audio_lstm.inside import inspect, memory
    from audio_lstm.inspection.gates import GateClamp
    from audio_lstm.inspection.inspection import Inspection, Mark, UnitCorrelation
    from audio_lstm.inspection.memory import Memory
    from audio_lstm.music.compare.novelty import NoveltyReport, SharedRun, novelty
    from audio_lstm.music.compose import compose, compose_takes
    from audio_lstm.music.compose_stream import CompositionStream, NoteEvent, compose_stream
    from audio_lstm.music.composition import Composition
    from audio_lstm.music.harmonise import harmonise
    from audio_lstm.music.infill import infill
    from audio_lstm.music.models.clamped import clamped_composer
    from audio_lstm.music.models.composer import Composer, load_music
    from audio_lstm.music.request.humming import hum_to_melody
    from audio_lstm.music.request.primer import Primer, read_primer
    from audio_lstm.music.request.wishes import Wishes
    from audio_lstm.music.save import SaveOptions, save_score
    from audio_lstm.music.score.bars import Bar, score_bars
    from audio_lstm.music.writing.choose import SamplingConfig
    from audio_lstm.speech.aligning.align_script import align
    from audio_lstm.speech.aligning.alignment import AlignedCharacter, AlignedWord, Alignment
    from audio_lstm.speech.batch.batch import BatchConfig, BatchSummary, transcribe_files
    from audio_lstm.speech.decoding.decoding import Decoding
    from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
    from audio_lstm.speech.hearing.stream import Partial, StreamingTranscriber
    from audio_lstm.speech.hearing.transcribe import transcribe, transcribe_segments
    from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word

__all__ = [
    "AlignedCharacter",
    "AlignedWord",
    "Alignment",
    "AudioLSTMError",
    "Bar",
    "BatchConfig",
    "BatchSummary",
    "Composer",
    "Composition",
    "CompositionStream",
    "Decoding",
    "GateClamp",
    "Inspection",
    "Mark",
    "Memory",
    "NoteEvent",
    "NoveltyReport",
    "Partial",
    "Primer",
    "SamplingConfig",
    "SaveOptions",
    "Segment",
    "SharedRun",
    "SpeechRecogniser",
    "StreamingTranscriber",
    "Transcript",
    "UnitCorrelation",
    "Wishes",
    "Word",
    "__version__",
    "align",
    "clamped_composer",
    "compose",
    "compose_stream",
    "compose_takes",
    "harmonise",
    "hum_to_melody",
    "infill",
    "inspect",
    "load_music",
    "load_speech",
    "memory",
    "novelty",
    "read_primer",
    "save_score",
    "score_bars",
    "shipped_models",
    "transcribe",
    "transcribe_files",
    "transcribe_segments",
]

_HOME = {
    "AlignedCharacter": "audio_lstm.speech.aligning.alignment",
    "AlignedWord": "audio_lstm.speech.aligning.alignment",
    "Alignment": "audio_lstm.speech.aligning.alignment",
    "Bar": "audio_lstm.music.score.bars",
    "BatchConfig": "audio_lstm.speech.batch.batch",
    "BatchSummary": "audio_lstm.speech.batch.batch",
    "Composer": "audio_lstm.music.models.composer",
    "Composition": "audio_lstm.music.composition",
    "CompositionStream": "audio_lstm.music.compose_stream",
    "Decoding": "audio_lstm.speech.decoding.decoding",
    "GateClamp": "audio_lstm.inspection.gates",
    "Inspection": "audio_lstm.inspection.inspection",
    "Mark": "audio_lstm.inspection.inspection",
    "Memory": "audio_lstm.inspection.memory",
    "NoveltyReport": "audio_lstm.music.compare.novelty",
    "NoteEvent": "audio_lstm.music.compose_stream",
    "Partial": "audio_lstm.speech.hearing.stream",
    "Primer": "audio_lstm.music.request.primer",
    "SamplingConfig": "audio_lstm.music.writing.choose",
    "SaveOptions": "audio_lstm.music.save",
    "Segment": "audio_lstm.speech.hearing.transcript",
    "SharedRun": "audio_lstm.music.compare.novelty",
    "SpeechRecogniser": "audio_lstm.speech.hearing.recogniser",
    "StreamingTranscriber": "audio_lstm.speech.hearing.stream",
    "Transcript": "audio_lstm.speech.hearing.transcript",
    "UnitCorrelation": "audio_lstm.inspection.inspection",
    "Word": "audio_lstm.speech.hearing.transcript",
    "Wishes": "audio_lstm.music.request.wishes",
    "align": "audio_lstm.speech.aligning.align_script",
    "clamped_composer": "audio_lstm.music.models.clamped",
    "compose": "audio_lstm.music.compose",
    "compose_stream": "audio_lstm.music.compose_stream",
    "compose_takes": "audio_lstm.music.compose",
    "harmonise": "audio_lstm.music.harmonise",
    "hum_to_melody": "audio_lstm.music.request.humming",
    "infill": "audio_lstm.music.infill",
    "inspect": "audio_lstm.inside",
    "memory": "audio_lstm.inside",
    "load_music": "audio_lstm.music.models.composer",
    "load_speech": "audio_lstm.speech.hearing.recogniser",
    "shipped_models": "audio_lstm.checkpoint",
    "read_primer": "audio_lstm.music.request.primer",
    "novelty": "audio_lstm.music.compare.novelty",
    "save_score": "audio_lstm.music.save",
    "score_bars": "audio_lstm.music.score.bars",
    "transcribe": "audio_lstm.speech.hearing.transcribe",
    "transcribe_files": "audio_lstm.speech.batch.batch",
    "transcribe_segments": "audio_lstm.speech.hearing.transcribe",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562).

    Args:
        name: One of `__all__`.

    Returns:
        The class or function.

    Raises:
        AttributeError: If the package has no such name.
    """
    if name not in _HOME:
        raise AttributeError(f"module 'audio_lstm' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
