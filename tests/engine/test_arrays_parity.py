"""The array executor against the reference: every example, fill, dtype, channel and odd size, on every framework."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pytest

import augfuse as af
from array_cases import COMPILED, FRAMEWORKS, REFUSED, assert_parity, assert_whole_parity, ran, table
from augfuse.execute import arrays, reference
from augfuse.execute.batch_images import as_images
from augfuse.transforms.base import Transform
from augfuse.transforms.placed import FourPoints
from oracles import EXAMPLE_IDS, EXAMPLES, FULL_SCALE, fused, numbers, pictures
from own import ENDS, corners

FILLS = ("nearest", "reflect", "wrap", "constant")
DTYPES = ("uint8", "uint16", "float32")
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area")
MOVES = (
    [af.Rotate(30), af.Translate(0.4, 0.4)],
    [af.RandomResizedCrop((40, 30)), af.Pad(5)],  # along the axes, smaller and larger
    [af.Scale((0.2, 0.5)), af.Rotate(40)],  # averaged first
    [af.Scale((3, 3)), af.ElasticTransform()],
)
SIZES = ((1, 9), (9, 1), (1, 1), (2, 2), (31, 64))
PICTURES = {dtype: pictures(3, 56, 56, 3, dtype) for dtype in DTYPES}

T = TypeVar("T")
# Of PyTorch's compiler, about itself.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is:DeprecationWarning")

every_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


@pytest.mark.slow(reason="400 programs")
@every_framework
@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=EXAMPLE_IDS)
def test_every_example(framework: str, cls: type[Transform], example: dict[str, Any]) -> None:
    if cls.__name__ in REFUSED:
        pytest.skip("refused, see test_arrays_limits.py")
    dtypes = ("uint8",) if cls is af.Equalize else DTYPES
    recipe = af.Recipe([cls(**example)])
    place = EXAMPLES.index((cls, example))
    chosen = dtypes[place % len(dtypes)]
    for dtype in {chosen} if framework == "jax" else {"uint8", chosen}:  # JAX compiles each of them
        assert_parity(framework, recipe, PICTURES[dtype])
    if place % 3 == 0 and not issubclass(cls, af.Normalize | af.ToFloat | af.PerImageStandardize):
        assert_whole_parity(framework, recipe, PICTURES["uint8"])


def assert_size(framework: str, fill: str, size: tuple[int, int], place: int) -> None:
    """Images of a size, of the dtype and with the interpolation of this place."""
    dtype = DTYPES[place]
    channels = 1 + (2 * place + FILLS.index(fill) + SIZES.index(size)) % 5
    paint = tuple((np.arange(channels) + 1) / 7 * FULL_SCALE[dtype])
    recipe = af.Recipe(
        [af.Affine(degrees=(20, 40), translate_x=(0.2, 0.4), scale=(0.8, 1.2), shear_x=8), af.Invert()],
        fill=fill, fill_value=paint, interpolation=("bilinear", "bicubic", "nearest")[place],
    )  # fmt: skip
    assert_parity(framework, recipe, pictures(2, *size, channels, dtype), close=3e-3)


def assert_fill(framework: str, fill: str, interpolation: str, steps: Sequence[Transform]) -> None:
    recipe = af.Recipe(steps, fill=fill, fill_value=0.4, interpolation=interpolation)
    assert_parity(framework, recipe, PICTURES["float32"], close=4e-3)


def these(framework: str, every: Sequence[T], turn: int) -> Sequence[T]:
    """All of them; of JAX, which compiles each for seconds, one: `test_every_program_of_jax` takes the others."""
    return [every[turn % len(every)]] if framework == "jax" else every


@every_framework
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("size", SIZES)
def test_sizes_channels_and_dtypes(framework: str, fill: str, size: tuple[int, int]) -> None:
    for place in these(framework, range(3), FILLS.index(fill) + SIZES.index(size)):
        assert_size(framework, fill, size, place)


@every_framework
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_fills_and_interpolations(framework: str, fill: str, interpolation: str) -> None:
    for steps in these(framework, MOVES, FILLS.index(fill) + INTERPOLATIONS.index(interpolation)):
        assert_fill(framework, fill, interpolation, steps)


@pytest.mark.slow(reason="124 programs")
@pytest.mark.parametrize("fill", FILLS)
def test_every_program_of_jax(fill: str) -> None:
    for size, place in itertools.product(SIZES, range(3)):
        assert_size("jax", fill, size, place)
    for interpolation, steps in itertools.product(INTERPOLATIONS, MOVES):
        assert_fill("jax", fill, interpolation, steps)


@every_framework
def test_larger_images(framework: str) -> None:
    steps = [af.Rotate(20), af.Translate(0.1, 0.1), af.Scale((0.9, 1.1)), af.HorizontalFlip(), af.ColorJitter(hue=0.05)]
    pixels = pictures(2, 224, 224, 3, "float32")
    assert_parity(framework, af.Recipe(steps, fill="reflect"), pixels, close=2e-2)
    assert_parity(framework, af.Recipe([af.Perspective(), af.ElasticTransform()], fill="reflect"), pixels, close=2e-2)
    assert_parity(framework, af.Recipe([af.Resize((100, 300))]), pixels[:1, :, :, :1].copy(), close=2e-2)


@pytest.mark.slow(reason="compiles programs of three frameworks")
@every_framework
@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_compiled(framework: str, name: str, compiled: bool) -> None:
    if compiled and framework == "torch" and name not in ("benchmark", "shrinks", "whole"):
        pytest.skip("torch.compile takes up to a minute for it: tests/long/test_arrays_compiled.py")
    steps, options = COMPILED[name]
    recipe = af.Recipe(steps, **options)
    assert_parity(framework, recipe, PICTURES["uint8"], compiled=compiled, close=4e-3)


@every_framework
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("value_range", [(0.0, 200.0), (10.0, 200.0)])
def test_declared_value_range(framework: str, dtype: str, value_range: tuple[float, float]) -> None:
    low, high = value_range
    pixels = (pictures(3, 20, 25, 3, "float32") * (high - low) + low).astype(dtype)
    for steps in (
        [af.Contrast((0.5, 0.5), pivot="mean"), af.ToFloat()],
        [af.Rotate(30), af.Contrast((1.5, 1.5), pivot="mean"), af.Hue(), af.Normalize(0.5, 0.5)],
        [af.Gamma(), af.Solarize(p=1.0), af.ToneCurve(), af.ToFloat()],
        [af.Rotate(20), af.Posterize(bits=3, p=1.0)],
    ):
        recipe = af.Recipe(steps, value_range=value_range, fill="constant", fill_value=low + 0.25 * (high - low))
        assert_parity(framework, recipe, pixels)


@every_framework
def test_one_program_for_all_batches(framework: str) -> None:
    """A batch in which nothing shrinks much runs through the program of one in which something does."""
    images = as_images(PICTURES["float32"])
    recipe = af.Recipe([af.Scale((0.2, 1.6)), af.Rotate(20)])
    plans = [fused(recipe, images, seed=seed) for seed in range(40)]
    shrinks, others = (
        [plan for plan in plans if (numbers(plan).steps[0].sampling.reduced is not None) is some]  # type: ignore[union-attr]
        for some in (True, False)
    )
    static, _ = arrays.prepare(shrinks[0])
    again, found = arrays.prepare(others[0], static)
    assert again == static != arrays.prepare(others[0])[0]
    ops = table(framework)
    given = __import__("torch").from_numpy(PICTURES["float32"]) if framework == "torch" else PICTURES["float32"]
    got = np.asarray(arrays.run(static, ops.tensor(given, given), found, ops))
    exact = reference.execute(numbers(others[0]), images)
    assert np.abs(got - exact).max() * 255 <= 2e-3


@every_framework
def test_half_floats(framework: str) -> None:
    plan = fused(af.Recipe([af.Rotate(20), af.Normalize()]), as_images(PICTURES["uint8"]), dtype="float16")
    got = ran(framework, plan, PICTURES["uint8"])
    assert got.dtype == np.float16
    exact = reference.execute(numbers(plan), as_images(PICTURES["uint8"])).astype(np.float64)
    assert np.abs(got - exact).max() <= 2.0**-9  # the last digit of 2


def test_other_images_are_refused() -> None:
    ops = table("torch")
    import torch

    static, found = arrays.prepare(fused(af.Recipe([af.Rotate()]), as_images(PICTURES["uint8"])))
    with pytest.raises(af.ImageError, match=r"got .* \(3, 56, 56\) for .* \(56, 56, 3\). Give channels last"):
        arrays.run(static, torch.zeros((3, 3, 56, 56), dtype=torch.uint8), found, ops)
    with pytest.raises(af.ImageTypeError, match="got float32 for a program for uint8"):
        arrays.run(static, torch.zeros((3, 56, 56, 3)), found, ops)


def test_unknown_framework() -> None:
    with pytest.raises(af.RangeError, match=r"wanted 'jax', 'tensorflow', 'torch'\. Did you mean 'torch'"):
        arrays.ops_for("pytorch")


@every_framework
@pytest.mark.parametrize("fill", FILLS)
def test_places_far_outside(framework: str, fill: str) -> None:
    """Nothing is read out of bounds, however far away it lies."""
    far = [af.Translate((1, 1), (-1, -1))] * 9
    for steps in (far, [af.Scale((0.01, 0.011))] * 2, [af.Shear((-80, 80))] * 3, [*far, af.Scale((0.01, 0.011))] * 2):
        recipe = af.Recipe(steps, fill=fill, fill_value=0.5)
        plan = fused(recipe, as_images(PICTURES["float32"]))
        got = ran(framework, plan, PICTURES["float32"])
        assert got.min() >= 0 and got.max() <= 1 and np.isfinite(got).all()
    if fill != "constant":
        assert_parity(framework, af.Recipe([*far, af.Rotate(9)], fill=fill), PICTURES["float32"], close=2e-2)


@every_framework
@pytest.mark.parametrize("ends", ENDS)
def test_perspectives_of_given_corners(framework: str, ends: Any) -> None:
    recipe = af.Recipe([FourPoints(startpoints=tuple(corners(56, 56)), endpoints=tuple(ends))])
    assert_parity(framework, recipe, PICTURES["float32"], close=4e-3)


@every_framework
@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.slow(reason="compiles"))], ids=["eager", "compiled"]
)
def test_any_bits_are_carried(framework: str, compiled: bool) -> None:
    """Pixels travel as words, some of which would be NaN as floats: they come out as they are."""
    pixels = pictures(2, 40, 56, 4)
    pixels[..., 3] = np.resize([0x7F, 0xFF, 0x80, 0x00], (2, 40, 56))
    pixels[..., 2] = np.resize([0x80, 0x8F, 0xC0, 0x00, 0xFF], (2, 40, 56))
    plan = fused(af.Recipe([af.Rotate((0, 0)), af.Translate((0.25, 0.25), (0.5, 0.5))], fill="wrap"), as_images(pixels))
    got = ran(framework, plan, pixels, compiled)
    assert (got == np.roll(pixels, (20, 14), axis=(1, 2))).all()
