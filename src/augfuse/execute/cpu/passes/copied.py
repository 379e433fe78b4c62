"""Whole-pixel moves of one image: flips, quarter turns, transposes, crops and pads copy bytes, and sample nothing.

Images are seen as bytes, `size` of them a pixel, so that one compiled routine serves every dtype and number of
channels. Maps are rows of `Sampling.matrices` whose numbers are whole: a pixel stands where the sampling loop would
find it with all of its weight, so that both give the same bytes.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.execute.cpu.passes.tile_passes import CONSTANT, NEAREST, REFLECT, WRAP
from augfuse.jit import inlined
from augfuse.simd.unaligned import copy4, copy8, copy16, copy_bytes, mirror_last_rgb, mirror_rgb, prefetch, swap_rgb

LINE = 64  # bytes that a cache holds together


@final
class Move(NamedTuple):
    """Which pixel comes where: output x and y are read at `first + step * x` (y) along the source axis they run along.

    swapped: x runs along the rows of the source, y along its columns. from_x, to_x, from_y, to_y: the part of the
    output that the source reaches.
    """

    swapped: bool
    first_x: int
    step_x: int
    first_y: int
    step_y: int
    from_x: int
    to_x: int
    from_y: int
    to_y: int


@inlined
def _reached(first: int, step: int, length: int, count: int) -> tuple[int, int]:
    """The output positions from .. to of `count` that lie within 0..length of the source."""
    if step > 0:
        start, stop = -first, length - first
    else:
        start, stop = first - length + 1, first + 1
    start = min(max(start, 0), count)
    return start, min(max(stop, start), count)


@inlined
def move_of(m: np.ndarray, height: int, width: int, out_height: int, out_width: int) -> Move:
    """The move of a map (6,), output to source: u = m0 (x + 1/2) + m1 (y + 1/2) + m2, v likewise."""
    swapped = m[0] == 0.0
    along_x, along_y = (m[3], m[1]) if swapped else (m[0], m[4])
    shift_x, shift_y = (m[5], m[2]) if swapped else (m[2], m[5])
    step_x = 1 if along_x > 0 else -1
    step_y = 1 if along_y > 0 else -1
    first_x = int(np.rint(shift_x)) - (0 if step_x > 0 else 1)
    first_y = int(np.rint(shift_y)) - (0 if step_y > 0 else 1)
    from_x, to_x = _reached(first_x, step_x, height if swapped else width, out_width)
    from_y, to_y = _reached(first_y, step_y, width if swapped else height, out_height)
    return Move(swapped, first_x, step_x, first_y, step_y, from_x, to_x, from_y, to_y)


@inlined
def border_index(index: int, length: int, mode: int) -> int:
    """Which pixel stands at a position outside 0..length - 1; a constant border is painted afterwards."""
    if 0 <= index < length:
        return index
    if mode == WRAP:
        return index % length
    if mode == REFLECT:
        index = index % (2 * length)
        return index if index < length else 2 * length - 1 - index
    return min(max(index, 0), length - 1)


@inlined
def _put(source: np.ndarray, at: int, target: np.ndarray, to: int, size: int) -> None:
    """One pixel."""
    for b in range(size):
        target[to + b] = source[at + b]


@inlined
def _mirrored(source: np.ndarray, end: int, target: np.ndarray, to: int, count: int, size: int) -> None:
    """`count` pixels in reverse order: those before `end`. Words may reach over a pixel's end in the target, which is
    written next, but not over that of the last one."""
    if size == 1:
        a = source[end - count : end]
        b = target[to : to + count]
        for p in range(count):
            b[p] = a[count - 1 - p]
    elif size == 3 and count > 5:
        for block in range((count - 1) // 5):
            mirror_rgb(source, end - 15 * (block + 1) - 1, target, to + 15 * block)
        mirror_last_rgb(source, end - 3 * count, target, to + 3 * (count - 5))
    elif size == 4:
        for p in range(count):
            copy4(source, end - 4 * (p + 1), target, to + 4 * p)
    elif size == 6 or size == 8:
        _put(source, end - size, target, to, size)
        for p in range(1, count - 1):
            copy8(source, end - size * (p + 1), target, to + size * p)
        _put(source, end - size * count, target, to + size * (count - 1), size)
    elif size == 12 or size == 16:
        _put(source, end - size, target, to, size)
        for p in range(1, count - 1):
            copy16(source, end - size * (p + 1), target, to + size * p)
        _put(source, end - size * count, target, to + size * (count - 1), size)
    else:
        for p in range(count):
            _put(source, end - size * (p + 1), target, to + size * p, size)


@inlined
def _swapped_row(
    source: np.ndarray, start: int, along: int, target: np.ndarray, to: int, size: int, count: int, over: bool
) -> None:
    """`count` pixels, `along` bytes apart in the source; over: bytes behind a pixel may be read."""
    if size == 3 and over:
        for x in range(count - 1):
            copy4(source, start + x * along, target, to + 3 * x)
        _put(source, start + (count - 1) * along, target, to + 3 * (count - 1), 3)
    elif size == 4:
        for x in range(count):
            copy4(source, start + x * along, target, to + 4 * x)
    elif size == 12 and over:
        for x in range(count - 1):
            copy16(source, start + x * along, target, to + 12 * x)
        _put(source, start + (count - 1) * along, target, to + 12 * (count - 1), 12)
    else:
        for x in range(count):
            _put(source, start + x * along, target, to + size * x, size)


@inlined
def _swapped_rows(
    source: np.ndarray, base: int, height: int, width: int, size: int, move: Move, border: int, target: np.ndarray,
    to: int, start: int, stop: int, out_width: int,
) -> None:  # fmt: skip
    """Rows start..stop of an output whose rows are columns of the source."""
    count = move.to_x - move.from_x
    along = move.step_x * width * size
    first = move.first_x + move.step_x * move.from_x  # the source row of the first pixel that is reached
    # Four rows are written together, but for their last pixels: words reach over the end of what they bring.
    done, blocks = 0, (count - 2) // 4 if size == 3 else 0
    for y in range(start, stop):
        column = border_index(move.first_y + move.step_y * y, width, border)
        into = to + (y - start) * out_width * size
        if done == 0 and blocks > 0 and y + 4 <= stop:
            one, other = move.first_y + move.step_y * y, move.first_y + move.step_y * (y + 3)
            leftmost = min(one, other)
            if leftmost >= 0 and leftmost + 6 <= width:
                done = 4
                begin, apart = base + (first * width + leftmost) * size, out_width * size * move.step_y
                at = into + (move.from_x + (0 if move.step_y > 0 else 3 * out_width)) * size
                for block in range(blocks):
                    swap_rgb(source, begin + 4 * block * along, along, target, at + 4 * block * size, apart)
        if count > 0:
            x = 4 * blocks if done > 0 else 0
            begin = base + ((first + move.step_x * x) * width + column) * size
            over = column < width - 1  # or the last pixel of a buffer might be among them
            _swapped_row(source, begin, along, target, into + (move.from_x + x) * size, size, count - x, over)
        done = max(done - 1, 0)
        for x in range(move.from_x):
            row = border_index(move.first_x + move.step_x * x, height, border)
            _put(source, base + (row * width + column) * size, target, into + x * size, size)
        for x in range(move.to_x, out_width):
            row = border_index(move.first_x + move.step_x * x, height, border)
            _put(source, base + (row * width + column) * size, target, into + x * size, size)


@inlined
def _margin(
    source: np.ndarray, row: int, width: int, size: int, move: Move, border: int, target: np.ndarray, into: int,
    start: int, stop: int, out_width: int, last: int,
) -> None:  # fmt: skip
    """Pixels start..stop of an output row, which lie outside of the source row that begins at byte `row`."""
    for x in range(start, stop):
        at = row + border_index(move.first_x + move.step_x * x, width, border) * size
        if size == 3 and x < out_width - 1 and at < last:
            copy4(source, at, target, into + 3 * x)
        else:
            _put(source, at, target, into + x * size, size)


@inlined
def _repeated(target: np.ndarray, to: int, size: int, count: int) -> None:
    """The pixel at byte `to`, `count` times in a row."""
    done = 1
    while done < count:
        more = min(done, count - done)
        copy_bytes(target, to, target, to + done * size, more * size)
        done += more


@inlined
def move_rows(
    source: np.ndarray, base: int, height: int, width: int, size: int, move: Move, border: int, target: np.ndarray,
    to: int, start: int, stop: int, out_width: int,
) -> None:  # fmt: skip
    """Rows start..stop of the moved image to `target`, from byte `to` on; the source image begins at byte `base`. What
    a constant border surrounds is left as it is: it is painted afterwards.
    """
    if move.swapped:
        _swapped_rows(source, base, height, width, size, move, border, target, to, start, stop, out_width)
    else:
        shift_rows(source, base, height, width, size, move, border, target, to, start, stop, out_width)


@inlined
def shift_rows(
    source: np.ndarray, base: int, height: int, width: int, size: int, move: Move, border: int, target: np.ndarray,
    to: int, start: int, stop: int, out_width: int,
) -> None:  # fmt: skip
    """The same of moves that swap no axes."""
    count = move.to_x - move.from_x
    last = base + (height * width - 1) * size
    before, line = -1, -1
    for y in range(start, stop):
        if border == CONSTANT and not move.from_y <= y < move.to_y:
            continue
        before, line = line, border_index(move.first_y + move.step_y * y, height, border)
        row = base + line * width * size
        into = to + (y - start) * out_width * size
        if line == before:  # above or below the image
            copy_bytes(target, into - out_width * size, target, into, out_width * size)
            continue
        if move.step_x < 0 or move.step_y < 0:
            for b in range(0, width * size, LINE):
                prefetch(source, row + move.step_y * width * size + b)
        # From left to right: words reach over the end of a pixel, and what they reach is written next.
        if border != CONSTANT and (border != NEAREST or count == 0):
            _margin(source, row, width, size, move, border, target, into, 0, move.from_x, out_width, last)
        if count > 0:
            first = move.first_x + move.step_x * move.from_x  # the source column of the first one that is reached
            if move.step_x > 0:
                copy_bytes(source, row + first * size, target, into + move.from_x * size, count * size)
            else:
                _mirrored(source, row + (first + 1) * size, target, into + move.from_x * size, count, size)
        if border == NEAREST and count > 0:
            if move.from_x > 0:
                _put(target, into + move.from_x * size, target, into, size)
                _repeated(target, into, size, move.from_x)
            if move.to_x < out_width:
                _repeated(target, into + (move.to_x - 1) * size, size, out_width - move.to_x + 1)
        elif border != CONSTANT:
            _margin(source, row, width, size, move, border, target, into, move.to_x, out_width, out_width, last)
