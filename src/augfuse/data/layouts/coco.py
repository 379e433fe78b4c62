"""COCO's JSON: images, annotations and categories in three lists, tied by ids, read into flat arrays."""

from __future__ import annotations

import gc
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from augfuse.data.decoding import kept_arrays
from augfuse.data.layouts.coco_objects import Annotation, Category, Id, Image, Objects, check_once, checked_name
from augfuse.data.layouts.large_json import Lists
from augfuse.data.layouts.problems import is_collecting
from augfuse.errors import DataError
from augfuse.text import shown

_READER = "coco 1"  # with another number what older versions kept is read again
_WANTED = "COCO's JSON"


class About(msgspec.Struct, frozen=True):
    """files: the name of each image below their folder. points, bones: names of the key points, and pairs of them that
    are joined, from 0 on. segments: of panoptic annotations the PNG of each image, "" for none. flat: how many boxes
    were left out because they have no area."""

    files: tuple[str, ...]
    classes: tuple[str, ...]
    points: tuple[str, ...] = ()
    bones: tuple[tuple[int, int], ...] = ()
    segments: tuple[str, ...] | None = None
    flat: int = 0
    first_flat: Id | None = None


class Coco(NamedTuple):
    """What a file says, image by image, in arrays of one row for each object, one image behind the other.

    "counts" (n,): how many objects each image has, "sizes" (n, 2): height and width, 0 where they are not given.
    "boxes" (k, 4), "labels", "areas", "crowds". Where there are polygons: "ring_starts", "ring_counts" (k,): the rings
    of each object among "rings" (r,), the number of points of each, which lie in "points" (p, 2). Where there are
    masks: "run_starts", "run_counts" (k,), among "runs", and "mask_sizes" (k, 2). Where there are key points:
    "keypoints" (k, m, 3). Of panoptic annotations "segment_ids" (k,): the number of each object in its PNG.
    """

    about: About
    arrays: dict[str, np.ndarray]


def read(path: Path) -> Coco:
    """What a file says; from the cache where it was read before. Raises DataNotFoundError, DataError; see
    `augfuse.from_coco`."""
    large = kept_arrays.is_worth_it(path) and not is_collecting()
    kept = kept_arrays.load(path, _READER) if large else None
    if kept is not None:
        return Coco(msgspec.json.decode(kept.pop("about").data, type=About), kept)
    with _no_collection():
        found = _read(path)
    if large:
        about = np.frombuffer(msgspec.json.encode(found.about), np.uint8)
        kept_arrays.keep(path, _READER, {**found.arrays, "about": about})
    return found


@contextmanager
def _no_collection() -> Generator[None]:
    """Millions of lists are made and dropped again: looking for cycles among them takes a quarter of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read(path: Path) -> Coco:
    with Lists(path, ("images", "annotations", "categories"), _WANTED) as lists:
        categories = [one for piece in lists.pieces("categories", Category) for one in piece]
        categories.sort(key=lambda category: (isinstance(category.id, str), category.id))
        numbers: dict[Id | None, int] = {category.id: number for number, category in enumerate(categories)}
        check_once(path, "category", [category.id for category in categories])
        images, files, sizes = _images(path, lists)
        found = Objects(path, images, sizes, numbers)
        for piece in lists.pieces("annotations", Annotation):
            found.add(piece)
    found.check_once()
    about = About(
        files,
        _names(path, [category.name for category in categories]),
        *_skeleton(path, categories),
        segments=found.segments,
        flat=found.flat,
        first_flat=found.first_flat,
    )
    return Coco(about, {"sizes": sizes, **found.arrays()})


def _images(path: Path, lists: Lists) -> tuple[dict[Id, int], tuple[str, ...], np.ndarray]:
    rows: dict[Id, int] = {}
    files: list[str] = []
    sizes: list[np.ndarray] = []
    for piece in lists.pieces("images", Image):
        ids = [image.id for image in piece]
        before = len(rows)
        rows.update(zip(ids, range(before, before + len(ids)), strict=True))
        if len(rows) < before + len(ids):
            check_once(path, "image", [*list(rows)[:before], *ids])
        files += [checked_name(path, image.id, image.file_name) for image in piece]
        sizes.append(np.array([(image.height, image.width) for image in piece], np.int32).reshape(-1, 2))
    if not files:
        raise DataError(f"{path}: holds no images.")
    return rows, tuple(files), np.concatenate(sizes)


def _names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: two categories are called {shown(twice)}, wanted names that differ.")
    return tuple(names)


def _skeleton(path: Path, categories: Sequence[Category]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """The names of the key points, and pairs of them from 0 on; () where categories differ in them."""
    named = {tuple(one.keypoints): one for one in categories if one.keypoints}
    if len(named) != 1:
        return (), ()
    ((names, category),) = named.items()
    bones = tuple((one - 1, other - 1) for one, other in category.skeleton or ())
    if any(not 0 <= point < len(names) for bone in bones for point in bone):
        raise DataError(
            f"{path}: the skeleton of category {shown(category.name)} joins points that are not there, wanted 1 to "
            f"{len(names)}."
        )
    return names, bones
