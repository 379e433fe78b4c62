"""What the walk through the header of a file finds."""

from __future__ import annotations

from typing import Any, NamedTuple


class Header(NamedTuple):
    """What the header walk found. `width` and `height` are as stored, before the orientation is applied.

    channels: of the decoded image: 1, 3 or 4. itemsize: bytes of one decoded value. orientation: EXIF, 1..8.
    working: bytes per pixel that decoding takes at its peak, the decoded image included.
    cmyk, is_gray: whether colours for print are stored; whether one gray value is, with or without a transparent one.
    detail: what the decoder of this format needs to know besides.
    """

    format: str
    width: int
    height: int
    channels: int
    itemsize: int = 1
    orientation: int = 1
    working: float = 0.0
    cmyk: bool = False
    is_gray: bool = False
    detail: Any = None
