"""`NumpyArrayIterator`: what `ImageDataGenerator.flow` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np

from augfuse.data.columns.label_uses import label_kind
from augfuse.errors import DataError
from augfuse.keras.checks import inputs, rules
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.mistakes import check_masks, check_rescale, check_statistics
from augfuse.keras.checks.split_classes import classes_of, in_one_part, is_one_hot
from augfuse.keras.generator.options import Generator, Options, read_options
from augfuse.keras.generator.steps import Pixels, as_stack, full_scale
from augfuse.keras.iterators.attributes import FIXED
from augfuse.keras.iterators.iterator import Iterator
from augfuse.keras.notices import notice
from augfuse.text import shown
from augfuse.warn_once import warn


class NumpyArrayIterator(Iterator):
    """Batches of images in memory: x, (x, y), (x, y, weights), or ([x, *others], y) where x came with other arrays.

    Args:
        x: (n, h, w, c), or (n, c, h, w) with data_format="channels_first", of any real dtype; uint8 stays uint8 in
            memory. Or a tuple (x, other) or (x, [other, ...]) whose arrays go along row by row.
        y, sample_weight: n rows each; for a model with several outputs a list or dict of such arrays.
        image_data_generator: what augments and standardises.
        subset: "validation" is the first validation_split of the rows, not augmented; "training" the rest.
        ignore_class_split: do not ask that both have the same classes.
        others: as in `Iterator` and `ImageDataGenerator.flow`.

    Raises:
        DataError: (a ValueError) lengths that differ, a subset that lacks classes, an unknown subset.
        ImageError: (a ValueError) number of axes.
    """

    save_numbers = 10**4
    fixed: ClassVar[Mapping[str, str]] = {
        **FIXED,
        "data_format": "The images are kept in another layout. Make another iterator: flow(..., data_format=...)",
    }

    @checked(Iterator.__init__, image_data_generator=rules.needed_generator)
    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Generator,
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
        self.compat = compat = image_data_generator.compat
        x, others = inputs.split_off(x, compat)
        y = inputs.targets("flow", y, len(x), compat)
        sample_weight = inputs.targets("flow", sample_weight, len(x), compat, name="sample_weight")
        rows = _subset(subset, len(x), read_options(image_data_generator), None if ignore_class_split else y)
        self._keep(x[rows])
        self.x_misc = [np.asarray(other[rows]) for other in others]
        self.y = inputs.each(lambda one: one[rows], y)
        self.sample_weight = inputs.each(lambda one: self._weights(one, rows), sample_weight)
        self._check_numbers("x_misc", self.x_misc)
        self._check_numbers("sample_weight", self.sample_weight)
        self._look_at(self.y)
        n = len(self._stack)
        Iterator.__init__(self, n, batch_size, shuffle, seed, compat, **kwargs)

    def accept(self, name: str, value: Any) -> Any:
        """What is stored for an attribute that is set once the iterator is made."""
        if name == "x":
            return inputs.images("flow", value)
        if name == "x_misc":
            value = [np.asarray(other) for other in value]
        if name in ("y", "sample_weight") and value is not None:
            several = isinstance(value, (list, tuple, Mapping))
            value = inputs.targets("flow", value, len(self._stack), self.compat, name) if several else np.asarray(value)
        if name in ("sample_weight", "x_misc"):
            self._check_numbers(name, value)
        if name == "y":
            self._look_at(value)
        return Iterator.accept(self, name, value)

    def _keep(self, images: np.ndarray) -> None:
        """Take images to make batches of."""
        channels_axis = 3 if self.data_format == "channels_last" else 1
        if images.shape[channels_axis] not in (1, 3, 4):
            warn(
                f'flow: data_format is "{self.data_format}", with 1, 3 or 4 channels expected on axis '
                f"{channels_axis}, but x has shape {images.shape} ({images.shape[channels_axis]} channels)."
            )
        options = self._options()
        # What a function makes of the pixels is looked at in the batch.
        if options is None or not (options.preprocessing_function or options.overrides()):
            inputs.check_inputs("x", images, self.compat)
        self._stack = as_stack(np.moveaxis(images, channels_axis, 3))
        self._scale = full_scale(images)
        self._check_scale(images)

    def _check_numbers(self, name: str, values: Any) -> None:
        what = "another array of x" if name == "x_misc" else name
        fix = "" if name == "x_misc" else "Use np.nan_to_num(sample_weight, nan=1.0)."
        for one in inputs.outputs(values):
            inputs.check_inputs(what, one, self.compat, fix=fix)

    def _look_at(self, y: Any) -> None:
        """What there is to say about labels, and which kind they are."""
        kind = label_kind(y) if isinstance(y, np.ndarray) else None
        self.one_hot = None if kind is None else kind == "one-hot"
        self.other_labels = "y.argmax(axis=1)" if self.one_hot else "keras.utils.to_categorical(y)"
        options = self._options()
        for one in inputs.outputs(y):
            inputs.check_targets("y", one, fix="Leave these rows out: keep = np.isfinite(y); flow(x[keep], y[keep])")
            if options is not None and (options.compat or self.subset != "validation"):
                check_masks(options, self.x, one)

    @property
    def x(self) -> np.ndarray:
        """The images, in the iterator's data format; a view, of the dtype in which they are kept."""
        return self._stack if self.data_format == "channels_last" else np.moveaxis(self._stack, 3, 1)

    @x.setter
    def x(self, images: np.ndarray) -> None:
        self._keep(images)

    def read(self, index_array: np.ndarray, threads: int) -> tuple[np.ndarray, Pixels]:
        """Rows of the array."""
        rows = self.rows_of(index_array, len(self._stack), "images in x")
        return rows, Pixels(self._stack, rows, *self._scale)

    def pack(self, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
        """x, (x, y) or (x, y, weights); x with the other arrays where there are any."""
        n = len(self._stack)
        for other in self.x_misc:
            self.check_rows("another array of x", other, n)
        first = [batch_x, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch_x
        if self.y is None:
            return first
        for name, arrays in (("y", self.y), ("sample_weight", self.sample_weight)):
            for one in inputs.outputs(arrays):
                self.check_rows(name, one, n)
        y = inputs.each(lambda one: one[index_array], self.y)
        if self.sample_weight is None:
            return first, y
        return first, y, inputs.each(lambda one: one[index_array], self.sample_weight)

    def _weights(self, weights: np.ndarray, rows: slice) -> np.ndarray:
        """Those of the subset. Keras cuts x and y but not the weights: "training" gets those of the first rows."""
        if self.compat == "strict":
            return weights
        if rows.start:
            notice(
                "subset-weights",
                'Keras gives the images of subset="training" the sample weights of other rows, beginning with the '
                "first. Here each image has its own.",
            )
        return weights[rows]

    def _check_scale(self, images: np.ndarray) -> None:
        options = self._options()
        if options is None or options.compat is not None:
            return
        if options.brightness_range is not None and self._scale == (0.0, 1.0):
            notice(
                "brightness",
                "Keras' brightness_range makes images with values in [0, 1] black, and rounds all others to 8 bit. "
                "Here it multiplies, and clips to the range of the data.",
            )
        check_statistics(options, "flow: values of x", self._scale)
        if images.dtype.kind == "f" and images.any():  # bytes are known by their dtype, and a black image says nothing
            check_rescale(options, self._scale)


def _subset(subset: str | None, n: int, options: Options, y: Any) -> slice:
    if subset is None:
        return slice(None)
    if not rules.is_one_of(subset, ("training", "validation")):
        raise DataError(f"subset: got {shown(subset)}, wanted 'training' or 'validation'.")
    if not options.validation_split and (subset == "validation" or y is not None):
        raise DataError(
            f"subset: got {shown(subset)} from a generator whose validation_split is not set. Pass "
            "ImageDataGenerator(validation_split=0.2)."
        )
    first = int(n * options.validation_split)
    for output in inputs.outputs(y):
        _check_classes(options, output, first)
    return slice(first) if subset == "validation" else slice(first, None)


def _check_classes(options: Options, y: np.ndarray, first: int) -> None:
    """DataError where the subsets have different classes; a warning for several classes a row, which may be rare."""
    classes, n = classes_of(y, any_number=True), len(y)
    said = "" if classes is None else in_one_part(classes, np.arange(n) < first)
    whole = y if options.compat == "strict" else classes
    if classes is not None and classes.ndim == 2 and options.compat is None:
        whole = classes.argmax(axis=1) if is_one_hot(classes) else None
    where = (
        f"the validation subset is the first {first} of {n} rows. Shuffle x and y first: order = "
        "np.random.default_rng(0).permutation(len(x)); x, y = x[order], y[order]"
    )
    if whole is not None and not np.array_equal(np.unique(whole[:first]), np.unique(whole[first:])):
        raise DataError(
            f"subset: training and validation have different classes after the split{said and ': ' + said}: {where}; "
            "or pass ignore_class_split=True."
        )
    if said:
        warn(f"subset: y has {said}: {where}; or pass ignore_class_split=True.")
