"""The samples of a data set as partners of mixes."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from augfuse.data.batches.reader import Reader
from augfuse.data.columns.label_uses import label_kind, labels_for_draws, one_hot_labels
from augfuse.data.columns.objects import kinds, known_kinds
from augfuse.data.readable import Readable
from augfuse.errors import DataError
from augfuse.plan.partners import Pool
from augfuse.recipe import Recipe
from augfuse.targets.partners import Mate, Read, filled, given_labels, soft_labels
from augfuse.targets.validate import given, of_samples
from augfuse.threads import cpu_count
from augfuse.transforms.children import leaves
from augfuse.transforms.mix_base import Mix


def kinds_of(data: Readable, recipe: Recipe) -> dict[str, str]:
    """The kind of each target of a data set: how it is moved."""
    return kinds(data.table.targets, known_kinds(recipe.additional))


@final
class Partners:
    """Reads the partners of mixes. classes: length of one-hot labels; None for other labels. served: whether the mixed
    images come from this data set, too."""

    def __init__(
        self, data: Readable, recipe: Recipe, reader: Reader, classes: int | None, served: bool = True
    ) -> None:
        _check(data, recipe, classes, served)
        self._data, self._recipe, self._reader, self._classes = data, recipe, reader, classes
        self._kinds = kinds_of(data, recipe)
        labels = labels_for_draws(recipe, data)[1]
        self.pool = Pool(len(data), np.empty(0, np.int64), labels, of_data=True)

    def reader(self, threads: int, own: Read | None = None) -> Read:
        """What reads partners. own: what stands where a partner cannot be read, and is left out."""

        def read(places: np.ndarray, rows: np.ndarray) -> Mate:
            if len(places) and places.max() >= len(self._data):
                raise DataError(
                    f"data: got {len(self._data)} samples, and partner {places.max()} is asked for. Use the data set "
                    "that the plan was made with."
                )
            found = self._reader.read(places, threads, none_is_fine=own is not None)
            if own is not None and not len(found.places):
                return own(rows, rows)
            labels = self.labels(found.labels)
            canvas, where = found.images.canvas, of_samples(found.names)
            held = given(self._recipe, found.targets, canvas, where, self._kinds, "pascal_voc")
            weights = self._data.sample_weights
            kept = places[found.places]
            mate = Mate(found.images, held, labels, None if weights is None else weights[kept])
            return mate if own is None or len(kept) == len(places) else filled(mate, found.places, own(rows, rows))

        return read

    def labels(self, labels: Any) -> Any:
        """Labels as mixes take them."""
        if labels is not None and self._classes is not None:
            labels = np.eye(self._classes, dtype=np.float32)[labels]
        return soft_labels(labels, self._recipe.inner.asks.softens)


def of_data(data: Readable, recipe: Recipe, own: np.ndarray) -> tuple[Pool, Read]:
    """The pool of partners for these samples, and their reader. Class numbers become one-hot labels."""
    labels = data.labels
    numbers = labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu"
    classes = one_hot_labels(data) if numbers and recipe.inner.asks.softens is not None else None
    partners = Partners(data, recipe, Reader(data, "raise", 0.0, recipe), classes, served=False)
    return partners.pool.of(own), partners.reader(cpu_count())


def _check(data: Readable, recipe: Recipe, classes: int | None, served: bool) -> None:
    """Raise an error for data that cannot be mixed, before anything is read."""
    softens, names = recipe.inner.asks.softens, data.table.targets
    if softens is not None and data.labels is not None and classes is None and label_kind(data.labels) != "one-hot":
        given_labels(data.labels, softens)
    lazy = data.labels is None and data.images is None
    if served and softens is not None and data.labels is None and not names and not lazy:
        raise DataError(
            f"data: got images without labels and targets for a recipe with {softens}, wanted labels: a mixed image "
            "belongs to several classes. Use af.from_arrays(images, labels), and af.Loader(..., one_hot=True)."
        )
    if recipe.inner.asks.classes and data.labels is None:
        raise DataError(
            "data: got images without labels for partners of a class, wanted one label for each. Use "
            'af.from_arrays(images, labels), or partner="any".'
        )
    pastes = [type(t).__name__ for t in leaves(recipe.transforms) if isinstance(t, Mix) and t.takes_objects]
    if pastes and not {"masks", "polygons", "segments"} & set(names):
        raise DataError(
            f"data: got a data set without masks of objects and without polygons for a recipe with {pastes[0]}, wanted "
            "one of them: they say what is pasted. Use data.with_targets(masks=masks), each (k, h, w)."
        )
