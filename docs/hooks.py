"""What mkdocs fills in while it builds: the help texts of the commands, so that they cannot go out of date."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import Any

_HELP = re.compile(r"^<!-- help: (.*) -->$", re.MULTILINE)


def help_text(command: str) -> str:
    """What `audio-lstm COMMAND --help` prints."""
    from audio_lstm.cli import main

    os.environ["COLUMNS"] = "100"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*command.split(), "--help"])
    if not printed.getvalue():
        raise ValueError(f"audio-lstm {command} --help prints nothing; is there such a command?")
    return printed.getvalue()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the help text of a command where a page says `<!-- help: COMMAND -->`."""
    return _HELP.sub(lambda found: f"```text\n{help_text(found[1])}```", markdown)


# Folder: the part of the navigation in which its pages stand.
_SECTIONS = {"how-to": "How to", "decisions": "Decisions", "": "Understand"}


def on_config(config: Any) -> Any:
    """Put pages that the navigation does not name at the end of their part: to add a page is to add a file."""
    folder = Path(config["docs_dir"])
    named = set(re.findall(r"[\w/-]+\.md", str(config["nav"])))
    for subfolder, title in _SECTIONS.items():
        section = next(part[title] for part in config["nav"] if title in part)
        pages = sorted((folder / subfolder).glob("*.md"))
        section.extend(name for page in pages if (name := page.relative_to(folder).as_posix()) not in named)
    return config
