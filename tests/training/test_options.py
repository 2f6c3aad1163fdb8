"""Recipe options: presets, YAML files and typed overrides, in that order; one line for whatever is wrong."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.training.config import TrainConfig
from audio_lstm.training.options import data_fingerprint, parse_recipe, run_recipe, settings_of

LSTM = LSTMConfig(input_size=8)
TRAIN = TrainConfig(max_epochs=9, warmup_steps=7)


@dataclass(frozen=True)
class Toy:
    """A recipe without data."""

    data: Path = Path("data")
    places: tuple[Path, ...] = ()
    out: Path = Path("runs/toy")
    lstm: LSTMConfig = LSTM
    symbols: tuple[str, ...] = ("A", "B")
    rate: float = 0.5
    limit: int | None = None
    train: TrainConfig = TRAIN


BASE = Toy()
TINY = replace(BASE, rate=0.25, lstm=replace(BASE.lstm, hidden_size=16), train=replace(BASE.train, max_epochs=2))


def parse(*arguments: str) -> Toy:
    return parse_recipe(Toy, {"base": BASE, "tiny": TINY}, arguments)


def yaml(folder: Path, text: str) -> str:
    file = folder / "my.yaml"
    file.write_text(text)
    return str(file)


def test_without_options_the_first_preset_comes_back_equal() -> None:
    assert parse() == BASE


@pytest.mark.parametrize("arguments", [("--preset", "tiny"), ("--preset=tiny",)])
def test_a_preset_comes_back_equal(arguments: tuple[str, ...]) -> None:
    assert parse(*arguments) == TINY


def test_dotted_options_override_single_values_of_the_preset() -> None:
    recipe = parse("--train.learning_rate", "1e-3", "--preset", "tiny", "--lstm.dropout=0.1", "--out", "elsewhere")
    expected = replace(
        TINY,
        out=Path("elsewhere"),
        lstm=replace(TINY.lstm, dropout=0.1),
        train=replace(TINY.train, learning_rate=1e-3),
    )
    assert recipe == expected
    assert type(recipe.train.learning_rate) is float
    assert isinstance(recipe.out, Path)


def test_dashes_in_names_are_as_good_as_underscores() -> None:
    assert parse("--train.learning-rate=1e-3", "--lstm.n-layers", "1") == replace(
        BASE, train=replace(BASE.train, learning_rate=1e-3), lstm=replace(BASE.lstm, n_layers=1)
    )


def test_a_value_keeps_its_dashes() -> None:
    assert parse("--out=runs/my-run").out == Path("runs/my-run")
    assert parse("--data", "my-data=new").data == Path("my-data=new")


@pytest.mark.parametrize("arguments", [["--places", "one-a"], ["--places=one-a"], ["--places", '["one-a"]']])
def test_one_value_of_an_option_that_takes_several_is_a_list_of_one(arguments: list[str]) -> None:
    assert parse(*arguments).places == (Path("one-a"),)


def test_several_values_are_a_list() -> None:
    assert parse("--places", "[one, two/three]").places == (Path("one"), Path("two/three"))


def test_tuples_and_none_are_typed() -> None:
    recipe = parse("--symbols", '["X", "Y", " "]', "--train.betas", "[0.8, 0.9]", "--limit", "3", "--train.max_steps=5")
    assert recipe.symbols == ("X", "Y", " ")
    assert recipe.train.betas == (0.8, 0.9)
    assert (recipe.limit, recipe.train.max_steps) == (3, 5)
    assert parse("--limit", "null").limit is None


def test_a_yaml_file_sets_values_and_1e_3_is_a_float(tmp_path: Path) -> None:
    file = yaml(tmp_path, "rate: 1e-3\ntrain:\n  learning_rate: 1e-3\n  max_epochs: 3\n")
    recipe = parse("--preset", "tiny", "--config", file)
    assert (recipe.rate, recipe.train.learning_rate, recipe.train.max_epochs) == (0.001, 0.001, 3)
    assert type(recipe.rate) is float
    assert recipe.lstm == TINY.lstm


@pytest.mark.parametrize("first", ["option", "file"])
def test_options_win_over_the_yaml_file_wherever_they_stand(tmp_path: Path, first: str) -> None:
    file, option = ["--config", yaml(tmp_path, "rate: 0.1\nlimit: 4\n")], ["--rate", "0.9"]
    recipe = parse(*(option + file if first == "option" else file + option))
    assert (recipe.rate, recipe.limit) == (0.9, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train.lerning_rate", "1"], "unknown option --train.lerning_rate; did you mean --train.learning_rate"),
        (["--trane.learning-rate=1"], "unknown option --trane.learning_rate; did you mean --train.learning_rate"),
        (["--rat", "1"], "unknown option --rat; did you mean --rate"),
        (["--zzzz", "1"], "unknown option --zzzz; known: data, places, out, lstm.input_size, "),
        (["extra"], "unrecognized arguments: extra (see --help)"),
        (["--rate"], "argument --rate: expected one argument (see --help)"),
        (["--preset", "huge"], "argument --preset: invalid choice: 'huge'"),
        (["--preset"], "argument --preset: expected one argument"),
        (["--config"], "argument --config: expected one argument"),
    ],
)
def test_an_unknown_option_is_named_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(*arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "named", "value"),
    [
        (["--train.max_epochs", "many"], "train.max_epochs", "many"),
        (["--train.max_epochs", "2.5"], "train.max_epochs", "2.5"),
        (["--rate", "fast"], "rate", "fast"),
        (["--train.device", "tpu"], "train.device", "tpu"),
        (["--train.tensorboard", "perhaps"], "train.tensorboard", "perhaps"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_option(arguments: list[str], named: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(*arguments)
    assert f'"{named}"' in str(caught.value)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_out_of_range_is_refused_by_its_dataclass() -> None:
    with pytest.raises(ConfigError, match="max_epochs must be at least 1, got 0"):
        parse("--train.max_epochs", "0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat: 1\n", "unknown option --rat; did you mean --rate"),
        ("train: {max_epoch: 1}\n", "max_epoch"),
        ("rate: fast\n", '"rate"'),
        ("rate: [1\n", "(?i)pars"),
    ],
)
def test_a_wrong_yaml_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse("--config", yaml(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_yaml_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"does not exist.*nowhere\.yaml"):
        parse("--config", "nowhere.yaml")


def test_the_command_line_is_read_where_no_arguments_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["toy.py", "--rate", "0.125"])
    assert parse_recipe(Toy, {"base": BASE}, None).rate == 0.125


def test_help_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse("--help")
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for name in ("--preset", "--config", "--train.learning_rate", "--lstm.hidden_size", "--rate"):
        assert name in out


def test_settings_leave_out_places_and_the_training_that_the_run_keeps_itself() -> None:
    settings = settings_of(replace(TINY, places=(Path("a"), Path("b"))))
    assert set(json.loads(json.dumps(settings))) == {"lstm", "symbols", "rate", "limit"}
    assert settings["lstm"]["hidden_size"] == 16
    assert settings_of(replace(TINY, data=Path("x"), out=Path("y"), places=(Path("z"),))) == settings


def test_a_fingerprint_tells_other_data_and_only_those() -> None:
    one, two = ("one", 800, np.array([1, 2])), ("two", 900, np.array([3], dtype=np.int32))
    known = data_fingerprint([one, two], [one])
    assert known.startswith("2 + 1 items, sha256 ")
    assert known == data_fingerprint(iter([one, two]), iter([("one", 800, np.array([1, 2], dtype=np.int32))]))
    others = [
        data_fingerprint([two, one], [one]),
        data_fingerprint([one], [two, one]),
        data_fingerprint([one, two], [two]),
        data_fingerprint([("uno", *one[1:]), two], [one]),
        data_fingerprint([("one", 801, one[2]), two], [one]),
        data_fingerprint([("one", 800, np.array([2, 1])), two], [one]),
        data_fingerprint([one, two], [one], meaning="notes"),
    ]
    assert len({known, *others}) == 8


def test_a_recipe_that_fails_ends_with_one_line_that_names_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> int:
        raise DataError("data: no such folder;\npass --data")

    monkeypatch.setattr(sys, "argv", ["recipes/toy.py"])
    with pytest.raises(SystemExit) as stop:
        run_recipe(fails)
    assert stop.value.code == "toy.py: data: no such folder; pass --data"


def test_a_recipe_writes_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def tells() -> int:
        sys.stdout.write("…\n")
        raise DataError("no letters")

    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii"))
    with pytest.raises(SystemExit, match="no letters"):
        run_recipe(tells)
    sys.stdout.flush()
    assert out.getvalue() == b"...\n"


@pytest.mark.parametrize("status", [0, 143])
def test_a_recipe_exits_with_its_own_status(status: int) -> None:
    with pytest.raises(SystemExit) as stop:
        run_recipe(lambda: status)
    assert stop.value.code == status
