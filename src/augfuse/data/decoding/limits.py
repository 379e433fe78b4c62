"""How large an image may become in memory, and how many large ones may be decoded at a time.

The limit is on decoded bytes. It is `decode`'s `max_bytes`, or for everything that reads files the environment variable
AUGFUSE_MAX_IMAGE_BYTES, or 512 MiB: an RGB image of 179 megapixels, Pillow's own limit. Where a program has set
Pillow's switches, `PIL.Image.MAX_IMAGE_PIXELS` and `PIL.ImageFile.LOAD_TRUNCATED_IMAGES`, they hold here too.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import final

from augfuse.errors import DataError, DecodeError
from augfuse.text import shown
from augfuse.warn_once import warn_first

MAX_IMAGE_BYTES = 512 * 2**20
VARIABLE = "AUGFUSE_MAX_IMAGE_BYTES"
HEADROOM = 64 * 2**20  # what a file may be larger than the image in it
SMALL_FILE = HEADROOM  # bytes that every limit allows
_PILLOW_PIXELS = 1024**3 // 4 // 3  # Pillow's own value of MAX_IMAGE_PIXELS; it refuses images of twice as many
_SMALL = 32 * 2**20  # working memory of an image that nobody waits for
_TOGETHER = 2**30


def check_size(
    width: int, height: int, channels: int, itemsize: int, max_bytes: float | None = None, path: str | None = None
) -> None:
    """Raises DecodeError for an image without pixels, or above the limit."""
    if width <= 0 or height <= 0:
        raise DecodeError(f"the image has no pixels: its header says {width} x {height}.", path)
    size = width * height * channels * itemsize
    limit = plain_limit() if max_bytes is None else max_bytes
    if limit is None:
        _check_pillows_limit(width, height, size, path)
    elif size > limit:
        remedy = (
            "Pass a larger max_bytes" if max_bytes is not None else f"Set the environment variable {VARIABLE}={size}"
        )
        raise DecodeError(f"{_claim(width, height, size)}, more than the limit of {limit:,.0f} bytes. {remedy}.", path)


def max_file_bytes(max_bytes: float | None = None) -> float:
    """The size of a file beyond which it is not even read."""
    limit = plain_limit() if max_bytes is None else max_bytes
    if limit is None:
        pixels = _pillow_pixels()
        return float("inf") if pixels is None else 8.0 * pixels + HEADROOM
    return limit + HEADROOM


def check_file_size(size: int, path: str | None = None, max_bytes: float | None = None) -> None:
    """Raises DecodeError for a file that is too large to be read at all."""
    if size > SMALL_FILE and size > (limit := max_file_bytes(max_bytes)):
        raise DecodeError(
            f"the file is larger than the limit of {limit:,.0f} bytes. Set the environment variable {VARIABLE}.", path
        )


def loads_truncated() -> bool:
    """Whether a program has told Pillow to load truncated files."""
    module = sys.modules.get("PIL.ImageFile")  # another thread may be in the middle of importing it
    return bool(getattr(module, "LOAD_TRUNCATED_IMAGES", False))


def plain_limit() -> float | None:
    """The largest image in bytes, for everything that reads files; None where Pillow's switch decides."""
    text = os.environ.get(VARIABLE)
    if text:
        try:
            limit = float(text)
        except ValueError:
            limit = 0.0
        if not limit > 0:
            raise DataError(f"{VARIABLE}: got {shown(text)}, wanted a number of bytes, such as 2e9.")
        return limit
    return MAX_IMAGE_BYTES if _pillow_pixels() == _PILLOW_PIXELS else None


def _pillow_pixels() -> int | None:
    return getattr(sys.modules.get("PIL.Image"), "MAX_IMAGE_PIXELS", _PILLOW_PIXELS)


def _check_pillows_limit(width: int, height: int, size: int, path: str | None) -> None:
    pixels = _pillow_pixels()
    if pixels is not None and width * height > 2 * pixels:
        raise DecodeError(
            f"{_claim(width, height, size)}, more than PIL.Image.MAX_IMAGE_PIXELS = {pixels:,} allows, which this "
            f"program has set. Set it anew, or the environment variable {VARIABLE}={size}.",
            path,
        )
    if size > MAX_IMAGE_BYTES:
        warn_first(
            "MAX_IMAGE_PIXELS",
            f"An image of {width} x {height} pixels is decoded to {size:,} bytes because this program has set "
            f"PIL.Image.MAX_IMAGE_PIXELS to {pixels}; the limit is {MAX_IMAGE_BYTES:,} bytes otherwise.",
        )


def _claim(width: int, height: int, size: int) -> str:
    return f"the header claims {width} x {height} pixels, {size:,} bytes when decoded"


# --- one budget for all threads ---------------------------------------------------------------------------------------


@final
class _Budget:
    """Working memory that is in use. An image that takes more than everything waits until it is alone."""

    def __init__(self) -> None:
        self.used = 0.0
        self.changed = threading.Condition()


_budget = _Budget()


def _start_anew() -> None:
    """A child of fork has none of the threads that its parent's budget counts."""
    global _budget
    _budget = _Budget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def reserve(working: float) -> float:
    """Wait until an image that takes `working` bytes can be decoded beside the others; small ones never wait.

    Returns what has to be given to `release`, 0 for small ones.
    """
    if working < _SMALL:
        return 0.0
    share, budget = min(working, _TOGETHER), _budget
    with budget.changed:
        budget.changed.wait_for(lambda: budget.used + share <= _TOGETHER)
        budget.used += share
    return share


def release(share: float) -> None:
    """The image is decoded."""
    budget = _budget
    with budget.changed:
        budget.used = max(0.0, budget.used - share)
        budget.changed.notify_all()
