"""COCO's JSON: images, annotations and categories in three lists, tied by ids."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import shown

Id = int | str


class _Image(msgspec.Struct, gc=False):
    id: Id
    file_name: str


class _Annotation(msgspec.Struct):
    image_id: Id
    category_id: Id
    bbox: list[float] | None = None
    id: Id | None = None
    area: float = 0.0
    iscrowd: int = 0
    segmentation: msgspec.Raw = msgspec.Raw(b"[]")
    keypoints: list[float] | None = None


class _Category(msgspec.Struct, gc=False):
    id: Id
    name: str


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


class Coco(NamedTuple):
    """What a file says, image by image. counts: how many objects each has; the other arrays hold one object behind the
    other. parts: how many rings each object has, rings: how many points each ring, points: (total, 2). flat: how many
    boxes were left out because they have no area."""

    files: tuple[str, ...]
    classes: tuple[str, ...]
    counts: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    crowds: np.ndarray
    parts: np.ndarray
    rings: np.ndarray
    points: np.ndarray
    keypoints: np.ndarray | None
    flat: int
    first_flat: Id | None


_RINGS = msgspec.json.Decoder(list[list[float]])


def read(path: Path) -> Coco:
    """Raises DataNotFoundError, DataError; see `augfuse.from_coco`."""
    held = _decoded(path)
    images = {image.id: place for place, image in enumerate(held.images)}
    _check_once(path, "image", [image.id for image in held.images])
    _check_once(path, "category", [category.id for category in held.categories])
    _check_once(path, "annotation", [one.id for one in held.annotations if one.id is not None])
    for image in held.images:
        _check_name(path, image)
    if not held.images:
        raise DataError(f"{path}: holds no images.")
    categories = sorted(held.categories, key=lambda category: (isinstance(category.id, str), category.id))
    numbers = {category.id: number for number, category in enumerate(categories)}
    flat = [one for one in held.annotations if _is_flat(path, one, images, numbers)]
    if flat:
        left_out = set(map(id, flat))
        held.annotations = [one for one in held.annotations if id(one) not in left_out]
    rows = np.array([images[one.image_id] for one in held.annotations], np.int64)
    order = np.argsort(rows, kind="stable")
    things = [held.annotations[i] for i in order.tolist()]
    boxes = np.array([one.bbox for one in things], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    parts, rings, points = _polygons(path, things)
    return Coco(
        files=tuple(image.file_name for image in held.images),
        classes=_names(path, [category.name for category in categories]),
        counts=np.bincount(rows, minlength=len(held.images)),
        boxes=boxes.astype(np.float32),
        labels=np.array([numbers[one.category_id] for one in things], np.int64),
        areas=np.array([one.area for one in things], np.float32),
        crowds=np.array([bool(one.iscrowd) for one in things], bool),
        parts=parts,
        rings=rings,
        points=points,
        keypoints=_keypoints(path, things),
        flat=len(flat),
        first_flat=flat[0].id if flat else None,
    )


def _decoded(path: Path) -> _File:
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is not a regular file, wanted COCO's JSON.")
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        raise DataNotFoundError(f"{path}: no such file, wanted COCO's JSON.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not COCO's JSON ({error}). Wanted images, annotations and categories.") from None
    except MemoryError:
        raise DataError(f"{path}: does not fit into memory.") from None


def _check_once(path: Path, what: str, ids: Sequence[Id]) -> None:
    if len(set(ids)) < len(ids):
        seen: set[Id] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))
        raise DataError(f"{path}: {what} id {shown(twice)} is there twice, wanted each id once.")


def _check_name(path: Path, image: _Image) -> None:
    """Refuse names that lead out of the folder of the images."""
    name = image.file_name.replace("\\", "/")
    if not name or name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        raise DataError(
            f"{path}: image {shown(image.id)} has the name {shown(image.file_name)}, wanted one below the folder of "
            "the images."
        )
    image.file_name = name.replace("/", os.sep)


def _names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: two categories are called {shown(twice)}, wanted names that differ.")
    return tuple(names)


def _is_flat(path: Path, one: _Annotation, images: dict[Id, int], numbers: dict[Id, int]) -> bool:
    """Whether a box has no area. DataError for an annotation that cannot be used."""
    what = f"{path}: annotation {shown(one.id)}"
    if one.image_id not in images:
        raise DataError(f"{what} is of image {shown(one.image_id)}, which is not there.")
    if one.category_id not in numbers:
        raise DataError(f"{what} is of category {shown(one.category_id)}, which is not there.")
    box = one.bbox
    if box is None or len(box) != 4 or not all(map(math.isfinite, box)):
        raise DataError(f"{what} has the bbox {shown(box)}, wanted [x, y, width, height].")
    if box[2] < 0 or box[3] < 0:
        raise DataError(f"{what} is upside down: it is {box[2]:g} wide and {box[3]:g} high.")
    return box[2] == 0 or box[3] == 0


def _polygons(path: Path, things: Sequence[_Annotation]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts: list[int] = []
    rings: list[int] = []
    points: list[np.ndarray] = []
    for one in things:
        raw = bytes(one.segmentation)
        if raw[:1] != b"[":  # a mask, run-length encoded, or nothing
            parts.append(0)
            continue
        try:
            found = _RINGS.decode(raw)
        except msgspec.MsgspecError as error:
            raise DataError(
                f"{path}: annotation {shown(one.id)}: segmentation is not a list of rings ({error})."
            ) from None
        for ring in found:
            if len(ring) < 6 or len(ring) % 2:
                raise DataError(
                    f"{path}: annotation {shown(one.id)}: a ring of {len(ring)} numbers, wanted x, y of three "
                    "points or more."
                )
            rings.append(len(ring) // 2)
            points.append(np.array(ring, np.float32).reshape(-1, 2))
        parts.append(len(found))
    joined = np.concatenate(points) if points else np.empty((0, 2), np.float32)
    return np.array(parts, np.int64), np.array(rings, np.int64), joined


def _keypoints(path: Path, things: Sequence[_Annotation]) -> np.ndarray | None:
    """(k, p, 3); objects without key points have zeros. None where no object has any."""
    count = max((len(one.keypoints) for one in things if one.keypoints is not None), default=0)
    if not count:
        return None
    found = np.zeros((len(things), count), np.float32)
    for row, one in enumerate(things):
        if one.keypoints is None:
            continue
        if len(one.keypoints) != count or count % 3:
            raise DataError(
                f"{path}: annotation {shown(one.id)} has {len(one.keypoints)} numbers of key points, another one "
                f"{count}: wanted x, y and visibility of as many points in all."
            )
        found[row] = one.keypoints
    return found.reshape(len(things), -1, 3)
