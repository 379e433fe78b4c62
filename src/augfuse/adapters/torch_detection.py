"""Samples with boxes as torchvision's models and reference scripts take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import whole
from augfuse.errors import DataError, ImageTypeError
from augfuse.targets.boxes import corners_of
from augfuse.text import shown

_LOADER = "DataLoader(af.torch.dataset(data, recipe, seed=0), batch_size=4, collate_fn=af.torch.DetectionCollate())"


@final
class DetectionCollate:
    """Samples with boxes as the models and references of torchvision take them: a tuple of images (c, h, w), and a
    tuple of dicts with "boxes" (k, 4) float32 as [x1, y1, x2, y2] in pixels, whatever the recipe's `box_format` is,
    "labels" (k,) int64, "masks" (k, h, w) uint8 where there are some, "image_id", "area" of the boxes, "iscrowd",
    and the other targets as they are.

        loader = DataLoader(train, batch_size=4, collate_fn=af.torch.DetectionCollate())
        for images, targets in loader:
            losses = model(list(images), list(targets))

    Args:
        first_class: the number of the first class. 1 where 0 is the background, as in Faster R-CNN, Mask R-CNN and SSD;
            0 for RetinaNet and FCOS.
    """

    def __init__(self, first_class: int = 1) -> None:
        if isinstance(first_class, (list, tuple)):
            raise ImageTypeError(
                "DetectionCollate: got the samples of a batch, wanted the number of the first class. Did you mean "
                "collate_fn=af.torch.DetectionCollate(), with brackets?"
            )
        self.first_class = whole("first_class", first_class, 0)

    def __call__(self, samples: Sequence[Any]) -> tuple[tuple[Tensor, ...], tuple[dict[str, Any], ...]]:
        """A batch. DataError for what are not samples of `af.torch.dataset`, and for samples without boxes or their
        class numbers, or with oriented boxes."""
        given: list[Any] = list(samples) if isinstance(samples, (list, tuple)) else []
        if not given or not all(isinstance(sample, (list, tuple)) and len(sample) > 1 for sample in given):
            got = f"a list of {type(given[0]).__name__}" if given else type(samples).__name__
            raise DataError(
                f"DetectionCollate: got {got}, wanted samples (image, targets) of af.torch.dataset. Use {_LOADER}."
            )
        images, targets = zip(*(sample[:2] for sample in given), strict=True)
        return images, tuple(self._renamed(*sample) for sample in zip(images, targets, strict=True))

    def _renamed(self, image: Tensor, target: Any) -> dict[str, Any]:
        if not isinstance(target, dict) or "boxes" not in target:
            raise DataError("DetectionCollate: got a sample without boxes, wanted one of a data set with boxes.")
        named = f"DetectionCollate: sample {target.get('index', '')}".rstrip()
        left_out = ("labels", "box_labels", "index", "box_format")
        found = {name: value for name, value in target.items() if name not in left_out}
        boxes = _ends(target, image, named)
        found["boxes"], found["labels"] = boxes, _numbers(target, len(boxes), named) + self.first_class
        if "masks" in found:
            found["masks"] = _stacked(found["masks"])
        found["image_id"] = target.get("index")
        found["area"] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])  # a column of it is of the source
        crowd: Any = found.pop("crowd", None)
        zeros = torch.zeros(len(boxes), dtype=torch.int64)
        found.setdefault("iscrowd", zeros if crowd is None else torch.as_tensor(crowd).to(torch.int64))
        return found


def _ends(target: Mapping[str, Any], image: Tensor, named: str) -> Tensor:
    """(k, 4) float32: the boxes of a sample as [x1, y1, x2, y2] in pixels."""
    boxes, form = target["boxes"], target.get("box_format", "pascal_voc")
    if form == "oriented":
        raise DataError(
            f"{named}: got oriented boxes, wanted boxes along the axes, as torchvision's models take them. Use "
            'af.Recipe(..., box_format="pascal_voc").'
        )
    if form == "pascal_voc":
        return boxes.reshape(-1, 4)
    canvas = Canvas(*(np.array([side]) for side in image.shape[-2:]))
    corners = corners_of(boxes.numpy().reshape(-1, 4), np.zeros(len(boxes), np.int64), canvas, form)
    return torch.from_numpy(np.concatenate([corners[:, 0], corners[:, 2]], axis=1).astype(np.float32))


def _numbers(target: Mapping[str, Any], boxes: int, named: str) -> Tensor:
    """(k,) int64: the class numbers of the boxes."""
    labels = target.get("box_labels")
    if labels is None:
        raise DataError(f"{named}: got boxes without box_labels, wanted class numbers too. Give box_labels.")
    try:
        found = np.asarray(labels)
    except ValueError:
        found = np.empty(0, object)
    found = found.astype(np.int64) if not found.size and found.dtype != object else found
    if found.dtype.kind not in "iub" or found.shape != (boxes,):
        floats = found.dtype.kind == "f" and found.shape == (boxes,)
        hint = "Use box_labels.astype(np.int64)." if floats else "Names become numbers by names.index(name)."
        raise DataError(
            f"{named}: got box_labels {shown(found.tolist() if found.size else labels)}, wanted {boxes} class numbers "
            f"0, 1, 2, ..., one for each box. {hint}"
        )
    return torch.from_numpy(found.astype(np.int64))


def _stacked(masks: Any) -> Tensor:
    return (masks if isinstance(masks, Tensor) else torch.stack(list(masks))).to(torch.uint8)
