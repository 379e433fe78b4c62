"""Every error augfuse raises on purpose.

Each class is also the built-in people already catch in that place (ValueError, TypeError, OSError, ImportError).
A message says what is wrong, what was given, what is wanted, and the next line to type.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from augfuse.text import message, shown


class AugfuseError(Exception):
    """Base of every error augfuse raises on purpose.

    Its text is safe to print, whatever names and values are in it.
    """

    def __str__(self) -> str:
        return message(Exception.__str__(self))


class RangeError(AugfuseError, ValueError):
    """A parameter of a transform is outside its domain, upside down or of the wrong form."""


class RecipeError(AugfuseError, ValueError):
    """A recipe cannot be built, read or applied as it stands."""


class ImageError(AugfuseError, ValueError):
    """Pixels that cannot be used: wrong shape, NaN, outside the declared value range, sizes that do not stack."""


class ImageTypeError(AugfuseError, TypeError):
    """An image, a batch or an argument of the wrong type or dtype."""


class DataError(AugfuseError, ValueError):
    """A data source that cannot be used: empty, labels of the wrong length, classes that do not match."""


class DataNotFoundError(AugfuseError, FileNotFoundError):
    """A file or folder that does not exist, or is not of the kind that was asked for."""


class DecodeError(AugfuseError, OSError, ValueError):
    """Bytes that are not a complete, readable image. `path` is the file, where one is known."""

    def __init__(self, message: str, path: str | None = None) -> None:
        Exception.__init__(self, message if path is None else f"{path}: {message}")
        self.reason = message
        self.path = path

    def __reduce__(self) -> tuple[type[DecodeError], tuple[str, str | None]]:
        return DecodeError, (self.reason, self.path)


class StateError(AugfuseError, ValueError):
    """A saved loader state that belongs to another loader."""


class ReadOnlyError(AugfuseError, AttributeError):
    """An option that is fixed when its object is made, or that the object does not have."""


class MissingExtraError(AugfuseError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""


class AugfuseWarning(UserWarning):
    """Base of every warning augfuse gives.

    Its text is safe to print, as an error's is.
    """

    def __str__(self) -> str:
        return message(UserWarning.__str__(self))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the closest known name, or the empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {shown(close[0])}?" if close else ""
