"""MusicXML: read back by verovio and by partitura, two independent readers, as the same notes."""

from __future__ import annotations

import base64
import io
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from audio_lstm.music.files.files import read_score
from audio_lstm.music.files.midi_bytes import midi_to_score
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.musicxml import compress_musicxml, score_to_musicxml

Notes = Counter[tuple[int, int, int]]

LINE = np.random.default_rng(3)
PIECES = {
    "four voices": Score(
        4,
        make_notes(
            np.tile(np.arange(0, 64, 2), 4), 2, np.repeat([72, 67, 60, 48], 32) + LINE.integers(-3, 4, 128), 80,
            np.repeat([0, 1, 2, 3], 32),
        ),
        tuple(Track(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass")),
        (Tempo(0, 750_000),),
        (TimeSignature(0, 4, 4),),
        (KeySignature(0, -3),),
    ),
    "piano, overlapping": Score(
        4,
        make_notes(np.arange(0, 60, 3), 1 + np.arange(20) * 7 % 11, 40 + np.arange(20) * 13 % 45),
        (Track("Piano"),),
        time_signatures=(TimeSignature(0, 3, 4),),
    ),
    "triplets": Score(12, make_notes(np.arange(0, 96, 4), 4, 60 + np.arange(24) % 12), (Track("Flute", 73),)),
    "pickup and changes": Score(
        4,
        make_notes([0, 4, 12, 16, 30], [4, 8, 4, 10, 6], [67, 72, 71, 69, 67]),
        (Track("Violin", 40),),
        (Tempo(0, 500_000), Tempo(16, 600_000)),
        (TimeSignature(0, 1, 4), TimeSignature(4, 3, 4), TimeSignature(16, 7, 8)),
        (KeySignature(0, 1), KeySignature(16, -2, True)),
    ),
    "compound": Score(
        4, make_notes(np.arange(0, 48, 2), 2, 64), (Track("Oboe", 68),), time_signatures=(TimeSignature(0, 6, 8),)
    ),
}  # fmt: skip


def units(score: Score, *, late: int = 0) -> Notes:
    """Start, length and pitch in 24ths of a quarter."""
    scale = 24 / score.ticks_per_quarter
    return Counter(
        (
            round(int(note["start_ticks"]) * scale),
            round((int(note["duration_ticks"]) + late) * scale),
            int(note["pitch"]),
        )
        for note in score.notes
    )


def by_verovio(document: str) -> Notes:
    verovio = pytest.importorskip("verovio")
    toolkit = verovio.toolkit()
    toolkit.setOptions({"breaks": "none"})
    assert toolkit.loadData(document)
    return units(midi_to_score(base64.b64decode(toolkit.renderToMIDI())), late=1)  # verovio ends notes a tick early


def by_partitura(document: str, path: Path) -> Notes:
    partitura = pytest.importorskip("partitura")
    path.write_text(document, "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = partitura.load_musicxml(path).parts
        rows = [row for part in parts for row in part.note_array()]
    shift = min(float(row["onset_quarter"]) for row in rows)  # partitura counts from the first whole bar
    return Counter(
        (
            round(24 * (float(row["onset_quarter"]) - shift)),
            round(24 * float(row["duration_quarter"])),
            int(row["pitch"]),
        )
        for row in rows
    )


@pytest.mark.parametrize("name", PIECES)
def test_two_independent_readers_find_the_same_notes(name: str, tmp_path: Path) -> None:
    document = score_to_musicxml(PIECES[name], title=name)
    assert by_verovio(document) == units(PIECES[name])
    assert by_partitura(document, tmp_path / "x.musicxml") == units(PIECES[name])


def test_our_own_reader_gets_metre_key_and_tempo_too(tmp_path: Path) -> None:
    path = tmp_path / "x.mxl"
    path.write_bytes(compress_musicxml(score_to_musicxml(PIECES["four voices"])))
    again = read_score(path)
    assert units(again) == units(PIECES["four voices"])
    assert [track.program for track in again.tracks] == [52] * 4
    assert again.tempi[0].bpm == pytest.approx(80.0)
    assert (again.time_signatures[0].numerator, again.key_signatures[0].sharps) == (4, -3)


def test_parts_have_names_and_changes_are_written() -> None:
    root = ElementTree.fromstring(score_to_musicxml(PIECES["pickup and changes"], title="A & B").encode())
    assert root.findtext("work/work-title") == "A & B"
    assert root.findtext("part-list/score-part/part-name") == "Violin"
    measures = root.findall("part/measure")
    assert measures[0].get("implicit") == "yes"
    assert [measure.get("number") for measure in measures] == ["0", "1", "2", "3"]
    assert [time.findtext("beats") for time in root.iter("time")] == ["3", "7"]
    assert [key.findtext("fifths") for key in root.iter("key")] == ["1", "-2"]
    assert [float(sound.get("tempo", "0")) for sound in root.iter("sound")] == [120.0, 100.0]


def test_many_small_changes_of_tempo_are_played_but_not_printed() -> None:
    tempi = tuple(Tempo(tick, 500_000 + 1000 * tick) for tick in range(20))
    document = score_to_musicxml(Score(4, make_notes(0, 20, 60), (Track(),), tempi))
    assert document.count("<sound tempo=") == 20
    assert document.count("<metronome>") == 1


def test_drums_are_unpitched_and_keep_their_keys() -> None:
    kit = Score(4, make_notes([0, 2, 4], 2, [36, 42, 38]), (Track("Kit", is_drum=True),))
    document = score_to_musicxml(kit)
    assert document.count("<unpitched>") == 3
    assert "<midi-unpitched>37</midi-unpitched>" in document
    assert "<key>" not in document
    assert by_verovio(document) == units(kit)


def test_velocities_are_kept() -> None:
    assert 'dynamics="100.00"' in score_to_musicxml(Score(4, make_notes(0, 4, 60, 90), (Track(),)))


def test_an_empty_score_is_a_document_with_a_rest() -> None:
    assert '<rest measure="yes"/>' in score_to_musicxml(Score(480))


def test_names_with_markup_are_escaped() -> None:
    document = score_to_musicxml(Score(4, make_notes(0, 4, 60), (Track("<b>&", 73),)))
    assert ElementTree.fromstring(document.encode()).findtext("part-list/score-part/part-name") == "<b>&"


def test_the_compressed_file_names_its_score() -> None:
    data = compress_musicxml("<x/>")
    assert data == compress_musicxml("<x/>")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["META-INF/container.xml", "score.musicxml"]
        assert b'full-path="score.musicxml"' in archive.read("META-INF/container.xml")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["game-over", "do-you-remember"])
def test_real_files_come_back_as_they_are_written(shared: Path, name: str) -> None:
    from audio_lstm.music.score.bars import score_bars
    from audio_lstm.music.sheet.quantise import grid_bars, quantise

    score = read_score(shared / "music" / "cc0" / f"{name}.mid")
    bars = grid_bars(score, score_bars(score))
    written: Notes = Counter()
    for track in range(len(score.tracks)):
        notes = quantise(score, score.notes[score.notes["track"] == track], bars)
        written.update((note.start, note.end - note.start, note.pitch) for note in notes)
    assert by_verovio(score_to_musicxml(score)) == written
