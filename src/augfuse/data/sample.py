"""What a source hands out for one index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One image with its label.

    image: (h, w, c) uint8, uint16 or float32. It may be a read-only view of the source's memory.
    label: an int for classes, otherwise what the source holds for this sample (a number, an array), or None.
    path: the file it came from, or None.
    """

    image: np.ndarray
    label: Any = None
    path: str | None = None
