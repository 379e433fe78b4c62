"""YOLO: images/PART/NAME, labels/PART/NAME.txt with a line for each object, and data.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from augfuse.data.dataset import DataSet
from augfuse.data.export.coco import with_visibility
from augfuse.data.export.losses import ROUNDING, Losses
from augfuse.data.export.sample_files import Picture, Work
from augfuse.data.layouts.yolo import Kind
from augfuse.errors import DataError

_HELD: dict[Kind, tuple[str, ...]] = {
    "boxes": (),
    "polygons": ("polygons",),
    "oriented": ("corners",),
    "poses": ("keypoints",),
}


def write_part(work: Work) -> None:
    """The images and labels of a part; a data set without parts is the part train."""
    kind = kind_of(work.data)
    work.losses.begin(work.data, ("boxes", "box_labels", "crowd", *_HELD[kind]))
    images, labels = (work.folder / top / (work.part or "train") for top in ("images", "labels"))
    for place in (images, labels):
        place.mkdir(parents=True, exist_ok=True)
    for i, name, picture in work.pictures():
        (images / name).write_bytes(picture.raw)
        lines = _lines(picture, kind, work.losses)
        (labels / f"{work.names[i]}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_description(parts: Mapping[str | None, DataSet], folder: Path) -> None:
    """data.yaml."""
    first = next(iter(parts.values()))
    held: dict[str, Any] = {part or "train": f"images/{part or 'train'}" for part in parts}
    held["names"] = dict(enumerate(first.classes or ()))
    if kind_of(first) == "poses":
        count = next((len(points[0]) for data in parts.values() for points in _points_of(data) if len(points)), 0)
        if not count:
            raise DataError("no image has key points, and YOLO's data.yaml says how many there are.")
        held["kpt_shape"] = [count, 3]
        if first.skeleton is not None and first.skeleton.flip:
            held["flip_idx"] = list(first.skeleton.flip)
    text = yaml.safe_dump(held, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def kind_of(data: DataSet) -> Kind:
    """What a line holds: of what the data set has the most telling."""
    kinds: tuple[Kind, ...] = ("poses", "oriented", "polygons")
    for kind in kinds:
        if set(_HELD[kind]) <= data.table.targets.keys():
            return kind
    return "boxes"


def _points_of(data: DataSet) -> Any:
    column = data.table.targets["keypoints"]
    from augfuse.data.columns.objects import Size

    return (column.entry(i, Size(1, 1)) for i in range(len(data)))


def _lines(picture: Picture, kind: Kind, losses: Losses) -> list[str]:
    targets, (height, width) = picture.targets, picture.size
    full = np.array([width, height], np.float64)
    found: list[str] = []
    for k, label in enumerate(targets["box_labels"].tolist()):
        if "crowd" in targets and targets["crowd"][k]:
            losses.note("objects are crowds, which YOLO does not know, and are left out")
            continue
        box = targets["boxes"][k].astype(np.float64).reshape(2, 2)
        inside = np.clip(box, 0, full)
        if (inside[1] <= inside[0]).any():
            losses.note("boxes lie outside of their image, and are left out")
            continue
        if (np.abs(inside - box) > ROUNDING).any():
            losses.note("boxes reach out of their image, and are cut off at its border")
        centre, sides = (inside[0] + inside[1]) / 2 / full, (inside[1] - inside[0]) / full
        values = [*centre, *sides]
        if kind == "polygons":
            values = _outline(targets["polygons"][k], inside, losses) / full
        elif kind == "oriented":
            values = np.clip(targets["corners"][k], 0, full) / full
        elif kind == "poses":
            values += _points(targets["keypoints"][k], full, losses)
        found.append(f"{label} {' '.join(f'{v:.6f}' for v in np.asarray(values, np.float64).reshape(-1).tolist())}")
    return found


def _outline(rings: Sequence[np.ndarray], box: np.ndarray, losses: Losses) -> np.ndarray:
    """One ring (m, 2): several are joined by bridges without width, as Ultralytics' own converter does."""
    if not rings:
        losses.note("objects have no polygon: their boxes are written as one")
        return np.column_stack([box[[0, 1, 1, 0], 0], box[[0, 0, 1, 1], 1]])
    if len(rings) > 1:
        losses.note("objects of several polygons are written as one outline, joined by bridges without width")
    joined = rings[0].astype(np.float64)
    for ring in rings[1:]:
        far = np.abs(joined[:, None] - ring[None]).sum(axis=2)
        i, j = np.unravel_index(int(far.argmin()), far.shape)
        joined = np.concatenate([joined[: i + 1], ring[j:], ring[: j + 1], joined[i:]])
    return np.clip(joined, 0, None)


def _points(points: np.ndarray, full: np.ndarray, losses: Losses) -> list[float]:
    given = with_visibility(points.astype(np.float64))
    outside = ((given[:, :2] < 0) | (given[:, :2] > full)).any(axis=1) & (given[:, 2] > 0)
    losses.note("key points lie outside of their image, and are written as not labelled", int(outside.sum()))
    given[outside] = 0
    given[:, :2] /= full
    return given.reshape(-1).tolist()
