"""Pictures of what a network was shown, made small enough for a report."""

from __future__ import annotations

import numpy as np


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """The image with its longer side at most `side`, by area averages; the same array where it is small enough."""
    longer = max(image.shape[:2])
    if longer <= side:
        return image
    import cv2

    height, width = (max(1, round(length * side / longer)) for length in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def viewable(image: np.ndarray) -> np.ndarray:
    """(h, w, c) uint8 with any number of channels as one with 1 or 3: the first one, or the first three."""
    return image[..., :1] if image.shape[-1] < 3 else image[..., :3]
