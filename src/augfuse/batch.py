"""What a recipe or a loader hands out: the images of a batch with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from augfuse.errors import ImageError
from augfuse.plan.plan import Plan
from augfuse.ranges import whole


@final
class Batch:
    """A batch of n images.

    images: (n, h, w, c), or (n, c, h, w) with layout="NCHW". labels: (n, ...) or None. indices: (n,) int64, the
    samples' positions in their data set. paths: the n files they came from, or None. sample_weights: (n,) float32, what
    each sample counts in a loss, or None. plan: what was done to them. views: of a recipe with Views, a Batch for each
    of them by name; `images` are those of the first one.
    """

    __slots__ = ("images", "indices", "labels", "paths", "plan", "planar", "sample_weights", "views")

    def __init__(
        self,
        images: np.ndarray,
        labels: Any,
        indices: np.ndarray,
        paths: tuple[str, ...] | None,
        plan: Plan,
        planar: bool,
        views: dict[str, Batch] | None = None,
    ) -> None:
        self.images = images
        self.labels = labels
        self.indices = indices
        self.paths = paths
        self.sample_weights: np.ndarray | None = None
        self.plan = plan
        self.planar = planar
        self.views = views or {}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The images, for `np.asarray(batch)`."""
        return np.array(self.images, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        layout = "NCHW" if self.planar else "NHWC"
        images = f"{len(self)} images {self.images.shape[1:]} {self.images.dtype.name}"
        return f"Batch({images} {layout}, epoch {self.plan.epoch})"

    def pixels(self, first: int | None = None) -> np.ndarray:
        """(n, h, w, c) uint8: the images with the write undone (normalised values back on the grey scale), to look at.
        `first`: only so many.

        Images standardised one by one have lost their scale: each is stretched over its own range.
        """
        plan, write = self.plan, self.plan.write
        images = self.images[:first]
        images = images.transpose(0, 2, 3, 1) if self.planar else images
        if write.standardize is not None:
            low = images.min(axis=(1, 2, 3), keepdims=True)
            unit = (images - low) / np.maximum(images.max(axis=(1, 2, 3), keepdims=True) - low, 1e-12)
        else:
            values = (images - write.bias[:first, None, None, :]) / write.scale[:first, None, None, :]
            unit = (values - plan.low) / (plan.high - plan.low)
        return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)

    def grid(
        self,
        columns: int | None = None,
        gap: int = 2,
        *,
        padding: int = 0,
        captions: bool | Sequence[str] = False,
        side: int | None = None,
    ) -> np.ndarray:
        """One uint8 (h, w, 3) picture of all images side by side on white, with the write undone (see `pixels`).

        columns: images in a row, by default as many as make a square. gap, padding: pixels between the images, and
        around all. side: the longer side that each image is shown at, in pixels (enlarged by a whole number, or
        averaged down); as it is by default. captions: True writes the label and what was drawn under each image
        ("rotate -12.3°, brightness 1.14"), n strings are written as they are; images narrower than 128 pixels are
        enlarged for it while they fit into 512, and those still narrower get as much room. Transparent pixels (a fourth
        channel) show a chequerboard.

            PIL.Image.fromarray(batch.grid(captions=True)).save("batch.png")

        Raises RangeError (columns, gap, padding, side), ImageError (not n captions).
        """
        from augfuse import pictures

        columns = None if columns is None else whole("columns", columns, 1)
        side = None if side is None else whole("side", side, 1)
        gap, padding = whole("gap", gap, 0), whole("padding", padding, 0)
        words = None
        if captions is True:
            words = [self.caption(i) for i in range(len(self))]
        elif captions is not False:
            words = [str(caption) for caption in captions]
            if len(words) != len(self):
                raise ImageError(f"captions: got {len(words)} for {len(self)} images, wanted one for each.")
        shown = [pictures.as_rgb(image) for image in self.pixels()]
        return pictures.grid(shown, columns, gap, padding, words, side)

    def caption(self, i: int) -> str:
        """What is written under image `i`: its label, where that is one number or word, and on a line of its own what
        was drawn: "rotate -12.3°, brightness 1.14", or "unchanged"."""
        from augfuse.plan.describe import caption

        label = None if self.labels is None else self.labels[i]
        named = f"label {label}\n" if isinstance(label, str) or (label is not None and np.ndim(label) == 0) else ""
        return named + caption(self.plan.describe(i))

    def _repr_html_(self) -> str:
        """What a notebook shows: the first images with what was drawn for each."""
        from augfuse.notebook import batch_html

        return batch_html(self)
