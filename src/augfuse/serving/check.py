"""Whether an artefact answers as the training pipeline does: on images of several sizes, raw and encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.data.decoding.decode import Color, decode
from augfuse.errors import DataError

# Beside the size that comes out: kept, shrunk by less and by more than 1.5, enlarged, in other shapes.
_FACTORS = ((1.0, 1.0), (1.3, 1.45), (2.0, 2.0), (2.6, 1.9), (1.1, 3.3), (0.5, 0.7))
_EACH = 2
# Of 255, between the images that the network is given: float32 leaves 2e-4.
INPUT_LEVELS = 0.05
_QUALITY = 90
_TURNED = 0x0112  # the tag of EXIF


@final
class Agreement(NamedTuple):
    """The largest difference of a prediction; of what the network is given, or of decoded pixels, in grey levels of
    255. largest: the largest prediction of the training pipeline, as a positive number."""

    prediction: float = 0.0
    levels: float = 0.0
    largest: float = 0.0

    def and_of(self, other: Agreement) -> Agreement:
        return Agreement(*map(max, self, other))


def predictions(ours: Any, theirs: Any, what: str) -> Agreement:
    """How far apart two predictions are, theirs that of the training pipeline. DataError for NaN, and other shapes."""
    found = Agreement()
    flat = flattened(ours), flattened(theirs)
    if [one.shape for one in flat[0]] != [one.shape for one in flat[1]]:
        shapes = " and ".join(str([one.shape for one in side]) for side in flat)
        raise DataError(f"export: {what} gives predictions of other shapes than the training pipeline: {shapes}.")
    for a, b in zip(*flat, strict=True):
        a, b = a.astype(np.float64), b.astype(np.float64)
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise DataError(f"export: predictions of {what} or of the training pipeline contain NaN or infinity.")
        if a.size:
            found = found.and_of(Agreement(float(np.abs(a - b).max()), 0.0, float(np.abs(b).max())))
    return found


def levels(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How far apart what two networks are given is, in grey levels of 255."""
    span = float(theirs.max() - theirs.min())
    apart = float(np.abs(np.asarray(ours, np.float64) - theirs).max())
    return apart / span * 255 if span else apart


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of two images in levels; infinity for other sizes."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours.astype(np.int64) - theirs).max())


def flattened(outputs: Any) -> list[np.ndarray]:
    """The arrays of a prediction, whatever it is made of."""
    if isinstance(outputs, Mapping):
        return [
            one for name in sorted(outputs, key=lambda key: (len(str(key)), str(key)))
            for one in flattened(outputs[name])
        ]  # fmt: skip
    if isinstance(outputs, (list, tuple)):
        return [one for part in outputs for one in flattened(part)]
    return [np.asarray(outputs)]


def encoded(images: Sequence[np.ndarray], kind: str) -> list[bytes]:
    """Images as "PNG" or "JPEG" files; every other JPEG is stored turned, as a phone does it: by a quarter, or by a
    half where all images are of one size that a quarter would change."""
    from PIL import Image

    found, sizes = [], {image.shape[:2] for image in images}
    turned = 3 if len(sizes) == 1 and len(set(*sizes)) == 2 else 6
    for number, image in enumerate(images):
        picture, file = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image), BytesIO()
        if kind == "PNG":
            picture.save(file, kind)
        else:
            exif = Image.Exif()
            exif[_TURNED] = turned if number % 2 else 1
            picture.convert("L" if picture.mode == "L" else "RGB").save(file, kind, quality=_QUALITY, exif=exif)
        found.append(file.getvalue())
    return found


def decoded(raw: Sequence[bytes], color: Color) -> list[np.ndarray]:
    """As the training pipeline decodes."""
    return [decode(one, color=color) for one in raw]


def made_up(size: tuple[int, int], channels: int, fixed: bool) -> list[np.ndarray]:
    """Groups (n, h, w, c) of uint8 images with edges, slopes and noise, of different sizes unless `fixed`."""
    rng = np.random.default_rng(0)
    groups = []
    for down, across in _FACTORS[:1] if fixed else _FACTORS:
        height, width = (max(1, round(side * factor)) for side, factor in zip(size, (down, across), strict=True))
        y, x = np.mgrid[:height, :width]
        waves = [np.sin(y * a + x * b + c) for a, b, c in rng.uniform(-0.9, 0.9, (_EACH * channels, 3))]
        smooth = np.stack(waves).reshape(_EACH, channels, height, width).transpose(0, 2, 3, 1)
        groups.append(np.clip(128 + 90 * smooth + rng.normal(0, 40, smooth.shape), 0, 255).astype(np.uint8))
    return groups
