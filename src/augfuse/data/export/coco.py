"""COCO: the images in one folder, and a JSON file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from augfuse.data.columns.rle import encode_runs
from augfuse.data.dataset import DataSet
from augfuse.data.export.sample_files import Picture, Work

HELD = ("boxes", "box_labels", "area", "crowd", "polygons", "corners", "masks", "segments", "keypoints")
_DIGITS = 3  # behind the point, of a pixel


def file_name(part: str | None) -> str:
    """Of the JSON file of a part."""
    return "instances.json" if part is None else f"instances_{part}.json"


def write_part(work: Work) -> None:
    """images/NAME, or images/PART/NAME, and the JSON file. Categories are numbered from 1, as COCO does."""
    work.losses.begin(work.data, HELD)
    below = "" if work.part is None else f"{work.part}/"
    (work.folder / "images" / below).mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    objects = 0
    with (work.folder / file_name(work.part)).open("wb") as file:
        file.write(b'{"annotations": [')
        for i, name, picture in work.pictures():
            (work.folder / "images" / below / name).write_bytes(picture.raw)
            height, width = picture.size
            images.append({"id": i + 1, "file_name": f"{below}{name}", "height": height, "width": width})
            for one in _annotations(picture):
                objects += 1
                file.write(b",\n" if objects > 1 else b"\n")
                file.write(msgspec.json.encode({"id": objects, "image_id": i + 1, **one}))
        file.write(b'],\n"images": ' + msgspec.json.encode(images))
        file.write(b',\n"categories": ' + msgspec.json.encode(_categories(work.data)) + b"}\n")


def _categories(data: DataSet) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"id": k + 1, "name": name} for k, name in enumerate(data.classes or ())]
    if data.skeleton is not None and data.skeleton.names:
        bones = [[one + 1, other + 1] for one, other in data.skeleton.bones]
        found = [{**one, "keypoints": data.skeleton.names, "skeleton": bones} for one in found]
    return found


def _annotations(picture: Picture) -> list[dict[str, Any]]:
    targets = picture.targets
    boxes = targets["boxes"].astype(np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    found: list[dict[str, Any]] = []
    for k, label in enumerate(targets["box_labels"].tolist()):
        area = float(targets["area"][k]) if "area" in targets else float(sides[k].prod())
        one: dict[str, Any] = {
            "category_id": label + 1,
            "bbox": _rounded([*boxes[k, :2], *sides[k]]),
            "area": round(area, _DIGITS),
            "iscrowd": int(targets["crowd"][k]) if "crowd" in targets else 0,
            "segmentation": _segmentation(targets, k),
        }
        if "keypoints" in targets:
            points = with_visibility(targets["keypoints"][k])
            one["keypoints"] = _rounded(points.reshape(-1))
            one["num_keypoints"] = int((points[:, 2] > 0).sum())
        found.append(one)
    return found


def _segmentation(targets: Mapping[str, Any], k: int) -> Any:
    """Polygons, the runs of a mask, or nothing."""
    if "polygons" in targets and targets["polygons"][k]:
        return [_rounded(ring.reshape(-1)) for ring in targets["polygons"][k]]
    if "corners" in targets:
        return [_rounded(targets["corners"][k].reshape(-1))]
    if "segments" in targets:
        mask = targets["segments"] == k + 1
    elif "masks" in targets:
        mask = targets["masks"][k]
    else:
        return []
    return {"size": list(mask.shape), "counts": encode_runs(mask)}


def with_visibility(points: np.ndarray) -> np.ndarray:
    """Key points (p, 2 or 3) as (p, 3): without a visibility, those at 0, 0 are not labelled."""
    if points.shape[1] == 3:
        return points
    return np.column_stack([points, np.where(points.any(axis=1), 2, 0)])


def _rounded(values: Any) -> list[float]:
    return np.round(np.asarray(values, np.float64), _DIGITS).tolist()
