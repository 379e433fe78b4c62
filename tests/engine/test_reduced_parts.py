"""Only the part of an image that an output is read from is averaged down, and copied beside the tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.execute.batch_images import as_images
from augfuse.execute.cpu.passes.reduce import reduce
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, NEAREST, REFLECT, WRAP
from augfuse.execute.cpu.run import run, target_of, work_of
from augfuse.plan.lowered import Pass
from oracles import assert_like_reference, fused, numbers, pictures

FILLS = ("nearest", "reflect", "wrap", "constant")
MODES: dict[str, int] = dict(zip(FILLS, (NEAREST, REFLECT, WRAP, CONSTANT), strict=True))

# A crop of a large picture, turned; one that lies at its edge; one far outside; all of it; with the mean of all of it.
STEPS = {
    "crop": [af.RandomCrop((60, 90)), af.Rotate(25), af.Resize((20, 24))],
    "corner": [af.RandomCrop((60, 90)), af.Rotate(60), af.Translate((-0.5, -0.4), (0.3, 0.4)), af.Resize((20, 24))],
    "outside": [af.Rotate((10, 20)), af.Translate((0.9, 1.0), (-1, 1)), af.Scale((0.2, 0.3))],
    "all": [af.Rotate(180), af.Resize((20, 24))],
    "one axis": [af.CenterCrop((60, 200)), af.Rotate((1, 3)), af.Resize((50, 30))],
}


def _grids(steps: list[af.Transform], fill: str, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The output of a recipe from a grid that is reduced where it is needed, the rest NaN; and from all of it; and the
    part of the cells that was needed; the number of cells."""
    recipe = af.Recipe(steps, fill=fill)
    images = as_images(picture[None])
    lowered = numbers(fused(recipe, images, seed=4, dtype="float32"))
    (step,) = lowered.steps
    assert isinstance(step, Pass) and step.sampling is not None and step.sampling.reduced is not None
    work = work_of(step, lowered.channels, lowered.low)
    grid = (int(step.sampling.reduced.height[0]), int(step.sampling.reduced.width[0]))
    size = (int(step.size.height[0]), int(step.size.width[0]))
    found, parts = [], []
    for everything in (False, True):
        cells = np.full(grid[0] * grid[1] * 3, np.nan, np.float32)
        reduce(
            picture.ravel(), picture.shape, grid, work.warp.matrices[0], *size, MODES[fill], 0, everything, cells
        )  # fmt: skip
        out = np.empty((1, *size, 3), np.float32)
        start = np.zeros(1, np.int64)
        run(work, cells, start, (*grid, 3), target_of(lowered.output, False, out), 0, 0)
        found.append(out)
        parts.append(cells)
    shared = ~np.isnan(parts[0])
    assert np.array_equal(parts[0][shared], parts[1][shared])
    return found[0], found[1], shared, grid[0] * grid[1] * 3


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_the_same_bytes_as_from_all_of_it(steps: list[af.Transform], fill: str) -> None:
    part, everything, needed, cells = _grids(steps, fill, pictures(1, 210, 320, 3, "float32")[0])
    assert np.array_equal(part, everything)
    assert 0 < needed.sum() <= cells


def test_a_crop_needs_a_part() -> None:
    _, _, needed, cells = _grids(STEPS["crop"], "reflect", pictures(1, 210, 320, 3, "float32")[0])
    assert needed.sum() < cells / 4


@given(
    crop=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    degrees=st.floats(-180, 180),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    scale=st.floats(0.1, 0.6),
    fill=st.sampled_from(FILLS),
)
def test_any_part(crop: tuple[int, int], degrees: float, shift: tuple[float, float], scale: float, fill: str) -> None:
    steps = [
        af.CenterCrop(crop),
        af.Affine(degrees=(degrees, degrees), translate_x=(shift[0], shift[0]), translate_y=(shift[1], shift[1])),
        af.Scale((scale, scale)),
    ]
    part, everything, _, _ = _grids(steps, fill, pictures(1, 40, 40, 3, "float32")[0])
    assert np.array_equal(part, everything)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_parts_like_the_reference(dtype: str, channels: int, fill: str) -> None:
    pixels = pictures(2, 90, 120, channels, dtype)
    for steps in (
        [af.RandomCrop((40, 50)), af.Rotate(40), af.Resize((9, 13))],
        [af.RandomCrop((20, 30)), af.Rotate(40)],  # nothing is averaged, and a part of the image is copied
        [af.Translate((-0.9, 0.9), (0.9, 0.95)), af.Rotate(20), af.RandomCrop((11, 12))],
        [af.Contrast((0.4, 0.5), pivot="mean"), af.RandomCrop((40, 50)), af.Rotate(40), af.Resize((9, 13))],
    ):
        assert_like_reference(af.Recipe(steps, fill=fill, fill_value=0.3), pixels, dtype="float32")


def test_a_crop_of_a_photo_reads_no_other_pixels() -> None:
    """What lies far from a crop does not matter, whatever stands there; the same bytes."""
    photo = pictures(1, 400, 500, 3)
    other = photo.copy()
    other[:, :100], other[:, :, :150] = 0, 255
    for fill in FILLS:
        recipe = af.Recipe([af.CenterCrop((60, 80)), af.Rotate((5, 10)), af.Resize((20, 30))], fill=fill)
        assert np.array_equal(recipe.batch(photo, seed=0).images, recipe.batch(other, seed=0).images)
