"""The usual kinds of preprocessing: value ranges, orders of the channels, resize methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from augfuse.data.measured.moments import gathered

_IMAGENET = (np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32))
BGR = "in BGR, less ImageNet's mean (Caffe)"
_CAFFE = np.array([103.939, 116.779, 123.68], np.float32)


class Way(NamedTuple):
    """How images (n, h, w, c) in 0..1 become the model's input, and how that is done."""

    feed: Callable[[np.ndarray], np.ndarray]
    advice: str

    def swapped(self) -> Way:
        """The same with red and blue swapped first."""
        return Way(lambda unit: self.feed(unit[..., ::-1]), f"{self.advice}, and turn RGB into BGR")


def scales(unit: np.ndarray, channels: int) -> dict[str, Way]:
    """The usual ways, by name. unit: all images, for their mean and standard deviation."""
    of_data = gathered([unit], 3)
    mean, std = of_data.mean.astype(np.float32), np.maximum(of_data.deviation(), 1e-6).astype(np.float32)
    shown = [tuple(round(float(v), 3) for v in values) for values in (mean, std)]
    found = {
        "in 0..255": Way(lambda u: 255 * u, "uint8 pixels, without ToFloat or Normalize"),
        "divided by 255": Way(lambda u: u, "end the recipe with af.ToFloat()"),
        "in -1..1": Way(lambda u: 2 * u - 1, "end the recipe with af.Normalize(mean=0.5, std=0.5)"),
        "standardised by this data": Way(
            lambda u: (u - mean) / std,
            f"end the recipe with af.Normalize(mean={shown[0]}, std={shown[1]}), or the numbers it was trained with",
        ),
        "each image standardised": Way(_standardised, "end the recipe with af.PerImageStandardize()"),
    }
    if channels == 3:
        found["standardised by ImageNet"] = Way(
            lambda u: (u - _IMAGENET[0]) / _IMAGENET[1], "end the recipe with af.Normalize()"
        )
        found[BGR] = Way(
            lambda u: 255 * u[..., ::-1] - _CAFFE, "as preprocess_input of keras.applications.resnet50 does"
        )
    return found


def _standardised(unit: np.ndarray) -> np.ndarray:
    mean = unit.mean(axis=(1, 2, 3), keepdims=True)
    std = unit.std(axis=(1, 2, 3), keepdims=True)
    return (unit - mean) / np.maximum(std, 1 / np.sqrt(unit[0].size))


def stretched(images: Sequence[np.ndarray], height: int, width: int, method: str) -> np.ndarray:
    import cv2

    how = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST, "area": cv2.INTER_AREA}[method]
    made = [cv2.resize(image.astype(np.float32), (width, height), interpolation=how) for image in images]
    return np.stack(made).reshape(len(images), height, width, -1)


def _cropped(images: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Resize with the aspect kept, then centre crop."""
    cut = []
    for image in images:
        high, wide = image.shape[:2]
        factor = min(high / height, wide / width)
        h, w = max(round(height * factor), 1), max(round(width * factor), 1)
        top, left = (high - h) // 2, (wide - w) // 2
        cut.append(image[top : top + h, left : left + w])
    return stretched(cut, height, width, "bilinear")


def _padded(images: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Resize with the aspect kept, then pad with black."""
    made = np.zeros((len(images), height, width, images[0].shape[2]), np.float32)
    for target, image in zip(made, images, strict=True):
        factor = min(height / image.shape[0], width / image.shape[1])
        h, w = max(round(image.shape[0] * factor), 1), max(round(image.shape[1] * factor), 1)
        top, left = (height - h) // 2, (width - w) // 2
        target[top : top + h, left : left + w] = stretched([image], h, w, "bilinear")[0]
    return made


RESIZES: dict[str, Callable[[Sequence[np.ndarray], int, int], np.ndarray]] = {
    "by nearest pixels": lambda images, h, w: stretched(images, h, w, "nearest"),
    "by area": lambda images, h, w: stretched(images, h, w, "area"),
    "with aspect kept and a centre crop": _cropped,
    "with aspect kept and black around": _padded,
}
