"""The scores that were once read or written wrongly (../shared/cases/scores), each beside what is right for it."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from audio_lstm.music.files.files import read_score
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import Score

if TYPE_CHECKING:
    from tests.conftest import CommandLine

pytestmark = pytest.mark.shared

SCALE = "0:60+1 1:62+1 2:64+1 3:65+1"
VOLTAS = [60, 62, 64, 65, *[67] * 4, 60, 62, 64, 65, *[69] * 4, 60, 62, 64, 65, *[67] * 4, 60, 62, 64, 65, *[71] * 4]
CASES = {  # start:pitch+length in quarters, track after track
    "01/k9_dot_missing.musicxml": "0:60+3/2 3/2:62+1/2 2:64+2 4:67+4",
    "01/k9_type_missing.musicxml": "0:60+1 1:62+3/2 5/2:64+1/2 3:65+1 4:67+4",
    "02/pickup.abc": " ".join(
        f"{beat}:{pitch}+1" for beat, pitch in enumerate([67, 60, 62, 64, 65, 67, 65, 64, 62, 60, 62, 60])
    ),
    "03/begintext.abc": SCALE,
    "03/comment.abc": f"{SCALE} 4:67+1 5:69+1 6:71+1 7:72+1",
    "04/name_ctrl.mid": SCALE,
    "05/k2_triplet_nobracket.musicxml": "0:60+1/3 1/3:62+1/3 2/3:64+1/3 1:65+1 2:67+2 4:60+4",
    "06/k1_whole_rest_24_2parts.musicxml": f"{SCALE} 4:67+1 5:60+1 | 4:60+1 5:62+1",
    "06/k1_whole_rest_32.musicxml": "6:60+2 8:62+2 10:64+2",
    "07/k5_forward_bar.musicxml": "0:60+4 8:62+4",
    "08/k3_offset_past_end.musicxml": f"{SCALE} 4:67+1 5:60+1 6:62+1 7:64+1",
    "09/k4_interleaved.musicxml": "0:67+3 3:64+1/2 7/2:60+1/2 4:62+4",
    "10/k6_transp_change.musicxml": f"{SCALE} 4:60+1 5:62+1 6:63+1 7:65+1",
    "11/ed1_noalter.musicxml": "0:71+4 4:71+4 8:71+4 | 0:71+4 4:71+4 8:71+4",
    "11/h_acc_other.musicxml": "0:70+1 1:70+1 2:66+1 3:66+1",
    "12/f_tempo_change.musicxml": f"{SCALE} 4:60+1 5:62+1 6:64+1 7:65+1",
    "13/f_tie_volta.musicxml": "0:67+4 4:60+4 8:67+4 12:60+4",
    "13/rp_AA_BB_nofwd.musicxml": " ".join(
        f"{4 * bar}:{pitch}+4" for bar, pitch in enumerate([60, 62, 60, 62, 64, 65, 64, 65, 67])
    ),
    "14/f_tie_notied.musicxml": "0:60+8",
    "15/f_unpitched_plain.musicxml": "0:38+1 1:38+1 2:38+1 3:38+1",
    "16/macosx.mxl": SCALE,
    "16/part_first.mxl": SCALE,
    "17/cp1252.musicxml": SCALE,
    "17/latin1.musicxml": SCALE,
    "18/timewise.musicxml": f"{SCALE} 4:65+1 5:64+1 6:62+1 7:60+1 | " + " ".join(f"{beat}:67+1" for beat in range(8)),
    "19/volta_13.abc": " ".join(f"{beat}:{pitch}+1" for beat, pitch in enumerate(VOLTAS)),
    "20/k_transpose.abc": "0:58+1 1:60+1 2:62+1 3:63+1",
    "21/kexp.abc": "0:70+1 1:66+1 2:60+1 3:67+1",
    "21/khp.abc": "0:61+1 1:66+1 2:67+1 3:69+1",
    "22/key_change.abc": " ".join(f"{beat}:{66 if 4 <= beat < 8 else 65}+1" for beat in range(12)),
    "22/meter_change.abc": f"{SCALE} 4:67+1 5:69+1 6:71+1 7:72+1 8:74+1",
    "23/udef.abc": SCALE,
    "24/tie_bar_acc.abc": "0:61+8 8:60+4",
    "25/parts.abc": f"{SCALE} 4:67+1 5:69+1 6:71+1 7:72+1 8:60+1 9:62+1 10:64+1 11:65+1",
    "25/spaces_lead.abc": SCALE,
    "25/text_before.abc": SCALE,
    "26/sysex_running.mid": "0:60+1 1:62+1 2:64+1",
    "27/keysig_bad.mid": SCALE,
    "27/keysig_bad8.mid": SCALE,
    "27/ntrks_vendor.mid": SCALE,
    "27/riff_list.rmi": SCALE,
    "28/name_cp1251.mid": SCALE,
    "28/name_gbk.mid": SCALE,
    "29/drums.mid": "0:36+1/2 1/2:42+1/2 1:38+1/2 3/2:42+1/2 2:36+1/2 5/2:42+1/2 3:38+1/2 7/2:42+1/2 | " + SCALE,
    "29/late_start.mid": "40:60+1 41:62+1",
    "30/high.abc": "0:81+1 1:86+1 2:90+1 3:86+1 4:86+4",
    "31/f_grace16_mid.musicxml": "0:60+1 1:67+1/4 5/4:62+3/4 2:64+2",
    "32/f_cue.musicxml": "0:60+4",
    "32/f_measrep.musicxml": f"{SCALE} 4:60+1 5:62+1 6:64+1 7:65+1 8:67+4",
    "33/rep_simple.musicxml": "0:60+4 4:62+4 8:60+4 12:62+4 16:64+4",
    "34/quintuplet.mid": "0:60+1/5 1/5:61+1/5 2/5:62+1/5 3/5:63+1/5 4/5:64+1/5",
    "34/repeated64.mid": " ".join(f"{Fraction(number, 16)}:60+1/16" for number in range(16)),
    "36/tab1.musicxml": SCALE,
    "36/tab2_nodetails.musicxml": SCALE,
}


@pytest.fixture
def cases(shared: Path) -> Path:
    """The folder of the cases."""
    return shared / "cases" / "scores"


def written(score: Score) -> str:
    """The notes as `CASES` has them."""
    quarter = score.ticks_per_quarter
    tracks: dict[int, list[str]] = {}
    for start, length, pitch, _, track in score.notes.tolist():
        tracks.setdefault(track, []).append(f"{Fraction(start, quarter)}:{pitch}+{Fraction(length, quarter)}")
    return " | ".join(" ".join(tracks[track]) for track in sorted(tracks))


@pytest.mark.parametrize("name", CASES)
def test_every_case_has_the_notes_that_are_written(cases: Path, name: str) -> None:
    assert written(read_score(cases / name)) == CASES[name]


def test_no_case_is_left_out(cases: Path) -> None:
    assert {path.relative_to(cases).as_posix() for path in cases.glob("*/*")} == set(CASES)


def test_tempi_metres_and_keys_stand_where_they_change(cases: Path) -> None:
    tempo = read_score(cases / "12/f_tempo_change.musicxml")
    assert [(t.tick / tempo.ticks_per_quarter, round(t.bpm)) for t in tempo.tempi] == [(0, 60), (2, 120), (4, 90)]
    metre = read_score(cases / "22/meter_change.abc")
    assert [(m.tick / 480, m.numerator, m.denominator) for m in metre.time_signatures] == [
        *((0, 4, 4), (4, 3, 4), (7, 2, 4))
    ]
    key = read_score(cases / "22/key_change.abc")
    assert [(k.tick / 480, k.sharps) for k in key.key_signatures] == [(0, 0), (4, 2), (8, 0)]


def test_names_keep_their_letters_and_a_snare_is_a_drum(cases: Path) -> None:
    names = {
        "17/cp1252.musicxml": "Flöte",
        "17/latin1.musicxml": "Flöte",
        "28/name_cp1251.mid": "Скрипка",
        "28/name_gbk.mid": "钢琴",
    }
    assert {name: read_score(cases / name).tracks[0].name for name in names} == names
    assert read_score(cases / "15/f_unpitched_plain.musicxml").tracks[0].is_drum


@pytest.mark.parametrize("kind", ["musicxml", "abc"])
def test_the_bars_of_a_page_with_a_pickup_are_rendered_as_they_were(
    cases: Path, tmp_path: Path, run: CommandLine, kind: str
) -> None:
    score = read_score(cases / "02/pickup.abc")
    bars = [(bar.number, bar.start_ticks // 480) for bar in score_bars(score)]
    assert bars == [(0, 0), (1, 1), (2, 5), (3, 9)]
    status, _, err = run("render", cases / "02/pickup.abc", "--out", tmp_path / f"page.{kind}")
    assert (status, err) == (0, "")
    again = read_score(tmp_path / f"page.{kind}")
    assert written(again) == CASES["02/pickup.abc"]
    assert [bar.start_ticks // again.ticks_per_quarter for bar in score_bars(again)][:4] == [0, 1, 5, 9]


@pytest.mark.parametrize("kind", ["musicxml", "mxl", "svg", "pdf", "abc", "mid"])
def test_control_characters_in_a_name_cost_no_note_of_a_page(
    cases: Path, tmp_path: Path, run: CommandLine, kind: str
) -> None:
    if kind in ("svg", "pdf"):
        pytest.importorskip("verovio")
    status, out, _ = run("render", cases / "04/name_ctrl.mid", "--out", tmp_path / f"page.{kind}")
    assert status == 0
    assert "4 notes" in out
    if kind == "svg":
        assert (tmp_path / "page.svg").read_text().count('class="notehead"') == 4
    elif kind != "pdf":
        assert written(read_score(tmp_path / f"page.{kind}")) == SCALE


@pytest.mark.parametrize("name", ["repeated64", "quintuplet"])
def test_a_rhythm_that_is_not_written_is_said_with_the_notes_that_are(
    cases: Path, tmp_path: Path, run: CommandLine, name: str
) -> None:
    status, out, err = run("render", cases / f"34/{name}.mid", "--out", tmp_path / "page.musicxml")
    assert status == 0
    page = read_score(tmp_path / "page.musicxml")
    assert f"{page.n_notes} notes" in out
    assert written(page) == CASES[f"34/{name}.mid"] or "moved to the nearest rhythm" in err


def test_a_primer_keeps_its_drums_its_tempo_and_its_height(cases: Path, tmp_path: Path, run: CommandLine) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "x.mid"
    composed = ("compose", "--seed", "1", "--out", out, "--force", "--primer")
    assert run(*composed, cases / "29/drums.mid", "--bars", "4")[0] == 0
    drums = [track.is_drum for track in read_score(out).tracks]
    assert sum(drums[track] for track in read_score(out).notes["track"].tolist()) == 8
    assert run(*composed, cases / "29/late_start.mid", "--bars", "12")[0] == 0
    assert [round(tempo.bpm) for tempo in read_score(out).tempi] in ([], [120])
    assert run(*composed, cases / "30/high.abc", "--bars", "4")[0] == 0
    assert read_score(out).notes["pitch"].tolist()[:3] == [81, 86, 90]


def test_metres_that_give_the_same_notes_are_said_to(tmp_path: Path, run: CommandLine) -> None:
    pytest.importorskip("torch")
    status, _, err = run("compose", "--seed", "1", "--bars", "4", "--metre", "6/8", "--out", tmp_path / "x.mid")
    assert status == 0
    assert "6/8" in err
    assert "3/4" in err


def test_the_engraver_is_one_that_plays_repeats(repository: Path) -> None:
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lowest = next(line for line in extras["scores"] if line.startswith("verovio>="))
    assert int(lowest.removeprefix("verovio>=").split(".")[0]) >= 6
