"""The compiled passes of the fused CPU executor, over a tile of a few hundred output pixels.

Contract of every function here: the caller has validated; nothing is checked again, nothing is drawn, nothing is
allocated. Images are flat C-contiguous (h, w, c) buffers plus an element offset. Coordinates are continuous: pixel (0,
0) covers [0, 1) x [0, 1). Values are float32 at the image's own scale and unrounded until `write`.

A per-pixel double loop with all steps inline does not vectorise (93 Mpx/s). The same work in passes over a tile does,
because each pass is one simple loop over small contiguous buffers that stay in the L1 cache: *locate* (tap offsets and
weights), *sample* (load the taps, blend them into one row per channel), *mix* (colour matrix), *write* (fill, clip,
normalise, store).
"""

from __future__ import annotations

import numpy as np

from augfuse.algebra.geometry import EDGE
from augfuse.execute.cpu.kernel_arguments import Tile, Warping
from augfuse.jit import inlined
from augfuse.simd.unaligned import load_u16, load_u64
from augfuse.simd.vectors import one_row

PADDING = 8  # bytes that must be readable behind an image: the widest tap load is 8 bytes, of which 6 are used

# Border modes. The last two follow SciPy: from the centre of the first to that of the last pixel, period n - 1.
NEAREST, REFLECT, WRAP, CONSTANT, WRAP_CENTRES, CONSTANT_CENTRES = 0, 1, 2, 3, 4, 5
KEEP, GAIN, MATRIX = 0, 1, 2  # colour: none; one gain and offset for all channels; 3x4 on the first three

F = np.float32
_BYTE = np.uint32(255)
_8 = np.uint32(8)
_16 = np.uint32(16)
_24 = np.uint32(24)


@inlined
def _wrap_centres(s: F, last: F, span: F) -> F:
    """As SciPy does: what lies at a whole multiple of the span below 0 is the last pixel, above it the first."""
    if s < F(0):
        return s + span * (np.floor(-s / span) + F(1))
    if s > last:
        return s - span * np.floor(s / span)
    return s


@inlined
def locate(
    warp: Warping, i: int, x0: int, y0: int, W: int, H: int, pad: int, step: int, stride: int, tile: Tile, count: int
) -> None:
    """Offsets and weights of the taps of the pixels (x0 + xs, y0 + ys) of image i; the source is W x H.

    pad: pixels that continue the source on each side, by its border. Offsets count from the first of them.
    """
    taps(warp, i, x0 + 0.5, y0 + 0.5, tile.xs, tile.ys, W, H, pad, step, stride, tile, count)


@inlined
def locate_within(warp: Warping, i: int, x0: int, y0: int, step: int, stride: int, tile: Tile, count: int) -> None:
    """`locate` for pixels that are `within`: the same numbers with half the work."""
    m, off, tx, ty, xs, ys = warp.matrices[i], tile.off, tile.tx, tile.ty, tile.xs, tile.ys
    a, b, c = F(m[0]), F(m[1]), F(m[0] * (x0 + 0.5) + m[1] * (y0 + 0.5) + m[2])
    d, e, f = F(m[3]), F(m[4]), F(m[3] * (x0 + 0.5) + m[4] * (y0 + 0.5) + m[5])
    shift = F(0.5)
    if warp.mode == NEAREST:
        c -= shift
        f -= shift
        shift = F(0)
    along, down = np.int32(step), np.int32(stride)
    for p in range(count):
        sx = a * xs[p] + (b * ys[p] + c) - shift
        sy = d * xs[p] + (e * ys[p] + f) - shift
        ix, iy = np.int32(sx), np.int32(sy)
        tx[p] = sx - F(ix)
        ty[p] = sy - F(iy)
        off[p] = np.int32(np.int32(iy * down) + np.int32(ix * along))


@inlined
def taps(
    warp: Warping, i: int, x0: float, y0: float, xs: np.ndarray, ys: np.ndarray, W: int, H: int, pad: int, step: int,
    stride: int, tile: Tile, count: int,
) -> None:  # fmt: skip
    """The same for the places (x0 + xs, y0 + ys) that the matrix of image i is given."""
    m, mode, nearest = warp.matrices[i], warp.mode, warp.nearest
    off, tx, ty, inside = tile.off, tile.tx, tile.ty, tile.inside
    width, height = F(W), F(H)
    # SciPy's modes settle what lies on an edge by themselves, see `keras.ties`.
    edge = EDGE if mode < WRAP_CENTRES else 0.0
    ahead = edge if nearest else 0.0
    # float64 once per tile, float32 per pixel: off by 1e-5 pixels at 224, by 5e-4 at 4000.
    a, b, c = F(m[0]), F(m[1]), F(m[0] * x0 + m[1] * y0 + m[2] + ahead)
    d, e, f = F(m[3]), F(m[4]), F(m[3] * x0 + m[4] * y0 + m[5] + ahead)
    left = F(ahead - edge)
    right, lower = width + left, height + left
    last_x, last_y = F(W - 1 + 2 * pad), F(H - 1 + 2 * pad)
    # The right and lower tap must exist: the last cell begins at W - 2, and its weight reaches 1 there.
    cell_x, cell_y = np.int32(max(W - 2 + 2 * pad, 0)), np.int32(max(H - 2 + 2 * pad, 0))
    half = F(0.5)
    shift = half if mode == WRAP else half - F(pad)  # which adds the padding by itself
    along, down = np.int32(step), np.int32(stride)
    if mode == NEAREST and not nearest:
        c -= shift
        f -= shift
        for p in range(count):
            sx = min(max(a * xs[p] + (b * ys[p] + c), F(0)), last_x)
            sy = min(max(d * xs[p] + (e * ys[p] + f), F(0)), last_y)
            ix = min(np.int32(sx), cell_x)
            iy = min(np.int32(sy), cell_y)
            tx[p] = sx - F(ix)
            ty[p] = sy - F(iy)
            off[p] = np.int32(np.int32(iy * down) + np.int32(ix * along))  # 32 bits at each step, or it is done in 64
        return
    if mode == CONSTANT and not nearest:  # among the other modes it does not vectorise
        for p in range(count):
            u = a * xs[p] + (b * ys[p] + c)
            v = d * xs[p] + (e * ys[p] + f)
            inside[p] = F(1) if (u >= left) & (u < right) & (v >= left) & (v < lower) else F(0)
            sx = min(max(u - shift, F(0)), last_x)
            sy = min(max(v - shift, F(0)), last_y)
            ix = min(np.int32(sx), cell_x)
            iy = min(np.int32(sy), cell_y)
            tx[p] = sx - F(ix)
            ty[p] = sy - F(iy)
            off[p] = np.int32(np.int32(iy * down) + np.int32(ix * along))
        return
    period_x = F(2) * width if mode == REFLECT else width
    period_y = F(2) * height if mode == REFLECT else height
    span_x = max(last_x, F(1))
    span_y = max(last_y, F(1))
    most_x = last_x + half
    most_y = last_y + half
    turns_x = F(1) / period_x
    turns_y = F(1) / period_y
    for p in range(count):
        u = a * xs[p] + (b * ys[p] + c)
        v = d * xs[p] + (e * ys[p] + f)
        if mode == REFLECT:
            u -= period_x * np.floor(u * turns_x)
            v -= period_y * np.floor(v * turns_y)
            u = min(u, period_x - u)
            v = min(v, period_y - v)
        elif mode == WRAP:  # the padding is at least one pixel on each side
            u -= period_x * np.floor(u * turns_x) - F(1)
            v -= period_y * np.floor(v * turns_y) - F(1)
        elif mode == CONSTANT:
            inside[p] = F(1) if (u >= left) & (u < right) & (v >= left) & (v < lower) else F(0)
        elif mode == CONSTANT_CENTRES:
            inside[p] = F(1) if (u >= half) & (u <= most_x) & (v >= half) & (v <= most_y) else F(0)
        elif mode == WRAP_CENTRES:
            u = _wrap_centres(u - half, last_x, span_x) + half
            v = _wrap_centres(v - half, last_y, span_y) + half
        if nearest:
            sx = F(np.int32(min(max(u, F(0)), last_x)))
            sy = F(np.int32(min(max(v, F(0)), last_y)))
        else:
            sx = min(max(u - shift, F(0)), last_x)
            sy = min(max(v - shift, F(0)), last_y)
        ix = min(np.int32(sx), cell_x)
        iy = min(np.int32(sy), cell_y)
        tx[p] = sx - F(ix)
        ty[p] = sy - F(iy)
        off[p] = np.int32(np.int32(iy * down) + np.int32(ix * along))  # 32 bits at each step, or it is done in 64


@inlined
def gather_rgb(src: np.ndarray, base: int, stride: int, tile: Tile, count: int) -> None:
    """Three uint8 channels: both horizontal taps lie in one 64-bit load, RGBRGB and two bytes that are not used."""
    off = tile.off
    top = tile.pairs[0]
    low = tile.pairs[1]
    for p in range(count):
        k = base + off[p]
        top[p] = load_u64(src, k)
        low[p] = load_u64(src, k + stride)


@inlined
def _blend(t0: np.uint32, t1: np.uint32, b0: np.uint32, b1: np.uint32, tx: F, ty: F) -> tuple[F, F, F]:
    """Red, green and blue of one pixel from its upper and lower pair of taps: RGBR, GB.. in two 32-bit words each."""
    w11 = tx * ty
    w01 = tx - w11
    w10 = ty - w11
    w00 = F(1) - tx - w10
    red = (
        w00 * F(np.int32(t0 & _BYTE)) + w01 * F(np.int32(t0 >> _24))
        + w10 * F(np.int32(b0 & _BYTE)) + w11 * F(np.int32(b0 >> _24))
    )  # fmt: skip
    green = (
        w00 * F(np.int32((t0 >> _8) & _BYTE)) + w01 * F(np.int32(t1 & _BYTE))
        + w10 * F(np.int32((b0 >> _8) & _BYTE)) + w11 * F(np.int32(b1 & _BYTE))
    )  # fmt: skip
    blue = (
        w00 * F(np.int32((t0 >> _16) & _BYTE)) + w01 * F(np.int32((t1 >> _8) & _BYTE))
        + w10 * F(np.int32((b0 >> _16) & _BYTE)) + w11 * F(np.int32((b1 >> _8) & _BYTE))
    )  # fmt: skip
    return red, green, blue


@inlined
def blend_rgb(tile: Tile, count: int) -> None:
    """Bilinear values of three channels, one row per channel."""
    tx, ty = tile.tx, tile.ty
    t = tile.pairs[0].view(np.uint32)
    b = tile.pairs[1].view(np.uint32)
    red = tile.values[0]
    green = tile.values[1]
    blue = tile.values[2]
    for p in range(count):
        red[p], green[p], blue[p] = _blend(t[2 * p], t[2 * p + 1], b[2 * p], b[2 * p + 1], tx[p], ty[p])


@inlined
def blend_write_rgb(
    tile: Tile, mixes: bool, m: np.ndarray, low: F, high: F, scale: np.ndarray, bias: np.ndarray, out: np.ndarray,
    at: int, count: int,
) -> None:  # fmt: skip
    """`blend_rgb`, `mix` (if `mixes`) and `write_rgb` for floats, in one loop: the common case, a fifth faster."""
    tx, ty = tile.tx, tile.ty
    t = tile.pairs[0].view(np.uint32)
    b = tile.pairs[1].view(np.uint32)
    s0, s1, s2 = scale[0], scale[1], scale[2]
    b0, b1, b2 = bias[0], bias[1], bias[2]
    o = out[at : at + 3 * count]
    if mixes:
        m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
        m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
        m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
        for p in range(count):
            red, green, blue = _blend(t[2 * p], t[2 * p + 1], b[2 * p], b[2 * p + 1], tx[p], ty[p])
            o[3 * p] = min(max(one_row(m00, m01, m02, m03, red, green, blue), low), high) * s0 + b0
            o[3 * p + 1] = min(max(one_row(m10, m11, m12, m13, red, green, blue), low), high) * s1 + b1
            o[3 * p + 2] = min(max(one_row(m20, m21, m22, m23, red, green, blue), low), high) * s2 + b2
    else:
        for p in range(count):
            red, green, blue = _blend(t[2 * p], t[2 * p + 1], b[2 * p], b[2 * p + 1], tx[p], ty[p])
            o[3 * p] = min(max(red, low), high) * s0 + b0
            o[3 * p + 1] = min(max(green, low), high) * s1 + b1
            o[3 * p + 2] = min(max(blue, low), high) * s2 + b2


@inlined
def sample_grey(src: np.ndarray, base: int, stride: int, tile: Tile, count: int) -> None:
    """One uint8 channel: both horizontal taps lie in one 16-bit load."""
    off, tx, ty = tile.off, tile.tx, tile.ty
    top = tile.pairs[0]
    low = tile.pairs[1]
    for p in range(count):
        k = base + off[p]
        top[p] = np.uint64(load_u16(src, k))
        low[p] = np.uint64(load_u16(src, k + stride))
    t = top.view(np.uint32)
    b = low.view(np.uint32)
    grey = tile.values[0]
    for p in range(count):
        w11 = tx[p] * ty[p]
        w01 = tx[p] - w11
        w10 = ty[p] - w11
        w00 = F(1) - tx[p] - w10
        grey[p] = (
            w00 * F(np.int32(t[2 * p] & _BYTE)) + w01 * F(np.int32(t[2 * p] >> _8))
            + w10 * F(np.int32(b[2 * p] & _BYTE)) + w11 * F(np.int32(b[2 * p] >> _8))
        )  # fmt: skip


@inlined
def sample_any(src: np.ndarray, base: int, step: int, stride: int, tile: Tile, channels: int, count: int) -> None:
    """Any dtype, any number of channels. `step` and `stride` are 0 along an axis of size 1."""
    off, tx, ty = tile.off, tile.tx, tile.ty
    for c in range(channels):
        row = tile.values[c]
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


@inlined
def sample_rgb(src: np.ndarray, base: int, step: int, stride: int, tile: Tile, count: int) -> None:
    """Three channels of any dtype: `sample_any` in one loop, three times as fast."""
    off, tx, ty = tile.off, tile.tx, tile.ty
    red = tile.values[0]
    green = tile.values[1]
    blue = tile.values[2]
    for p in range(count):
        k = base + off[p]
        x = tx[p]
        y = ty[p]
        w11 = x * y
        w01 = x - w11
        w10 = y - w11
        w00 = F(1) - x - w10
        i = k + step
        j = k + stride
        m = j + step
        red[p] = w00 * F(src[k]) + w01 * F(src[i]) + w10 * F(src[j]) + w11 * F(src[m])
        green[p] = w00 * F(src[k + 1]) + w01 * F(src[i + 1]) + w10 * F(src[j + 1]) + w11 * F(src[m + 1])
        blue[p] = w00 * F(src[k + 2]) + w01 * F(src[i + 2]) + w10 * F(src[j + 2]) + w11 * F(src[m + 2])


@inlined
def read_rgb(src: np.ndarray, at: int, values: np.ndarray, count: int) -> None:
    """No geometry: three channels as they are."""
    image = src[at : at + 3 * count]
    red = values[0]
    green = values[1]
    blue = values[2]
    for p in range(count):
        red[p] = F(image[3 * p])
        green[p] = F(image[3 * p + 1])
        blue[p] = F(image[3 * p + 2])


@inlined
def read_any(src: np.ndarray, at: int, values: np.ndarray, channels: int, count: int) -> None:
    """No geometry: the pixels as they are."""
    image = src[at : at + count * channels]
    for c in range(channels):
        row = values[c]
        for p in range(count):
            row[p] = F(image[p * channels + c])


@inlined
def mix(values: np.ndarray, m: np.ndarray, count: int) -> None:
    """The 3x4 matrix on the first three channels, in place."""
    red = values[0]
    green = values[1]
    blue = values[2]
    for p in range(count):
        r = red[p]
        g = green[p]
        b = blue[p]
        red[p] = one_row(m[0, 0], m[0, 1], m[0, 2], m[0, 3], r, g, b)
        green[p] = one_row(m[1, 0], m[1, 1], m[1, 2], m[1, 3], r, g, b)
        blue[p] = one_row(m[2, 0], m[2, 1], m[2, 2], m[2, 3], r, g, b)


@inlined
def amplify(values: np.ndarray, gain: F, offset: F, channels: int, count: int) -> None:
    """The same gain and offset for every channel, in place."""
    for c in range(channels):
        row = values[c]
        for p in range(count):
            row[p] = gain * row[p] + offset


@inlined
def fill_outside(values: np.ndarray, inside: np.ndarray, fill: np.ndarray, channels: int, count: int) -> None:
    """The fill colour, as the later colour steps leave it, where the source was not reached."""
    for c in range(channels):
        row = values[c]
        for p in range(count):
            row[p] = row[p] if inside[p] > F(0) else fill[c]


@inlined
def write_rgb(
    values: np.ndarray, low: F, high: F, scale: np.ndarray, bias: np.ndarray, rounds: bool, out: np.ndarray, at: int,
    count: int,
) -> None:  # fmt: skip
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


@inlined
def write_channel(
    row: np.ndarray, low: F, high: F, scale: F, bias: F, rounds: bool, out: np.ndarray, at: int, step: int, count: int
) -> None:
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
