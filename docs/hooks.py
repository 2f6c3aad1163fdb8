"""What mkdocs fills in while it builds, so that it cannot go out of date: help texts, directions of imports."""

from __future__ import annotations

import ast
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


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


def directions() -> str:
    """The tables of tests/test_directions.py: which folder may import which."""
    source = (Path(__file__).parent.parent / "tests" / "test_directions.py").read_text("utf-8")
    found = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in {"FOLDERS", "SPEECH", "MUSIC"}
    }
    parts = []
    for name, title, top in (
        ("FOLDERS", "audio_lstm", "modules at the top"),
        ("SPEECH", "audio_lstm/speech", "modules at the top"),
        ("MUSIC", "audio_lstm/music", "the verbs"),
    ):
        rows = [
            f"| {_code(folder) or top} | {', '.join(map(_code, allowed.split())) or 'nothing'} |"
            for folder, allowed in found[name].items()
        ]
        parts += [f"### {title}", "", "| folder | may import, beside the modules at the top |", "|---|---|", *rows, ""]
    return "\n".join(parts)


_OUTSIDE = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)+(?:audio_lstm|recipes|tests|demos)/[^)]*\)"
)  # a link into the repository


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put help texts where a page says `<!-- help: COMMAND -->`, and the directions where it says so.

    Links to files of the repository, which are of use where a page is read there, keep their words alone.
    """
    markdown = _OUTSIDE.sub(r"\1", markdown)
    markdown = _HELP.sub(lambda found: f"```text\n{help_text(found[1])}```", markdown)
    return markdown.replace("<!-- directions -->", directions()) if "<!-- directions -->" in markdown else markdown


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
