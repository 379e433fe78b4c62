"""How values and names get into messages: short, on one line, and nothing that a terminal would execute."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.text import LONGEST_MESSAGE, LONGEST_VALUE, printable, shown


def nested(depth: int) -> list[Any]:
    value: Any = 1
    for _ in range(depth):
        value = [value] * 9
    return value


class Unfriendly:
    def __repr__(self) -> str:
        return "\x1b[31m\n" * 10_000


class Raising:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    "value",
    [
        nested(9), "x" * 10**6, b"x" * 10**6, 10**5000, {i: i for i in range(10**5)}, set(range(10**5)),
        np.arange(10**6), np.zeros((2, 2)), Unfriendly(), Raising(), "\x1b[2J\u202e\udce9", Path("\x1b]0;title\x07"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_any_value_is_shown_short_on_one_line(value: object) -> None:
    tracemalloc.start()
    text = shown(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text.isprintable() and 0 < len(text) <= LONGEST_VALUE
    assert peak < 4e6


@pytest.mark.parametrize("value", [1, 0.5, (0.8, 1.2), "cat", None, True, [1, 2], {"a": 1}, -20, "it's", "Ärger"])
def test_ordinary_values_are_shown_as_python_writes_them(value: object) -> None:
    assert shown(value) == repr(value)


def test_printable_keeps_letters_and_lines() -> None:
    assert printable("Größe 犬\n20°") == "Größe 犬\n20°"
    assert printable("a\x1b[31m\x07\u202eb\udcff") == "a\\x1b[31m\\x07\\u202eb\\udcff"


@pytest.mark.parametrize(
    "kind", [af.DataError, af.RecipeError, af.DecodeError, af.DataNotFoundError, af.AugfuseWarning]
)
def test_every_error_and_warning_is_safe_to_print(kind: type[Exception]) -> None:
    text = str(kind("a/\x1b[31mred.png: damaged"))
    assert text == "a/\\x1b[31mred.png: damaged"
    long = str(kind("x" * 10**6))
    assert len(long) <= LONGEST_MESSAGE


def test_the_path_of_an_error_stays_what_it_is() -> None:
    error = af.DecodeError("damaged", "a/\x1b.png")
    assert error.path == "a/\x1b.png" and str(error) == "a/\\x1b.png: damaged"
