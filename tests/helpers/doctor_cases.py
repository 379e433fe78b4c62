"""Pictures and folders for the doctor's tests, made on the spot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from augfuse.doctor import Checkup, Finding


def picture(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    """(h, w, 3) uint8: smooth coloured shapes and fine grey grain, different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(rng.integers(0, 60, (height // 2, width // 2), dtype=np.uint8), (width, height))
    return cv2.add(smooth, np.repeat(grain[:, :, None], 3, axis=2))


def save(path: Path, image: np.ndarray, quality: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = image[..., ::-1] if image.ndim == 3 and image.shape[2] == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else []
    assert cv2.imwrite(str(path), pixels, options)
    return path


def photos(root: Path, parts: dict[str, dict[str, int]], start: int = 0) -> Path:
    """`{"train": {"cat": 12}}` -> root/train/cat/0.png ...; the part "" is root itself. No two pictures are alike."""
    seed = start
    for part, classes in parts.items():
        for name, count in classes.items():
            for number in range(count):
                save(root / part / name / f"{number}.png", picture(seed))
                seed += 1
    return root


def healthy(root: Path) -> Path:
    return photos(root, {"train": {"cat": 12, "dog": 12}, "val": {"cat": 4, "dog": 4}})


def codes(checkup: Checkup) -> set[str]:
    return {finding.code for finding in checkup.findings}


def one(checkup: Checkup, code: str) -> Finding:
    """The only finding with this code."""
    (found,) = [finding for finding in checkup.findings if finding.code == code]
    return found
