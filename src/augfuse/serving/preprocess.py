"""A program on pixels, with the array functions of any framework: what every artefact holds.

An image shrinks along its axes by two products with matrices of weights, one row for each row or column that comes
out: the means of what is covered, or two or four neighbours, as `execute.reference.scale` says it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from augfuse.algebra.geometry import EDGE
from augfuse.serving.placement import Axis, followed
from augfuse.serving.program import Kernel, Program

_A = -0.75  # of the cubic kernel
_FAR = 1e9
_WHITE = 255
# A scale of 3:2 is not above 3:2 where there is no float64 either.
_SLACK = 2.0**-20


class Arrays(Protocol):
    """The array functions of a framework, by their names in NumPy. Images are (n, h, w, c)."""

    def maximum(self, a: Any, b: Any, /) -> Any: ...
    def minimum(self, a: Any, b: Any, /) -> Any: ...
    def floor(self, a: Any, /) -> Any: ...
    def round(self, a: Any, /) -> Any: ...
    def sqrt(self, a: Any, /) -> Any: ...
    def equal(self, a: Any, b: Any, /) -> Any: ...
    def where(self, condition: Any, a: Any, b: Any, /) -> Any: ...

    def places(self, values: np.ndarray, /) -> Any:
        """A constant, as places are computed: float64 where the framework has it."""
        ...

    def positions(self, images: Any, axis: int, /) -> Any:
        """0, 1, 2, ... along an axis, as places are computed, (length,)."""
        ...

    def length(self, images: Any, axis: int, /) -> Any:
        """How many there are, as a scalar of the same kind."""
        ...

    def pixels(self, values: Any, /) -> Any:
        """An array, or a constant of NumPy's, as float32."""
        ...

    def contracted(self, rows: Any, columns: Any, images: Any, /) -> Any:
        """(n, h', w', c), of float32 weights (h', h) and (w', w)."""
        ...

    def mixed(self, images: Any, matrix: Any, /) -> Any:
        """Each pixel (c,) times a matrix (c, c)."""
        ...

    def scaled(self, images: Any, scale: np.ndarray, bias: np.ndarray, /) -> Any:
        """Times a scale plus a bias, for each channel."""
        ...

    def mean(self, images: Any, /) -> Any:
        """Of each image, (n, 1, 1, 1)."""
        ...


def preprocessed(program: Program, xp: Arrays, images: Any) -> Any:
    """float32 (n, h', w', c), what the recipe writes for evaluation, of uint8 images (n, h, w, c)."""
    found = xp.pixels(images)
    axes = lengths = None
    if program.moves:
        lengths = xp.length(images, 1), xp.length(images, 2)
        axes = followed(program.moves, xp, *lengths)
        found = _moved(program, xp, images, axes, lengths)
    if program.color is not None:
        matrix, added = program.color[:, :-1], program.color[:, -1]
        found = xp.mixed(found, xp.pixels(matrix)) + xp.pixels(added)
    if axes is not None and lengths is not None and program.fills is not None:
        found = _filled(program, xp, found, axes, lengths)
    if program.moves or program.color is not None or program.low > 0 or program.high < _WHITE:
        low, high = (xp.pixels(np.full(1, end)) for end in (program.low, program.high))
        found = xp.minimum(xp.maximum(found, low), high)
    found = xp.scaled(found, program.scale, program.bias)
    return _standardized(program, xp, found) if program.standardize else found


def _moved(program: Program, xp: Arrays, images: Any, axes: tuple[Axis, Axis], lengths: tuple[Any, Any]) -> Any:
    assert program.size is not None
    rows, columns = (
        xp.pixels(_weights(xp, program.kernel, axis, xp.positions(images, number)[None, :], length, count))
        for number, (axis, length, count) in enumerate(zip(axes, lengths, program.size, strict=True), 1)
    )
    return xp.contracted(rows, columns, xp.pixels(images))


def _filled(program: Program, xp: Arrays, images: Any, axes: tuple[Axis, Axis], lengths: tuple[Any, Any]) -> Any:
    """The fill colour where the middle of a pixel lies outside of the image."""
    assert program.size is not None
    fills = xp.pixels(program.fills)
    for number, (axis, length, count) in enumerate(zip(axes, lengths, program.size, strict=True), 1):
        shape = [1, 1, 1, 1]
        shape[number] = count
        middle = _read_at(axis, xp.places(np.arange(count).reshape(shape) + 0.5))
        pixel = xp.floor(middle + EDGE)
        images = xp.where((pixel >= 0) & (pixel < length), images, fills)
    return images


def _standardized(program: Program, xp: Arrays, images: Any) -> Any:
    centred = images - xp.mean(images)
    pixels = xp.length(images, 1) * xp.length(images, 2) * float(program.channels)
    return centred / xp.maximum(xp.sqrt(xp.mean(centred * centred)), 1.0 / xp.sqrt(xp.pixels(pixels)))


def _read_at(axis: Axis, place: Any) -> Any:
    """Where in the image a place of what comes out, a constant, is read."""
    inverse = 1.0 / axis.scale
    return -axis.shift * inverse + inverse * place  # in this order: a constant on the left asks for the other's values


def _weights(xp: Arrays, kernel: Kernel, axis: Axis, cells: Any, length: Any, count: int) -> Any:
    """(count, length): how much of each position, `cells` (1, length), is in each that comes out."""
    at = xp.places(np.arange(count)[:, None])
    lower, upper = _read_at(axis, at), _read_at(axis, at + 1.0)
    middle, last = (lower + upper) / 2.0, length - 1.0

    def one(position: Any) -> Any:
        """1 at a position, where beyond the edge its pixel goes on."""
        return xp.where(xp.equal(cells, xp.minimum(xp.maximum(position, 0.0), last)), 1.0, 0.0)

    if kernel.interpolation == "nearest":
        return one(xp.floor(middle + EDGE))
    first = xp.floor(middle - 0.5)
    blended = sum(
        one(first + float(step)) * part for step, part in _taps(middle - 0.5 - first, kernel.interpolation == "bicubic")
    )
    left, right = xp.where(xp.equal(cells, 0.0), -_FAR, cells), xp.where(xp.equal(cells, last), _FAR, cells + 1.0)
    covered = xp.maximum(xp.minimum(right, upper) - xp.maximum(left, lower), 0.0) / (upper - lower)
    return xp.where(1.0 / axis.scale > kernel.above + _SLACK, covered, blended)


def _taps(t: Any, cubic: bool) -> list[tuple[int, Any]]:
    """The neighbours around a place, and how much of each is in it; t: how far behind the first it lies."""
    if not cubic:
        return [(0, 1.0 - t), (1, t)]

    def near(s: Any) -> Any:
        return (_A + 2) * s * s * s - (_A + 3) * s * s + 1.0

    def far(s: Any) -> Any:
        return _A * s * s * s - 5 * _A * s * s + 8 * _A * s - 4 * _A

    return [(-1, far(1.0 + t)), (0, near(t)), (1, near(1.0 - t)), (2, far(2.0 - t))]
