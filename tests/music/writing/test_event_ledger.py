"""The accounts of a piece: deadlines, what is owed to the bar, and from when on there is room."""

from __future__ import annotations

from typing import Any

from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.tokens.event_cursor import EventPiece
from audio_lstm.music.writing.event_ledger import EventLedger
from audio_lstm.music.writing.event_plan import FOREVER, plan_events
from recipes.quality.random_wishes import SMALL_VOCABULARY


def ledger(**wishes: Any) -> EventLedger:
    plan = plan_events(SMALL_VOCABULARY, Wishes(parts=(0, 52), **wishes))
    accounts = EventLedger(plan, plan.parts, EventPiece(SMALL_VOCABULARY.layout))
    accounts.owes, accounts.piece.bar_steps = True, 8
    return accounts


def play(accounts: EventLedger, part: int, end: int) -> None:
    accounts.piece.sounding.append((end, part, 60))
    accounts.end_note(part, end)


def test_a_part_has_to_play_before_its_rests_are_used_up() -> None:
    accounts = ledger(rests=0.25, bars=4)
    accounts.slack = [4, 0]
    assert [accounts.deadline_of(part) for part in range(2)] == [4, 0]
    accounts.end_note(1, 8)
    assert (accounts.deadline(), accounts.owed(), accounts.owed(but=0)) == (4, 1, 0)
    accounts.piece.now = 3
    assert accounts.slack_at(0) == 1
    accounts.end_note(0, 6)
    assert (accounts.slack[0], accounts.deadline_of(0)) == (1, 7)


def test_a_part_without_limits_has_no_deadline_once_it_has_entered() -> None:
    accounts = ledger()
    accounts.entry = [5, 20]
    assert (accounts.deadline(), accounts.owed()) == (5, 1)
    accounts.begin_note(0)
    assert (accounts.deadline(), accounts.deadline_of(0)) == (20, FOREVER)
    assert not accounts.rest_limited(0)
    assert accounts.slack_at(0) == FOREVER


def test_one_note_is_kept_free_for_each_part_that_still_has_to_play() -> None:
    accounts = ledger(max_polyphony=3)
    accounts.entry = [5, 20]
    accounts.begin_note(0)
    play(accounts, 0, 4)
    assert accounts.has_room(0)
    play(accounts, 0, 6)
    assert not accounts.has_room(0)
    assert accounts.has_room(1)
    assert accounts.free_from() == 0  # for the part that waits


def test_there_is_room_again_when_the_first_note_ends() -> None:
    accounts = ledger(max_polyphony=2)
    for end in (4, 6):
        play(accounts, 0, end)
    assert accounts.free_from() == 4
    accounts.piece.now, accounts.piece.sounding = 4, [(6, 0, 60)]
    assert accounts.free_from() == 4
    assert accounts.free_from(held_by=0) == 6
