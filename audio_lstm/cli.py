"""The command line: thin over the Python API. Results go to stdout, progress and complaints to stderr.

Exit status: 0 all well, 1 something failed (each failure has its line on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence

from audio_lstm.commands.align import add_align
from audio_lstm.commands.console import ComplainingHandler, Parser, answer, complain, require_output
from audio_lstm.commands.demo import add_demo
from audio_lstm.commands.fill import add_harmonise, add_infill
from audio_lstm.commands.listen import add_listen
from audio_lstm.commands.memory import add_memory
from audio_lstm.commands.music import add_compose, add_evaluate_music
from audio_lstm.commands.render import add_render
from audio_lstm.commands.serve import add_serve
from audio_lstm.commands.speech import add_evaluate_speech
from audio_lstm.commands.train_lm import add_train_lm
from audio_lstm.commands.transcribe import add_transcribe
from audio_lstm.commands.tune import add_tune
from audio_lstm.errors import AudioLSTMError, ConfigError
from audio_lstm.streams import drop, prepare_streams

__all__ = ["main"]

# Heavy imports live inside the commands: `audio-lstm --help` answers at once, and nothing here imports torch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None reads sys.argv.

    Returns:
        The exit status; wrong usage and --help raise SystemExit, as argparse does.
    """
    prepare_streams()
    logging.getLogger("audio_lstm.speech").handlers[:] = [ComplainingHandler()]
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        drop(sys.stdout)
        return 1
    except OSError as error:  # what no command has foreseen: a full disk, say
        complain(f"{error.filename or 'output'}: {error.strerror or error}")
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            return 1
        drop(sys.stdout)
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        status = command(options)
        sys.stdout.flush()  # here, where a reader that went away is dealt with
        return status
    except AudioLSTMError as error:
        complain(str(error))
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except UnicodeEncodeError as error:  # the system takes names in the locale's encoding alone
        letter = f"the letter {error.object[error.start]!a}, which {error.encoding} lacks"
        complain(f"{error.object[:80]!a} holds {letter}; set PYTHONUTF8=1, or another locale")
        return 1
    except SystemExit:
        sys.stdout.flush()  # of --help
        raise


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="audio-lstm",
        description="Transcribe speech and compose music with small LSTMs, offline.",
        allow_abbrev=False,  # or a new option could break old scripts
    )
    parser.add_argument("--version", action="version", version=f"audio-lstm {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    add_transcribe(commands)
    add_align(commands)
    add_listen(commands)
    add_serve(commands)
    add_compose(commands)
    add_harmonise(commands)
    add_infill(commands)
    add_render(commands)
    add_memory(commands)
    add_demo(commands)
    evaluate = commands.add_parser("evaluate", allow_abbrev=False, help="measure a model on data")
    wings = evaluate.add_subparsers(title="wings", metavar="speech|music", required=True, parser_class=Parser)
    add_evaluate_speech(wings)
    add_evaluate_music(wings)
    add_tune(commands)
    add_train_lm(commands)
    models = commands.add_parser("models", allow_abbrev=False, help="list the models that come with this package")
    models.set_defaults(command=_models)
    return parser


def _models(options: argparse.Namespace) -> int:
    from audio_lstm.checkpoint import shipped_models

    require_output()
    for name, folder in shipped_models().items():
        card = (folder / "README.md").read_text("utf-8").splitlines()
        summary = next((line for line in card if line and not line.startswith(("#", "-", "|"))), "")
        answer(f"{name}\t{summary}")
    return 0


def _version() -> str:
    from audio_lstm.version import __version__

    return __version__


if __name__ == "__main__":
    raise SystemExit(main())
