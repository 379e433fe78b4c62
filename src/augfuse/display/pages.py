"""Pages of pictures to look at: pixels as people see them, side by side, with words written under them.

Pages are uint8 (h, w, 3) arrays on white. The type is Pillow's own, so that nothing has to be installed or found.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np

from augfuse.outputs import State, is_empty

PAPER, INK, FAINT = 255, (25, 25, 30), (105, 105, 115)
_CHECK = (8, 255, 208)  # the board behind what is transparent: pixels of a square, its two greys
# A picture with words under it is enlarged to this width, as far as its longer side allows, and has this much room.
_READABLE, _TALLEST = 128, 512


def as_rgb(image: np.ndarray) -> np.ndarray:
    """(h, w, c) uint8 -> (h, w, 3): one or two channels as grey (the first), four laid over a chequerboard, of more the
    first three."""
    channels = image.shape[2]
    if channels < 3:
        return np.repeat(image[..., :1], 3, axis=2)
    if channels != 4:
        return np.ascontiguousarray(image[..., :3])
    square, light, dark = _CHECK
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    board = np.where((y // square + x // square) % 2, dark, light)[..., None]
    alpha = image[..., 3:].astype(np.float32) / 255
    return np.rint(image[..., :3] * alpha + board * (1 - alpha)).astype(np.uint8)


def fitted(image: np.ndarray, side: int) -> np.ndarray:
    """(h, w, 3) uint8 with a longer side of about `side` pixels: small ones enlarged by a whole number, so that their
    pixels show, large ones averaged down."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= side:
        times = side // longest
        return image.repeat(times, axis=0).repeat(times, axis=1)
    from PIL import Image

    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def png_bytes(image: np.ndarray, writer: str = "augfuse") -> bytes:
    """A (h, w), (h, w, 1) or (h, w, 3) uint8 image as PNG, which says who wrote it."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    out, info = io.BytesIO(), PngInfo()
    info.add_text("Software", writer)
    pixels = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    Image.fromarray(pixels).save(out, format="PNG", pnginfo=info)
    return out.getvalue()


def png_state(path: Path, writer: str) -> State:
    """Whether a file is a PNG of this writer."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            return State.OURS if image.info.get("Software") == writer else State.FOREIGN
    except Exception:  # whatever is wrong with it, it is not ours
        return State.OURS if is_empty(path) else State.FOREIGN


@final
class Type:
    """Lines of words in one size (pixels)."""

    def __init__(self, size: int) -> None:
        from PIL import ImageFont

        self.font = ImageFont.load_default(size)
        self.line = math.ceil(size * 1.3)

    def width(self, text: str) -> float:
        return self.font.getlength(text)

    def wrapped(self, text: str, width: float, commas: bool = False) -> list[str]:
        """Lines no wider than `width` pixels, broken at spaces, and inside a word that is wider than that. `commas`:
        broken behind commas as far as that goes, so that a number stays with its name."""
        lines: list[str] = []
        for paragraph in written(text).split("\n"):
            pieces = re.split(r"(?<=,) +", paragraph.strip()) if commas else paragraph.split()
            lines += self._filled(pieces, width)
        return lines

    def _filled(self, pieces: Sequence[str], width: float) -> list[str]:
        """The pieces, as many on a line as fit; one that does not fit on its own line is broken up."""
        lines: list[str] = []
        line = ""
        for piece in pieces:
            longer = f"{line} {piece}" if line else piece
            if self.width(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *broken, line = [piece] if self.width(piece) <= width else self._broken(piece, width)
            lines += broken
        return [*lines, line] if line else lines

    def _broken(self, piece: str, width: float) -> list[str]:
        words = piece.split()
        if len(words) > 1:
            return self._filled(words, width)
        lines = [""]
        for letter in piece:
            if lines[-1] and self.width(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
        return lines


@cache
def type_of(size: int) -> Type:
    """The type of this size; opened once."""
    return Type(size)


@final
class Page:
    """A white page of height x width pixels to put pictures and lines on."""

    def __init__(self, height: int, width: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("RGB", (max(width, 1), max(height, 1)), (PAPER, PAPER, PAPER))
        self._draw = ImageDraw.Draw(self._image)

    def picture(self, image: np.ndarray, top: int, left: int) -> None:
        from PIL import Image

        self._image.paste(Image.fromarray(image), (left, top))

    def lines(self, lines: Sequence[str], letters: Type, top: int, left: int, ink: tuple[int, int, int] = INK) -> None:
        for k, line in enumerate(lines):
            self._draw.text((left, top + k * letters.line), line, fill=ink, font=letters.font)

    def rule(self, top: int, left: int, right: int) -> None:
        self._draw.line([(left, top), (right, top)], fill=(215, 215, 220))

    def pixels(self) -> np.ndarray:
        return np.array(self._image)


def grid(
    images: Sequence[np.ndarray],
    columns: int | None = None,
    gap: int = 2,
    padding: int = 0,
    captions: Sequence[str] | None = None,
    side: int | None = None,
) -> np.ndarray:
    """(h, w, 3) uint8 images on one page, each in a place as large as the largest, `columns` in a row (a square by
    default), `gap` pixels between them and `padding` around all. `side`: the longer side that each is shown at. Words
    go under the pictures, which are enlarged for them and get room to the right where they are narrow all the same."""
    if side is None and captions is not None:
        longest = max(images[0].shape[:2])
        times = min(math.ceil(_READABLE / images[0].shape[1]), max(1, _TALLEST // longest))
        side = None if times == 1 else times * longest
    shown = list(images) if side is None else [fitted(image, side) for image in images]
    height, width = (max(image.shape[axis] for image in shown) for axis in (0, 1))
    width = width if captions is None else max(width, _READABLE)
    columns = math.ceil(math.sqrt(len(shown))) if columns is None else columns
    rows = [range(start, min(start + columns, len(shown))) for start in range(0, len(shown), columns)]
    words = [] if captions is None else [type_of(12).wrapped(caption, width, commas=True) for caption in captions]
    below = [max((len(words[i]) for i in row), default=0) if words else 0 for row in rows]
    letters = type_of(12) if words else None
    heights = [height + (n * letters.line + 4 if letters and n else 0) for n in below]
    page = Page(sum(heights) + gap * (len(rows) - 1) + 2 * padding, columns * (width + gap) - gap + 2 * padding)
    top = padding
    for row, row_height in zip(rows, heights, strict=True):
        for place, i in enumerate(row):
            left = padding + place * (width + gap)
            page.picture(shown[i], top, left)
            if letters is not None:
                page.lines(words[i], letters, top + height + 2, left)
        top += row_height + gap
    return page.pixels()


_SPELT = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "→": "->", "\u00a0": " ", "\u2009": " ", "µ": "u", "ß": "ss", "æ": "ae",
     "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th",
     "ı": "i"}
)  # fmt: skip


def written(text: str) -> str:
    """`text` in the letters that the type has: accents are dropped, and a character without a letter is spelt as Python
    does ("\\u0441"), so that two names stay two."""
    # Composed first: what is spelt is then the whole character, not its base without the accent.
    return "".join(map(_spelt, unicodedata.normalize("NFC", text.translate(_SPELT))))


@cache
def _spelt(character: str) -> str:
    letters = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)]
    return "".join(letters) if all(map(_has_letter, letters)) else ascii(character)[1:-1]


@cache
def _has_letter(character: str) -> bool:
    if character == "\n" or not character.isprintable():
        return character == "\n"
    if character.isascii():
        return True
    font: Any = type_of(12).font
    return bytes(font.getmask(character)) != bytes(font.getmask("\U0010fffd"))
