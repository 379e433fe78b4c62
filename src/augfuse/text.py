"""How a value of the user's, or a name from a disk, becomes part of a message: short, on one line, safe to print.

Every message goes through here: `shown` where a value is quoted, `printable` where a whole message is printed. A file
name may hold codes that a terminal executes, a recipe file a value whose repr takes a gigabyte.
"""

from __future__ import annotations

import reprlib
from typing import Any, final

LONGEST_VALUE = 300  # characters of one quoted value
LONGEST_MESSAGE = 4000


@final
class _Short(reprlib.Repr):
    """The standard library's bounded repr; objects without a bound there are cut after the fact."""

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write whole numbers of more than 4300 digits.
        return f"a whole number of {x.bit_length():,} bits" if x.bit_length() > 14_000 else repr(x)


_SHORT = _Short()
_SHORT.maxlevel = 3
_SHORT.maxtuple = _SHORT.maxlist = _SHORT.maxset = _SHORT.maxfrozenset = _SHORT.maxarray = _SHORT.maxdeque = 8
_SHORT.maxdict = 6
_SHORT.maxstring = _SHORT.maxother = LONGEST_VALUE


def shown(value: Any) -> str:
    """The repr of a value for a message: printable, on one line, of at most LONGEST_VALUE characters."""
    text = " ".join(printable(_SHORT.repr(value)).split("\n"))
    return _cut(text, LONGEST_VALUE)


def printable(text: str, encoding: str = "utf-8") -> str:
    """The text with everything escaped that is not printable, line ends apart: control codes of a terminal, marks that
    reverse the direction of writing, bytes of a file name that are not letters in its encoding, and letters that the
    `encoding` of where it is printed lacks.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def message(text: str) -> str:
    """A whole message as it may be printed: printable, and cut where it is longer than anybody reads."""
    return printable(_cut(text, LONGEST_MESSAGE))


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    half = (length - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
