"""What a recipe or a loader hands out: the images of a batch with everything that belongs to them."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from augfuse.plan.plan import Plan


@final
class Batch:
    """A batch of n images.

    images: (n, h, w, c), or (n, c, h, w) with layout="NCHW". labels: (n, ...) or None. indices: (n,) int64, the
    samples' positions in their source. paths: the n files they came from, or None. plan: what was done to them.
    """

    __slots__ = ("images", "indices", "labels", "paths", "plan", "planar")

    def __init__(
        self,
        images: np.ndarray,
        labels: Any,
        indices: np.ndarray,
        paths: tuple[str, ...] | None,
        plan: Plan,
        planar: bool,
    ) -> None:
        self.images = images
        self.labels = labels
        self.indices = indices
        self.paths = paths
        self.plan = plan
        self.planar = planar

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        layout = "NCHW" if self.planar else "NHWC"
        images = f"{len(self)} images {self.images.shape[1:]} {self.images.dtype.name}"
        return f"Batch({images} {layout}, epoch {self.plan.epoch})"

    def pixels(self) -> np.ndarray:
        """(n, h, w, c) uint8: the images with the write undone (normalised values back on the grey scale), to look at.

        Images standardised one by one have lost their scale: each is stretched over its own range.
        """
        plan, write = self.plan, self.plan.write
        images = self.images.transpose(0, 2, 3, 1) if self.planar else self.images
        if write.standardize is not None:
            low = images.min(axis=(1, 2, 3), keepdims=True)
            unit = (images - low) / np.maximum(images.max(axis=(1, 2, 3), keepdims=True) - low, 1e-12)
        else:
            values = (images - write.bias[:, None, None, :]) / write.scale[:, None, None, :]
            unit = (values - plan.low) / (plan.high - plan.low)
        return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)

    def grid(self, columns: int | None = None, gap: int = 2) -> np.ndarray:
        """One uint8 (h, w, 3) image of all images side by side on white, `columns` in a row (a square by default)."""
        pixels = self.pixels()
        n, height, width, channels = pixels.shape
        if channels != 3:
            pixels = np.repeat(pixels[..., :1], 3, axis=-1) if channels < 3 else pixels[..., :3]
        columns = columns or math.ceil(math.sqrt(n))
        rows = math.ceil(n / columns)
        page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
        for i in range(n):
            y, x = i // columns * (height + gap), i % columns * (width + gap)
            page[y : y + height, x : x + width] = pixels[i]
        return page
