"""`validation_split` beside a `groups.csv`: images that belong together stay in one subset.

Without one a subset is the part that Keras takes. The table is that of `augfuse.data.layouts.manifest`; here
the nearest one counts, in the folder of an image or up to two above it: a frame may name files of several data sets.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from augfuse.data.layouts.classes import MANIFEST
from augfuse.data.layouts.manifest import read_groups
from augfuse.data.sources.folder import open_folder
from augfuse.errors import DataError
from augfuse.keras.generator.options import Options
from augfuse.keras.notices import notice
from augfuse.warn_once import warn_once

_LEVELS = 3  # a table further up is hardly about these images


def subset_rows(found: Sequence[Sequence[str]], subset: str | None, options: Options | None) -> list[np.ndarray]:
    """The rows of each list of file names that a subset takes, ascending; all of them without a subset.

    By default a group is in one subset, and copies are in the training subset only, or in none where their original is
    held out. With compat="strict" the subsets are those of Keras, and a warning counts the groups that they part.
    Raises DataError for a groups.csv that cannot be read.
    """
    sizes = [len(paths) for paths in found]
    if subset is None or options is None:
        return [np.arange(size) for size in sizes]
    fraction = options.validation_split
    held = np.concatenate([np.zeros(0, bool), *(np.arange(size) < int(fraction * size) for size in sizes)])
    taken = held if subset == "validation" else ~held
    if fraction and options.compat == "strict":
        _warn_of_parted(options.owner, found, held)
    elif fraction and (read := _groups([path for paths in found for path in paths])) is not None:
        groups, copies = read
        together = np.isin(groups, _held_out(groups, copies, sizes, fraction))
        ours = together & ~copies if subset == "validation" else ~together
        if (ours != taken).any():
            notice(
                "groups",
                f"Keras' validation_split puts images of one group in {MANIFEST} into both subsets, so that copies of "
                "validation images are trained on. Here a group is in one subset, and the validation subset has no "
                "copies.",
            )
        taken = ours
    ends = np.cumsum([0, *sizes])
    return [np.flatnonzero(taken[start:end]) for start, end in pairwise(ends.tolist())]


def _held_out(groups: np.ndarray, copies: np.ndarray, sizes: Sequence[int], fraction: float) -> list[int]:
    """The groups of the validation subset: of each class the first originals, as many as Keras would take if they were
    all there are; where groups have several originals, as nearly as whole groups in this order come."""
    decided: dict[int, bool] = {}
    start = 0
    for size in sizes:
        originals = groups[start : start + size][~copies[start : start + size]]
        start += size
        names, first, counts = np.unique(originals, return_index=True, return_counts=True)
        missing = int(fraction * len(originals))
        missing -= sum(count for name, count in zip(names.tolist(), counts.tolist(), strict=True) if decided.get(name))
        for place in np.argsort(first).tolist():
            name, count = int(names[place]), int(counts[place])
            if name not in decided:
                decided[name] = abs(missing - count) < abs(missing)
                missing -= count * decided[name]
    return [name for name, is_held in decided.items() if is_held]


def _warn_of_parted(generator: object, found: Sequence[Sequence[str]], held: np.ndarray) -> None:
    try:
        read = _groups([path for paths in found for path in paths])
    except DataError as error:
        warn_once(generator, f"{error} Keras does not look at it, and may put copies into both subsets.")
        return
    if read is None:
        return
    groups, copies = read
    parted, augmented = np.intersect1d(groups[held], groups[~held]).size, int(copies[held].sum())
    if parted or augmented:
        warn_once(
            generator,
            f"validation_split: {parted} of {np.unique(groups).size} groups in {MANIFEST} are in both subsets, as in "
            f"Keras, and {augmented} of {int(held.sum())} validation images are augmented copies: validation is too "
            'good. Leave out compat="strict", which keeps groups together.',
        )


def _groups(paths: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """(n,) int64, the number of each image's group, and (n,) bool, True for augmented copies; None where no image has
    a groups.csv. An image without one is its own group."""
    parents = [os.path.dirname(path) for path in paths]  # noqa: PTH120 - a Path for each of many files takes seconds
    places = {parent: _place(parent) for parent in set(parents)}
    known = sorted({place for place in places.values() if place is not None})
    if not known:
        return None
    names: list[tuple[str, str]] = [("", path) for path in paths]
    copies = np.zeros(len(paths), bool)
    for place in known:
        rows = [row for row, parent in enumerate(parents) if places[parent] == place]
        # Not pathlib, as above.
        read = read_groups(open_folder(place), [os.path.abspath(paths[row]) for row in rows])  # noqa: PTH100
        if read is not None:
            copies[rows] = read[1]
            for row, group in zip(rows, read[0].tolist(), strict=True):
                names[row] = (place, group)
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names]), copies


def _place(folder: str) -> str | None:
    """The nearest folder with a groups.csv: a class folder, the one of all classes, or that of the parts above it."""
    above = os.path.abspath(folder)  # noqa: PTH100 - a Path for each of many folders takes seconds
    for _ in range(_LEVELS):
        if os.path.isfile(os.path.join(above, MANIFEST)):  # noqa: PTH113, PTH118
            return above
        above = os.path.dirname(above)  # noqa: PTH120
    return None
