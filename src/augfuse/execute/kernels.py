"""The compiled passes of the fused CPU executor, over a tile of a few hundred output pixels.

Contract of every function here: the caller has validated; nothing is checked again, nothing is drawn, nothing is allocated.
Images are flat C-contiguous (h, w, c) buffers plus an element offset. Coordinates are continuous: pixel (0, 0) covers
[0, 1) x [0, 1). Values are float32 at the image's own scale and unrounded until `write`.

A per-pixel double loop with all steps inline does not vectorise (93 Mpx/s). The same work in passes over a tile does,
because each pass is one simple loop over small contiguous buffers that stay in the L1 cache: *locate* (tap offsets and
weights), *sample* (load the taps, blend them into one row per channel), *mix* (colour matrix), *write* (fill, clip,
normalise, store).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.jit import jit

PADDING = 8  # bytes that must be readable behind an image: the widest tap load is 8 bytes, of which 6 are used

NEAREST, REFLECT, WRAP, CONSTANT = 0, 1, 2, 3  # border modes
KEEP, GAIN, MATRIX = 0, 1, 2  # colour: none; one gain and offset for all channels; 3x4 on the first three

F = np.float32
_BYTE = np.uint32(255)
_8 = np.uint32(8)
_16 = np.uint32(16)
_24 = np.uint32(24)


def _unaligned_load(result):
    """An intrinsic (buffer, element index) -> unsigned integer of type `result`, read without alignment."""

    @intrinsic
    def load(typingctx, buffer, index):
        def codegen(context, builder, signature, arguments):
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            pointer = builder.gep(array.data, [arguments[1]])
            word = builder.bitcast(pointer, ir.PointerType(ir.IntType(result.bitwidth)))
            return builder.load(word, align=1)

        return result(buffer, types.intp), codegen

    return load


_load_u64 = _unaligned_load(types.uint64)
_load_u16 = _unaligned_load(types.uint16)


@jit
def locate(m, y, rows, w, W, H, mode, nearest, step, stride, ramp, off, tx, ty, inside):
    """Offsets (elements) of the upper left tap and weights of the right and lower one, for `rows` output rows from row y.

    `m` maps output to source (6 numbers); `ramp` holds 0, 1, 2, ...; `inside` is written for CONSTANT only.
    """
    a = F(m[0])
    d = F(m[3])
    width = F(W)
    height = F(H)
    last_x = F(W - 1)
    last_y = F(H - 1)
    # The right and lower tap must exist: the last cell begins at W - 2, and its weight reaches 1 there.
    cell_x = np.int32(max(W - 2, 0))
    cell_y = np.int32(max(H - 2, 0))
    half = F(0.5)
    step = np.int32(step)
    stride = np.int32(stride)
    for r in range(rows):
        o = off[r * w : r * w + w]
        wx = tx[r * w : r * w + w]
        wy = ty[r * w : r * w + w]
        within = inside[r * w : r * w + w]
        # float64 once per row, float32 per pixel: off by 1e-5 pixels at 224, by 5e-4 at 4000.
        u0 = F(m[0] * 0.5 + m[1] * (y + r + 0.5) + m[2])
        v0 = F(m[3] * 0.5 + m[4] * (y + r + 0.5) + m[5])
        if mode == NEAREST and not nearest:
            u0 -= half
            v0 -= half
            for x in range(w):
                sx = min(max(a * ramp[x] + u0, F(0)), last_x)
                sy = min(max(d * ramp[x] + v0, F(0)), last_y)
                ix = min(np.int32(sx), cell_x)
                iy = min(np.int32(sy), cell_y)
                wx[x] = sx - F(ix)
                wy[x] = sy - F(iy)
                o[x] = iy * stride + ix * step
        else:
            for x in range(w):
                u = a * ramp[x] + u0
                v = d * ramp[x] + v0
                if mode == REFLECT:
                    u -= F(2) * width * np.floor(u / (F(2) * width))
                    v -= F(2) * height * np.floor(v / (F(2) * height))
                    u = min(u, F(2) * width - u)
                    v = min(v, F(2) * height - v)
                elif mode == WRAP:  # W and H include a wrapped border of one pixel on each side
                    u -= (width - F(2)) * np.floor(u / (width - F(2))) - F(1)
                    v -= (height - F(2)) * np.floor(v / (height - F(2))) - F(1)
                elif mode == CONSTANT:
                    within[x] = F(1) if (u >= F(0)) & (u < width) & (v >= F(0)) & (v < height) else F(0)
                if nearest:
                    sx = F(np.int32(min(max(u, F(0)), last_x)))
                    sy = F(np.int32(min(max(v, F(0)), last_y)))
                else:
                    sx = min(max(u - half, F(0)), last_x)
                    sy = min(max(v - half, F(0)), last_y)
                ix = min(np.int32(sx), cell_x)
                iy = min(np.int32(sy), cell_y)
                wx[x] = sx - F(ix)
                wy[x] = sy - F(iy)
                o[x] = iy * stride + ix * step


@jit
def gather_rgb(src, base, stride, off, pairs, count):
    """Three uint8 channels: both horizontal taps lie in one 64-bit load, RGBRGB and two bytes that are not used."""
    top = pairs[0]
    low = pairs[1]
    for p in range(count):
        k = base + off[p]
        top[p] = _load_u64(src, k)
        low[p] = _load_u64(src, k + stride)


@jit
def blend_rgb(pairs, tx, ty, values, count):
    t = pairs[0].view(np.uint32)
    b = pairs[1].view(np.uint32)
    red = values[0]
    green = values[1]
    blue = values[2]
    for p in range(count):
        w11 = tx[p] * ty[p]
        w01 = tx[p] - w11
        w10 = ty[p] - w11
        w00 = F(1) - tx[p] - w10
        t0 = t[2 * p]
        t1 = t[2 * p + 1]
        b0 = b[2 * p]
        b1 = b[2 * p + 1]
        red[p] = (
            w00 * F(np.int32(t0 & _BYTE)) + w01 * F(np.int32(t0 >> _24))
            + w10 * F(np.int32(b0 & _BYTE)) + w11 * F(np.int32(b0 >> _24))
        )  # fmt: skip
        green[p] = (
            w00 * F(np.int32((t0 >> _8) & _BYTE)) + w01 * F(np.int32(t1 & _BYTE))
            + w10 * F(np.int32((b0 >> _8) & _BYTE)) + w11 * F(np.int32(b1 & _BYTE))
        )  # fmt: skip
        blue[p] = (
            w00 * F(np.int32((t0 >> _16) & _BYTE)) + w01 * F(np.int32((t1 >> _8) & _BYTE))
            + w10 * F(np.int32((b0 >> _16) & _BYTE)) + w11 * F(np.int32((b1 >> _8) & _BYTE))
        )  # fmt: skip


@jit
def sample_grey(src, base, stride, off, tx, ty, pairs, values, count):
    """One uint8 channel: both horizontal taps lie in one 16-bit load."""
    top = pairs[0]
    low = pairs[1]
    for p in range(count):
        k = base + off[p]
        top[p] = np.uint64(_load_u16(src, k))
        low[p] = np.uint64(_load_u16(src, k + stride))
    t = top.view(np.uint32)
    b = low.view(np.uint32)
    grey = values[0]
    for p in range(count):
        w11 = tx[p] * ty[p]
        w01 = tx[p] - w11
        w10 = ty[p] - w11
        w00 = F(1) - tx[p] - w10
        grey[p] = (
            w00 * F(np.int32(t[2 * p] & _BYTE)) + w01 * F(np.int32(t[2 * p] >> _8))
            + w10 * F(np.int32(b[2 * p] & _BYTE)) + w11 * F(np.int32(b[2 * p] >> _8))
        )  # fmt: skip


@jit
def sample_any(src, base, step, stride, off, tx, ty, values, channels, count):
    """Any dtype, any number of channels. `step` and `stride` are 0 along an axis of size 1."""
    for c in range(channels):
        row = values[c]
        for p in range(count):
            k = base + off[p] + c
            w11 = tx[p] * ty[p]
            w01 = tx[p] - w11
            w10 = ty[p] - w11
            w00 = F(1) - tx[p] - w10
            row[p] = (
                w00 * F(src[k]) + w01 * F(src[k + step])
                + w10 * F(src[k + stride]) + w11 * F(src[k + stride + step])
            )  # fmt: skip


@jit
def read(src, at, values, channels, count):
    """No geometry: the pixels as they are."""
    for c in range(channels):
        row = values[c]
        for p in range(count):
            row[p] = F(src[at + p * channels + c])


@jit
def mix(values, m, count):
    """The 3x4 matrix on the first three channels, in place."""
    red = values[0]
    green = values[1]
    blue = values[2]
    for p in range(count):
        r = red[p]
        g = green[p]
        b = blue[p]
        red[p] = m[0, 0] * r + m[0, 1] * g + m[0, 2] * b + m[0, 3]
        green[p] = m[1, 0] * r + m[1, 1] * g + m[1, 2] * b + m[1, 3]
        blue[p] = m[2, 0] * r + m[2, 1] * g + m[2, 2] * b + m[2, 3]


@jit
def amplify(values, gain, offset, channels, count):
    """The same gain and offset for every channel, in place."""
    for c in range(channels):
        row = values[c]
        for p in range(count):
            row[p] = gain * row[p] + offset


@jit
def fill_outside(values, inside, fill, channels, count):
    """The fill colour, as the later colour steps leave it, where the source was not reached."""
    for c in range(channels):
        row = values[c]
        for p in range(count):
            row[p] = row[p] if inside[p] > F(0) else fill[c]


@jit
def write_rgb(values, low, high, scale, bias, rounds, out, at, count):
    """Clip, normalise and store three channels next to each other."""
    red = values[0]
    green = values[1]
    blue = values[2]
    s0, s1, s2 = scale[0], scale[1], scale[2]
    b0, b1, b2 = bias[0], bias[1], bias[2]
    o = out[at : at + 3 * count]
    if rounds:
        for p in range(count):
            o[3 * p] = np.rint(min(max(red[p], low), high) * s0 + b0)
            o[3 * p + 1] = np.rint(min(max(green[p], low), high) * s1 + b1)
            o[3 * p + 2] = np.rint(min(max(blue[p], low), high) * s2 + b2)
    else:
        for p in range(count):
            o[3 * p] = min(max(red[p], low), high) * s0 + b0
            o[3 * p + 1] = min(max(green[p], low), high) * s1 + b1
            o[3 * p + 2] = min(max(blue[p], low), high) * s2 + b2


@jit
def write_channel(row, low, high, scale, bias, rounds, out, at, step, count):
    """Clip, normalise and store one channel, `step` elements apart."""
    if rounds:
        for p in range(count):
            out[at + p * step] = np.rint(min(max(row[p], low), high) * scale + bias)
    elif step == 1:
        o = out[at : at + count]
        for p in range(count):
            o[p] = min(max(row[p], low), high) * scale + bias
    else:
        for p in range(count):
            out[at + p * step] = min(max(row[p], low), high) * scale + bias
