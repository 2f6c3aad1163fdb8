"""Names in encodings that nobody named."""

from __future__ import annotations

import pytest

from audio_lstm.music.score.name_text import guess_text, printable


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Fl\u00f6te", "cp1252"),
        ("Piano \u00e0 queue", "cp1252"),
        ("\u00a9 1998 M\u00fcller", "cp1252"),
        ("\u0421\u043a\u0440\u0438\u043f\u043a\u0430", "cp1251"),
        ("\u0413\u0418\u0422\u0410\u0420\u0410 1", "cp1251"),
        ("\u94a2\u7434", "gbk"),
        ("\u5c0f\u63d0\u7434 I", "gbk"),
        ("\u30d4\u30a2\u30ce", "shift_jis"),
        ("\u6708\u5149\u30bd\u30ca\u30bf", "shift_jis"),
        ("\u4e3b\u65cb\u5f8b", "shift_jis"),
        ("\u92fc\u7434", "big5"),
        ("\u92fc\u7434 1", "utf-8"),
    ],
)
def test_names_in_old_encodings_keep_their_letters(text: str, encoding: str) -> None:
    assert guess_text(text.encode(encoding)) == text


def test_a_named_encoding_counts_and_an_unknown_one_does_not() -> None:
    assert guess_text(b"\xf8", "cp1250") == "\u0159"
    assert guess_text(b"Fl\xf6te", "no-such") == "Fl\u00f6te"


def test_control_characters_become_one_space() -> None:
    assert printable("Pi\x01\x02a\x00no\n ") == "Pi a no"
