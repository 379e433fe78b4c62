"""What may be set on an iterator that is made: attributes take effect as in Keras' class, the others are refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, ClassVar

import keras
import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_seed
from augfuse.errors import DataError, ImageTypeError, ReadOnlyError
from augfuse.keras.generator.options import Compat, Generator
from augfuse.keras.iterators.saved_pictures import NAMES, checked_saving
from augfuse.text import shown

# What a batch is made of: batches that were prefetched before one of these was set are dropped. A subclass may set
# its own attributes for every batch, so that these are named.
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


class Attributes(keras.utils.PyDataset):
    """The attributes of an iterator, which are read anew for each batch, and the checks of what is set; abstract."""

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    n: int
    compat: Compat
    image_data_generator: Generator | None = None
    dtype: Any = "float32"
    save_to_dir: Any = None
    save_prefix: str = ""
    save_format: str = "png"
    subset: str | None = None
    one_hot: bool | None = None  # whether labels are; None: there are none, or not of one class each
    other_labels: str = ""  # what to type for labels of the other kind
    save_numbers = 10**7  # compat="strict": file names end in a number below this
    fixed: ClassVar[Mapping[str, str]] = FIXED  # what cannot be set later, and what to do instead
    changes = 0  # how often something was set that batches are made of

    def __setattr__(self, name: str, value: Any) -> None:
        """ReadOnlyError where it would have no effect."""
        if "_feed" not in self.__dict__:  # it is being made
            object.__setattr__(self, name, value)
            return
        read_only = getattr(getattr(type(self), name, True), "fset", True) is None
        if read_only or (self.compat is None and name in self.fixed and not _is_made_in(sys._getframe(1), self)):
            if not read_only and _is_same(getattr(self, name), value):
                return
            instead = self.fixed.get(name, "Make another iterator.")
            raise ReadOnlyError(
                f"{name}: got {shown(value)}, but it cannot be set once the iterator is made. {instead}"
            )
        object.__setattr__(self, name, self.accept(name, value))
        if name in _IN_BATCHES:
            self.renew()

    def accept(self, name: str, value: Any) -> Any:
        """What is stored for an attribute that is set once the iterator is made; errors as from the constructor."""
        if name in ("n", "batch_size"):
            return whole(name, value, int(name == "batch_size"))
        if name == "seed" and self.compat is None and value is not None:
            return check_seed(value)
        if name in NAMES:
            return self.checked_saving(**{name: value})[NAMES.index(name)]
        if name == "index_array" and value is not None:
            return _positions(value)
        if name == "image_data_generator":
            compat = self.compat if value is None else value.compat
            if compat != self.compat:
                raise DataError(
                    f"image_data_generator: got one with compat={shown(compat)} for an iterator made with "
                    f"compat={shown(self.compat)}. Make another iterator: generator.flow(...)"
                )
        return value

    @property
    def total_batches_seen(self) -> int:
        """Batches handed out so far."""
        return self._seen

    @total_batches_seen.setter
    def total_batches_seen(self, value: int) -> None:
        self._seen = value

    @property
    def index_array(self) -> np.ndarray | None:
        """The order of the epoch that the last batch was from; one that is set counts until the epoch ends."""
        return self._shown

    @index_array.setter
    def index_array(self, value: np.ndarray | None) -> None:
        self._shown = self._given = value

    @property
    def workers(self) -> int:
        """1: Keras asks from one thread. The parallel work is done by threads of the iterator: `threads`."""
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        self.threads = max(1, value)  # Keras sets 1 in its own constructor, before ours goes on

    @property
    def use_multiprocessing(self) -> bool:
        """False: threads do the work, whatever is set."""
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        pass

    def renew(self) -> None:
        """Drop batches that were prefetched, before the next one is handed out."""
        self.changes += 1

    def checked_saving(self, **changed: Any) -> tuple[Any, Any, Any]:
        """save_to_dir, save_prefix and save_format as they are stored, or as they are with what is `changed`."""
        shape = getattr(self, "image_shape", None) or getattr(getattr(self, "x", None), "shape", (0,))[1:]
        first = getattr(self, "data_format", None) == "channels_first"
        channels = shape[0 if first else -1] if shape else None
        given = {name: getattr(self, name) for name in NAMES} | changed
        return checked_saving(**given, strict=self.compat == "strict", channels=channels)

    def rows_of(self, index_array: Any, count: int, what: str) -> np.ndarray:
        """Positions as rows 0..count - 1; negative ones count from the end. DataError for rows that do not exist."""
        positions = np.asarray(index_array, np.int64)
        if positions.size and not (-count <= positions.min() and positions.max() < count):
            wrong = positions[(positions < -count) | (positions >= count)][0]
            raise DataError(
                f"row {wrong} is asked for, but there are {count} {what}. Set n to {count} or less (it is {self.n}), "
                "and positions in index_array accordingly."
            )
        return positions % count if positions.size and positions.min() < 0 else positions

    def check_rows(self, name: str, values: Any, wanted: int) -> None:
        """DataError where what goes along with the images has another number of rows than they have."""
        if len(values) < wanted or (self.compat is None and len(values) > wanted):
            raise DataError(f"{name} has {len(values)} rows, wanted {wanted}, one for each image. Set both alike.")


def _positions(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ImageTypeError(
            f"index_array: got {array.dtype} of shape {array.shape}, wanted the positions of samples in the order "
            "wanted, whole numbers (n,). Set it to None for the order that shuffle and seed give."
        )
    return array


def _is_made_in(frame: FrameType, iterator: object) -> bool:
    """Whether a frame is the constructor of a subclass, which goes on after ours."""
    names = frame.f_code.co_varnames
    return frame.f_code.co_name == "__init__" and bool(names) and frame.f_locals.get(names[0]) is iterator


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and not isinstance(a, np.ndarray) and bool(a == b))
