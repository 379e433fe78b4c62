"""Everything that belongs to the images of a batch, moved as a plan moves their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import msgspec
import numpy as np

from augfuse.plan.plan import Plan
from augfuse.targets import boxes, masks, points, polygons
from augfuse.targets.boxes import Boxes
from augfuse.targets.coordinates import Stage, mirrored, stages
from augfuse.targets.masks import Run
from augfuse.targets.points import Points
from augfuse.targets.policy import Targets
from augfuse.targets.polygons import Rings, rings_of
from augfuse.targets.validate import Given


@final
class Carried(NamedTuple):
    """What came out, by name, an entry for each image; and how much of each box and key point is seen, 0..1."""

    targets: dict[str, Any]
    visibility: dict[str, list[np.ndarray]]


def carried(given: Given, plan: Plan, run: Run, threads: int) -> Carried:
    """The targets of a batch, moved. The additional images are not among them."""
    way, n = stages(plan), len(plan)
    policy = given.policy
    turned = mirrored(plan.steps, n) if _swaps(policy) else np.zeros(n, bool)
    out: dict[str, Any] = {}
    seen: dict[str, list[np.ndarray]] = {}
    rings = {
        name: polygons.moved(rings_of(entries), way, policy.clip) for name, entries in given.of("polygons").items()
    }
    for name, entries in given.of("mask", "masks", "segments").items():
        out[name] = _masks(entries, plan, policy, turned, run, threads)
    kept: list[np.ndarray] | None = None
    for name, entries in given.of("boxes").items():
        tight = _tight(given, out, rings, n) if name == "boxes" and policy.hull == "tight" else None
        out[name], seen[name], keep = _boxes(entries, way, plan, given, tight, given.seen.get(name))
        if name == "boxes":
            kept = keep
    for name in rings:
        out[name], left = _shaped(given.entries[name], rings[name])
        if kept is None and name == "polygons":
            kept = [has | policy.keep_empty for has in left]
    for name, entries in given.of("keypoints").items():
        out[name], seen[name] = _keypoints(entries, way, plan, policy, turned, given.seen.get(name))
    for name, entries in given.of("box_labels").items():
        out[name] = [swapped_labels(entry, policy, bool(turned[i])) for i, entry in enumerate(entries)]
    out.update(given.of("fixed"))
    if kept is not None:
        for name in given.entries:
            bound = [given.bound(name, i) for i in range(n)]
            for some in (out, seen) if any(bound) else ():
                if name in some:
                    some[name] = [kept_of(e, kept[i]) if bound[i] else e for i, e in enumerate(some[name])]
        for name in given.of("segments"):
            out[name] = [renumbered(entry, kept[i]) for i, entry in enumerate(out[name])]
    for name in given.of("mask", "masks", "segments"):
        out[name] = _stacked(out[name])
    return Carried({name: out[name] for name in given.entries if name in out}, seen)


def _swaps(policy: Targets) -> bool:
    return bool(policy.swap_keypoints or policy.swap_labels or policy.swap_mask)


def kept_of(entry: Any, kept: np.ndarray) -> Any:
    """The parts of an entry whose objects are left."""
    if isinstance(entry, np.ndarray):
        return entry if kept.all() else entry[kept]
    return [part for part, keep in zip(entry, kept.tolist(), strict=True) if keep]


def renumbered(segments: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Numbers of objects, from 1 on, as those that are left are counted; 0 where one was that is not left."""
    numbers = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)])
    known = (segments >= 0) & (segments < len(numbers))
    return np.where(known, numbers[np.where(known, segments, 0)], segments).astype(segments.dtype)


def _stacked(entries: np.ndarray | list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    """Masks of one shape as one array (n, ...)."""
    if isinstance(entries, np.ndarray):
        return entries
    alike = {(entry.shape, entry.dtype) for entry in entries}
    return np.stack(entries) if len(alike) == 1 and entries[0].ndim == 2 else entries


def _masks(
    entries: Sequence[np.ndarray], plan: Plan, policy: Targets, turned: np.ndarray, run: Run, threads: int
) -> np.ndarray | list[np.ndarray]:
    planes = [_planes(entry, plan, i) for i, entry in enumerate(entries)]
    out: list[list[np.ndarray]] = [[] for _ in entries]
    every = [(i, plane) for i, own in enumerate(planes) for plane in own]
    swaps = turned if policy.swap_mask else np.zeros(len(turned), bool)
    for dtype in dict.fromkeys(plane.dtype for _, plane in every):
        chosen = [(i, plane) for i, plane in every if plane.dtype == dtype]
        image = np.array([i for i, _ in chosen], np.int64)
        found = masks.moved(plan, [plane for _, plane in chosen], image, policy, run, threads)
        if len(found) == len(entries) and all(entry.ndim == 2 for entry in entries) and not swaps.any():
            return found  # one for each image, as they are
        for i, mask in zip(image.tolist(), found, strict=True):
            out[i].append(masks.swapped(mask, policy.swap_mask) if swaps[i] else mask)
    size = plan.size
    return [_as_given(entry, out[i], (int(size.height[i]), int(size.width[i]))) for i, entry in enumerate(entries)]


def _planes(entry: np.ndarray, plan: Plan, i: int) -> list[np.ndarray]:
    if entry.ndim == 2:
        return [entry]
    single = entry.shape == (int(plan.source.height[i]), int(plan.source.width[i]), 1)
    return [entry[:, :, 0]] if single else list(entry)


def _as_given(entry: np.ndarray, planes: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    if entry.ndim == 2:
        return planes[0]
    if entry.shape[-1] == 1 and len(planes) == 1 and entry.shape[0] != 1:
        return planes[0][:, :, None]
    return np.stack(planes) if planes else np.empty((0, *size), entry.dtype)


def _shaped(entries: Sequence[list[Any]], rings: Rings) -> tuple[list[list[Any]], list[np.ndarray]]:
    """Rings as they were given, float32, and which objects of each image have an area left."""
    pieces, areas = iter(polygons.pieces(rings)), iter(polygons.areas(rings).tolist())
    shaped: list[list[Any]] = []
    left: list[np.ndarray] = []
    for own in entries:
        objects: list[Any] = []
        some: list[bool] = []
        for item in own:
            parts = [next(pieces).astype(np.float32) for _ in polygons.rings_in(item)]
            area = sum(next(areas) for _ in parts)
            objects.append([part for part in parts if len(part)] if isinstance(item, list) else parts[0])
            some.append(area > 0)
        shaped.append(objects)
        left.append(np.array(some, bool))
    return shaped, left


def _tight(given: Given, moved: dict[str, Any], rings: dict[str, Rings], n: int) -> np.ndarray:
    """(k, 4): the ends of the polygons or masks of all boxes; NaN for boxes without one."""
    found: list[list[float]] = []
    ends = iter(polygons.ends(rings["polygons"]).tolist()) if "polygons" in rings else iter(())
    for i in range(n):
        own = [[np.nan] * 4 for _ in given.entries["boxes"][i]]
        if "polygons" in rings and given.bound("polygons", i):
            for k, item in enumerate(given.entries["polygons"][i]):
                parts = np.array([next(ends) for _ in polygons.rings_in(item)]).reshape(-1, 4)
                if len(parts) and not np.isnan(parts).all():
                    own[k] = [*np.nanmin(parts[:, :2], axis=0), *np.nanmax(parts[:, 2:], axis=0)]
        elif "masks" in moved and given.bound("masks", i):
            own = [masks.ends(plane) for plane in moved["masks"][i]]
        found += own
    return np.array(found, np.float64).reshape(-1, 4)


def _boxes(
    entries: Sequence[np.ndarray],
    way: tuple[Stage, ...],
    plan: Plan,
    given: Given,
    tight: np.ndarray | None,
    before: list[np.ndarray] | None,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """(boxes, how much of each is seen, which are left) of each image; none is left out yet but of additional ones."""
    counts = [len(entry) for entry in entries]
    image = np.repeat(np.arange(len(entries)), counts)
    corners = boxes.corners_of(np.concatenate(entries), image, plan.source, given.form)
    found = boxes.moved(Boxes(corners, image), way, plan.source, given.policy, tight)
    if before is not None:
        found = msgspec.structs.replace(found, seen=found.seen * np.concatenate(before))
    keep = np.ones(len(image), bool) if given.policy.keep_empty else boxes.left(found, given.policy)
    values = boxes.values_of(found.ends, found.corners, image, plan.size, given.wanted)
    ends = np.cumsum(counts)[:-1]
    return np.split(values, ends), np.split(found.seen.astype(np.float32), ends), np.split(keep, ends)


def _keypoints(
    entries: Sequence[np.ndarray],
    way: tuple[Stage, ...],
    plan: Plan,
    policy: Targets,
    turned: np.ndarray,
    before: list[np.ndarray] | None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    out: list[Any] = [None] * len(entries)
    seen: list[Any] = [None] * len(entries)
    flat = [entry.reshape(-1, entry.shape[-1]) for entry in entries]
    for columns in {rows.shape[1] for rows in flat}:  # images whose points have as many columns go together
        chosen = [i for i, rows in enumerate(flat) if rows.shape[1] == columns]
        form = {2: "xy", 3: "xyv"}[columns] if policy.keypoint_format == "auto" else policy.keypoint_format
        image = np.repeat(chosen, [len(flat[i]) for i in chosen])
        given = Points(np.concatenate([flat[i] for i in chosen]), image, **points.columns(form))
        values, within = points.moved(given, way, plan.source)
        ends = np.cumsum([len(flat[i]) for i in chosen])[:-1]
        parts = dict(zip(chosen, zip(np.split(values, ends), np.split(within, ends), strict=True), strict=True))
        for i in chosen:
            shape = entries[i].shape
            own, kept = parts[i][0].reshape(shape), parts[i][1].reshape(shape[:-1])
            kept = kept if before is None else kept * before[i]
            if turned[i]:
                own, kept = (points.swapped(part, policy.swap_keypoints, len(shape) - 2) for part in (own, kept))
            out[i], seen[i] = own.astype(np.float32), kept.astype(np.float32)
    return out, seen


def swapped_labels(entry: Any, policy: Targets, turned: bool) -> Any:
    """The labels of the boxes of an image, as they are called where it was turned over."""
    if not turned or not policy.swap_labels:
        return entry
    other = dict(policy.swap_labels) | {b: a for a, b in policy.swap_labels}
    if isinstance(entry, np.ndarray):
        return np.array([other.get(label, label) for label in entry.tolist()], entry.dtype).reshape(entry.shape)
    return [other.get(label, label) for label in entry]
