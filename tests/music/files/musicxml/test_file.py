"""The document inside a MusicXML file: which member of a zip, in which encoding, and one clear line for what is bad."""

from __future__ import annotations

import io
import zipfile

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.musicxml import file as musicxml_file
from audio_lstm.music.files.musicxml.file import is_musicxml, musicxml_document

BODY = "<score-partwise><part-list><part-name>Flöte</part-name></part-list></score-partwise>"
XML = f'<?xml version="1.0" encoding="UTF-8"?>{BODY}'
CONTAINER = "<container><rootfiles>{}</rootfiles></container>"


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # no clock: workers must name tests alike
    return buffer.getvalue()


def mxl(roots: str, members: dict[str, bytes]) -> bytes:
    return zipped({"META-INF/container.xml": CONTAINER.format(roots).encode(), **members})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_xml_in_any_encoding_and_zips_begin_as_musicxml_does(encoding: str) -> None:
    assert is_musicxml(XML.encode(encoding))
    assert is_musicxml(zipped({"score.xml": XML.encode(encoding)}))


@pytest.mark.parametrize("data", [b"", b"MThd\x00\x00\x00\x06", b"X:1\nK:C\nCDEF\n", b"{}"])
def test_midi_abc_and_json_do_not_begin_as_musicxml_does(data: bytes) -> None:
    assert not is_musicxml(data)


def test_the_document_is_utf_8_without_a_declaration() -> None:
    assert musicxml_document(XML.encode()) == BODY.encode()
    assert musicxml_document(BODY.encode()) == BODY.encode()
    assert musicxml_document(zipped({"score.musicxml": XML.encode()})) == BODY.encode()


def test_a_doctype_that_defines_nothing_is_no_harm() -> None:
    doctype = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "partwise.dtd">'
    assert musicxml_document((doctype + BODY).encode()).endswith(BODY.encode())


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("Shift_JIS", "shift_jis"), ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"), ("UTF-16", "utf-16-be"), ("UTF-16", "utf-8"), ("UTF-8", "cp1252"),
        ("UTF-8", "utf-8-sig"), ("no-such-thing", "utf-8"),
    ],
)  # fmt: skip
def test_a_document_is_read_in_its_encoding_even_where_it_says_another(declared: str, encoding: str) -> None:
    name = "フルート" if declared == "Shift_JIS" else "Flöte"
    text = XML.replace("UTF-8", declared).replace("Flöte", name)
    assert musicxml_document(text.encode(encoding)) == BODY.replace("Flöte", name).encode()


SCORE = {"score.xml": XML.encode()}
OTHER = b"<score-partwise/>"


@pytest.mark.parametrize(
    ("roots", "members"),
    [
        ('<rootfile full-path="score.xml"/>', SCORE),
        ('<rootfile full-path="/score.xml" media-type="application/vnd.recordare.musicxml+xml"/>', SCORE),
        ('<rootfile full-path="./SCORE.XML"/>', SCORE),
        (
            '<rootfile full-path="a.pdf" media-type="application/pdf"/><rootfile full-path="score.xml"/>',
            {"a.pdf": b"%", **SCORE},
        ),
        ('<rootfile full-path="score.xml"/><rootfile full-path="a.xml"/>', {"a.xml": OTHER, **SCORE}),
        ('<rootfile full-path="lied%201.xml"/>', {"a.xml": OTHER, "lied 1.xml": XML.encode()}),
        ('<rootfile full-path="lost.xml"/>', {"__MACOSX/._score.xml": b"\x00\x05", "__MACOSX/x.xml": b"?", **SCORE}),
        ("<rootfile", {"._score.xml": b"\x00\x05\x16\x07", **SCORE}),
        ("", {"readme.txt": b"hello", **SCORE}),
    ],
)
def test_the_score_of_an_mxl_is_that_which_its_container_names(roots: str, members: dict[str, bytes]) -> None:
    assert musicxml_document(mxl(roots, members)) == BODY.encode()


def test_a_namespace_does_not_hide_the_root_files_of_a_container() -> None:
    container = '<c:container xmlns:c="urn:x"><c:rootfile full-path="score.xml"/></c:container>'
    members = {"META-INF/container.xml": container.encode(), "a.xml": OTHER, **SCORE}
    assert musicxml_document(zipped(members)) == BODY.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK but no zip", "damaged compressed MusicXML .File is not a zip file"),
        (zipped(SCORE)[:60], "damaged compressed MusicXML .File is not a zip file"),
        (zipped({"readme.txt": b"hello"}), "a zip file without a MusicXML score in it; export the score again"),
        (XML[:-30].encode(), "damaged or truncated MusicXML .*line 1.*; export the file again"),
        (b"<html></html>", "XML, but not MusicXML: its root is <html>"),
        (b"<a>&bomb;</a>", "damaged or truncated MusicXML .undefined entity"),
        (
            b'<!DOCTYPE a [<!ENTITY lol "ha">]><score-partwise/>',
            "MusicXML that defines an entity, 'lol', which no expo",
        ),
    ],
)
def test_a_bad_document_is_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        musicxml_document(data)


def test_a_member_whose_bytes_were_changed_is_a_damaged_file() -> None:
    data = zipped(SCORE).replace(b"Fl\xc3\xb6te", b"Pi\xc3\xb6no")
    with pytest.raises(ScoreError, match=r"damaged compressed MusicXML .*CRC-32"):
        musicxml_document(data)


def test_a_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicxml_file, "MAX_XML_BYTES", 60)
    with pytest.raises(ScoreError, match="too large: more than 60 bytes of MusicXML when unpacked"):
        musicxml_document(zipped(SCORE))
