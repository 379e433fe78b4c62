"""A data set of samples that an object of the user's hands out one by one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.algebra.values import is_row
from augfuse.data.columns.labels import labelled
from augfuse.data.dataset import DataSet
from augfuse.data.sources.arrays import as_groups, as_value_range
from augfuse.data.stores.samples import Samples, SampleStore
from augfuse.data.table import Table
from augfuse.errors import DataError, ImageTypeError
from augfuse.text import shown


def from_samples(
    samples: Samples,
    labels: Any = None,
    classes: Sequence[str] | None = None,
    groups: Any = None,
    value_range: tuple[float, float] | None = None,
) -> DataSet:
    """A data set over any object with `__len__` and `__getitem__`; a loader takes such an object as it is, too.

        class Frames:
            def __init__(self, video):
                self.video = video

            def __len__(self):
                return self.video.frames

            def __getitem__(self, i):
                return self.video.read(i)           # (h, w, c), or (image, label)

        data = af.from_samples(Frames(video), labels=labels, classes=("day", "night"))

    Args:
        samples: samples[i] is an image (h, w, c), a tuple (image, label) or an `af.Sample`, for 0 <= i < len(samples).
            It may be asked by several threads at once, in any order, and gives the same sample for the same i every
            time. An image that cannot be read is an `af.DecodeError`, which a loader may skip.
        labels: n labels, as in `from_arrays`. Without them labels come with the images: nothing can then be stratified,
            balanced or chosen by class before images are read.
        classes, groups, value_range: as in `from_arrays`. A value range is checked when images are read.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        ImageTypeError: not such an object.
        DataError: no samples; labels or groups of another length.
    """
    if isinstance(samples, np.ndarray):
        raise ImageTypeError("data: got an array, wanted a data set. Use af.from_arrays(x, y).")
    if isinstance(samples, (str, os.PathLike)):
        raise ImageTypeError(
            f"data: got the path {samples!s}, wanted a data set. Use af.from_directory({shown(str(samples))})."
        )
    _check_served(samples)
    if not hasattr(samples, "__len__") or not hasattr(samples, "__getitem__"):
        raise ImageTypeError(
            f"data: got {type(samples).__name__}, wanted a data set, or an object with __len__ and __getitem__. Use "
            "af.from_arrays(x, y)."
        )
    n = len(samples)
    if n == 0:
        raise DataError("data: got no samples.")
    found, names = labelled(labels, classes, n, "labels")
    keys = None if groups is None else as_groups(groups, n)
    limits = None if value_range is None else as_value_range(value_range)
    return DataSet(SampleStore(samples), Table(found, keys), names, limits)


def _check_served(samples: Any) -> None:
    """ImageTypeError for arrays in a tuple or list, and for what serves samples that are augmented."""
    name = type(samples).__name__
    if is_row(samples) and 0 < len(samples) <= 3:
        arrays = all(isinstance(one, np.ndarray) for one in samples)
        if arrays and (samples[0].ndim == 4 or samples[-1].ndim == 1):
            raise ImageTypeError(f"data: got a {name} of arrays, wanted a data set. Use af.from_arrays(*data).")
    loader = getattr(samples, "loader", samples)
    if type(samples).__module__.startswith("augfuse.") and hasattr(loader, "recipe") and hasattr(loader, "data"):
        own = "data.loader.data" if loader is not samples else "data.data"
        raise ImageTypeError(
            f"data: got {name}, whose samples are augmented already, wanted the data set itself. Use {own}."
        )


def as_data_set(data: DataSet | Samples) -> DataSet:
    """A data set as it is; anything else with samples as `from_samples` takes it."""
    return data if isinstance(data, DataSet) else from_samples(data)
