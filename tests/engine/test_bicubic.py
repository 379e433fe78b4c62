"""interpolation="bicubic": the cubic convolution with a = -0.75, as OpenCV and PyTorch have it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from oracles import assert_like_reference, pictures

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (17, 24), (30, 21)]
FILLS = ("nearest", "reflect", "wrap", "constant")


def _recipe(*steps: af.Transform, **settings: Any) -> af.Recipe:
    return af.Recipe(steps, interpolation="bicubic", **settings)


def _enlarged(size: tuple[int, int]) -> tuple[int, int]:
    """About as large, and larger: up to 1.5 times as small nothing is averaged."""
    return (max(1, round(size[0] / 1.4)), size[1] * 3 + 2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", SIZES)
def test_resize_like_opencv(size: tuple[int, int], channels: int) -> None:
    for dtype in ("float32", "uint8"):
        pixels, (height, width) = pictures(2, *size, channels, dtype), _enlarged(size)
        got = _recipe(af.Resize((height, width))).batch(pixels, seed=0).images
        for one, picture in zip(got, pixels, strict=True):
            wanted = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC).reshape(one.shape)
            if dtype == "float32":  # float32 weights
                np.testing.assert_allclose(one, np.clip(wanted, 0, 1), atol=5e-6)
            else:  # OpenCV's weights have 11 bits here, along both axes
                assert np.abs(one.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_resize_like_torch(size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    pixels = pictures(2, *size, 3, "float32")
    got = _recipe(af.Resize(_enlarged(size))).batch(pixels, seed=0, layout="NCHW").images
    planes = torch.from_numpy(pixels.astype(np.float64)).permute(0, 3, 1, 2)
    wanted = torch.nn.functional.interpolate(planes, _enlarged(size), mode="bicubic", align_corners=False)
    np.testing.assert_allclose(got, np.clip(wanted.numpy(), 0, 1), atol=2e-6)


@pytest.mark.parametrize(("fill", "padding"), [("nearest", "border"), ("reflect", "reflection")])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_warp_like_torch(channels: int, fill: str, padding: str) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    for (height, width), degrees, x, y in (
        ((31, 44), 20, 0.0, 0.0),
        ((31, 44), -70, 0.3, -0.2),
        ((5, 4), 45, 0.9, 0.1),
        ((1, 7), 10, 0.5, 0.0),
        ((300, 290), 33, -0.1, 0.4),
    ):
        pixels = pictures(1, height, width, channels, "float32")
        recipe = _recipe(af.Rotate((degrees, degrees)), af.Translate(x=(x, x), y=(y, y)), fill=fill)
        got = recipe.batch(pixels, seed=0).images[0]
        angle, centre = np.deg2rad(degrees), np.array([width / 2, height / 2])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])  # back, y points down
        places = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
        places = (places - np.array([x * width, y * height]) - centre) @ turn.T + centre
        grid = torch.from_numpy(2 * places / np.array([width, height]) - 1)[None]
        planes = torch.from_numpy(pixels.astype(np.float64)).permute(0, 3, 1, 2)
        wanted = torch.nn.functional.grid_sample(
            planes, grid, mode="bicubic", padding_mode=padding, align_corners=False
        )
        wanted = np.clip(wanted[0].permute(1, 2, 0).numpy(), 0, 1)
        # Coordinates are float32: 3e-5 pixels off at 300, where a value changes by up to 2 from pixel to pixel.
        np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_wrap_is_the_picture_repeated() -> None:
    pixels = pictures(1, 12, 15, 3, "float32")
    around = np.pad(pixels, ((0, 0), (12, 12), (15, 15), (0, 0)), mode="wrap")
    for degrees in (20, -45, 170):
        turned = _recipe(af.Rotate((degrees, degrees)), fill="wrap").batch(pixels, seed=0).images
        wanted = _recipe(af.Rotate((degrees, degrees))).batch(around, seed=0).images[:, 12:24, 15:30]
        np.testing.assert_allclose(turned, wanted, atol=2e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_whole_pixels_are_copied(dtype: str) -> None:
    pixels = pictures(3, 20, 20, 3, dtype)
    for steps in (
        [af.HorizontalFlip(), af.RandomCrop((9, 8))],
        [af.Rotate90()],
        [af.Pad(3), af.Transpose()],
        [af.Rotate((0, 0))],  # sampled, with all of the weight on one pixel
        [af.Resize(20)],
    ):
        got, plain = _recipe(*steps), af.Recipe(steps)
        assert np.array_equal(got.batch(pixels, seed=1).images, plain.batch(pixels, seed=1).images)
        assert "bicubic" not in got.explain() or isinstance(steps[0], (af.Rotate, af.Resize))


@pytest.mark.parametrize("steps", [[af.Resize((40, 40))], [af.Rotate((30, 30))], [af.Rotate((5, 5)), af.Resize(60)]])
def test_what_overshoots_is_clipped(steps: list[af.Transform]) -> None:
    board = (np.indices((12, 12)).sum(axis=0) % 2).astype(np.float32)[None, :, :, None].repeat(3, axis=3)
    got = _recipe(*steps).batch(board * 0.8 + 0.1, seed=0).images
    assert got.min() < 0.1 - 0.02 and got.max() > 0.9 + 0.02  # it does overshoot
    clipped = _recipe(*steps, af.Normalize(0.5, 0.5)).batch(board, seed=0).images
    assert clipped.min() == -1 and clipped.max() == 1
    levels = _recipe(*steps).batch((board * 255).astype(np.uint8), seed=0).images
    assert levels.min() == 0 and levels.max() == 255


def test_one_colour_stays_that_colour() -> None:
    for steps in ([af.Resize((33, 40))], [af.Rotate((17, 17))], [af.Affine(degrees=40, scale=(0.4, 1.6))]):
        for fill in ("nearest", "reflect", "wrap"):
            for value in (0, 7, 128, 255):
                pixels = np.full((2, 13, 17, 3), value, np.uint8)
                assert (_recipe(*steps, fill=fill).batch(pixels, seed=0).images == value).all()


def test_what_shrinks_is_the_mean_of_what_it_covers() -> None:
    pixels = pictures(2, 60, 80, 3)
    for steps in ([af.Resize((20, 30))], [af.RandomResizedCrop((10, 12), scale=(0.9, 1))]):
        bicubic, bilinear = _recipe(*steps), af.Recipe(steps)
        assert np.array_equal(bicubic.batch(pixels, seed=0).images, bilinear.batch(pixels, seed=0).images)


STEPS = (
    [af.Rotate(40), af.Translate(0.4, 0.4)],
    [af.Affine(degrees=20, scale=(0.3, 1.4), shear_x=10), af.ToFloat()],
    [af.Scale(x=(0.5, 2), y=(0.8, 1.1)), af.Translate(0.2, 0.2)],
    [af.GaussianBlur(p=0.5), af.Rotate(20), af.Brightness((0.5, 0.6))],
)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(1, 1), (1, 8), (7, 1), (2, 2), (23, 34)])
def test_like_the_reference(size: tuple[int, int], dtype: str, fill: str) -> None:
    for channels in (1, 2, 3, 4, 6):
        for steps in STEPS:
            recipe, layout = _recipe(*steps, fill=fill, fill_value=0.25), "NCHW" if channels == 3 else "NHWC"
            assert_like_reference(recipe, pictures(2, *size, channels, dtype), layout=layout)


@pytest.mark.parametrize("fill", FILLS)
def test_pictures_of_several_blocks(fill: str) -> None:
    assert_like_reference(_recipe(*STEPS[0], fill=fill), pictures(1, 270, 300, 3, "float32"))


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    out=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    degrees=st.floats(-180, 180),
    shift=st.floats(-1, 1),
    fill=st.sampled_from(FILLS),
)
def test_any_warp_like_the_reference(
    size: tuple[int, int], out: tuple[int, int], degrees: float, shift: float, fill: str
) -> None:
    steps = [af.Affine(degrees=(degrees, degrees), translate_x=(shift, shift)), af.Resize(out)]
    assert_like_reference(_recipe(*steps, fill=fill), pictures(1, *size, 3, "float32"))


@pytest.mark.parametrize("steps", [[af.Rotate(30), af.Normalize()], [af.RandomResizedCrop((40, 30)), af.ColorJitter()]])
def test_the_same_bytes_alone_in_a_batch_and_with_any_workers(steps: list[af.Transform]) -> None:
    pixels, recipe = pictures(7, 50, 61, 3), _recipe(*steps, fill="reflect")
    whole = recipe.batch(pixels, seed=3, workers=1).images
    assert np.array_equal(whole, recipe.batch(pixels, seed=3, workers=3).images)
    for i in (0, 4):
        assert np.array_equal(whole[i], recipe(image=pixels[i], seed=3, index=i)["image"])
    assert np.array_equal(whole[[5, 2]], recipe.batch(pixels[[5, 2]], indices=[5, 2], seed=3).images)
    planes = recipe.batch(list(pixels), seed=3, layout="NCHW").images
    assert np.array_equal(whole, planes.transpose(0, 2, 3, 1))


def test_the_setting_goes_everywhere() -> None:
    recipe, plain = _recipe(af.Rotate(30), af.ToFloat()), af.Recipe([af.Rotate(30), af.ToFloat()])
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe != plain
    assert "bicubic" in recipe.to_python() and recipe.fingerprint() != plain.fingerprint()
    assert recipe.eval().interpolation == recipe.scaled(0.5).interpolation == "bicubic"
    assert recipe.explain() == plain.explain().replace("1 warp", "1 warp (bicubic)")
    pixels = pictures(3, 20, 30)
    batch = recipe.batch(pixels, seed=4)
    again = recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images=pixels)
    assert np.array_equal(again.images, batch.images)
    with pytest.raises(af.RecipeError, match="interpolation='bicubic', wanted interpolation='bilinear'"):
        plain.replay(batch.plan, images=pixels)


@pytest.mark.parametrize("wrong", ["cubic", "linear", "lanczos", 3, None, "BICUBIC"])
def test_unknown_names(wrong: Any) -> None:
    with pytest.raises(af.RangeError, match=r"Recipe\.interpolation: .*bilinear.*nearest.*bicubic.*area"):
        af.Recipe([af.Rotate()], interpolation=wrong)
    with pytest.raises(af.RangeError, match=r"interpolation: .*bilinear.*nearest.*bicubic.*area"):
        af.functional.rotate(pictures(1, 4, 4)[0], 10, interpolation=wrong)


def test_functions_take_it() -> None:
    pixels = pictures(2, 11, 13, 3, "float32")
    resized = af.functional.resize(pixels, (22, 20), interpolation="bicubic")
    assert np.array_equal(resized, _recipe(af.Resize((22, 20))).batch(pixels, seed=0).images)
