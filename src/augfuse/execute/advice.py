"""Messages about arrays that cannot be images as they are: why, and the next line to type, from their values."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.algebra.values import is_row
from augfuse.text import shown

MOST_CHANNELS = 4  # a picture has 1 to 4, but for satellites and microscopes
_SHORTEST_SIDE = 8  # an axis that is shorter is not a side of a picture, but for patches of test data
_LOOKED_AT = 2**27  # bytes that are read to say something about an array


@lru_cache(maxsize=256)
def axes_mistaken(shape: tuple[int, ...], one: bool, name: str) -> str | None:
    """What the axes of images look like in place of (n, h, w, c), or of (h, w, c) for `one` image; None if like that.

    Only what is certain: a colour axis of at most 4 in a wrong place, and sides of 8 or more.
    """
    few = [0 < length <= MOST_CHANNELS for length in shape]
    long = [length >= _SHORTEST_SIDE for length in shape]
    if one:
        if len(shape) == 3 and few[0] and long[1] and long[2]:
            return f"looks like channels first, wanted (h, w, c); type {name}.transpose(1, 2, 0)"
        return None
    if len(shape) == 3 and long[0] and long[1] and few[2]:
        return (
            f"looks like one image (h, w, c), wanted (n, h, w, c); type {name}[None], or, for {shape[0]} grey "
            f"images of {shape[1]}x{shape[2]} pixels, {name}[..., None]"
        )
    if len(shape) == 4 and few[1] and long[2] and long[3]:
        return f"looks like channels first, wanted (n, h, w, c); type {name}.transpose(0, 2, 3, 1)"
    if len(shape) == 4 and long[0] and long[1] and few[2] and shape[3] > MOST_CHANNELS:
        return f"looks like (h, w, c, n), wanted (n, h, w, c); type {name}.transpose(3, 0, 1, 2)"
    return None


def of_shape(shape: tuple[int, ...], name: str) -> str:
    """The next line to type for a batch of images that has not 3 or 4 axes; "" where nobody knows."""
    if len(shape) == 5:
        return (
            f" For videos (n, frames, h, w, c) type {name}.reshape(-1, *{name}.shape[2:]), and np.repeat(y, frames); "
            "indices=np.repeat(np.arange(n), frames) draws once for all frames of a video."
        )
    if len(shape) != 2:
        return ""
    hint = f" For one image type {name}[None]."
    for channels in (1, 3):
        side = math.isqrt(shape[1] // channels)
        if side >= 4 and side * side * channels == shape[1] != shape[0]:
            axes = f"{side}, {side}" + (f", {channels}" if channels > 1 else "")
            return f" If each row is an image, type {name}.reshape(-1, {axes})."
    return hint


def of_dtype(array: np.ndarray, name: str) -> str:
    """The next line to type for an array of another dtype than images have, by the values that it holds."""
    kind = array.dtype.kind
    if kind == "b":
        return f"type {name} * np.uint8(255), or {name}.astype(np.float32)"
    if kind in "iu":
        low, high = _ends(array)
        if low >= 0 and high <= 1:
            return f"its values are 0 and 1, type {name}.astype(np.float32)"
        if low >= 0 and high <= 255:
            return f"type {name}.astype(np.uint8)"
        return (
            f"its values are {low:.0f} to {high:.0f}, which uint8 does not hold. Type {name}.astype(np.float32), and "
            f"declare value_range=({min(low, 0):.0f}, {max(high, 255):.0f}), or the full scale that is meant"
        )
    if kind == "f":
        return f"type {name}.astype(np.float32)"
    if kind == "c":
        return f"type np.abs({name}).astype(np.float32)"
    if kind in "US":
        return _of_files(array.ravel()[0].item() if array.size else "a.png")
    if kind == "O":
        flat = array.ravel()
        if all(isinstance(item, (int, float, np.number, np.bool_)) for item in flat):
            return of_dtype(np.array(flat.tolist()), name)
        return of_sequence(flat.tolist(), name)
    return "give the pixels as numbers"


def of_sequence(items: Sequence[Any], name: str) -> str:
    """The next line to type for a list where one array is wanted, by what the list holds."""
    first = items[0] if items else None
    if isinstance(first, (str, bytes, os.PathLike)):
        return _of_files(first)
    if isinstance(first, np.ndarray) and all(isinstance(item, np.ndarray) for item in items):
        shapes = list(dict.fromkeys(item.shape for item in items))
        if len(shapes) == 1:
            return f"type np.stack({name})"
        sizes = ", ".join("x".join(map(str, shape[:2])) for shape in shapes[:3])
        more = ", ..." if len(shapes) > 3 else ""
        if len({shape[2:] for shape in shapes}) > 1:
            return (
                f"the images have different channels, of shapes {', '.join(map(str, shapes[:3]))}{more}: convert them"
            )
        return (
            f"images of different sizes ({sizes}{more}). Resize them: "
            f"{name} = af.Recipe([af.Resize((height, width))]).batch(list({name})).images"
        )
    return f"type np.asarray({name})"


def of_other(value: Any, name: str) -> str:
    """The next line to type for what is not an array at all."""
    if isinstance(value, (str, bytes, os.PathLike)):
        return _of_files(value)
    if is_row(value):
        return of_sequence(value, name)
    return f"type np.asarray({name})"


def of_image(image: Any, samples: str) -> str:
    """The next line to type for an image of Pillow or a tensor that a data set of the class `samples` hands out; "" for
    others."""
    if type(image).__module__.startswith("PIL."):
        return (
            "let the data set make arrays. Type transform=np.asarray where it takes a transform, such as "
            f"{samples}(..., transform=np.asarray)"
        )
    if type(image).__name__ not in ("Tensor", "EagerTensor", "ArrayImpl"):
        return ""
    if samples == "TensorDataset":
        return (
            "give its arrays. Type af.from_arrays(images.numpy(), labels.numpy()), with "
            "images.permute(0, 2, 3, 1).numpy() where channels come first"
        )
    return (
        "let the data set make arrays. Type transform=np.asarray in place of ToTensor(), which makes floats, channels "
        "first; or image.permute(1, 2, 0).numpy() for such a tensor"
    )


def _of_files(first: Any) -> str:
    if isinstance(first, bytes) and (b"\0" in first or len(first) > 1000):
        return "for the bytes of an image file type af.decode(data)"
    path = str(os.fsdecode(first))
    if Path(path).is_dir():
        return f"for a folder type af.from_directory({shown(path)})"
    return f"for files type af.decode(Path({shown(path)}).read_bytes()), or af.from_directory(folder)"


OF_RECIPE = "af.Recipe([...], value_range={})"
OF_ARRAYS = "af.from_arrays(x, y, value_range={})"
OF_SAMPLES = "af.from_samples(samples, value_range={})"


def outside(array: np.ndarray, low: float, high: float, declared: str = OF_RECIPE) -> str:
    """What is wrong with the values of one image (h, w, c), and the next line to type. declared: where a value range
    is declared for these images."""
    if not np.isfinite(array).all():
        at = tuple(int(places[0]) for places in np.nonzero(~np.isfinite(array)))
        words = ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column", "channel"), at, strict=True))
        return f"got NaN or infinity, wanted finite numbers: {array[at]} at {words}. Look at what made it."
    a, b = float(array.min()), float(array.max())
    return f"got values {a:g}..{b:g}, wanted {low:g}..{high:g}. {_of_range(a, b, low, high, declared)}"


def _of_range(a: float, b: float, low: float, high: float, declared: str) -> str:
    scale = high - low
    if low - scale / 10 <= a and b <= high + scale:
        return f"To cut off what is outside, type np.clip(images, {low:g}, {high:g})."
    if (low, high) == (0, 1) and a >= -1 and b <= 1:
        wanted, instead = "(-1, 1)", "or scale the data"
    elif a >= 0 and 1 < b <= 255:
        wanted, instead = "(0, 255)", "or divide by 255"
    else:
        wanted, instead = "(low, high)", "the full scale that is meant, or scale the data"
    return f"Declare value_range={wanted}, {instead}. To declare it, type {declared.format(wanted)}."


def _ends(array: np.ndarray) -> tuple[float, float]:
    step = max(1, array.nbytes // _LOOKED_AT)
    seen = array[::step] if array.ndim else array
    return (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
