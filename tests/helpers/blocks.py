"""Pictures of red and green blocks with what is in them: masks (1 red, 2 green) and boxes (classes 0 and 1)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import augfuse as af

SHAPE = (24, 32, 3)
NAMES = ("red", "green")


class Blocks(NamedTuple):
    images: np.ndarray
    masks: np.ndarray
    boxes: list[list[list[int]]]
    labels: list[list[int]]

    def data(self, *names: str) -> af.DataSet:
        """A data set with these targets."""
        held = {"mask": self.masks, "boxes": self.boxes, "box_labels": self.labels}
        return af.from_arrays(self.images).with_targets(**{name: held[name] for name in names})


def blocks(count: int, seed: int) -> Blocks:
    """Two blocks in each picture, one in the left and one in the right half."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (count, *SHAPE), dtype=np.uint8)
    masks = np.zeros((count, *SHAPE[:2]), np.uint8)
    boxes: list[list[list[int]]] = []
    labels: list[list[int]] = []
    for image, mask in zip(images, masks, strict=True):
        boxes.append([])
        labels.append([])
        for half in (0, 16):
            height, width, label = int(rng.integers(6, 12)), int(rng.integers(6, 12)), int(rng.integers(0, 2))
            y, x = int(rng.integers(0, 24 - height)), half + int(rng.integers(0, 16 - width))
            image[y : y + height, x : x + width, label] = 230
            mask[y : y + height, x : x + width] = label + 1
            boxes[-1].append([x, y, x + width, y + height])
            labels[-1].append(label)
    return Blocks(images, masks, boxes, labels)


def write_pairs(root: Path, found: Blocks) -> Path:
    """Folders with images and masks."""
    for name, arrays in (("images", found.images), ("masks", found.masks)):
        (root / name).mkdir(parents=True)
        for i, array in enumerate(arrays):
            Image.fromarray(array).save(root / name / f"{i:02}.png")
    return root


def write_voc(root: Path, found: Blocks) -> Path:
    """Folders of Pascal VOC."""
    for name in ("Annotations", "JPEGImages"):
        (root / name).mkdir(parents=True)
    for i, image in enumerate(found.images):
        Image.fromarray(image).save(root / "JPEGImages" / f"{i:02}.png")
        objects = "".join(
            f"<object><name>{NAMES[label]}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax>"
            f"<ymax>{y2}</ymax></bndbox></object>"
            for (x1, y1, x2, y2), label in zip(found.boxes[i], found.labels[i], strict=True)
        )
        text = f"<annotation><filename>{i:02}.png</filename><size><width>32</width><height>24</height></size>{objects}"
        (root / "Annotations" / f"{i:02}.xml").write_text(f"{text}</annotation>")
    return root
