"""`NumpyArrayIterator`: what `ImageDataGenerator.flow` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from augfuse.data.read import label_kind
from augfuse.errors import DataError
from augfuse.keras import inputs, rules
from augfuse.keras.edge import checked
from augfuse.keras.iterator import Iterator
from augfuse.keras.notices import notice
from augfuse.keras.steps import Pixels, as_stack, full_scale
from augfuse.keras.traps import check_rescale, check_statistics
from augfuse.text import shown
from augfuse.warn_once import warn

if TYPE_CHECKING:
    from augfuse.keras.generator import ImageDataGenerator


class NumpyArrayIterator(Iterator):
    """Batches of images in memory: x, (x, y), (x, y, weights), or ([x, *others], y) where x came with other arrays.

    x: (n, h, w, c), or (n, c, h, w) with data_format="channels_first", of any real dtype; uint8 stays uint8 in memory.
        Or a tuple (x, other) or (x, [other, ...]) whose arrays go along row by row.
    y, sample_weight: n rows each; for a model with several outputs a list or dict of such arrays.
    subset: "validation" is the first validation_split of the rows, not augmented; "training" the rest.
        ignore_class_split: do not ask that both have the same classes.

    Raises DataError (lengths that differ, a subset that lacks classes, an unknown subset), ImageError (rank), both
    ValueErrors. See `Iterator` for the rest.
    """

    save_numbers = 10**4

    @checked(Iterator.__init__, image_data_generator=rules.needed_generator)
    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        self.dtype = keras.config.floatx() if dtype is None else dtype
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.subset = subset
        compat = image_data_generator.compat
        x, others = inputs.split_off(x, compat)
        if y is not None:
            y = inputs.targets("flow", y, len(x), compat)
        if sample_weight is not None:
            sample_weight = inputs.targets("flow", sample_weight, len(x), compat, name="sample_weight")
        rows = _subset(subset, len(x), image_data_generator, None if ignore_class_split else y)
        images = x[rows]
        channels_axis = 3 if self.data_format == "channels_last" else 1
        if images.shape[channels_axis] not in (1, 3, 4):
            warn(
                f'flow: data_format is "{self.data_format}", with 1, 3 or 4 channels expected on axis '
                f"{channels_axis}, but x has shape {images.shape} ({images.shape[channels_axis]} channels).",
            )
        self._stack = as_stack(np.moveaxis(images, channels_axis, 3))
        self._scale = full_scale(images)
        self.x_misc = [np.asarray(other[rows]) for other in others]
        self.y = inputs.each(lambda one: one[rows], y)
        self.sample_weight = inputs.each(lambda one: self._weights(one, rows), sample_weight)
        kind = label_kind(self.y) if isinstance(self.y, np.ndarray) else None
        self.one_hot = None if kind is None else kind == "one-hot"
        self.other_labels = "y.argmax(axis=1)" if self.one_hot else "keras.utils.to_categorical(y)"
        self._check_scale(images)
        Iterator.__init__(self, len(images), batch_size, shuffle, seed, image_data_generator.compat, **kwargs)

    @property
    def x(self) -> np.ndarray:
        """The images, in the iterator's data format; a view, of the dtype in which they are kept."""
        return self._stack if self.data_format == "channels_last" else np.moveaxis(self._stack, 3, 1)

    def read(self, index_array: np.ndarray, threads: int) -> tuple[np.ndarray, Pixels]:
        """Rows of the array."""
        return index_array, Pixels(self._stack, np.asarray(index_array, np.int64), *self._scale)

    def pack(self, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
        """x, (x, y) or (x, y, weights); x with the other arrays where there are any."""
        first = [batch_x, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch_x
        if self.y is None:
            return first
        y = inputs.each(lambda one: one[index_array], self.y)
        if self.sample_weight is None:
            return first, y
        return first, y, inputs.each(lambda one: one[index_array], self.sample_weight)

    def _weights(self, weights: np.ndarray, rows: slice) -> np.ndarray:
        """Those of the subset. Keras cuts x and y but not the weights: "training" gets those of the first rows."""
        if self.image_data_generator is not None and self.image_data_generator.compat == "strict":
            return weights
        if rows.start:
            notice(
                "subset-weights",
                'Keras gives the images of subset="training" the sample weights of other rows, beginning with the '
                "first. Here each image has its own.",
            )
        return weights[rows]

    def _check_scale(self, images: np.ndarray) -> None:
        generator = self.image_data_generator
        assert generator is not None
        if generator.compat is not None:
            return
        if generator.brightness_range is not None and self._scale == (0.0, 1.0):
            notice(
                "brightness",
                "Keras' brightness_range makes images with values in [0, 1] black, and rounds all others to 8 bit. "
                "Here it multiplies, and clips to the range of the data.",
            )
        check_statistics(generator, "flow: values of x", self._scale)
        if images.dtype.kind == "f" and images.any():  # bytes are known by their dtype, and a black image says nothing
            check_rescale(generator, self._scale)


def _subset(subset: str | None, n: int, generator: ImageDataGenerator, y: Any) -> slice:
    if subset is None:
        return slice(None)
    if not rules.is_one_of(subset, ("training", "validation")):
        raise DataError(f"subset: got {shown(subset)}, wanted 'training' or 'validation'.")
    if not generator._validation_split and (subset == "validation" or y is not None):
        raise DataError(
            f"subset: got {shown(subset)} from a generator whose validation_split is not set. Pass "
            "ImageDataGenerator(validation_split=0.2)."
        )
    first = int(n * generator._validation_split)
    for output in inputs.outputs(y):
        if not np.array_equal(np.unique(output[:first]), np.unique(output[first:])):
            raise DataError(
                f"subset: training and validation have different classes after the split: the validation subset is the "
                f"first {first} of {n} rows. Shuffle x and y first, or pass ignore_class_split=True."
            )
    return slice(first) if subset == "validation" else slice(first, None)
