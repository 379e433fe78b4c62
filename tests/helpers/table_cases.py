"""Small sets of images with tables that name them, for the tests of tables."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (30, 40)  # height, width


def encoded(value: int = 0, size: tuple[int, int] = SIZE) -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


def pictures(folder: Path, *names: str) -> Path:
    """PNGs of these names; the first is all 0, the second all 1, ..."""
    for value, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(value))
    return folder


def table(path: Path, *lines: str, end: str = "\n", encoding: str = "utf-8") -> Path:
    """A text file of these lines."""
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode(encoding))
    return path
