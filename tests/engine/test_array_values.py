"""Arrays of other dtypes and values than images have: the advice follows the values, and following it works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from present import present

BYTES = np.random.default_rng(0).integers(0, 256, (3, 9, 10, 3))
CT = np.linspace(-1000, 3000, 3 * 9 * 10 * 3).reshape(3, 9, 10, 3).astype(np.int16)

DOORS: dict[str, Callable[[np.ndarray], Any]] = {
    "from_arrays": af.from_arrays,
    "batch": af.Recipe().batch,
    "image": lambda x: af.Recipe()(image=x[0]),
}


def objects(*items: Any) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = items
    return array


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    ("x", "hint"),
    [
        (BYTES.astype(np.int64), r"type \w+\.astype\(np\.uint8\)"),
        (BYTES.astype(np.int16), r"type \w+\.astype\(np\.uint8\)"),
        (BYTES.astype(np.uint32), r"type \w+\.astype\(np\.uint8\)"),
        (CT, r"are -1\d+ to \d+, which uint8 does not hold\. Type \w+\.astype\(np\.float32\), and declare value_"),
        (np.abs(CT.astype(np.int32)) + 4000, r"astype\(np\.float32\), and declare value_range=\(0, \d+\)"),
        (CT.astype(np.int8), r"astype\(np\.float32\), and declare value_range=\(-\d+, 255\)"),
        (BYTES > 99, r"type \w+ \* np\.uint8\(255\), or \w+\.astype\(np\.float32\)"),
        ((BYTES > 99).astype(int), r"values are 0 and 1, type \w+\.astype\(np\.float32\)"),
        (BYTES.astype(np.complex128), r"type np\.abs\(\w+\)\.astype\(np\.float32\)"),
        (np.zeros(BYTES.shape, "datetime64[s]"), r"give the pixels as numbers"),
    ],
)  # fmt: skip
def test_the_advice_follows_the_values(door: Callable[[np.ndarray], Any], x: np.ndarray, hint: str) -> None:
    with pytest.raises(af.ImageTypeError, match=rf"wanted uint8, uint16 or float32; .*{hint}"):
        door(x)


@pytest.mark.parametrize(
    ("x", "hint"),
    [
        (BYTES.astype(object), r"type x\.astype\(np\.uint8\)"),
        (CT.astype(object), r"Type x\.astype\(np\.float32\), and declare value_range=\(-1000, 3000\)"),
        ((BYTES / 255).astype(object), r"type x\.astype\(np\.float32\)"),
        (objects(*BYTES.astype(np.uint8)), r"type np\.stack\(x\)"),
        (objects(np.zeros((16, 16, 3)), np.zeros((17, 16, 3))), r"different sizes \(16x16, 17x16\)\. Resize them"),
        (objects(np.zeros((16, 16, 3)), np.zeros((16, 16, 1))), r"different channels.*\(16, 16, 3\), \(16, 16, 1\)"),
        (objects("a.png", "b.png"), r"for files type af\.decode\(Path\('a\.png'\)\.read_bytes\(\)\)"),
        (np.array(["a.png", "b.png"]), r"for files type af\.decode\(Path\('a\.png'\)\.read_bytes\(\)\)"),
        (["a.png", "b.png"], r"for files type af\.decode\(Path\('a\.png'\)\.read_bytes\(\)\)"),
        ([Path("a.png")], r"for files type af\.decode\(Path\('a\.png'\)\.read_bytes\(\)\)"),
        ("photos", r"af\.from_directory\(folder\)"),
        (list(BYTES.astype(np.uint8)), r"type np\.stack\(x\)"),
        ([np.zeros((9, 9, 3)), np.zeros((9, 8, 3)), np.zeros((7, 9, 3))], r"different sizes \(9x9, 9x8, 7x9\)"),
        (BYTES.tolist(), r"type np\.asarray\(x\)"),
        (None, r"type np\.asarray\(x\)"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_pixels(x: Any, hint: str) -> None:
    with pytest.raises(af.ImageTypeError, match=hint):
        af.from_arrays(x)


def test_following_the_advice_works() -> None:
    np.testing.assert_array_equal(af.from_arrays(BYTES.astype(np.uint8)).images, BYTES)
    scan = af.from_arrays(CT.astype(np.float32), value_range=(-1000, 3000))
    np.testing.assert_array_equal(scan.images, CT)
    mask = BYTES > 99
    assert np.unique(present(af.from_arrays(mask * np.uint8(255)).images)).tolist() == [0, 255]
    assert np.unique(present(af.from_arrays(mask.astype(np.float32)).images)).tolist() == [0, 1]
    sizes = [np.zeros((16, 16, 3), np.uint8), np.zeros((17, 16, 3), np.uint8)]
    assert af.Recipe([af.Resize((8, 9))]).batch(sizes).images.shape == (2, 8, 9, 3)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("a.jpg", r"got str, .*af\.decode\(Path\('a\.jpg'\)\.read_bytes\(\)\)"),
        (Path("x/b.png"), r"got .*Path, .*af\.decode\(Path\('x/b\.png'\)\.read_bytes\(\)\)"),
        (b"\x89PNG\r\n\x1a\n\0\0", r"got bytes, .*af\.decode\(data\)"),
        ([[1]], r"got list, .*np\.asarray\(image\)"),
        (None, r"got NoneType, .*np\.asarray\(image\)"),
    ],
)
def test_one_image_that_is_no_array(image: Any, words: str) -> None:
    with pytest.raises(af.ImageTypeError, match=words):
        af.Recipe()(image=image)


@pytest.mark.parametrize("images", [5, None, "a.png", b"\0", {"a": 1}, (one for one in BYTES)])
def test_batches_that_are_no_arrays(images: Any) -> None:
    with pytest.raises(af.ImageTypeError, match=r"^images: got .*, wanted a NumPy array or a list of them"):
        af.Recipe().batch(images)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    ("low", "high", "hint"),
    [
        (0, 1.5, r"To cut off what is outside, type np\.clip\(images, 0, 1\)"),
        (-0.01, 1, r"To cut off .*, type np\.clip\(images, 0, 1\)"),
        (-0.05, 1.05, r"To cut off .*, type np\.clip\(images, 0, 1\)"),
        (-1, 1, r"Declare value_range=\(-1, 1\)"),
        (0, 255, r"Declare value_range=\(0, 255\), or divide by 255"),
        (0, 65535, r"Declare value_range=\(low, high\)"),
        (-2.1, 2.6, r"Declare value_range=\(low, high\)"),
    ],
)
def test_floats_outside_of_the_range(door: Callable[[np.ndarray], Any], low: float, high: float, hint: str) -> None:
    x = np.full((3, 9, 10, 3), (low + high) / 2, np.float32)
    x[0, 0, 0], x[0, 1, 1] = low, high
    with pytest.raises(af.ImageError, match=rf"got values .*, wanted 0\.\.1\. {hint}"):
        door(x)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_found(door: Callable[[np.ndarray], Any], bad: float) -> None:
    x = np.zeros((3, 9, 10, 3), np.float32)
    x[0, 5, 7, 2] = bad
    with pytest.raises(af.ImageError, match=rf"wanted finite numbers: {bad} at row 5, column 7, channel 2"):
        door(x)


@pytest.mark.parametrize(
    ("bad", "words"), [(np.nan, "NaN or infinity"), (np.inf, "NaN or infinity"), (9, r"9, wanted 0\.\.1")]
)
@pytest.mark.parametrize("workers", [0, 2])
def test_an_array_that_is_written_to_after_the_check_is_not_served(bad: float, words: str, workers: int) -> None:
    x = np.zeros((8, 9, 10, 3), np.float32)
    loader = af.Loader(
        af.from_arrays(x, np.arange(8)), af.Recipe([af.Rotate(9)]), batch_size=4, workers=workers, seed=0
    )
    assert len(list(loader)) == 2
    x[6, 3, 3] = bad
    with pytest.raises(af.ImageError, match=rf"sample 6: .*{words}"):
        list(loader)


def test_rounding_at_the_ends_of_the_range_is_no_error() -> None:
    x = np.full((2, 9, 9, 3), np.float32(1) + np.finfo(np.float32).eps, np.float32)
    assert present(af.from_arrays(x).images).max() > 1
    assert af.Recipe().batch(x).images.max() == 1
