"""Colour against its definitions, written out in NumPy."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra import color_matrices, geometry
from oracles import pictures

X = pictures(3, 20, 24)
LUMA = np.array([0.299, 0.587, 0.114])


def run(*steps: af.Transform, pixels: np.ndarray = X, **options: object) -> np.ndarray:
    return af.Recipe(list(steps), **options).batch(pixels, seed=0, dtype="float32").images.astype(np.float64)  # type: ignore[arg-type]


# torchvision's definitions for images in [0, 1] (torchvision.transforms.functional, _functional_tensor.py), which clip
# after each step and use 0.2989 where BT.601 has 0.299; it cannot be installed beside this version of PyTorch.


def tv_grey(x: np.ndarray) -> np.ndarray:
    return (0.2989 * x[..., 0] + 0.587 * x[..., 1] + 0.114 * x[..., 2])[..., None]


def tv_blend(x: np.ndarray, other: np.ndarray, ratio: float) -> np.ndarray:
    return np.clip(ratio * x + (1 - ratio) * other, 0, 1)


def tv_brightness(x: np.ndarray, factor: float) -> np.ndarray:
    return tv_blend(x, np.zeros_like(x), factor)


def tv_contrast(x: np.ndarray, factor: float) -> np.ndarray:
    return tv_blend(x, tv_grey(x).mean(axis=(-3, -2, -1), keepdims=True), factor)


def tv_saturation(x: np.ndarray, factor: float) -> np.ndarray:
    return tv_blend(x, tv_grey(x), factor)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7, 4.0])
def test_torchvisions_definitions(factor: float) -> None:
    both = (factor, factor)
    for got, wanted in (
        (run(af.Brightness(both)), tv_brightness(X / 255, factor)),
        (run(af.Contrast(both, pivot="mean")), tv_contrast(X / 255, factor)),
        (run(af.Saturation(both)), tv_saturation(X / 255, factor)),
    ):
        np.testing.assert_allclose(got / 255, wanted, atol=1e-4 * (1 + abs(1 - factor)) + 1e-6)
    grey = run(af.Grayscale(p=1.0)) / 255
    np.testing.assert_allclose(grey, np.repeat(tv_grey(X / 255), 3, axis=-1), atol=2e-4)
    assert np.array_equal(run(af.Invert(p=1.0)), 255 - X)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.5])
def test_contrast_about_the_middle(factor: float) -> None:
    wanted = np.clip(127.5 + factor * (X - 127.5), 0, 255)
    np.testing.assert_allclose(run(af.Contrast((factor, factor))), wanted, atol=1e-4)


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0), (2.0, 3.0)])
def test_value_ranges_are_another_scale_for_the_same_colours(value_range: tuple[float, float]) -> None:
    low, high = value_range
    unit = pictures(3, 9, 8, 3, "float32")
    moved = (unit * (high - low) + low).astype(np.float32)
    for step in (
        af.Brightness((0.5, 0.5)),
        af.Contrast((0.5, 0.5)),
        af.Contrast((0.5, 0.5), pivot="mean"),
        af.ColorJitter(hue=0.3),
        af.Saturation((0.2, 0.2)),
        af.Hue((0.3, 0.3)),
        af.ChannelShift((0.2, 0.2)),
        af.Invert(p=1.0),
        af.Grayscale(p=1.0),
    ):
        got = (run(step, pixels=moved, value_range=value_range) - low) / (high - low)
        np.testing.assert_allclose(got, run(step, pixels=unit), atol=1e-5)


def test_contrast_about_the_mean_of_what_comes_in() -> None:
    """The mean is that of the current image: after the warp and the colours before it, not of the source."""
    dark = run(af.Brightness((0.5, 0.5)), af.Contrast((0, 0), pivot="mean"))
    grey = (X @ LUMA).mean(axis=(1, 2)) / 2
    np.testing.assert_allclose(dark, np.broadcast_to(grey[:, None, None, None], X.shape), atol=1e-3)
    cropped = run(af.CenterCrop((4, 6)), af.Contrast((0, 0), pivot="mean"))
    grey = (X[:, 8:12, 9:15] @ LUMA).mean(axis=(1, 2))
    np.testing.assert_allclose(cropped, np.broadcast_to(grey[:, None, None, None], (3, 4, 6, 3)), atol=1e-3)
    # What follows acts on it like on any colour.
    after = run(af.Contrast((0, 0), pivot="mean"), af.ChannelShift((0.1, 0.1)), af.Invert(p=1.0))
    grey = (X @ LUMA).mean(axis=(1, 2))
    np.testing.assert_allclose(after, np.broadcast_to(255 - 25.5 - grey[:, None, None, None], X.shape), atol=1e-3)


def jitter(x: np.ndarray, brightness: float, contrast: float, saturation: float, hue: float) -> np.ndarray:
    """One after the other, without clips."""
    x = brightness * x
    x = 0.5 + contrast * (x - 0.5)
    x = saturation * x + (1 - saturation) * (x @ LUMA)[..., None]
    return turn(x, hue)


def turn(x: np.ndarray, turns: float) -> np.ndarray:
    """Hue by the book: RGB to YIQ, turn (I, Q) clockwise, which is red, green, blue, as in HSV; back."""
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
    y, i, q = np.moveaxis(x @ to_yiq.T, -1, 0)
    a = 2 * np.pi * turns
    turned = np.stack([y, i * np.cos(a) + q * np.sin(a), q * np.cos(a) - i * np.sin(a)], axis=-1)
    return turned @ np.linalg.inv(to_yiq).T


@given(st.floats(0, 3), st.floats(0, 3), st.floats(0, 3), st.floats(-1, 1))
def test_color_jitter_is_its_parts_in_the_fixed_order(b: float, c: float, s: float, h: float) -> None:
    step = af.ColorJitter(brightness=(b, b), contrast=(c, c), saturation=(s, s), hue=(h, h))
    rgb = X / 255
    m = step.matrix(
        {n: np.array([v]) for n, v in (("brightness", b), ("contrast", c), ("saturation", s), ("hue", h))}, 1
    )[0]
    np.testing.assert_allclose(rgb @ m[:, :3].T + m[:, 3], jitter(rgb, b, c, s, h), atol=1e-10)
    parts = [af.Brightness((b, b)), af.Contrast((c, c)), af.Saturation((s, s)), af.Hue((h, h))]
    np.testing.assert_allclose(run(step), run(*parts), atol=2e-3)


@given(st.floats(-1, 1))
def test_hue_keeps_luma_and_the_greys(turns: float) -> None:
    one = np.ones(1)
    m = color_matrices.jitter(one, one, one, np.array([turns]))[0]
    np.testing.assert_allclose(LUMA @ m[:, :3], LUMA, atol=1e-12)
    np.testing.assert_allclose(m[:, :3].sum(axis=1), 1, atol=1e-12)
    back = color_matrices.jitter(one, one, one, np.array([-turns]))[0]
    np.testing.assert_allclose(m[:, :3] @ back[:, :3], np.eye(3), atol=1e-10)


def test_a_full_turn_is_the_identity_and_half_a_turn_is_not() -> None:
    for turns in (0.0, 1.0, -1.0):
        assert np.abs(run(af.Hue((turns, turns))) - X).max() < 1e-3
    np.testing.assert_allclose(color_matrices.jitter(*np.ones((4, 1)))[0], np.eye(3, 4), atol=1e-12)
    red = np.full((1, 1, 1, 3), (120, 60, 60), np.uint8)
    for turns, low, high in ((1 / 3, 0.2, 0.5), (2 / 3, 0.5, 0.8), (-1 / 3, 0.5, 0.8)):
        turned = run(af.Hue((turns, turns)), pixels=red)[0, 0, 0] / 255
        assert low < colorsys.rgb_to_hsv(*turned)[0] < high  # red, green, blue: the same way as in HSV
        np.testing.assert_allclose(turned @ LUMA * 255, red[0, 0, 0] @ LUMA, atol=1e-3)


def test_channel_shift_moves_each_channel_on_its_own() -> None:
    grey = np.full((50, 2, 2, 3), 128, np.uint8)
    shifts = (run(af.ChannelShift((-0.2, 0.4)), pixels=grey) - 128) / 255
    assert np.ptp(shifts, axis=(1, 2)).max() == 0
    each = shifts[:, 0, 0]
    assert -0.2 <= each.min() < -0.17 and 0.37 < each.max() <= 0.4
    assert np.abs(np.corrcoef(each.T) - np.eye(3)).max() < 0.4


matrices = st.lists(st.floats(-3, 3), min_size=12, max_size=12).map(lambda v: np.array(v).reshape(1, 3, 4))


@given(matrices, matrices)
def test_product_is_a_matrix_product(first: np.ndarray, second: np.ndarray) -> None:
    def square(m: np.ndarray) -> np.ndarray:
        return np.vstack([m[0], [0, 0, 0, 1]])

    np.testing.assert_allclose(
        color_matrices.product([first, second])[0], (square(second) @ square(first))[:3], atol=1e-12
    )
    rgb = np.array([[0.2, 0.5, 0.9]])
    np.testing.assert_allclose(
        color_matrices.apply(second, color_matrices.apply(first, rgb)),
        color_matrices.apply(color_matrices.product([first, second]), rgb),
        atol=1e-10,
    )


@given(matrices, st.floats(-10, 10), st.floats(0.1, 300))
def test_to_range_is_the_same_map_on_another_scale(m: np.ndarray, low: float, width: float) -> None:
    rgb = np.array([[0.2, 0.5, 0.9]])
    moved = color_matrices.apply(color_matrices.to_range(m, low, low + width), rgb * width + low)
    np.testing.assert_allclose((moved - low) / width, color_matrices.apply(m, rgb), atol=1e-8)


def test_where() -> None:
    m = color_matrices.uniform(np.array([2.0, 3.0]), 0.5)
    kept = geometry.where(np.array([True, False]), m)
    assert np.array_equal(kept[0], m[0]) and np.array_equal(kept[1], np.eye(3, 4))


# --- the write ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_normalise_divides_by_full_scale(dtype: str) -> None:
    x = pictures(3, 9, 8, 3, dtype)
    full = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(run(af.Normalize(), pixels=x), (x / full - mean) / std, atol=1e-5)
    np.testing.assert_allclose(run(af.Normalize(mean=0.5, std=0.5), pixels=x), x / full * 2 - 1, atol=1e-6)
    np.testing.assert_allclose(run(af.ToFloat(), pixels=x), x / full, atol=1e-6)
    assert run(af.ToFloat(), pixels=x).max() <= 1


def test_normalise_in_a_declared_range() -> None:
    x = pictures(3, 9, 8, 3, "float32") * 2 - 1
    got = run(af.Normalize(mean=0.5, std=0.25), pixels=x, value_range=(-1, 1))
    np.testing.assert_allclose(got, ((x + 1) / 2 - 0.5) / 0.25, atol=1e-5)


def test_per_image_standardize() -> None:
    x = pictures(3, 9, 8)
    x[1] = 77  # no deviation: it is taken as 1 / sqrt(number of values)
    got = run(af.PerImageStandardize(), pixels=x)
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    std = np.maximum(x.std(axis=(1, 2, 3), keepdims=True), 1 / np.sqrt(9 * 8 * 3))
    np.testing.assert_allclose(got, (x - mean) / std, atol=1e-5)
    after = run(af.Brightness((0.5, 0.5)), af.PerImageStandardize(), pixels=x[:1])
    np.testing.assert_allclose(after, got[:1], atol=1e-5)  # the statistics are those of the output


def test_wrong_number_of_channels() -> None:
    with pytest.raises(
        af.RecipeError, match=r"Normalize\.mean: got 3 numbers for images with 1 channel\(s\), wanted 1 number"
    ):
        run(af.Normalize(), pixels=pictures(1, 4, 4, 1))
    with pytest.raises(
        af.RecipeError, match=r"fill_value: got 2 numbers for images with 3 channel\(s\), wanted 1 or 3"
    ):
        run(af.Rotate(), fill="constant", fill_value=(1, 2))
    words = r"Erase\.value: got 2 numbers for images with 3 channel\(s\), wanted 1 or 3"
    with pytest.raises(af.RecipeError, match=words):
        run(af.Erase(value=(1, 2)))
