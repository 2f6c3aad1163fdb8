"""Pickles are read without being run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_lstm.errors import DataError
from recipes.music.rolls.pickled_lists import read_pickled_lists


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back_from_every_protocol(protocol: int) -> None:
    notes = (60, 64)
    value = {
        "train": [[notes, (), notes], []],
        "rest": [True, None, 1.5, -3, 2**40, "text", b"bytes"],
        "many": list(range(3)),
    }
    assert read_pickled_lists(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["<i8", ">i4", "<f4", "uint8", "bool"])
def test_arrays_and_numbers_of_numpy_come_back(protocol: int, kind: str) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(kind)
    data = pickle.dumps({"a": [array, array.T], "n": [array[0, 0]]}, protocol)
    if protocol == 5:  # there numpy hands its buffers over by another function
        with pytest.raises(DataError, match=r"asks for numpy\._?core\.numeric\._frombuffer"):
            read_pickled_lists(data)
        return
    found = read_pickled_lists(data)
    assert np.array_equal(found["a"][0], array)
    assert np.array_equal(found["a"][1], array.T)
    assert found["n"] == [1]


def test_a_pickle_of_python_2_is_read() -> None:
    data = b"(dp1\nS'train'\np2\n(lp3\n(lp4\n(I60\nI64\ntp5\na(taas."
    assert read_pickled_lists(data) == {"train": [[(60, 64), ()]]}


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.file}",)


def test_a_pickle_that_calls_something_is_refused_and_not_run(tmp_path: Path) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps([Bomb(tmp_path / "gone-off")], protocol)
        with pytest.raises(DataError, match=r"asks for (posix|nt)\.system; .*It was not run; .* convert it to npz"):
            read_pickled_lists(data)
    assert not (tmp_path / "gone-off").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not readable as a pickle"),
        (b"not a pickle", "not readable as a pickle"),
        (pickle.dumps([[60], [64]])[:-4], "not readable as a pickle"),
        (pickle.dumps({1, 2}), r"needs the step EMPTY_SET; a pickle of rolls holds lists"),
        (pickle.dumps(np.array([None])), r"holds an array of 'O8'; only whole numbers"),
        (b"I1\n)R.", "calls what is not a numpy array"),
        (b"I1\n)b.", "builds what is not a numpy array"),
        (b"I1\nI2\na.", "a list is missing"),
        (b"\x85.", "its stack is empty"),
        (b"c_codecs\nencode\n(Vx\nVutf-16\ntR.", "holds text in 'utf-16'; only latin1"),
        (b"cnumpy.core.multiarray\nscalar\n(I1\nI2\ntR.", "holds a damaged array"),
    ],
)
def test_damaged_and_odd_pickles_are_one_clear_line(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_pickled_lists(data)
