"""Boxes and points beside the libraries that define the same thing: the same numbers to a thousandth of a pixel."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures
from torchvision_parts import torchvision_functions

BOXES = np.array([[10.0, 20, 31, 45], [0, 0, 12, 7], [60, 40, 80, 60], [33, 2, 70, 58]], np.float32)
POINTS = np.array([[10.0, 20], [31.5, 45.25], [79, 59], [0.5, 0.5]], np.float32)
IMAGE = pictures(1, 60, 80)[0]

# What does the same thing: here, in Albumentations 2.0.8, in torchvision v2.
ALIKE: list[tuple[Any, str, dict[str, Any], str, dict[str, Any]]] = [
    (af.HorizontalFlip(p=1), "HorizontalFlip", {"p": 1}, "horizontal_flip", {}),
    (af.VerticalFlip(p=1), "VerticalFlip", {"p": 1}, "vertical_flip", {}),
    (af.CenterCrop((40, 50)), "CenterCrop", {"height": 40, "width": 50}, "center_crop", {"output_size": [40, 50]}),
    (af.Resize((30, 120)), "Resize", {"height": 30, "width": 120}, "resize", {"size": [30, 120]}),
    (af.Pad((3, 5, 3, 5)), "PadIfNeeded", {"min_height": 70, "min_width": 86}, "pad", {"padding": [3, 5, 3, 5]}),
    (
        af.Affine(degrees=(20, 20), scale=(0.8, 0.8)),
        "Affine",
        {"rotate": (20, 20), "scale": (0.8, 0.8), "keep_ratio": True, "p": 1},
        "affine",
        {"angle": -20.0, "translate": [0.0, 0.0], "scale": 0.8, "shear": [0.0, 0.0]},
    ),
    (af.LongestMaxSize(40), "LongestMaxSize", {"max_size": 40}, "resize", {"size": [30, 40]}),
]
each = pytest.mark.parametrize(("own", "name", "fields", "other", "arguments"), ALIKE, ids=[a[1] for a in ALIKE])


def ours(transform: Any) -> tuple[np.ndarray, np.ndarray]:
    recipe = af.Recipe([transform], fill="constant")
    out = recipe(image=IMAGE, boxes=BOXES, box_labels=np.arange(4), keypoints=POINTS, seed=0, index=0)
    found = np.full((4, 4), np.nan)
    found[out["box_labels"]] = out["boxes"]
    return found, out["keypoints"]


@each
def test_albumentations(own: Any, name: str, fields: dict[str, Any], other: str, arguments: dict[str, Any]) -> None:
    A = pytest.importorskip("albumentations", reason="needs the extra: pip install 'augfuse[bench]'")
    box_params = A.BboxParams(format="pascal_voc", label_fields=["labels"])
    peer = A.Compose(
        [getattr(A, name)(**fields)], bbox_params=box_params,
        keypoint_params=A.KeypointParams(format="xy", remove_invisible=False), seed=0,
    )  # fmt: skip
    out = peer(image=IMAGE, bboxes=BOXES, labels=np.arange(4), keypoints=POINTS)
    theirs = np.full((4, 4), np.nan)
    theirs[np.asarray(out["labels"], int)] = out["bboxes"]
    boxes, points = ours(own)
    assert np.array_equal(np.isnan(boxes), np.isnan(theirs))
    # Albumentations takes points and the corners of turned boxes for the middles of pixels.
    half = 0.5 if name in ("HorizontalFlip", "VerticalFlip", "Affine") else 0.0
    reach = 1e-3 if name != "Affine" else 0.51
    assert np.nanmax(np.abs(boxes - theirs)) <= reach
    assert np.abs(points - np.asarray(out["keypoints"])).max() <= 2 * half + 1e-3


@each
def test_torchvision(own: Any, name: str, fields: dict[str, Any], other: str, arguments: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    functional = torchvision_functions(torch)
    tv_tensors = importlib.import_module("torchvision.tv_tensors")
    given = tv_tensors.BoundingBoxes(torch.tensor(BOXES), format="XYXY", canvas_size=(60, 80))
    theirs = functional.clamp_bounding_boxes(getattr(functional, other)(given, **arguments)).numpy()
    boxes, _ = ours(own)
    seen = ~np.isnan(boxes[:, 0])
    assert np.abs(boxes[seen] - theirs[seen]).max() <= 1e-3
    area = (theirs[:, 2:] - theirs[:, :2]).prod(axis=1)
    assert np.array_equal(area > 0, seen)
