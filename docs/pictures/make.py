"""The pictures of the documentation, made of a drawn scene: python docs/pictures/make.py [FOLDER]"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import augfuse as af
from augfuse.display import pages

SIZE = (120, 160)
PERSON = [[118, 52, 2], [112, 62, 2], [124, 62, 2], [106, 76, 2], [130, 76, 2], [113, 98, 2], [123, 98, 2]]
SWAPS = [(1, 2), (3, 4), (5, 6)]  # shoulders, hands and feet


def scene() -> dict[str, Any]:
    """An image with three things in it: a house, a tree and a person, and what belongs to them."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width]
    image = np.stack([110 + y * 0.6, 160 + y * 0.5, 235 - y * 0.3], axis=2)
    ground = np.stack([90 + x * 0.2, 140 - x * 0.1, 70 + x * 0.05], axis=2) + ((x // 8 + y // 8) % 2)[..., None] * 10
    image = np.ascontiguousarray(np.where((y > 84)[..., None], ground, image).astype(np.uint8))
    masks = np.zeros((3, *SIZE), np.uint8)
    house = np.array([[18, 96], [18, 60], [38, 40], [58, 60], [58, 96]])
    tree = np.asarray(cv2.ellipse2Poly((84, 56), (15, 20), 0, 0, 360, 12))
    trunk = np.array([[81, 74], [87, 74], [87, 98], [81, 98]])
    points = [tuple(place[:2]) for place in PERSON]
    neck, hip = (118, 60), (118, 80)
    for target, colors in ((image, ((190, 90, 70), (40, 110, 50), (105, 75, 45), (40, 40, 60))), (masks, (1, 1, 1, 1))):
        parts = [target] * 3 if target is image else list(target)
        cv2.fillPoly(parts[0], [house], colors[0])
        cv2.fillPoly(parts[1], [tree], colors[1])
        cv2.fillPoly(parts[1], [trunk], colors[2])
        for one, other in ((neck, hip), (neck, points[3]), (neck, points[4]), (hip, points[5]), (hip, points[6])):
            cv2.line(parts[2], one, other, colors[3], 5)
        cv2.circle(parts[2], points[0], 7, colors[3], -1)
    boxes = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    rings = [max(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0], key=len) for mask in masks]
    numbers = (masks * np.array([1, 2, 3], np.uint8)[:, None, None]).max(axis=0)
    return {"image": image, "mask": numbers, "boxes": boxes, "box_labels": [1, 2, 3], "keypoints": PERSON,
            "polygons": [ring[:, 0] + 0.5 for ring in rings]}  # fmt: skip


def batch(body: list[af.Transform], *names: str, n: int = 1, seed: int = 0, **options: Any) -> af.Batch:
    """The scene n times through a recipe, with the targets of these names."""
    held = scene()
    recipe = af.Recipe(body, **options)
    targets: dict[str, Any] = {name: [held[name]] * n for name in names}
    return recipe.batch(np.stack([held["image"]] * n), **targets, seed=seed)


def row(parts: list[tuple[str, np.ndarray]]) -> np.ndarray:
    """Pictures side by side with words under them."""
    return pages.grid([one for _, one in parts], len(parts), 4, 4, [words for words, _ in parts], 200)


def targets() -> np.ndarray:
    """One image with all that belongs to it, and three draws of a recipe."""
    names = "mask", "boxes", "box_labels", "keypoints", "polygons"
    body = [
        af.Rotate(20),
        af.HorizontalFlip(),
        af.RandomResizedCrop(SIZE, scale=(0.5, 1)),
        af.ColorJitter(0.3, 0.3, 0.3),
    ]
    policy = af.Targets(swap_keypoints=SWAPS, min_visibility=0.2)
    before = batch([], *names).drawn()[0]
    return row([("as it is", before), *(("a draw", one) for one in batch(
        body, *names, n=3, seed=12, targets=policy, fill="constant").drawn())])  # fmt: skip


def crops() -> np.ndarray:
    """What the crops that look at boxes cut out."""
    kinds = {
        "as it is": [],
        "BoxSafeCrop": [af.BoxSafeCrop(SIZE)],
        "CropNearBox": [af.CropNearBox(SIZE)],
        "IoUCrop": [af.IoUCrop(SIZE)],
        "LetterBox": [af.RandomCrop((120, 90)), af.LetterBox(SIZE)],
    }
    return row([(name, batch(body, "boxes", "box_labels", seed=8).drawn()[0]) for name, body in kinds.items()])


def inverse() -> np.ndarray:
    """A mask of an augmented image, carried back."""
    body = [af.Rotate((25, 25)), af.HorizontalFlip(p=1), af.CenterCrop((90, 120))]
    made = batch(body, "mask", fill="constant")
    held = scene()
    back = made.plan.inverse.masks(made.masks, fill=255)[0]
    image = np.where((back == 255)[..., None], 128, held["image"]).astype(np.uint8)
    found = af.Recipe([]).batch(image[None], mask=[np.where(back == 255, 0, back)], seed=0)
    return row([
        ("the original", held["image"]), ("augmented", made.pixels()[0]), ("what a model says", made.drawn()[0]),
        ("predicted, moved back", found.drawn()[0]),
    ])  # fmt: skip


def mixing() -> np.ndarray:
    """Two images, and what mixes make of them."""
    names = "boxes", "box_labels", "polygons"
    flip = af.HorizontalFlip(p=1)
    others = [
        batch([flip, af.Hue((0.35, 0.35)), af.Scale((0.8, 0.8))], *names),
        batch([flip, af.Hue((-0.35, -0.35))], *names),
        batch([af.Grayscale(p=1)], *names),
    ]
    images = np.concatenate([scene()["image"][None], *(other.images for other in others)])
    held: dict[str, Any] = {name: [scene()[name], *(other.targets[name][0] for other in others)] for name in names}
    two: dict[str, Any] = {name: found[:2] for name, found in held.items()}
    kinds = {
        "MixUp": [af.MixUp(alpha=8)],
        "CutMix": [af.CutMix(alpha=4)],
        "Mosaic": [af.Mosaic((216, 288), center=(0.45, 0.55), mode="none"), af.Resize(SIZE)],
        "CopyPaste": [af.CopyPaste(share=0.7)],
    }
    plain = af.Recipe([]).batch(images[:2], **two).drawn()
    made = []
    for name, body in kinds.items():  # four images for Mosaic, for the others the two that are shown
        some, theirs = (images, held) if name == "Mosaic" else (images[:2], two)
        made.append((name, af.Recipe(body).batch(some, **theirs, seed=3).drawn()[0]))
    return row([("an image", plain[0]), ("its partner", plain[1]), *made])


PICTURES = {"targets.png": targets, "crops.png": crops, "inverse.png": inverse, "mixing.png": mixing}


def main(folder: Path) -> None:
    """Write all pictures."""
    for name, make in PICTURES.items():
        cv2.imwrite(str(folder / name), cv2.cvtColor(make(), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
