"""Perspectives and displacement fields: `tiles.run`, where the places of a tile's pixels pass bends before their taps.

Loaded by recipes that have one, so that others neither compile it nor pay for it.
"""

from __future__ import annotations

import numpy as np

from augfuse.algebra.geometry import FAR, LEAST_DIVISOR
from augfuse.algebra.lattices import refine, steps_of
from augfuse.execute.cpu.kernel_arguments import Bent, Tile, Warp
from augfuse.execute.cpu.passes import cubic, tiles
from augfuse.execute.cpu.passes.tile_passes import taps
from augfuse.execute.cpu.window import Window
from augfuse.jit import inlined, jit_with
from augfuse.plan.bends import Bend
from augfuse.simd.unaligned import blend_pairs

F = np.float32


def bent(warp: Warp, bends: tuple[Bend, ...]) -> Bent:
    """The warp with its bends, without the memory that is worked with."""
    lattices = np.zeros((len(bends), 3), np.int64)
    points = [np.empty((len(warp.matrices), 0))]
    for k, bend in enumerate(bends):
        if bend.field is not None:
            lattices[k] = *bend.field.points.shape[1:3], bend.field.smooth
            points.append(bend.field.points.reshape(len(warp.matrices), -1))
    return Bent(
        *warp,
        np.stack([bend.maps for bend in bends]),
        np.array([bend.projective for bend in bends]),
        np.stack([np.stack([bend.size.width, bend.size.height], axis=1) for bend in bends]),
        lattices,
        np.concatenate(points, axis=1),
        np.empty(0, F),
        np.empty((2, 0), F),
    )


def part(warp: Bent, rows: slice) -> Bent:
    """The bends of some images, with memory to work with."""
    sizes = warp.sizes[:, rows]
    count = 0
    for (lines, columns, smooth), size in zip(warp.lattices.tolist(), sizes, strict=True):
        if smooth:
            columns, lines = (int(steps_of(side).max()) + 1 for side in size.T)
        count += 2 * lines * columns
    return warp._replace(
        matrices=warp.matrices[rows],
        maps=np.ascontiguousarray(warp.maps[:, rows]),
        sizes=np.ascontiguousarray(sizes),
        points=warp.points[rows],
        nodes=np.empty(count, F),
        places=np.empty((2, tiles.TILE + tiles.BLOCK), F),
    )


@inlined
def _prepare(warp: Bent, i: int) -> None:
    """The nodes of all fields of image i."""
    start, to = 0, 0
    for k in range(warp.lattices.shape[0]):
        rows, columns, smooth = warp.lattices[k, 0], warp.lattices[k, 1], warp.lattices[k, 2]
        if smooth == 1:
            wide, high = steps_of(warp.sizes[k, i, 0]), steps_of(warp.sizes[k, i, 1])
            refine(warp.points[i], start, rows, columns, high, wide, warp.nodes, to)
            to += 2 * (high + 1) * (wide + 1)
        else:
            for p in range(2 * rows * columns):
                warp.nodes[to + p] = F(warp.points[i, start + p])
            to += 2 * rows * columns
        start += 2 * rows * columns


@inlined
def _map(
    m: np.ndarray, x0: float, y0: float, xs: np.ndarray, ys: np.ndarray, divides: bool, right: float, lower: float,
    us: np.ndarray, vs: np.ndarray, count: int,
) -> None:  # fmt: skip
    """Where a map puts the places (x0 + xs, y0 + ys)."""
    a, b, c = m[0], m[1], m[0] * x0 + m[1] * y0 + m[2]
    d, e, f = m[3], m[4], m[3] * x0 + m[4] * y0 + m[5]
    g, h, j = m[6], m[7], m[6] * x0 + m[7] * y0 + m[8]
    if divides:
        for p in range(count):  # float64: a divisor makes small errors large
            x, y = np.float64(xs[p]), np.float64(ys[p])
            k = 1.0 / max(g * x + (h * y + j), LEAST_DIVISOR)
            us[p] = F(min(max((a * x + (b * y + c)) * k, -FAR), right))
            vs[p] = F(min(max((d * x + (e * y + f)) * k, -FAR), lower))
        return
    a, b, c = F(a), F(b), F(c)
    d, e, f = F(d), F(e), F(f)
    for p in range(count):
        x, y = xs[p], ys[p]
        us[p] = min(max(a * x + (b * y + c), F(-FAR)), F(right))
        vs[p] = min(max(d * x + (e * y + f), F(-FAR)), F(lower))


@inlined
def _displace(
    nodes: np.ndarray, start: int, high: int, wide: int, width: int, height: int, us: np.ndarray, vs: np.ndarray,
    tile: Tile, count: int,
) -> None:  # fmt: skip
    """By a field with nodes at the corners of high x wide cells."""
    off, tx, ty = tile.off, tile.tx, tile.ty
    across, down = F(wide / width), F(high / height)
    last_x, last_y = F(wide), F(high)
    cell_x, cell_y = np.int32(wide - 1), np.int32(high - 1)
    stride = np.int32(2 * (wide + 1))
    for p in range(count):
        x = min(max(us[p] * across, F(0)), last_x)
        y = min(max(vs[p] * down, F(0)), last_y)
        ix = min(np.int32(x), cell_x)
        iy = min(np.int32(y), cell_y)
        tx[p] = x - F(ix)
        ty[p] = y - F(iy)
        off[p] = np.int32(np.int32(iy * stride) + np.int32(ix * np.int32(2)))
    found = tile.pairs[0].view(np.float32)
    for p in range(count):
        k = start + off[p]
        blend_pairs(nodes, k, k + stride, tx[p], ty[p], found, 2 * p)
    for p in range(count):
        us[p] += found[2 * p]
        vs[p] += found[2 * p + 1]


@inlined
def locate(
    warp: Bent, i: int, x0: int, y0: int, W: int, H: int, pad: int, step: int, stride: int, tile: Tile, count: int
) -> None:
    """`tile_passes.locate` through the bends of image i."""
    if x0 == 0 and y0 == 0:
        _prepare(warp, i)
    us, vs = warp.places[0], warp.places[1]
    start = 0
    for k in range(warp.maps.shape[0]):
        width, height = warp.sizes[k, i, 0], warp.sizes[k, i, 1]
        m, divides, right, lower = warp.maps[k, i], warp.divides[k], width + FAR, height + FAR
        if k == 0:
            _map(m, x0 + 0.5, y0 + 0.5, tile.xs, tile.ys, divides, right, lower, us, vs, count)
        else:
            _map(m, 0.0, 0.0, us, vs, divides, right, lower, us, vs, count)
        rows, columns, smooth = warp.lattices[k, 0], warp.lattices[k, 1], warp.lattices[k, 2]
        if rows > 0:
            wide = steps_of(width) if smooth == 1 else columns - 1
            high = steps_of(height) if smooth == 1 else rows - 1
            _displace(warp.nodes, start, high, wide, width, height, us, vs, tile, count)
            start += 2 * (wide + 1) * (high + 1)
    taps(warp, i, 0.0, 0.0, us, vs, W, H, pad, step, stride, tile, count)


@inlined
def window_of(
    m: np.ndarray, x0: int, y0: int, rows: int, columns: int, height: int, width: int, mode: int, reach: int
) -> Window:
    """All of a source: which part of it is read is not known beforehand."""
    return Window(0, width, 0, height)


@inlined
def reaches_out(tile: Tile, line: int, last: int) -> bool:
    """Whether pixels of a tile lie outside of the source: each may, wherever its neighbours lie."""
    least = F(1)
    for p in range(last + 1):
        least = min(least, tile.inside[p])
    return least == F(0)


@inlined
def within(warp: Bent, i: int, x0: int, y0: int, right: int, down: int, W: int, H: int) -> bool:
    """`window.within`: where its corners lie says nothing of a tile that is bent."""
    return False


run = jit_with(
    tiles.run, __name__, __file__, locate=locate, window_of=window_of, reaches_out=reaches_out, within=within
)
# One block, of all of the output: each would copy all of the source.
cubic_run = jit_with(cubic.run, __name__, __file__, locate=locate, window_of=window_of, SIDE=2**28)
