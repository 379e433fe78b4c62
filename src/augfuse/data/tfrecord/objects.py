"""Boxes, masks, key points and polygons as features of `tf.train.Example`, written and read.

The names are those of TensorFlow's object detection API: image/object/bbox/xmin and its sisters as fractions of the
width and the height, image/object/class/label and text, is_crowd, difficult, truncated, area; image/object/mask, a PNG
for each object; image/object/keypoint/x, y, visibility; image/segmentation/class/encoded, a PNG. Polygons have no usual
name: image/object/polygon/x and y, with the number of points of each ring in points, and of rings of each object in
rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from augfuse.data.codecs.encode import encoded
from augfuse.data.columns.mask_files import decode_mask
from augfuse.data.columns.objects import Column, Fields, Relative, Size, lists, ragged
from augfuse.data.export.coco import with_visibility
from augfuse.data.stores.store import Store
from augfuse.data.tfrecord import example
from augfuse.data.tfrecord.example import Feature, Value
from augfuse.errors import DataError, DecodeError
from augfuse.text import shown

PREFIX = "image/object/"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
BOXES = f"{PREFIX}bbox/xmin"
_LABEL, TEXT = f"{PREFIX}class/label", f"{PREFIX}class/text"
_FLAGS = {"crowd": f"{PREFIX}is_crowd", "difficult": f"{PREFIX}difficult", "truncated": f"{PREFIX}truncated"}
_AREA, _MASKS, _MASK = f"{PREFIX}area", f"{PREFIX}mask", "image/segmentation/class/encoded"
_POINTS = tuple(f"{PREFIX}keypoint/{name}" for name in ("x", "y", "visibility"))
_POLYGON = tuple(f"{PREFIX}polygon/{name}" for name in ("x", "y", "points", "rings"))
HELD = ("boxes", "box_labels", *_FLAGS, "area", "polygons", "keypoints", "masks", "mask")


def features_of(targets: Mapping[str, Any], size: Size, classes: tuple[str, ...] | None) -> dict[str, Value]:
    """The features of what belongs to an image of this size."""
    found: dict[str, Value] = {}
    full = np.array([size.width, size.height], np.float64)
    if "boxes" in targets:
        sides = targets["boxes"].reshape(-1, 2, 2) / full
        found |= {f"{PREFIX}bbox/{name}": sides[:, k // 2, k % 2].astype(np.float32) for k, name in enumerate(_SIDES)}
    if "box_labels" in targets:
        labels = targets["box_labels"]
        found[_LABEL] = labels
        if classes is not None:
            numbers: list[int] = labels.tolist()
            found[TEXT] = [classes[label].encode("utf-8", "surrogateescape") for label in numbers]
    found |= {feature: targets[name].astype(np.int64) for name, feature in _FLAGS.items() if name in targets}
    if "area" in targets:
        found[_AREA] = targets["area"]
    if "keypoints" in targets:
        points = [with_visibility(one) for one in targets["keypoints"]]
        flat = np.concatenate(points) if points else np.empty((0, 3), np.float32)
        found[_POINTS[0]], found[_POINTS[1]] = ((flat[:, k] / full[k]).astype(np.float32) for k in (0, 1))
        found[_POINTS[2]] = flat[:, 2].astype(np.int64)
    if "polygons" in targets:
        rings = [ring for one in targets["polygons"] for ring in one]
        flat = np.concatenate(rings) if rings else np.empty((0, 2), np.float32)
        found[_POLYGON[0]], found[_POLYGON[1]] = ((flat[:, k] / full[k]).astype(np.float32) for k in (0, 1))
        found[_POLYGON[2]] = np.array([len(ring) for ring in rings], np.int64)
        found[_POLYGON[3]] = np.array([len(one) for one in targets["polygons"]], np.int64)
    if "masks" in targets:
        found[_MASKS] = [encoded(mask[:, :, None], "png", "a mask") for mask in targets["masks"]]
    if "mask" in targets:
        found[_MASK] = [encoded(targets["mask"][:, :, None], "png", "a mask")]
    return found


@final
class Objects:
    """What is learnt of the objects while records are read."""

    def __init__(self) -> None:
        self._columns: dict[str, list[np.ndarray]] = {}
        self._spans: dict[str, list[np.ndarray]] = {}
        self._texts: dict[int, str] | None = {}
        self._names: frozenset[str] = frozenset()
        self._count = 0

    def add(self, raw: memoryview, found: Mapping[str, Feature]) -> None:
        """The objects of a record. Raises DataError, which goes on behind "record 3"."""
        held = _KNOWN & found.keys()
        if held and not self._names:
            self._names = frozenset(held)
            if _MASK in held and self._count:
                raise DataError(f"has the feature {shown(_MASK)}, which those before it lack")
        self._count += 1
        if held and held != self._names:
            other = sorted(held ^ self._names)[0]
            one, before = ("has", "lack") if other in held else ("lacks", "have")
            raise DataError(f"{one} the feature {shown(other)}, which others with objects {before}")
        if not held and _MASK in self._names:
            raise DataError(f"lacks the feature {shown(_MASK)}, which those before it have")
        if not held and not self._names:
            return
        # A record without any of them is an image without objects.
        columns = {name: self._numbers(raw, found, name) for name in _COLUMNS if name in self._names}
        counts = {name: len(columns[name]) for name in _EACH if name in columns}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise DataError(f"has objects of different counts ({listed})")
        before = self._count - 1
        for name, column in columns.items():
            self._columns.setdefault(name, [np.empty(0, column.dtype)] * before).append(column)
        self._check_pieces(columns, next(iter(counts.values()), 0))
        for name in (_MASKS, _MASK):
            if name in self._names:
                blobs = example.blobs(raw, found[name]) if name in held else []
                spans = [(span.start, span.stop - span.start) for span in blobs]
                if name == _MASK and len(spans) != 1:
                    raise DataError(f"has {len(spans)} values of the feature {shown(name)}, wanted one mask")
                none = np.empty((0, 2), np.int64)
                self._spans.setdefault(name, [none] * before).append(np.array(spans, np.int64).reshape(-1, 2))
        if _LABEL in columns:
            self._note_texts(raw, found, columns[_LABEL])

    def columns(self, store: Store, known: tuple[str, ...] | None) -> tuple[dict[str, Column], tuple[str, ...] | None]:
        """The targets, and the names of the classes; `known`: those that the writer noted."""
        if not self._names:
            return {}, known
        found: dict[str, Column] = {}
        if BOXES in self._columns:
            sides = [np.concatenate(self._columns[f"{PREFIX}bbox/{side}"]) for side in _SIDES]
            found["boxes"] = Relative(ragged(np.column_stack(sides).astype(np.float32), self._counts(BOXES)), 4)
        names = known
        if _LABEL in self._columns:
            labels, names = self._labels(known)
            found["box_labels"] = ragged(labels, self._counts(_LABEL))
        for name, feature in (*_FLAGS.items(), ("area", _AREA)):
            if feature in self._columns:
                values = np.concatenate(self._columns[feature])
                found[name] = ragged(values.astype(np.float32 if name == "area" else bool), self._counts(feature))
        if _POINTS[0] in self._columns:
            found["keypoints"] = self._keypoints()
        if _POLYGON[0] in self._columns:
            x, y, points, rings = (np.concatenate(self._columns[name]) for name in _POLYGON)
            inner = ragged(np.column_stack([x, y]).astype(np.float32), points.astype(np.int64))
            objects = lists(inner, rings.astype(np.int64))
            found["polygons"] = Relative(lists(objects, self._counts(_POLYGON[3])), 2)
        for name, feature in (("masks", _MASKS), ("mask", _MASK)):
            if feature in self._spans:
                spans = self._spans[feature]
                places = ragged(np.concatenate(spans), [len(one) for one in spans])
                found[name] = RecordMasks(store, np.arange(len(spans)), places, name == "mask")
        return found, names

    def _numbers(self, raw: memoryview, found: Mapping[str, Feature], name: str) -> np.ndarray:
        return example.numbers(raw, found[name]) if name in found and found[name].kind else np.empty(0, np.float32)

    def _counts(self, name: str) -> np.ndarray:
        return np.fromiter(map(len, self._columns[name]), np.int64, len(self._columns[name]))

    def _check_pieces(self, columns: Mapping[str, np.ndarray], count: int) -> None:
        """DataError where the points of an image do not belong to its objects."""
        for names in (_POINTS[:2], _POLYGON):
            held = [name for name in names if name in columns]
            if held and len(held) < len(names):
                raise DataError(
                    f"has {shown(held[0])} without {shown(next(name for name in names if name not in held))}"
                )
        if _POINTS[0] in columns:
            sizes = {len(columns[name]) for name in _POINTS if name in columns}
            if len(sizes) > 1 or (max(sizes) % count if count else max(sizes)):
                raise DataError(f"has key points x, y and visibility of {sorted(sizes)} numbers for {count} objects")
        if _POLYGON[0] in columns:
            x, y, points, rings = (columns[name] for name in _POLYGON)
            if len(x) != len(y) or points.sum() != len(x) or rings.sum() != len(points) or len(rings) != count:
                raise DataError("has polygons whose points and rings do not add up")

    def _keypoints(self) -> Column:
        counts = self._counts(BOXES if BOXES in self._columns else _LABEL)
        x, y = (np.concatenate(self._columns[name]) for name in _POINTS[:2])
        seen = self._columns.get(_POINTS[2])
        visible = np.full(len(x), 2.0) if seen is None else np.concatenate(seen)
        total = int(counts.sum())
        each = len(x) // total if total else 0
        if (self._counts(_POINTS[0]) != counts * each).any():
            raise DataError("the records have different numbers of key points for each object")
        points = np.column_stack([x, y, visible]).astype(np.float32).reshape(total, each, 3)
        return Relative(ragged(points, counts), 2)

    def _labels(self, known: tuple[str, ...] | None) -> tuple[np.ndarray, tuple[str, ...] | None]:
        """Class numbers 0..k-1 in the order of those that occur, and their names."""
        labels = np.concatenate(self._columns[_LABEL]).astype(np.int64)
        if known is not None and (not len(labels) or (labels.min() >= 0 and labels.max() < len(known))):
            return labels, known
        numbers, places = np.unique(labels, return_inverse=True)
        texts = self._texts or {}
        names = tuple(texts.get(number, str(number)) for number in numbers.tolist())
        if len(set(names)) < len(names):
            names = tuple(map(str, numbers.tolist()))
        return places.reshape(-1).astype(np.int64), names

    def _note_texts(self, raw: memoryview, found: Mapping[str, Feature], labels: np.ndarray) -> None:
        feature = found.get(TEXT)
        if self._texts is None or feature is None or feature.kind != 1:
            return
        spans = example.blobs(raw, feature)
        if len(spans) != len(labels):
            raise DataError(f"has {len(spans)} names of classes for {len(labels)} objects")
        for label, span in zip(labels.tolist(), spans, strict=True):
            text = bytes(raw[span.start : span.stop]).decode("utf-8", "surrogateescape")
            if self._texts.setdefault(int(label), text) != text:
                self._texts = None
                return


_EACH = (*(f"{PREFIX}bbox/{side}" for side in _SIDES), _LABEL, *_FLAGS.values(), _AREA)
_COLUMNS = (*_EACH, *_POINTS, *_POLYGON)
_KNOWN = frozenset((*_COLUMNS, _MASKS, _MASK))


@final
class RecordMasks(Fields, frozen=True, eq=False):
    """Masks in PNGs within records: one for each sample (h, w), or one for each object (k, h, w). places: where they
    lie in the record of each row of the store."""

    each = ("rows", "places")
    store: Store
    rows: np.ndarray
    places: Column
    single: bool

    def entry(self, row: int, size: Size) -> np.ndarray:
        at = int(self.rows[row])
        spans = self.places.entry(row, size).tolist()
        found = [decode_mask(self.store.part_of(at, start, length)) for start, length in spans]  # type: ignore[attr-defined]
        wrong = next((mask.shape for mask in found if mask.shape != size), None)
        if wrong is not None:
            raise DecodeError(
                f"a mask has {wrong[0]}x{wrong[1]} pixels, its image {size.height}x{size.width}: wanted the same."
            )
        return found[0] if self.single else np.stack(found) if found else np.zeros((0, *size), np.uint8)
