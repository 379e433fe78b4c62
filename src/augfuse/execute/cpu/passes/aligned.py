"""Images that are scaled and shifted along their axes: rows and columns are blended apart, straight into the output.

An output pixel is the area mean of what it covers along an axis that shrinks by more than 1.5, else the blend of two or
four neighbours. All are taps: which source pixels along an axis, and their weights. For each output row the source rows
are added up into one row of floats, its columns are blended into the pixels of the output, and these are written as
those of `shifted`.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import EDGE
from augfuse.execute.cpu.kernel_arguments import Color, Target, Warp
from augfuse.execute.cpu.passes.copied import Move, border_index
from augfuse.execute.cpu.passes.cubic import cubic_weights
from augfuse.execute.cpu.passes.shifted import paint_outside
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, GAIN, MATRIX, NEAREST, REFLECT, WRAP
from augfuse.execute.cpu.passes.unmoved import TILE, is_rgb, new_row, repeat, write, write_rgb
from augfuse.jit import inlined, jit
from augfuse.simd.unaligned import add1, add4, blend4, halve_rgb, pair1, pair2, pair3, pair4

LINES = 2**11  # floats: rows that lie in the L1 cache until they are written

F = np.float32


@final
class Taps(NamedTuple):
    """The taps of each output position along one axis."""

    counts: np.ndarray  # (n,) int64
    places: np.ndarray  # (n, most) int64: source positions
    weights: np.ndarray  # (n, most) float32


@inlined
def _add(taps: Taps, i: int, index: int, weight: float, merges: bool) -> None:
    """One more tap; merges: onto the one before, if it is the same source pixel."""
    count = taps.counts[i]
    if merges and count > 0 and taps.places[i, count - 1] == index:
        taps.weights[i, count - 1] += F(weight)
    else:
        taps.places[i, count] = index
        taps.weights[i, count] = F(weight)
        taps.counts[i] = count + 1


@inlined
def area(taps: Taps, i: int, low: float, high: float, length: int, border: int, whole: np.ndarray) -> None:
    """The mean of what lies between two places of the source."""
    span = high - low
    if border != REFLECT and border != WRAP:
        if low < 0.0:  # what lies outside counts as the pixel at the edge
            _add(taps, i, 0, (min(high, 0.0) - low) / span, True)
        for j in range(max(int(np.floor(low)), 0), min(int(np.ceil(high)), length)):
            _add(taps, i, j, (min(high, j + 1.0) - max(low, j * 1.0)) / span, True)
        if high > length:
            _add(taps, i, length - 1, (high - max(low, length * 1.0)) / span, True)
        return
    first, last = int(np.floor(low)), int(np.ceil(high))
    if last - first <= length:
        for j in range(first, last):
            _add(taps, i, border_index(j, length, border), (min(high, j + 1.0) - max(low, j * 1.0)) / span, False)
        return
    whole[:] = 0.0
    for j in range(first, last):  # more cells than there are pixels
        whole[border_index(j, length, border)] += (min(high, j + 1.0) - max(low, j * 1.0)) / span
    for j in range(length):
        _add(taps, i, j, whole[j], False)


@inlined
def _blend(taps: Taps, i: int, place: float, length: int, border: int) -> None:
    """Two neighbours, by where the place lies between their centres."""
    if border == WRAP:
        place -= 0.5
        left = np.floor(place)
        part = place - left
        _add(taps, i, border_index(int(left), length, border), 1.0 - part, False)
        _add(taps, i, border_index(int(left) + 1, length, border), part, False)
        return
    if border == REFLECT:
        place -= 2.0 * length * np.floor(place / (2.0 * length))
        place = min(place, 2.0 * length - place)
    place = min(max(place - 0.5, 0.0), length - 1.0)
    left = min(int(place), max(length - 2, 0))
    part = place - left
    _add(taps, i, left, 1.0 - part, False)
    if length > 1:
        _add(taps, i, left + 1, part, False)


@inlined
def _cubic(taps: Taps, i: int, place: float, length: int, border: int) -> None:
    """Four neighbours by the bicubic weights; those that a border folds onto one pixel are one tap."""
    left = int(np.floor(place - 0.5))
    w0, w1, w2, w3 = cubic_weights(place - 0.5 - left)
    a, b = border_index(left - 1, length, border), border_index(left, length, border)
    c, d = border_index(left + 1, length, border), border_index(left + 2, length, border)
    low, high = min(min(a, b), min(c, d)), max(max(a, b), max(c, d))
    if high - low > 3:  # around the seam of a wrapped image
        _add(taps, i, a, w0, False)
        _add(taps, i, b, w1, False)
        _add(taps, i, c, w2, False)
        _add(taps, i, d, w3, False)
        return
    low = max(min(low, length - 4), 0)  # as many taps for each, where there are so many pixels
    for j in range(low, min(low + 4, length)):
        first, second = (w0 if a == j else 0.0) + (w1 if b == j else 0.0), (w2 if c == j else 0.0)
        _add(taps, i, j, first + second + (w3 if d == j else 0.0), False)


@inlined
def _taps_of(
    taps: Taps, scale: float, shift: float, length: int, count: int, border: int, warp: Warp, whole: np.ndarray
) -> tuple[bool, int, int, int, int]:
    """The taps of `count` output positions along an axis of the source.

    Returns whether those of each are neighbours, the source positions that are needed, and the output positions whose
    centres lie in the source.
    """
    together, low, high = True, length, 0
    start, stop = count, 0
    for i in range(count):
        taps.counts[i] = 0
        place = scale * (i + 0.5) + shift
        if -EDGE <= place < length - EDGE:
            start, stop = min(start, i), i + 1
        if warp.nearest:
            _add(taps, i, border_index(int(np.floor(place + EDGE)), length, border), 1.0, False)
        elif abs(scale) > warp.area_above:
            one, other = scale * i + shift, scale * (i + 1.0) + shift
            area(taps, i, min(one, other), max(one, other), length, border, whole)
        elif warp.cubic:
            _cubic(taps, i, place, length, border)
        else:
            _blend(taps, i, place, length, border)
        for k in range(taps.counts[i]):
            j = taps.places[i, k]
            low, high = min(low, j), max(high, j + 1)
            together = together and j == taps.places[i, 0] + k
    return together, low, high, start, stop


@inlined
def _most_taps(scale: float, length: int, warp: Warp) -> int:
    """How many taps an output position has at most."""
    if warp.nearest:
        return 1
    if abs(scale) <= warp.area_above:
        return 4 if warp.cubic else 2
    return min(int(abs(scale)) + 4, length + 2)


@inlined
def add_rows(
    src: np.ndarray, base: int, stride: int, first: int, size: int, taps: Taps, y: int, row: np.ndarray
) -> None:
    """The source rows of output row y, each times its weight, as one row: `size` values from column `first` on."""
    count = taps.counts[y]
    weight = taps.weights[y]
    a = src[base + taps.places[y, 0] * stride + first : base + taps.places[y, 0] * stride + first + size]
    w0 = weight[0]
    if count == 1:
        for p in range(size):
            row[p] = w0 * F(a[p])
        return
    b = src[base + taps.places[y, 1] * stride + first : base + taps.places[y, 1] * stride + first + size]
    w1 = weight[1]
    if count == 2:
        for p in range(size):
            row[p] = w0 * F(a[p]) + w1 * F(b[p])
        return
    c = src[base + taps.places[y, 2] * stride + first : base + taps.places[y, 2] * stride + first + size]
    w2 = weight[2]
    if count == 4:
        d = src[base + taps.places[y, 3] * stride + first : base + taps.places[y, 3] * stride + first + size]
        w3 = weight[3]
        for p in range(size):
            row[p] = w0 * F(a[p]) + w1 * F(b[p]) + w2 * F(c[p]) + w3 * F(d[p])
        return
    for p in range(size):
        row[p] = w0 * F(a[p]) + w1 * F(b[p]) + w2 * F(c[p])
    for k in range(3, count):
        d = src[base + taps.places[y, k] * stride + first : base + taps.places[y, k] * stride + first + size]
        w = weight[k]
        for p in range(size):
            row[p] += w * F(d[p])


@inlined
def blend_fours(
    row: np.ndarray, at: np.ndarray, weights: np.ndarray, most: int, fours: np.ndarray, taps: int, channels: int,
    line: np.ndarray, to: int,
) -> None:  # fmt: skip
    """The pixels of one output row, four floats at a time; of RGB the fourth one is written over by the next pixel.

    at (n,): where the taps of each begin in `row`. Each has as many `taps`; weights (n, most), flat; fours (n, 4):
    the same of up to four.
    """
    count = len(at)
    pairs = range(0, count - 1, 2)
    if taps == 1:
        for x in pairs:
            pair1(row, at[x], at[x + 1], fours, 4 * x, channels, line, to + x * channels)
    elif taps == 2:
        for x in pairs:
            pair2(row, at[x], at[x + 1], fours, 4 * x, channels, line, to + x * channels)
    elif taps == 3:
        for x in pairs:
            pair3(row, at[x], at[x + 1], fours, 4 * x, channels, line, to + x * channels)
    elif taps == 4:
        for x in pairs:
            pair4(row, at[x], at[x + 1], fours, 4 * x, channels, line, to + x * channels)
    else:
        for x in range(count):
            into, w, done = to + x * channels, x * most, 4
            blend4(row, at[x], weights, w, channels, line, into)
            while done + 4 <= taps:
                add4(row, at[x] + done * channels, weights, w + done, channels, line, into)
                done += 4
            for k in range(done, taps):
                add1(row, at[x] + k * channels, weights, w + k, channels, line, into)
        return
    if count % 2:
        blend4(row, at[count - 1], fours, 4 * (count - 1), channels, line, to + (count - 1) * channels)


@inlined
def blend_any(row: np.ndarray, first: int, channels: int, taps: Taps, line: np.ndarray, to: int) -> None:
    """The same for any number of channels, and taps that are not neighbours."""
    for x in range(len(taps.counts)):
        for c in range(channels):
            total = F(0)
            for k in range(taps.counts[x]):
                total += taps.weights[x, k] * row[(taps.places[x, k] - first) * channels + c]
            line[to + x * channels + c] = total


@inlined
def blend_twos(row: np.ndarray, at: np.ndarray, fours: np.ndarray, channels: int, line: np.ndarray, to: int) -> None:
    """The same as by `blend_any`, of two neighbours."""
    for x in range(len(at)):
        first, second = fours[4 * x], fours[4 * x + 1]
        for c in range(channels):
            k = at[x] + c
            line[to + x * channels + c] = second * row[k + channels] + first * row[k]


@inlined
def _keeps(m: np.ndarray, height: int, width: int, out_height: int, out_width: int) -> bool:
    """Whether every pixel stays where it is: its own weight is 1, and that of any other is 0."""
    return m[0] == 1.0 and m[2] == 0.0 and m[4] == 1.0 and m[5] == 0.0 and height == out_height and width == out_width


@inlined
def _halves(scale: float, shift: float, length: int, count: int, warp: Warp) -> bool:
    """Whether each output position is the mean of two whole pixels of the source."""
    averaged = scale == 2.0 and warp.area_above < 2.0 and not warp.nearest
    return averaged and shift == np.floor(shift) and 0 <= shift <= length - 2 * count


@inlined
def _halve(src: np.ndarray, upper: int, lower: int, count: int, line: np.ndarray, to: int) -> None:
    """`count` RGB pixels, at least four, as means of two by two: the same floats as by taps, for they are exact."""
    for p in range(0, count, 4):
        q = min(p, count - 4)
        halve_rgb(src, upper + 6 * q, lower + 6 * q, line, to + 3 * q)


@inlined
def new_taps(count: int, most: int) -> Taps:
    return Taps(np.zeros(count, np.int64), np.zeros((count, most), np.int64), np.zeros((count, most), np.float32))


@jit
def run(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warp, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """Images of one size: blend, colour, clip, normalise, write. The arguments are those of `tiles.run`."""
    height, width, channels = source
    plane = out_height * out_width
    most_x, most_y = 1, 1
    for i in range(starts.shape[0]):
        most_x = max(most_x, _most_taps(warp.matrices[i, 0], width, warp))
        most_y = max(most_y, _most_taps(warp.matrices[i, 4], height, warp))
    across, down = new_taps(out_width, most_x), new_taps(out_height, most_y)
    whole_x, whole_y = np.zeros(width), np.zeros(height)
    at, weights, fours = np.zeros(out_width, np.int64), across.weights.reshape(-1), np.zeros(4 * out_width, np.float32)
    together, low, high, from_x, to_x = True, 0, 0, 0, 0
    from_y, to_y, taps = 0, 0, 0
    floats = np.zeros((width + most_x + 4) * channels + 4, np.float32)
    several = min(max(LINES // (out_width * channels), 1), out_height)  # rows that are written together
    lines = np.zeros(several * out_width * channels + 4, np.float32)
    values = np.empty((channels if color.kind == MATRIX else 0, TILE), np.float32)
    row = new_row(target, color, channels)
    painted = np.empty(out_width * channels if warp.mode == CONSTANT else 0, target.out.dtype)
    gain, offset = F(1), F(0)
    border = NEAREST if warp.mode == CONSTANT else warp.mode
    for i in range(starts.shape[0]):
        m = warp.matrices[i]
        first = out_start + i * plane * channels
        # The images of a resize have the same taps.
        if i == 0 or m[0] != warp.matrices[i - 1, 0] or m[2] != warp.matrices[i - 1, 2]:
            together, low, high, from_x, to_x = _taps_of(
                across, m[0], m[2], width, out_width, border, warp, whole_x
            )  # fmt: skip
            taps = across.counts.max()
            for x in range(out_width):
                at[x] = (across.places[x, 0] - low) * channels
                for k in range(across.counts[x], taps):  # all have as many: a loop without a branch
                    across.weights[x, k] = 0
                for k in range(4):
                    fours[4 * x + k] = across.weights[x, k] if k < taps else F(0)
        if i == 0 or m[4] != warp.matrices[i - 1, 4] or m[5] != warp.matrices[i - 1, 5]:
            found = _taps_of(down, m[4], m[5], height, out_height, border, warp, whole_y)
            from_y, to_y = found[3], found[4]
        if color.kind == GAIN:
            gain, offset = color.matrices[i, 0, 0], color.matrices[i, 0, 3]
        keeps = _keeps(m, height, width, out_height, out_width)
        halves = src.itemsize == 1 and channels == 3 and out_width >= 4 and _halves(m[0], m[2], width, out_width, warp)
        halves = halves and _halves(m[4], m[5], height, out_height, warp)
        by_threes = is_rgb(lines, out_width, channels, color, target, i)
        if not by_threes:
            repeat(target.scales[i], row.scale, channels)
            repeat(target.biases[i], row.bias, channels)
        for begin in range(0, out_height, several):
            stop = min(begin + several, out_height)
            if keeps:
                begins = starts[i] + begin * width * channels
                pixels = src[begins : begins + (stop - begin) * width * channels]
                for p in range(len(pixels)):
                    lines[p] = F(pixels[p])
            for y in range(stop if keeps else begin, stop):
                to = (y - begin) * out_width * channels
                if halves:
                    upper = starts[i] + ((int(m[5]) + 2 * y) * width + int(m[2])) * channels
                    _halve(src, upper, upper + width * channels, out_width, lines, to)
                    continue
                add_rows(src, starts[i], width * channels, low * channels, (high - low) * channels, down, y, floats)
                if together and (channels == 3 or channels == 4):
                    blend_fours(floats, at, weights, most_x, fours, taps, channels, lines, to)
                elif together and taps == 2:
                    blend_twos(floats, at, fours, channels, lines, to)
                else:
                    blend_any(floats, low, channels, across, lines, to)
            count, into = (stop - begin) * out_width, first + begin * out_width * (1 if target.planar else channels)
            if by_threes:
                write_rgb(lines, 0, 0, False, 1, count, color, gain, offset, target, i, into, 0, plane)
            else:
                write(lines, 0, count, channels, color, gain, offset, row, values, target, i, into, plane)
        if warp.mode == CONSTANT:
            inside = Move(False, 0, 1, 0, 1, from_x, max(to_x, from_x), from_y, max(to_y, from_y))
            paint_outside(inside, color.fills[i], target, i, first, plane, out_height, out_width, channels, painted)
