"""The page in a real browser: what a visitor does, what comes back, and that nothing leaves this machine."""

from __future__ import annotations

import shutil
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import pytest

import audio_lstm
from tests.demo.conftest import SAMPLES, Running

playwright = pytest.importorskip("playwright.sync_api", reason="playwright comes with the extra test")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
PATIENCE_MS = 60_000  # a test machine may be busy


@dataclass
class Visitor:
    """A browser window of somebody's own, and what went on in it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears: digits, as 16-bit WAV, again and again."""
    target = tmp_path_factory.mktemp("microphone") / "digits.wav"
    with wave.open(str(SAMPLES / "digits.wav")) as source, wave.open(str(target), "wb") as file:
        file.setparams(source.getparams())
        file.writeframes(source.readframes(source.getnframes()) + bytes(2 * source.getframerate()))
    return target


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Any]:
    """Debian's Chromium, or any other that is installed."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser found ({', '.join(BROWSERS)}): apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=[*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Any, running: Running) -> Iterator[Visitor]:
    """Somebody who opens the page; at the end nothing may have gone elsewhere, and nothing may have gone wrong."""
    with visiting(browser, running) as someone:
        yield someone


class visiting:  # noqa: N801 - reads as a verb
    """A window, open for as long as the context lasts."""

    def __init__(self, browser: Any, running: Running, **options: Any) -> None:
        self._context = browser.new_context(**options)
        self._context.set_default_timeout(PATIENCE_MS)
        self._url = running.url

    def __enter__(self) -> Visitor:
        someone = Visitor(self._context.new_page())
        self._someone = someone
        someone.page.on("request", lambda request: someone.requests.append(request.url))
        someone.page.on("pageerror", lambda error: someone.complaints.append(str(error)))
        someone.page.on("console", lambda told: someone.complaints.append(told.text) if told.type == "error" else None)
        someone.page.goto(self._url)
        someone.page.wait_for_selector("#transcribe")
        return someone

    def __exit__(self, *failure: object) -> None:
        self._context.close()
        if failure[0] is None:
            outside = [
                address for address in self._someone.requests if not address.startswith((self._url, "data:", "blob:"))
            ]
            assert not outside
            assert not self._someone.complaints


def test_an_uploaded_recording_becomes_words_and_files_that_parse(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    page.set_input_files("#speech-audio input[type=file]", SAMPLES / "spelling.wav")
    page.get_by_role("button", name="Play").first.wait_for()
    page.click("#transcribe")
    page.wait_for_selector("#speech-panel .said .word")
    assert page.locator("#speech-panel .said .word").all_inner_texts()[:4] == list("MUSI")
    assert page.locator("#speech-panel .row img").count() == 2
    with page.expect_download() as download:
        page.click("#speech-files a[download$='.json'], #speech-files a[href$='.json']")
    download.value.save_as(tmp_path / "x.json")
    assert audio_lstm.Transcript.from_json((tmp_path / "x.json").read_text("utf-8")).spoken == "M U S I C"
    page.click("#speech-panel .said .word >> nth=3")
    page.wait_for_function("document.querySelector('#speech-panel audio').currentTime > 0.9")


def test_live_captions_appear_while_somebody_speaks_and_no_sample_is_lost(visitor: Visitor) -> None:
    page = visitor.page
    page.click("#live-start")
    page.wait_for_selector("#live-words .tentative:not(:empty), #live-words .stable:not(:empty)")
    page.wait_for_function("document.getElementById('live-words').innerText.toLowerCase().includes('one')")
    page.click("#live-stop")
    page.wait_for_function("document.getElementById('live-words').dataset.duration")
    told = page.evaluate("({...document.getElementById('live-words').dataset})")
    assert int(told["sent"]) / int(told["rate"]) == pytest.approx(float(told["duration"]), abs=0.001)
    assert page.is_enabled("#live-start")


def test_a_bad_upload_shows_its_sentence(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "no-sound.wav").write_bytes(b"RIFF, or so it says" * 100)
    visitor.page.set_input_files("#speech-audio input[type=file]", tmp_path / "no-sound.wav")
    visitor.page.wait_for_selector("#speech-audio audio", state="attached")
    visitor.page.click("#transcribe")
    toast = visitor.page.wait_for_selector(".toast-body")
    assert "No-sound.wav" in toast.inner_text()
    assert "/" not in toast.inner_text()
    visitor.complaints.clear()  # the browser says too that it cannot play it


def test_gates_appear_under_the_words(visitor: Visitor) -> None:
    visitor.page.get_by_role("tab", name="Look inside the LSTM").click()
    visitor.page.click("#look")
    visitor.page.wait_for_selector("#inside-panel .panel")
    assert visitor.page.locator("#inside-panel .gates img").count() == 6
    assert "follows" in visitor.page.input_value("#inside-verdict textarea")


def tour_part(page: Any, name: str) -> None:
    """Open a part of the tour, which a phone hides in a menu."""
    tabs = page.locator("#tour button[role=tab]", has_text=name)
    seen = [tabs.nth(number) for number in range(tabs.count()) if tabs.nth(number).is_visible()]
    if seen:
        seen[0].click()
        return
    page.locator("#tour .overflow-menu button").first.click()
    page.locator("#tour .overflow-dropdown button", has_text=name).first.click()


def open_tour(page: Any) -> None:
    tab = page.get_by_role("tab", name="Look inside the LSTM")
    if tab.count() and tab.is_visible():
        tab.click()
        return
    page.locator(".overflow-menu button").first.click()
    page.locator(".overflow-dropdown button", has_text="Look inside").first.click()


@pytest.mark.parametrize("width", [1280, 400])
def test_the_tour_opens_with_its_example_and_every_part_answers(browser: Any, running: Running, width: int) -> None:
    with visiting(browser, running, viewport={"width": width, "height": 800}) as someone:
        page = someone.page
        open_tour(page)
        page.wait_for_selector("#inside-panel .panel")
        assert page.locator("#inside-panel .gates img").count() == 6
        tour_part(page, "Lag")
        page.wait_for_selector("#lag")
        assert page.inner_text("#lag-panel output") == "50 steps"
        page.locator("#lag").fill("3")
        assert page.inner_text("#lag-panel output") == "400 steps"
        assert page.locator("#lag-panel [data-key]:visible").count() == 1
        assert "LSTM: solved by 3 of 3 runs" in page.inner_text("#lag-panel [data-key]:visible")
        page.locator("#lag").press("ArrowLeft")
        assert "tanh RNN: solved by none of 3 runs" in page.inner_text("#lag-panel [data-key]:visible")
        tour_part(page, "Gradients")
        page.wait_for_selector("#flow-panel [data-key]:not([hidden]) svg")
        page.get_by_role("radio", name="Chorales").check()
        page.get_by_role("radio", name="Before training").check()
        assert page.locator("#flow-panel [data-key]:visible").get_attribute("data-key") == "chorales|before"
        tour_part(page, "By hand")
        page.get_by_role("radio", name="Cell emptied at every bar").check()
        page.click("#hold")
        page.wait_for_selector("#hold-panel audio >> nth=1")
        assert "nats a note cell" in page.input_value("#hold-verdict textarea")
        page.evaluate("document.querySelector('#hold-panel audio').play()")
        page.wait_for_function("parseFloat(document.querySelector('#hold-panel .playhead').style.left) > 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_composition_appears_as_roll_sheet_and_sound_and_its_midi_obeys(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    page.get_by_role("tab", name="Compose").click()
    page.locator("#key input").fill("D minor")
    page.get_by_role("option", name="D minor").click()
    page.click("#ending input")
    page.click("#compose")
    page.wait_for_selector("#sheet .sheet svg")
    assert "tonic of D minor" in page.inner_text("#report")
    assert page.locator("#music-panel .note").count() > 10
    assert page.evaluate("document.querySelector('#music-panel audio').src").startswith("http://localhost")
    assert "not kept" not in page.inner_text("#report")
    with page.expect_download() as download:
        page.click("#music-files a[download$='.mid'], #music-files a[href$='.mid']")
    download.value.save_as(tmp_path / "x.mid")
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "x.mid"))
    notes = [note for part in midi.instruments for note in part.notes]
    assert {note.pitch % 12 for note in notes} <= {2, 4, 5, 7, 9, 10, 0, 1}  # with the leading tone
    assert midi.get_end_time() == pytest.approx(8 * 4 * 60 / 80, abs=0.01)
    last = {note.pitch % 12 for note in notes if note.end == max(note.end for note in notes)}
    assert last <= {2, 5, 9}
    page.evaluate("document.querySelector('#music-panel audio').play()")
    page.wait_for_function("parseFloat(document.querySelector('#music-panel .playhead').style.left) > 0")


def test_keys_of_the_piano_write_a_beginning_and_humming_is_heard_as_one(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("tab", name="Compose").click()
    page.locator("#begin label", has_text="Notes").click()
    for note in ("E4", "F#4", "G4"):
        page.click(f".piano [data-note='{note}']")
    assert page.input_value("#primer :is(textarea, input)") == "E4 F#4 G4"
    page.locator("#begin label", has_text="Humming").click()
    page.click("#humming-example")
    page.locator("#humming").get_by_role("button", name="Play").first.wait_for()
    page.click("#compose")
    shown = page.wait_for_selector("#music-panel .note, .toast-body", timeout=3 * PATIENCE_MS)
    assert "note" in str(shown.get_attribute("class")), shown.inner_text()


def test_two_visitors_never_see_each_others_words(browser: Any, running: Running) -> None:
    with visiting(browser, running) as ada, visiting(browser, running) as bob:
        ada.page.click("#sample-spelling")
        bob.page.click("#sample-digits")
        for someone in (ada, bob):
            someone.page.wait_for_selector("#speech-panel .said .word")
        assert ada.page.locator("#speech-panel .said .word").all_inner_texts()[:4] == list("MUSI")
        assert "three" in bob.page.inner_text("#speech-panel .said").lower()
        sounds = [someone.page.get_attribute("#speech-panel audio", "src") for someone in (ada, bob)]
        assert sounds[0] != sounds[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(browser: Any, running: Running, scheme: str) -> None:
    with visiting(browser, running, viewport={"width": 400, "height": 800}, color_scheme=scheme) as someone:
        for name in ("Transcribe", "Compose", "Look inside the LSTM"):
            tab = someone.page.get_by_role("tab", name=name)
            if tab.count() and tab.is_visible():
                tab.click()
            wide = someone.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 400, f"{name} is {wide} pixels wide"
        ink = someone.page.evaluate("getComputedStyle(document.querySelector('.intro h1')).color")
        light = np.mean([int(number) for number in ink[4:-1].split(",")]) > 128
        assert light == (scheme == "dark")
