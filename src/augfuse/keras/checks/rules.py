"""What an argument of augfuse.keras may be: a rule takes its name and its value, and returns the value to use.

A rule raises RangeError, ImageTypeError or DataError for what the argument cannot be. It is told whether
compat="strict" is on: what Keras takes, and makes batches of, is taken there.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from augfuse.algebra.rng import check_seed
from augfuse.data.layouts.given_names import as_list
from augfuse.errors import DataError, ImageTypeError, RangeError
from augfuse.keras.checks.inputs import as_array
from augfuse.keras.generator.resample import border, spline_order
from augfuse.text import shown


def is_one_of(value: Any, known: Sequence[Any]) -> bool:
    """`value in known`, for values of every type: an array is none of them."""
    return any(value is one or (isinstance(value, str) and value == one) for one in known)


def compat(name: str, value: Any, strict: bool) -> Any:
    """None or "strict"."""
    if not is_one_of(value, (None, "strict")):
        raise RangeError(f"{name}: got {shown(value)}, wanted None or 'strict'.")
    return value


def flag(name: str, value: Any, strict: bool) -> Any:
    """True or False; 1, 0 and None are taken for them, and by Keras whatever is true or false in Python."""
    if value is None or (isinstance(value, (np.bool_, numbers.Integral)) and value in (0, 1)):
        return value
    if strict and not hasattr(value, "__array__"):
        return value
    raise RangeError(f"{name}: got {shown(value)}, wanted True or False.")


def number(name: str, value: Any, strict: bool = False, hint: str = "") -> Any:
    """One finite number, as it is given; arrays without axes are taken too."""
    found = value if isinstance(value, np.bool_) else _scalar(value)
    if found is None:
        raise RangeError(f"{name}: got {shown(value)}, wanted one finite number.{hint}")
    return found


def optional(name: str, value: Any, strict: bool) -> Any:
    return value if value is None else number(name, value)


def symmetric(name: str, value: Any, strict: bool) -> Any:
    """A number r that means -r..r; None is 0."""
    if value is None:
        return value
    pair = _array(value)
    hint = ""
    if pair.shape == (2,) and _is_number(pair):
        most = shown(float(np.abs(pair).max()))
        hint = f" {name}={most} draws from -{most} to {most}."
    return number(name, value, strict, hint)


def cval(name: str, value: Any, strict: bool) -> Any:
    if isinstance(value, numbers.Real):  # NaN may mark what is outside
        return value
    colour = " It fills all channels; a recipe has colours: af.Recipe([...], fill='constant', fill_value=(255, 0, 0))."
    return number(name, value, strict, colour if _array(value).ndim else "")


def shift(name: str, value: Any, strict: bool) -> Any:
    """A number, or a 1-D array of numbers to choose from."""
    found = _scalar(value)
    if value is None or found is not None:
        return found
    array = _array(value)
    if array.ndim == 1 and (not array.size or _is_number(array)):
        return value if isinstance(value, (list, tuple, np.ndarray)) else array
    raise RangeError(f"{name}: got {shown(value)}, wanted a finite number, or a list of numbers to choose from.")


def zoom(name: str, value: Any, strict: bool) -> Any:
    found = _scalar(value)
    if found is not None:
        return [1 - found, 1 + found]
    array = _array(value)
    if array.shape == (2,) and _is_number(array):
        return list(value) if isinstance(value, (list, tuple)) else array.tolist()
    raise RangeError(f"{name}: got {shown(value)}, wanted a float or two floats, such as (0.8, 1.2).")


def brightness(name: str, value: Any, strict: bool) -> Any:
    array = _array(value)
    if value is None or (array.shape == (2,) and _is_number(array)):
        return value if value is None or isinstance(value, (list, tuple)) else array.tolist()
    raise RangeError(f"{name}: got {shown(value)}, wanted a tuple or list of two floats, such as (0.8, 1.2).")


def pair(name: str, value: Any, strict: bool) -> tuple[float, float]:
    """(low, high)."""
    array = _array(value)
    if array.shape == (2,) and _is_number(array):
        low, high = value
        return low, high
    error = RangeError if array.ndim else ImageTypeError
    raise error(f"{name}: got {shown(value)}, wanted two finite numbers (low, high), such as (0.8, 1.2).")


def function(name: str, value: Any, strict: bool) -> Any:
    if value is None or callable(value) or value is False:
        return value
    raise ImageTypeError(f"{name}: got {shown(value)}, wanted a function that takes and returns an image.")


def split(name: str, value: Any, strict: bool) -> Any:
    if value is not None and number("validation_split", value) and not 0 < value < 1:
        raise RangeError(f"validation_split: got {shown(value)}, wanted a fraction between 0 and 1, or 0.")
    return value


def fill_mode(name: str, value: Any, strict: bool) -> Any:
    border(value)
    return value


def order(name: str, value: Any, strict: bool) -> Any:
    return spline_order(value)


def data_format(name: str, value: Any, strict: bool) -> Any:
    if value is not None and not is_one_of(value, ("channels_last", "channels_first")):
        raise RangeError(f"{name}: got {shown(value)}, wanted 'channels_last' or 'channels_first'.")
    return value


def dtype(name: str, value: Any, strict: bool) -> Any:
    """A dtype of numbers, as it is given, or the name of one that belongs to a framework: tf.float32, torch.float32."""
    if value is None:
        return value
    known = value
    if not isinstance(value, (str, type, np.dtype)):
        try:
            value = known = keras.backend.standardize_dtype(value)
        except Exception:  # frameworks raise what they like
            known = "object"
    try:
        good = np.dtype(known).kind in "buif" or np.dtype(known).name.startswith(("bfloat16", "float8"))
    except TypeError:
        good = False
    if not good:
        raise ImageTypeError(f"{name}: got {shown(value)}, wanted a dtype of numbers, such as {name}='float32'.")
    return value


def statistic(name: str, value: Any, strict: bool) -> Any:
    if value is None:
        return value
    array = _array(value)
    if array.dtype.kind not in "buif" or not array.size or not (strict or np.isfinite(array).all()):
        raise ImageTypeError(f"{name}: got {shown(value)}, wanted finite numbers, as fit() sets them: one per channel.")
    return array if not isinstance(value, (numbers.Real, np.ndarray, list, tuple)) else value


def seed(name: str, value: Any, strict: bool) -> Any:
    """None or a whole number."""
    if value is not None:
        check_seed(value)
        if strict and value >= 2**32:
            raise RangeError(f'{name}: got {value}, wanted at most 2**32 - 1 with compat="strict": NumPy\'s generator.')
    return value


def path(name: str, value: Any, strict: bool) -> Any:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, (str, os.PathLike)):
        return value
    raise ImageTypeError(f"{name}: got {shown(value)}, wanted the path of a folder: a str or a pathlib.Path.")


def file(name: str, value: Any, strict: bool) -> Any:
    """The name of a file, or the file itself; what it is is looked at when it is opened."""
    if isinstance(value, (str, bytes)) and not value:
        raise DataError(f"{name}: got an empty text, wanted the name of a file.")
    return value


def folder(name: str, value: Any, strict: bool) -> Any:
    if isinstance(value, (str, bytes)) and not value:
        raise DataError(f"{name}: got an empty text, wanted a folder. For the current folder write {name}='.'")
    return path(name, value, strict)


def folder_or_none(name: str, value: Any, strict: bool) -> Any:
    return value if value is None else path(name, value, strict)


def text(name: str, value: Any, strict: bool) -> Any:
    if strict:  # Keras writes whatever it is into the names of files
        return value
    if not isinstance(value, str):
        raise ImageTypeError(f"{name}: got {shown(value)}, wanted a text.")
    return value


def classes(name: str, value: Any, strict: bool) -> Any:
    if value is None or (isinstance(value, str) and not value):
        return None
    return as_list(name, value)


def endings(name: str, value: Any, strict: bool) -> Any:
    """One file name suffix or several."""
    entries = [value] if isinstance(value, str) else list(value) if isinstance(value, (set, frozenset)) else value
    if not all(isinstance(entry, str) for entry in as_list(name, entries, "suffixes of file names")):
        raise DataError(f"{name}: got {shown(value)}, wanted suffixes of file names, such as ('jpg', 'png').")
    return value


def weight_column(name: str, value: Any, strict: bool) -> Any:
    """The name of a column, or None; an empty text is not a name."""
    if not _is_hashable(value) or (hasattr(value, "__array__") and not isinstance(value, np.generic)):
        raise ImageTypeError(f"{name}: got {shown(value)}, wanted the name of a column.")
    return value or None


def generator(name: str, value: Any, strict: bool) -> Any:
    if value is not None and not hasattr(value, "compat"):
        raise ImageTypeError(f"{name}: got {shown(value)}, wanted an augfuse.keras.ImageDataGenerator.")
    return value


def needed_generator(name: str, value: Any, strict: bool) -> Any:
    """A generator, not None."""
    if value is None:
        raise ImageTypeError(f"{name}: got None, wanted an ImageDataGenerator. Use ImageDataGenerator().flow(x, y).")
    return generator(name, value, strict)


def loader(name: str, value: Any, strict: bool) -> Any:
    """What makes batches by number."""
    if not hasattr(value, "fetch"):
        raise ImageTypeError(
            f"{name}: got {shown(value)}, wanted an af.Loader. Use af.Loader(data, recipe).to_keras()."
        )
    return value


def share(name: str, value: Any, strict: bool) -> Any:
    if not 0 <= number(name, value) <= 1:
        raise DataError(f"{name}: got {shown(value)}, wanted a fraction 0..1 of the files.")
    return value


def axis(name: str, value: Any, strict: bool) -> Any:
    """A whole number."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise RangeError(f"{name}: got {shown(value)}, wanted a whole number, such as 0.")
    return int(value)


def sides(name: str, value: Any, strict: bool) -> Any:
    """The shape of one image."""
    whole = isinstance(value, (tuple, list)) and all(isinstance(side, numbers.Integral) for side in value)
    if not whole or len(value) != 3 or min(value) < 1:
        raise RangeError(f"{name}: got {shown(value)}, wanted the shape of one image, such as image.shape.")
    return value


def parameters(name: str, value: Any, strict: bool) -> Any:
    """A dict as `get_random_transform` returns it; keys of somebody's own are let pass."""
    if not isinstance(value, Mapping):
        raise ImageTypeError(f"{name}: got {shown(value)}, wanted a dict, such as {{'theta': 20}}.")
    for key in ("theta", "tx", "ty", "shear", "zx", "zy"):
        if key in value:
            number(key, value[key])
    for key in ("channel_shift_intensity", "brightness"):
        optional(key, value.get(key), strict)
    for key in ("flip_horizontal", "flip_vertical"):
        flag(key, value.get(key), strict)
    return value


def image_pixels(name: str, value: Any, strict: bool) -> Any:
    """One image or a batch, as an array of numbers."""
    array = value if isinstance(value, np.ndarray) else _array(value)
    if array.dtype.kind not in "buif" or not array.ndim:
        hint = " Use load_img() and img_to_array()." if isinstance(value, (str, bytes, os.PathLike)) else ""
        got = f"an array of dtype {value.dtype}" if isinstance(value, np.ndarray) else shown(value)
        raise ImageTypeError(
            f"{name}: got {got}, wanted an image as an array of numbers (height, width, channels).{hint}"
        )
    return array if array.flags.writeable or array is value else array.copy()  # tensors lend theirs for reading


def matrix(name: str, value: Any, strict: bool) -> Any:
    """3 x 3 numbers."""
    array = _array(value)
    if array.shape != (3, 3) or not _is_number(array):
        raise RangeError(f"{name}: got {shown(value)}, wanted a 3 x 3 array of finite numbers.")
    return array


def _array(value: Any) -> np.ndarray:
    """As NumPy sees it; an array of one object for what is not an array."""
    found = as_array(value)
    return np.array(None) if found is None else found


def _scalar(value: Any) -> Any:
    """A finite number, as it is given, or out of an array without axes; None for anything else."""
    if isinstance(value, numbers.Real) and _is_finite(value):
        return value
    array = _array(value)
    return array.item() if array.ndim == 0 and hasattr(value, "__array__") and _is_number(array) else None


def _is_number(array: np.ndarray) -> bool:
    return array.dtype.kind in "uif" and bool(np.isfinite(array).all())


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except Exception:  # TypeError, and what tensors raise
        return False
    return True
