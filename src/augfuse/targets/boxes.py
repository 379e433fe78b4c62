"""Boxes: their formats, the box around one that was moved, and which of them are left."""

from __future__ import annotations

from typing import final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.plan.settings import BoxFormat
from augfuse.targets import polygons
from augfuse.targets.coordinates import Leg, Places, Stage
from augfuse.targets.policy import Targets

FRACTIONS = ("yolo", "normalized")  # formats whose numbers are parts of the width and the height
_ON_A_CURVE = 32  # points of each side where lines become curves
_ON_AN_ELLIPSE = 128


@final
class Boxes(msgspec.Struct, frozen=True, eq=False):
    """k boxes as four corners (k, 4, 2), in pixels, in the order left top, right top, right bottom, left bottom of the
    box as it was given, and the images (k,) that they lie in."""

    corners: np.ndarray
    image: np.ndarray


def corners_of(values: np.ndarray, image: np.ndarray, canvas: Canvas, form: BoxFormat) -> np.ndarray:
    """(k, 4, 2) of boxes (k, 4), or (k, 5) oriented ones, on canvases of these sizes."""
    width, height = canvas.width[image].astype(np.float64), canvas.height[image].astype(np.float64)
    values = values.astype(np.float64)
    if form == "oriented":
        a, b, c, d = values[:, :4].T
        turn = np.deg2rad(values[:, 4])
        along = np.stack([np.cos(turn), -np.sin(turn)], axis=1) * (c / 2)[:, None]
        down = np.stack([np.sin(turn), np.cos(turn)], axis=1) * (d / 2)[:, None]
        middle = np.stack([a, b], axis=1)
        return np.stack([middle + s * along + t * down for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))], axis=1)
    left, top, right, bottom = ends_of(values, form)
    if form in FRACTIONS:
        left, top, right, bottom = left * width, top * height, right * width, bottom * height
    return rectangles(np.stack([left, top, right, bottom], axis=1))


def ends_of(boxes: np.ndarray, form: str) -> tuple[np.ndarray, ...]:
    """Left, top, right and bottom (k,) each, in the unit that the boxes have, which are not oriented."""
    a, b, c, d = boxes[:, :4].T
    if form == "coco":
        return a, b, a + c, b + d
    return (a - c / 2, b - d / 2, a + c / 2, b + d / 2) if form == "yolo" else (a, b, c, d)


def rectangles(ends: np.ndarray) -> np.ndarray:
    """(k, 4, 2): the corners of (k, 4) left, top, right, bottom."""
    left, top, right, bottom = ends.T
    return np.stack([np.stack(point, axis=1) for point in ((left, top), (right, top), (right, bottom), (left, bottom))],
                    axis=1)  # fmt: skip


def values_of(ends: np.ndarray, corners: np.ndarray, image: np.ndarray, canvas: Canvas, form: BoxFormat) -> np.ndarray:
    """The inverse of `corners_of`, float32: of boxes with these ends (k, 4), or of oriented ones with these corners."""
    width, height = canvas.width[image].astype(np.float64), canvas.height[image].astype(np.float64)
    left, top, right, bottom = ends.T
    if form == "oriented":
        found = _oriented(corners)
    elif form == "coco":
        found = [left, top, right - left, bottom - top]
    elif form == "yolo":
        found = [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width,
                 (bottom - top) / height]  # fmt: skip
    elif form == "normalized":
        found = [left / width, top / height, right / width, bottom / height]
    else:
        found = [left, top, right, bottom]
    return np.stack(found, axis=1).astype(np.float32)


def _oriented(corners: np.ndarray) -> list[np.ndarray]:
    """Centre, width, height and angle of the rectangles around these corners, one side along that from the first to the
    second of them."""
    side = corners[:, 1] - corners[:, 0]
    length = np.hypot(side[:, 0], side[:, 1])
    cos, sin = (np.where(length > 0, part / np.where(length > 0, length, 1), 1.0 - place)
                for place, part in enumerate(side.T))  # fmt: skip
    along = corners[:, :, 0] * cos[:, None] + corners[:, :, 1] * sin[:, None]
    across = corners[:, :, 1] * cos[:, None] - corners[:, :, 0] * sin[:, None]
    u, v = (along.min(1) + along.max(1)) / 2, (across.min(1) + across.max(1)) / 2
    return [u * cos - v * sin, u * sin + v * cos, np.ptp(along, axis=1), np.ptp(across, axis=1),
            np.rad2deg(np.arctan2(-sin, cos))]  # fmt: skip


@final
class Moved(msgspec.Struct, frozen=True, eq=False):
    """Boxes behind a plan. ends: (k, 4), clipped where the policy says so; corners: (k, 4, 2) of the box as it was
    turned; seen: (k,) the part 0..1 of its area that is left behind the clip and what was erased; area: (k,) within
    the image."""

    ends: np.ndarray
    corners: np.ndarray
    seen: np.ndarray
    area: np.ndarray


def moved(boxes: Boxes, way: tuple[Stage, ...], source: Canvas, policy: Targets, tight: np.ndarray | None) -> Moved:
    """Boxes moved along the way. tight: (k, 4) the ends around what was in them, NaN where that is not known."""
    corners, image, canvas = boxes.corners, boxes.image, source
    curved = any(stage.curved for stage in way)
    points = _around(corners, curved, policy)
    hidden = np.zeros(len(corners))
    last = max((k for k, stage in enumerate(way) if stage.legs), default=-1)
    lost = np.zeros(len(corners))
    for k, stage in enumerate(way):
        canvas = stage.size
        if stage.covered is not None:
            share = _share(_ends(points), stage.covered[image])
            hidden = 1 - (1 - hidden) * (1 - share)
        if not stage.legs:
            continue
        for leg in stage.legs:
            points = points if leg.divisors is None else _in_front(points, leg.divisors[image])
            points, corners = _moved(points, image, leg), _moved(corners, image, leg)
        if k < last:  # what a pass cuts off does not come back
            ends = _ends(points)
            kept = _clipped(ends, canvas, image)
            cut = (kept != ends).any(axis=1)
            lost = 1 - (1 - lost) * (1 - np.where(cut, 1 - ratio(_area(kept), _area(ends)), 0))
            if cut.any():
                left = _around(rectangles(kept), curved, policy)
                more = points.shape[1] - left.shape[1]
                left = np.concatenate([left, np.repeat(left[:, -1:], more, axis=1)], axis=1)
                points = np.where(cut[:, None, None], left, points)
    ends = _ends(points)
    if tight is not None:
        ends = np.where(np.isnan(tight), ends, tight)
    kept = _clipped(ends, canvas, image)
    seen = ratio(_area(kept), _area(ends)) * (1 - hidden) * (1 - lost)
    return Moved(kept if policy.clip else ends, corners, seen, _area(kept))


def left(found: Moved, policy: Targets) -> np.ndarray:
    """(k,) bool: which boxes the policy keeps."""
    sides = np.minimum(found.ends[:, 2] - found.ends[:, 0], found.ends[:, 3] - found.ends[:, 1])
    return (
        (found.area > 0)
        & (found.area >= policy.min_area)
        & (sides >= policy.min_side)
        & (found.seen >= policy.min_visibility)
    )


def _around(corners: np.ndarray, curved: bool, policy: Targets) -> np.ndarray:
    """The points (k, p, 2) whose ends are those of the moved box."""
    if policy.hull == "ellipse":
        turn = np.linspace(0, 2 * np.pi, _ON_AN_ELLIPSE, endpoint=False)
        middle, across, down = corners.mean(1), (corners[:, 1] - corners[:, 0]) / 2, (corners[:, 3] - corners[:, 0]) / 2
        return middle[:, None] + np.cos(turn)[:, None] * across[:, None] + np.sin(turn)[:, None] * down[:, None]
    if not curved:
        return corners
    t = np.linspace(0, 1, _ON_A_CURVE, endpoint=False)[None, :, None]
    return np.concatenate([corners[:, [k]] * (1 - t) + corners[:, [(k + 1) % 4]] * t for k in range(4)], axis=1)


def _in_front(points: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """The points (k, p, 2) of convex outlines, or (k, p + 1, 2) without what lies behind the horizon of a perspective
    with these divisors (k, 3); an outline that is wholly behind it stays, and is mapped far outside."""
    cut = np.flatnonzero(((points @ divisors[:, :2, None])[..., 0] + divisors[:, 2:] <= 0).any(axis=1))
    if not len(cut):
        return points
    found = np.concatenate([points, points[:, -1:]], axis=1)  # cut once, they have one point more at most
    for k in cut.tolist():
        part = polygons.in_front(points[k], divisors[k])
        if len(part):
            found[k, : len(part)], found[k, len(part) :] = part, part[-1]
    return found


def _moved(points: np.ndarray, image: np.ndarray, leg: Leg) -> np.ndarray:
    k, p, _ = points.shape
    found = leg.move(Places(points[:, :, 0].reshape(-1), points[:, :, 1].reshape(-1), np.repeat(image, p)))
    return np.stack([found.x, found.y], axis=1).reshape(k, p, 2)


def _ends(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def _clipped(ends: np.ndarray, canvas: Canvas, image: np.ndarray) -> np.ndarray:
    most = np.stack([canvas.width[image], canvas.height[image]] * 2, axis=1)
    return np.clip(ends, 0, most)


def _area(ends: np.ndarray) -> np.ndarray:
    return np.maximum(ends[:, 2] - ends[:, 0], 0) * np.maximum(ends[:, 3] - ends[:, 1], 0)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(k,) parts of wholes; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _share(ends: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Which part of boxes rectangles (left, top, width, height) cover."""
    start, stop = covered[:, :2], covered[:, :2] + covered[:, 2:]
    both = np.concatenate([np.maximum(ends[:, :2], start), np.minimum(ends[:, 2:], stop)], axis=1)
    return ratio(_area(both), _area(ends))
