"""load_img and its sisters against Keras' own, the mended defects on real files, and `read_image`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from os import fsencode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

from augfuse.data.decoding.decode import decode  # noqa: E402
from augfuse.errors import AugfuseWarning, DecodeError  # noqa: E402
from augfuse.keras.images import (  # noqa: E402
    COLOR_MODES,
    INTERPOLATIONS,
    img_to_array,
    load_img,
    read_image,
)
from augfuse.warn_once import forget  # noqa: E402
from image_cases import ODD, ODD_FILES, needs_odd_files, photo, saved  # noqa: E402

# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
pytestmark = [
    pytest.mark.usefixtures("notices_anew"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


SIZES: list[tuple[int, int] | None] = [None, (20, 31), (7, 3)]


def outcome(call: Callable[..., Any], *args: Any, **options: Any) -> np.ndarray | None:
    """Pixels of the PIL image that a call returns; None where it refuses."""
    try:
        image = call(*args, **options)
        return np.array(image, np.float32)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


# --- against Keras ----------------------------------------------------------------------------------------------------


@needs_odd_files
@pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL"
)  # Pillow grumbles about broken metadata, in Keras' call as in ours
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("path", ODD, ids=lambda path: path.name)
def test_strict_gives_keras_pixels_for_every_odd_file(path: Path) -> None:
    for mode in COLOR_MODES:
        expected = outcome(keras.utils.load_img, path, mode)
        assert_same(outcome(load_img, path, mode, compat="strict"), expected)
        if expected is None:
            with pytest.raises(DecodeError, match=path.name):
                read_image(path, mode, None, "nearest", False, strict=True)
            continue
        pixels = read_image(path, mode, (20, 31), "bilinear", True, strict=True)
        resized = keras.utils.load_img(path, mode, (20, 31), "bilinear", True)
        np.testing.assert_array_equal(pixels, keras.utils.img_to_array(resized, "channels_last", "float32"))
        assert pixels.dtype == np.float32 and pixels.flags.c_contiguous


@needs_odd_files
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_files_that_need_no_mending_are_the_same_in_the_default_mode() -> None:
    mended = 0
    for path in ODD:
        expected = outcome(keras.utils.load_img, path)
        if expected is None or path.name == "hopper_bad_exif.jpg":  # which lacks blocks
            continue
        forget()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", AugfuseWarning)
            got = outcome(load_img, path)
        if any(issubclass(warning.category, AugfuseWarning) for warning in caught):
            mended += 1
        else:
            assert_same(got, expected)
    assert mended > 10


def assert_same(got: np.ndarray | None, expected: np.ndarray | None) -> None:
    assert (got is None) == (expected is None)
    if got is not None and expected is not None:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff"])
@pytest.mark.parametrize("interpolation", sorted(INTERPOLATIONS))
@pytest.mark.parametrize("keep", [False, True])
def test_every_format_and_interpolation(tmp_path: Path, suffix: str, interpolation: str, keep: bool) -> None:
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(photo(23, 40, 3)))
    for mode in COLOR_MODES:
        for size in SIZES:
            expected = np.asarray(keras.utils.load_img(path, mode, size, interpolation, keep))
            for compat in (None, "strict"):
                got = load_img(path, mode, size, interpolation, keep, compat=compat)
                np.testing.assert_array_equal(np.asarray(got), expected)
            pixels = read_image(path, mode, size, interpolation, keep, strict=False)
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.flags.c_contiguous
            # Our gray is rounded otherwise than Pillow's: a level apart, and so is what is interpolated from it.
            assert np.abs(pixels.squeeze().astype(int) - expected).max() <= (1 if mode == "grayscale" else 0)


@pytest.mark.parametrize("stored", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("mode", COLOR_MODES)
def test_strict_follows_keras_for_every_stored_mode(tmp_path: Path, stored: str, mode: str) -> None:
    gray = Image.fromarray(photo(9, 14, 1, np.uint16)[:, :, 0])
    image = gray if stored == "I;16" else Image.fromarray(photo(9, 14, 3)).convert("L").convert(stored)
    path = saved(tmp_path / "a.tiff", image)
    for size in SIZES:
        expected = np.asarray(keras.utils.load_img(path, mode, size, "bicubic"))
        got = load_img(path, mode, size, "bicubic", compat="strict")
        np.testing.assert_array_equal(np.asarray(got), expected)


def test_gray_of_16_and_32_bits_stays_whole(tmp_path: Path) -> None:
    deep = photo(100, 90, 1, np.uint16)[:, :, 0]
    deeper = np.random.default_rng(0).integers(-(2**31), 2**31 - 1, (100, 90), dtype=np.int32)
    path16, path32 = (
        saved(tmp_path / "16.tiff", Image.fromarray(deep)),
        saved(tmp_path / "32.tiff", Image.fromarray(deeper)),
    )
    for size in (None, (100, 90)):
        np.testing.assert_array_equal(img_to_array(load_img(path16, "grayscale", size))[:, :, 0], deep)
        np.testing.assert_array_equal(img_to_array(load_img(path32, "grayscale", size), dtype="int32")[:, :, 0], deeper)
    pixels = read_image(path16, "grayscale", None, "nearest", False, strict=False)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels[:, :, 0], deep)
    assert load_img(path16, "grayscale", (25, 25)).size == (25, 25)
    for interpolation in INTERPOLATIONS:
        expected = img_to_array(load_img(path32, "grayscale", (25, 25), interpolation))
        pixels = read_image(path32, "grayscale", (25, 25), interpolation, False, strict=False)
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels, expected)


def test_names_and_bytes(tmp_path: Path) -> None:
    array = photo(6, 5, 3)
    path = saved(tmp_path / "grün.png", Image.fromarray(array))
    stream = BytesIO(path.read_bytes())
    stream.read()  # Keras opens from the beginning, wherever the stream stands
    for source in (path, str(path), fsencode(path), stream):
        np.testing.assert_array_equal(np.asarray(load_img(source)), array)
    np.testing.assert_array_equal(
        np.asarray(load_img(path, target_size=(3, 2, 3))), np.asarray(load_img(path, "rgb", [3, 2]))
    )


def test_sizes_that_leave_nothing_of_a_side_with_the_aspect_ratio_kept(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(photo(40, 2, 3)))
    assert load_img(path, target_size=(1, 50), keep_aspect_ratio=True).size == (50, 1)  # Keras fails: its cut is empty


# --- what is mended ---------------------------------------------------------------------------------------------------


@needs_odd_files
@pytest.mark.parametrize(
    "name", ["Landscape_6.jpg", "hopper_orientation_7.jpg", "hopper_orientation_6.webp", "rot1mir0.avif"]
)
def test_orientation_is_applied(name: str) -> None:
    path = ODD_FILES / name
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    with pytest.warns(AugfuseWarning, match=r'orientation.*compat="strict".*docs/imagedatagenerator\.md'):
        np.testing.assert_array_equal(np.asarray(load_img(path)), upright)
    load_img(path)  # says so once
    forget()
    with pytest.warns(AugfuseWarning, match="orientation"):
        pixels = read_image(path, "rgb", None, "nearest", False, strict=False)
    assert np.abs(pixels.astype(int) - upright).max() <= 1
    read_image(path, "rgb", None, "nearest", False, strict=False)
    assert not np.array_equal(np.asarray(load_img(path, compat="strict")), upright)


@needs_odd_files
def test_upright_and_broken_exif_give_no_notice() -> None:
    for name in (
        "exif_typeerror.jpg",
        "truncated_exif_dpi.jpg",
        "g4_orientation_6.tif",
        "rgb.jpg",
        "multiple_exif.jpg",
    ):
        path = ODD_FILES / name
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            expected = np.asarray(keras.utils.load_img(path))  # Pillow itself turns TIFFs, for Keras too
            np.testing.assert_array_equal(np.asarray(load_img(path)), expected)
            np.testing.assert_array_equal(read_image(path, "rgb", None, "nearest", False, strict=False), expected)


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
@pytest.mark.parametrize("mode", ["rgb", "rgba"])
def test_16_bit_gray_as_colour_is_scaled(tmp_path: Path, suffix: str, mode: str) -> None:
    deep = photo(12, 17, 1, np.uint16)
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(deep[:, :, 0]))
    with pytest.warns(AugfuseWarning, match=r'16-bit.*v / 257.*compat="strict"'):
        loaded = np.asarray(load_img(path, mode))
    scaled = np.repeat(deep / 257, 3, axis=2)
    np.testing.assert_array_equal(loaded[:, :, :3], np.rint(scaled))
    assert loaded.shape[2] == 3 or (loaded[:, :, 3] == 255).all()
    pixels = read_image(path, mode, None, "nearest", False, strict=False)
    assert np.abs(pixels[:, :, :3] - scaled).max() <= 1e-4
    assert pixels.dtype == np.float32
    assert np.mean(np.asarray(load_img(path, mode, compat="strict"))) > 240  # cut at 255: nearly all white


def test_16_bit_gray_with_a_transparent_value(tmp_path: Path) -> None:
    deep = photo(8, 8, 1, np.uint16)[:, :, 0]
    deep[2:4] = 1234
    path = saved(tmp_path / "a.png", Image.fromarray(deep), transparency=1234)
    with pytest.warns(AugfuseWarning, match="16-bit"):
        loaded = np.asarray(load_img(path, "rgba"))
    np.testing.assert_array_equal(loaded[:, :, 3] == 0, deep == 1234)
    pixels = read_image(path, "rgba", None, "nearest", False, strict=False)
    np.testing.assert_array_equal(pixels[:, :, 3] == 0, deep == 1234)
    assert read_image(path, "grayscale", None, "nearest", False, strict=False).dtype == np.uint16


def test_16_bit_gray_in_the_other_byte_order_stays_whole_too(tmp_path: Path) -> None:
    deep = photo(8, 9, 1, np.uint16)[:, :, 0]
    path = tmp_path / "a.tif"
    Image.frombytes("I;16B", (9, 8), deep.astype(">u2").tobytes()).save(path)
    with pytest.warns(AugfuseWarning, match="16-bit"):
        image = load_img(path, "grayscale")
    assert image.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(image), deep)


@needs_odd_files
@pytest.mark.parametrize("name", ["basn2c16.png", "basn6a16.png"])
@pytest.mark.parametrize("mode", COLOR_MODES)
def test_16_bit_colour_keeps_its_precision_in_batches(name: str, mode: str) -> None:
    path = ODD_FILES / name
    with pytest.warns(AugfuseWarning, match="16-bit"):
        pixels = read_image(path, mode, None, "nearest", False, strict=False)
    assert pixels.dtype == np.float32 and pixels.max() <= 255
    np.testing.assert_allclose(pixels, decode(path.read_bytes(), color=mode) / 257, atol=1e-4)  # type: ignore[arg-type]
    assert np.abs(pixels - keras.utils.img_to_array(keras.utils.load_img(path, mode))).max() < 1
