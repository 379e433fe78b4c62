"""Plans of several steps: a few images of one size at a time go through float32 scratch, from step to step.

Every step is one call for all images of a chunk, and what it does to an image does not depend on the others. A Local
that acts on none of them is left out, and so is a last pass that would only copy what the pass before it made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, final

import numpy as np

from augfuse.execute.batch_images import Images
from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.execute.cpu.passes import tile_passes
from augfuse.execute.cpu.run import Work, flat, run, run_one
from augfuse.execute.cpu.scratch import CHUNK_BYTES, CHUNK_BYTES_OF_LEVELS, Scratch, scratch
from augfuse.plan.ops import Local

_F = np.float32
_FLOAT = np.dtype(_F)


@final
class Pixels(NamedTuple):
    """The images of a chunk as a step finds them."""

    values: np.ndarray  # flat: the source, or a scratch buffer
    starts: np.ndarray  # (n,): where each image begins
    shape: tuple[int, int, int]  # (h, w, c)
    buffer: int | None  # which of the two; None: the source, which is never written to

    @property
    def images(self) -> np.ndarray:
        """(n, h, w, c), copied only where they do not lie one behind the other."""
        n, size = len(self.starts), math.prod(self.shape)
        first, last = int(self.starts[0]), int(self.starts[-1])
        if n == 1 or (last - first == (n - 1) * size and bool((np.diff(self.starts) == size).all())):
            return self.values[first : first + n * size].reshape(n, *self.shape)
        return self.values.reshape(-1, *self.shape)[self.starts // size]


def prepare(steps: list[Work | Local], last: Work, images: Images) -> Callable[[Target, int, int], None]:
    """A function that carries out the images start..stop of a batch: `steps`, then the pass that writes to a target.

    Integers stay what they are as long as steps keep them: passes that move whole pixels, and Locals that say so.
    """
    largest, changes = sizes(images, [step for step in (*steps, last) if isinstance(step, Work)])
    largest *= last.channels
    kept = images.dtype.kind == "u"
    stay: list[bool] = []  # behind each step, whether images are of the source's integers
    for step in steps:
        kept = kept and (_copies(step, images.dtype) if isinstance(step, Work) else step.keeps_levels)
        stay.append(kept)
    width = images.dtype.itemsize if kept else 4
    levels_at_once = max(CHUNK_BYTES_OF_LEVELS // images.dtype.itemsize // largest, 1)
    count = levels_at_once if kept else max(CHUNK_BYTES // width // largest, 1)
    copies = last.grid == "still" and last.color.kind == tile_passes.KEEP
    # From integers sampling rounds differently: behind a Local that makes floats it reads these, also where that does
    # not act.
    local = next((k for k, step in enumerate(steps) if isinstance(step, Local) and not stay[k]), len(steps) + 1)
    reads_float = [k > local and isinstance(step, Work) and _samples(step) for k, step in enumerate(steps)]
    writes_float = len(steps) > local and _samples(last)

    def finishes(k: int, target: Target) -> bool:
        """Whether a Local, the last to act, is given the output itself."""
        step = steps[k]
        if not (isinstance(step, Local) and copies and target.plain and not target.planar):
            return False
        bytes_ = target.out.dtype == np.uint8 and bool(target.low <= 0 and target.high >= 255)
        return stay[k] or (step.makes_bytes and bytes_)

    def run_slice(target: Target, start: int, stop: int) -> None:
        between = not (len(steps) == 1 and finishes(0, target))  # whether anything lies between the steps
        some = count if between else levels_at_once
        size = -(-min(some, stop - start) * largest * width // 4) if between else 0
        with scratch(size, _F, "step", "next step") as buffers:
            for first, end in alike(changes, start, stop, some):
                run_chunk(target, first, end, buffers)

    def run_chunk(target: Target, first: int, end: int, buffers: Scratch) -> None:
        chunk = slice(first, end)
        todo = [k for k, step in enumerate(steps) if isinstance(step, Work) or step.active[chunk].any()]
        write, from_float = last, writes_float
        if copies and todo and isinstance(step := steps[todo[-1]], Work):
            write, from_float = step, reads_float[todo.pop()]
        pixels = pixels_of(images, first, end)
        for k in todo:
            step, dtype = steps[k], images.dtype if stay[k] else _FLOAT
            if isinstance(step, Work):
                pixels = _as_float(pixels, buffers) if reads_float[k] else pixels
                pixels = _through(step, pixels, first, buffers, dtype)
                continue
            source = into = pixels.images
            if write is last and k == todo[-1] and finishes(k, target):
                starts = np.arange(first - target.first, end - target.first) * math.prod(pixels.shape)
                pixels = Pixels(target.out, starts, pixels.shape, None)
                into = pixels.images
            elif pixels.buffer is None or pixels.values.dtype != dtype:
                pixels = _scratched(buffers, 1 - (pixels.buffer or 0), end - first, pixels.shape, dtype)
                into = pixels.images
            params = {name: values[chunk] for name, values in step.params.items()}
            step.apply_all(source, into, params, step.active[chunk])
        if pixels.values is not target.out:
            run_pass(write, _as_float(pixels, buffers) if from_float else pixels, target, first, first)

    return run_slice


def sizes(images: Images, works: Sequence[Work]) -> tuple[int, np.ndarray]:
    """The most pixels that an image has before, between or behind passes, and the places at which images begin that
    have other sizes there than the one before."""
    sides = np.stack([*images.canvas, *(side for work in works for side in (work.height, work.width))])
    return int((sides[::2] * sides[1::2]).max()), np.flatnonzero((sides[:, 1:] != sides[:, :-1]).any(axis=0)) + 1


def alike(changes: np.ndarray, start: int, stop: int, most: int) -> Iterator[tuple[int, int]]:
    """The images start..stop in parts of one size everywhere, first and end of each; at most so many in a part."""
    bounds = [start, *changes[(changes > start) & (changes < stop)].tolist(), stop]
    for begin, end in pairwise(bounds):
        for first in range(begin, end, most):
            yield first, min(first + most, end)


def _samples(work: Work) -> bool:
    return work.grid in ("aligned", "free")


def _copies(work: Work, dtype: np.dtype) -> bool:
    """Whether a pass leaves integers of this dtype: it only moves whole pixels, and fills with such integers."""
    if _samples(work) or work.color.kind != tile_passes.KEEP or work.mean_gain is not None:
        return False
    fills = work.color.fills
    return np.array_equal(np.clip(np.rint(fills), 0, np.iinfo(dtype).max), fills)


def pixels_of(images: Images, first: int, end: int) -> Pixels:
    """The images first..end, which are of one size."""
    if images.stack is not None:
        stack, rows = images.stack, images.rows[first:end]
    else:
        stack = images[first][None] if end == first + 1 else np.stack([images[i] for i in range(first, end)])
        rows = np.arange(end - first)
    shape = stack.shape[1:]
    return Pixels(flat(stack), rows * math.prod(shape), shape, None)


def _as_float(pixels: Pixels, buffers: Scratch) -> Pixels:
    """The same in scratch, where they may be written to."""
    if pixels.buffer is not None and pixels.values.dtype == _FLOAT:
        return pixels
    found = _scratched(buffers, 1 - (pixels.buffer or 0), len(pixels.starts), pixels.shape, _FLOAT)
    found.images[:] = pixels.images
    return found


def _scratched(buffers: Scratch, buffer: int, n: int, shape: tuple[int, int, int], dtype: np.dtype) -> Pixels:
    values = buffers[buffer]
    return Pixels(values if dtype == _FLOAT else values.view(dtype), np.arange(n) * math.prod(shape), shape, buffer)


def _through(work: Work, pixels: Pixels, first: int, buffers: Scratch, dtype: np.dtype) -> Pixels:
    """A pass whose result is worked on further."""
    n = len(pixels.starts)
    shape = (int(work.height[first]), int(work.width[first]), work.channels)
    found = _scratched(buffers, 1 - (pixels.buffer or 0), n, shape, dtype)
    ends = None if dtype == _FLOAT else (0, np.iinfo(dtype).max)
    run_pass(work, pixels, between(work, n, found.values, ends), first, 0)
    return found


def between(work: Work, n: int, out: np.ndarray, ends: tuple[float, float] | None) -> Target:
    """Where a pass goes whose result is worked on further, at the images' own scale: whole numbers within these ends,
    or floats, which are not clipped."""
    one, zero, whole = np.ones((n, work.channels), _F), np.zeros((n, work.channels), _F), ends is not None
    low, high = map(_F, (-np.inf, np.inf) if ends is None else ends)
    return Target(low, high, one, zero, whole, False, out, whole)


def run_pass(work: Work, pixels: Pixels, target: Target, first: int, at: int) -> None:
    """The images from `first` on through a pass, written from image number `at` of the target on."""
    if work.reduced is None:
        run(work, pixels.values, pixels.starts, pixels.shape, target, first, at)
        return
    for k, start in enumerate(pixels.starts.tolist()):
        image = pixels.values[start : start + math.prod(pixels.shape)].reshape(pixels.shape)
        run_one(work, image, target, first + k, at + k)
