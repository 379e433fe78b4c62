"""load_img and its sisters: resizing like Pillow, and files that cannot be read."""

from __future__ import annotations

import pickle
import threading
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

from augfuse.data.decoding.decode import decode  # noqa: E402
from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError, DecodeError, ImageTypeError  # noqa: E402
from augfuse.keras import images  # noqa: E402
from augfuse.keras.images import (  # noqa: E402
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
from image_cases import ODD_FILES, needs_odd_files, photo, saved  # noqa: E402

# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
pytestmark = [
    pytest.mark.usefixtures("notices_anew"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


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
