"""The demonstration data: scikit-learn's bundled handwritten digits, placed on a larger canvas.

The scans are real (UCI, 1797 scans of 8x8 pixels) and come with scikit-learn: nothing is downloaded. Plain centred 8x8
digits gain nothing from augmentation, because every scan already sits in the same place. So each is doubled in size
and put at a random position of a larger canvas, the same position in every run. With a few hundred of them a network
has to learn the digit *and* that its place does not matter, and only the first is in the plain training part.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import numpy as np

CANVAS = 28
ENLARGE = 2
TRAIN_COUNT = 300
_PLACEMENT_SEED = 20_000
_SPLIT_SEED = 0

CLASSES = tuple("0123456789")
DESCRIPTION = (
    f"scikit-learn's bundled handwritten digits: 1797 real scans of 8x8 pixels, enlarged {ENLARGE} times and placed at "
    f"random positions (the same in every run) on a {CANVAS}x{CANVAS} canvas, so that there is something to learn "
    f"from augmentation; {TRAIN_COUNT} for training, stratified, the rest for testing. This is a demonstration: the "
    "placing was made for it, and the gain on your own pictures may be smaller, or none."
)


class Digits(NamedTuple):
    """Images (n, 28, 28, 1) uint8 and labels (n,) int64 of both parts."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load_digits() -> Digits:
    """The placed digits, split; the same bytes at every call."""
    datasets, selection = import_module("sklearn.datasets"), import_module("sklearn.model_selection")
    scans, labels = datasets.load_digits(return_X_y=True)
    images = place(np.round(np.asarray(scans).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8))
    labels = np.asarray(labels, dtype=np.int64)
    train, test = selection.train_test_split(
        np.arange(len(labels)), train_size=TRAIN_COUNT, stratify=labels, random_state=_SPLIT_SEED
    )
    return Digits(images[train], labels[train], images[test], labels[test])


def place(scans: np.ndarray) -> np.ndarray:
    """Enlarge (n, 8, 8) uint8 scans and put each at its own position on a black canvas: (n, 28, 28, 1) uint8."""
    import cv2

    side = scans.shape[1] * ENLARGE
    corners = np.random.default_rng(_PLACEMENT_SEED).integers(0, CANVAS - side + 1, (len(scans), 2))
    canvas = np.zeros((len(scans), CANVAS, CANVAS, 1), np.uint8)
    for image, scan, (top, left) in zip(canvas, scans, corners, strict=True):
        image[top : top + side, left : left + side, 0] = cv2.resize(scan, (side, side), interpolation=cv2.INTER_LINEAR)
    return canvas
