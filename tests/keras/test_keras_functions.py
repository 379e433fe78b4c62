"""Keras' functions on one image against Keras' own, over random images, parameters, axes, borders and orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)
legacy = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no legacy class any more")

from augfuse.errors import ImageError, ImageTypeError, RangeError  # noqa: E402
from augfuse.keras import functions  # noqa: E402
from augfuse.keras.functions import (  # noqa: E402
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)

# Keras' legacy module asks SciPy for a namespace that SciPy 2 drops: the oracle's own business.
pytestmark = pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation:DeprecationWarning")

FILL_MODES = ["nearest", "constant", "reflect", "wrap"]
AXES = [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)]  # row, column, channel
NUMBERS = {"theta": (-180, 180), "tx": (-9, 9), "ty": (-9, 9), "shear": (-60, 60), "zx": (0.4, 2.5), "zy": (0.4, 2.5)}
NEUTRAL = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}


def photo(seed: int, shape: tuple[int, int, int], axes: tuple[int, int, int], dtype: str) -> np.ndarray:
    """Random pixels within 0..255, rows, columns and channels on the given axes."""
    image = np.random.default_rng(seed).random(shape) * 255
    return np.moveaxis(image, (0, 1, 2), axes).astype(dtype)


def share_apart(got: np.ndarray, expected: np.ndarray) -> float:
    """Share of the values more than a thousandth of the range, or one whole number, apart; type and shape are equal."""
    assert got.dtype == expected.dtype and got.shape == expected.shape
    apart = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    return float(np.sum(apart > (1 if got.dtype.kind in "ui" else 0.255)) / max(got.size, 1))


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    channels=st.sampled_from([1, 2, 3, 4, 5]),
    axes=st.sampled_from(AXES),
    dtype=st.sampled_from(["uint8", "uint16", "float32", "float64", "int32", "int64"]),
    used=st.sets(st.sampled_from(sorted(NUMBERS))),
    fill_mode=st.sampled_from(FILL_MODES),
    cval=st.floats(-20, 280),
    order=st.integers(0, 5),
)
def test_affine_transform_is_keras(
    seed: int,
    height: int,
    width: int,
    channels: int,
    axes: tuple[int, int, int],
    dtype: str,
    used: set[str],
    fill_mode: str,
    cval: float,
    order: int,
) -> None:
    image = photo(seed, (height, width, channels), axes, dtype)
    rng = np.random.default_rng(seed)
    parameters = NEUTRAL | {name: rng.uniform(*NUMBERS[name]) for name in sorted(used)}
    options: dict[str, Any] = dict(zip(("row_axis", "col_axis", "channel_axis"), axes, strict=True))
    options |= parameters | {"fill_mode": fill_mode, "cval": cval, "order": order}
    before = image.copy()
    got = apply_affine_transform(image, **options)
    expected = legacy.apply_affine_transform(image, **options)
    assert share_apart(got, expected) == 0
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("order", range(6))
@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("axes", AXES)
def test_quarter_turns_and_whole_pixels_are_keras_to_the_last_row(
    axes: tuple[int, int, int], fill_mode: str, order: int
) -> None:
    rows, columns, channels = axes
    for seed, shape in enumerate([(7, 7, 3), (6, 6, 1), (5, 8, 4), (9, 4, 3), (1, 6, 1), (6, 1, 3), (1, 1, 3)]):
        image = photo(seed, shape, axes, "uint8")
        for theta in (0, 90, 180, 270, -90):
            for tx, ty, zx in ((0, 0, 1), (2, -1, 1), (-3, 0, 0.5), (0, 1, 2), (0, 0, -1)):
                got, expected = (
                    module.apply_affine_transform(
                        image, theta, tx, ty, 0, zx, 1, rows, columns, channels, fill_mode, 77.0, order
                    )
                    for module in (functions, legacy)
                )
                assert share_apart(got, expected) == 0, (shape, theta, tx, ty, zx)


@pytest.mark.parametrize("axes", AXES)
def test_nothing_to_do_returns_the_image_itself(axes: tuple[int, int, int]) -> None:
    image = photo(0, (5, 6, 3), axes, "uint8")
    rows, columns, channels = axes
    assert apply_affine_transform(image, row_axis=rows, col_axis=columns, channel_axis=channels) is image


def test_whole_numbers_round_and_clip_as_scipy_does() -> None:
    for dtype, low, high in (
        ("uint8", 0, 255),
        ("int8", -128, 127),
        ("int16", -(2**15), 2**15 - 1),
        ("uint16", 0, 65535),
    ):
        image = np.random.default_rng(1).integers(low, high, (9, 8, 1), dtype=dtype, endpoint=True)
        for order in (1, 3):
            options: dict[str, Any] = {"tx": 0.5, "row_axis": 0, "col_axis": 1, "channel_axis": 2, "order": order}
            got = apply_affine_transform(image, **options)
            expected = legacy.apply_affine_transform(image, **options)
            if order == 1 or dtype.startswith("u"):  # SciPy lets signed numbers that splines overshoot wrap around
                assert np.abs(got.astype(int) - expected).max() <= (1 if dtype == "uint16" else 0)
    for dtype in ("int32", "int64", "uint64"):
        top = np.full((4, 4, 1), np.iinfo(dtype).max, dtype)
        moved = apply_affine_transform(top, tx=0.5, row_axis=0, col_axis=1, channel_axis=2)
        assert moved.min() > 0.999 * float(np.iinfo(dtype).max)


RANDOM: list[tuple[Callable[..., Any], str, tuple[Any, ...]]] = [
    (random_rotation, "random_rotation", (45,)),
    (random_shift, "random_shift", (0.3, 0.6)),
    (random_shear, "random_shear", (20,)),
    (random_zoom, "random_zoom", ((0.6, 1.7),)),
    (random_zoom, "random_zoom", ((5, 5),)),
    (random_zoom, "random_zoom", ((1, 1),)),
]


@pytest.mark.parametrize(("function", "name", "arguments"), RANDOM)
@pytest.mark.parametrize("axes", AXES)
def test_random_functions_draw_and_give_what_keras_does(
    function: Callable[..., Any], name: str, arguments: tuple[Any, ...], axes: tuple[int, int, int]
) -> None:
    image = photo(3, (19, 28, 3), axes, "float32")
    for seed, fill_mode in enumerate(FILL_MODES * 2):
        results, states = [], []
        for each in (function, getattr(legacy, name)):
            np.random.seed(seed)
            results.append(each(image, *arguments, *axes, fill_mode, 9.0, seed % 2))
            states.append(np.random.random())
        assert share_apart(*results) == 0
        assert states[0] == states[1]


def test_random_functions_by_default_take_channels_first() -> None:
    x = np.random.default_rng(0).random((2, 28, 28))
    assert random_rotation(x, 45).shape == random_shift(x, 1, 1).shape == (2, 28, 28)
    assert random_shear(x, 20).shape == random_channel_shift(x, 20).shape == (2, 28, 28)
    assert random_zoom(x, (5, 5)).shape == (2, 28, 28)
    assert random_zoom(x, (1, 1)) is x


# --- what Keras-Preprocessing's own tests pin -------------------------------------------------------------------------


def test_an_eighth_of_a_turn_of_ones() -> None:
    turned = apply_affine_transform(
        np.ones((3, 3, 3)), theta=45, row_axis=0, col_axis=1, channel_axis=2, fill_mode="constant"
    )
    expected = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])[:, :, None].repeat(3, 2)
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_a_quarter_turn_is_about_the_centre() -> None:
    corner = np.array([[0, 1], [0, 0]])[:, :, None]
    turned = apply_affine_transform(corner, theta=90, row_axis=0, col_axis=1, channel_axis=2)
    np.testing.assert_array_equal(turned[:, :, 0], [[1, 0], [0, 0]])
    assert turned.dtype == corner.dtype


@pytest.mark.parametrize("channel_axis", [0, 2])
@pytest.mark.parametrize("swapped", [False, True])
def test_translation(channel_axis: int, swapped: bool) -> None:
    dot = np.zeros((3, 4), int)
    dot[1, 1] = 1
    image = np.expand_dims(dot, channel_axis)
    rows, columns = (1, 2) if channel_axis == 0 else (0, 1)
    along_columns, along_rows = ("ty", "tx") if swapped else ("tx", "ty")
    for name, sign, axis in ((along_columns, 1, 1), (along_rows, 1, 0), (along_columns, -1, 1), (along_rows, -1, 0)):
        row_axis, col_axis = (columns, rows) if swapped else (rows, columns)
        shift: dict[str, Any] = {name: float(sign)}
        moved = apply_affine_transform(image, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, **shift)
        np.testing.assert_array_equal(np.squeeze(moved, channel_axis), np.roll(dot, -sign, axis))


# --- channels and brightness ------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["uint8", "float32", "float64", "int32"]),
    axes=st.sampled_from(AXES),
    intensity=st.floats(-300, 300),
)
def test_channel_shift_is_keras(seed: int, dtype: str, axes: tuple[int, int, int], intensity: float) -> None:
    image = photo(seed, (5, 7, 3), axes, dtype)
    got = apply_channel_shift(image, intensity, axes[2])
    expected = legacy.apply_channel_shift(image, intensity, axes[2])
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == expected.dtype
    np.random.seed(seed)
    drawn = random_channel_shift(image, 20, axes[2])
    np.random.seed(seed)
    np.testing.assert_array_equal(drawn, legacy.random_channel_shift(image, 20, axes[2]))


def test_whole_channel_shifts_of_whole_numbers_stop_where_keras_wraps_around() -> None:
    image = np.array([[[10], [200], [255]]], np.uint8)
    shifted = apply_channel_shift(image, 100, channel_axis=2)
    assert shifted.dtype == np.uint8 and shifted.ravel().tolist() == [110, 255, 255]
    assert apply_channel_shift(image, -300, channel_axis=2).ravel().tolist() == [10, 10, 10]


@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from(["uint8", "float32", "float64", "int32"]),
    extent=st.sampled_from([(0.0, 1.0), (0.0, 255.0), (3.0, 90.0), (-20.0, 100.0), (0.0, 1024.0), (-300.0, -100.0)]),
    brightness=st.one_of(st.floats(0, 3), st.sampled_from([0.0, 0.5, 1.0, 2.0])),
    scale=st.booleans(),
)
def test_brightness_is_keras(
    seed: int, channels: int, dtype: str, extent: tuple[float, float], brightness: float, scale: bool
) -> None:
    low, high = extent
    image = np.random.default_rng(seed).random((6, 5, channels)) * (high - low) + low
    if dtype == "uint8":
        image = image.clip(0, 255)
    image = image.astype(dtype)
    before = image.copy()
    got = apply_brightness_shift(image, brightness, scale)
    expected = legacy.apply_brightness_shift(image, brightness, scale)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-4)
    assert got.dtype == expected.dtype and got.shape == expected.shape
    np.testing.assert_array_equal(image, before)
    np.random.seed(seed)
    drawn = random_brightness(image, (0.5, 1.5), scale)
    np.random.seed(seed)
    np.testing.assert_allclose(drawn, legacy.random_brightness(image, (0.5, 1.5), scale), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("value", [128, 1024, -1024])
def test_brightness_of_flat_images(value: int) -> None:
    image = np.full((1, 1, 3), float(value))
    np.testing.assert_array_equal(random_brightness(image, [1, 1], False), image)
    np.testing.assert_array_equal(random_brightness(image, [1, 1], True), np.zeros((1, 1, 3)))


def test_brightness_takes_channels_first_where_keras_is_set_so() -> None:
    image = photo(0, (6, 5, 4), (1, 2, 0), "uint8")
    keras.config.set_image_data_format("channels_first")
    try:
        got = apply_brightness_shift(image, 1.7, False)
        np.testing.assert_array_equal(got, legacy.apply_brightness_shift(image, 1.7, False))
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(got[3], image[3])  # alpha


def test_brightness_takes_any_number_of_channels() -> None:
    image = photo(0, (6, 5, 6), (0, 1, 2), "uint8")
    bright = apply_brightness_shift(image, 1.5, False)
    for part in (slice(0, 3), slice(3, 6)):
        np.testing.assert_array_equal(bright[:, :, part], legacy.apply_brightness_shift(image[:, :, part], 1.5, False))


# --- small ones -------------------------------------------------------------------------------------------------------


def test_offset_center_is_keras() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrix = np.eye(3)
        matrix[:2] = rng.normal(size=(2, 3))
        height, width = rng.integers(1, 100, 2)
        np.testing.assert_array_equal(
            transform_matrix_offset_center(matrix, height, width),
            legacy.transform_matrix_offset_center(matrix, height, width),
        )


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_flip_axis_is_keras(axis: int) -> None:
    image = photo(0, (4, 5, 3), (0, 1, 2), "uint8")
    np.testing.assert_array_equal(flip_axis(image, axis), legacy.flip_axis(image, axis))
    np.testing.assert_array_equal(flip_axis(image.tolist(), axis), legacy.flip_axis(image, axis))


# --- errors -----------------------------------------------------------------------------------------------------------

IMAGE = np.zeros((4, 5, 3), np.float32)
LAST = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
BAD: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ImageError, "each once", lambda: apply_affine_transform(IMAGE, row_axis=0, col_axis=0, channel_axis=2)),
    (ImageError, r"got \(0, 1, 3\)", lambda: apply_affine_transform(IMAGE, row_axis=0, col_axis=1, channel_axis=3)),
    (ImageError, r"got \(0, 1, -1\)", lambda: apply_affine_transform(IMAGE, row_axis=0, col_axis=1, channel_axis=-1)),
    (ImageError, "three axes", lambda: apply_affine_transform(IMAGE[0], theta=5)),
    (ImageError, "channel_axis: got 1", lambda: apply_affine_transform(IMAGE, row_axis=0, col_axis=2, channel_axis=1)),
    (ImageTypeError, "dtype bool", lambda: apply_affine_transform(IMAGE > 1, theta=5)),
    (ImageTypeError, "dtype complex64", lambda: apply_affine_transform(IMAGE * 1j, theta=5)),
    (RangeError, "fill_mode: got 'edge'", lambda: apply_affine_transform(IMAGE, fill_mode="edge", **LAST)),
    (RangeError, "order: got 6", lambda: apply_affine_transform(IMAGE, theta=5, order=6)),
    (RangeError, "zoom_range: got", lambda: random_zoom(np.zeros(0), zoom_range=[0])),
    (ImageTypeError, "zoom_range: got 0.2", lambda: random_zoom(IMAGE, zoom_range=0.2)),  # type: ignore[arg-type]
    (RangeError, "brightness_range: got", lambda: random_brightness(IMAGE, [0])),
    (ImageError, "three axes", lambda: apply_brightness_shift(IMAGE[0], 1.5)),
    (ImageError, "finite", lambda: apply_brightness_shift(IMAGE * np.nan, 1.5)),
]


@pytest.mark.parametrize(("kind", "message", "call"), BAD)
def test_errors(kind: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=message):
        call()
