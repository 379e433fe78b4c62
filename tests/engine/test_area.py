"""interpolation="area": the mean of what an output pixel covers, as OpenCV's INTER_AREA has it."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import augfuse as af
from oracles import assert_like_reference, pictures


def _recipe(*steps: af.Transform, **settings: Any) -> af.Recipe:
    return af.Recipe(steps, interpolation="area", **settings)


def _assert_like_opencv(size: tuple[int, int], out: tuple[int, int], channels: int) -> None:
    for dtype in ("float32", "uint8"):
        pixels = pictures(1, *size, channels, dtype)
        got = _recipe(af.Resize(out)).batch(pixels, seed=0).images[0]
        wanted = cv2.resize(pixels[0], out[::-1], interpolation=cv2.INTER_AREA).reshape(got.shape)
        if dtype == "float32":
            np.testing.assert_allclose(got, wanted, atol=1e-5)
        else:  # OpenCV adds up floats in another order, and has weights of 11 bits where it enlarges
            assert np.abs(got.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("size", "out"),
    [((30, 21), (29, 20)), ((12, 20), (10, 16)), ((17, 9), (4, 9)), ((60, 50), (7, 11)), ((5, 5), (1, 1))],
)
def test_shrinking_like_opencv(size: tuple[int, int], out: tuple[int, int], channels: int) -> None:
    """At any ratio: bilinear averages above 1.5 only."""
    _assert_like_opencv(size, out, channels)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("size", "out"), [((3, 4), (9, 8)), ((5, 7), (13, 16)), ((1, 1), (4, 3)), ((6, 6), (7, 11))])
def test_enlarging_like_opencv(size: tuple[int, int], out: tuple[int, int], channels: int) -> None:
    """The same definition: most output pixels lie within one pixel, and are that pixel."""
    _assert_like_opencv(size, out, channels)


@given(st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(1, 30)] * 2))
def test_any_size_like_opencv(size: tuple[int, int], out: tuple[int, int]) -> None:
    """Where one axis shrinks and the other does not, OpenCV has two taps for both; it is asked axis by axis. Where it
    enlarges 14 pixels to 18, the tenth begins at pixel 7, which OpenCV finds at 6.9999: common factors are left out.
    """
    assume(all(math.gcd(one, other) == 1 or other <= one for one, other in zip(size, out, strict=True)))
    pixels = pictures(1, *size, 3, "float32")
    got = _recipe(af.Resize(out)).batch(pixels, seed=0).images[0]
    across = cv2.resize(pixels[0], (out[1], size[0]), interpolation=cv2.INTER_AREA).reshape(size[0], out[1], 3)
    wanted = cv2.resize(across, out[::-1], interpolation=cv2.INTER_AREA).reshape(got.shape)
    np.testing.assert_allclose(got, wanted, atol=2e-5)


def test_whole_blocks_like_torch() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    pixels = pictures(2, 24, 35, 3, "float32")
    for out in ((12, 7), (8, 5), (48, 70)):
        got = _recipe(af.Resize(out)).batch(pixels, seed=0, layout="NCHW").images
        wanted = torch.nn.functional.interpolate(torch.from_numpy(pixels).permute(0, 3, 1, 2), out, mode="area")
        np.testing.assert_allclose(got, wanted.numpy(), atol=1e-6)


def test_a_free_warp_averages_whatever_shrinks() -> None:
    """By a fifth: bilinear reads two of the pixels that it covers and lets the rest go, area takes all of them."""
    pixels = pictures(4, 120, 120, 1, "float32")
    steps = [af.Rotate((20, 20)), af.Scale((0.8, 0.8)), af.CenterCrop(60)]
    area, bilinear = (recipe.batch(pixels, seed=0).images for recipe in (_recipe(*steps), af.Recipe(steps)))
    assert area.std() < 0.8 * bilinear.std()
    assert_like_reference(_recipe(*steps), pixels)


@pytest.mark.parametrize("steps", [[af.Rotate(40)], [af.Rotate((10, 20)), af.Scale((1.0, 2.0)), af.HorizontalFlip()]])
def test_a_free_warp_that_does_not_shrink_is_bilinear(steps: list[af.Transform]) -> None:
    for dtype in ("uint8", "float32"):
        pixels = pictures(3, 40, 51, 3, dtype)
        area, bilinear = (recipe.batch(pixels, seed=0).images for recipe in (_recipe(*steps), af.Recipe(steps)))
        assert np.array_equal(area, bilinear)


@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap", "constant"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(1, 1), (1, 8), (7, 1), (3, 2), (23, 34)])
def test_like_the_reference(size: tuple[int, int], dtype: str, fill: str) -> None:
    for channels in (1, 2, 3, 4, 5):
        for steps in (
            [af.Scale(x=(0.4, 3), y=(0.6, 1.2)), af.Translate(0.7, 0.7)],
            [af.Resize((9, 11)), af.HorizontalFlip(), af.ToFloat()],
            [af.Affine(degrees=20, scale=(0.6, 1.2), shear_x=10)],
        ):
            recipe = _recipe(*steps, fill=fill, fill_value=0.25)
            assert_like_reference(
                recipe, pictures(2, *size, channels, dtype), layout="NCHW" if channels == 3 else "NHWC"
            )


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_whole_pixels_are_copied(dtype: str) -> None:
    pixels = pictures(3, 20, 20, 3, dtype)
    for steps in (
        [af.HorizontalFlip(), af.RandomCrop((9, 8))], [af.Rotate90()], [af.Pad(3), af.Transpose()], [af.Resize(20)]
    ):  # fmt: skip
        got, plain = _recipe(*steps), af.Recipe(steps)
        assert np.array_equal(got.batch(pixels, seed=1).images, plain.batch(pixels, seed=1).images)


def test_the_same_bytes_alone_in_a_batch_and_with_any_workers() -> None:
    pixels = pictures(6, 50, 61, 3)
    for steps in ([af.Rotate(30), af.Scale((0.5, 1.2))], [af.RandomResizedCrop((40, 30)), af.Normalize()]):
        recipe = _recipe(*steps)
        whole = recipe.batch(pixels, seed=3, workers=1).images
        assert np.array_equal(whole, recipe.batch(pixels, seed=3, workers=3).images)
        assert np.array_equal(whole[4], recipe(image=pixels[4], seed=3, index=4)["image"])
        assert np.array_equal(whole[[5, 2]], recipe.batch(pixels[[5, 2]], indices=[5, 2], seed=3).images)


def test_the_setting_goes_everywhere() -> None:
    recipe, plain = _recipe(af.Resize(9)), af.Recipe([af.Resize(9)])
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe != plain
    assert recipe.fingerprint() != plain.fingerprint() and recipe.eval().interpolation == "area"
    assert "Resize -> 1 warp (area)" in recipe.explain()
    pixels = pictures(2, 11, 12)
    batch = recipe.batch(pixels, seed=4)
    assert np.array_equal(recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images=pixels).images, batch.images)
    assert np.array_equal(af.functional.resize(pixels, 9, interpolation="area"), batch.images)
