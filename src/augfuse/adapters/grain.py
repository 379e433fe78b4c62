"""Grain: a data set as a source of it, and a recipe as one of its transforms."""

from __future__ import annotations

from typing import Any, SupportsIndex, final

import numpy as np
from grain import transforms

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_seed
from augfuse.data.dataset import DataSet
from augfuse.data.sources.samples import as_data_set
from augfuse.data.stores.samples import Samples
from augfuse.errors import DataError, ImageTypeError
from augfuse.recipe import Recipe
from augfuse.targets.policy import KINDS


@final
class Source:
    """A data set as Grain's RandomAccessDataSource: element i is a dict of "image", "label", the targets, and "index".

    ds = grain.MapDataset.source(af.grain.Source(data)).shuffle(seed=0).repeat(10)

    Args:
        data: a data set, or what `af.from_samples` takes.
    """

    def __init__(self, data: DataSet | Samples) -> None:
        self._data = as_data_set(data)

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """Sample `index`, decoded. IndexError as for lists; DecodeError for a file that cannot be read."""
        sample = self._data[index]
        found = {"image": sample.image, **sample.targets, "index": range(len(self))[index]}
        return found if sample.label is None else {**found, "label": sample.label}

    def __repr__(self) -> str:  # kept in Grain's checkpoints
        return f"augfuse.grain.Source({self._data!r})"


@final
class Augment(transforms.MapWithIndex):
    """A recipe as a transform of Grain: `ds.map_with_index(af.grain.Augment(recipe, len(data), seed=0))`.

    Element k of the stream belongs to epoch k // length, and gets the draws that an `af.Loader` of this seed has in
    this epoch for the sample of its "index". Targets move with the image, by their keys (mask, boxes, ...).

    Args:
        recipe: an `af.Recipe`.
        length: elements of an epoch, `len(ds)` before `repeat`.
        seed: a whole number; with the epoch and the index it determines the draws.
        training: False: `recipe.eval()`, which draws nothing.
    """

    def __init__(self, recipe: Recipe, length: int, seed: int, training: bool = True) -> None:
        if not isinstance(recipe, Recipe):
            raise ImageTypeError(f"recipe: got {type(recipe).__name__}, wanted an af.Recipe. Use af.Recipe([...]).")
        self._recipe, self._length, self._training = recipe, whole("length", length, 1), training
        self._seed = check_seed(seed)
        self._known = {"image", "label", *KINDS, *recipe.additional}

    def map_with_index(self, index: int, element: Any) -> Any:
        """The element with its image and targets moved. DataError for one that `Source` did not make."""
        if not isinstance(element, dict) or not {"image", "index"} <= set(element):
            raise DataError(
                "af.grain.Augment: got an element without 'image' and 'index', wanted one of af.grain.Source(data)."
            )
        given = {name: value for name, value in element.items() if name in self._known}
        kept = {name: value for name, value in element.items() if name not in self._known}
        epoch, key = int(index) // self._length, int(np.asarray(element["index"]))
        made = self._recipe(**given, seed=self._seed, epoch=epoch, index=key, training=self._training)
        return {**made, **kept}
