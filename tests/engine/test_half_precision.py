"""dtype="float16": half as many bytes, the bits that NumPy makes of the float32 result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import augfuse as af
from augfuse.execute.batch_images import as_images
from augfuse.execute.cpu.passes.float16 import narrow
from oracles import EXAMPLE_IDS, EXAMPLES, batch_of, by_reference, fused, pictures

ENDS = {
    "normalised": [af.Normalize()],
    "0 to 1": [af.ToFloat()],
    "standardised": [af.PerImageStandardize()],
    "small": [af.Normalize(0.5, 4096.0)],  # below what float16 holds with all of its digits
}


def _assert_bits(recipe: af.Recipe, images: Any, **options: Any) -> None:
    """The float16 batch is the rounded float32 batch, and an array of the user's is written to."""
    half = batch_of(recipe, images, dtype="float16", **options)
    full = batch_of(recipe, images, dtype="float32", **options)
    for name in half.views or [None]:
        got, wanted = (batch.images if name is None else batch.views[name].images for batch in (half, full))
        assert got.dtype == np.float16 and got.flags.c_contiguous
        assert np.array_equal(got.view(np.uint16), wanted.astype(np.float16).view(np.uint16))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("end", ENDS)
def test_the_bits_of_numpy(end: str, dtype: str, channels: int, layout: str) -> None:
    if channels != 3 and end == "normalised":
        ends: list[af.Transform] = [af.Normalize(0.4, 0.3)]
    else:
        ends = ENDS[end]
    for size in ((1, 1), (1, 7), (33, 20), (150, 151)):
        pixels = pictures(5, *size, channels, dtype)
        for steps in ([], [af.HorizontalFlip()], [af.Rotate(20)], [af.Resize((9, 11))], [af.GaussianBlur(p=0.5)]):
            _assert_bits(af.Recipe([*steps, *ends]), pixels, seed=2, layout=layout)


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=EXAMPLE_IDS)
def test_every_transform(cls: type[af.Transform], example: dict[str, Any]) -> None:
    steps = [cls(**example)]
    if not cls.comes_last:
        steps.append(af.ToFloat())
    _assert_bits(af.Recipe(steps), pictures(5, 64, 64), seed=1, workers=2)
    mixed = [pictures(1, h, 70, 3)[0] for h in (64, 90, 65)]
    if not cls.comes_last:
        _assert_bits(af.Recipe([steps[0], af.RandomCrop(20), steps[1]]), mixed, seed=1, layout="NCHW")


@given(hnp.arrays(np.uint32, st.integers(0, 300), elements=st.integers(0, 2**32 - 1)))
def test_any_float(bits: np.ndarray) -> None:
    """Infinity, NaN, the smallest numbers and those on the edge between two, at any length."""
    edges = np.arange(0, 2**16, 7, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    for values in (bits, edges, edges + 1, edges - 1, edges + 0x1000, edges + 0xFFF, edges + 0x1001):
        floats, made = values.view(np.float32), np.empty(len(values), np.uint16)
        narrow(floats, made, len(floats))
        with np.errstate(all="ignore"):
            assert np.array_equal(made, floats.astype(np.float16).view(np.uint16))


def test_the_reference_rounds_alike() -> None:
    pixels = pictures(3, 20, 31)
    recipe = af.Recipe([af.Rotate(20), af.Brightness((0.5, 0.9)), af.ToFloat()])
    exact = by_reference(fused(recipe, as_images(pixels), dtype="float16"), as_images(pixels))
    assert exact.dtype == np.float16
    np.testing.assert_allclose(recipe.batch(pixels, seed=0, dtype="float16").images, exact, atol=1.5e-3)


def test_alone_in_a_batch_with_any_workers_and_into_an_array() -> None:
    pixels = pictures(9, 300, 260)
    recipe = af.Recipe([af.Rotate(20), af.GaussianNoise(p=0.5), af.Normalize()])
    whole = recipe.batch(pixels, seed=5, dtype="float16", workers=1).images
    assert np.array_equal(whole, recipe.batch(pixels, seed=5, dtype="float16", workers=4).images)
    some = recipe.batch(pixels[[7, 3]], indices=[7, 3], seed=5, dtype=np.float16)
    assert np.array_equal(whole[[7, 3]], some.images)
    out = np.empty(whole.shape, np.float16)
    assert recipe.batch(pixels, seed=5, dtype="float16", out=out).images is out and np.array_equal(out, whole)
    with pytest.raises(af.ImageTypeError, match=r"out: got float32 .*wanted a writable C-contiguous float16"):
        recipe.batch(pixels, seed=5, dtype="float16", out=np.empty(whole.shape, np.float32))


def test_a_loader_and_a_plan_take_it() -> None:
    pixels, labels = pictures(10, 12, 13), np.arange(10)
    recipe = af.Recipe([af.HorizontalFlip(), af.ToFloat()])
    half, full = (
        af.Loader(af.from_arrays(pixels, labels), recipe, batch_size=4, seed=0, dtype=dtype, layout="NCHW")
        for dtype in ("float16", "float32")
    )
    for one, other in zip(half, full, strict=True):
        assert one.images.dtype == np.float16 and one.images.shape[1:] == (3, 12, 13)
        assert np.array_equal(one.images, other.images.astype(np.float16))
    batch = recipe.batch(pixels, seed=1, dtype="float16")
    plan = af.Plan.from_bytes(batch.plan.to_bytes())
    assert np.array_equal(recipe.replay(plan, images=pixels).images, batch.images)
    assert np.abs(batch.pixels().astype(int) - recipe.batch(pixels, seed=1).pixels()).max() <= 1
    assert af.functional.to_float(pixels).dtype == np.float32
    assert af.functional.adjust_brightness(pixels, 0.5, dtype="float16").dtype == np.float16


def test_torch_takes_it() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    images = af.Recipe([af.ToFloat()]).batch(pictures(2, 5, 6), seed=0, dtype="float16", layout="NCHW").images
    assert torch.from_numpy(images).dtype == torch.float16


def test_without_a_normalising_transform_it_is_at_the_images_scale() -> None:
    pixels = pictures(2, 9, 8)
    _assert_bits(af.Recipe([af.Rotate(20)]), pixels, seed=0)
    assert np.array_equal(af.Recipe([]).batch(pixels, dtype="float16", seed=0).images, pixels)


@pytest.mark.parametrize(
    ("steps", "dtype", "value_range"),
    [
        ([], "uint16", None),
        ([af.HorizontalFlip()], "uint16", None),
        ([af.Rotate()], "float32", (0.0, 1e6)),
        ([af.Normalize(0.5, 1e-6)], "uint8", None),
        ([af.Normalize((0.5,) * 3, (0.5, 1e-6, 0.5))], "float32", None),
    ],
)
def test_what_it_cannot_hold_is_said(steps: list[af.Transform], dtype: str, value_range: Any) -> None:
    recipe = af.Recipe(steps, value_range=value_range)
    with pytest.raises(af.RecipeError, match=r"dtype: got float16 for values up to .*wanted at most 65504.*ToFloat"):
        recipe.batch(pictures(2, 9, 8, 3, dtype), seed=0, dtype="float16")
    recipe.batch(pictures(2, 9, 8, 3, dtype), seed=0, dtype="float32")
    if not steps:
        af.Recipe([af.ToFloat()]).batch(pictures(2, 9, 8, 3, dtype), seed=0, dtype="float16")


@pytest.mark.parametrize("wrong", ["float64", "bfloat16", "half precision", np.int8, object()])
def test_other_dtypes_are_refused(wrong: Any) -> None:
    with pytest.raises(af.AugfuseError, match=r"dtype: got .*float32.*float16"):
        af.Recipe([af.ToFloat()]).batch(pictures(1, 4, 4), seed=0, dtype=wrong)


def test_how_far_values_are_off() -> None:
    """0..1 is off by 2**-12 at most, a sixteenth of a grey level of uint8."""
    pixels = pictures(2, 30, 30)
    half, full = (af.Recipe([af.ToFloat()]).batch(pixels, seed=0, dtype=d).images for d in ("float16", "float32"))
    assert np.abs(half - full).max() <= 2.0**-12
