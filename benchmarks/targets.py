"""Detection and segmentation recipes beside Albumentations: images with boxes and masks, one core.

    python benchmarks/targets.py [--rounds 9] [--markdown]

Needs the extra: pip install 'augfuse[bench]'. What is measured and how is in README.md beside this file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

import albumentations as A
import cv2
import cyclopts
import numpy as np

import augfuse as af
import timing
from timing import Figure

BATCH, SIDE, OBJECTS = 8, 640, 20
LIBRARIES = ("numpy", "numba", "opencv-python-headless", "albumentations")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def samples() -> dict[str, Any]:
    """Images with twenty boxes and a mask each."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (BATCH, SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    images = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in small])
    size = rng.uniform(30, 200, (BATCH, OBJECTS, 2))
    start = rng.random((BATCH, OBJECTS, 2)) * (SIDE - size)
    boxes = np.concatenate([start, start + size], axis=2).astype(np.float32)
    masks = np.zeros((BATCH, SIDE, SIDE), np.uint8)
    for mask, own in zip(masks, boxes.astype(int), strict=True):
        for k, (left, top, right, bottom) in enumerate(own):
            mask[top:bottom, left:right] = k + 1
    return {"images": images, "boxes": boxes, "masks": masks, "labels": rng.integers(0, 9, (BATCH, OBJECTS))}


def augfuse_recipes() -> dict[str, af.Recipe]:
    jitter = af.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05)
    affine = af.Affine(scale=(0.9, 1.1), degrees=(-10, 10), translate_x=(-0.1, 0.1), translate_y=(-0.1, 0.1))
    return {
        "detection": af.Recipe([af.HorizontalFlip(), affine, jitter, af.BoxSafeCrop(SIDE)], fill="constant"),
        "segmentation": af.Recipe(
            [af.RandomCrop(512), af.HorizontalFlip(), affine, jitter, af.Normalize(MEAN, STD)], fill="constant"
        ),
    }


def albumentations_recipes() -> dict[str, Any]:
    jitter = A.ColorJitter(brightness=(0.8, 1.2), contrast=(0.8, 1.2), saturation=(0.8, 1.2), hue=(-0.05, 0.05), p=1)
    affine = A.Affine(
        scale=(0.9, 1.1), rotate=(-10, 10), translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
        mask_interpolation=cv2.INTER_NEAREST, p=1,
    )  # fmt: skip
    boxes = A.BboxParams(format="pascal_voc", label_fields=["labels"])
    return {
        "detection": A.Compose(
            [A.HorizontalFlip(p=0.5), affine, jitter, A.RandomSizedBBoxSafeCrop(SIDE, SIDE, p=1)],
            bbox_params=boxes,
            seed=0,
        ),
        "segmentation": A.Compose(
            [A.RandomCrop(512, 512), A.HorizontalFlip(p=0.5), affine, jitter, A.Normalize(MEAN, STD)], seed=0
        ),
    }


def jobs(name: str, held: dict[str, Any]) -> dict[str, Callable[[int], object]]:
    """One batch by each library, with and without targets."""
    ours, theirs = augfuse_recipes()[name], albumentations_recipes()[name]
    detects = name == "detection"
    out = ours.batch(held["images"], seed=0).images

    def options(epoch: int) -> dict[str, Any]:
        return {"seed": 0, "epoch": epoch, "workers": 1, "out": out}

    def augfuse(epoch: int) -> None:
        targets = {"masks": held["masks"]}
        if detects:
            targets |= {"boxes": held["boxes"], "box_labels": held["labels"]}
        ours.batch(held["images"], **targets, **options(epoch))

    def without_mask(epoch: int) -> None:
        targets = {"boxes": held["boxes"], "box_labels": held["labels"]} if detects else {}
        ours.batch(held["images"], **targets, **options(epoch))

    def albumentations(epoch: int) -> None:
        for i, image in enumerate(held["images"]):
            targets = {"bboxes": held["boxes"][i], "labels": held["labels"][i]} if detects else {}
            out[i] = theirs(image=image, mask=held["masks"][i], **targets)["image"]

    return {"augfuse": augfuse, "without the mask": without_mask, "Albumentations": albumentations}


def mosaics(held: dict[str, Any]) -> dict[str, Callable[[int], object]]:
    """Four images in one, then affine and jitter, with the boxes; the partners out of the same images."""
    jitter, affine = augfuse_recipes()["detection"].transforms[2], augfuse_recipes()["detection"].transforms[1]
    ours = af.Recipe([af.Mosaic(SIDE), affine, jitter], fill="constant")
    theirs = A.Compose(
        [
            A.Mosaic(target_size=(SIDE, SIDE), cell_shape=(SIDE, SIDE), fit_mode="contain", fill=114, p=1),
            A.Affine(scale=(0.9, 1.1), rotate=(-10, 10), translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)}, p=1),
            A.ColorJitter(brightness=(0.8, 1.2), contrast=(0.8, 1.2), saturation=(0.8, 1.2), hue=(-0.05, 0.05), p=1),
        ],
        bbox_params=A.BboxParams(format="pascal_voc", label_fields=["labels"]), seed=0,
    )  # fmt: skip
    out = ours.batch(held["images"], seed=0).images
    samples = [
        {"image": image, "bboxes": boxes, "labels": labels}
        for image, boxes, labels in zip(held["images"], held["boxes"], held["labels"], strict=True)
    ]

    def augfuse(epoch: int) -> None:
        boxes = {"boxes": held["boxes"], "box_labels": held["labels"]}
        ours.batch(held["images"], **boxes, seed=0, epoch=epoch, workers=1, out=out)

    def albumentations(epoch: int) -> None:
        for i, sample in enumerate(samples):
            others = [samples[(i + k) % BATCH] for k in (1, 2, 3)]
            out[i] = theirs(**sample, mosaic_metadata=others)["image"]

    return {"augfuse": augfuse, "Albumentations": albumentations}


def check(held: dict[str, Any]) -> None:
    """Nobody skips work: boxes follow their pixels in both, and some are changed."""
    for name in ("detection", "segmentation"):
        recipe = augfuse_recipes()[name]
        batch = recipe.batch(
            held["images"], masks=held["masks"], boxes=held["boxes"], box_labels=held["labels"], seed=0
        )
        assert batch.boxes is not None and all(len(boxes) for boxes in batch.boxes)
        assert not np.array_equal(batch.masks[0], held["masks"][0][: batch.masks.shape[1], : batch.masks.shape[2]])
    theirs = albumentations_recipes()["detection"]
    found = theirs(image=held["images"][0], mask=held["masks"][0], bboxes=held["boxes"][0], labels=held["labels"][0])
    assert len(found["bboxes"]) and found["image"].shape == (SIDE, SIDE, 3)


def main(rounds: int = 9, name: str = "targets", markdown: bool = False) -> None:
    """Measure; print the figures and write results/NAME.json.

    Parameters
    ----------
    rounds
        How many times every contender is measured, in turn.
    name
        Name of the result file, without its ending.
    markdown
        Also print the table as Markdown.
    """
    cv2.setNumThreads(1)
    held = samples()
    check(held)
    figures: list[Figure] = []
    with timing.pinned(1):
        for work in ("detection", "segmentation"):
            seconds = timing.interleave(jobs(work, held), rounds, clock=time.process_time)
            parts = {who: timing.summarise([s / BATCH * 1e6 for s in values]) for who, values in seconds.items()}
            figures.append(
                Figure(f"{work}, {SIDE}x{SIDE}", "Albumentations / augfuse",
                       timing.ratio(seconds["Albumentations"], seconds["augfuse"]), 3, aim=4, parts=parts)
            )  # fmt: skip
            figures.append(
                Figure(f"{work}, the mask", "with / without",
                       timing.ratio(seconds["augfuse"], seconds["without the mask"]), 1.35, at_most=True)
            )  # fmt: skip
        seconds = timing.interleave(mosaics(held), rounds, clock=time.process_time)
        parts = {who: timing.summarise([s / BATCH * 1e6 for s in values]) for who, values in seconds.items()}
        figures.append(
            Figure(f"Mosaic + affine + jitter, {SIDE}x{SIDE}", "Albumentations / augfuse",
                   timing.ratio(seconds["Albumentations"], seconds["augfuse"]), 3, parts=parts)
        )  # fmt: skip
    for figure in figures:
        print(figure)
    for figure in figures:
        for who, value in figure.parts.items():
            print(f"  {figure.work}: {who} {value} µs per image")
    if markdown:
        print("\n".join(figure.row for figure in figures))
    result = {"machine": timing.machine(*LIBRARIES), "figures": {f"{f.work}: {f.figure}": f.as_json for f in figures}}
    print(f"written: {timing.write_json(name, result)}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
