"""Draws, matrices and fusion inside a compiled program: the numbers that `run` takes, made of a seed, an epoch and
indices which may be tensors.

The recipe's own code makes them, see `traced`. What it asks for is found out on the host, once, when a program is made:
which words its draws need, which passes there are, and whether one of them shrinks so far that it is averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Range, ends
from augfuse.algebra.rng import Slots
from augfuse.algebra.traced import Key, NotTraceableError, Traced
from augfuse.errors import AugfuseError, RecipeError
from augfuse.execute.arrays import philox32 as philox
from augfuse.execute.arrays.numpy_names import algebra_for
from augfuse.execute.arrays.prepare import prepare
from augfuse.execute.arrays.static import Static, StaticPass, StaticStep
from augfuse.plan.draw import draw
from augfuse.plan.lowered import Lowered, Pass
from augfuse.plan.make_plan import checked, make
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Settings, Source
from augfuse.transforms.base import Transform
from augfuse.transforms.children import tree
from augfuse.transforms.compose import Schedule

_TRIALS = 1024  # draws from which it is found out how far a recipe shrinks
_MARGIN = 0.9  # what comes as near to the limit as this may pass it in other draws


@final
class Words:
    """`rng.Words` of positions that a program is given: words (4, 2, s, n) of the blocks that a recipe asks for."""

    def __init__(self, slots: Slots, ops: Any, seed: int, epoch: Any, indices: Any) -> None:
        self.seed, self.epoch, self.indices = 0, 0, np.zeros(1, np.int64)  # of how many images: see `Traced`
        self._rows = slots.known.rows
        self._ops = ops
        counts = slots.known.blocks
        if len(counts):
            each = np.repeat(slots.known.slots, counts)
            blocks = np.concatenate([np.arange(int(count)) for count in counts])
            self._words = philox.words(ops, seed, each, blocks, epoch, indices)

    def _blocks(self, path: str, count: int) -> slice:
        """Where the blocks of a path are."""
        rows = self._rows.get(path)
        if rows is None or rows.stop - rows.start < count:
            raise NotTraceableError(f"it draws {path} sometimes, and a compiled program draws the same each time.")
        return slice(rows.start // 4, rows.stop // 4)

    def key(self, path: str) -> Key:
        """128 bits for each image."""
        block = self._blocks(path, 2).start
        return Key(self._ops.stack([self._words[k, half, block] for k in range(2) for half in range(2)], 1))

    def units(self, path: str, count: int) -> Traced:
        """(count, n), uniform in [0, 1)."""
        ops = self._ops
        units = philox.unit(ops, ops.transpose(self._words[:, :, self._blocks(path, count)], (1, 2, 0, 3)))
        return Traced(ops.reshape(units, (4 * int(units.shape[0]), -1))[:count], ops)

    def below(self, path: str, p: float) -> Traced:
        """(n,) bool, the host's own."""
        return Traced(philox.below(self._ops, self._first(path), p), self._ops)

    def uniform(self, path: str, bounds: Range) -> Traced | np.ndarray:
        """(n,), uniform in [low, high)."""
        low, high = ends(bounds)
        if low == high:
            return np.full(1, low)
        return Traced(low + (high - low) * philox.unit(self._ops, self._first(path)), self._ops)

    def _first(self, path: str) -> Any:
        return self._words[0, :, self._blocks(path, 1).start]


@final
class Program:
    """A recipe for images of one size, whose draws happen where it runs.

    static: the program that `run` takes. Raises RecipeError, when it is made, for what cannot be drawn in a compiled
    program, by name.
    """

    def __init__(
        self, transforms: Sequence[Transform], settings: Settings, slots: Slots, images: Source, dtype: np.dtype,
        epoch: int | None,
    ) -> None:  # fmt: skip
        """images: their size, of one image. dtype: what comes out. epoch: which one it is, where that is known when the
        program is made."""
        self._dtype = dtype
        self._recipe = transforms, settings, slots
        self._images = images
        self._epoch = epoch
        if epoch is None and any(isinstance(transform, Schedule) for _, transform in tree(transforms)):
            raise RecipeError(
                "Schedule: a compiled program does not know its epoch when it is compiled. Put it into the loader's "
                "recipe."
            )
        shape = int(images.canvas.height[0]), int(images.canvas.width[0])
        count = max(1, min(_TRIALS, 2**28 // (shape[0] * shape[1])))
        tried = self._planned(np.arange(count, dtype=np.int64), None)
        self.static, self._shrinks = _with_margin(prepare(tried)[0], tried.lowered)
        self._try()

    def _try(self) -> None:
        """Make numbers with NumPy: what cannot become part of a program shows."""
        try:
            self.numbers(algebra_for("host"), 0, np.zeros(2), np.zeros((2, 1)))
        except AugfuseError:
            raise
        except Exception as error:  # of a class that is not ours
            raise NotTraceableError(f"it does what a compiled program cannot: {error}.") from error

    def numbers(self, ops: Any, seed: int, epoch: Any, indices: Any) -> dict[str, Any]:
        """What `run` takes, by name, one row for each image. epoch (2,) and indices (2, n): words of 32 bits, the low
        halves first."""
        ops.shrinks = self._shrinks
        words = Words(self._recipe[2], ops, seed, epoch, indices)
        found = prepare(self._planned(words.indices, words), self.static)[1]
        count = ops.length(indices)
        return {name: _rows(ops, value, count) for name, value in found.items()}

    def _planned(self, indices: np.ndarray, words: Words | None) -> Plan:
        transforms, settings, slots = self._recipe
        canvas, channels, dtype = self._images.canvas, self._images.channels, self._images.dtype
        sizes = Canvas(*(np.full(len(indices), side[0]) for side in canvas))
        drawn = draw(transforms, 0, self._epoch or 0, indices, slots=slots, words=words)
        return checked(make(drawn, settings, Source(sizes, channels, dtype), self._dtype))


def _rows(ops: Any, value: Any, count: Any) -> Any:
    """A tensor with a row for each image."""
    if isinstance(value, Key):
        return value.halves
    tensor = value.tensor if isinstance(value, Traced) else ops.array(value)
    return ops.broadcast_to(tensor, (count, *tensor.shape[1:]))


def _with_margin(static: Static, lowered: Lowered | None) -> tuple[Static, bool]:
    """The program which averages also where others of its draws may shrink by more than those that were tried; and
    whether a pass averages on the source's own grid."""
    assert lowered is not None
    steps: list[StaticStep] = []
    shrinks = False
    for step, made in zip(static.steps, lowered.steps, strict=True):
        if isinstance(step, StaticPass) and step.sampling is not None and isinstance(made, Pass):
            averages = step.sampling.averages or _nearly(made, step.sampling.grid)
            shrinks = shrinks or (averages and step.sampling.grid == "free")
            step = step._replace(sampling=step.sampling._replace(averages=averages))
        steps.append(step)
    return static._replace(steps=tuple(steps)), shrinks


def _nearly(made: Pass, grid: str) -> bool:
    assert made.sampling is not None
    m = made.sampling.matrices
    spans = np.abs(m[:, [0, 4]])
    if grid == "free":
        spans = np.sqrt(m[:, [0, 3]] ** 2 + m[:, [1, 4]] ** 2)
    return bool((spans > _MARGIN * made.sampling.averages_above).any())
