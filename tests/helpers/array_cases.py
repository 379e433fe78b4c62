"""What the tests of the array executor share: frameworks, runs eager and compiled, and parity with the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.errors import MissingExtraError
from augfuse.execute import arrays, reference
from augfuse.execute.arrays.backend import BACKENDS
from augfuse.execute.batch_images import as_images
from augfuse.plan.ops import Segment
from augfuse.plan.plan import Plan
from oracles import assert_like, fused, numbers

FRAMEWORKS = BACKENDS
REFUSED = {"MixUp", "CutMix", "Mosaic", "CopyPaste", "Views", "Lambda"}  # see test_arrays_limits.py
CLOSE = 2e-3  # grey levels of 255 at 56 pixels: float32 coordinates

# Together they have every kind of step: what a compiler must take.
COMPILED: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "benchmark": (
        [
            af.Rotate(20), af.Translate(0.1, 0.1), af.Scale((0.9, 1.1)), af.HorizontalFlip(), af.ColorJitter(),
            af.Normalize(),
        ],
        {"fill": "reflect"},
    ),
    "bends": ([af.Perspective(), af.ElasticTransform(), af.Contrast(pivot="mean")], {"fill": "wrap"}),
    "shrinks": ([af.Scale((0.3, 0.4)), af.Rotate(30), af.GaussianBlur(1.5), af.Resize((20, 30))], {"fill": "constant"}),
    "cubic": ([af.Rotate(20), af.Erase(p=1.0), af.PerImageStandardize()], {"interpolation": "bicubic"}),
    "tones": ([af.Gamma(), af.AutoContrast(), af.Equalize(), af.Rotate(20), af.Posterize(p=1.0)], {}),
    "whole": ([af.HorizontalFlip(), af.Rotate90(), af.Barrier(), af.Invert(p=0.5)], {}),
}  # fmt: skip


def table(framework: str) -> arrays.Ops:
    """The operations of a framework that is installed, or the test is skipped."""
    try:
        return arrays.ops_for(framework)
    except MissingExtraError as error:
        pytest.skip(str(error))


def ran(framework: str, plan: Plan, pixels: np.ndarray, compiled: bool | None = None) -> np.ndarray:
    """What a framework makes of a plan. compiled: by default on JAX, which compiles each operation of an eager call by
    itself, and takes longer for them than for a whole program."""
    ops = table(framework)
    static, found = arrays.prepare(plan)
    if framework == "torch":
        import torch

        given: Any = torch.from_numpy(pixels)
    else:
        given = ops.tensor(pixels, None)
    tensors = {name: ops.tensor(array, given) for name, array in found.items()}

    def run(images: Any, numbers: Any) -> Any:
        return arrays.run(static, images, numbers, ops)

    compiled = framework == "jax" if compiled is None else compiled
    return np.asarray((ops.compiled(run) if compiled else run)(given, tensors))


def assert_parity(
    framework: str, recipe: af.Recipe, pixels: np.ndarray, *, compiled: bool | None = None, close: float = CLOSE
) -> None:
    """As near to the reference as `close`, in grey levels of 255. Where a pixel is chosen and not blended, or a curve
    jumps, the reference is read around each place, see `oracles.assert_like_reference`; what is rounded is off by one
    level at most."""
    images = as_images(pixels)
    plan = fused(recipe, images, dtype="float32")
    got = ran(framework, plan, pixels, compiled)
    exact = reference.execute(numbers(plan), images)
    assert got.shape == exact.shape and got.dtype == exact.dtype
    if plan.write.standardize is not None:
        scale: Any = 1 / 74  # about the deviation of noise
    else:
        scale = plan.write.scale[:, None, None, :] * (plan.high - plan.low) / 255
    off = float((np.abs(got.astype(np.float64) - exact) / scale).max())
    if jumps(plan):
        if off > close:
            assert_like(recipe, list(got), plan, images, False, 1e-4)
        return
    assert off <= close, f"{off:.2g} grey levels for {recipe} on {pixels.dtype} {pixels.shape}"


def assert_whole_parity(framework: str, recipe: af.Recipe, pixels: np.ndarray) -> None:
    """Whole numbers are those of the reference, or next to them."""
    images = as_images(pixels)
    plan = fused(recipe, images)
    got = ran(framework, plan, pixels)
    exact = reference.execute(numbers(plan), images)
    assert got.shape == exact.shape and got.dtype == exact.dtype == pixels.dtype
    off = np.abs(got.astype(np.int64) - exact)
    assert off.max() <= 1 and (off > 0).mean() < 0.1, f"{off.max()}, {(off > 0).mean():.2g} for {recipe}"


def jumps(plan: Plan) -> bool:
    """Whether the last digit of a coordinate or of a value can decide which pixel or which level it is."""
    whole = plan.images.dtype.kind == "u"
    for step in plan.steps:
        if not isinstance(step, Segment):
            continue
        moves = step.geometry is not None
        if moves and (plan.fill == "constant" or step.surround is not None or plan.interpolation == "nearest"):
            return True
        if step.before or step.after or (moves and whole):
            return True
    return False
