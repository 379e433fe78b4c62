"""Bytes that are worked on many at a time: every value, every width, the ends of memory, all layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import sampling_loop

SIZES = ((1, 1), (1, 7), (3, 5), (2, 15), (2, 16), (5, 17), (16, 31), (7, 33), (4, 48), (3, 50))


def every_value(n: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """(n, height, width, channels) uint8 in which all levels are, if there is room for them."""
    count = n * height * width * channels
    values = np.random.default_rng(count).permutation(np.arange(count) % 256)
    return values.astype(np.uint8).reshape(n, height, width, channels)


def sampled(recipe: af.Recipe, images: np.ndarray, **options: Any) -> np.ndarray:
    """The batch with every pass going through the sampling loop."""
    with sampling_loop():
        return recipe.batch(images, seed=3, **options).images


def guarded(recipe: af.Recipe, images: np.ndarray, **options: Any) -> np.ndarray:
    """The batch; nothing is written before or behind it."""
    made = recipe.batch(images, seed=3, **options).images
    room = np.full((len(made) + 2, *made.shape[1:]), 77, made.dtype)
    recipe.batch(images, seed=3, out=room[1:-1], **options)
    assert (room[[0, -1]] == 77).all()
    assert room[1:-1].tobytes() == made.tobytes()
    return made


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "color",
    [
        af.Brightness((0, 3)),
        af.Contrast((0, 3)),
        af.Contrast((0.2, 3), pivot="mean"),
        af.Invert(p=0.5),
        af.ColorJitter(hue=0.4),
        af.Grayscale(p=0.5),
        af.ChannelShift((-0.6, 0.6)),
    ],
)
def test_every_level_passes_every_colour_alike(color: Any, channels: int, layout: str) -> None:
    """300 draws, each on all 256 levels."""
    images = every_value(300, 16, 17, channels)
    for ends in ([], [af.Normalize(0.4, 0.3)]):
        recipe = af.Recipe([color, *ends])
        got = recipe.batch(images, seed=3, layout=layout).images
        assert got.tobytes() == sampled(recipe, images, layout=layout).tobytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("range_", [None, (10.0, 200.0)])
def test_rows_of_any_width(size: tuple[int, int], layout: str, range_: tuple[float, float] | None) -> None:
    images = every_value(3, *size)
    images = images if range_ is None else np.clip(images, 10, 200).astype(np.uint8)
    moves: list[list[Any]] = [
        [],
        [af.HorizontalFlip(p=0.5)],
        [af.VerticalFlip(p=1)],
        [af.HorizontalFlip(p=1), af.VerticalFlip(p=0.5)],
        [af.Transpose(p=1)],
        [af.RandomCrop((max(size[0] - 1, 1), max(size[1] - 2, 1)))],
        [af.Pad((3, 1, 2, 4)), af.HorizontalFlip(p=0.5)],
    ]
    for some in moves:
        for more in ([], [af.Brightness((0.3, 2))], [af.Saturation((0.2, 2))]):
            for ends in ([], [af.Normalize()]):
                for fill in ("nearest", "constant"):
                    recipe = af.Recipe([*some, *more, *ends], fill=fill, fill_value=50, value_range=range_)
                    got = guarded(recipe, images, layout=layout)
                    assert got.tobytes() == sampled(recipe, images, layout=layout).tobytes(), (some, more, ends, fill)


@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap", "constant"])
@pytest.mark.parametrize("size", [(1, 1), (4, 6), (6, 4), (5, 7), (12, 13), (30, 20)])
def test_margins_on_all_sides(fill: str, size: tuple[int, int]) -> None:
    images = every_value(3, *size)
    for pads in ((0, 0, 0, 9), (7, 0, 0, 0), (3, 5, 8, 2), (20, 21, 22, 23)):
        for turn in ([], [af.HorizontalFlip(p=1)], [af.VerticalFlip(p=1)], [af.Rotate90(quarters=(1, 3), p=1)]):
            for ends in ([], [af.Normalize()]):
                recipe = af.Recipe([af.Pad(pads), *turn, *ends], fill=fill, fill_value=(9, 99, 199))
                got = guarded(recipe, images)
                assert got.tobytes() == sampled(recipe, images).tobytes(), (pads, turn, ends)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_tables_take_every_level(size: tuple[int, int], layout: str) -> None:
    """A curve without any order, solarized and cut values: against NumPy's own look-up."""
    rng = np.random.default_rng(5)
    for channels in (1, 3):
        images = every_value(4, *size, channels)
        for _ in range(5):
            points = np.concatenate([[0.0], np.sort(rng.random(20)), [1.0]])
            curve = af.ToneCurve(points=tuple(zip(points.tolist(), rng.random(22).tolist(), strict=True)), p=1.0)
            levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
            table = af.Recipe([curve]).batch(levels, seed=0, dtype="uint8").images.ravel()
            got = guarded(af.Recipe([curve]), images, layout=layout)
            wanted = table[images] if layout == "NHWC" else table[images].transpose(0, 3, 1, 2)
            assert np.array_equal(got, wanted)
            normalised = af.Recipe([curve, af.Normalize(0.4, 0.3)]).batch(images, seed=0).images
            wanted = (table[images] / 255.0 - 0.4) / 0.3
            assert np.abs(normalised - wanted).max() < 1e-5


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("value", [0, (1, 2, 3), (255, 0, 7)])
def test_erasing_leaves_levels_as_they_are(dtype: str, value: Any) -> None:
    """The same as painting, and the same pixels as where the colour makes floats of them."""
    images = every_value(40, 21, 33).astype(dtype)
    apart = tuple(v + 1e-4 for v in value) if isinstance(value, tuple) else value + 1e-4
    for before in ([], [af.RandomCrop((20, 19))], [af.HorizontalFlip()], [af.Rotate(20)]):
        for behind in ([], [af.VerticalFlip()], [af.Brightness((1.1, 1.4))], [af.Barrier()]):
            one, other = (
                af.Recipe([*before, af.Erase(value=v, p=0.6), *behind]).batch(images, seed=4).images
                for v in (value, apart)
            )
            assert np.array_equal(one, other), (before, behind)
    erased = af.Recipe([af.Erase(value=value, p=0.6)])
    got = guarded(erased, images)
    painted = (got == np.array(value, dtype)).all(axis=3)
    assert np.array_equal(got[~painted], images[~painted]) and 0.02 < painted.mean() < 0.3
    assert erased.batch(images, seed=3, workers=1).images.tobytes() == got.tobytes()


@pytest.mark.parametrize("value", [0.5, 300, -4, (1, 2.5, 3)])
def test_colours_that_are_not_levels_are_rounded_as_ever(value: Any) -> None:
    images = every_value(10, 12, 17)
    got = af.Recipe([af.Erase(value=value, p=1)]).batch(images, seed=1).images
    levels = np.clip(np.rint(np.broadcast_to(value, 3)), 0, 255).astype(np.uint8)
    painted = (got == levels).all(axis=3)
    assert painted.any(axis=(1, 2)).all() and np.array_equal(got[~painted], images[~painted])
    floats = af.Recipe([af.Erase(value=value, p=1)]).batch(images, seed=1, dtype="float32").images
    assert (floats[painted & (images != got).any(axis=3)] == np.clip(np.broadcast_to(value, 3), 0, 255)).all()


LOCALS: dict[str, list[af.Transform]] = {
    "blur": [af.GaussianBlur((0.3, 4), p=0.7)],
    "noise": [af.GaussianNoise((0.01, 0.6), p=0.7)],
    "noise of a blur": [af.GaussianBlur(p=0.7), af.GaussianNoise((0, 0.6), p=0.7)],
    "noise of what moved": [af.HorizontalFlip(), af.Erase(p=0.6), af.GaussianNoise(p=0.6)],
    "blur of floats": [af.Rotate(20), af.Brightness((0.5, 2)), af.GaussianBlur(p=0.6)],
    "a move behind": [af.GaussianNoise(p=0.6), af.VerticalFlip(), af.Invert(p=0.5)],
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", LOCALS)
def test_blur_and_noise_are_rounded_once(name: str, channels: int, size: tuple[int, int]) -> None:
    """Straight into bytes: the floats of the same recipe, clipped and rounded, halves to even."""
    images = every_value(7, *size, channels)
    recipe = af.Recipe(LOCALS[name])
    floats = recipe.batch(images, seed=3, dtype="float32").images
    assert np.array_equal(guarded(recipe, images), np.rint(np.clip(floats, 0, 255)).astype(np.uint8))
    planar = recipe.batch(images, seed=3, layout="NCHW").images
    assert np.array_equal(planar.transpose(0, 2, 3, 1), guarded(recipe, images))


@pytest.mark.parametrize("local", [af.GaussianBlur(p=0.5), af.GaussianNoise(p=0.5)])
def test_values_far_outside_are_cut(local: af.Transform) -> None:
    images = every_value(9, 20, 30)
    recipe = af.Recipe([af.Lambda(lambda image: (image - 128) * np.float32(1e30)), local])
    got = guarded(recipe, images)
    floats = recipe.batch(images, seed=3, dtype="float32").images
    assert np.array_equal(got, np.rint(np.clip(floats, 0, 255)).astype(np.uint8))
    assert {0, 255} <= set(np.unique(got).tolist())


def test_values_of_a_narrower_range_are_cut_there() -> None:
    images = np.clip(every_value(5, 20, 30), 10, 200).astype(np.uint8)
    got = guarded(af.Recipe([af.GaussianNoise((0.5, 0.6))], value_range=(10, 200)), images)
    assert (got.min(), got.max()) == (10, 200)


@pytest.mark.parametrize("size", SIZES)
def test_grey_pixels_are_the_same_alone_and_among_coloured_ones(size: tuple[int, int]) -> None:
    images = every_value(20, *size)
    recipe = af.Recipe([af.Grayscale(p=0.5), af.Brightness((0.5, 2))])
    together = guarded(recipe, images)
    assert together.tobytes() == sampled(recipe, images).tobytes()
    for i in range(len(images)):
        assert np.array_equal(recipe.batch(images[i : i + 1], seed=3, indices=[i]).images[0], together[i])


@pytest.mark.parametrize("local", [af.Erase(p=0.5), af.GaussianNoise(p=0.5), af.GaussianBlur(p=0.5)], ids=repr)
@pytest.mark.parametrize("move", [af.VerticalFlip(p=1), af.Invert(p=1), af.Resize((9, 11))], ids=repr)
def test_what_stands_between_two_locals_is_done_though_the_second_does_not_act(
    local: af.Transform, move: af.Transform
) -> None:
    """Images one by one: in some only the first acts, and the last pass of those is not a copy."""
    images = every_value(40, 10, 12)
    recipe = af.Recipe([local, move, af.Erase(p=0.5, value=9)])
    together = recipe.batch(images, seed=3).images
    for i in range(len(images)):
        assert np.array_equal(recipe.batch(images[i : i + 1], seed=3, indices=[i]).images[0], together[i]), i
