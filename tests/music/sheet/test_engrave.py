"""Sheet music: pages with notes on them, in threads too, the same each time; a clear word without verovio."""

from __future__ import annotations

import re
import sys
import threading
from xml.etree import ElementTree

import numpy as np
import pytest

from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.score.score import Score, Tempo, Track, make_notes
from audio_lstm.music.sheet import engrave
from audio_lstm.music.sheet.engrave import score_to_pages, score_to_pdf, score_to_svg

pytest.importorskip("verovio")

TUNE = Score(
    4, make_notes(np.arange(0, 64, 2), 2, 60 + np.arange(32) % 12), (Track("Flute", 73),), (Tempo(0, 600_000),)
)
LONG = Score(4, make_notes(np.arange(0, 1600, 2), 2, 60 + np.arange(800) % 12), (Track("Flute", 73),))


def test_every_note_is_on_the_page() -> None:
    (page,) = score_to_pages(TUNE, title="A Tune")
    assert page.count('class="note"') == 32
    assert "A Tune" in page
    assert "Flute" in page
    assert "Verovio</" not in page.split("</desc>")[1]  # no advertisement at the foot


def test_in_another_thread_the_page_is_the_same() -> None:
    pages: list[str] = []
    thread = threading.Thread(target=lambda: pages.extend(score_to_pages(TUNE)))
    thread.start()
    thread.join()
    assert pages == score_to_pages(TUNE)
    assert pages[0].count('class="note"') == 32


def test_one_document_holds_all_pages() -> None:
    pages = score_to_pages(LONG)
    document = score_to_svg(LONG)
    assert len(pages) > 1
    root = ElementTree.fromstring(document)
    assert len([child for child in root if child.tag.endswith("svg")]) == len(pages)
    assert document.count('class="note"') == 800
    names = re.findall(r' id="(E[0-9A-F]{3}-[^"]+)"', document)  # of the glyphs
    assert len(names) == len(set(names))
    assert {link[1:] for link in re.findall(r'xlink:href="([^"]+)"', document)} <= set(names)


def test_the_pdf_has_a_page_for_each() -> None:
    data = score_to_pdf(LONG, title="Long")
    assert int(re.findall(rb"/Count (\d+)", data)[0]) == len(score_to_pages(LONG, title="Long"))
    assert len(data) < 500_000


def test_an_empty_score_is_a_page_with_a_rest() -> None:
    assert 'class="mRest"' in score_to_pages(Score(480))[0]


def test_too_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engrave, "MAX_PAGES", 1)
    with pytest.raises(ScoreError, match=r"the sheet music has \d+ pages, and at most 1 are drawn; cut the piece"):
        score_to_pages(LONG)


def test_what_verovio_cannot_read_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engrave, "score_to_musicxml", lambda score, title: "nonsense")
    with pytest.raises(ScoreError, match=r"verovio cannot engrave this score; save it as \.musicxml"):
        score_to_pages(TUNE)


def test_without_verovio_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(MissingDependencyError, match=r"sheet music needs verovio: pip install 'audio-lstm\[scores\]'"):
        score_to_pdf(TUNE)


def test_a_page_without_its_notes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    document = engrave.score_to_musicxml(TUNE, title="").replace("<pitch>", "<pitch><!-- <pitch> -->", 1)
    monkeypatch.setattr(engrave, "score_to_musicxml", lambda score, title: document)
    with pytest.raises(ScoreError, match=r"verovio drew \d+ of \d+ notes of this score; save it as \.musicxml"):
        score_to_pages(TUNE)
