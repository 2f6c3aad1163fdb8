"""Written transcripts: sentences, figures, what was heard beside it, and live words that never change again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word
from audio_lstm.speech.hearing.writing import PLAIN, Writing, find_writer
from audio_lstm.speech.text.numerals import check_choices
from audio_lstm.speech.text.punctuation import Writer, load_writer

TEXT = "SHE SAID YES AND THEN WE WENT HOME TO SEE THE OLD MAN"


@pytest.fixture(scope="session")
def writer(writer_folder: Path) -> Writer:
    return load_writer(writer_folder)


def segment(text: str, start_s: float = 0.0, *, gap_s: float = 0.1) -> Segment:
    """A word a second but for the gaps, and a quarter of a second of quiet on either side."""
    words = text.split()
    timed = [
        Word(word, start_s + 0.25 + place, start_s + 1.25 + place - gap_s, 0.5 + place / (2 * len(words)))
        for place, word in enumerate(words)
    ]
    return Segment(start_s, start_s + 0.5 + len(words), tuple(timed))


def written(writing: Writing, *segments: Segment) -> list[Segment]:
    return list(writing.write(segments))


def all_words(segments: Sequence[Segment]) -> list[Word]:
    return [word for each in segments for word in each.words]


def test_without_a_writer_words_stay_as_they_were_heard() -> None:
    heard = segment(TEXT)
    assert written(PLAIN, heard) == [heard]
    assert heard.spoken == heard.text == TEXT


def test_words_keep_their_times_and_their_confidence(writer: Writer) -> None:
    heard = [segment(TEXT), segment(TEXT, 20.0)]
    found = all_words(written(Writing(writer), *heard))
    before = all_words(heard)
    assert [replace(word, text=word.spoken) for word in found] == before
    assert [word.text for word in found] != [word.text for word in before]


def test_segments_are_sentences_within_what_was_heard(writer: Writer) -> None:
    heard = [segment(TEXT), segment(TEXT, 14.0), segment(TEXT, 28.0)]
    found = written(Writing(writer), *heard)
    assert found[0].start_s == 0.0
    assert found[-1].end_s == heard[-1].end_s
    assert all(first.end_s <= second.start_s for first, second in pairwise(found))
    assert all(each.text.endswith((".", "?", "!")) for each in found)
    assert all(not word.text.endswith((".", "?", "!")) for each in found for word in each.words[:-1])


def test_a_long_silence_ends_a_sentence(writer: Writer) -> None:
    found = written(Writing(writer), segment("GO"), segment("STOP", 10.0))
    assert [each.spoken for each in found] == ["GO", "STOP"]
    assert [(each.start_s, each.end_s) for each in found] == [(0.0, 1.5), (10.0, 11.5)]


def test_ten_thousand_words_without_a_pause_come_out_whole(writer: Writer) -> None:
    words = [Word(word, place / 3, (place + 1) / 3, 1.0) for place, word in enumerate(TEXT.split() * 770)]
    heard = [
        Segment(words[first].start_s, words[min(first + 80, len(words)) - 1].end_s, tuple(words[first : first + 80]))
        for first in range(0, len(words), 80)
    ]
    found = all_words(written(Writing(writer), *heard))
    assert len(found) > 10_000
    assert [word.spoken for word in found] == [word.text for word in words]


def test_sentences_come_before_the_recording_ends(writer: Writer) -> None:
    drawn = []

    def heard() -> object:
        for number in range(30):
            drawn.append(number)
            yield segment(TEXT, 14.0 * number)

    next(Writing(writer).write(heard()))  # type: ignore[arg-type]
    assert len(drawn) < 30


def test_figures_are_one_word_with_all_that_was_heard() -> None:
    (found,) = written(Writing(numbers="digits"), segment("ABOUT TWENTY FIVE PERCENT OF THEM"))
    assert found.text == "ABOUT 25 % OF THEM"
    number = found.words[1]
    assert (number.spoken, number.start_s, number.end_s) == ("TWENTY FIVE PERCENT", 1.25, pytest.approx(4.15))
    assert number.confidence == min(word.confidence for word in segment("ABOUT TWENTY FIVE PERCENT OF THEM").words[1:4])
    assert found.spoken == "ABOUT TWENTY FIVE PERCENT OF THEM"


def test_a_mark_after_a_number_stays_and_dots_do_not_double() -> None:
    words = (Word("At", 0, 1, 1, "AT"), Word("ten", 1, 2, 1, "TEN"), Word("a", 2, 3, 1, "A"), Word("m.", 3, 4, 1, "M"))
    assert [word.text for word in Writing(numbers="digits").shown(words)] == ["At", "10 a.m."]
    words = (Word("Nineteen", 0, 1, 1, "NINETEEN"), Word("ten?", 1, 2, 1, "TEN"))
    assert [word.text for word in Writing(numbers="digits").shown(words)] == ["1910?"]


def test_marks_part_numbers() -> None:
    words = (Word("nineteen,", 0, 1, 1, "NINETEEN"), Word("ten", 1, 2, 1, "TEN"))
    assert [word.text for word in Writing(numbers="digits").shown(words)] == ["19,", "10"]


def test_letters_are_joined_where_that_is_wanted() -> None:
    (found,) = written(Writing(letters="joined"), segment("M U S I C IS FUN"))
    assert found.text == "MUSIC IS FUN"
    assert found.words[0].spoken == "M U S I C"
    assert written(PLAIN, segment("M U S I C"))[0].text == "M U S I C"


def test_other_wishes_are_refused() -> None:
    with pytest.raises(ConfigError, match="numbers must be 'words' or 'digits', got 'roman'"):
        check_choices("roman", "apart")
    with pytest.raises(ConfigError, match="letters must be 'apart' or 'joined', got 'x'"):
        check_choices("words", "x")


def test_what_was_heard_goes_to_json_and_back(writer: Writer) -> None:
    transcript = Transcript(tuple(written(Writing(writer), segment(TEXT))), 13.0, "tiny", -3.0)
    assert transcript.spoken == TEXT
    assert transcript.text != TEXT
    assert Transcript.from_json(transcript.to_json()) == transcript


def test_older_transcripts_have_no_spoken_words() -> None:
    text = '{"segments": [{"start_s": 0, "end_s": 1, "words": [{"text": "GO", "start_s": 0, "end_s": 1, '
    text += '"confidence": 1}]}], "duration_s": 1, "model": "m", "peak_db": 0, "language": "en"}'
    assert Transcript.from_json(text).words[0].spoken == "GO"


@pytest.mark.parametrize("numbers", ["words", "digits"])
def test_stable_live_words_never_change_again(writer: Writer, numbers: str) -> None:
    text = "WE SAW TWENTY FIVE MEN AT TEN THIRTY A M AND NINETEEN EIGHTY FOUR WOMEN IN THE OLD HOUSE"
    live = Writing(writer, numbers).live()  # type: ignore[arg-type]
    for start_s in (0.0, 30.0):
        heard = segment(text, start_s)
        before: tuple[Word, ...] = ()
        for n in range(1, len(heard.words) + 1):
            stable, tentative = live.update(heard.words[:n], n - 1)
            assert stable[: len(before)] == before
            assert [part for word in (*stable, *tentative) for part in word.spoken.split()] == text.split()[:n]
            before = stable
        final = live.end(heard)
        assert final.words[: len(before)] == before
        assert final.spoken == text
        assert len(before) > 8


def test_live_words_that_were_found_otherwise_in_the_end_are_written_anew(writer: Writer) -> None:
    live = Writing(writer).live()
    heard = segment(TEXT)
    live.update(heard.words, len(heard.words))
    other = segment(TEXT.replace("SHE", "HE"))
    assert live.end(other).spoken == other.spoken


def test_live_words_without_a_writer_are_those_that_were_heard() -> None:
    heard = segment(TEXT)
    live = PLAIN.live()
    assert live.update(heard.words, 3) == (heard.words[:3], heard.words[3:])
    assert live.end(heard) == heard


def test_a_model_without_a_writer_has_none(tmp_path: Path) -> None:
    assert find_writer("default", "", tmp_path, "en") == (None, ())
    assert find_writer(None, "english-writer", tmp_path, "en") == (None, ())


def test_a_writer_in_the_models_folder_is_its_own(writer_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(writer_folder, tmp_path / "scribe")
    found, notes = find_writer("default", "scribe", tmp_path, "en-GB")
    assert found is not None
    assert found.name == "scribe"
    assert notes == ()


def test_the_writer_of_another_language_leaves_the_text_as_it_was_heard(writer_folder: Path) -> None:
    found, notes = find_writer(writer_folder, "", None, "de")
    assert found is None
    assert notes == (
        "the text is left as it was heard: the writer 'scribe' knows the language 'en', not 'de'; choose another one",
    )


def test_a_models_own_writer_that_is_missing_is_a_note_and_a_named_one_an_error(tmp_path: Path) -> None:
    found, (note,) = find_writer("default", "lost", tmp_path, "en")
    assert found is None
    assert note.startswith("the text is left as it was heard: model 'lost' not found")
    with pytest.raises(ModelError, match="not found"):
        find_writer(tmp_path / "lost", "", None, "en")
