"""The annotations of COCO's JSON as flat arrays: what is checked of each object, and what is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, final

import msgspec
import numpy as np

from augfuse.data.columns import rle
from augfuse.data.layouts.problems import Kind, refuse
from augfuse.errors import DataError
from augfuse.text import shown

Id = int | str
_MOST_PIXELS = 2**32 - 1
Side = Annotated[int, msgspec.Meta(ge=0, le=10**8)]
_LARGEST = 1e9  # pixels: no image has such coordinates
_EXAMPLES = 5


class Image(msgspec.Struct, gc=False):
    id: Id
    file_name: str
    height: Side = 0
    width: Side = 0


class Mask(msgspec.Struct, gc=False):
    size: tuple[Side, Side]
    counts: str | list[Annotated[int, msgspec.Meta(ge=0, le=_MOST_PIXELS)]]


class _Segment(msgspec.Struct, gc=False):
    id: Annotated[int, msgspec.Meta(ge=1, lt=2**24)]
    category_id: Id
    bbox: tuple[float, float, float, float] | None = None
    area: float | None = None
    iscrowd: int | bool = 0


class Annotation(msgspec.Struct, gc=False):
    image_id: Id
    category_id: Id | None = None
    bbox: tuple[float, float, float, float] | None = None
    id: Id | None = None
    area: float | None = None
    iscrowd: int | bool = 0
    segmentation: list[list[float]] | Mask | None = None
    keypoints: list[float] | None = None
    file_name: str | None = None
    segments_info: list[_Segment] | None = None


class Category(msgspec.Struct, gc=False):
    id: Id
    name: str
    keypoints: list[str] | None = None
    skeleton: list[tuple[int, int]] | None = None


def check_once(path: Path, what: str, ids: Sequence[Id]) -> None:
    if len(set(ids)) < len(ids):
        seen: set[Id] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))
        raise DataError(f"{path}: {what} id {shown(twice)} is there twice, wanted each id once.")


def checked_name(path: Path, id: Id, given: str) -> str:
    """A name below the folder of the images; DataError for one that leads out of it."""
    name = given.replace("\\", "/") if "\\" in given else given
    odd = not name or name[0] == "/" or name[1:2] == ":" or "\0" in name
    if odd or (".." in name and ".." in name.split("/")):
        raise DataError(
            f"{path}: image {shown(id)} has the name {shown(given)}, wanted one below the folder of the images."
        )
    return name if os.sep == "/" else name.replace("/", os.sep)


@final
class Objects:
    """What is learnt while annotations are read."""

    def __init__(self, path: Path, images: dict[Id, int], sizes: np.ndarray, numbers: dict[Id | None, int]) -> None:
        self.flat = 0
        self.first_flat: Id | None = None
        self._path, self._images, self._sizes, self._numbers = path, images, sizes, numbers
        self._rows: list[np.ndarray] = [np.empty(0, np.int64)]
        self._columns: dict[str, list[np.ndarray]] = {
            "boxes": [np.empty((0, 4), np.float32)],
            "labels": [np.empty(0, np.int64)],
            "areas": [np.empty(0, np.float32)],
            "crowds": [np.empty(0, bool)],
        }
        self._ids: list[np.ndarray] = [np.empty(0, np.int64)]
        self._words: set[Id] = set()
        self._files: dict[int, str] = {}
        self._total = 0  # objects so far

    def add(self, piece: list[Annotation]) -> None:
        """The annotations of a piece."""
        self._check_ids(piece)
        if any(one.segments_info is not None for one in piece):
            piece = self._expanded(piece)
        piece, rows = self._placed(piece)
        if not piece:
            return
        self._rows.append(rows)
        boxes = np.fromiter(chain.from_iterable(one.bbox or () for one in piece), np.float64, 4 * len(piece))
        boxes = boxes.reshape(-1, 4)
        areas = np.array([one.area for one in piece], np.float64)
        area = np.clip(np.where(np.isnan(areas), boxes[:, 2] * boxes[:, 3], areas), 0, _LARGEST**2)
        boxes[:, 2:] += boxes[:, :2]
        self._note("boxes", boxes.astype(np.float32))
        labels = (self._numbers.get(one.category_id, 0) for one in piece)  # all are there
        self._note("labels", np.fromiter(labels, np.int64, len(piece)))
        self._note("areas", area.astype(np.float32))
        self._note("crowds", np.fromiter((one.iscrowd for one in piece), np.bool_, len(piece)))
        if self._files:
            self._note("segment_ids", np.array([one.id for one in piece], np.int64))
        self._add_rings(piece)
        self._add_masks(piece)
        self._add_points(piece)
        self._total += len(piece)

    @property
    def segments(self) -> tuple[str, ...] | None:
        """Of panoptic annotations the PNG of each image, "" for none."""
        return tuple(self._files.get(row, "") for row in range(len(self._images))) if self._files else None

    def arrays(self) -> dict[str, np.ndarray]:
        """All columns, image by image."""
        rows = np.concatenate(self._rows)
        self._rows.clear()
        order = np.argsort(rows, kind="stable") if (rows[1:] < rows[:-1]).any() else None
        found = {"counts": np.bincount(rows, minlength=len(self._images))}
        del rows

        def ordered(column: np.ndarray) -> np.ndarray:
            return column if order is None else column[order]

        if self._files:
            self._columns.setdefault("segment_ids", [np.empty(0, np.int64)])
        for name in ("boxes", "labels", "areas", "crowds", "segment_ids"):
            if name in self._columns:
                found[name] = ordered(self._joined(name))
        for places, values in (("ring", "rings"), ("run", "runs")):
            if values in self._columns:
                counts = self._spread(f"{places} counts", self._joined(f"{places} of"))
                found[f"{places}_starts"] = ordered(np.cumsum(counts) - counts)
                found[f"{places}_counts"] = ordered(counts)
                found[values] = self._joined(values)
        if "rings" in found:
            found["points"] = self._joined("points").reshape(-1, 2)
        for name in ("mask_sizes", "keypoints"):
            if name in self._columns:
                found[name] = ordered(self._spread(name, self._joined(f"{name} of")))
        return found

    def _note(self, name: str, column: np.ndarray) -> None:
        self._columns.setdefault(name, []).append(column)

    def _joined(self, name: str) -> np.ndarray:
        return np.concatenate(self._columns.pop(name))

    def _spread(self, name: str, objects: np.ndarray) -> np.ndarray:
        """The values that these objects have, and 0 for all others."""
        values = self._joined(name)
        column = np.zeros((self._total, *values.shape[1:]), values.dtype)
        column[objects] = values
        return column

    def _check_ids(self, piece: list[Annotation]) -> None:
        ids = [one.id for one in piece if one.id is not None]
        words = [id for id in ids if type(id) is not int or not -(2**63) <= id < 2**63]
        if words:
            check_once(self._path, "annotation", [*self._words, *words])
            self._words.update(words)
            ids = [id for id in ids if id not in self._words]
        self._ids.append(np.array(ids, np.int64))

    def check_once(self) -> None:
        """DataError for an id that two annotations have."""
        ids = np.sort(np.concatenate(self._ids))
        twice = np.flatnonzero(ids[1:] == ids[:-1])
        if len(twice):
            raise DataError(f"{self._path}: annotation id {ids[twice[0]]} is there twice, wanted each id once.")
        self._ids.clear()

    def _expanded(self, piece: list[Annotation]) -> list[Annotation]:
        """The segments of panoptic annotations, each as an annotation."""
        found: list[Annotation] = []
        for one in piece:
            what = f"{self._path}: the annotation of image {shown(one.image_id)}"
            if one.segments_info is None or one.file_name is None:
                raise DataError(f"{what} has no segments_info or no file_name, which others have.")
            row = self._images.get(one.image_id, -1)
            if row < 0:
                refuse("astray", [f"{what} is of an image that is not there."], len(one.segments_info))
                continue
            if row in self._files:
                raise DataError(f"{what} is there twice, wanted one PNG for each image.")
            self._files[row] = checked_name(self._path, one.image_id, one.file_name)
            check_once(self._path, f"image {shown(one.image_id)}: segment", [part.id for part in one.segments_info])
            found += [
                Annotation(one.image_id, part.category_id, part.bbox, part.id, part.area, part.iscrowd)
                for part in one.segments_info
            ]
        return found

    def _placed(self, piece: list[Annotation]) -> tuple[list[Annotation], np.ndarray]:
        """Those that can be used, and the row of the image of each."""
        get = self._images.get
        rows = np.fromiter((get(one.image_id, -1) for one in piece), np.int64, len(piece))
        good = np.ones(len(piece), bool)

        def leave(kind: Kind, bad: np.ndarray, say: Callable[[Annotation], str]) -> None:
            chosen = np.flatnonzero(bad & good)
            if len(chosen):
                examples: list[int] = chosen[:_EXAMPLES].tolist()
                named = [piece[i] for i in examples]
                refuse(kind, [f"{self._path}: annotation {shown(one.id)} {say(one)}" for one in named], len(chosen))
                good[chosen] = False

        leave("astray", np.less(rows, 0), lambda one: f"is of image {shown(one.image_id)}, which is not there.")
        unnamed = np.fromiter((one.category_id not in self._numbers for one in piece), np.bool_, len(piece))
        leave("unnamed", unnamed, lambda one: f"is of category {shown(one.category_id)}, which is not there.")
        none = np.fromiter((one.bbox is None for one in piece), np.bool_, len(piece))
        leave("unreadable", none, lambda one: "has no bbox, wanted [x, y, width, height].")
        zero = (0.0, 0.0, 0.0, 0.0)
        boxes = np.array([one.bbox or zero for one in piece], np.float64).reshape(-1, 4)
        leave("unreadable", np.any(np.abs(boxes) >= _LARGEST, axis=1),
              lambda one: f"has the bbox {shown(one.bbox)}, wanted pixels.")  # fmt: skip
        leave("upside down", np.any(boxes[:, 2:] < 0, axis=1),
              lambda one: f"is upside down: its bbox is {shown(one.bbox)}, wanted [x, y, width, height].")  # fmt: skip
        flat = (boxes[:, 2:] == 0).any(axis=1) & good
        if flat.any():
            if not self.flat:
                self.first_flat = piece[int(np.flatnonzero(flat)[0])].id
            self.flat += int(flat.sum())
            good &= ~flat
        if good.all():
            return piece, rows
        return [one for one, fits in zip(piece, good.tolist(), strict=True) if fits], rows[good]

    def _add_rings(self, piece: list[Annotation]) -> None:
        drawn = [(i, held) for i, one in enumerate(piece) if isinstance(held := one.segmentation, list) and held]
        if not drawn:
            return
        rings = [ring for _, held in drawn for ring in held]
        parts = np.array([len(held) for _, held in drawn], np.int64)
        sizes = np.fromiter(map(len, rings), np.int64, len(rings))
        bad = np.flatnonzero((sizes < 6) | (sizes % 2 == 1))
        if len(bad):
            one = piece[drawn[int(np.searchsorted(np.cumsum(parts), int(bad[0]), side="right"))][0]]
            raise DataError(
                f"{self._path}: annotation {shown(one.id)}: a ring of {sizes[bad[0]]} numbers, wanted x, y of three "
                "points or more."
            )
        points = np.fromiter(chain.from_iterable(rings), np.float64, int(sizes.sum()))
        self._check_size(points, "a ring")
        self._note("ring of", np.array([i for i, _ in drawn], np.int64) + self._total)
        self._note("ring counts", parts)
        self._note("rings", sizes // 2)
        self._note("points", points.astype(np.float32))

    def _add_masks(self, piece: list[Annotation]) -> None:
        stored = [(i, one.segmentation) for i, one in enumerate(piece) if isinstance(one.segmentation, Mask)]
        if not stored:
            return
        values, sizes, broken = rle.unpack([m.counts.encode() for _, m in stored if isinstance(m.counts, str)])
        pieces = zip(np.split(values, np.cumsum(sizes)), broken.tolist(), strict=False)  # behind the last there is none
        packed = (values[:0] if bad else counts for counts, bad in pieces)
        runs = [next(packed) if isinstance(m.counts, str) else np.array(m.counts, np.int64) for _, m in stored]
        for (i, mask), counts in zip(stored, runs, strict=True):
            height, width = mask.size
            fits = len(counts) > 0 and counts.min() >= 0 and counts.sum() == height * width and min(mask.size) > 0
            known = self._sizes[self._images[piece[i].image_id]].tolist()
            if not fits or (min(known) > 0 and [height, width] != known):
                what = f"{self._path}: annotation {shown(piece[i].id)} has a mask"
                if fits:
                    raise DataError(f"{what} of {height}x{width} pixels, its image {known[0]}x{known[1]}.")
                raise DataError(f"{what} that is broken: its runs do not make up {height}x{width} pixels.")
        objects = np.array([i for i, _ in stored], np.int64) + self._total
        self._note("run of", objects)
        self._note("run counts", np.array([len(counts) for counts in runs], np.int64))
        self._note("runs", np.concatenate(runs).astype(np.uint32))
        self._note("mask_sizes of", objects)
        self._note("mask_sizes", np.array([mask.size for _, mask in stored], np.int32))

    def _add_points(self, piece: list[Annotation]) -> None:
        held = [(i, one.keypoints) for i, one in enumerate(piece) if one.keypoints]
        if not held:
            return
        first = self._columns["keypoints"][0].shape[1] * 3 if "keypoints" in self._columns else 0
        count = first or len(held[0][1])
        for i, numbers in held:
            if len(numbers) != count or count % 3:
                raise DataError(
                    f"{self._path}: annotation {shown(piece[i].id)} has {len(numbers)} numbers of key points, another "
                    f"one {count}: wanted x, y and visibility of as many points in all."
                )
        points = np.fromiter(chain.from_iterable(numbers for _, numbers in held), np.float64, count * len(held))
        self._check_size(points, "key points")
        self._note("keypoints of", np.array([i for i, _ in held], np.int64) + self._total)
        self._note("keypoints", points.astype(np.float32).reshape(len(held), -1, 3))

    def _check_size(self, points: np.ndarray, what: str) -> None:
        if not (np.abs(points) < _LARGEST).all():
            raise DataError(f"{self._path}: {what} at {points[~(np.abs(points) < _LARGEST)][0]:g}, wanted pixels.")
