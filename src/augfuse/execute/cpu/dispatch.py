"""The fused CPU executor: which loops a lowered plan goes through, and threads that share the images of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from augfuse.execute.batch_images import Images, empty_images
from augfuse.execute.cpu.image_sums import standardize as standardized
from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.execute.cpu.run import Work, flat, run, run_one, target_of, work_of
from augfuse.execute.cpu.scratch import scratch
from augfuse.plan.lowered import Lowered, Output, Pass
from augfuse.plan.ops import Local
from augfuse.threads import share

NARROW_BYTES = 2**20  # of float32 that are made float16 at a time


def execute(
    lowered: Lowered,
    images: Images,
    out: np.ndarray,
    planar: bool,
    workers: int,
    part: tuple[int, int] | None = None,
) -> None:
    """Run a plan into `out`, (n, h, w, c) or (n, c, h, w), C-contiguous and of the plan's dtype. part: which of its
    images alone are wanted, first and behind the last, and `out` has room for."""
    if part is None:
        share(prepare(lowered, images, out, planar), len(images), workers)
    else:
        prepare(lowered, images, out, planar, part[0])(*part)


def execute_each(lowered: Lowered, images: Images, workers: int) -> Images:
    """The same into new memory, for images that may come out in different sizes."""
    if not lowered.steps and lowered.output.plain:
        return images
    out = empty_images(lowered.size, lowered.channels, lowered.output.dtype)
    if out.stack is not None:
        execute(lowered, images, out.stack, False, workers)
        return out
    run_slice = _slices(lowered, images, False)

    def run(start: int, stop: int) -> None:
        for i in range(start, stop):
            run_slice(target_of(lowered.output, False, out.items[i])._replace(first=i), i, i + 1)

    share(run, len(images), workers)
    return out


def prepare(
    lowered: Lowered, images: Images, out: np.ndarray, planar: bool, first: int = 0
) -> Callable[[int, int], None]:
    """A function that carries out the images start..stop of the batch; safe to call from several threads. first: which
    of them lies at the beginning of `out`."""
    run_slice = _slices(lowered, images, planar)
    if lowered.output.dtype == np.float16:
        return _narrowed(run_slice, lowered.output, planar, out)
    target = target_of(lowered.output, planar, out)
    return partial(run_slice, target._replace(first=first) if first else target)


def _slices(lowered: Lowered, images: Images, planar: bool) -> Callable[[Target, int, int], None]:
    """A function that carries out the images start..stop of the batch into a target."""
    steps: list[Work | Local] = [
        step if isinstance(step, Local) else work_of(step, lowered.channels, lowered.low) for step in lowered.steps
    ]
    if not steps or isinstance(steps[-1], Local):
        steps.append(work_of(Pass(lowered.size), lowered.channels, lowered.low))
    last = steps.pop()
    assert isinstance(last, Work)
    standardize = lowered.output.standardize
    bulk = images.stack is not None and last.reduced is None
    several = None
    if any(isinstance(step, Pass) and (step.before or step.after) for step in lowered.steps):
        from augfuse.execute.cpu import tone_steps

        several = tone_steps.prepare(lowered, images)
    elif steps:
        from augfuse.execute.cpu import chunks  # and its kernels: loaded on first use

        several = chunks.prepare(steps, last, images)
    rows, columns = int(lowered.size.height[0]), int(lowered.size.width[0])

    def run_slice(target: Target, start: int, stop: int) -> None:
        if several is not None:
            several(target, start, stop)
        elif bulk:
            assert images.stack is not None
            shape = images.stack.shape[1:]
            run(last, flat(images.stack), images.rows[start:stop] * math.prod(shape), shape, target, start, start)
        else:
            for i in range(start, stop):
                run_one(last, images[i], target, i, i)
        if standardize is not None:
            lines, length = (rows * lowered.channels, columns) if planar else (rows, columns * lowered.channels)
            at = (start - target.first) * lines * length
            standardized(target.out, at, lines, length, standardize[start:stop])

    return run_slice


def _narrowed(
    run_slice: Callable[[Target, int, int], None], output: Output, planar: bool, out: np.ndarray
) -> Callable[[int, int], None]:
    """`run_slice` for float16: a few images at a time are made as float32, in memory that stays in a cache."""
    from augfuse.execute.cpu.passes.float16 import narrow  # compiled: loaded on first use

    size, bits = math.prod(out.shape[1:]), out.reshape(-1).view(np.uint16)
    count = max(1, NARROW_BYTES // (4 * size))
    target = target_of(output, planar, np.empty(0, np.float32))

    def run_narrowed(start: int, stop: int) -> None:
        with scratch(min(count, stop - start) * size, np.float32, "narrowed") as (floats,):
            for first in range(start, stop, count):
                end = min(first + count, stop)
                run_slice(target._replace(out=floats, first=first), first, end)
                narrow(floats, bits[first * size :], (end - first) * size)

    return run_narrowed
