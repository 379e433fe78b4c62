"""load_img and its sisters against Keras' own, the mended defects on real files, and `read_image`."""

from __future__ import annotations

import pickle
import threading
import warnings
from collections.abc import Callable
from io import BytesIO
from os import fsencode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, UnidentifiedImageError

from places import DATA

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

from augfuse.data.decoding.decode import decode  # noqa: E402
from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError, DecodeError, ImageTypeError  # noqa: E402
from augfuse.keras import images  # noqa: E402
from augfuse.keras.images import (  # noqa: E402
    COLOR_MODES,
    INTERPOLATIONS,
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    read_image,
    save_img,
    smart_resize,
    validate_filename,
)
from augfuse.keras.notices import notice  # noqa: E402
from augfuse.warn_once import forget, was_given  # noqa: E402

ODD_FILES = DATA / "odd_files"
ODD = sorted(path for path in ODD_FILES.glob("*") if path.suffix not in (".md", ".csv"))
needs_odd_files = pytest.mark.skipif(
    not ODD, reason="needs the odd files: set AUGFUSE_TEST_DATA to their parent folder"
)
# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
pytestmark = [
    pytest.mark.usefixtures("notices_anew"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
SIZES: list[tuple[int, int] | None] = [None, (20, 31), (7, 3)]


def photo(height: int, width: int, channels: int, dtype: Any = np.uint8) -> np.ndarray:
    rng = np.random.default_rng([height, width, channels])
    return rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype=dtype, endpoint=True)


def outcome(call: Callable[..., Any], *args: Any, **options: Any) -> np.ndarray | None:
    """Pixels of the PIL image that a call returns; None where it refuses."""
    try:
        image = call(*args, **options)
        return np.array(image, np.float32)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


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


# --- resizing ---------------------------------------------------------------------------------------------------------

SIDE = st.integers(1, 90)


@given(height=SIDE, width=SIDE, to=st.tuples(SIDE, SIDE), channels=st.sampled_from([1, 3, 4]), keep=st.booleans())
def test_nearest_takes_the_pixels_that_pillow_takes(
    height: int, width: int, to: tuple[int, int], channels: int, keep: bool
) -> None:
    assert_resized_as_by_pillow(photo(height, width, channels), to, "nearest", keep)


@given(old=st.integers(1, 4000), new=st.integers(1, 4000), start=st.integers(0, 500))
def test_nearest_rounds_like_pillow_over_long_rows(old: int, new: int, start: int) -> None:
    row = np.arange(old + start, dtype=np.int32)[None]
    expected = Image.fromarray(row).resize((new, 1), Image.Resampling.NEAREST, (start, 0, start + old, 1))
    np.testing.assert_array_equal(images._nearest(start, start + old, new), np.asarray(expected)[0])


@given(
    height=SIDE,
    width=SIDE,
    to=st.tuples(SIDE, SIDE),
    channels=st.sampled_from([1, 3, 4]),
    keep=st.booleans(),
    interpolation=st.sampled_from(sorted(INTERPOLATIONS)),
)
def test_other_interpolations_are_pillows(
    height: int, width: int, to: tuple[int, int], channels: int, keep: bool, interpolation: str
) -> None:
    assert_resized_as_by_pillow(photo(height, width, channels), to, interpolation, keep)


def assert_resized_as_by_pillow(pixels: np.ndarray, to: tuple[int, int], interpolation: str, keep: bool) -> None:
    stream = BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[pixels.shape[2]]
    expected = img_to_array(load_img(stream, mode, to, interpolation, keep), "channels_last")
    got = images.read_image(stream, mode, to, interpolation, keep, strict=False)  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("interpolation", sorted(INTERPOLATIONS))
def test_16_bit_pixels_are_resized_in_their_range(tmp_path: Path, interpolation: str) -> None:
    deep = photo(30, 20, 1, np.uint16)
    deep[:, :10], deep[:, 10:] = 0, 65535  # edges that bicubic and lanczos overshoot
    path = saved(tmp_path / "a.png", Image.fromarray(deep[:, :, 0]))
    pixels = read_image(path, "grayscale", (47, 33), interpolation, False, strict=False)
    assert pixels.dtype == np.uint16
    expected = keras.utils.load_img(path, "grayscale", (47, 33), interpolation)
    np.testing.assert_array_equal(pixels[:, :, 0], np.asarray(expected))
    with pytest.warns(AugfuseWarning, match="16-bit"):
        colour = read_image(path, "rgb", (47, 33), interpolation, False, strict=False)
    assert colour.dtype == np.float32 and colour.min() == 0 and colour.max() == 255


# --- what cannot be read ----------------------------------------------------------------------------------------------


@needs_odd_files
@pytest.mark.parametrize("name", ["made_empty.jpg", "made_error_page.jpg", "broken.png", "zero_width.gif"])
def test_files_that_are_no_images(name: str) -> None:
    for compat in (None, "strict"):
        with pytest.raises(UnidentifiedImageError, match=name) as caught:
            load_img(ODD_FILES / name, compat=compat)
        assert isinstance(caught.value, DecodeError)
        copy = pickle.loads(pickle.dumps(caught.value))
        assert str(copy) == str(caught.value) and isinstance(copy, UnidentifiedImageError)
    for strict in (False, True):
        with pytest.raises(DecodeError, match=name):
            read_image(ODD_FILES / name, "rgb", None, "nearest", False, strict)


@needs_odd_files
@pytest.mark.parametrize(
    "name", ["truncated_jpeg.jpg", "truncated_image.png", "decompression_bomb.gif", "ultrahdr.jpg"]
)
def test_damaged_images(name: str) -> None:
    with pytest.raises(OSError, match=name):
        load_img(ODD_FILES / name)
    for strict in (False, True):
        with pytest.raises(DecodeError, match=name):
            read_image(ODD_FILES / name, "rgb", None, "nearest", False, strict)


@needs_odd_files
def test_pictures_without_a_conversion_in_keras() -> None:
    path = ODD_FILES / "hopper.Lab.tif"
    with pytest.raises(DecodeError, match=r"hopper\.Lab\.tif.*grayscale"):
        read_image(path, "grayscale", None, "nearest", False, strict=True)
    gray = keras.utils.load_img(path).convert("L")
    np.testing.assert_array_equal(np.asarray(load_img(path, "grayscale")), np.asarray(gray))


@needs_odd_files
def test_formats_that_only_pillow_reads() -> None:
    for name in ("hopper.avif", "python.ico", "hopper.Lab.tif", "10ct_32bit_128.tiff"):
        pixels = read_image(ODD_FILES / name, "rgb", None, "nearest", False, strict=False)
        np.testing.assert_array_equal(pixels, keras.utils.load_img(ODD_FILES / name))
        np.testing.assert_array_equal(np.asarray(load_img(ODD_FILES / name)), pixels)
        stored = decode((ODD_FILES / name).read_bytes(), color="rgb")
        np.testing.assert_array_equal(stored.clip(0, 255).astype(np.uint8), pixels)


def test_a_missing_file_is_named_with_the_nearest_name(tmp_path: Path) -> None:
    saved(tmp_path / "cat.png", Image.fromarray(photo(2, 2, 3)))
    with pytest.raises(FileNotFoundError, match=r"cta\.png.*Did you mean 'cat\.png'") as caught:
        load_img(tmp_path / "cta.png")
    assert isinstance(caught.value, DataNotFoundError)
    with pytest.raises(DataNotFoundError, match="no folder"):
        read_image(tmp_path / "cats" / "cat.png", "rgb", None, "nearest", False, strict=False)
    with pytest.raises(IsADirectoryError):
        load_img(tmp_path)


@pytest.mark.parametrize("path", [None, 3, bytearray(b"a.png"), np.zeros((3, 3, 3))])
def test_paths_of_other_types(path: Any) -> None:
    with pytest.raises(ImageTypeError, match="path: got"):
        load_img(path)


def test_arguments_that_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(photo(9, 9, 3)))
    bad: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (DataError, r"color_mode: got 'grey'.*'grayscale'", {"color_mode": "grey"}),
        (DataError, "interpolation.*Did you mean 'bicubic'", {"interpolation": "cubic", "target_size": (3, 3)}),
        (DataError, "compat: got 'strikt'", {"compat": "strikt"}),
        (DataError, "target_size: got .*two", {"target_size": (3,)}),
        (DataError, "target_size: got .*at least 1", {"target_size": (3, 0)}),
        (ImageTypeError, "target_size: got 3", {"target_size": 3}),
        (ImageTypeError, "target_size: got", {"target_size": (3.0, 3.0)}),
    ]
    for kind, message, options in bad:
        with pytest.raises(kind, match=message):
            load_img(path, **options)
    with pytest.raises(DataError, match="color_mode: got 'grey'"):
        read_image(path, "grey", None, "nearest", False, strict=False)
    with pytest.raises(DataError, match="interpolation: got 'cubic'"):
        read_image(path, "rgb", (3, 3), "cubic", False, strict=False)
    load_img(path, interpolation="unsupported")  # nothing is resized: as in Keras, nobody looks


def test_no_file_stays_open(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = saved(tmp_path / "a.png", Image.fromarray(photo(1, 1, 3)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        assert len([load_img(path) for _ in range(300)]) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- folders, names, arrays -------------------------------------------------------------------------------------------


def test_list_pictures(tmp_path: Path) -> None:
    names = [
        "test.png", "test0.jpg", "test-1.jpeg", "2test.bmp", "2-test.ppm", "3.PNG", "1.jpeg", "test.bmp", "test0.ppm",
        "test4.tiff", "5-test.tif", "test.txt", "foo.csv", "face.gif", "bar.txt", "png",
    ]  # fmt: skip
    for folder in ("", "subdir1", "subdir2/deep"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (tmp_path / folder / name).touch()
    found = list_pictures(str(tmp_path))
    assert len(found) == 33 and found == sorted(found)
    assert all(isinstance(path, str) and Path(path).is_file() for path in found)
    assert len(list_pictures(tmp_path, ext="png")) == 6
    assert list_pictures(tmp_path, ext=(".PNG",)) == list_pictures(tmp_path, ext="png")
    assert len(list_pictures(tmp_path, ext=("txt", "csv"))) == 9
    with pytest.raises(DataNotFoundError, match="nowhere"):
        list_pictures(tmp_path / "nowhere")


def test_validate_filename(tmp_path: Path) -> None:
    for name in ("test.png", "test.PnG", "test.some_extension"):
        (tmp_path / name).touch()
    for kind in (tuple, list, set):
        extensions = kind(("png", "jpg"))
        assert validate_filename(str(tmp_path / "test.png"), extensions)
        assert validate_filename(tmp_path / "test.PnG", extensions)
        assert not validate_filename(str(tmp_path / "test.some_extension"), extensions)
        assert not validate_filename("some_test_file.png", extensions)
        assert not validate_filename(str(tmp_path), extensions)


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_to_pictures_and_back(data_format: str, channels: int) -> None:
    pixels = photo(10, 8, channels)
    array = np.moveaxis(pixels, -1, 0) if data_format == "channels_first" else pixels
    image = array_to_img(array, data_format, scale=False)
    assert image.size == (8, 10)
    back = img_to_array(image, data_format)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, array)
    stretched = array_to_img(array / 1000.0 - 5, data_format)
    assert img_to_array(stretched, data_format).min() == 0 and img_to_array(stretched, data_format).max() == 255


def test_wide_gray_arrays_become_32_bit_pictures() -> None:
    wide = np.array([[[0], [70000]], [[-5], [255]]], np.int32)
    image = array_to_img(wide, "channels_last", scale=False)
    assert image.mode == "I"
    np.testing.assert_array_equal(img_to_array(image, "channels_last"), wide)


@pytest.mark.parametrize(
    ("shape", "data_format"), [((10, 8), "channels_first"), ((10, 8, 3), "channels"), ((10, 8, 5), "channels_last")]
)
def test_arrays_that_are_no_pictures(shape: tuple[int, ...], data_format: str) -> None:
    with pytest.raises(ValueError):
        array_to_img(np.zeros(shape), data_format)
    with pytest.raises(ValueError):
        img_to_array(np.zeros((2, 2, 2, 2)), "channels_last")
    with pytest.raises(ValueError):
        img_to_array(np.zeros((2, 2, 3)), "channels")


def test_save_img(tmp_path: Path) -> None:
    pixels = photo(6, 7, 4)
    save_img(tmp_path / "a.png", pixels, scale=False)
    np.testing.assert_array_equal(np.asarray(load_img(tmp_path / "a.png", "rgba")), pixels)
    save_img(tmp_path / "a.jpg", pixels[:, :, :3], scale=False, quality=95)
    assert load_img(tmp_path / "a.jpg").size == (7, 6)
    with pytest.warns(UserWarning, match="RGBA"):
        save_img(str(tmp_path / "b.jpg"), pixels)


def test_smart_resize() -> None:
    resized = smart_resize(photo(30, 20, 3).astype(np.float32), (10, 10))
    assert isinstance(resized, np.ndarray) and resized.shape == (10, 10, 3)


# --- notices ----------------------------------------------------------------------------------------------------------


def test_a_notice_is_given_once_and_points_at_the_caller() -> None:
    with pytest.warns(AugfuseWarning, match=r'^Colours are mended\. .*compat="strict"') as caught:
        notice("colours", "Colours are mended.")
        notice("colours", "Colours are mended.")
    assert len(caught) == 1 and caught[0].filename == __file__
    assert was_given("colours") and not was_given("shapes")
    forget()
    assert not was_given("colours")


def test_of_many_threads_one_warns(recwarn: pytest.WarningsRecorder) -> None:
    warnings.simplefilter("always")
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for _ in range(100):
            notice("colours", "Colours are mended.")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recwarn) == 1
