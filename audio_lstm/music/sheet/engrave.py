"""Scores as sheet music: SVG and PDF, engraved by verovio (extra `scores`) from our own MusicXML."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.score.score import Score
from audio_lstm.music.sheet.musicxml import score_to_musicxml
from audio_lstm.music.sheet.svg_pdf import svg_to_pdf

__all__ = ["MAX_PAGES", "score_to_pages", "score_to_pdf", "score_to_svg"]

MAX_PAGES = 1000

_FONT = "Leipzig"
_PAGE_WIDTH, _PAGE_HEIGHT = 2100, 2970  # A4 in tenths of a millimetre
_SCREEN_SCALE = 40  # per cent: 840 x 1188 pixels
_OPTIONS = {
    "pageWidth": _PAGE_WIDTH,
    "pageHeight": _PAGE_HEIGHT,
    "scale": _SCREEN_SCALE,
    "pageMarginTop": 120,
    "pageMarginBottom": 100,
    "pageMarginLeft": 120,
    "pageMarginRight": 120,
    "font": _FONT,
    "footer": "none",
    "header": "auto",
    "breaks": "auto",
    "justifyVertically": False,
    "xmlIdSeed": 1,  # the same score gives the same document
}
_DRAWING = re.compile(r'<svg [^>]*\bid="([^"]+)"')
_DRAWN_NOTE = re.compile(r'<g [^>]*class="note[ "]')
_GLYPH = re.compile(r' d="([^"]+)"')


def score_to_pages(score: Score, *, title: str = "") -> list[str]:
    """The pages of a score's sheet music; without verovio a MissingDependencyError names the pip line.

    Args:
        score: any score of at most 10,000 bars.
        title: printed above the first page.

    Returns:
        SVG documents of A4 pages, at least one.

    Raises:
        ScoreError: verovio cannot draw it, or there are more than 1,000 pages.
    """
    verovio = _verovio()
    toolkit = verovio.toolkit(False)
    # In a thread other than the first, verovio draws empty pages without this.
    toolkit.setResourcePath(str(_resources(verovio)))
    toolkit.setOptions(_OPTIONS)
    document = score_to_musicxml(score, title=title)
    if not toolkit.loadData(document):
        raise ScoreError("verovio cannot engrave this score; save it as .musicxml and open it elsewhere")
    n_pages = toolkit.getPageCount()
    if n_pages > MAX_PAGES:
        raise ScoreError(f"the sheet music has {n_pages:,} pages, and at most {MAX_PAGES:,} are drawn; cut the piece")
    pages = [toolkit.renderToSVG(page) for page in range(1, n_pages + 1)]
    n_notes = document.count("<pitch>") + document.count("<unpitched>")
    n_drawn = sum(len(_DRAWN_NOTE.findall(page)) for page in pages)
    if n_drawn != n_notes:
        raise ScoreError(
            f"verovio drew {n_drawn:,} of {n_notes:,} notes of this score; save it as .musicxml and open it elsewhere"
        )
    return pages


def score_to_svg(score: Score, *, title: str = "") -> str:
    """Sheet music as one SVG document, its pages below each other.

    Args:
        score: as for `score_to_pages`.
        title: likewise.

    Returns:
        The document.
    """
    pages = score_to_pages(score, title=title)
    width, height = (size * _SCREEN_SCALE // 100 for size in (_PAGE_WIDTH, _PAGE_HEIGHT))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" '
        f'height="{height * len(pages)}" viewBox="0 0 {width} {height * len(pages)}">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, page in enumerate(pages):
        inner = page[page.index("<svg") :].replace("<svg ", f'<svg y="{number * height}" ', 1)
        # All pages call their drawing and its glyphs by one name; in one document each needs its own.
        name = _DRAWING.search(inner)
        lines.append(inner.replace(name[1], f"{name[1]}-{number + 1}") if name else inner)
    return "\n".join([*lines, "</svg>", ""])


def score_to_pdf(score: Score, *, title: str = "") -> bytes:
    """Sheet music as a PDF file of A4 pages.

    Args:
        score: as for `score_to_pages`.
        title: likewise.

    Returns:
        The bytes of the file.
    """
    folder = _resources(_verovio()) / _FONT

    def glyph_path(code: str) -> str | None:
        file = folder / f"{code}.xml"
        match = _GLYPH.search(file.read_text("utf-8")) if file.is_file() else None
        return match[1] if match else None

    return svg_to_pdf(score_to_pages(score, title=title), glyph_path)


def _verovio() -> Any:
    try:
        import verovio
    except ImportError as error:
        raise MissingDependencyError("sheet music needs verovio: pip install 'audio-lstm[scores]'") from error
    verovio.enableLog(verovio.LOG_OFF)  # it writes its doubts about pages to stderr
    return verovio


def _resources(verovio: ModuleType) -> Path:
    return Path(verovio.__file__ or "").parent / "data"
