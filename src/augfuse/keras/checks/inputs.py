"""What `flow` and `fit` take: images, labels and weights as arrays, and the messages about everything else.

Labels may be one array, or a list or dict of arrays for a model with several outputs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from augfuse.errors import DataError, ImageError, ImageTypeError
from augfuse.text import shown
from augfuse.warn_once import warn

_FRAME = 'flow_from_dataframe(pd.DataFrame({"filename": paths, "class": labels}))'
_RESIZE = "Resize them to one size, or let the files be resized: flow_from_directory(..., target_size=(224, 224))"


# --- images -----------------------------------------------------------------------------------------------------------


def split_off(x: Any, compat: str | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """The images, (n, h, w, c), and the arrays that came along with them: (images, other) or (images, [other, ...])."""
    if not isinstance(x, (tuple, list)):
        return images("flow", x), []
    if len(x) != 2:
        taken = images("flow", x)  # says what the entries are
        raise DataError(
            f"flow: got a {type(x).__name__} of {len(x)} as x, wanted (images, other arrays). Use np.stack(x) for a "
            f"list of images: it makes an array of shape {taken.shape}."
        )
    first, second = (np.shape(one) if hasattr(one, "shape") else () for one in x)
    if len(first) == len(second) == 3:
        alike = "Use np.stack(x)" if first == second else _RESIZE
        raise ImageError(
            f"flow: got a {type(x).__name__} of two arrays of shapes {first} and {second} as x, wanted (images, other "
            f"arrays), images (n, h, w, c). If it is a list of two images: {alike}."
        )
    taken = images("flow", x[0])
    others = x[1] if isinstance(x[1], list) else [x[1]]
    return taken, [rows("flow", "another array of x", other, len(taken), compat) for other in others]


def images(method: str, x: Any) -> np.ndarray:
    """x as an array of numbers of rank 4; ImageTypeError or ImageError with what to type for anything else."""
    array = as_array(x)
    if array is None or not array.ndim or array.dtype.kind not in "buif":
        raise _no_images(method, x, array)
    if array.ndim != 4:
        raise ImageError(f"{method}: got x of shape {array.shape}, wanted rank 4: (n, h, w, c). {_of_rank(array)}")
    return array


def _of_rank(array: np.ndarray) -> str:
    """How an array of another rank becomes one of images."""
    shape = array.shape
    if array.ndim == 5:
        return (
            f"For {shape[1]} frames of each video as {shape[1]} images: x.reshape(-1, *x.shape[2:]), and "
            f"np.repeat(y, {shape[1]}, axis=0)."
        )
    if array.ndim == 2:
        for channels in (1, 3):
            side = math.isqrt(shape[1] // channels)
            if side > 1 and side * side * channels == shape[1]:
                return f"If each row is an image of {side} x {side}: x.reshape(-1, {side}, {side}, {channels})."
        return "Use x.reshape(-1, height, width, channels)."
    return "Use x[..., None] for grey images, x[None] for a single one."


def _no_images(method: str, x: Any, array: np.ndarray | None) -> Exception:
    """The error for what is not an array of numbers."""
    wanted = "wanted an array of images (n, h, w, c)"
    if isinstance(x, (str, bytes, os.PathLike)):
        return ImageTypeError(f"{method}: got the path {shown(x)} as x, {wanted}. Use flow_from_directory(path).")
    if hasattr(x, "iloc"):
        return ImageTypeError(
            f"{method}: got a {type(x).__name__} of pandas as x, {wanted}. For file names use "
            "flow_from_dataframe(dataframe), for arrays in cells np.stack(column)."
        )
    if isinstance(x, Mapping):
        return ImageTypeError(
            f"{method}: got a dict as x, {wanted}. For several inputs use flow((images, [others]), y)."
        )
    entries = _entries(x, array)
    if entries and all(isinstance(entry, (str, bytes, os.PathLike)) for entry in entries):
        return ImageTypeError(
            f"{method}: got paths as x, the first is {shown(entries[0])}, {wanted}. Pass the images, not "
            f"their paths, or use {_FRAME}."
        )
    pictures = (entry for entry in map(as_array, entries) if entry is not None and entry.dtype.kind in "buif")
    shapes = [picture.shape for picture in pictures]
    if entries and len(shapes) == len(entries) and min(map(len, shapes)) >= 2:
        return _of_other_sizes(method, shapes)
    if (array is None or not array.ndim) and not isinstance(x, (list, tuple)):
        how = ""
        if hasattr(x, "__iter__"):
            how = " For an iterator or a data set of batches: np.concatenate([images for images, labels in batches])."
        return ImageTypeError(f"{method}: got {shown(x)} as x, a {type(x).__name__}, {wanted}.{how}")
    got = f"an array of dtype {array.dtype}" if array is not None and array.ndim else shown(x)
    hint = " Use np.stack([np.asarray(image) for image in x])." if entries else ""
    return ImageTypeError(f"{method}: got {got} as x, {wanted} of whole or real numbers.{hint}")


def _of_other_sizes(method: str, shapes: list[tuple[int, ...]]) -> ImageError:
    different = list(dict.fromkeys(shapes))
    if len(different) == 1:
        return ImageError(f"{method}: got an array of {len(shapes)} arrays of shape {shapes[0]}. Use np.stack(x).")
    sizes = [" x ".join(map(str, shape)) for shape in different]
    listed = ", ".join(sizes[:3]) + (", ..." if len(sizes) > 3 else "")
    same_size = len({shape[:2] for shape in different}) == 1
    how = "Bring them to the same number of channels: image.convert('RGB')" if same_size else _RESIZE
    return ImageError(f"{method}: got images of different shapes ({listed}) in x, wanted one for all. {how}.")


def _entries(x: Any, array: np.ndarray | None) -> list[Any]:
    """What a list or an array of objects or texts holds."""
    if isinstance(x, (list, tuple)):
        return list(x)
    return list(array.ravel()) if array is not None and array.dtype.kind in "OUST" else []


# --- what goes with them ----------------------------------------------------------------------------------------------


def rows(method: str, name: str, value: Any, n: int, compat: str | None) -> np.ndarray:
    """`value` as an array with a row for each of n images."""
    if hasattr(value, "toarray"):  # scipy.sparse
        value = value.toarray()
    array = None if isinstance(value, (str, bytes, os.PathLike, Mapping)) else as_array(value)
    if array is not None and array.dtype == object and compat != "strict":
        array = out_of_objects(array)
    if array is None or not array.ndim:
        raise DataError(f"{method}: {name}: {_why_no_rows(value, n)}")
    if len(array) != n:
        raise DataError(
            f"{method}: got {n} images and {name} of shape {array.shape}, wanted the same length: "
            f"{n} is not {len(array)}."
        )
    return array


def targets(method: str, y: Any, n: int, compat: str | None, name: str = "y") -> Any:
    """Labels: one array of n rows, or for several outputs a list or dict of arrays of n rows; None for none. name: the
    argument."""
    if y is None:
        return None
    if isinstance(y, Mapping):
        if not y:
            raise DataError(f"{method}: {name}: got an empty dict, wanted {{'name of an output': array}}.")
        return {key: rows(method, f"{name}[{shown(key)}]", one, n, compat) for key, one in y.items()}
    if isinstance(y, (list, tuple)) and y and _are_outputs(y, n):
        return [rows(method, f"{name}[{place}]", one, n, compat) for place, one in enumerate(y)]
    return rows(method, name, y, n, compat)


def _are_outputs(y: list[Any] | tuple[Any, ...], n: int) -> bool:
    """Whether a list is one of outputs, of n rows each, and not one of rows. With as many images as outputs it is one
    of rows, as in Keras, where it can be."""
    arrays = [as_array(one) for one in y]
    if any(array is None or array.ndim == 0 for array in arrays):
        return False
    lengths = [len(array) for array in arrays if array is not None]
    return n in lengths if len(y) != n else as_array(y) is None and set(lengths) == {n}


def each(function: Callable[[np.ndarray], Any], y: Any) -> Any:
    """A function of every array of labels, in the same structure; None for None."""
    if y is None:
        return None
    if isinstance(y, dict):
        return {name: function(one) for name, one in y.items()}
    return [function(one) for one in y] if isinstance(y, list) else function(y)


def outputs(y: Any) -> list[np.ndarray]:
    """The arrays of labels, one for each output."""
    return [] if y is None else list(y.values()) if isinstance(y, dict) else y if isinstance(y, list) else [y]


def for_keras(batch: Any) -> Any:
    """A batch that Keras has asked for; DataError where labels or weights are not numbers, which no model takes."""
    for part in batch[1:] if isinstance(batch, tuple) else ():
        for array in part.values() if isinstance(part, dict) else part if isinstance(part, (list, tuple)) else [part]:
            if getattr(array, "dtype", np.dtype(float)).kind in "OUSTMm" and array.size:
                first = array.ravel()[:1].tolist()[0]
                use = "np.unique(y, return_inverse=True)[1] for class numbers"
                if is_number(first):
                    use = "y.astype('float32')"
                elif not isinstance(first, str):
                    use = "np.stack(y) where all rows have one length"
                raise DataError(f"y: got labels such as {shown(first)}, and a model of Keras takes numbers. Use {use}.")
    return batch


def is_number(value: Any) -> bool:
    """Whether it is a text that is a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def out_of_objects(array: np.ndarray) -> np.ndarray | None:
    """Numbers, and arrays or lists of numbers, out of an array of objects; texts as they are, None for all others."""
    entries = array.ravel().tolist()
    if all(isinstance(entry, str) for entry in entries):
        return array
    found = as_array([np.asarray(entry) if hasattr(entry, "shape") else entry for entry in entries])
    if found is None or found.dtype.kind not in "buifUT":
        return array if all(isinstance(entry, (str, bytes, float, type(None))) for entry in entries) else None
    return found.reshape(*array.shape, *found.shape[1:])


def _why_no_rows(value: Any, n: int) -> str:
    got = f"got {shown(value)}, wanted an array of {n} rows, one for each image."
    if isinstance(value, Mapping):
        return f"{got} Use np.array(list(d.values())) where the order of the dict is that of the images."
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"{got} Its rows have different lengths: pad them to one length."
    if isinstance(value, (int, float, np.number)):
        return f"{got} For one value for all: np.full({n}, {shown(value)})."
    return f"{got} Use np.array(list(...)) for what is not an array." if hasattr(value, "__iter__") else got


def as_array(value: Any) -> np.ndarray | None:
    """As NumPy sees it; None where it is one object, or ragged."""
    if hasattr(value, "detach"):  # a tensor of torch that takes part in training, or lies on a GPU
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except Exception:  # ragged lists, and whatever the arrays of others raise
        return None
    return None if array.ndim == 0 and array.dtype == object else array


# --- numbers that are not finite --------------------------------------------------------------------------------------


def check_inputs(name: str, values: Any, compat: str | None, names: Sequence[str] | None = None, fix: str = "") -> None:
    """DataError for images, other inputs and weights that are not finite; a warning with compat="strict".

    names: of the rows, where they have any.
    """
    found = _not_finite(name, values, names)
    if not found:
        return
    message = f"{found}: with any other the loss is NaN. {fix or 'Leave these rows out, or use np.nan_to_num.'}"
    if compat is None:
        raise DataError(message)
    warn(message)


def check_targets(name: str, values: Any, names: Sequence[str] | None = None, fix: str = "") -> None:
    """Warn of targets that are not finite: there are losses that leave them out on purpose."""
    found = _not_finite(name, values, names)
    if found:
        warn(f"{found}: the loss will be NaN, unless it is one that leaves such targets out. {fix}".rstrip())


def _not_finite(name: str, values: Any, names: Sequence[str] | None) -> str:
    """What is wrong with them; "" for finite ones, and for what is not made of floats."""
    array = np.zeros(0) if values is None else np.asarray(values)
    if array.dtype.kind not in "fc" or not array.size:
        return ""
    with np.errstate(all="ignore"):
        if math.isfinite(abs(array.sum())) or np.isfinite(array).all():
            return ""
    wrong = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
    first = array[wrong[0]].ravel()
    number = first[~np.isfinite(first)][0]
    row = f"in row {wrong[0]}" if names is None else f"for {shown(names[wrong[0]])}"
    more = "" if wrong.size == 1 else f" ({wrong.size} of {len(array)} rows are like this)"
    return f"{name}: got {number} {row}{more}, wanted finite numbers"
