"""The clock agrees with the score that the same tokens spell."""

from __future__ import annotations

from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.event_clock import EventClock
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary

NOTES = make_notes([0, 0, 480, 1440, 1440], [960, 240, 480, 960, 240], [60, 36, 64, 67, 38], 80, [0, 1, 0, 0, 1])
SCORE = Score(480, NOTES, (Track("a"), Track("kit", is_drum=True)), (), (TimeSignature(0, 3, 4),))


def test_bars_positions_and_sounding_notes() -> None:
    vocabulary = EventVocabulary()
    clock = EventClock(vocabulary)
    seen = []
    for token in vocabulary.encode(SCORE).tolist():
        clock.push(token)
        if clock.kind == Kind.DURATION:
            seen.append((clock.bar, clock.now, clock.track, clock.pitch, sorted(clock.held())))
    assert seen == [
        (0, 0, 0, 60, [(0, 60)]),
        (0, 0, 1, 36, [(0, 60)]),
        (0, 12, 0, 64, [(0, 60), (0, 64)]),
        (1, 36, 0, 67, [(0, 67)]),
        (1, 36, 1, 38, [(0, 67)]),
    ]
    assert clock.bar_end == 72
    assert clock.programs == [0, 128]
    assert clock.is_drum(1)
    assert clock.has_played == {0, 1}
    assert clock.n_tokens == len(vocabulary.encode(SCORE))
