"""The oracle: the same plans in float64 NumPy, slow and obvious. Every other executor is tested against it.

It runs plans whose steps are not fused as well as fused ones; one image, one step, one operation at a time.
"""

from __future__ import annotations

import numpy as np

from augfuse.algebra import color_matrices
from augfuse.algebra.geometry import EDGE, FAR, FIELD_STEP, LEAST_DIVISOR, Field
from augfuse.execute.batch_images import Images
from augfuse.execute.mixture import Masks
from augfuse.plan.bends import Bend
from augfuse.plan.lowered import Lowered, Pass, Sampling
from augfuse.plan.ops import Mix
from augfuse.plan.tone import FLAT, Tone, params_of


def execute(lowered: Lowered, images: Images) -> np.ndarray:
    """(n, h, w, c) of the plan's dtype."""
    return np.stack(execute_each(lowered, images).items)


def execute_each(lowered: Lowered, images: Images, threads: int = 1) -> Images:
    """The same for images that may come out in different sizes."""
    return Images(items=[execute_one(lowered, images, i) for i in range(len(images))])


def execute_one(lowered: Lowered, images: Images, i: int) -> np.ndarray:
    """(h, w, c) of image i."""
    result = _image(lowered, images[i].astype(np.float64), images.dtype, i)
    dtype = lowered.output.dtype  # float16 is rounded float32
    return (result.astype(np.float32) if dtype == np.float16 else result).astype(dtype)


def mix(op: Mix, own: Images, partners: tuple[Images, ...], masks: Masks, threads: int = 1) -> Images:
    """Finished samples put together, one after the other."""
    items = [own[i].astype(np.float64) for i in range(len(own))]
    for j, i in enumerate(op.rows.tolist()):
        samples: list[np.ndarray] = [items[i], *(partner[j].astype(np.float64) for partner in partners)]
        picture = np.zeros((int(op.size.height[i]), int(op.size.width[i]), own.channels))
        for k, sample in enumerate(samples):
            left, top, width, height = op.parts[j, k]
            part = picture[top : top + height, left : left + width]
            if op.weights is not None:
                part += op.weights[j, k] * sample
            else:
                taken = np.ones(sample.shape[:2], bool) if masks is None or k == 0 else masks[j]
                part[taken] = sample[taken]
        items[i] = picture
    return Images(items=[item.astype(np.float32 if op.weights is not None else own.dtype) for item in items])


def _image(lowered: Lowered, image: np.ndarray, dtype: np.dtype, i: int) -> np.ndarray:
    for number, step in enumerate(lowered.steps):
        if isinstance(step, Pass):
            # Averaging a uint8 source gives uint8, as a scaled decode would; so does what tones left.
            toned = step.before is not None or (number > 0 and getattr(lowered.steps[number - 1], "after", None))
            whole = dtype.kind == "u" and bool(number == 0 or toned)
            image = _pass(step, image, i, lowered.low, whole)
        elif step.active[i]:
            image = step.apply(image, step.params_of(i))
    output = lowered.output
    image = np.clip(image, output.low, output.high) * output.scale[i] + output.bias[i]
    if output.standardize is not None and output.standardize[i]:
        image = (image - image.mean()) / max(image.std(), 1 / np.sqrt(image.size))
    return np.rint(image) if output.dtype.kind == "u" else image


def _pass(step: Pass, image: np.ndarray, i: int, low: float, whole: bool) -> np.ndarray:
    inside = None
    image = retone(image, step.before, i) if step.before is not None else image
    extra = 0.0 if step.mean_gain is None else step.mean_gain[i] * (_gray_mean(image) - low)
    if step.sampling is not None:
        reduced = step.sampling.reduced
        if reduced is not None:
            image = average(image, int(reduced.height[i]), int(reduced.width[i]))
            image = np.rint(image) if whole else image
        size = (int(step.size.height[i]), int(step.size.width[i]))
        image, inside = _resampled(image, step.sampling, i, size)
    if step.color is not None:
        image = recolor(image, step.color[i], extra)
    elif step.gain is not None:
        image = image * step.gain[i, 0] + step.gain[i, 1] + np.ravel(extra)[0]
    if inside is not None and step.fills is not None:
        image = np.where(inside[:, :, None], image, step.fills[i])
    return retone(image, step.after, i) if step.after is not None else image


def _resampled(image: np.ndarray, sampling: Sampling, i: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    matrix, border, how = sampling.matrices[i].reshape(2, 3), sampling.border, sampling.interpolation
    if sampling.grid == "aligned" and how != "nearest":
        return scale(image, matrix, size, border, sampling.averages_above, how == "bicubic")
    places = mapped(matrix, *bent(sampling.bends, i, *centres(size)))
    return sample(image, *places, border, how == "nearest", how == "bicubic")


def retone(image: np.ndarray, tone: Tone, i: int) -> np.ndarray:
    """The curves of image i one after the other, each on values that are clipped and, of whole numbers, rounded: alpha
    too, which passes no curve.
    """
    if tone.levels:
        image = np.rint(np.clip(image, tone.low, tone.high))
    channels = [image[:, :, c] for c in range(image.shape[2])]
    span = tone.high - tone.low
    for curve in tone.curves:
        for c in range(tone.colors):
            values = np.clip(channels[c], tone.low, tone.high)
            values = np.rint(values) if tone.levels else values
            if curve.active[i] and curve.statistic == "range":
                values = stretch(values, tone)
            elif curve.active[i] and curve.statistic == "histogram":
                values = equalize(values, tone)
            elif curve.active[i]:
                unit = curve.curve(
                    params_of(curve, i, i + 1), np.clip((values.ravel() - tone.low) / span, 0, 1), tone.levels
                )
                values = (tone.low + span * unit[0]).reshape(values.shape)
                values = np.rint(values) if tone.levels else values
            channels[c] = values
    return np.stack(channels, axis=2)


def stretch(values: np.ndarray, tone: Tone) -> np.ndarray:
    """The darkest value becomes `low`, the brightest `high`. Levels are cut to whole numbers, as in Pillow."""
    darkest, brightest = float(values.min()), float(values.max())
    if brightest - darkest <= (0 if tone.levels else FLAT * (tone.high - tone.low)):
        return values
    scale = (tone.high - tone.low) / (brightest - darkest)
    stretched = values * scale + -darkest * scale
    return np.clip(tone.low + (np.floor(stretched) if tone.levels else stretched), tone.low, tone.high)


def equalize(values: np.ndarray, tone: Tone) -> np.ndarray:
    """Each level becomes how many pixels are darker, in steps of which the last level is one. Of 256 levels as in
    Pillow, where a step is a whole number of pixels; of 65 536 levels, and of floats at as many, it is not.
    """
    most = (tone.levels or 65536) - 1
    unit = most / (tone.high - tone.low) if not tone.levels else 1.0
    first = 0.0 if tone.levels else tone.low
    levels = np.rint((values - first) * unit).astype(np.int64)
    counts = np.bincount(levels.ravel(), minlength=most + 1)
    spread = int(counts.sum() - counts[np.flatnonzero(counts)[-1]])
    darker = np.cumsum(counts) - counts
    if spread == 0 or (most == 255 and spread < 255):
        return values
    if most == 255:
        found = np.minimum((darker + spread // 255 // 2) // (spread // 255), 255)
    else:
        found = np.minimum((2 * darker * most + spread) // (2 * spread), most)
    if tone.levels:  # a declared range is a part of the levels
        return np.rint(tone.low + found[levels] * ((tone.high - tone.low) / most))
    return tone.low + found[levels] / unit


def _gray_mean(image: np.ndarray) -> float:
    means = image.mean(axis=(0, 1))
    return float(means[:3] @ color_matrices.LUMA) if len(means) in (3, 4) else float(means.mean())


def recolor(image: np.ndarray, matrix: np.ndarray, extra: np.ndarray | float = 0.0) -> np.ndarray:
    """A 3x4 matrix on the first three channels; `extra` (3,) is added."""
    rgb = image[..., :3] @ matrix[:, :3].T + (matrix[:, 3] + extra)
    return np.concatenate([rgb, image[..., 3:]], axis=-1)


def warp(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: str, nearest: bool, cubic: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Sample `image` at matrix @ (x, y, 1) for the centre (x, y) of each output pixel; also whether that lies
    inside.
    """
    return sample(image, *mapped(matrix, *centres(size)), border, nearest, cubic)


def centres(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the centre of each output pixel."""
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    return x, y


def mapped(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where an affine map (2, 3) puts these places."""
    return tuple(matrix[r, 0] * x + matrix[r, 1] * y + matrix[r, 2] for r in range(2))  # type: ignore[return-value]


def bent(bends: tuple[Bend, ...], i: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where perspectives and displacement fields put these places."""
    for bend in bends:
        m, height, width = bend.maps[i].reshape(3, 3), bend.size.height[i], bend.size.width[i]
        divisor = np.maximum(m[2, 0] * x + m[2, 1] * y + m[2, 2], LEAST_DIVISOR)
        u, v = mapped(m[:2], x, y)
        x, y = np.clip(u / divisor, -FAR, width + FAR), np.clip(v / divisor, -FAR, height + FAR)
        if bend.field is not None:
            x, y = displaced(bend.field, i, int(height), int(width), x, y)
    return x, y


def displaced(
    field: Field, i: int, height: int, width: int, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the field of image i puts these places of a canvas of this size."""
    right, down = bilinear(lattice(field, i, height, width), x / width, y / height)
    return x + right, y + down


def lattice(field: Field, i: int, height: int, width: int) -> np.ndarray:
    """(rows, columns, 2): the displacements of image i between which the field is bilinear."""
    return spline(field.points[i], height, width) if field.smooth else field.points[i]


def spline(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """The cubic B-spline of control points (rows, columns, 2) at equal distances over the canvas, with both ends."""
    rows, columns = (
        _spline_weights(points.shape[axis] - 3, -(-side // FIELD_STEP)) for axis, side in enumerate((height, width))
    )
    return _along_both(rows, points, columns)


def _spline_weights(cells: int, steps: int) -> np.ndarray:
    """(steps + 1, cells + 3): how much of each control point is in each place along one axis."""
    weights = np.zeros((steps + 1, cells + 3))
    for j in range(steps + 1):
        place = j * cells / steps
        first = min(int(place), cells - 1)
        t = place - first
        basis = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
        weights[j, first : first + 4] = np.array(basis) / 6
    return weights


def bilinear(points: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The field of lattice points (rows, columns, 2) at these places, as fractions of the canvas: what lies outside has
    the value of its edge.
    """
    rows, columns = points.shape[0] - 1, points.shape[1] - 1
    x, y = np.clip(x * columns, 0, columns), np.clip(y * rows, 0, rows)
    left, top = np.minimum(x.astype(np.int64), columns - 1), np.minimum(y.astype(np.int64), rows - 1)
    tx, ty = (x - left)[..., None], (y - top)[..., None]
    upper = points[top, left] * (1 - tx) + points[top, left + 1] * tx
    lower = points[top + 1, left] * (1 - tx) + points[top + 1, left + 1] * tx
    found = upper * (1 - ty) + lower * ty
    return found[..., 0], found[..., 1]


def sample(
    image: np.ndarray, u: np.ndarray, v: np.ndarray, border: str, nearest: bool, cubic: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """`image` at the places (u, v); also whether these lie inside. What lies on the edge between two pixels belongs to
    the right or lower one, see `geometry.EDGE`.
    """
    height, width = image.shape[:2]
    row, column = np.floor(v + EDGE), np.floor(u + EDGE)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if nearest:
        return image[_border(row, height, border), _border(column, width, border)], inside
    columns, across = _neighbours(u - 0.5, cubic)  # pixel centres become whole numbers
    rows, down = _neighbours(v - 0.5, cubic)
    found = np.zeros((*u.shape, image.shape[2]))
    for i, part in zip(rows, down, strict=True):
        for j, other in zip(columns, across, strict=True):
            taps = image[_border(i, height, border), _border(j, width, border)]
            found += (part * other)[:, :, None] * taps
    return found, inside


def _neighbours(place: np.ndarray, cubic: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The whole positions around each place that its value is made of, and how much of each is in it."""
    left = np.floor(place)
    t = place - left
    if not cubic:
        return [left, left + 1], [1 - t, t]
    a = -0.75
    near = [(a + 2) * s**3 - (a + 3) * s**2 + 1 for s in (t, 1 - t)]
    far = [a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a for s in (1 + t, 2 - t)]
    return [left - 1, left, left + 1, left + 2], [far[0], near[0], near[1], far[1]]


def scale(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: str, above: float, cubic: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """`warp` of a map that scales and shifts along the axes: each pixel is the mean of what it covers along an axis
    that shrinks by more than `above`, and blends two or four neighbours along the other.
    """
    assert matrix[0, 1] == matrix[1, 0] == 0
    height, width = image.shape[:2]
    rows = _weights(matrix[1, 1], matrix[1, 2], height, size[0], border, above, cubic)
    columns = _weights(matrix[0, 0], matrix[0, 2], width, size[1], border, above, cubic)
    _, inside = warp(image[:, :, :1], matrix, size, border, True)
    return _along_both(rows, image, columns), inside


def _along_both(rows: np.ndarray, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(y, x, c) sums of values (h, w, c) with these weights (y, h) and (x, w)."""
    return np.einsum("yh,hwc,xw->yxc", rows, values, columns, optimize=True)  # one axis, then the other


def _weights(scale: float, shift: float, length: int, count: int, border: str, above: float, cubic: bool) -> np.ndarray:
    """(count, length): how much of each source position is in each output position, along one axis."""
    weights = np.zeros((count, length))
    for i in range(count):
        ends = sorted((scale * i + shift, scale * (i + 1) + shift))
        if abs(scale) > above:  # not the difference of the ends, which is rounded
            cells = np.arange(float(np.floor(ends[0])), float(np.ceil(ends[1])))
            part = (np.minimum(cells + 1, ends[1]) - np.maximum(cells, ends[0])) / (ends[1] - ends[0])
        else:
            place = (ends[0] + ends[1]) / 2 - 0.5  # pixel centres become whole numbers
            cells, part = map(np.concatenate, _neighbours(np.array([place]), cubic))
        np.add.at(weights[i], _border(cells, length, border), part)
    return weights


def _border(index: np.ndarray, n: int, border: str) -> np.ndarray:
    """Which pixel stands at a whole position outside 0..n-1; "constant" is cut elsewhere and reads the nearest."""
    index = index.astype(np.int64)
    if border == "wrap":
        return index % n
    if border == "reflect":
        index = index % (2 * n)
        return np.where(index < n, index, 2 * n - 1 - index)
    return np.clip(index, 0, n - 1)


def average(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Area averaging: each output pixel is the mean of what it covers, partly covered pixels by their part."""
    return _along_both(_cover(image.shape[0], height), image, _cover(image.shape[1], width))


def _cover(source: int, target: int) -> np.ndarray:
    """(target, source): which part of an output cell each source pixel makes up."""
    edges = np.arange(target + 1) * (source / target)
    overlap = np.minimum(edges[1:, None], np.arange(source) + 1) - np.maximum(edges[:-1, None], np.arange(source))
    return np.clip(overlap, 0, None) * (target / source)
