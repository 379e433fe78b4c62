"""COCO's average precision of what was found in images, by pycocotools."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.experiment.tasks.box_evaluation import BoxEvaluation

_OVERLAPS = {"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)}  # of 0.50, 0.55, ... 0.95


class Precisions:
    """COCO's evaluation of one arm and seed: each image is matched once, and any subset of images can be summed up."""

    def __init__(self, found: BoxEvaluation, classes: int) -> None:
        from pycocotools.cocoeval import COCOeval

        images = len(found.indices)
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints what it does
            self._eval: Any = COCOeval(*_data(found, classes), "bbox")
            self._eval.evaluate()
        self._images = images
        # [class][area of the boxes][image]
        shape = (classes, len(self._eval.params.areaRng), images)
        self._compared = np.empty(shape, object)
        self._compared.reshape(-1)[:] = self._eval.evalImgs

    def overall(self, rows: np.ndarray | None = None) -> float:
        """AP, the mean over the classes of which there are boxes, and over the overlaps; of these images alone, each as
        often as it is named. 0 without boxes."""
        values = self.of_classes(rows)["AP"]
        return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0

    def of_classes(self, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """(classes,) AP, AP50 and AP75 of each class, nan where there is no box of it."""
        chosen = np.arange(self._images) if rows is None else rows
        one = copy.copy(self._eval)
        one.params, one._paramsEval = copy.copy(self._eval.params), copy.copy(self._eval._paramsEval)
        one.params.imgIds = one._paramsEval.imgIds = list(range(len(chosen)))
        one.evalImgs = self._compared[:, :, chosen].reshape(-1).tolist()
        with contextlib.redirect_stdout(io.StringIO()):
            one.accumulate()
        # [overlap][recall][class][area][most detections]: all areas, a hundred detections
        precision = np.where(one.eval["precision"] < 0, np.nan, one.eval["precision"])[:, :, :, 0, -1]
        return {name: precision[which].mean(axis=(0, 1)) for name, which in _OVERLAPS.items()}


def of_classes(evaluations: Sequence[Any], classes: int) -> dict[str, np.ndarray]:
    """AP, AP50 and AP75 of each class, (classes,) each, the mean over the seeds."""
    found = [Precisions(one, classes).of_classes() for one in evaluations]
    return {name: np.mean([one[name] for one in found], axis=0) for name in _OVERLAPS}


def _data(found: BoxEvaluation, classes: int) -> tuple[Any, Any]:
    """The truth and the predictions as pycocotools takes them. Ids count from 1: it takes 0 for nothing."""
    from pycocotools.coco import COCO

    def entries(counts: np.ndarray, boxes: np.ndarray, labels: np.ndarray, **more: np.ndarray) -> list[dict[str, Any]]:
        images = np.repeat(np.arange(len(counts)), counts).tolist()
        sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)
        rows = zip(images, sides.tolist(), labels.tolist(), *(values.tolist() for values in more.values()), strict=True)
        return [
            {"id": i, "image_id": image, "bbox": box, "area": box[2] * box[3], "category_id": label, "iscrowd": 0}
            | dict(zip(more, values, strict=True))
            for i, (image, box, label, *values) in enumerate(rows, 1)
        ]

    images = [{"id": i, "height": int(h), "width": int(w)} for i, (h, w) in enumerate(found.sizes)]
    categories = [{"id": k, "name": str(k)} for k in range(classes)]
    sets = []
    for things in (
        entries(found.true_counts, found.true_boxes, found.true_labels, iscrowd=found.aside.astype(int)),
        entries(found.counts, found.boxes, found.labels, score=found.scores.astype(np.float64)),
    ):
        one: Any = COCO()
        one.dataset = {"info": {}, "images": images, "categories": categories, "annotations": things}
        one.createIndex()
        sets.append(one)
    return sets[0], sets[1]
