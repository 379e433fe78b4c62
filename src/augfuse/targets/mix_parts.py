"""What belongs to one of the samples that make up a picture: put at its part, hidden by others, joined with theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.plan.settings import BoxFormat
from augfuse.targets import polygons
from augfuse.targets.boxes import ends_of, ratio
from augfuse.targets.masks import ends
from augfuse.targets.move import kept_of, renumbered

_CROWDS = frozenset(("crowd", "iscrowd"))  # columns that say which objects are many, as of COCO
_ALL = 1 - 1e-9  # of a box: what is covered by so much is not seen


@final
class Piece(NamedTuple):
    """The targets of one sample, by name. bound: the names whose parts belong to its objects, one by one. seen: how
    much of each box and point is seen, 0..1. form: that of the boxes, pascal_voc or oriented."""

    kinds: Mapping[str, str]
    bound: frozenset[str]
    entries: dict[str, Any]
    seen: dict[str, np.ndarray]
    form: BoxFormat

    def of(self, *kinds: str) -> list[str]:
        return [name for name in self.entries if self.kinds[name] in kinds]

    def replaced(self, entries: dict[str, Any], seen: dict[str, np.ndarray] | None = None) -> Piece:
        return self._replace(entries=self.entries | entries, seen=self.seen | (seen or {}))

    def left(self, kept: np.ndarray) -> Piece:
        """The objects of `kept` (k,) bool, with what is bound to them."""
        if kept.all():
            return self
        entries = {name: kept_of(self.entries[name], kept) for name in self.bound}
        entries |= {name: renumbered(self.entries[name], kept) for name in self.of("segments")}
        return self.replaced(entries, {name: found[kept] for name, found in self.seen.items() if name in self.bound})


def shifted(piece: Piece, part: np.ndarray) -> Piece:
    """The piece at its part of the picture: its left and top added to all places."""
    left, top = float(part[0]), float(part[1])
    if not left and not top:
        return piece
    entries: dict[str, Any] = {}
    for name in piece.of("boxes"):
        entries[name] = piece.entries[name].copy()
        entries[name][:, :2] += (left, top)
        if piece.form != "oriented":
            entries[name][:, 2:4] += (left, top)
    for name in piece.of("keypoints"):
        entries[name] = piece.entries[name].copy()
        entries[name][..., :2] += (left, top)
    for name in piece.of("polygons"):
        entries[name] = [polygons.each_ring(item, partial(np.add, (left, top))) for item in piece.entries[name]]
    return piece.replaced(entries)


def pasted(piece: Piece, drawn: np.ndarray) -> np.ndarray:
    """(k,) bool: which of its objects are pasted: as is drawn (m,), of object k number k modulo m. Crowds, which are
    not one object, never are."""
    found = drawn[np.arange(_count(piece)) % len(drawn)]
    for name in piece.bound & _CROWDS:
        found = found & ~np.asarray(piece.entries[name], bool)
    return found


def chosen(piece: Piece, objects: np.ndarray) -> Piece:
    """Those of its objects (k,) that are pasted."""
    found = piece.left(objects)
    empty = {name: found.entries[name][:0] for name in found.of("boxes", "keypoints", "polygons", "box_labels")
             if name not in found.bound}  # fmt: skip
    return found.replaced(empty, {name: found.seen[name][:0] for name in empty if name in found.seen})


def covering(piece: Piece, objects: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: what the objects (k,) cover that are pasted."""
    found, taken = np.zeros(size, bool), objects
    masks = next((piece.entries[name] for name in piece.of("masks") if np.ndim(piece.entries[name]) == 3), None)
    if masks is not None and len(masks) == len(taken):
        return (masks[taken] != 0).any(axis=0) if taken.any() else found
    for name in piece.of("segments"):
        numbers = piece.entries[name]
        return np.isin(numbers, np.flatnonzero(taken) + 1)
    for name in piece.of("polygons")[:1]:
        for item, one in zip(piece.entries[name], taken.tolist(), strict=False):
            found |= polygons.filled(polygons.rings_in(item), *size) if one else False
    return found


def hidden(piece: Piece, part: np.ndarray, size: tuple[int, int]) -> Piece:
    """The piece behind another picture, which fills this part."""
    left, top, right, bottom = part[0], part[1], part[0] + part[2], part[1] + part[3]
    entries: dict[str, Any] = {}
    seen: dict[str, np.ndarray] = {}
    kept: np.ndarray | None = None
    for name in piece.of("boxes"):
        entries[name], share = _without(piece.entries[name], piece.form, (left, top, right, bottom))
        seen[name] = (piece.seen[name] * (1 - share)).astype(np.float32)
        kept = share < _ALL if name == "boxes" else kept
    for name in piece.of("polygons"):
        found = [_cut_out(item, (left, top, right, bottom), size) for item in piece.entries[name]]
        entries[name] = found
        if kept is None and name == "polygons":
            kept = np.array([bool(len(item)) for item in found], bool)
    for name in piece.of("masks"):
        if piece.entries[name].ndim == 3:
            entries[name] = piece.entries[name].copy()
            entries[name][:, top:bottom, left:right] = 0
    found = _points_covered(
        piece.replaced(entries, seen), lambda x, y: (x >= left) & (x < right) & (y >= top) & (y < bottom)
    )
    return found if kept is None else found.left(kept)


def hidden_behind(piece: Piece, taken: np.ndarray) -> Piece:
    """The piece behind what `taken` (h, w) covers. Polygons stay as they are while something of them is seen."""
    entries: dict[str, Any] = {}
    seen: dict[str, np.ndarray] = {}
    share: np.ndarray | None = None
    shapes: np.ndarray | None = None  # what is seen of each object
    for name in piece.of("masks"):
        planes = piece.entries[name]
        if planes.ndim != 3:
            continue
        entries[name] = np.where(taken, 0, planes).astype(planes.dtype)
        if name in piece.bound:
            whole = (planes != 0).sum(axis=(1, 2))
            share = np.where(whole > 0, 1 - ratio((entries[name] != 0).sum(axis=(1, 2)), whole), 0.0)
            shapes = entries[name]
    for name in piece.of("segments"):
        owners = np.arange(_count(piece))[:, None, None] + 1
        both = piece.entries[name] == owners, (piece.entries[name] == owners) & ~taken
        whole, rest = (some.sum(axis=(1, 2)) for some in both)
        share = ratio(whole - rest, whole)
        shapes = both[1]
    if share is None and "polygons" in piece.bound:
        shares = [taken[polygons.filled(polygons.rings_in(item), *taken.shape)] for item in piece.entries["polygons"]]
        share = np.array([float(own.mean()) if own.size else 0.0 for own in shares])
    for name in piece.of("boxes"):
        boxes = piece.entries[name]
        own = share if share is not None and name == "boxes" else np.array([_covered_box(box, taken) for box in boxes])
        seen[name] = (piece.seen[name] * (1 - own)).astype(np.float32)
        share = own if share is None and name == "boxes" else share
        if name == "boxes" and shapes is not None and piece.form != "oriented" and len(boxes):
            tight = np.array([ends(shape) for shape in shapes])
            changed = (own > 0) & ~np.isnan(tight[:, 0])
            entries[name] = np.where(changed[:, None], _within(tight, boxes), boxes)
    height, width = taken.shape

    def covered(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return inside & taken[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]

    found = _points_covered(piece.replaced(entries, seen), covered)
    return found if share is None else found.left(share < _ALL)


def joined(
    pieces: Sequence[Piece], parts: np.ndarray, size: tuple[int, int], weights: np.ndarray | None,
    taken: np.ndarray | None,
) -> Piece:  # fmt: skip
    """All pieces of a picture as one: objects one behind the other, masks of class numbers put together as the pixels
    are; where these are blended, that of the piece with the largest share."""
    first = pieces[0]
    entries: dict[str, Any] = {}
    for name, kind in first.kinds.items():
        every = [piece.entries[name] for piece in pieces]
        if kind == "segments":
            counts = np.cumsum([0, *(_count(piece) for piece in pieces[:-1])])
            every = [np.where(some > 0, some + before, some) for some, before in zip(every, counts, strict=True)]
        if kind in ("mask", "segments") or (kind == "masks" and every[0].ndim != 3):
            entries[name] = _masks(every, parts, size, weights, taken)
        elif kind == "masks":
            entries[name] = np.concatenate(
                [_embedded(planes, part, size) for planes, part in zip(every, parts, strict=True)]
            )
        elif kind == "fixed":
            entries[name] = every[0]
        elif all(isinstance(entry, np.ndarray) for entry in every):
            entries[name] = np.concatenate(every)
        else:
            entries[name] = [part for entry in every for part in entry]
    seen = {name: np.concatenate([piece.seen[name] for piece in pieces]) for name in first.seen}
    return Piece(first.kinds, first.bound, entries, seen, first.form)


def _count(piece: Piece) -> int:
    """How many objects a piece has."""
    names = [name for name in ("boxes", "polygons") if name in piece.entries] or piece.of("masks")
    return len(piece.entries[names[0]]) if names else 0


def _without(boxes: np.ndarray, form: BoxFormat, rectangle: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(the boxes around what is seen of them beside a rectangle, which part it covers)."""
    found = boxes.copy()
    left, top, right, bottom = ends_of(boxes, "yolo" if form == "oriented" else form)
    u, v, w, x = rectangle
    wide = np.maximum(np.minimum(right, w) - np.maximum(left, u), 0)
    high = np.maximum(np.minimum(bottom, x) - np.maximum(top, v), 0)
    area = (right - left) * (bottom - top)
    share = ratio(wide * high, area)
    if form != "oriented":
        across, along = (u <= left) & (w >= right) & (share > 0), (v <= top) & (x >= bottom) & (share > 0)
        found[:, 1] = np.where(across & (v <= top), np.minimum(x, bottom), top)
        found[:, 3] = np.where(across & (x >= bottom), np.maximum(v, found[:, 1]), bottom)
        found[:, 0] = np.where(along & (u <= left), np.minimum(w, right), left)
        found[:, 2] = np.where(along & (w >= right), np.maximum(u, found[:, 0]), right)
    return found, share


def _cut_out(item: Any, rectangle: tuple[Any, ...], size: tuple[int, int]) -> Any:
    """A polygon without what lies in a rectangle: what is left of it, left and right of it, above and below."""
    left, top, right, bottom = (float(end) for end in rectangle)
    height, width = (float(side) for side in size)
    windows = (
        (0.0, 0.0, left, height),
        (right, 0.0, width, height),
        (left, 0.0, right, top),
        (left, bottom, right, height),
    )
    found: list[np.ndarray] = []
    for ring in polygons.rings_in(item):
        if not len(ring):
            continue
        low, high = ring.min(axis=0), ring.max(axis=0)
        if high[0] <= left or high[1] <= top or low[0] >= right or low[1] >= bottom:
            found.append(ring)
            continue
        for u, v, w, x in windows:
            start = np.array([u, v])
            cut = polygons.cut(ring - start, np.array([w, x]) - start) + start
            found += [cut] if len(cut) else []
    if isinstance(item, list) or len(found) > 1:
        return found
    return found[0] if found else np.empty((0, 2))


def _points_covered(piece: Piece, covered: Any) -> Piece:
    """The piece with its points marked that something covers: not seen, of a visibility of at most 1."""
    entries: dict[str, Any] = {}
    seen: dict[str, np.ndarray] = {}
    for name in piece.of("keypoints"):
        entry = piece.entries[name]
        hit = covered(entry[..., 0], entry[..., 1])
        seen[name] = np.where(hit, 0, piece.seen[name]).astype(np.float32)
        if entry.shape[-1] == 3:
            entries[name] = entry.copy()
            entries[name][..., 2] = np.where(hit, np.minimum(entry[..., 2], 1), entry[..., 2])
    return piece.replaced(entries, seen)


def _covered_box(box: np.ndarray, taken: np.ndarray) -> float:
    left, top, right, bottom = (int(side) for side in np.rint(box[:4]))
    inside = taken[max(top, 0) : bottom, max(left, 0) : right]
    return float(inside.mean()) if inside.size else 0.0


def _within(tight: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Ends around what is seen of objects, within their boxes."""
    low, high = np.maximum(tight[:, :2], boxes[:, :2]), np.minimum(tight[:, 2:], boxes[:, 2:])
    return np.concatenate([low, np.maximum(high, low)], axis=1)


def _masks(
    every: Sequence[np.ndarray], parts: np.ndarray, size: tuple[int, int], weights: np.ndarray | None,
    taken: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    if weights is not None:
        if every[0].dtype.kind == "f":
            return np.tensordot(weights, np.stack(every), 1).astype(every[0].dtype)
        return every[int(np.argmax(weights))]
    single = every[0].ndim == 3 and every[0].shape[-1] == 1
    found = _canvas(every[0], size)
    for k, (mask, part) in enumerate(zip(every, parts, strict=True)):
        place = _place(part, single or mask.ndim == 2)
        where = True if taken is None or k == 0 else taken[:, :, None] if single else taken
        np.copyto(found[place], mask, where=where)
    return found


def _embedded(planes: np.ndarray, part: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    found = np.zeros((len(planes), *size), planes.dtype)
    found[_place(part, False)] = planes
    return found


def _canvas(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if mask.ndim == 2:
        return np.zeros(size, mask.dtype)
    return np.zeros((*size, 1) if mask.shape[-1] == 1 else (len(mask), *size), mask.dtype)


def _place(part: np.ndarray, first: bool) -> tuple[slice, ...]:
    """The part of a mask whose rows and columns come first, or behind the planes."""
    left, top, width, height = part.tolist()
    both = slice(top, top + height), slice(left, left + width)
    return both if first else (slice(None), *both)
