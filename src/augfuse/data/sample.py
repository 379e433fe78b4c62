"""A sample: what a source returns for one index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One image with its label.

    image: (h, w, c) uint8, uint16 or float32. It may be a read-only view of the source's memory.
    label: an int for classes, otherwise what the source holds for this sample (a number, an array), or None.
    path: the file it came from, or None.
    targets: what belongs to places in the image, by name: "boxes" (k, 4) float32 as [x1, y1, x2, y2] in pixels,
        "box_labels" (k,) int64, "mask" (h, w), "polygons", "keypoints", and what else its annotations hold.
    """

    image: np.ndarray
    label: Any = None
    path: str | None = None
    targets: Mapping[str, Any] = {}
