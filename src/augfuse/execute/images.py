"""The pixels of a batch as an executor takes them: rows of one big array, or a list of arrays of their own sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from augfuse.errors import ImageError, ImageTypeError
from augfuse.geometry import Canvas

DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))


@final
class Images:
    """n images, all of one dtype and number of channels. Nothing is copied.

    Either `stack` (N, h, w, c), C-contiguous, with `rows` (n,) into it; or `items`, n arrays (h, w, c).
    """

    __slots__ = ("items", "rows", "stack")

    def __init__(self, *, stack: np.ndarray | None = None, rows: Any = (), items: Sequence[np.ndarray] = ()) -> None:
        self.stack = stack
        self.rows = np.asarray(rows, np.int64)
        self.items = items

    def __len__(self) -> int:
        return len(self.items) if self.stack is None else len(self.rows)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.items[i] if self.stack is None else self.stack[self.rows[i]]

    @property
    def _any(self) -> np.ndarray:
        return self.items[0] if self.stack is None else self.stack

    @property
    def dtype(self) -> np.dtype:
        return self._any.dtype

    @property
    def channels(self) -> int:
        return self._any.shape[-1]

    @property
    def canvas(self) -> Canvas:
        if self.stack is not None:
            n, (height, width) = len(self), self.stack.shape[1:3]
            return Canvas(np.full(n, height, np.int64), np.full(n, width, np.int64))
        sizes = np.array([item.shape[:2] for item in self.items], np.int64)
        return Canvas(sizes[:, 0].copy(), sizes[:, 1].copy())


def as_images(images: np.ndarray | Sequence[np.ndarray]) -> Images:
    """Check what a user gave: (n, h, w, c) or (n, h, w), or a sequence of (h, w, c) or (h, w) of any sizes.

    uint8, uint16 and float32 are taken as they are, float16 and float64 are converted to float32. Other dtypes raise
    ImageTypeError, wrong shapes ImageError.
    """
    if isinstance(images, np.ndarray) and images.dtype != object:
        if images.ndim not in (3, 4):
            hint = " Use images[None] for a single one." if images.ndim == 2 else ""
            raise ImageError(f"images: got shape {images.shape}, wanted (n, h, w, c) or (n, h, w).{hint}")
        stack = np.ascontiguousarray(_as_dtype(images, "images"))
        if 0 in stack.shape:
            raise ImageError(f"images: got shape {images.shape}, wanted at least one image of at least one pixel.")
        stack = stack[..., None] if stack.ndim == 3 else stack
        return Images(stack=stack, rows=np.arange(len(stack)))
    items = [as_image(image, f"images[{i}]") for i, image in enumerate(images)]
    if not items:
        raise ImageError("images: got none, wanted at least one image.")
    for i, item in enumerate(items):
        if item.dtype != items[0].dtype or item.shape[2] != items[0].shape[2]:
            raise ImageError(
                f"images[{i}]: got {item.dtype.name} with {item.shape[2]} channel(s), "
                f"wanted {items[0].dtype.name} with "
                f"{items[0].shape[2]} like the first one. Convert the images of a batch alike."
            )
    return Images(items=items)


def as_image(image: np.ndarray, name: str) -> np.ndarray:
    """One (h, w, c) C-contiguous image of a dtype that executors take."""
    if not isinstance(image, np.ndarray):
        raise ImageTypeError(
            f"{name}: got {type(image).__name__}, wanted a NumPy array (h, w, c). Use np.asarray(image)."
        )
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ImageError(f"{name}: got shape {image.shape}, wanted (h, w, c) or (h, w) with at least one pixel.")
    image = np.ascontiguousarray(_as_dtype(image, name))
    return image[..., None] if image.ndim == 2 else image


def _as_dtype(image: np.ndarray, name: str) -> np.ndarray:
    if image.dtype in DTYPES:
        return image
    native = image.dtype.newbyteorder("=")
    if native in DTYPES:
        return image.astype(native, copy=False)
    if native in (np.float64, np.float16):
        return image.astype(np.float32)
    raise ImageTypeError(
        f"{name}: got dtype {image.dtype.name}, wanted uint8, uint16 or float32. "
        f"Use {name.split('[')[0]}.astype(np.uint8)."
    )


def check_values(images: Images, low: float, high: float) -> None:
    """Refuse NaN and values outside the declared range."""
    if images.dtype.kind == "u" and low <= 0 and high >= np.iinfo(images.dtype).max:
        return
    if images.stack is not None and len(images) == len(images.stack) and _within(images.stack, low, high):
        return
    for i in range(len(images)):
        if not _within(images[i], low, high):
            raise ImageError(f"images[{i}]: {describe_range(images[i], low, high)}")


def _within(values: np.ndarray, low: float, high: float) -> bool:
    # A NaN makes both reductions NaN, and every comparison with NaN is False.
    return bool(values.min() >= low - 1e-6 * (high - low) and values.max() <= high + 1e-6 * (high - low))


def describe_range(image: np.ndarray, low: float, high: float) -> str:
    """What is wrong with the values of an image, and the next line to type."""
    if not np.isfinite(image).all():
        return "got NaN or infinity, wanted finite numbers. Clean the data, or look at what made it."
    a, b = float(image.min()), float(image.max())
    hint = "value_range=(0, 255)" if a >= 0 and 1 < b <= 255 else "value_range=(low, high)"
    return f"got values {a:g}..{b:g}, wanted {low:g}..{high:g}. Declare {hint}, or scale the data."
