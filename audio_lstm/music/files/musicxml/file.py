"""The document inside a MusicXML file: taken out of its zip, decoded, and safe to parse."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.parsers import expat

from audio_lstm.errors import ScoreError

__all__ = ["MAX_XML_BYTES", "is_musicxml", "musicxml_document"]

MAX_XML_BYTES = 64 << 20
"""An engraved opera act is about 30 MB of MusicXML; a compressed file may not promise more than this."""

_ZIP_START = b"PK"
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<", b"\x00<\x00?")
_CONTAINER = "META-INF/container.xml"
_MUSICXML_TYPE = "application/vnd.recordare.musicxml"  # with +xml or without
_SCORE_SUFFIXES = (".musicxml", ".xml")
_DECLARATION = re.compile(rb"^<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")


def is_musicxml(data: bytes) -> bool:
    """Whether a file begins as MusicXML does, zipped or not: whether `musicxml_document` is to judge it.

    Args:
        data: the whole file.

    Returns:
        True for zips and for anything that begins as XML.
    """
    return data.startswith(_ZIP_START) or data.lstrip()[:4].startswith(_XML_STARTS)


def musicxml_document(data: bytes) -> bytes:
    """The MusicXML of a file.

    Args:
        data: the whole file: XML in any encoding that Python knows, or a zip (.mxl), of which that file is taken which
            its container names.

    Returns:
        A well-formed document in UTF-8, without a declaration; its root is a score, and it defines no entity. What is
        damaged, too large, or no MusicXML is a ScoreError.
    """
    document = _in_utf8(_unzipped(data) if data.startswith(_ZIP_START) else data)
    roots: list[str] = []

    def note_root(name: str, attributes: dict[str, str]) -> None:
        roots.append(name.rpartition(":")[2])
        parser.StartElementHandler = None

    def refuse_entity(name: str, *rest: object) -> None:
        raise ScoreError(f"MusicXML that defines an entity, {name!r}, which no exporter does; export the file again")

    parser = expat.ParserCreate()
    parser.StartElementHandler = note_root
    parser.EntityDeclHandler = refuse_entity
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError) as error:
        raise ScoreError(f"damaged or truncated MusicXML ({error}); export the file again") from error
    if roots[0] not in ("score-partwise", "score-timewise"):
        raise ScoreError(f"XML, but not MusicXML: its root is <{roots[0]}>; export the score as MusicXML")
    return document


def _in_utf8(data: bytes) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = data[:200].lstrip()
    declared = _DECLARED.match(head)
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in head[:4]:
        encoding = "utf-16-be" if head.startswith(b"\x00") else "utf-16-le"
    elif encoding.lower().startswith("utf-16"):  # says so, and is not
        encoding = "utf-8"
    tried = [encoding, "utf-8", "cp1252"] if declared else [encoding, "cp1252"]
    for name in tried:  # old exporters declare UTF-8 and write what their system used
        try:
            text = data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        data = data if name.lower() == "utf-8" else text.encode()
        break
    return _DECLARATION.sub(b"", data, count=1)


def _unzipped(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = _score_name(archive)
            if name is not None:
                return _member(archive, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ScoreError(f"damaged compressed MusicXML ({error}); copy or export the file again") from error
    raise ScoreError("a zip file without a MusicXML score in it; export the score again as .mxl or .musicxml")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        text = file.read(MAX_XML_BYTES + 1)
    if len(text) > MAX_XML_BYTES:
        raise ScoreError(f"too large: more than {MAX_XML_BYTES} bytes of MusicXML when unpacked")
    return text


def _score_name(archive: zipfile.ZipFile) -> str | None:
    """The root file that the container names; without one, the first XML that is no part of the packing."""
    names = {name.replace("\\", "/").removeprefix("./").lower(): name for name in archive.namelist()}
    container = names.get(_CONTAINER.lower())
    for path in _root_paths(_member(archive, container)) if container else []:
        for spelled in (path, unquote(path)):
            found = names.get(spelled.replace("\\", "/").removeprefix("./").lstrip("/").lower())
            if found is not None:
                return found
    for spelled, name in names.items():
        folders, _, file = spelled.rpartition("/")
        packing = folders.startswith(("meta-inf", "__macosx")) or file.startswith("._")
        if file.endswith(_SCORE_SUFFIXES) and not packing:
            return name
    return None


def _root_paths(container: bytes) -> list[str]:
    """The paths in a container file, those of MusicXML first; of one that cannot be read, none."""
    try:
        expat.ParserCreate().Parse(container, True)
        root = ElementTree.fromstring(container)
    except (expat.ExpatError, ElementTree.ParseError, ValueError):
        return []
    files = [element for element in root.iter() if element.tag.rpartition("}")[2] == "rootfile"]
    # A root file without a type is the score, by the standard; a PDF or a sound of it says what it is.
    files.sort(key=lambda file: not file.get("media-type", _MUSICXML_TYPE).startswith(_MUSICXML_TYPE))
    return [file.get("full-path", "") for file in files]
