"""The fused CPU executor against the reference, the oracle: same plans, same pixels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra import rng
from augfuse.execute.batch_images import as_images
from augfuse.execute.cpu import image_sums
from augfuse.execute.cpu.passes import shifted, transposed, unmoved
from augfuse.execute.cpu.passes import tiles as kernel
from augfuse.plan.ops import Segment
from augfuse.transforms.base import Color, Transform
from augfuse.transforms.children import inside, leaves
from oracles import (
    EXAMPLE_IDS,
    EXAMPLES,
    FULL_SCALE,
    assert_like_reference,
    by_reference,
    pictures,
    random_recipes,
)
from oracles import fused as fused_plan
from trees import ENDS, LEAVES, bodies, ends

FILLS = ("nearest", "reflect", "wrap", "constant")
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area")
NUMPYS_NAMES: Any = {"nearest": "edge", "reflect": "symmetric", "wrap": "wrap", "constant": "constant"}  # of np.pad


def fits(transform: Transform, channels: int) -> bool:
    """Whether this example, made for RGB, makes sense for this number of channels."""
    if inside(transform) is not None:
        return all(fits(leaf, channels) for leaf in leaves([transform]))
    per_channel = [getattr(transform, name) for name in ("mean", "std", "value") if hasattr(transform, name)]
    numbers = all(len(values) in (1, channels) for values in per_channel)
    return numbers and (channels in (1, 3, 4) or not (isinstance(transform, Color) and transform.mixes_channels))


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=EXAMPLE_IDS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_example_like_reference(cls: type[Transform], example: dict[str, Any], dtype: str) -> None:
    recipe = af.Recipe([cls(**example)])
    assert_like_reference(recipe, pictures(6, 64, 64, 3, dtype))
    for picture in pictures(3, 70, 65, 3, dtype):
        assert_like_reference(recipe, picture[None], dtype="float32", layout="NCHW")


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_fills_channels_and_dtypes(fill: str, interpolation: str, channels: int, dtype: str) -> None:
    paint = (np.arange(channels) + 1) / 7 * FULL_SCALE[dtype]
    recipe = af.Recipe(
        [
            af.Affine(degrees=(20, 40), translate_x=(0.2, 0.4), scale=(0.7, 0.8), shear_x=8),
            af.Brightness((0.5, 0.9)),
            af.Invert(),
        ],
        fill=fill,
        fill_value=tuple(paint),
        interpolation=interpolation,
    )
    pixels = pictures(3, 21, 34, channels, dtype)
    for out_dtype in (None, "float32"):
        for layout in ("NHWC", "NCHW"):
            assert_like_reference(recipe, pixels, dtype=out_dtype, layout=layout)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("size", [(1, 1), (1, 17), (17, 1), (2, 2), (1, 2), (2, 1), (3, 400), (401, 2)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_thin_images(fill: str, size: tuple[int, int], channels: int) -> None:
    for recipe in (
        af.Recipe([af.Rotate(30), af.Translate(0.4, 0.4)], fill=fill, fill_value=99),
        af.Recipe([af.Resize((9, 7)), af.Rotate(30)], fill=fill, fill_value=99),
        af.Recipe([af.GaussianBlur(2), af.Rotate(10)], fill=fill, fill_value=99),
    ):
        assert_like_reference(recipe, pictures(3, *size, channels), dtype="float32")


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_shrinking_averages_first(channels: int, dtype: str) -> None:
    pixels = pictures(3, 50, 61, channels, dtype)
    for size in ((20, 20), (7, 50), (50, 7), (33, 40), (1, 1), (100, 9)):
        assert_like_reference(af.Recipe([af.Resize(size)]), pixels)
    assert_like_reference(af.Recipe([af.Scale((0.2, 1.2)), af.Rotate(40)]), pixels, dtype="float32")


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_enlarging(dtype: str) -> None:
    pixels = pictures(2, 11, 13, 3, dtype)
    for size in ((12, 14), (40, 50), (11, 90), (200, 13), (3, 1000)):
        assert_like_reference(af.Recipe([af.Resize(size)]), pixels, dtype="float32")


def test_images_of_their_own_sizes() -> None:
    mixed = [pictures(1, h, w, 3, seed=h)[0] for h, w in ((30, 40), (90, 20), (16, 16), (33, 70))]
    recipe = af.Recipe(
        [af.Rotate(20), af.Contrast(pivot="mean"), af.Resize((24, 20)), af.HorizontalFlip(), af.Normalize()]
    )
    assert_like_reference(recipe, mixed)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0), (10.0, 200.0)])
def test_declared_value_range(dtype: str, value_range: tuple[float, float]) -> None:
    if dtype == "uint8" and value_range[0] < 0:
        pytest.skip("uint8 holds no negative values")
    low, high = value_range
    pixels = (pictures(3, 20, 25, 3, "float32") * (high - low) + low).astype(dtype)
    for steps in (
        [af.Contrast((0.5, 0.5), pivot="mean")],
        [af.ColorJitter(), af.Rotate(30), af.Invert()],
        [af.Rotate(30), af.Contrast((1.5, 1.5), pivot="mean"), af.Hue(), af.Normalize(0.5, 0.5)],
        [af.GaussianNoise(), af.ChannelShift(), af.ToFloat()],
    ):
        recipe = af.Recipe(steps, value_range=value_range, fill="constant", fill_value=low + 0.25 * (high - low))
        assert_like_reference(recipe, pixels)


@random_recipes
@settings(max_examples=120)
@given(data=st.data())
def test_random_recipes_like_reference(data: st.DataObject) -> None:
    channels = data.draw(st.sampled_from([1, 2, 3, 4, 5]), "channels")
    dtype = data.draw(st.sampled_from(["uint8", "uint16", "float32"]), "dtype")
    recipe = af.Recipe(
        data.draw(bodies([t for t in LEAVES if fits(t, channels)]), "body")
        + data.draw(ends([t for t in ENDS if fits(t, channels)]), "end"),
        fill=data.draw(st.sampled_from(FILLS), "fill"),
        fill_value=data.draw(st.sampled_from([0.0, 0.3]), "paint") * FULL_SCALE[dtype],
        interpolation=data.draw(st.sampled_from(INTERPOLATIONS), "interpolation"),
    )
    height, width = data.draw(st.integers(1, 40), "height"), data.draw(st.integers(1, 40), "width")
    pixels = pictures(1, height, width, channels, dtype, seed=data.draw(st.integers(0, 9), "picture"))
    seed = data.draw(st.integers(0, 2**64 - 1), "seed")
    out = data.draw(st.sampled_from([None, "float32"]), "out dtype")
    assert_like_reference(recipe, pixels, seed=seed, dtype=out, layout=data.draw(st.sampled_from(["NHWC", "NCHW"])))


def test_an_inactive_local_changes_no_rounding() -> None:
    """It is the identity inside the plan: what comes after it must not see whole grey levels instead of float32."""
    pixels = pictures(2, 20, 30)
    recipe = af.Recipe([af.GaussianBlur(p=0.0), af.Resize((7, 9))])
    images = as_images(pixels)
    exact = by_reference(fused_plan(recipe, images, dtype="float32"), images)
    np.testing.assert_allclose(recipe.batch(pixels, seed=0, dtype="float32").images, exact, atol=1e-3)


def test_one_kernel_per_dtype_pair() -> None:
    """Bytes may differ between two compilations of one routine, so single images and batches must share one."""
    for recipe in (
        [],
        [af.HorizontalFlip()],
        [af.Transpose(p=1)],
        [af.Rotate()],
        [af.ColorJitter()],
        [af.Invert()],
        [af.Resize(9), af.ColorJitter()],
        [af.Contrast(pivot="mean")],
    ):
        for n in (1, 3):
            for pixels in (pictures(n, 20, 30), pictures(n, 20, 30, 1, "float32")):
                frozen = pixels.copy()
                frozen.flags.writeable = False
                for fill in FILLS:
                    for given_as in (pixels, frozen, list(pixels)):
                        af.Recipe(recipe, fill=fill).batch(given_as, seed=0, workers=1)
    loops: list[Any] = [kernel.run, unmoved.run, unmoved.mixed, shifted.run, transposed.run]
    for loop in loops:
        pairs = [(str(s[0]), str(s[5])) for s in loop.signatures]
        assert pairs and len(pairs) == len(set(pairs)), loop.signatures
    means: Any = image_sums.channel_means
    assert len(means.signatures) <= 3  # one per source dtype


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_whole_pixel_moves_are_exact(dtype: str, channels: int, fill: str, interpolation: str) -> None:
    x = pictures(2, 24, 40, channels, dtype)

    def run(*steps: Transform, pixels: np.ndarray = x) -> np.ndarray:
        return af.Recipe(list(steps), fill=fill, interpolation=interpolation).batch(pixels, seed=0).images

    flips: list[tuple[Transform, np.ndarray]] = [
        (af.HorizontalFlip(p=1), x[:, :, ::-1]),
        (af.VerticalFlip(p=1), x[:, ::-1]),
        (af.Transpose(p=1), x.transpose(0, 2, 1, 3)),
        (af.Rotate90(quarters=1, p=1), np.rot90(x, 1, (1, 2))),
        (af.Rotate90(quarters=2, p=1), np.rot90(x, 2, (1, 2))),
        (af.Rotate90(quarters=3, p=1), np.rot90(x, 3, (1, 2))),
        (af.Rotate((180, 180)), np.rot90(x, 2, (1, 2))),
        (af.CenterCrop((10, 12)), x[:, 7:17, 14:26]),
        (af.Scale((1, 1)), x),
        (af.Resize((24, 40)), x),
    ]
    for step, wanted in flips:
        got = run(step)
        assert got.shape == wanted.shape and np.array_equal(got, wanted), step
    if (
        interpolation == "nearest" or dtype != "float32"
    ):  # a rotation by 90 degrees is off by 1e-17: not for float32 blends
        square = x[:, :, :24]
        assert np.array_equal(run(af.Rotate((90, 90)), pixels=square), np.rot90(square, 1, (1, 2)))
    moved = run(af.Translate((0.25, 0.25), (0.5, 0.5)))  # 10 pixels to the right, 12 down
    assert np.array_equal(moved[:, 12:, 10:], x[:, :12, :30])
    before = np.pad(x, ((0, 0), (12, 0), (10, 0), (0, 0)), mode=NUMPYS_NAMES[fill])
    assert np.array_equal(moved, before[:, :24, :40])


def test_padding_like_numpy() -> None:
    x = pictures(2, 7, 9)
    for fill in FILLS:
        got = af.Recipe([af.Pad((1, 20, 30, 4))], fill=fill).batch(x, seed=0).images
        assert np.array_equal(got, np.pad(x, ((0, 0), (20, 4), (1, 30), (0, 0)), mode=NUMPYS_NAMES[fill]))


def test_a_crop_is_a_slice() -> None:
    x = pictures(40, 24, 40)
    recipe = af.Recipe([af.RandomCrop((10, 12))])
    batch = recipe.batch(x, seed=3)
    step = batch.plan.steps[0]
    assert isinstance(step, Segment) and step.geometry is not None
    lefts, tops = (-step.geometry[:, i, 2] for i in (0, 1))
    for i in range(40):
        left, top = int(lefts[i]), int(tops[i])
        assert left == lefts[i] and top == tops[i]
        assert np.array_equal(batch.images[i], x[i, top : top + 10, left : left + 12])
    assert lefts.min() < 4 and lefts.max() > 24 and tops.min() < 3 and tops.max() > 11


def test_float32_output_is_the_unrounded_value() -> None:
    x = np.full((1, 4, 4, 3), 100, np.uint8)
    recipe = af.Recipe([af.Brightness((1.013, 1.013))])
    np.testing.assert_allclose(recipe.batch(x, seed=0, dtype="float32").images, 101.3, rtol=1e-6)
    assert (recipe.batch(x, seed=0).images == 101).all()


def test_values_are_clipped_once_at_the_end() -> None:
    x = np.full((1, 4, 4, 3), 200, np.uint8)
    assert (af.Recipe([af.Brightness((2, 2)), af.Brightness((0.5, 0.5))]).batch(x, seed=0).images == 200).all()
    assert (af.Recipe([af.Brightness((2, 2))]).batch(x, seed=0).images == 255).all()
    assert (af.Recipe([af.ChannelShift((-1, -1))]).batch(x, seed=0).images == 0).all()
    assert (af.Recipe([af.Brightness((2, 2)), af.ToFloat()]).batch(x, seed=0).images == 1).all()


def test_an_unwritable_cache_folder_is_only_a_warning(tmp_path: Path) -> None:
    package = tmp_path / "augfuse"
    shutil.copytree(Path(af.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (package, *(p for p in package.rglob("*") if p.is_dir())):
        (folder / "__pycache__").touch()  # a file: no folder of this name can be made
    code = (
        "import numpy, augfuse.execute.cpu.passes.tiles, augfuse.algebra.rng as r\n"
        "print(r.bits(0, 0, numpy.array([0]), 'a')[0, 0])"
    )
    nowhere = {"PYTHONPATH": str(tmp_path), "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/x", "NUMBA_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **nowhere}
    )
    assert int(done.stdout) == int(rng.bits(0, 0, np.array([0]), "a")[0, 0])
    assert done.stderr.count("Set NUMBA_CACHE_DIR to a writable folder") == 1
