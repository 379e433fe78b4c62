"""Single calls one after the other: the plans of positions beside one another are made together, and kept.

A plan is a function of positions, so that of an image does not depend on how many others it is made with. For one image
Python takes 130 us, for 32 of them 165 (AMD EPYC Zen 3, November 2026). An epoch asks for every position once, in
whatever order, so what is made with the first of 32 serves the others when they come.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any, final

import msgspec
import numpy as np

from augfuse.algebra.rng import check_seed, fresh_seed
from augfuse.errors import AugfuseError
from augfuse.execute.batch_images import Images
from augfuse.execute.load import executor
from augfuse.plan.lowered import Lowered
from augfuse.plan.settings import Source
from augfuse.recipe_call.arguments import allocated
from augfuse.recipe_call.unchecked import Inner
from augfuse.transforms.base import Seeking, Transform
from augfuse.transforms.children import tree
from augfuse.transforms.compose import When
from augfuse.transforms.mix_base import Mix
from augfuse.transforms.views import Views

TOGETHER = 32
MOST_KEPT = 2**24  # bytes of plans that are kept for positions to come: 65 000 positions of affine maps and colours

_ROWS = np.zeros(TOGETHER, np.int64)  # one image stands for all


@final
class _Kept:
    """The plans for calls of one kind. key: what they were made for. blocks: those of TOGETHER positions, by the number
    of the block; None where one of them cannot be planned. newest: the block that was made last. numbers: hands out the
    positions of calls without a seed, each of them once."""

    __slots__ = ("blocks", "key", "last", "newest", "numbers", "size")

    def __init__(self, key: tuple[Any, ...], index: int) -> None:
        self.key = key
        self.last = index
        self.blocks: dict[int, Lowered | None] = {}
        self.newest: tuple[int, Lowered | None] = (-1, None)
        self.numbers = itertools.count()
        self.size = 0


@final
class InTurn:
    """What single calls of one recipe have planned. Threads may share it: plans are added whole, and
    `last` only says whether to plan ahead."""

    __slots__ = ("_kept", "_suits")

    def __init__(self, transforms: Sequence[Transform]) -> None:
        # What is planned from positions and sizes alone.
        asks = (When, Seeking, Views, Mix)
        self._suits = not any(isinstance(transform, asks) for _, transform in tree(transforms))
        self._kept: _Kept | None = None

    def image(self, inner: Inner, seed: int | None, epoch: int, index: int, images: Images) -> np.ndarray | None:
        """The image (h, w, c) that comes out; None where this is not a call like the one before it: of images of one
        size, with the same seed and epoch."""
        if not self._suits or images.stack is None:
            return None
        key = (seed, os.getpid() if seed is None else 0, epoch, images.stack.shape, images.dtype)
        kept = self._kept
        if kept is None or kept.key != key:
            self._kept = _Kept(key, index)
            return None
        number, place = divmod(index if seed is not None else next(kept.numbers), TOGETHER)
        newest = kept.newest
        if number == newest[0]:
            lowered = newest[1]
        elif number in kept.blocks:
            lowered = kept.blocks[number]
        elif kept.size < MOST_KEPT or index == kept.last + 1:
            lowered = self._plan(inner, key, number, images)
            kept.newest = number, lowered
            if seed is not None and kept.size < MOST_KEPT:
                kept.blocks[number] = lowered
                kept.size += _size(lowered)
        else:
            lowered = None
        kept.last = index
        if lowered is None:
            return None
        shape = (1, int(lowered.size.height[0]), int(lowered.size.width[0]), lowered.channels)
        out = allocated(np.empty, shape, lowered.output.dtype)
        executor()(lowered, Images(stack=images.stack, rows=_ROWS), out, False, 1, (place, place + 1))
        return out[0]

    @staticmethod
    def _plan(inner: Inner, key: tuple[Any, ...], number: int, images: Images) -> Lowered | None:
        """That of a block; None where it is none of positions that there are."""
        seed, first = (fresh_seed(), 0) if key[0] is None else (key[0], number * TOGETHER)
        if first >= np.iinfo(np.int64).max - TOGETHER:
            return None
        indices = np.arange(first, first + TOGETHER)
        alike = Images(stack=images.stack, rows=_ROWS)
        try:
            drawn = inner.draw(check_seed(seed), key[2], indices, None, None)
            plan = inner.plan(drawn, Source(alike.canvas, images.channels, images.dtype), None)
        except AugfuseError:
            return None  # of this position, which says so by itself, or of one that is not asked for yet
        return plan.lowered


def _size(part: Any) -> int:
    """Bytes of the arrays in a lowered plan, and about what holds them."""
    if isinstance(part, np.ndarray):
        return part.nbytes + 128
    if isinstance(part, msgspec.Struct):
        part = msgspec.structs.astuple(part)
    if isinstance(part, dict):
        part = tuple(part.values())
    return sum(map(_size, part)) if isinstance(part, tuple) else 0
