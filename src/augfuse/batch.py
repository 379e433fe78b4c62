"""What a recipe or a loader hands out: the images of a batch with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.errors import DataError, ImageError
from augfuse.plan.plan import Plan
from augfuse.plan.settings import BoxFormat
from augfuse.text import shown


@final
class Batch:
    """A batch of n images.

    Args:
        images: (n, h, w, c), or (n, c, h, w) with layout="NCHW"; a list of n arrays from a loader with collate="list".
        labels: (n, ...) or None.
        indices: (n,) int64, the samples' positions in their data set.
        paths: the n files they came from, or None.
        plan: what was done to them.
        planar: whether the channels of `images` come first.
        views: of a recipe with Views, a Batch for each of them by name; `images` are those of the first one.

    Attributes:
        sample_weights: (n,) float32, what each sample counts in a loss, or None.
        targets: what moved with the images, by name, with an entry for each image: "mask" or "masks", "boxes" (k, 4)
            float32, "box_labels", "keypoints", "polygons" and further fields; masks (h, w) of one size are one array
            (n, h, w).
        visibility: of "boxes" and "keypoints", how much of each is seen, (k,) float32 from 0 to 1, without what lies
            outside and what was erased.
        pixel_mask: (n, h, w) bool, what of padded images is real, or None.
        frames: of clips (n, d, h, w, c) the batch of all n * d frames, whose plan this is, or None.
    """

    __slots__ = (
        "frames", "images", "indices", "kinds", "labels", "paths", "pixel_mask", "plan", "planar", "sample_weights",
        "targets", "views", "visibility",
    )  # fmt: skip

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
        self.targets: dict[str, Any] = {}
        self.kinds: Mapping[str, str] = {}  # what each target is treated like
        self.visibility: dict[str, list[np.ndarray]] = {}
        self.pixel_mask: np.ndarray | None = None
        self.frames: Batch | None = None

    @property
    def box_format(self) -> BoxFormat:
        """The format of its boxes, that of the recipe."""
        return self.plan.settings.box_format

    @property
    def masks(self) -> Any:
        """The masks, with an entry for each image; None without masks."""
        return self.targets.get("masks", self.targets.get("mask"))

    @property
    def boxes(self) -> list[np.ndarray] | None:
        """The boxes of each image, (k, 4) float32 in the format of the recipe; None without boxes."""
        return self.targets.get("boxes")

    @property
    def box_labels(self) -> list[Any] | None:
        """The labels of the boxes of each image."""
        return self.targets.get("box_labels")

    @property
    def keypoints(self) -> list[np.ndarray] | None:
        """The key points of each image, float32."""
        return self.targets.get("keypoints")

    @property
    def polygons(self) -> list[list[Any]] | None:
        """The polygons of each image."""
        return self.targets.get("polygons")

    def sample(self, i: int) -> dict[str, Any]:
        """Image `i` with its targets, by name.

        Args:
            i: the place of the image in the batch, 0..n-1.

        Returns:
            A dict with "image" and the targets.
        """
        return {"image": self.images[i], **{name: entries[i] for name, entries in self.targets.items()}}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The images, for `np.asarray(batch)`."""
        return np.array(self.images, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        layout = "NCHW" if self.planar else "NHWC"
        several = isinstance(self.images, list)
        shape = "of different sizes" if several else str(self.images.shape[1:])
        images = f"{len(self)} images {shape} {(self.images[0] if several else self.images).dtype.name}"
        return f"Batch({images} {layout}, epoch {self.plan.epoch})"

    def padded(self, name: str, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Targets of different lengths, such as boxes, as one array padded with zeros.

        Args:
            name: the name of a target.
            most: how long entries become, by default as the longest one.

        Returns:
            The array (n, most, ...), and the counts (n,) int64.

        Raises:
            DataError: a name that the batch does not have, entries longer than `most`, or entries that are not arrays
                of one shape.
        """
        return padded(self.targets, name, most)

    def pixels(self, first: int | None = None) -> Any:
        """The images as uint8, with normalisation undone, to look at.

        Images standardised one by one have lost their scale: each is stretched over its own range.

        Args:
            first: how many images, from the first one on; all by default.

        Returns:
            An array (n, h, w, c) uint8, or a list of (h, w, c) where `images` is a list.
        """
        if self.frames is not None:
            return self.frames.pixels(first)
        if isinstance(self.images, list):
            rows = range(len(self.images))[:first]
            return [self._pixels(self.images[row][None], slice(row, row + 1))[0] for row in rows]
        return self._pixels(self.images[:first], slice(first))

    def _pixels(self, images: np.ndarray, rows: slice) -> np.ndarray:
        plan, write = self.plan, self.plan.write
        images = images.transpose(0, 2, 3, 1) if self.planar else images
        if write.standardize is not None:
            low = images.min(axis=(1, 2, 3), keepdims=True)
            unit = (images - low) / np.maximum(images.max(axis=(1, 2, 3), keepdims=True) - low, 1e-12)
        else:
            values = (images - write.bias[rows, None, None, :]) / write.scale[rows, None, None, :]
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

            PIL.Image.fromarray(batch.grid(captions=True)).save("batch.png")

        Args:
            columns: images in a row, by default as many as make a square.
            gap, padding: pixels between the images, and around all.
            captions: True writes the label and what was drawn under each image ("rotate -12.3°, brightness 1.14"), n
                strings are written as they are; images narrower than 128 pixels are enlarged for it while they fit into
                512, and those still narrower get as much room. Transparent pixels (a fourth channel) show a
                chequerboard.
            side: the longer side that each image is shown at, in pixels (enlarged by a whole number, or averaged down);
                as it is by default.

        Returns:
            An array (h, w, 3) uint8.

        Raises:
            RangeError: columns, gap, padding, side.
            ImageError: not n captions.
        """
        from augfuse.display import pages

        if self.frames is not None:
            return self.frames.grid(columns, gap, padding=padding, captions=captions, side=side)
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
        return pages.grid(self.drawn(), columns, gap, padding, words, side)

    def drawn(self, first: int | None = None) -> list[np.ndarray]:
        """The images as pictures with their targets drawn over them.

        Args:
            first: how many images, from the first one on; all by default.

        Returns:
            A list of (h, w, 3) uint8 arrays.
        """
        from augfuse.display import pages
        from augfuse.targets.paint import painted

        if self.frames is not None:
            return self.frames.drawn(first)
        found = [pages.as_rgb(image) for image in self.pixels(first)]
        if not self.targets:
            return found
        return [
            painted(image, {name: entries[i] for name, entries in self.targets.items()}, self.kinds, self.box_format)
            for i, image in enumerate(found)
        ]

    def caption(self, i: int) -> str:
        """The caption of an image: its label, if that is one number or word, and in a second line what was drawn
        ("rotate -12.3°, brightness 1.14", or "unchanged").

        Args:
            i: the place of the image in the batch, 0..n-1.

        Returns:
            The text, one or two lines.
        """
        from augfuse.plan.describe import caption

        label = None if self.labels is None else self.labels[i]
        named = f"label {label}\n" if isinstance(label, str) or (label is not None and np.ndim(label) == 0) else ""
        first = i if self.frames is None else i * (len(self.frames) // len(self))  # frame of a clip
        return named + caption(self.plan.describe(first))

    def _repr_html_(self) -> str:
        """What a notebook shows: the first images with what was drawn for each."""
        from augfuse.display.notebook import batch_html

        return batch_html(self)


def of_views(plan: Plan, views: dict[str, Batch]) -> Batch:
    """The batch of a recipe with Views: the first of them, which knows all."""
    first = next(iter(views.values()))
    both = Batch(first.images, first.labels, plan.indices, first.paths, plan, first.planar, views)
    for name in ("targets", "visibility", "pixel_mask", "kinds"):
        setattr(both, name, getattr(first, name))
    return both


def padded(targets: dict[str, Any], name: str, most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """See `Batch.padded`."""
    if name not in targets:
        raise DataError(f"padded: got {shown(name)}, wanted one of {', '.join(map(shown, targets)) or 'no targets'}.")
    try:
        entries = [np.asarray(entry) for entry in targets[name]]
    except ValueError:  # lists of different lengths, such as polygons
        entries = [np.empty(0, object)]
    counts = np.array([len(entry) if entry.ndim else -1 for entry in entries], np.int64)
    shapes = {entry.shape[1:] for entry in entries if len(entry)} if (counts >= 0).all() else set()
    if len(shapes) > 1 or (counts < 0).any() or any(entry.dtype == object for entry in entries):
        raise DataError(f"padded: {shown(name)} has entries of different shapes, wanted arrays (k, ...) of one.")
    longest = int(counts.max(initial=0))
    room = longest if most is None else whole("most", most, 0)
    if longest > room:
        i = int(counts.argmax())
        raise DataError(f"padded: {shown(name)} of image {i} has {longest} entries, wanted at most {room}.")
    shape = next(iter(shapes), entries[0].shape[1:] if entries else ())
    dtype = np.result_type(*entries) if entries else np.float32
    out = np.zeros((len(entries), room, *shape), dtype)
    for row, entry in zip(out, entries, strict=True):
        row[: len(entry)] = entry
    return out, counts
