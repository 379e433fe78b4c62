"""What may be set on an iterator that is made: attributes take effect as in Keras' class, the others are refused.

An iterator reads its attributes anew for each batch. Here are the checks of what is set, and the reasons to refuse it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_seed
from augfuse.errors import DataError, ImageTypeError, ReadOnlyError
from augfuse.keras.checks import saving
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.keras.iterators.iterator import Iterator

# What a batch is made of: batches that were prefetched before one of these was set are dropped. A subclass may set
# other attributes for every batch, so that these are named.
_IN_BATCHES = frozenset((
    "n", "batch_size", "shuffle", "seed", "index_array", "image_data_generator", "dtype", "save_to_dir", "save_prefix",
    "save_format", "x", "x_misc", "y", "sample_weight", "target_size", "image_shape", "color_mode", "data_format",
    "interpolation", "keep_aspect_ratio", "class_mode", "classes", "class_indices", "samples", "on_error",
    "max_skipped", "skipped", "_filepaths", "_targets", "_sample_weight",
))  # fmt: skip
FIXED: Mapping[str, str] = {
    "total_batches_seen": "It only counts: a batch is a function of seed, epoch and position. For the same batches "
    "again make an iterator with the same seed.",
    "epoch": "For the batches of the first epoch again make an iterator with the same seed.",
    "subset": "Make another iterator with the other subset.",
    "white_list_formats": "The files are listed already. Set it on the class, before the iterator is made.",
}


def assign(iterator: Iterator, name: str, value: Any) -> None:
    """`iterator.name = value`, for one that is made. ReadOnlyError where it would have no effect."""
    read_only = getattr(getattr(type(iterator), name, True), "fset", True) is None
    if read_only or (
        iterator.compat is None and name in iterator.fixed and not _is_made_in(sys._getframe(2), iterator)
    ):
        if not read_only and _is_same(getattr(iterator, name), value):
            return
        instead = iterator.fixed.get(name, "Make another iterator.")
        raise ReadOnlyError(f"{name}: got {shown(value)}, but it cannot be set once the iterator is made. {instead}")
    object.__setattr__(iterator, name, iterator.accept(name, value))
    if name in _IN_BATCHES:
        iterator.renew()


def accept(iterator: Iterator, name: str, value: Any) -> Any:
    """What is stored for an attribute of any iterator; errors as from the constructor."""
    if name in ("n", "batch_size"):
        return whole(name, value, int(name == "batch_size"))
    if name == "seed" and iterator.compat is None and value is not None:
        return check_seed(value)
    if name in saving.NAMES:
        return saving.accept(iterator, name, value)
    if name == "index_array" and value is not None:
        return _positions(value)
    if name == "image_data_generator":
        _check_mode(iterator, value)
    return value


def rows_of(iterator: Iterator, index_array: Any, count: int, what: str) -> np.ndarray:
    """The positions as rows 0..count - 1; negative ones count from the end. DataError for rows that do not exist."""
    positions = np.asarray(index_array, np.int64)
    if positions.size and not (-count <= positions.min() and positions.max() < count):
        wrong = positions[(positions < -count) | (positions >= count)][0]
        raise DataError(
            f"row {wrong} is asked for, but there are {count} {what}. Set n to {count} or less (it is {iterator.n}), "
            "and positions in index_array accordingly."
        )
    return positions % count if positions.size and positions.min() < 0 else positions


def check_columns(iterator: Iterator, name: str, values: Any, wanted: int) -> None:
    """DataError where what goes along with the images has another number of rows than they have."""
    short = len(values) < wanted
    if short or (iterator.compat is None and len(values) > wanted):
        raise DataError(f"{name} has {len(values)} rows, wanted {wanted}, one for each image. Set both alike.")


def _positions(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ImageTypeError(
            f"index_array: got {array.dtype} of shape {array.shape}, wanted the positions of samples in the order "
            "wanted, whole numbers (n,). Set it to None for the order that shuffle and seed give."
        )
    return array


def _check_mode(iterator: Iterator, generator: Any) -> None:
    compat = iterator.compat if generator is None else generator.compat
    if compat != iterator.compat:
        raise DataError(
            f"image_data_generator: got one with compat={shown(compat)} for an iterator made with "
            f"compat={shown(iterator.compat)}. Make another iterator: generator.flow(...)"
        )


def _is_made_in(frame: FrameType, iterator: Iterator) -> bool:
    """Whether a frame is the constructor of a subclass, which goes on after ours."""
    names = frame.f_code.co_varnames
    return frame.f_code.co_name == "__init__" and bool(names) and frame.f_locals.get(names[0]) is iterator


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and not isinstance(a, np.ndarray) and bool(a == b))
