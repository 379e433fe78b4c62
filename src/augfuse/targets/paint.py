"""Targets painted over their picture: masks, boxes, key points and polygons, each label in another colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.plan.settings import BoxFormat
from augfuse.targets.boxes import corners_of

# Colours that differ for people who see red and green alike. Source: Okabe and Ito, Color Universal Design.
_COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
_MASK = 0.45  # how much of a mask's colour covers the picture


def painted(image: np.ndarray, targets: Mapping[str, Any], kinds: Mapping[str, str], form: BoxFormat) -> np.ndarray:
    """(h, w, 3) uint8 with the targets of one image over it. kinds: what each name is treated like."""
    out = image.copy()
    for name, entry in targets.items():
        if kinds.get(name) in ("mask", "masks", "segments"):
            _paint_masks(out, np.asarray(entry), kinds[name] == "masks")
    import cv2

    width = max(1, round(max(out.shape[:2]) / 256))
    labels = targets.get("box_labels")
    for name, entry in targets.items():
        if kinds.get(name) == "polygons":
            for k, polygon in enumerate(entry):
                rings = polygon if isinstance(polygon, list) else [polygon]
                drawn = [np.rint(ring).astype(np.int32) for ring in rings if len(ring)]
                cv2.polylines(out, drawn, True, _color(labels, k), width, cv2.LINE_AA)
        elif kinds.get(name) == "boxes" and len(entry):
            canvas = Canvas(np.array([out.shape[0]]), np.array([out.shape[1]]))
            corners = corners_of(np.asarray(entry), np.zeros(len(entry), np.int64), canvas, form)
            for k, points in enumerate(np.rint(corners).astype(np.int32)):
                cv2.polylines(out, [points], True, _color(labels if name == "boxes" else None, k), width)
        elif kinds.get(name) == "keypoints":
            for row in np.asarray(entry).reshape(-1, np.shape(entry)[-1])[:, :3]:
                seen = len(row) < 3 or row[2] > 0
                center = int(np.clip(row[0], -1e6, 1e6)), int(np.clip(row[1], -1e6, 1e6))
                cv2.circle(out, center, 2 * width, _COLORS[5] if seen else (128, 128, 128), -1, cv2.LINE_AA)
    return out


def _paint_masks(out: np.ndarray, entry: np.ndarray, several: bool) -> None:
    planes = [entry] if entry.ndim == 2 else [entry[..., 0]] if entry.shape[-1] == 1 and not several else list(entry)
    for k, plane in enumerate(planes):
        if plane.shape != out.shape[:2]:
            continue
        if plane.dtype.kind == "f":
            low, high = float(np.nanmin(plane)), float(np.nanmax(plane))
            part = np.nan_to_num((plane - low) / max(high - low, 1e-12))[..., None]
            color, cover = np.array(_COLORS[k % len(_COLORS)], np.float32), _MASK * part
        else:
            numbers = (plane.astype(np.int64) + k - 1) % len(_COLORS)
            color, cover = np.array(_COLORS, np.float32)[numbers], _MASK * (plane != 0)[..., None]
        out[:] = np.rint(out * (1 - cover) + color * cover)


def _color(labels: Any, k: int) -> tuple[int, int, int]:
    """The colour of object k: that of its label, where it has one."""
    label = k if labels is None or k >= len(labels) else labels[k]
    number = int(label) if isinstance(label, (int, np.integer)) else sum(str(label).encode())
    return _COLORS[number % len(_COLORS)]
