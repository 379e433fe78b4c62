"""The images on their way through a program: one (n, height, width) tensor for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

from augfuse.execute.arrays.backend import Ops, Tensor


@final
class Planes(NamedTuple):
    """bits: of the whole numbers that the values are; 0: they are float32."""

    values: list[Tensor]
    height: int
    width: int
    bits: int = 0

    def floats(self, ops: Ops) -> list[Tensor]:
        """The values as float32."""
        return [ops.cast(value, "float32") for value in self.values] if self.bits else self.values


def per_image(ops: Ops, numbers: Tensor) -> Tensor:
    """(n,) numbers, to be taken with planes."""
    return ops.reshape(numbers, (-1, 1, 1))


def part(numbers: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The numbers of a step, or of a part of one, by their own names."""
    return {key.removeprefix(f"{name}."): array for key, array in numbers.items() if key.startswith(f"{name}.")}


def columns(ops: Ops, count: int, start: float, like: Tensor) -> Tensor:
    """start, start + 1, .. along the rows of planes."""
    return ops.reshape(ops.cast(ops.arange(count, like), "float32") + start, (1, 1, -1))


def rows(ops: Ops, count: int, start: float, like: Tensor) -> Tensor:
    """The same from row to row."""
    return ops.reshape(ops.cast(ops.arange(count, like), "float32") + start, (1, -1, 1))


def taken(ops: Ops, planes: Planes, places: Sequence[tuple[Tensor, Tensor]]) -> list[list[Tensor]]:
    """For each (row, column) of `places`, whole float32 numbers that lie inside, the values of all channels there.

    Whole numbers of several channels are read as one word of 32 bits: a gather is dear, and what it reads is not.
    """
    words, each = _packed(ops, planes)
    flat = [ops.reshape(word, (-1,)) for word in words]
    found: list[list[Tensor]] = []
    for row, column in places:
        at = _flat_places(ops, planes, row, column)
        got = [ops.take(line, at) for line in flat]
        found.append(_unpacked(ops, planes, got, each) if planes.bits else got)
    return found


def taken_with_next(
    ops: Ops, planes: Planes, places: Sequence[tuple[Tensor, Tensor]]
) -> list[tuple[list[Tensor], list[Tensor]]]:
    """The same of whole numbers at each place and at the one to its right, behind the last column the first one: both
    are read at once."""
    assert planes.bits
    words, each = _packed(ops, planes)
    flat = [ops.reshape(ops.pair(word, ops.roll(word)), (-1,)) for word in words]
    found: list[tuple[list[Tensor], list[Tensor]]] = []
    for row, column in places:
        at = _flat_places(ops, planes, row, column)
        halves = [ops.halves(ops.take(line, at)) for line in flat]
        left, right = ([pair[side] for pair in halves] for side in range(2))
        found.append((_unpacked(ops, planes, left, each), _unpacked(ops, planes, right, each)))
    return found


def _flat_places(ops: Ops, planes: Planes, row: Tensor, column: Tensor) -> Tensor:
    first = planes.values[0]
    numbers = ops.reshape(ops.arange(ops.length(first), first), (-1, 1, 1)) * (planes.height * planes.width)
    return numbers + ops.cast(row, "int32") * planes.width + ops.cast(column, "int32")


def _unpacked(ops: Ops, planes: Planes, words: list[Tensor], each: int) -> list[Tensor]:
    """The channels of words, as float32."""
    bits = planes.bits
    return [
        ops.cast(ops.right(words[c // each], bits * (c % each)) & (2**bits - 1), "float32")
        for c in range(len(planes.values))
    ]


def _packed(ops: Ops, planes: Planes) -> tuple[list[Tensor], int]:
    """What is gathered: words, and how many channels are in each."""
    if not planes.bits:
        return planes.values, 1
    each = 32 // planes.bits
    words: list[Tensor] = []
    for c, value in enumerate(planes.values):
        whole = ops.cast(value, "int32")
        if c % each == 0:
            words.append(whole)
        else:
            words[-1] = words[-1] | ops.left(whole, planes.bits * (c % each))
    return words, each
