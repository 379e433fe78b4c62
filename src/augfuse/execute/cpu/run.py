"""The fused CPU executor: lowered plans into compiled loops, threads share the images of a batch by slices.

Rows of one array whose plan is a single pass go through the compiled loop in bulk, without Python work per image.
Images of different sizes and area reduction go through the same compiled loop one image at a time: the same routine,
hence the same bytes. Plans of several steps are carried out by `chunks`, those with tones by `toned`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Literal, NamedTuple, TypeAlias, final

import numpy as np

from augfuse.algebra.color_matrices import LUMA
from augfuse.algebra.geometry import Canvas
from augfuse.execute.cpu.image_sums import channel_means
from augfuse.execute.cpu.kernel_arguments import Bent, Color, Target, Warp
from augfuse.execute.cpu.passes import tile_passes
from augfuse.execute.cpu.scratch import scratch
from augfuse.plan.lowered import Output, Pass
from augfuse.plan.ops import Grid

BORDERS = {
    "nearest": tile_passes.NEAREST,
    "reflect": tile_passes.REFLECT,
    "wrap": tile_passes.WRAP,
    "constant": tile_passes.CONSTANT,
    "wrap_centres": tile_passes.WRAP_CENTRES,
    "constant_centres": tile_passes.CONSTANT_CENTRES,
}

Paths: TypeAlias = Grid | Literal["still", "mixed"]  # nowhere at all: with one gain for all channels, with a matrix

_F = np.float32


@final
class Work(NamedTuple):
    """A pass in the numbers that the compiled loop takes, for all images of the plan."""

    warp: Warp | Bent
    color: Color
    mean_gain: np.ndarray | None  # (n, 3): added to the colour per unit of grey mean, above `low`
    low: float
    reduced: Canvas | None  # the sizes to average down to first
    height: np.ndarray  # (n,) of what comes out
    width: np.ndarray
    channels: int
    grid: Paths  # where pixels may go: which compiled loop runs


def work_of(step: Pass, channels: int, low: float) -> Work:
    """The numbers of a pass, for every image."""
    n = len(step.size.height)
    if step.sampling is None:
        warp: Warp | Bent = Warp(False, np.zeros((n, 6)), tile_passes.NEAREST, False, math.inf, False)
        reduced, grid = None, "still"
    else:
        matrices, reduced, border, how, grid, bends = step.sampling
        averages = step.sampling.averages_above
        warp = Warp(True, matrices, BORDERS[border], how == "nearest", averages, how == "bicubic")
        if bends:
            from augfuse.execute.cpu.passes.bent import bent  # and its kernels: loaded on first use

            warp = bent(warp, bends)
    if step.color is not None:
        kind, colors = tile_passes.MATRIX, np.ascontiguousarray(step.color, _F)
    else:
        kind, colors = tile_passes.KEEP if step.gain is None else tile_passes.GAIN, np.zeros((n, 3, 4), _F)
        if step.gain is not None:
            colors[:, 0, 0], colors[:, 0, 3] = step.gain[:, 0], step.gain[:, 1]
            if channels == 3 and grid == "free":  # the sampling loop for RGB has a matrix in it
                kind = tile_passes.MATRIX
                colors[:, 1, 1] = colors[:, 2, 2] = step.gain[:, 0]
                colors[:, 1, 3] = colors[:, 2, 3] = step.gain[:, 1]
    grid = "mixed" if grid == "still" and kind == tile_passes.MATRIX else grid
    # Contiguous always: another layout is another type to Numba, compiled again, and not the same machine code.
    fills = np.zeros((n, channels), _F) if step.fills is None else np.ascontiguousarray(step.fills, _F)
    height, width = step.size
    return Work(warp, Color(kind, colors, fills), step.mean_gain, low, reduced, height, width, channels, grid)


def target_of(output: Output, planar: bool, out: np.ndarray) -> Target:
    """Where the pixels go."""
    return Target(*_numbers(output), output.dtype.kind == "u", planar, flat(out), output.plain)


@lru_cache(maxsize=64)
def _numbers(output: Output) -> tuple[np.float32, np.float32, np.ndarray, np.ndarray]:
    """Low, high, scales and biases as the compiled loops take them: those of a recipe are the same for each batch."""
    scales, biases = np.ascontiguousarray(output.scale, _F), np.ascontiguousarray(output.bias, _F)
    return _F(output.low), _F(output.high), scales, biases


def run_one(work: Work, image: np.ndarray, target: Target, i: int, at: int) -> None:
    """Image i of the plan, written as image number `at` of the target."""
    height, width, channels = image.shape
    if work.reduced is not None:
        height, width = int(work.reduced.height[i]), int(work.reduced.width[i])
    start = np.zeros(1, np.int64)
    if (height, width) == image.shape[:2]:
        run(work, flat(image), start, image.shape, target, i, at)
        return
    from augfuse.execute.cpu.passes.reduce import reduce  # compiled: loaded on first use

    with scratch(height * width * channels, image.dtype, "reduced") as (grid,):
        warp, out_size = work.warp, (int(work.height[i]), int(work.width[i]))
        # The mean is that of all of it; where bends read is not known beforehand.
        whole = work.mean_gain is not None or isinstance(warp, Bent)
        reach = 1 if warp.cubic else 0
        reduce(flat(image), image.shape, (height, width), warp.matrices[i], *out_size, warp.mode, reach, whole, grid)
        run(work, grid, start, (height, width, channels), target, i, at)


def run(
    work: Work, src: np.ndarray, starts: np.ndarray, shape: tuple[int, int, int], target: Target, first: int, at: int
) -> None:
    """The images from `first` on, which lie in `src` at `starts`, written from image number `at` of the target on."""
    warp, color, count = work.warp, work.color, len(starts)
    rows = slice(first, first + count)
    if isinstance(warp, Bent):
        from augfuse.execute.cpu.passes.bent import part

        warp = part(warp, rows)
    elif count != len(warp.matrices):
        warp = warp._replace(matrices=warp.matrices[rows])
    if count != len(color.matrices):
        color = color._replace(matrices=color.matrices[rows], fills=color.fills[rows])
    if count != len(target.scales):
        rows = slice(at, at + count)
        target = target._replace(scales=target.scales[rows], biases=target.biases[rows])
    if work.mean_gain is not None:
        color = _with_mean(work, color, work.mean_gain[first : first + count], src, starts, shape)
    height, width = int(work.height[first]), int(work.width[first])
    plain = target.plain and src.dtype == target.out.dtype and color.kind == tile_passes.KEEP
    if target.plain and (not plain or target.planar):
        target = target._replace(plain=False)
    picks = plain and warp.nearest and work.grid == "free" and warp.mode <= tile_passes.CONSTANT
    loop = _loop(work.grid, warp.cubic, isinstance(warp, Bent), picks)
    begin = (at - target.first) * height * width * work.channels
    loop(src, starts, shape, warp, color, target, begin, height, width)


@cache
def _loop(grid: Paths, cubic: bool, bends: bool, picks: bool = False) -> Callable[..., None]:
    """The compiled loop, loaded on first use: a recipe compiles what it needs."""
    if grid in ("still", "mixed"):
        from augfuse.execute.cpu.passes import unmoved

        return unmoved.run if grid == "still" else unmoved.mixed
    if grid == "whole":
        from augfuse.execute.cpu.passes.shifted import run as straight

        return straight
    if grid == "swapped":
        from augfuse.execute.cpu.passes.transposed import run as swapped

        return swapped
    if grid == "aligned":
        from augfuse.execute.cpu.passes.aligned import run as aligned

        return aligned
    if bends:
        from augfuse.execute.cpu.passes import bent

        return bent.cubic_run if cubic else bent.run
    if picks:
        from augfuse.execute.cpu.passes.nearest import run as picking

        return picking
    if cubic:
        from augfuse.execute.cpu.passes.cubic import run as cubic_run

        return cubic_run
    from augfuse.execute.cpu.passes.tiles import run as sampled

    return sampled


def _with_mean(
    work: Work, color: Color, mean_gain: np.ndarray, src: np.ndarray, starts: np.ndarray, shape: tuple[int, int, int]
) -> Color:
    """The colours of a contrast about the image's own grey mean, which is known only now."""
    means = np.empty((len(starts), work.channels))
    channel_means(src, starts, *shape, means)
    gray = _gray(means) if work.channels in (3, 4) else means.mean(axis=1)
    matrices = color.matrices.copy()
    matrices[:, :, 3] += mean_gain * (gray[:, None] - work.low)
    return color._replace(matrices=matrices)


def _gray(means: np.ndarray) -> np.ndarray:
    # Not matmul: the last bit of its sums depends on how many images there are.
    return means[:, 0] * LUMA[0] + means[:, 1] * LUMA[1] + means[:, 2] * LUMA[2]


@final
class _Writable:
    """Memory flagged as writable: what the compiled loop is typed for, and never does to a source."""

    def __init__(self, array: np.ndarray) -> None:
        interface = array.__array_interface__
        self.base = array
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def flat(array: np.ndarray) -> np.ndarray:
    """One-dimensional, without a copy. Read-only arrays would be another type to Numba: compiled again for nothing."""
    line = array.reshape(-1)
    return line if line.flags.writeable else np.asarray(_Writable(line))
