"""The pixels of a batch as an executor takes them: rows of one big array, or a list of arrays of different sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.values import is_array
from augfuse.errors import ImageError, ImageTypeError
from augfuse.execute import advice

DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
_MOST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_CHECKED_AT_ONCE = 8 * 2**20  # bytes: an array may be larger than the memory
_GATHERED_AT_ONCE = 2**18


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
            return _alike(len(self), *self.stack.shape[1:3])
        if len(self.items) == 1:
            return _alike(1, *self.items[0].shape[:2])
        sizes = np.array([item.shape[:2] for item in self.items], np.int64)
        return Canvas(sizes[:, 0].copy(), sizes[:, 1].copy())


@lru_cache(maxsize=64)
def _in_order(n: int) -> np.ndarray:
    """The rows of a batch as large as batches are."""
    rows = np.arange(n)
    rows.flags.writeable = False
    return rows


@lru_cache(maxsize=256)
def _alike(n: int, height: int, width: int) -> Canvas:
    """The sizes of n images that have one."""
    return Canvas(np.full(n, height, np.int64), np.full(n, width, np.int64))


def empty_images(size: Canvas, channels: int, dtype: np.dtype) -> Images:
    """Memory for images of these sizes: one array where they have one."""
    sizes = list(zip(*(side.tolist() for side in size), strict=True))
    if len(set(sizes)) == 1:
        return Images(stack=np.empty((len(sizes), *sizes[0], channels), dtype), rows=np.arange(len(sizes)))
    return Images(items=[np.empty((*one, channels), dtype) for one in sizes])


def as_images(images: np.ndarray | Sequence[np.ndarray]) -> Images:
    """Check what a user gave: (n, h, w, c) or (n, h, w), or a sequence of (h, w, c) or (h, w) of any sizes.

    uint8, uint16 and float32 are taken as they are, float16 and float64 are converted to float32. Other dtypes raise
    ImageTypeError, wrong shapes ImageError.
    """
    if isinstance(images, np.ndarray) and images.dtype != object:
        stack = as_stack(images, "images")
        return Images(stack=stack, rows=_in_order(len(stack)) if len(stack) <= 4096 else np.arange(len(stack)))
    given: Any = images
    if not isinstance(given, np.ndarray | Sequence) or isinstance(given, (str, bytes)):
        hint = advice.of_other(images, "images")
        raise ImageTypeError(f"images: got {type(images).__name__}, wanted a NumPy array or a list of them; {hint}")
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


def as_stack(images: Any, name: str) -> np.ndarray:
    """One array of images as (n, h, w, c), C-contiguous, of a dtype that executors take; not copied where it is so."""
    if not is_array(images) or isinstance(images, np.ma.MaskedArray):
        hint = advice.of_other(images, name)
        raise ImageTypeError(f"{name}: got {type(images).__name__}, wanted a NumPy array (n, h, w, c); {hint}")
    if images.dtype.kind not in "OUS" and images.ndim not in (3, 4):
        hint = advice.of_shape(images.shape, name)
        raise ImageError(f"{name}: got shape {images.shape}, wanted (n, h, w, c) or (n, h, w).{hint}")
    stack = _as_dtype(images, name)
    if 0 in stack.shape:
        raise ImageError(f"{name}: got shape {images.shape}, wanted at least one image of at least one pixel.")
    _check_axes(stack.shape, False, name)
    return stack if stack.ndim == 4 else stack[..., None]


def as_image(image: np.ndarray, name: str) -> np.ndarray:
    """One (h, w, c) C-contiguous image of a dtype that executors take."""
    if not is_array(image):
        hint = advice.of_other(image, "image")
        raise ImageTypeError(f"{name}: got {type(image).__name__}, wanted a NumPy array (h, w, c); {hint}")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ImageError(f"{name}: got shape {image.shape}, wanted (h, w, c) or (h, w) with at least one pixel.")
    image = _as_dtype(image, name)
    _check_axes(image.shape, True, name)
    return image[..., None] if image.ndim == 2 else image


def _check_axes(shape: tuple[int, ...], one: bool, name: str) -> None:
    if (words := advice.axes_mistaken(shape, one, _variable(name))) is not None:
        raise ImageError(f"{name}: got shape {shape}, which {words}.")


def _as_dtype(images: np.ndarray, name: str) -> np.ndarray:
    dtype = images.dtype
    if dtype in DTYPES and dtype.isnative and type(images) is np.ndarray and images.flags.c_contiguous:
        return images
    dtype = dtype.newbyteorder("=")
    if dtype.type in (np.float64, np.float16):
        dtype = np.dtype(np.float32)
    if dtype not in DTYPES:
        hint = advice.of_dtype(images, _variable(name))
        raise ImageTypeError(f"{name}: got {images.dtype}, wanted uint8, uint16 or float32; {hint}.")
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinity, and that is reported with its place
            return np.asarray(images, dtype, order="C")  # also of a memmap, whose class costs time at each index
    except MemoryError:
        raise ImageError(
            f"{name}: got {images.dtype} of shape {images.shape}, and a contiguous {dtype} copy of it takes "
            f"{images.size * dtype.itemsize / 1e9:,.1f} GB, more than this machine has. Give fewer images at a time."
        ) from None


def _variable(name: str) -> str:
    """What a line to type calls the images: "images" of "images[3]", "image" of "sample 7"."""
    word = name.split("[")[0]
    return word if word.isidentifier() else "image"


def check_values(
    images: Images, low: float, high: float, name: str = "images[{}]", numbers: np.ndarray | None = None,
    declared: str = advice.OF_RECIPE,
) -> None:  # fmt: skip
    """Refuse NaN and values outside the declared range. `name` is what messages call image {}: its place in the batch,
    or its entry of `numbers`. declared: see `advice.outside`."""
    most = _MOST.get(images.dtype)
    if most is not None and low <= 0 and high >= most:
        return
    if images.stack is not None and all(_within(piece, low, high) for piece in _pieces(images.stack, images.rows)):
        return
    for i in range(len(images)):
        check_value(images[i], low, high, name.format(i if numbers is None else numbers[i]), declared)


def _pieces(stack: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """These rows in pieces that are small beside the memory, and large beside what a call costs."""
    in_order = len(rows) == len(stack) and bool((rows == np.arange(len(rows))).all())
    step = max(1, (_CHECKED_AT_ONCE if in_order else _GATHERED_AT_ONCE) // stack[0].nbytes)
    for start in range(0, len(rows), step):
        piece = rows[start : start + step]
        if in_order:
            yield stack[start : start + step]
        else:
            yield stack[piece] if step > 1 else stack[piece[0]]


def check_value(image: np.ndarray, low: float, high: float, name: str, declared: str = advice.OF_RECIPE) -> None:
    """The same of one image."""
    if not _within(image, low, high):
        raise ImageError(f"{name}: {advice.outside(image, low, high, declared)}")


def _within(values: np.ndarray, low: float, high: float) -> bool:
    # A NaN makes both reductions NaN, and every comparison with NaN is False.
    slack = 1e-6 * (high - low)
    return bool(values.min() >= low - slack and values.max() <= high + slack)
