"""What is measured: sizes, parameters, demanded ratios, input images, and the proof that a contender did the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROTATE = 20  # degrees, both ways
SHIFT = 0.1  # fraction of the side, both ways, each axis
ZOOM = 0.1  # around 1
SCALE = (1 - ZOOM, 1 + ZOOM)
FLIP = 0.5  # probability of a horizontal flip
JITTER = (0.8, 1.2)  # factor of brightness, of contrast, of saturation
HUE = 0.05  # turns, both ways
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of the table: square uint8 RGB images of one size, with or without colour jitter.

    `over_peer`, `over_keras` and `over_one_core` are the ratios the project demands of itself (None: no demand).
    """

    size: int
    batch: int
    jitter: bool
    over_peer: float
    over_keras: float | None = None
    over_one_core: float | None = None

    @property
    def name(self) -> str:
        return f"{self.size}-jitter" if self.jitter else str(self.size)


CELLS = (
    Cell(32, 512, False, over_peer=7.0, over_keras=35.0),
    Cell(32, 512, True, over_peer=14.0),
    Cell(150, 64, False, over_peer=4.0, over_keras=25.0, over_one_core=1.7),
    Cell(150, 64, True, over_peer=6.5, over_one_core=1.7),
    Cell(224, 32, False, over_peer=4.0, over_keras=25.0, over_one_core=1.7),
    Cell(224, 32, True, over_peer=5.5, over_one_core=1.7),
)


WARPS: dict[str, Any] = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
}
FLIPS: dict[str, Any] = {"horizontal_flip": True, "vertical_flip": True}


class Job(NamedTuple):
    """A data set in memory, and what a tutorial does to it."""

    name: str
    shape: tuple[int, int, int, int]
    batch: int
    must: float
    aim: float
    options: dict[str, Any]


JOBS = (
    Job(
        "A: CIFAR-10 32×32, batch 128, samplewise",
        (2048, 32, 32, 3),
        128,
        20,
        30,
        {
            "rotation_range": 10,
            "width_shift_range": 0.1,
            "height_shift_range": 0.1,
            "horizontal_flip": True,
            "fill_mode": "nearest",
            "samplewise_center": True,
            "samplewise_std_normalization": True,
        },
    ),
    Job(
        "C: Fashion-MNIST 28×28, one batch of 30 000",
        (30_000, 28, 28, 1),
        30_000,
        20,
        20,
        {
            "rotation_range": 10,
            "zoom_range": 0.1,
            "shear_range": 0.5,
            "width_shift_range": 0.1,
            "height_shift_range": 0.1,
            "horizontal_flip": True,
        },
    ),
    Job("D: 150×150, batch 20, from memory", (200, 150, 150, 3), 20, 20, 28, {"rescale": 1 / 255, **WARPS, **FLIPS}),
)


def images(cell: Cell) -> np.ndarray:
    """(batch, size, size, 3) uint8 photos for a cell."""
    return photos(cell.batch, cell.size, cell.size)


def photos(n: int, height: int, width: int) -> np.ndarray:
    """(n, height, width, 3) uint8: soft random blobs with a little noise, different for each image."""
    import cv2

    rng = np.random.default_rng(0)
    made = np.empty((n, height, width, 3), np.uint8)
    for row in made:
        blobs = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        large = cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)
        row[...] = np.clip(large + rng.normal(0, 4, large.shape), 0, 255)
    return made


def ramps(cell: Cell) -> np.ndarray:
    """(batch, size, size, 3) uint8 that tell where a pixel came from: red is x, green is y, blue is 128 everywhere."""
    ramp = np.round(np.linspace(0, 255, cell.size)).astype(np.uint8)
    one = np.stack([*np.meshgrid(ramp, ramp), np.full((cell.size, cell.size), 128, np.uint8)], axis=-1)
    return np.ascontiguousarray(np.broadcast_to(one, (cell.batch, *one.shape)))


def make_jpegs(folder: Path, per_class: int = 100) -> None:
    """Two classes of `per_class` pictures of 500x375: soft shapes with some noise, 40 to 60 KB each."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / name).mkdir()
        for i in range(per_class):
            coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize((500, 375))
            noisy = np.asarray(coarse, np.int16) + rng.integers(-6, 7, (375, 500, 3))
            Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / name / f"{i}.jpg", quality=90)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a contender was seen to do to `ramps`: extremes over a few hundred images."""

    degrees: tuple[float, float]
    scale: tuple[float, float]
    shift: tuple[float, float]
    flipped: float
    blue: float

    def __str__(self) -> str:
        return (
            f"rotation {self.degrees[0]:.1f}..{self.degrees[1]:.1f}°, scale {self.scale[0]:.2f}..{self.scale[1]:.2f}, "
            f"shift {self.shift[0]:.2f}..{self.shift[1]:.2f}, {self.flipped:.0%} flipped, "
            f"spread of blue {self.blue:.1f} levels"
        )


def verify(name: str, cell: Cell, call: Callable[[int], np.ndarray], channels_first: bool) -> Seen:
    """Run `call` (made for `ramps`) and raise AssertionError if it did less, or more, than the work.

    With colour jitter the ramps are no longer readable, so the geometry is judged in the plain cells.
    """
    outputs = []
    for epoch in range(max(2, -(-256 // cell.batch))):
        output = np.array(call(epoch))  # a copy: a contender may reuse its buffer
        outputs.append(output.transpose(0, 2, 3, 1) if channels_first else output)
    found = np.concatenate(outputs)

    assert found.shape[1:] == (cell.size, cell.size, 3), f"{name}: shape {found.shape}"
    assert found.dtype == np.float32, f"{name}: {found.dtype}"
    assert np.isfinite(found).all(), f"{name}: not finite"
    levels = (found * np.array(STD, np.float32) + np.array(MEAN, np.float32)) * 255
    assert levels.min() > -1 and levels.max() < 256, f"{name}: levels {levels.min():.1f}..{levels.max():.1f}"
    seen = _measure(levels)
    assert np.abs(outputs[0] - outputs[1]).mean() > 0.05, f"{name}: two epochs look the same"
    if cell.jitter:
        assert seen.blue > 5, f"{name}: colours do not vary ({seen})"
        return seen
    # Wider than the drawn ranges: pixels are whole numbers, zoom per axis bends angles, shift is turned and scaled.
    assert -25 < seen.degrees[0] < -14 and 14 < seen.degrees[1] < 25, f"{name}: {seen}"
    assert 0.87 < seen.scale[0] < 0.96 and 1.04 < seen.scale[1] < 1.14, f"{name}: {seen}"
    assert -0.17 < seen.shift[0] < -0.07 and 0.07 < seen.shift[1] < 0.17, f"{name}: {seen}"
    assert 0.3 < seen.flipped < 0.7, f"{name}: {seen}"
    assert seen.blue < 1, f"{name}: colours changed ({seen})"
    return seen


def _measure(levels: np.ndarray) -> Seen:
    """Fit the affine map from output to source pixels in the middle of each image, where no border is seen."""
    size = levels.shape[1]
    inner = slice(round(0.3 * size), round(0.7 * size))
    y, x = np.mgrid[inner, inner].astype(np.float64)
    design = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    source = levels[:, inner, inner, :2].reshape(len(levels), -1, 2) * ((size - 1) / 255)
    fit = np.linalg.lstsq(design, np.concatenate(list(source), axis=1), rcond=None)[0].reshape(3, len(levels), 2)
    matrix = fit[:2].transpose(1, 2, 0)  # (n, 2, 2): rows are source x and y, columns are output x and y
    centre = (size - 1) / 2
    shift = (matrix @ np.full(2, centre) + fit[2] - centre) / size
    determinant = np.linalg.det(matrix)
    upright = matrix.copy()
    upright[determinant < 0, :, 0] *= -1
    angle = np.degrees(np.arctan2(upright[:, 1, 0], upright[:, 0, 0]))
    scale = 1 / np.sqrt(np.abs(determinant))
    return Seen(
        degrees=(float(angle.min()), float(angle.max())),
        scale=(float(scale.min()), float(scale.max())),
        shift=(float(shift.min()), float(shift.max())),
        flipped=float(np.mean(determinant < 0)),
        blue=float(levels[..., 2].mean(axis=(1, 2)).std()),
    )


def same_work(
    name: str, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], source: np.ndarray, fixed: bool
) -> str:
    """Compare what augfuse and another contender made of `source`; AssertionError if it is not alike.

    One array for each of several epochs, (n, h, w, c) in levels of uint8. Where nothing is drawn, pixels are
    compared. Else: how far images are from the source (its middle) on the mean, and whether two epochs differ.
    """
    for one in theirs:
        assert one.shape == ours[0].shape, f"{name}: shape {one.shape}, wanted {ours[0].shape}"
        assert np.isfinite(one).all(), f"{name}: not finite"
    if fixed:
        apart = float(np.abs(theirs[0] - ours[0]).mean())
        assert apart < 1.5, f"{name}: {apart:.2f} levels from augfuse's"
        return f"{apart:.2f} levels from augfuse's"
    base = _middle(source, ours[0].shape[1:3])
    change, wanted = (float(np.mean([np.abs(one - base).mean() for one in all_])) for all_ in (theirs, ours))
    assert 0.5 * wanted < change < 2 * wanted, f"{name}: changes {change:.1f} levels, augfuse {wanted:.1f}"
    assert (np.abs(theirs[0] - theirs[1]).mean(axis=(1, 2, 3)) > 0.05).any(), f"{name}: two epochs look the same"
    return f"changes {change:.1f} levels, augfuse {wanted:.1f}"


def _middle(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The central (height, width) of images, with their edges repeated where they are smaller."""
    for axis, wanted in enumerate(size, start=1):
        at = np.arange(wanted) + (images.shape[axis] - wanted) // 2
        images = images.take(at.clip(0, images.shape[axis] - 1), axis)
    return images.astype(np.float32)
