"""Sheet music from SVG to PDF, without any package: the few kinds of elements that verovio draws with.

Glyphs are defined once and placed by reference, text stays text (Times, one of the fonts that every PDF viewer has; its
characters are those of Western European languages, others show as "?").
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree import ElementTree

__all__ = ["path_operators", "svg_to_pdf", "text_units"]

_A4_POINTS = (595.276, 841.890)
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_FONTS = ("Times-Roman", "Times-Bold", "Times-Italic")
_BOLD_CLASSES = frozenset(("tempo", "ending", "fing", "reh"))  # verovio's style sheet
_ITALIC_CLASSES = frozenset(("dir", "dynam", "mNum"))
_PRIVATE_USE = ("\ue000", "\uf8ff")  # SMuFL's musical symbols

# Adobe's widths of Times-Roman from space to tilde, in thousandths of the size.
# fmt: off
_WIDTHS = (
    250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500,
    500, 500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611,
    556, 722, 722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722,
    722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500,
    278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
)
# fmt: on

_TOKEN = re.compile(r"([A-Za-z])|(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)")
_N_NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "Z": 0}


@dataclass
class _Document:
    """The objects of a PDF file, by number from 1."""

    objects: list[bytes] = field(default_factory=list)

    def add(self, body: bytes) -> int:
        self.objects.append(body)
        return len(self.objects)

    def stream(self, content: str, entries: str = "") -> int:
        data = zlib.compress(content.encode("latin-1"))
        head = f"<< /Length {len(data)} /Filter /FlateDecode {entries}>>\nstream\n"
        return self.add(head.encode() + data + b"\nendstream")

    def file(self, root: int) -> bytes:
        parts, offsets = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], []
        size = len(parts[0])
        for number, body in enumerate(self.objects, 1):
            offsets.append(size)
            parts.append(b"%d 0 obj\n" % number + body + b"\nendobj\n")
            size += len(parts[-1])
        rows = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
        count = len(self.objects) + 1
        tail = f"trailer\n<< /Size {count} /Root {root} 0 R >>\nstartxref\n{size}\n%%EOF\n"
        return b"".join([*parts, f"xref\n0 {count}\n0000000000 65535 f \n{rows}{tail}".encode()])


@dataclass(frozen=True)
class _Style:
    """What an element takes over from those around it."""

    font: str = _FONTS[0]
    size: float = 0.0
    x: float = 0.0
    y: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True)
class _Run:
    """A stretch of text of one size; `break_before` where it has a place of its own."""

    text: str
    style: _Style
    break_before: bool


def svg_to_pdf(pages: Sequence[str], glyph_path: Callable[[str], str | None]) -> bytes:
    """Pages drawn by verovio, as a PDF file of A4 pages.

    Args:
        pages: SVG documents.
        glyph_path: the outline of a musical symbol in text, by its hexadecimal code point, as SVG path data with y
            upwards in thousandths of the size; None where there is none.

    Returns:
        The bytes of the file.
    """
    document = _Document()
    entry = "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
    fonts = " ".join(f"/{name} {document.add((entry % name).encode())} 0 R" for name in _FONTS)
    glyphs: dict[str, int] = {}
    tree = document.add(b"")  # filled in at the end, when the pages are known
    numbers = []
    for page in pages:
        painter = _Painter(document, glyphs, glyph_path)
        content = document.stream(painter.page(ElementTree.fromstring(page)))
        symbols = " ".join(f"/G{number} {number} 0 R" for number in sorted(glyphs.values()))
        numbers.append(
            document.add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {_A4_POINTS[0]} {_A4_POINTS[1]}] "
                f"/Contents {content} 0 R /Resources << /Font << {fonts} >> /XObject << {symbols} >> >> >>".encode()
            )
        )
    kids = " ".join(f"{number} 0 R" for number in numbers)
    document.objects[tree - 1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(numbers)} >>".encode()
    return document.file(document.add(f"<< /Type /Catalog /Pages {tree} 0 R >>".encode()))


class _Painter:
    """Turns one SVG page into the operators of a PDF page."""

    def __init__(self, document: _Document, glyphs: dict[str, int], glyph_path: Callable[[str], str | None]) -> None:
        self._document = document
        self._glyphs = glyphs  # object number of each outline, shared by the pages
        self._glyph_path = glyph_path
        self._outlines: dict[str, str] = {}  # of this page's symbols, by id
        self._lines: list[str] = []

    def page(self, root: ElementTree.Element) -> str:
        """All operators, in PDF's coordinates."""
        for symbol in root.iterfind(f"{_SVG}defs/{_SVG}g"):
            path = symbol.find(f"{_SVG}path")
            if path is not None:
                self._outlines[symbol.get("id", "")] = path.get("d", "")
        inner = root.find(f"{_SVG}svg")
        if inner is None:
            return ""
        width = float(inner.get("viewBox", "0 0 1 1").split()[2])
        scale = _A4_POINTS[0] / width
        self._lines.append(f"{scale:.6f} 0 0 {-scale:.6f} 0 {_A4_POINTS[1]} cm")
        self._children(inner, _Style())
        return "\n".join(self._lines)

    def _children(self, element: ElementTree.Element, style: _Style) -> None:
        for child in element:
            self._element(child, style)

    def _element(self, element: ElementTree.Element, style: _Style) -> None:
        tag = element.tag.removeprefix(_SVG) if isinstance(element.tag, str) else ""
        if tag == "g" and "placeholder" in element.get("class", ""):
            return  # verovio's style sheet hides these
        if tag == "g":
            matrix = _matrix(element.get("transform", ""))
            style = _with_class(style, element.get("class", ""))
            if matrix:
                self._lines.append(f"q {matrix} cm")
            self._children(element, style)
            if matrix:
                self._lines.append("Q")
        elif tag == "use":
            outline = self._outlines.get(element.get(_LINK, "").removeprefix("#"), "")
            self._lines.append(f"q {_matrix(element.get('transform', ''))} cm {self._glyph(outline)} Q")
        elif tag == "text":
            self._text(element, style)
        else:
            shape = _shape(tag, element)
            if shape:
                width = float(element.get("stroke-width", "1"))
                ends = "1 J 1 j" if element.get("stroke-linecap") == "round" else "0 J 0 j"
                self._lines.append(f"{width:g} w {ends} {shape} B")

    def _glyph(self, outline: str) -> str:
        if outline not in self._glyphs:
            # SMuFL outlines are drawn upwards, SVG counts downwards.
            content = f"1 0 0 -1 0 0 cm {path_operators(outline)} f"
            entries = "/Type /XObject /Subtype /Form /BBox [-9000 -9000 9000 9000] /Resources << >> "
            self._glyphs[outline] = self._document.stream(content, entries)
        return f"/G{self._glyphs[outline]} Do"

    def _text(self, element: ElementTree.Element, style: _Style) -> None:
        runs = _runs(element, style)
        while runs:
            end = next((i for i in range(1, len(runs)) if runs[i].break_before), len(runs))
            line, runs = runs[:end], runs[end:]
            width = sum(self._width(run) for run in line)
            first = line[0].style
            x = first.x - {"middle": width / 2, "end": width}.get(first.anchor, 0.0)
            for run in line:
                self._run(run, x, first.y)
                x += self._width(run)

    def _width(self, run: _Run) -> float:
        return sum(text_units(letter) for letter in run.text) / 1000 * run.style.size

    def _run(self, run: _Run, x: float, y: float) -> None:
        plain = "".join(letter for letter in run.text if not _is_symbol(letter))
        for letter in run.text:
            outline = self._glyph_path(f"{ord(letter):04X}") if _is_symbol(letter) else None
            if outline:
                scale = run.style.size / 1000
                self._lines.append(f"q {scale:g} 0 0 {scale:g} {x:g} {y:g} cm {self._glyph(outline)} Q")
        if plain:
            quoted = re.sub(r"([\\()])", r"\\\1", plain.encode("cp1252", "replace").decode("latin-1"))
            self._lines.append(f"BT /{run.style.font} {run.style.size:g} Tf 1 0 0 -1 {x:g} {y:g} Tm ({quoted}) Tj ET")


def text_units(letter: str) -> int:
    """How wide a letter of Times is, in thousandths of its size; accents take no room.

    Args:
        letter: one character.

    Returns:
        The width of Times-Roman, near that of its bold and italic; 500 for what is unknown.
    """
    plain = unicodedata.normalize("NFD", letter)[0]
    index = ord(plain) - 32
    return _WIDTHS[index] if 0 <= index < len(_WIDTHS) else 500


def path_operators(data: str) -> str:
    """SVG path data as PDF operators.

    Args:
        data: moves, lines, cubic and quadratic curves, absolute or relative; no arcs.

    Returns:
        The operators, without one that paints.
    """
    tokens = [match[1] or float(match[2]) for match in _TOKEN.finditer(data)]
    operators: list[str] = []
    x = y = start_x = start_y = 0.0
    control: tuple[float, float] | None = None  # the last one of a cubic curve
    position, command = 0, "M"
    while position < len(tokens):
        token = tokens[position]
        if isinstance(token, str):
            command, position = token, position + 1
        kind = command.upper()
        count = _N_NUMBERS[kind]
        numbers = [float(number) for number in tokens[position : position + count]]
        position += count
        if command.islower():
            numbers = _absolute(kind, numbers, x, y)
        if kind == "Z":
            operators.append("h")
            x, y, control = start_x, start_y, None
            continue
        points = _points(kind, numbers, (x, y), control)
        control = points[1] if len(points) == 3 else None
        x, y = points[-1]
        name = "c" if len(points) == 3 else "m" if kind == "M" else "l"
        operators.append(" ".join(f"{number:g}" for point in points for number in point) + f" {name}")
        if kind == "M":
            start_x, start_y = x, y
            command = "l" if command.islower() else "L"  # further pairs are lines
    return " ".join(operators)


def _absolute(kind: str, numbers: list[float], x: float, y: float) -> list[float]:
    if kind in "HV":
        return [numbers[0] + (x if kind == "H" else y)]
    return [number + (y if index % 2 else x) for index, number in enumerate(numbers)]


def _points(
    kind: str, numbers: list[float], here: tuple[float, float], control: tuple[float, float] | None
) -> list[tuple[float, float]]:
    """The end of a move or line; both controls and the end of a curve."""
    x, y = here
    if kind == "H":
        return [(numbers[0], y)]
    if kind == "V":
        return [(x, numbers[0])]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    if kind == "S":  # the first control mirrors the last one before
        before_x, before_y = control or here
        return [(2 * x - before_x, 2 * y - before_y), *points]
    if kind == "Q":  # raised to a cubic
        (control_x, control_y), (end_x, end_y) = points
        return [
            ((x + 2 * control_x) / 3, (y + 2 * control_y) / 3),
            ((end_x + 2 * control_x) / 3, (end_y + 2 * control_y) / 3),
            (end_x, end_y),
        ]
    return points


def _shape(tag: str, element: ElementTree.Element) -> str:
    """The outline of a basic shape, as PDF operators; "" for what draws nothing."""
    if tag == "path":
        return path_operators(element.get("d", ""))
    if tag in ("polygon", "polyline"):
        numbers = [float(number) for number in re.findall(r"[-\d.]+", element.get("points", ""))]
        pairs = [f"{x:g} {y:g}" for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        return f"{pairs[0]} m " + " ".join(f"{pair} l" for pair in pairs[1:]) + (" h" if tag == "polygon" else "")
    if tag == "rect":
        return " ".join(f"{float(element.get(name, '0')):g}" for name in ("x", "y", "width", "height")) + " re"
    if tag == "ellipse":
        x, y, rx, ry = (float(element.get(name, "0")) for name in ("cx", "cy", "rx", "ry"))
        k = 0.5523  # a quarter of a circle as a cubic curve
        corners = ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 0))
        curves = []
        for (ax, ay), (bx, by) in pairwise(corners):
            points = ((ax + k * bx, ay + k * by), (bx + k * ax, by + k * ay), (bx, by))
            curves.append(" ".join(f"{x + rx * px:g} {y + ry * py:g}" for px, py in points) + " c")
        return f"{x + rx:g} {y:g} m " + " ".join(curves) + " h"
    return ""


def _matrix(transform: str) -> str:
    """A translation and a scale, as the six numbers of a PDF matrix; "" without."""
    if not transform:
        return ""
    tx = ty = 0.0
    sx = sy = 1.0
    for name, numbers in re.findall(r"(translate|scale)\(([^)]*)\)", transform):
        first, *rest = (float(number) for number in re.split(r"[\s,]+", numbers.strip()))
        if name == "translate":
            tx, ty = first, rest[0] if rest else 0.0
        else:
            sx, sy = first, rest[0] if rest else first
    return f"{sx:g} 0 0 {sy:g} {tx:g} {ty:g}"


def _with_class(style: _Style, names: str) -> _Style:
    classes = set(names.split())
    if classes & _BOLD_CLASSES:
        return _Style(_FONTS[1], style.size, style.x, style.y, style.anchor)
    if classes & _ITALIC_CLASSES:
        return _Style(_FONTS[2], style.size, style.x, style.y, style.anchor)
    return style


def _runs(element: ElementTree.Element, style: _Style) -> list[_Run]:
    """The stretches of text in an element, depth first."""
    size = float(element.get("font-size", f"{style.size}").removesuffix("px"))
    placed = element.get("x") is not None or element.get("y") is not None
    style = _Style(
        _FONTS[1] if element.get("font-weight") == "bold" else style.font,
        size,
        float(element.get("x", style.x)),
        float(element.get("y", style.y)),
        element.get("text-anchor", style.anchor),
    )
    runs = [_Run(element.text, style, placed)] if element.text and element.text.strip() and size else []
    for child in element:
        inner = _runs(child, style)
        if inner and placed and not runs:
            inner[0] = _Run(inner[0].text, inner[0].style, True)
        runs += inner
    return runs


def _is_symbol(letter: str) -> bool:
    return _PRIVATE_USE[0] <= letter <= _PRIVATE_USE[1]
