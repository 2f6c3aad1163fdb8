"""The demo as a script to copy and change: `python demos/app.py`. It is what `audio-lstm demo` runs.

The page lives in `audio_lstm/demo/`: `page.py` puts the tabs together, `speech_tab.py`, `music_tab.py` and
`inside_tab.py` say what each asks and answers, the files called `*_view.py` how answers look, `assets/` holds the
styles and scripts.
"""

from __future__ import annotations

from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.server import run_demo

CONFIG = DemoConfig(port=7860, max_minutes=10.0)

if __name__ == "__main__":
    run_demo(CONFIG, ready=lambda address: print(f"the demo is at {address} (Ctrl-C ends it)", flush=True))
