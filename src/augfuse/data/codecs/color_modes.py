"""What all formats share once there are pixels: turning upright, the colours that were asked for, colours for print.

Large images are converted some rows at a time, so that no second full copy with wider values exists beside the image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CHANNELS_OF = {"grayscale": 1, "rgb": 3, "rgba": 4}
_BLOCK = 2**20  # values that are converted at a time


def by_rows(
    pixels: np.ndarray, channels: int, dtype: type[np.generic], convert: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """`convert` of (h, w, c), applied to a few rows at a time: (h, w, channels) of `dtype`."""
    height, width = pixels.shape[:2]
    rows = max(1, _BLOCK // max(1, width * pixels[0, 0].size))
    if rows >= height:
        return np.ascontiguousarray(convert(pixels), dtype).reshape(height, width, channels)
    out = np.empty((height, width, channels), dtype)
    for top in range(0, height, rows):
        some = pixels[top : top + rows]
        out[top : top + rows] = convert(some).reshape(*some.shape[:2], channels)
    return out


def cmyk_to_rgb(inverted: np.ndarray) -> np.ndarray:
    """255 - CMYK, the form that JPEGs store, to RGB; rounded."""

    def convert(rows: np.ndarray) -> np.ndarray:
        wide = rows.astype(np.uint16)
        return (wide[:, :, :3] * wide[:, :, 3:] + 127) // 255

    return by_rows(inverted, 3, np.uint8, convert)


def orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored rows and columns upright: EXIF orientation 1..8."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def recolor(pixels: np.ndarray, color: str | None) -> np.ndarray:
    """To the channels of `color`: "grayscale", "rgb" or "rgba"; None leaves them."""
    channels = pixels.shape[2]
    if color is None or channels == CHANNELS_OF[color]:
        return pixels
    import cv2

    if pixels.dtype == np.int32:  # OpenCV does not convert these
        if color == "rgba":
            full = np.iinfo(np.int32).max
            return by_rows(
                pixels,
                4,
                np.int32,
                lambda rows: np.pad(np.repeat(rows, 3, 2), ((0, 0), (0, 0), (0, 1)), constant_values=full),
            )
        return np.repeat(pixels, 3, 2)
    if color == "grayscale":
        if pixels.dtype == np.uint16:  # OpenCV is up to 1.5 levels off here
            return by_rows(pixels, 1, np.uint16, _luma16)
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY if channels == 3 else cv2.COLOR_RGBA2GRAY)[:, :, None]
    if color == "rgb":
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if channels == 1 else cv2.COLOR_RGBA2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA if channels == 1 else cv2.COLOR_RGB2RGBA)


def _luma16(rows: np.ndarray) -> np.ndarray:
    red, green, blue = (rows[:, :, channel].astype(np.uint32) for channel in range(3))
    return (299 * red + 587 * green + 114 * blue + 500) // 1000
