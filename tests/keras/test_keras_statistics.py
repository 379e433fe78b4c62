"""What `fit` computes: mean, deviation and ZCA, against float64 NumPy, SciPy, scikit-learn and Keras' own class."""

from __future__ import annotations

import dataclasses
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError)

from augfuse.data.measured import zca
from augfuse.data.measured.moments import moments
from augfuse.data.measured.zca import Whitening, fit_zca
from augfuse.errors import DataError, ImageError, ImageTypeError, RangeError
from augfuse.keras.generator.fitting import keras_zca

EPSILON = 1e-3


def images(count: int, height: int = 4, width: int = 5, channels: int = 3, seed: int = 0) -> np.ndarray:
    """float32 images in about [0, 1], neighbours alike as in photographs, each pixel with a mean of its own."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.2, (count, height, width, channels))
    smooth = noise.cumsum(axis=1).cumsum(axis=2) / 3 + noise.sum(axis=-1, keepdims=True) / 2
    return (0.5 + smooth + rng.uniform(-0.3, 0.3, (height, width, channels))).astype(np.float32)


def cut(x: np.ndarray, size: int) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (x[start : start + size] for start in range(0, len(x), size))


def fitted(x: np.ndarray, epsilon: float = EPSILON, size: int = 7) -> Whitening:
    return fit_zca(cut(x, size), epsilon)


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float64)


def covariance(x: np.ndarray) -> np.ndarray:
    centred = flat(x) - flat(x).mean(axis=0)
    return centred.T @ centred / len(x)


def keras_generator(**options: Any) -> Any:
    pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator(**options)


def peak_memory(call: Callable[[], object]) -> int:
    """Bytes that NumPy and Python hold at most, above those held before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Mean and deviation


@given(
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=6).filter(any),
    channels=st.sampled_from([1, 3, 4]),
    first=st.booleans(),
    dtype=st.sampled_from(["uint8", "uint16", "float16", "float32", "float64"]),
    seed=st.integers(0, 99),
)
def test_moments_are_those_of_float64_numpy(
    sizes: list[int], channels: int, first: bool, dtype: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    whole = rng.uniform(0, 250, (sum(sizes), 6, 5, channels)).astype(dtype)
    x = np.moveaxis(whole, -1, 1) if first else whole
    mean, deviation = moments(np.split(x, np.cumsum(sizes)[:-1]), 1 if first else 3)
    assert mean.dtype == deviation.dtype == np.float32
    assert mean.shape == deviation.shape == ((channels, 1, 1) if first else (1, 1, channels))
    exact = whole.astype(np.float64)
    np.testing.assert_allclose(mean.ravel(), exact.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(deviation.ravel(), exact.std(axis=(0, 1, 2)), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 40])
def test_moments_keep_a_small_spread_on_a_large_mean(size: int) -> None:
    x = np.random.default_rng(0).normal((1e6, -3e4, 7.0), (1e-2, 1e-2, 1e-5), (40, 9, 8, 3))
    mean, deviation = moments(cut(x, size)(), 3)
    np.testing.assert_allclose(mean.ravel(), x.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(deviation.ravel(), x.std(axis=(0, 1, 2)), rtol=1e-6)
    # Not a matter of course: what float32 NumPy, hence Keras' class, makes of it.
    assert not np.allclose(x.astype(np.float32).std(axis=(0, 1, 2)), x.std(axis=(0, 1, 2)), rtol=1e-2)


@pytest.mark.parametrize("shape", [(3, 700, 500, 3), (1, 4, 3, 200_000)])
def test_moments_work_through_large_images_in_pieces(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for axis in (1, 3):
        axes = tuple(a for a in range(4) if a != axis)
        mean, deviation = moments([x], axis)
        np.testing.assert_allclose(mean.ravel(), x.mean(axis=axes), rtol=1e-6)
        np.testing.assert_allclose(deviation.ravel(), x.std(axis=axes), rtol=1e-6)


def test_moments_take_chunks_of_other_sizes_and_weigh_them_by_pixels() -> None:
    chunks = [images(4, 6, 6), images(1, 20, 9, seed=1), images(3, 1, 2, seed=2)]
    mean, deviation = moments(iter(chunks), 3)
    pixels = np.concatenate([chunk.reshape(-1, 3) for chunk in chunks]).astype(np.float64)
    np.testing.assert_allclose(mean.ravel(), pixels.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviation.ravel(), pixels.std(axis=0), rtol=1e-6)


def test_moments_of_equal_pixels_are_exact() -> None:
    mean, deviation = moments([np.full((9, 11, 13, 2), 0.1, np.float32)] * 3, 3)
    assert (mean == np.float32(0.1)).all()
    assert (deviation == 0).all()


@pytest.mark.parametrize("shape", [(600, 100, 100, 3), (1, 2000, 3000, 3)])
def test_moments_do_not_copy_the_data(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.uint8)  # 18 MB, 144 MB in float64
    assert peak_memory(lambda: moments([x], 3)) < 12e6
    assert peak_memory(lambda: moments([np.moveaxis(x, 3, 1)], 1)) < 12e6


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_moments_are_those_of_keras(data_format: str, channels: int) -> None:
    theirs = keras_generator(
        featurewise_center=True, featurewise_std_normalization=True, rescale=1 / 255, data_format=data_format
    )
    x = np.random.default_rng(0).integers(0, 256, (30, 8, 6, channels)).astype(np.float32)
    x = np.moveaxis(x, -1, 1) if data_format == "channels_first" else x
    theirs.fit(x)
    mean, deviation = moments((chunk * np.float32(1 / 255) for chunk in cut(x, 7)()), theirs.channel_axis)
    assert mean.shape == theirs.mean.shape
    assert deviation.shape == theirs.std.shape
    np.testing.assert_allclose(mean, theirs.mean, rtol=1e-5)  # they sum in float32
    np.testing.assert_allclose(deviation, theirs.std, rtol=1e-5)


@pytest.mark.parametrize("chunks", [[], [np.zeros((0, 4, 4, 3))], [np.zeros((3, 0, 4, 3))]])
def test_no_images_is_an_error(chunks: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match=r"no images, wanted at least one\. Pass"):
        moments(chunks, 3)
    with pytest.raises(DataError, match=r"no images, wanted at least one\. Pass"):
        fit_zca(lambda: chunks, EPSILON)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_an_error_that_names_the_image(bad: float) -> None:
    x = images(50)
    x[33, 2, 1, 0] = bad
    for call in (lambda: moments(cut(x, 7)(), 3), lambda: fitted(x)):
        with pytest.raises(DataError, match="NaN or infinity in image 33, wanted finite"):
            call()


def test_arrays_that_are_no_images_are_errors() -> None:
    with pytest.raises(DataError, match=r"shape \(4, 4, 3\), wanted four axes.*x\[\.\.\., None\]"):
        moments([np.zeros((4, 4, 3))], 3)
    with pytest.raises(ImageTypeError, match=r"dtype complex128, wanted .*astype"):
        moments([np.zeros((1, 4, 4, 3), complex)], 3)
    with pytest.raises(DataError, match="with 4 channels on axis 3, wanted 3"):
        moments([np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4, 4))], 3)
    with pytest.raises(RangeError, match="channel_axis=2, wanted 3"):
        moments([np.zeros((1, 4, 4, 3))], 2)


# ZCA: each case is (images, form) with D = 60; n on both sides of it.
SIZES = [
    (1, "low rank"),
    (2, "low rank"),
    (25, "low rank"),
    (59, "low rank"),
    (60, "dense"),
    (61, "dense"),
    (200, "dense"),
]


@pytest.mark.parametrize(("count", "form"), SIZES)
def test_zca_is_the_formula_in_float64(count: int, form: str) -> None:
    x = images(count)
    whitening = fitted(x)
    assert (whitening.dense is None) == (form == "low rank")
    variances, directions = np.linalg.eigh(covariance(x))
    kept = variances > 1e-12 * max(variances[-1], 1e-12)
    assert kept.sum() == min(count - 1, 60)
    directions = directions[:, kept]
    exact = directions / np.sqrt(variances[kept] + EPSILON) @ directions.T
    np.testing.assert_allclose(whitening.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(whitening.matrix(), exact, atol=2e-6 * np.abs(exact).max())
    fresh = images(40, seed=5)
    result = whitening.apply(fresh)
    assert result.dtype == np.float32
    assert result.shape == fresh.shape
    wanted = ((flat(fresh) - flat(x).mean(axis=0)) @ exact).reshape(fresh.shape)
    np.testing.assert_allclose(result, wanted, atol=5e-6 * max(1, np.abs(wanted).max()))
    if whitening.basis is not None:
        assert whitening.basis.shape == (60, count - 1)
        gram = whitening.basis.T.astype(np.float64) @ whitening.basis
        np.testing.assert_allclose(gram, np.eye(count - 1), atol=1e-6)


@pytest.mark.parametrize(("count", "form"), SIZES)
@pytest.mark.parametrize("epsilon", [1e-6, 1e-2])
def test_whitened_data_are_white(count: int, form: str, epsilon: float) -> None:
    x = images(count)
    white = fitted(x, epsilon).apply(x)
    np.testing.assert_allclose(flat(white).mean(axis=0), 0, atol=1e-5)
    variances = np.linalg.eigvalsh(covariance(x))
    variances[: max(0, 60 - (count - 1))] = 0
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance(white)), variances / (variances + epsilon), atol=2e-5)


@pytest.mark.parametrize("count", [40, 300])
def test_keras_own_matrix_does_not_whiten_and_ours_does(count: int) -> None:
    x = images(count)
    theirs = keras_generator(zca_whitening=True, zca_epsilon=1e-6, featurewise_center=True)
    theirs.fit(x)
    # Keras takes one mean per channel off, so the mean image stays in the data and counts as variance. It comes out
    # again as a mean that is not zero; and once there are more images than features, its direction is left with next
    # to no variance instead of 1.
    keras_white = flat(theirs.standardize(x.copy()))
    assert np.abs(keras_white.mean(axis=0)).max() > 0.1
    if count > 60:
        assert np.linalg.eigvalsh(covariance(keras_white))[0] < 0.01
    ours = flat(fitted(x, 1e-6).apply(x))
    assert np.abs(ours.mean(axis=0)).max() < 1e-5
    rank = min(count - 1, 60)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance(ours))[-rank:], 1, atol=1e-2)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("count", [1, 20, 48, 90])
def test_keras_zca_is_keras_number_for_number(count: int, data_format: str) -> None:
    x = images(count, 4, 4)
    x = np.moveaxis(x, -1, 1) if data_format == "channels_first" else x
    theirs = keras_generator(zca_whitening=True, zca_epsilon=1e-4, featurewise_center=True, data_format=data_format)
    theirs.fit(x)
    matrix = keras_zca(np.copy(x) - theirs.mean, 1e-4)
    assert matrix.dtype == theirs.zca_whitening_matrix.dtype
    assert np.array_equal(matrix, theirs.zca_whitening_matrix)


def test_zca_is_the_inverse_root_of_scipy() -> None:
    linalg = pytest.importorskip("scipy.linalg", reason="needs the extra: pip install 'augfuse[keras]'")
    x = images(150)
    root = linalg.sqrtm(covariance(x) + EPSILON * np.eye(60))
    np.testing.assert_allclose(fitted(x).matrix(), np.linalg.inv(root), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [30, 150])
def test_zca_is_the_whitened_pca_of_scikit_learn_turned_back(count: int) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition", reason="needs the extra: pip install 'augfuse[train]'")
    x = images(count)
    rank = min(count - 1, 60)
    pca = decomposition.PCA(n_components=rank, whiten=True, svd_solver="full").fit(flat(x))
    # scikit-learn divides the covariance by n - 1.
    wanted = np.sqrt(count / (count - 1)) * pca.transform(flat(x)) @ pca.components_
    np.testing.assert_allclose(flat(fitted(x, 0.0).apply(x)), wanted, atol=2e-4)


@pytest.mark.parametrize("count", [25, 150])
def test_cutting_into_chunks_makes_no_difference(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks of 13 images, so that chunks end within them, and several columns for the n x n matrix.
    monkeypatch.setattr(zca, "PRODUCT_VALUES", 13 * 60)
    x = images(count)
    whole = pickle.dumps(fitted(x, size=count))
    for size in (1, 5, 13, 60):
        assert pickle.dumps(fitted(x, size=size)) == whole
    uneven = fit_zca(lambda: [x[:1], x[:0], x[1:22], x[22:]], EPSILON)
    assert pickle.dumps(uneven) == whole


@pytest.mark.parametrize("count", [25, 150])
def test_small_blocks_give_the_same_as_large_ones(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(count)
    large = fitted(x).matrix()
    for values in (1, 7 * 60, 59 * 25):
        monkeypatch.setattr(zca, "PRODUCT_VALUES", values)
        np.testing.assert_allclose(fitted(x).matrix(), large, atol=1e-5)


@pytest.mark.parametrize("count", [20, 80])
def test_epsilon_does_not_depend_on_the_number_of_images(count: int) -> None:
    x = images(count)
    once = fitted(x, 0.05)
    # 5 x 20 = 100 images: the same data take the dense form, and must agree with the low-rank one.
    often = fitted(np.concatenate([x] * 5), 0.05)
    assert often.dense is not None
    np.testing.assert_allclose(often.matrix(), once.matrix(), atol=1e-5)
    centred = x - x.mean(axis=(0, 1, 2))
    assert not np.allclose(keras_zca(np.concatenate([centred] * 5), 0.05), keras_zca(centred, 0.05), atol=1e-2)


def test_repeated_images_leave_a_smaller_rank() -> None:
    x = images(6)
    whitening = fitted(np.concatenate([x] * 4))  # 24 images, n < D, of which 6 differ
    assert whitening.basis is not None
    assert whitening.basis.shape == (60, 5)
    np.testing.assert_allclose(whitening.matrix(), fitted(x).matrix(), atol=1e-5)


@pytest.mark.parametrize("count", [20, 90])
def test_directions_without_variance_are_projected_out(count: int) -> None:
    x = images(count)
    x[:, 0, 0] = 0.1  # not a number of float32
    x[..., 1] = x[..., 0]
    whitening = fitted(x, 1e-8)
    strange = np.random.default_rng(1).uniform(0, 1, (3, 4, 5, 3)).astype(np.float32)
    white = whitening.apply(strange)
    assert np.abs(white[:, 0, 0]).max() < 1e-5
    np.testing.assert_allclose(white[..., 1], white[..., 0], atol=1e-3 * np.abs(white).max())
    assert np.linalg.matrix_rank(whitening.matrix()) == min(count - 1, 38)  # 2 x 19 features that vary on their own


@pytest.mark.parametrize("count", [1, 5, 70])
def test_equal_images_become_zero(count: int) -> None:
    whitening = fitted(np.repeat(images(1), count, axis=0), 1e-6)
    assert not whitening.matrix().any()
    assert not whitening.apply(images(3, seed=1)).any()


@pytest.mark.parametrize("count", [10, 50])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_layout_and_channels_make_no_difference(count: int, channels: int) -> None:
    x = images(count, 3, 4, channels)
    last = fitted(x)
    first = fitted(np.moveaxis(x, -1, 1))
    assert first.mean.shape == (channels, 3, 4)
    np.testing.assert_allclose(np.moveaxis(first.apply(np.moveaxis(x, -1, 1)), 1, -1), last.apply(x), atol=1e-4)


def test_eight_bit_images_are_taken_as_they_are() -> None:
    x = np.random.default_rng(0).integers(0, 256, (90, 4, 5, 3), np.uint8)
    whitening = fitted(x, 1.0)
    assert np.array_equal(whitening.matrix(), fitted(x.astype(np.float32), 1.0).matrix())
    assert np.array_equal(whitening.apply(x), whitening.apply(x.astype(np.float32)))
    np.testing.assert_allclose(flat(whitening.apply(x)).mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("count", [25, 150])
def test_an_image_has_the_same_bytes_in_every_batch(count: int) -> None:
    whitening = fitted(images(count))
    x = images(75, seed=3)
    together = whitening.apply(x)
    order = np.random.default_rng(0).permutation(75)
    assert np.array_equal(whitening.apply(x[order]), together[order])
    assert np.array_equal(np.concatenate([whitening.apply(x[i : i + 1]) for i in range(75)]), together)
    assert whitening.apply(x[:0]).shape == (0, 4, 5, 3)


def test_apply_leaves_its_input_alone() -> None:
    x = images(30)
    before = x.copy()
    fitted(x).apply(x)
    assert np.array_equal(x, before)


def test_few_large_images_take_little_more_than_their_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zca, "PRODUCT_VALUES", 1 << 16)
    x = images(100, 60, 60)  # 4 MB; D = 10 800, a matrix D x D would take 467 MB
    assert peak_memory(lambda: fitted(x)) < 1.5 * x.nbytes
    tracemalloc.start()
    try:
        whitening = fitted(np.concatenate([x[:10]] * 10))  # rank 9 of 100 images
        assert whitening.basis is not None
        assert tracemalloc.get_traced_memory()[0] < 0.2 * x.nbytes
    finally:
        tracemalloc.stop()
    white = flat(fitted(x, 1e-6).apply(x))
    np.testing.assert_allclose(np.linalg.eigvalsh(white @ white.T / 100)[1:], 1, atol=1e-3)


def test_a_large_mean_is_taken_off_exactly() -> None:
    x = images(150) + np.float32(4096)
    whitening = fitted(x)
    np.testing.assert_allclose(flat(whitening.apply(x)).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(whitening.matrix(), fitted(x - np.float32(4096)).matrix(), atol=1e-4)


@pytest.mark.parametrize("count", [25, 150])
def test_a_whitening_pickles_and_cannot_be_changed(count: int) -> None:
    whitening = fitted(images(count))
    copy = pickle.loads(pickle.dumps(whitening))
    x = images(5, seed=1)
    assert np.array_equal(copy.apply(x), whitening.apply(x))
    assert repr(copy) == repr(whitening) == f"Whitening(shape=(4, 5, 3), {'rank=24' if count == 25 else 'dense'})"
    for each in (copy, whitening):
        with pytest.raises(dataclasses.FrozenInstanceError):
            each.mean = x[0]  # type: ignore[misc]
        for array in (each.mean, each.dense, each.basis, each.scales):
            assert array is None or not array.flags.writeable


def test_errors_of_zca_say_what_to_do() -> None:
    x = images(10)
    for epsilon in (-1e-6, float("nan"), float("inf")):
        with pytest.raises(RangeError, match=r"zca_epsilon: got .* wanted a finite number .* Use 1e-6"):
            fitted(x, epsilon)
    with pytest.raises(DataError, match=r"shape \(3, 5, 3\), wanted \(4, 5, 3\).*target_size"):
        fit_zca(lambda: [x, x[:, 1:]], EPSILON)
    for data in (x, images(70)):
        once = iter([data])
        with pytest.raises(DataError, match=rf"got 0 images in the second pass, wanted the {len(data)} of the first"):
            fit_zca(lambda once=once: once, EPSILON)
        passes = iter([[data], [data, data]])
        with pytest.raises(DataError, match=f"got {2 * len(data)} images in the second pass"):
            fit_zca(lambda passes=passes: next(passes), EPSILON)
    whitening = fitted(x)
    for wrong in (x[0], x[:, :3], x[..., :1]):
        with pytest.raises(ImageError, match=r"wanted \(n, 4, 5, 3\).*apply\(image\[None\]\)"):
            whitening.apply(wrong)
    mean, square = np.zeros((2, 2)), np.eye(4)
    for parts in ({}, {"dense": np.eye(3)}, {"basis": square}, {"dense": square, "scales": np.ones(4)}):
        with pytest.raises(DataError, match=r"wanted dense \(4, 4\), or basis \(4, r\)"):
            Whitening(mean, **parts)
