"""Every way by which augfuse opens an image file, as one function each: the pixels as RGB, or a DecodeError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import augfuse as af
from augfuse.doctor import examine
from augfuse.keras import ImageDataGenerator, load_img


def by_decode(path: Path) -> np.ndarray:
    return af.decode(path.read_bytes(), color="rgb", path=str(path))


def by_load_img(path: Path) -> np.ndarray:
    return np.asarray(load_img(path))


def by_frame(path: Path) -> np.ndarray:
    """The iterator over files, at the size of the file."""
    height, width = by_decode(path).shape[:2]
    frame = pd.DataFrame({"file": [path.name]})
    iterator = ImageDataGenerator().flow_from_dataframe(
        frame, path.parent, x_col="file", class_mode=None, target_size=(height, width), validate_filenames=False,
        on_error="raise",
    )  # fmt: skip
    return next(iterator)[0]


def by_source(path: Path) -> np.ndarray:
    """A source of class folders, which has this file under a name that sources read."""
    folder = path.parent / "data" / "class"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{path.stem}.png"
    copy.write_bytes(path.read_bytes())
    try:
        return af.from_directory(folder.parent)[0].image
    finally:
        copy.unlink()


def by_doctor(path: Path) -> np.ndarray:
    """What the doctor says cannot be read is a DecodeError here too."""
    folder = path.parent / "examined" / "class"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{path.stem}.png"
    copy.write_bytes(path.read_bytes())
    Image.new("RGB", (16, 16)).save(folder / "beside.png")
    try:
        broken = [finding for finding in examine(folder.parent).findings if finding.code == "AF101"]
    finally:
        copy.unlink()
    if broken:
        raise af.DecodeError(broken[0].examples[0], str(path))
    return by_decode(path)


DOORS: dict[str, Callable[[Path], np.ndarray]] = {
    "decode": by_decode, "load_img": by_load_img, "iterator": by_frame, "source": by_source, "doctor": by_doctor,
}  # fmt: skip


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Pixels of any door at a scale of 0..255, to compare them."""
    return pixels / 257 if pixels.dtype == np.uint16 else pixels.astype(np.float64)
