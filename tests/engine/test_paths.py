"""Every way through the executor gives the same pixels: copies against sampling, as both are compiled here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.execute.cpu import run
from augfuse.execute.cpu.passes import aligned, bent, cubic, nearest, shifted, tiles, transposed, unmoved
from augfuse.plan.lowered import Pass
from augfuse.transforms.base import Color, Geometric, Transform, Write
from oracles import FULL_SCALE, batch_of, numbers, pictures, sampling_loop
from trees import ENDS, LEAVES, bodies, ends

WHOLE = [t for t in LEAVES if isinstance(t, Geometric) and t.moves_whole_pixels]
COLORS = [t for t in LEAVES if isinstance(t, Color)]


def fits(transform: Transform, channels: int) -> bool:
    """Whether it takes images of so many channels."""
    return not (isinstance(transform, Color) and transform.mixes_channels) or channels in (1, 3, 4)


def sampled(recipe: af.Recipe, images: np.ndarray, **options: object) -> np.ndarray:
    """The batch with every pass going through the sampling loop."""
    with sampling_loop():
        return batch_of(recipe, images, **options).images


@settings(max_examples=150)
@given(data=st.data())
def test_whole_pixel_moves_are_what_sampling_gives(data: st.DataObject) -> None:
    channels = data.draw(st.sampled_from([1, 2, 3, 4, 5]), "channels")
    dtype = data.draw(st.sampled_from(["uint8", "uint16", "float32"]), "dtype")
    colors = [t for t in COLORS if fits(t, channels)]
    written = [t for t in ENDS if isinstance(t, Write) and all(len(getattr(t, n, (0,))) == 1 for n in ("mean", "std"))]
    recipe = af.Recipe(
        data.draw(bodies(WHOLE, 3), "moves")
        + data.draw(st.lists(st.sampled_from(colors), max_size=2), "colors")
        + data.draw(ends(written), "end"),
        fill=data.draw(st.sampled_from(["nearest", "reflect", "wrap", "constant"]), "fill"),
        fill_value=data.draw(st.sampled_from([0.0, 0.3]), "paint") * FULL_SCALE[dtype],
        interpolation=data.draw(st.sampled_from(["bilinear", "nearest", "bicubic", "area"]), "interpolation"),
    )
    height, width = data.draw(st.integers(1, 40), "height"), data.draw(st.integers(1, 40), "width")
    images = pictures(1, height, width, channels, dtype, seed=data.draw(st.integers(0, 9), "picture"))
    seed, layout = data.draw(st.integers(0, 2**64 - 1), "seed"), data.draw(st.sampled_from(["NHWC", "NCHW"]), "layout")
    out = data.draw(st.sampled_from([None, "float32"]), "out dtype")
    got = batch_of(recipe, images, seed=seed, layout=layout, dtype=out).images
    wanted = sampled(recipe, images, seed=seed, layout=layout, dtype=out)
    assert got.dtype == wanted.dtype and np.array_equal(got, wanted)


def test_which_loop_runs_follows_from_the_recipe() -> None:
    """Not from what was drawn: bytes would depend on it."""
    loops = {
        "still": unmoved.run,
        "mixed": unmoved.mixed,
        "whole": shifted.run,
        "swapped": transposed.run,
        "aligned": aligned.run,
        "free": tiles.run,
    }
    assert all(run._loop(grid, False, False) is loop for grid, loop in loops.items())
    loops["free"] = cubic.run
    assert all(run._loop(grid, True, False) is loop for grid, loop in loops.items())
    assert run._loop("free", False, False, picks=True) is nearest.run
    assert run._loop("free", False, True) is bent.run and run._loop("free", True, True) is bent.cubic_run
    for p in (0.0, 0.5, 1.0):
        flips = af.Recipe([af.HorizontalFlip(p=p), af.RandomCrop(20), af.Transpose(p=p)])
        turns = af.Recipe([af.HorizontalFlip(p=p), af.Rotate(20, p=p)])
        zooms = af.Recipe([af.HorizontalFlip(p=p), af.Resize(20), af.Scale(p=p)])
        for recipe, grid in ((flips, "swapped"), (turns, "free"), (zooms, "aligned")):
            step = numbers(recipe.batch(pictures(2, 30, 30), seed=0).plan).steps[0]
            assert isinstance(step, Pass) and step.sampling is not None and step.sampling.grid == grid


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (5, 6), (6, 5), (11, 3), (40, 41)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_moves_at_the_end_of_memory(size: tuple[int, int], channels: int, dtype: str) -> None:
    """Words of several bytes are read and written: never behind the last image, nor over its neighbours."""
    images = pictures(3, *size, channels, dtype)
    moves = {
        "mirror": ([af.HorizontalFlip(p=1)], images[:, :, ::-1]),
        "transpose": ([af.Transpose(p=1)], images.transpose(0, 2, 1, 3)),
        "turn": ([af.Rotate90(quarters=1, p=1)], np.rot90(images, 1, (1, 2))),
        "pad": ([af.Pad((3, 1, 2, 4))], np.pad(images, ((0, 0), (1, 4), (3, 2), (0, 0)), mode="edge")),
        "mirrored pad": (
            [af.Pad((3, 1, 2, 4)), af.HorizontalFlip(p=1)],
            np.pad(images, ((0, 0), (1, 4), (3, 2), (0, 0)), mode="edge")[:, :, ::-1],
        ),
    }
    for name, (steps, wanted) in moves.items():
        guarded = np.full((5, *wanted.shape[1:]), 77, images.dtype)
        af.Recipe(steps).batch(images, seed=0, out=guarded[1:4])
        assert np.array_equal(guarded[1:4], wanted), name
        assert (guarded[[0, 4]] == 77).all(), name


@settings(max_examples=60)
@given(
    scale=st.floats(0.2, 1.5), flip=st.sampled_from([-1.0, 1.0]), shift=st.floats(-1.2, 1.2),
    fill=st.sampled_from(["nearest", "reflect", "wrap", "constant"]), channels=st.sampled_from([1, 2, 3, 4]),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)  # fmt: skip
def test_what_does_not_shrink_is_what_sampling_gives(
    scale: float, flip: float, shift: float, fill: str, channels: int, size: tuple[int, int]
) -> None:
    """Within float32: rows and columns are blended in another order than in a warp."""
    recipe = af.Recipe(
        [
            af.HorizontalFlip(p=float(flip < 0)),
            af.Scale(x=(1 / scale, 1 / scale), y=(1, 1)),
            af.Translate((0, 0), (shift / 2, shift / 2)),
        ],
        fill=fill,
        fill_value=33,
    )
    images = pictures(2, *size, channels)
    got = recipe.batch(images, seed=0, dtype="float32").images
    # A place on the edge of the image is filled or not by the last bit of a float32.
    wanted = sampled(recipe, images, seed=0, dtype="float32")
    close = np.abs(got - wanted) <= 0.2
    assert close.mean() > (0.9 if fill == "constant" else 0.999)
