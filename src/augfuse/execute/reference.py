"""The oracle: the same plans in float64 NumPy, slow and obvious. Every other executor is tested against it.

It runs unfused plans as well as fused ones; one image, one step, one operation at a time.
"""

from __future__ import annotations

import numpy as np

from augfuse import color
from augfuse.execute.images import Images
from augfuse.execute.reduce import onto_reduced, reduced_size
from augfuse.geometry import EDGE, Canvas
from augfuse.plan.plan import Pass, Plan


def execute(plan: Plan, images: Images) -> np.ndarray:
    """(n, h, w, c) of the plan's dtype."""
    results = [_image(plan, images[i].astype(np.float64), images.dtype, i) for i in range(len(plan))]
    return np.stack(results).astype(plan.write.dtype)


def _image(plan: Plan, image: np.ndarray, dtype: np.dtype, i: int) -> np.ndarray:
    canvas = plan.source
    for number, step in enumerate(plan.steps):
        if isinstance(step, Pass):
            # Averaging a uint8 source gives uint8, as a scaled decode would.
            image = _pass(plan, step, image, canvas, i, whole=number == 0 and dtype.kind == "u")
        elif step.active[i]:
            image = step.transform.reference(image, step.params_of(i), plan.low, plan.high)
        canvas = step.size
    write = plan.write
    image = np.clip(image, plan.low, plan.high) * write.scale[i] + write.bias[i]
    if write.standardize is not None and write.standardize[i]:
        image = (image - image.mean()) / max(image.std(), 1 / np.sqrt(image.size))
    return np.rint(image) if write.dtype.kind == "u" else image


def _pass(plan: Plan, step: Pass, image: np.ndarray, source: Canvas, i: int, whole: bool) -> np.ndarray:
    inside = None
    grey = _grey_mean(image) if step.mean_gain is not None else 0.0
    if step.geometry is not None:
        matrix = step.matrices()
        reduced = reduced_size(matrix, source, plan.interpolation)
        if reduced is not None:
            matrix = onto_reduced(matrix, source, reduced)
            image = average(image, int(reduced.height[i]), int(reduced.width[i]))
            image = np.rint(image) if whole else image
        size = (int(step.size.height[i]), int(step.size.width[i]))
        image, inside = warp(image, matrix[i].reshape(2, 3), size, plan.fill, plan.interpolation)
    if step.color is not None:
        extra = 0.0 if step.mean_gain is None else step.mean_gain[i] * (grey - plan.low)
        image = recolor(image, step.color[i], plan.low, plan.high, extra)
    if inside is not None and plan.fill == "constant":
        fill = np.array(plan.fill_value)[None, None]
        if step.fill_color is not None:
            fill = recolor(fill, step.fill_color[i], plan.low, plan.high)
        image = np.where(inside[:, :, None], image, fill)
    return image


def _grey_mean(image: np.ndarray) -> float:
    means = image.mean(axis=(0, 1))
    return float(means[:3] @ color.LUMA) if len(means) in (3, 4) else float(means.mean())


def recolor(
    image: np.ndarray, matrix: np.ndarray, low: float, high: float, extra: np.ndarray | float = 0.0
) -> np.ndarray:
    """A 3x4 matrix on values in [0, 1], applied to an image with values in low..high; `extra` (3,) is added."""
    m = color.to_range(matrix[None], low, high)[0]
    offset = m[:, 3] + extra
    if image.shape[-1] in (3, 4):
        rgb = image[..., :3] @ m[:, :3].T + offset
        return np.concatenate([rgb, image[..., 3:]], axis=-1)
    return image * m[0, :3].sum() + offset[0]  # grey: r = g = b


def warp(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], fill: str, interpolation: str
) -> tuple[np.ndarray, np.ndarray]:
    """Sample `image` at matrix @ (x, y, 1) for the centre (x, y) of each output pixel; also whether that lies
    inside. What lies on the edge between two pixels belongs to the right or lower one, see `geometry.EDGE`.
    """
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    row, column = np.floor(v + EDGE), np.floor(u + EDGE)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if interpolation == "nearest":
        return image[_border(row, height, fill), _border(column, width, fill)], inside
    u, v = u - 0.5, v - 0.5  # pixel centres become whole numbers
    x0, y0 = np.floor(u), np.floor(v)
    tx, ty = (u - x0)[:, :, None], (v - y0)[:, :, None]
    left, right = _border(x0, width, fill), _border(x0 + 1, width, fill)
    top, bottom = _border(y0, height, fill), _border(y0 + 1, height, fill)
    upper = image[top, left] * (1 - tx) + image[top, right] * tx
    lower = image[bottom, left] * (1 - tx) + image[bottom, right] * tx
    return upper * (1 - ty) + lower * ty, inside


def _border(index: np.ndarray, n: int, fill: str) -> np.ndarray:
    """Which pixel stands at a whole position outside 0..n-1; "constant" is cut elsewhere and reads the nearest."""
    index = index.astype(np.int64)
    if fill == "wrap":
        return index % n
    if fill == "reflect":
        index = index % (2 * n)
        return np.where(index < n, index, 2 * n - 1 - index)
    return np.clip(index, 0, n - 1)


def average(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Area averaging: each output pixel is the mean of what it covers, partly covered pixels by their part."""
    return np.einsum("yh,hwc,xw->yxc", _cover(image.shape[0], height), image, _cover(image.shape[1], width))


def _cover(source: int, target: int) -> np.ndarray:
    """(target, source): which part of an output cell each source pixel makes up."""
    edges = np.arange(target + 1) * (source / target)
    overlap = np.minimum(edges[1:, None], np.arange(source) + 1) - np.maximum(edges[:-1, None], np.arange(source))
    return np.clip(overlap, 0, None) * (target / source)
