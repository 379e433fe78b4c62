"""What a format cannot hold: counted while writing, reported after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, final

import numpy as np

from augfuse.data.dataset import DataSet
from augfuse.errors import DataError
from augfuse.warn_once import warn

ROUNDING = 0.01  # pixels: less is what fractions of the sides lose
_FLAGS = ("difficult", "truncated", "crowd")
_SAME_AREA = 0.01  # the share by which an area may differ from that of its box and still be called so


@final
class Losses:
    """Counts of what was left out or changed, for one format."""

    def __init__(self, form: str, several: bool = False) -> None:
        self._form = f"{form} {'do' if several else 'does'}"
        self._counts: Counter[str] = Counter()
        self._held: frozenset[str] = frozenset()

    def note(self, what: str, count: int = 1) -> None:
        """`what` happened to so many objects: "objects are crowds, and are left out"."""
        if count:
            self._counts[what] += count

    def begin(self, data: DataSet, held: Iterable[str], *, of_images: bool = False) -> None:
        """Note which columns of a part the format does not hold. held: those of targets that it holds; with some of
        them, flags and areas are counted by `look`. of_images: whether it holds the class and the group of an image."""
        self._held = frozenset(held)
        looked_at = (*_FLAGS, "area") if self._held else ()
        left = [name for name in data.table.targets if name not in self._held and name not in looked_at]
        if left:
            self.note(f"samples lose {', '.join(left)}, which {self._form} not hold", len(data))
        if data.labels is not None and not of_images:
            self.note(f"samples lose the class of their image, which {self._form} not hold", len(data))
        if data.sample_weights is not None:
            self.note(f"samples lose their weight, which {self._form} not hold", len(data))
        if data.groups is not None and not of_images:
            self.note(
                f"samples lose their group, which {self._form} not hold: split them before you write them", len(data)
            )

    def look(self, targets: Mapping[str, Any]) -> None:
        """Note what is lost of the objects of an image."""
        for name in _FLAGS:
            if name in targets and name not in self._held:
                self.note(f"objects are {name}, which {self._form} not hold", int(targets[name].sum()))
        if "area" in targets and "area" not in self._held:
            sides = targets["boxes"][:, 2:] - targets["boxes"][:, :2]
            other = np.abs(sides.prod(axis=1) - targets["area"]) > _SAME_AREA * targets["area"]
            self.note(f"objects lose their area, which {self._form} not hold", int(other.sum()))

    def report(self, where: object, hint: str = "") -> None:
        """An AugfuseWarning for each thing that was lost. hint: what to type instead."""
        for what, count in self._counts.items():
            warn(f"{where}: {count:,} {what}.{hint}")


def require_boxes(data: DataSet, where: object, form: str) -> None:
    """DataError for a data set without boxes, or whose boxes have no names of classes."""
    if "boxes" not in data.table.targets or "box_labels" not in data.table.targets:
        held = ", ".join(data.table.targets) or ("one class each" if data.labels is not None else "no labels")
        raise DataError(f"{where}: its images have {held}, and no boxes: {form} holds boxes with classes.")
    if data.classes is None:
        raise DataError(f"{where}: its classes have no names. In Python type data.with_classes([...]).")
