"""Read every image once: whether it decodes, how it is stored, and simple statistics of its pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, final

import numpy as np

from augfuse.algebra import color_matrices
from augfuse.data.decoding.decode import decode, sniff
from augfuse.doctor.examined_data import Part
from augfuse.errors import DecodeError
from augfuse.threads import mapped

SIDE = 32  # of the small grey copy that look-alikes are searched with
_CHUNK = 64
LUMA = color_matrices.LUMA.astype(np.float32)
_MAY_HAVE_FRAMES = ("GIF", "WEBP", "TIFF", "PNG")


@final
class Looks:
    """What was seen of the n images of a part. Rows of images that could not be read are zero.

    problems: {row: why it cannot be read}. height, width, channels: (n,) int64, upright. full: (n,) full scale of what
    is stored, 255 or 65535, 0 for floats. formats: (n,) "JPEG", ..., "" for arrays. digests: (n,) 16 bytes that are
    equal where the pixels are. small: (n, SIDE, SIDE) uint8, grey. low, high: (n,) float64 of arrays; NaN does not
    count. bad: (n,) int64, NaN and infinite values.
    cmyk, turned, frames, see_through, flat: (n,) bool or, frames, int64.
    """

    def __init__(self, n: int) -> None:
        self.problems: dict[int, str] = {}
        self.height, self.width, self.channels, self.full, self.frames, self.bad = np.zeros((6, n), np.int64)
        self.cmyk, self.turned, self.see_through, self.flat = np.zeros((4, n), bool)
        self.low, self.high = np.zeros((2, n))
        self.small = np.zeros((n, SIDE, SIDE), np.uint8)
        self.formats = [""] * n
        self.digests = [b""] * n

    @property
    def readable(self) -> np.ndarray:
        """(n,) bool."""
        return self.height > 0


def look(part: Part, threads: int, progress: Callable[[int], Any]) -> Looks:
    """Read every image of a part with this many threads. progress: called with the number of images just done."""
    looks = Looks(len(part))
    scale = None if part.images is None else _scale(part.images)

    def some(start: int) -> int:
        rows = range(start, min(start + _CHUNK, len(part)))
        for row in rows:
            if part.images is None:
                _look_at_file(part, row, looks)
            else:
                _look_at_pixels(part.images[row], row, looks, scale)
        return len(rows)

    # Each thread writes its own rows.
    for done in mapped(some, range(0, len(part), _CHUNK), threads, "doctor"):
        progress(done)
    return looks


def read_pixels(part: Part, row: int) -> np.ndarray:
    """Image `row` as (h, w, c), as it is stored. Raises DecodeError."""
    if part.images is not None:
        image = part.images[row]
        return image if image.ndim == 3 else image[:, :, None]
    assert part.raw is not None
    return decode(part.raw(row))


def _look_at_file(part: Part, row: int, looks: Looks) -> None:
    assert part.raw is not None
    try:
        raw = part.raw(row)
        pixels = decode(raw)
    except DecodeError as error:
        looks.problems[row] = error.reason
        return
    except OSError as error:
        looks.problems[row] = f"the file cannot be read ({error.strerror or error})."
        return
    looks.full[row] = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 0
    looks.see_through[row] = pixels.shape[2] == 4 and pixels[:, :, 3].min() < looks.full[row]
    _glance(pixels, row, looks, 255 / (looks.full[row] or 255), 0.0)
    looks.frames[row] = 1
    try:
        header = sniff(raw)
    except DecodeError:  # a damaged file of which this program wants what can be seen
        return
    looks.formats[row] = header.format
    looks.turned[row] = header.orientation != 1
    looks.cmyk[row] = header.cmyk
    if header.format in _MAY_HAVE_FRAMES:
        looks.frames[row] = _frames(raw)


def _look_at_pixels(image: np.ndarray, row: int, looks: Looks, scale: tuple[float, float] | None) -> None:
    pixels = image if image.ndim == 3 else image[:, :, None]
    looks.frames[row] = 1
    if pixels.dtype.kind in "iu":
        looks.full[row] = 65535 if pixels.dtype.itemsize > 1 and pixels.max() > 255 else 255
    values = pixels.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        looks.bad[row] = int((~finite).sum())
        values = values[finite] if finite.any() else np.zeros(1)
        pixels = np.nan_to_num(pixels, nan=0, posinf=0, neginf=0)
    looks.low[row], looks.high[row] = values.min(), values.max()
    gain, offset = scale or (255 / looks.full[row], 0.0)
    _glance(np.ascontiguousarray(pixels), row, looks, gain, offset)


def _scale(images: np.ndarray) -> tuple[float, float] | None:
    """Scale and bias that bring floats into about 0..255, the same for all images of an array; None for integers."""
    if images.dtype.kind != "f":
        return None
    some = images[:: max(1, len(images) // 64)].astype(np.float64)
    some = some[np.isfinite(some)]
    low, high = (float(some.min()), float(some.max())) if some.size else (0.0, 1.0)
    gain = 255 / (high - low) if high > low else 1.0
    return gain, -low * gain


def _glance(pixels: np.ndarray, row: int, looks: Looks, gain: float, offset: float) -> None:
    import cv2

    height, width, channels = pixels.shape
    looks.height[row], looks.width[row], looks.channels[row] = height, width, channels
    form = f"{pixels.dtype.str}{pixels.shape}".encode()
    looks.digests[row] = blake2b(np.ascontiguousarray(pixels).data, digest_size=16, key=form[:64]).digest()
    shown = _as_float(pixels if channels <= 4 else pixels[:, :, :3])
    small = cv2.resize(shown, (SIDE, SIDE), interpolation=cv2.INTER_AREA).reshape(SIDE, SIDE, -1)
    gray = small[:, :, :3] @ LUMA if channels >= 3 else small[:, :, 0].astype(np.float32)
    looks.small[row] = np.clip(np.rint(gray * gain + offset), 0, 255).astype(np.uint8)
    looks.flat[row] = bool(np.ptp(gray) * gain < 2 and (pixels == pixels[:1, :1]).all())


def _as_float(pixels: np.ndarray) -> np.ndarray:
    """A dtype that OpenCV resizes."""
    return pixels if pixels.dtype in (np.uint8, np.uint16, np.float32) else pixels.astype(np.float32)


def _frames(raw: bytes) -> int:
    """Frames of an animation or pages of a document; 1 where they cannot be counted."""
    if raw.startswith(b"\x89PNG") and b"acTL" not in raw[:65536]:
        return 1
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata, which does not matter here
            with Image.open(io.BytesIO(raw)) as image:
                return int(getattr(image, "n_frames", 1))
    except Exception:  # codecs raise anything; the first frame has been decoded already
        return 1
