"""Images whose pixels stay where they are: no sampling, each value is written once.

Where nothing happens to the values either, they are copied as bytes. A gain and an offset for all channels, the clip,
normalisation and the write are one loop over neighbouring values; a colour matrix goes over tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.execute.cpu.kernel_arguments import Color, Target, Warp
from augfuse.execute.cpu.passes import rgb
from augfuse.execute.cpu.passes import tile_passes as k
from augfuse.execute.cpu.passes.tile_passes import GAIN, KEEP, MATRIX
from augfuse.jit import bits_of, inlined, inlined_by_types, jit
from augfuse.simd.byte_tables import amplified
from augfuse.simd.unaligned import copy_bytes

TILE = 448
AHEAD = 768  # bytes that are asked for before they are read

F = np.float32


@final
class Row(NamedTuple):
    """Scale and bias of the channels, over and over: for a loop over neighbouring values of all channels."""

    scale: np.ndarray
    bias: np.ndarray


@inlined
def new_row(target: Target, color: Color, channels: int) -> Row:
    """Room for `repeat`."""
    repeated = 0 if target.planar or color.kind == MATRIX else TILE * channels
    return Row(np.full(repeated, np.nan, np.float32), np.full(repeated, np.nan, np.float32))


@inlined
def _write_flat(image: np.ndarray, at: int, count: int, gain: F, offset: F, row: Row, target: Target, to: int) -> None:
    """`count` neighbouring values of all channels; scale and bias of the row repeat every `len(scale)` values."""
    scale, bias, low, high, out = row.scale, row.bias, target.low, target.high, target.out
    length = len(scale)
    for begin in range(0, count, length):
        size = min(length, count - begin)
        a = image[at + begin : at + begin + size]
        o = out[to + begin : to + begin + size]
        if out.itemsize < 4:  # whole numbers, which are not normalised; known when this is compiled
            for p in range(size):
                o[p] = np.rint(min(max(gain * F(a[p]) + offset, low), high))
        else:
            for p in range(size):
                o[p] = min(max(gain * F(a[p]) + offset, low), high) * scale[p] + bias[p]


@inlined
def _write_planes(
    image: np.ndarray, at: int, count: int, channels: int, gain: F, offset: F, target: Target, i: int, first: int,
    plane: int,
) -> None:  # fmt: skip
    """The same, each channel to its own plane."""
    low, high, out = target.low, target.high, target.out
    pixels = image[at : at + count * channels]
    if channels == 3 and image.itemsize > 1 and out.itemsize == 4:  # of bytes only narrow images come here
        red, green, blue = out[first : first + count], out[first + plane :], out[first + 2 * plane :]
        s0, s1, s2 = target.scales[i, 0], target.scales[i, 1], target.scales[i, 2]
        b0, b1, b2 = target.biases[i, 0], target.biases[i, 1], target.biases[i, 2]
        for p in range(count):
            red[p] = min(max(gain * F(pixels[3 * p]) + offset, low), high) * s0 + b0
            green[p] = min(max(gain * F(pixels[3 * p + 1]) + offset, low), high) * s1 + b1
            blue[p] = min(max(gain * F(pixels[3 * p + 2]) + offset, low), high) * s2 + b2
        return
    for c in range(channels):
        scale, bias = target.scales[i, c], target.biases[i, c]
        o = out[first + c * plane : first + c * plane + count]
        if out.itemsize < 4:
            for p in range(count):
                o[p] = np.rint(min(max(gain * F(pixels[p * channels + c]) + offset, low), high))
        else:
            for p in range(count):
                o[p] = min(max(gain * F(pixels[p * channels + c]) + offset, low), high) * scale + bias


@inlined
def _write_mixed(
    image: np.ndarray, at: int, count: int, channels: int, matrix: np.ndarray, values: np.ndarray, target: Target,
    i: int, first: int, plane: int,
) -> None:  # fmt: skip
    """Through a colour matrix, a tile at a time."""
    low, high, out, rounds = target.low, target.high, target.out, target.rounds
    scale, bias = target.scales[i], target.biases[i]
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        if channels == 3 and image.itemsize > 1:
            k.read_rgb(image, at + 3 * begin, values, size)
        else:
            k.read_any(image, at + channels * begin, values, channels, size)
        k.mix(values, matrix, size)
        if channels == 3 and image.itemsize > 1 and not target.planar:
            k.write_rgb(values, low, high, scale, bias, rounds, out, first + 3 * begin, size)
        else:
            for c in range(channels):
                to = first + c * plane + begin if target.planar else first + begin * channels + c
                apart = 1 if target.planar else channels
                k.write_channel(values[c], low, high, scale[c], bias[c], rounds, out, to, apart, size)


@inlined
def repeat(values: np.ndarray, into: np.ndarray, channels: int) -> None:
    """The values of the channels, over and over, unless they are there already, or nobody reads them."""
    same = True
    if len(into) == 0:
        return
    for c in range(channels):
        same = same and into[c] == values[c]
    if not same:
        for p in range(0, len(into), channels):
            for c in range(channels):
                into[p + c] = values[c]


@inlined
def is_rgb(image: np.ndarray, width: int, channels: int, color: Color, target: Target, i: int) -> bool:
    """Whether image i is one for `rgb`: of bytes, or of floats that were bytes, in rows of at least `width` pixels."""
    if channels != 3 or width < rgb.BLOCK or image.itemsize == 2 or target.out.itemsize == 2:
        return False
    if target.out.itemsize == 1:
        return color.kind == MATRIX and not target.planar and rgb.fits(target, color.matrices[i])
    return True


@inlined
def keeps_bytes(image: np.ndarray, color: Color, target: Target) -> bool:
    """Whether there is no gain, and nothing to clip."""
    return bool(image.itemsize == 1 and color.kind == KEEP and target.low <= 0 and target.high >= 255)


def _write_rgb_bytes(
    image: np.ndarray, at: int, down: int, mirrored: bool, rows: int, count: int, color: Color, gain: F, offset: F,
    target: Target, i: int, into: int, along: int, plane: int,
) -> None:  # fmt: skip
    numbers, matrix = rgb.numbers_of(target, i, gain, offset), rgb.matrix_of(color.matrices[i])
    rgb.mix_bytes(image, at, down, target, into, along, rows, plane, count, numbers, matrix)


def _write_rgb_floats(
    image: np.ndarray, at: int, down: int, mirrored: bool, rows: int, count: int, color: Color, gain: F, offset: F,
    target: Target, i: int, into: int, along: int, plane: int,
) -> None:  # fmt: skip
    numbers = rgb.numbers_of(target, i, gain, offset)
    if color.kind == MATRIX:
        matrix = rgb.matrix_of(color.matrices[i])
        rgb.mix(image, at, down, target, into, along, rows, plane, count, numbers, matrix)
    else:
        keeps = keeps_bytes(image, color, target)
        rgb.convert(image, at, down, mirrored, keeps, target, into, along, rows, plane, count, numbers)


def _write_no_rgb(
    image: np.ndarray, at: int, down: int, mirrored: bool, rows: int, count: int, color: Color, gain: F, offset: F,
    target: Target, i: int, into: int, along: int, plane: int,
) -> None:  # fmt: skip
    pass


@inlined_by_types
def write_rgb(
    image: np.ndarray, at: int, down: int, mirrored: bool, rows: int, count: int, color: Color, gain: F, offset: F,
    target: Target, i: int, into: int, along: int, plane: int,
) -> Callable[..., None]:  # fmt: skip
    """`rows` rows of `count` pixels, which begin in `image` `down` bytes, in the output `along` values apart."""
    return {8: _write_rgb_bytes, 16: _write_no_rgb, 32: _write_rgb_floats}[_bits_of_output(target)]


@inlined_by_types
def write_bytes_rgb(
    image: np.ndarray, at: int, down: int, mirrored: bool, rows: int, count: int, color: Color, gain: F, offset: F,
    target: Target, i: int, into: int, along: int, plane: int,
) -> Callable[..., None]:  # fmt: skip
    """The same where that is for images of bytes only."""
    if bits_of(image) != 8:
        return _write_no_rgb
    return {8: _write_rgb_bytes, 16: _write_no_rgb, 32: _write_rgb_floats}[_bits_of_output(target)]


def _bits_of_output(target: Any) -> int:
    return bits_of(target[target.fields.index("out")])


@inlined
def _write_any(
    image: np.ndarray, at: int, count: int, channels: int, gain: F, offset: F, row: Row, target: Target, i: int,
    into: int, plane: int,
) -> None:  # fmt: skip
    if target.planar:
        _write_planes(image, at, count, channels, gain, offset, target, i, into, plane)
    else:
        _write_flat(image, at, count * channels, gain, offset, row, target, into)


def _write_bytes(
    image: np.ndarray, at: int, count: int, channels: int, gain: F, offset: F, row: Row, target: Target, i: int,
    into: int, plane: int,
) -> None:  # fmt: skip
    if channels == 1 or not target.planar:
        low, high = target.low, target.high
        amplified(image, at, target.out.view(np.uint8), into, count * channels, gain, offset, low, high)
    else:
        _write_any(image, at, count, channels, gain, offset, row, target, i, into, plane)


@inlined_by_types
def _write(
    image: np.ndarray, at: int, count: int, channels: int, gain: F, offset: F, row: Row, target: Target, i: int,
    into: int, plane: int,
) -> Callable[..., None]:  # fmt: skip
    return _write_bytes if bits_of(image) != 16 and _bits_of_output(target) == 8 else _write_any


@inlined
def write(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, gain: F, offset: F, row: Row,
    values: np.ndarray, target: Target, i: int, into: int, plane: int,
) -> None:  # fmt: skip
    """`count` pixels of image i, which lie in `image` from `at` on, to the output from `into` on."""
    if color.kind == MATRIX:
        _write_mixed(image, at, count, channels, color.matrices[i], values, target, i, into, plane)
    else:
        _write(image, at, count, channels, gain, offset, row, target, i, into, plane)


def _convert_bytes(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, gain: F, offset: F, target: Target, i: int,
    into: int,
) -> bool:  # fmt: skip
    if channels != 3 or count < rgb.BLOCK:
        return False
    numbers, keeps = rgb.numbers_of(target, i, gain, offset), keeps_bytes(image, color, target)
    rgb.convert(image, at, AHEAD, False, keeps, target, into, 0, 1, count, count, numbers)
    return True


def _convert_no_bytes(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, gain: F, offset: F, target: Target, i: int,
    into: int,
) -> bool:  # fmt: skip
    return False


@inlined_by_types
def _convert(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, gain: F, offset: F, target: Target, i: int,
    into: int,
) -> Callable[..., bool]:  # fmt: skip
    """All of an image of RGB bytes to floats, if it is one; whether it is."""
    return _convert_bytes if (bits_of(image), _bits_of_output(target)) == (8, 32) else _convert_no_bytes


@jit
def run(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warp, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """Images of one size: one gain for all channels, clip, normalise, write. The arguments are those of `tiles.run`."""
    channels, plane = source[2], out_height * out_width
    row, gain, offset = new_row(target, color, channels), F(1), F(0)
    for i in range(starts.shape[0]):
        first = out_start + i * plane * channels
        if target.plain:
            begin, size = starts[i] * src.itemsize, plane * channels * src.itemsize
            copy_bytes(src.view(np.uint8), begin, target.out.view(np.uint8), first * src.itemsize, size)
            continue
        if color.kind == GAIN:
            gain, offset = color.matrices[i, 0, 0], color.matrices[i, 0, 3]
        if not _convert(src, starts[i], plane, channels, color, gain, offset, target, i, first):
            repeat(target.scales[i], row.scale, channels)
            repeat(target.biases[i], row.bias, channels)
            _write(src, starts[i], plane, channels, gain, offset, row, target, i, first, plane)


def _mix_bytes(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, target: Target, i: int, into: int
) -> bool:
    if not is_rgb(image, count, channels, color, target, i):
        return False
    write_bytes_rgb(image, at, AHEAD, False, 1, count, color, F(1), F(0), target, i, into, 0, count)
    return True


def _mix_no_bytes(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, target: Target, i: int, into: int
) -> bool:
    return False


@inlined_by_types
def _mix(
    image: np.ndarray, at: int, count: int, channels: int, color: Color, target: Target, i: int, into: int
) -> Callable[..., bool]:
    """All of an image of RGB bytes through its matrix, if it is one; whether it is."""
    return _mix_bytes if bits_of(image) == 8 else _mix_no_bytes


@jit
def mixed(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warp, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """The same with a matrix as colour."""
    channels, plane = source[2], out_height * out_width
    values = np.empty((channels, TILE), np.float32)
    for i in range(starts.shape[0]):
        first = out_start + i * plane * channels
        if not _mix(src, starts[i], plane, channels, color, target, i, first):
            _write_mixed(src, starts[i], plane, channels, color.matrices[i], values, target, i, first, plane)
