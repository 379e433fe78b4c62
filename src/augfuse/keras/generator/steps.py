"""What goes through the compiled passes: the pixels, and what is done to each image once it is warped."""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

PLAIN, SCALED, EIGHT_BIT = 0, 1, 2  # brightness: none; a multiple above `low`, clipped; as Pillow does it in 8 bit

_F = np.float32
_NONE = np.zeros(0)
_NONE_F = np.zeros(0, _F)


@final
class Finish(NamedTuple):
    """What `after_warp.finish` does to each image, in this order; an empty array or a neutral number: nothing."""

    shifts: np.ndarray = _NONE  # (n,) float64: added, then clipped to the image's own extent
    brightness: int = PLAIN
    factors: np.ndarray = _NONE  # (n,) float64
    low: np.float32 = _F(0)  # of the value range, for SCALED
    high: np.float32 = _F(0)
    rounding: np.float32 = _F(1e-4)  # for EIGHT_BIT: how far below a whole number a value may be that counts as one
    rescale: np.float32 = _F(1)
    centers: bool = False
    divides: bool = False
    gains: np.ndarray = _NONE_F  # (c,)
    biases: np.ndarray = _NONE_F

    @property
    def acts(self) -> bool:
        """Whether any of it does anything."""
        standard = self.centers or self.divides or self.rescale != 1
        return bool(self.shifts.size or self.brightness or self.gains.size or standard)

    def followed_by(self, after: Finish) -> Finish:
        """The picture steps of this one, the standardising ones of `after`."""
        return self._replace(
            rescale=after.rescale, centers=after.centers, divides=after.divides, gains=after.gains, biases=after.biases
        )

    def gain_and_bias(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """(c,) float32 each: rescale and the featurewise statistics as one gain and offset."""
        if not self.gains.size:
            return np.full(channels, self.rescale, _F), np.zeros(channels, _F)
        return self.rescale * self.gains, self.biases


@final
class Pixels(NamedTuple):
    """Rows of a stack of images (N, h, w, c), uint8, uint16 or float32, C-contiguous, and what full scale means."""

    stack: np.ndarray
    rows: np.ndarray  # (n,) int64
    low: float
    high: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, c)."""
        height, width, channels = self.stack.shape[1:]
        return height, width, channels


def full_scale(images: np.ndarray) -> tuple[float, float]:
    """The value range of a whole data set: of its dtype, (0, 255), for floats also (0, 1) or (-1, 1), or its extent."""
    if images.dtype.kind == "u":
        return 0.0, float(np.iinfo(images.dtype).max)
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    for known in ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)) if images.dtype.kind == "f" else ((0.0, 255.0),):
        if known[0] <= low and high <= known[1]:
            return known
    return (low, high) if low <= high else (0.0, 255.0)  # NaN compares with nothing


def as_stack(x: np.ndarray) -> np.ndarray:
    """(n, h, w, c) as the compiled passes take it: uint8 and uint16 as they are, other numbers as float32.

    Floats that are whole numbers within 0..255 become uint8: the same values in a quarter of the memory, and quicker.
    """
    x = np.ascontiguousarray(x)
    if x.dtype in (np.uint8, np.uint16):
        return x
    return x.astype(np.float32, copy=False) if (bytes_ := _as_bytes(x)) is None else bytes_


def _as_bytes(x: np.ndarray) -> np.ndarray | None:
    out = np.empty(x.shape, np.uint8)
    step = max(1, 2**20 // max(1, x[:1].size))
    with np.errstate(invalid="ignore"):
        for start in range(0, len(x), step):
            part = x[start : start + step]
            out[start : start + step] = part.astype(np.uint8)
            if not np.array_equal(out[start : start + step], part):  # NaN is equal to nothing
                return None
    return out
