"""ZCA whitening of any data set, read in chunks; nothing holds a float64 copy of the data.

It (Bell & Sejnowski 1997; with the added epsilon: Krizhevsky 2009, appendix A) takes the mean image off and multiplies
by the symmetric W = U diag(1 / sqrt(variance + epsilon)) U^T, where U and the variances are the eigenvectors and
eigenvalues of the covariance of the data. With fewer images (n) than features (D) at most n - 1 variances are not zero,
and they and their directions follow from the n x n matrix of inner products: nothing of size D x D is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from augfuse.data.measured.moments import PRODUCT_VALUES, checked, no_images
from augfuse.errors import DataError, ImageError, RangeError
from augfuse.jit import jit
from augfuse.text import shown

_ACROSS, _DOWN = 256, 64  # the piece of a matrix that one turn of `_multiply` works on: 64 KB, half of a small L2 cache
_GROUP = 32  # images multiplied at once by `Whitening.apply`


@final
@dataclass(frozen=True, eq=False, repr=False)
class Whitening:
    """ZCA whitening of images of one shape: x' = (x - mean) W, in one of two forms. Immutable; it pickles.

    Attributes:
        mean: the mean image, float64, in the shape of one image.
        dense: W, float32 (D, D), where D is the number of values in an image; or None.
        basis: float32 (D, r), orthonormal columns, instead of `dense`: W = basis diag(scales) basis^T; or None.
        scales: float32 (r,), with `basis`; or None.

    The arrays are read-only; arrays of the right dtype are not copied.

    Raises:
        DataError: neither or both forms are given, or the shapes do not belong together.
    """

    mean: np.ndarray
    dense: np.ndarray | None = None
    basis: np.ndarray | None = None
    scales: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", _read_only(self.mean, np.float64))
        for name in ("dense", "basis", "scales"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else _read_only(value, np.float32))
        shapes = {n: getattr(self, n).shape for n in ("dense", "basis", "scales") if getattr(self, n) is not None}
        size = self.mean.size
        rank = shapes["scales"][-1] if shapes.get("scales") else 0
        if shapes not in ({"dense": (size, size)}, {"basis": (size, rank), "scales": (rank,)}):
            raise DataError(
                f"Whitening: got a mean of {size} values with {shapes or 'no matrix'}, wanted dense ({size}, {size}), "
                f"or basis ({size}, r) and scales (r,). Let fit_zca(chunks, epsilon) make them."
            )

    def __reduce__(self) -> tuple[type[Whitening], tuple[np.ndarray | None, ...]]:
        # Through the constructor: unpickled arrays are writable.
        return Whitening, (self.mean, self.dense, self.basis, self.scales)

    def __repr__(self) -> str:
        form = "dense" if self.basis is None else f"rank={self.basis.shape[1]}"
        return f"Whitening(shape={self.mean.shape}, {form})"

    def apply(self, batch: np.ndarray) -> np.ndarray:
        """Whitened images, as a new array. An image's result is the same, to the byte, in every batch.

        Args:
            batch: (n, ...) of integers or floats in the units of the data fitted on; each image of the shape of `mean`.

        Returns:
            float32 array of the shape of `batch`.

        Raises:
            ImageError: images of another shape than those fitted on.
        """
        images = np.asarray(batch)
        if images.ndim == 0 or images.shape[1:] != self.mean.shape:
            wanted = ", ".join(str(length) for length in self.mean.shape)
            raise ImageError(
                f"Whitening.apply: got an array of shape {images.shape}, wanted (n, {wanted}), images of the shape "
                "fitted on. For one image use: whitening.apply(image[None])[0]."
            )
        out = np.empty(images.shape, np.float32)
        rows, out_rows = images.reshape(-1, self.mean.size), out.reshape(-1, self.mean.size)
        mean = self.mean.reshape(-1)
        factors = self._factors
        for start in range(0, len(rows), _GROUP):
            part = rows[start : start + _GROUP]
            values = np.zeros((len(part) + len(part) % 2, len(factors[0])), np.float32)
            np.subtract(part, mean, out=values[: len(part), : mean.size], dtype=np.float64, casting="same_kind")
            for factor in factors:
                product = np.empty((len(values), factor.shape[1]), np.float32)
                _multiply(values, factor, product)
                values = product
            out_rows[start : start + _GROUP] = values[: len(part), : mean.size]
        return out

    def matrix(self) -> np.ndarray:
        """W as a float32 array (D, D). The low-rank form builds it anew on each call: 4 D^2 bytes."""
        if self.basis is None or self.scales is None:
            assert self.dense is not None
            return self.dense
        return (self.basis * self.scales) @ self.basis.T

    @cached_property
    def _factors(self) -> list[np.ndarray]:
        """The matrices to multiply with, one after the other; their sides are filled up with zeros as `_multiply` wants
        them."""
        if self.basis is None or self.scales is None:
            assert self.dense is not None
            return [_filled_up(self.dense)]
        return [_filled_up(self.basis * self.scales), _filled_up(self.basis.T)]


def _filled_up(matrix: np.ndarray) -> np.ndarray:
    sides = tuple(-(-side // 4) * 4 for side in matrix.shape)
    if sides == matrix.shape:
        return np.ascontiguousarray(matrix)
    found = np.zeros(sides, np.float32)
    found[: matrix.shape[0], : matrix.shape[1]] = matrix
    return found


def fit_zca(chunks: Callable[[], Iterable[np.ndarray]], epsilon: float) -> Whitening:
    """ZCA whitening of the images in `chunks()`, each feature (pixel and channel) centred on its own mean.

    Takes two passes over the images, as float32: count and mean, then covariances. With D features and n images:

    * n >= D: a covariance in float64, 8 D^2 bytes a few times over and time as D^3; the images are not held.
    * n < D: the images are held as float32 (4 n D bytes, which the result then takes over), and beside them
      n x n matrices. Nothing of size D x D is made.

    Directions in which the data do not vary (a variance that rounding explains: below about D x 2e-16 of the
    largest) are projected out: nothing is known of them, and 1 / sqrt(epsilon) would blow up what shows up there later.

    Args:
        chunks: called once for each pass; gives the same images every time, arrays (k, h, w, c) or (k, c, h, w) of any
            k. How the images are cut into chunks makes no difference to the result.
        epsilon: added to each variance, in squared units of the pixels; 0 or more. A larger one damps the
            weak directions, which are mostly noise. Its effect does not depend on n.

    Raises:
        RangeError: `epsilon` is negative or not finite.
        ImageTypeError: a chunk that does not hold real numbers.
        DataError: no images, NaN or infinite pixels, images of different shapes, or passes of different lengths.
    """
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise RangeError(f"zca_epsilon: got {shown(epsilon)}, wanted a finite number of at least 0. Use 1e-6.")
    count, mean_image = _mean_image(chunks())
    mean = mean_image.reshape(-1)
    if count < mean.size:
        basis, scales = _low_rank(_collected(chunks(), count, mean.size), mean, epsilon)
        return Whitening(mean_image, basis=basis, scales=scales)
    return Whitening(mean_image, dense=_dense(chunks(), count, mean, epsilon))


def _mean_image(chunks: Iterable[np.ndarray]) -> tuple[int, np.ndarray]:
    """How many images, and their mean in float64. Exact for constant features: the sum of float32 values is."""
    count, total = 0, np.zeros(1)
    shape: tuple[int, ...] = ()
    for rows, shape in _row_blocks(chunks):  # noqa: B007  the last one is the shape of all
        total = total + rows.sum(axis=0, dtype=np.float64)
        count += len(rows)
    if count == 0:
        raise no_images("fit_zca")
    return count, (total / count).reshape(shape)


def _dense(chunks: Iterable[np.ndarray], count: int, mean: np.ndarray, epsilon: float) -> np.ndarray:
    """W (D, D), from the covariance."""
    covariance = np.zeros((mean.size, mean.size))
    seen = 0
    for rows, _ in _row_blocks(chunks):
        centred = rows - mean
        covariance += centred.T @ centred
        seen += len(rows)
    _same_length(seen, count)
    covariance /= count
    variances, directions = np.linalg.eigh(covariance)
    kept = _varying(variances, mean.size)
    directions, variances = directions[:, kept], variances[kept]
    return ((directions / np.sqrt(variances + epsilon)) @ directions.T).astype(np.float32)


def _low_rank(rows: np.ndarray, mean: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Basis (D, r) and scales (r,) from all images, (n, D) with n < D. The basis is written over the images."""
    count, size = rows.shape
    width = max(1, PRODUCT_VALUES // count)
    columns = [slice(start, start + width) for start in range(0, size, width)]
    # float64: squaring the data squares the ratio of strong to weak directions, which is a million and more in photos.
    gram = np.zeros((count, count))
    for part in columns:
        centred = rows[:, part] - mean[part]
        gram += centred @ centred.T
    gram /= count
    variances, mixtures = np.linalg.eigh(gram)
    kept = _varying(variances, size)
    variances = variances[kept]
    mixtures = mixtures[:, kept].T / np.sqrt(count * variances)[:, None]
    rank = len(variances)
    for part in columns:
        rows[:rank, part] = mixtures @ (rows[:, part] - mean[part])
    # A slice keeps the memory of the whole; copied where that would be mostly waste.
    basis = rows[:rank].copy() if 2 * rank < count else rows[:rank]
    return basis.T, 1 / np.sqrt(variances + epsilon)


def _varying(variances: np.ndarray, size: int) -> np.ndarray:
    """Which of the ascending variances are more than rounding, of the float32 pixels or of the float64 sums."""
    precision = max(size * np.finfo(np.float64).eps, np.finfo(np.float32).eps ** 2)
    return variances > variances[-1] * precision


def _collected(chunks: Iterable[np.ndarray], count: int, size: int) -> np.ndarray:
    """All images as float32 rows (count, size)."""
    held = np.empty((count, size), np.float32)
    seen = 0
    for rows, _ in _row_blocks(chunks):
        held[seen : seen + len(rows)] = rows[: max(0, count - seen)]
        seen += len(rows)
    _same_length(seen, count)
    return held


def _row_blocks(chunks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, tuple[int, ...]]]:
    """The images as float32 rows (m, D), and the shape of one; m does not depend on how the chunks are cut.

    Blocks share one buffer. Full ones make the products worth their start: a covariance per image would cost D^2 each.
    """
    shape: tuple[int, ...] = ()
    block, filled = np.empty((0, 0), np.float32), 0
    for chunk in checked(chunks):
        if not shape:
            shape = chunk.shape[1:]
            size = math.prod(shape)
            block = np.empty((max(1, PRODUCT_VALUES // size), size), np.float32)
        elif chunk.shape[1:] != shape:
            raise DataError(
                f"fit_zca: got images of shape {chunk.shape[1:]}, wanted {shape} as in the chunks before: each pixel "
                "is a feature. Load them at one size, as in target_size=(32, 32)."
            )
        taken = 0
        while taken < len(chunk):
            step = min(len(block) - filled, len(chunk) - taken)
            block[filled : filled + step].reshape(step, *shape)[...] = chunk[taken : taken + step]
            filled, taken = filled + step, taken + step
            if filled == len(block):
                yield block, shape
                filled = 0
    if filled:
        yield block[:filled], shape


def _same_length(got: int, wanted: int) -> None:
    if got != wanted:
        raise DataError(
            f"fit_zca: got {got} images in the second pass, wanted the {wanted} of the first. Each call of `chunks` "
            "must start anew; for an array use: fit_zca(lambda: [x], epsilon)."
        )


def _read_only(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    view = np.asarray(array, dtype).view()
    view.flags.writeable = False
    return view


@jit
def _multiply(rows: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    """out = rows (n, d) times matrix (d, e), C-contiguous float32, n even and d a multiple of 4. Each row is summed in
    the same order, wherever it stands: BLAS rounds by the place of a row in the product.
    """
    n, d = rows.shape
    e = matrix.shape[1]
    out[:] = np.float32(0)
    for left in range(0, e, _ACROSS):
        right = min(left + _ACROSS, e)
        for top in range(0, d, _DOWN):
            for i in range(0, n, 2):
                one, two = out[i, left:right], out[i + 1, left:right]
                for k in range(top, min(top + _DOWN, d), 4):
                    a0, a1, a2, a3 = rows[i, k], rows[i, k + 1], rows[i, k + 2], rows[i, k + 3]
                    b0, b1, b2, b3 = rows[i + 1, k], rows[i + 1, k + 1], rows[i + 1, k + 2], rows[i + 1, k + 3]
                    m0, m1 = matrix[k, left:right], matrix[k + 1, left:right]
                    m2, m3 = matrix[k + 2, left:right], matrix[k + 3, left:right]
                    for j in range(right - left):
                        one[j] = one[j] + a0 * m0[j] + a1 * m1[j] + a2 * m2[j] + a3 * m3[j]
                        two[j] = two[j] + b0 * m0[j] + b1 * m1[j] + b2 * m2[j] + b3 * m3[j]
