"""Odd arrays: an error of the AugfuseError tree or the right result, whatever their layout in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from trial import tried


def layouts(images: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """The same values in memory of other shapes."""
    n, h, w, c = images.shape
    wide = np.zeros((n * 2, h + 3, w * 2, c + 1), images.dtype)
    wide[::2, 1 : h + 1, ::2, :c] = images
    mapped = np.memmap(folder / "images.bin", images.dtype, "w+", shape=images.shape)
    mapped[:] = images
    frozen = images.copy()
    frozen.flags.writeable = False
    return {
        "fortran": np.asfortranarray(images),
        "strided": wide[::2, 1 : h + 1, ::2, :c],
        "backwards": images[::-1, ::-1][::-1, ::-1],
        "mapped": mapped,
        "read-only": frozen,
        "transposed": images.transpose(3, 0, 1, 2).copy().transpose(1, 2, 3, 0),
        "other byte order": images.astype(images.dtype.newbyteorder()),
        "unaligned": _unaligned(images),
    }


def _unaligned(images: np.ndarray) -> np.ndarray:
    raw = np.empty(images.nbytes + 1, np.uint8)
    view = raw[1:].view(images.dtype).reshape(images.shape)
    view[:] = images
    return view


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_layout_of_an_array_changes_no_byte(dtype: str, channels: int, tmp_path: Path) -> None:
    full = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    values = np.random.default_rng(2).random((5, 19, 23, channels)) * full
    images = values.astype(dtype)
    recipe = af.Recipe([af.Rotate(20), af.HorizontalFlip(), af.Brightness((0.8, 1.2)), af.Normalize(0.5, 0.5)])
    wanted = recipe.batch(images, seed=4).images
    for name, other in layouts(images, tmp_path).items():
        result = tried(lambda other=other: recipe.batch(other, seed=4).images)
        assert result is None or np.array_equal(result, wanted), name
        assert result is not None or name == "other byte order", name


ODD_ARRAYS: dict[str, Any] = {
    "0-d": np.uint8(3),
    "1-d": np.zeros(5, np.uint8),
    "no images": np.zeros((0, 4, 4, 3), np.uint8),
    "no rows": np.zeros((2, 0, 4, 3), np.uint8),
    "no channels": np.zeros((2, 4, 4, 0), np.uint8),
    "5-d": np.zeros((2, 3, 4, 4, 3), np.uint8),
    "bool": np.zeros((2, 4, 4, 3), bool),
    "int64": np.zeros((2, 4, 4, 3), np.int64),
    "complex": np.zeros((2, 4, 4, 3), complex),
    "float64": np.zeros((2, 4, 4, 3)),
    "float16": np.zeros((2, 4, 4, 3), np.float16),
    "object": np.array([None, 1], object),
    "text": np.array(["a", "b"]),
    "NaN": np.full((2, 4, 4, 3), np.nan, np.float32),
    "infinite": np.full((2, 4, 4, 3), np.inf, np.float32),
    "range": np.full((2, 4, 4, 3), 300, np.float32),
    "list": [[1, 2], [3]],
    "None": None,
    "path": "a.jpg",
    "dict": {},
    "structured": np.zeros(3, [("a", "u1")]),
    "dates": np.zeros((2, 4, 4, 3), "M8[s]"),
    "masked": np.ma.masked_equal(np.zeros((2, 4, 4, 3), np.uint8), 0),
    "one pixel": np.zeros((1, 1, 1, 1), np.uint8),
    "many channels": np.zeros((1, 4, 4, 200), np.uint8),
    "huge view": np.broadcast_to(np.uint8(0), (10**6, 10**3, 10**3, 3)),
}


@pytest.mark.parametrize("name", ODD_ARRAYS)
def test_odd_arrays(name: str) -> None:
    value = ODD_ARRAYS[name]
    recipe = af.Recipe([af.Rotate(20)])
    tried(lambda: recipe(image=value, seed=0, index=0))
    if name != "huge view":
        tried(lambda: recipe.batch(value, seed=0))
    tried(lambda: af.from_arrays(value))
    tried(lambda: af.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), value))
