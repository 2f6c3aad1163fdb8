"""Lists, dicts, numbers and numpy arrays out of a pickle, without running it.

A pickle is a program for a machine that can call anything by name. This is another machine, which knows the steps that
build containers and numbers; of names it knows numpy's arrays and numbers, which it builds itself from their bytes. The
steps come from the standard library's disassembler (pickletools), which executes nothing.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError

__all__ = ["read_pickled_lists"]


def read_pickled_lists(data: bytes) -> Any:
    """What a pickle of plain values holds.

    Args:
        data: A pickle of any protocol, from Python 2 or 3.

    Returns:
        Dicts, lists, tuples, numbers, None, text, bytes, and arrays of numbers.

    Raises:
        DataError: It is damaged, or names anything but numpy's arrays and numbers.
    """
    machine = _Machine()
    try:
        for step, argument, _ in pickletools.genops(data):
            machine.run(step.name, argument)
        return _plain(machine.stack.pop())
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"not readable as a pickle ({error}); download it again") from error


class _Name:
    """Something that a pickle may name."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


class _Type:
    """numpy.dtype: its code, then a state of which only the byte order matters."""

    def __init__(self, code: Any, *_: object) -> None:
        code = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(code, str) or code[:1] not in tuple("biuf"):
            raise DataError(f"holds an array of {code!r}; only whole numbers, floats and bools are read from pickles")
        self.dtype = np.dtype(code)

    def set_state(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order in ("<", ">"):
            self.dtype = np.dtype(f"{order}{self.dtype.kind}{self.dtype.itemsize}")


class _Array:
    """numpy.ndarray, whose numbers come after it."""

    def __init__(self, *_: object) -> None:
        self.value: NDArray[Any] = np.zeros(0)

    def set_state(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, data = state
        self.value = _numbers(kind, data).reshape(shape, order="F" if fortran else "C")


def _numbers(kind: Any, data: Any) -> NDArray[Any]:
    if not isinstance(kind, _Type):
        raise DataError("holds a damaged array; download it again")
    return np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, kind.dtype)


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes, as Python 3 writes them in Python 2's protocol."""
    if encoding != "latin1":
        raise DataError(f"holds text in {encoding!r}; only latin1 is read from pickles")
    return text.encode("latin1")


_KNOWN = {
    "numpy dtype": _Name(_Type),
    "numpy ndarray": _Name(_Array),
    "_codecs encode": _Name(_latin1),
    "__builtin__ bytes": _Name(lambda: b""),  # as Python 3 writes no bytes in Python 2's protocol
    **{f"numpy.{core}.multiarray _reconstruct": _Name(_Array) for core in ("core", "_core")},
    **{
        f"numpy.{core}.multiarray scalar": _Name(lambda kind, data: _numbers(kind, data)[0])
        for core in ("core", "_core")
    },
}
_VALUES = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    )
)
_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
}


class _Machine:
    """A stack, marks in it, and a memory."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}

    def run(self, step: str, argument: Any) -> None:
        """One step of the program."""
        stack = self.stack
        if step in _VALUES:
            stack.append(argument)
        elif step in _NEW:
            stack.append(_NEW[step]())
        elif step in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memory[len(self._memory) if argument is None else int(argument)] = stack[-1]
        elif step in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memory[int(argument)])
        elif step == "MARK":
            self._marks.append(len(stack))
        elif step in ("POP", "POP_MARK"):
            del stack[-1 if step == "POP" else self._marks.pop() :]
        elif step in ("GLOBAL", "STACK_GLOBAL"):
            self._name(argument if step == "GLOBAL" else " ".join(map(str, self._last(2))))
        elif step == "REDUCE":
            name, arguments = self._last(2)
            if not isinstance(name, _Name):
                raise DataError("calls what is not a numpy array; it was not run")
            stack.append(name.call(*arguments))
        elif step == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], _Type | _Array):
                raise DataError("builds what is not a numpy array; it was not run")
            stack[-1].set_state(state)
        elif step not in ("PROTO", "FRAME", "STOP"):
            self._fill(step)

    def _fill(self, step: str) -> None:
        """The steps that put values into containers."""
        stack = self.stack
        if step in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(self._last(int(step[-1]))))
        elif step in ("TUPLE", "LIST"):
            values = self._marked()
            stack.append(tuple(values) if step == "TUPLE" else values)
        elif step in ("APPEND", "APPENDS"):
            values = self._marked() if step == "APPENDS" else self._last(1)
            _of_type(stack[-1], list).extend(values)
        elif step in ("DICT", "SETITEM", "SETITEMS"):
            values = self._last(2) if step == "SETITEM" else self._marked()
            if step == "DICT":
                stack.append({})
            _of_type(stack[-1], dict).update(zip(values[::2], values[1::2], strict=True))
        else:
            raise DataError(
                f"needs the step {step}; a pickle of rolls holds lists, dicts, numbers and numpy arrays only"
            )

    def _name(self, name: str) -> None:
        if name not in _KNOWN:
            raise DataError(
                f"asks for {name.replace(' ', '.')}; a pickle of rolls holds lists, dicts, numbers and numpy arrays "
                "only. It was not run; if you trust it, convert it to npz (arrays train, train_len, …)"
            )
        self.stack.append(_KNOWN[name])

    def _last(self, n: int) -> list[Any]:
        values = self.stack[len(self.stack) - n :]
        if len(values) != n:
            raise DataError("not readable as a pickle (its stack is empty); download it again")
        del self.stack[len(self.stack) - n :]
        return values

    def _marked(self) -> list[Any]:
        start = self._marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values


def _of_type(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise DataError(f"not readable as a pickle (a {kind.__name__} is missing); download it again")
    return value


def _plain(value: Any) -> Any:
    """Values with arrays in place of what they were built in."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, list | tuple | dict | _Array) for item in value):
        return [_plain(item) for item in value]
    if isinstance(value, tuple) and any(isinstance(item, _Array) for item in value):
        return tuple(_plain(item) for item in value)
    return value
