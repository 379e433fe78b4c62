"""ImageDataGenerator: standardize and fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)
stats = pytest.importorskip("scipy.stats", reason="needs the extra: pip install 'augfuse[keras]'")
legacy = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no legacy class any more")


from augfuse import warn_once  # noqa: E402
from augfuse.errors import AugfuseWarning  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402
from generator_cases import assert_said_once, heard, photos  # noqa: E402

pytestmark = [
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    # The notice about seeds comes wherever a seed is given; it has a test of its own.
    pytest.mark.filterwarnings("ignore:Keras resets NumPy's global seed:augfuse.errors.AugfuseWarning"),
]


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    warn_once.forget()
    yield
    warn_once.forget()


# --- standardize and fit ---


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.filterwarnings("ignore:rescale=:augfuse.errors.AugfuseWarning")
def test_standardize_step_by_step(data_format: str) -> None:
    x = photos(6).astype(np.float32)
    x = np.moveaxis(x, 3, 1).copy() if data_format == "channels_first" else x
    axes = (0, 1, 2) if data_format == "channels_last" else (0, 2, 3)

    def fed(**options: Any) -> np.ndarray:
        generator = ImageDataGenerator(**options, data_format=data_format)
        generator.fit(x)
        batch = generator.flow(x, shuffle=False)[0]
        one_by_one = np.stack([generator.standardize(image.copy()) for image in x])
        np.testing.assert_allclose(batch, one_by_one, atol=2e-3)
        return batch

    np.testing.assert_allclose(fed(rescale=1 / 255), x / 255, atol=1e-6)
    np.testing.assert_allclose(fed(rescale=0), x)
    np.testing.assert_allclose(fed(preprocessing_function=lambda image: image - 7, rescale=2.0), 2 * (x - 7), atol=1e-4)
    own = (1, 2, 3)
    centred = x - x.mean(own, keepdims=True)
    np.testing.assert_allclose(fed(samplewise_center=True), centred, atol=1e-3)
    both = fed(samplewise_center=True, samplewise_std_normalization=True, rescale=1 / 255)
    np.testing.assert_allclose(both, centred / x.std(own, keepdims=True), atol=1e-3)
    featurewise = {"featurewise_center": True, "featurewise_std_normalization": True}
    wanted = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    np.testing.assert_allclose(fed(**featurewise), wanted, atol=1e-4)
    np.testing.assert_allclose(fed(**featurewise, rescale=1 / 255), wanted, atol=1e-3)


def test_standardize_works_in_place_on_floats_only() -> None:
    generator = ImageDataGenerator(rescale=0.5)
    floats, whole = np.ones((2, 2, 3), np.float32), np.full((2, 2, 3), 4, np.uint8)
    assert generator.standardize(floats) is floats and floats[0, 0, 0] == 0.5
    assert generator.standardize(whole).dtype == np.float32 and whole[0, 0, 0] == 4
    assert generator.standardize(np.ones((2, 2, 3))).dtype == np.float64


@pytest.mark.parametrize("option", ["featurewise_center", "featurewise_std_normalization", "zca_whitening"])
def test_without_fit_there_is_a_warning(option: str) -> None:
    options: dict[str, Any] = {"featurewise_center": True, option: True}
    generator = ImageDataGenerator(**options)
    generator.mean = np.float32(0) if option != "featurewise_center" else None
    with pytest.warns(AugfuseWarning, match=rf"`{option}`, but it hasn't been fit.*\.fit\("):
        batch = generator.flow(photos(2), shuffle=False)[0]
    np.testing.assert_array_equal(batch, photos(2))
    another = ImageDataGenerator(**options)
    another.mean = generator.mean
    with pytest.warns(AugfuseWarning, match=f"`{option}`"):
        another.standardize(photos(1)[0])


def test_statistics_may_be_set_by_hand() -> None:
    x = photos(4).astype(np.float32)
    fitted = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    fitted.fit(x)
    other = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    other.mean, other.std = fitted.mean, fitted.std
    np.testing.assert_array_equal(other.flow(x, shuffle=False)[0], fitted.flow(x, shuffle=False)[0])
    for mean in (120.0, [1.0, 2.0, 3.0], np.full((8, 8, 3), 9), np.arange(64.0).reshape(8, 8, 1)):
        other.mean, other.std = mean, 2.0
        np.testing.assert_allclose(other.flow(x, shuffle=False)[0], (x - np.asarray(mean)) / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [{}, {"rescale": 1 / 255}, {"zca_whitening": True}, {"data_format": "channels_first"}, {"samplewise_center": True}],
)
@pytest.mark.filterwarnings("ignore:rescale=:augfuse.errors.AugfuseWarning")
def test_fit_from_an_iterator_is_fit_from_the_array(options: dict[str, Any]) -> None:
    x = photos(23, (4, 4))
    x = np.moveaxis(x, 3, 1) if "data_format" in options else x
    options = {"featurewise_center": True, "featurewise_std_normalization": "zca_whitening" not in options} | options
    from_array, from_iterator = ImageDataGenerator(**options), ImageDataGenerator(**options)
    for generator, source in ((from_array, x), (from_iterator, ImageDataGenerator(**options).flow(x, batch_size=4))):
        said = heard(lambda g=generator, s=source: g.fit(s))
        assert all("ZCA" in message for message in said)
    np.testing.assert_allclose(from_iterator.mean, from_array.mean, rtol=1e-5)
    if not options["featurewise_std_normalization"]:
        a, b = from_iterator.zca_whitening_matrix, from_array.zca_whitening_matrix
        assert a is not None and b is not None
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        return
    np.testing.assert_allclose(from_iterator.std, from_array.std, rtol=1e-5)
    wanted = legacy.ImageDataGenerator(**options)
    if "samplewise_center" not in options:  # which Keras leaves out
        wanted.fit(x)
        assert from_array.mean.shape == wanted.mean.shape
        np.testing.assert_allclose(from_array.mean, wanted.mean, rtol=1e-4)
        np.testing.assert_allclose(from_array.std, wanted.std, rtol=1e-4)


def test_fit_on_augmented_images(untouched: None) -> None:
    x = photos(40) // 2
    options = {"rotation_range": 90, "fill_mode": "constant", "cval": 255, "featurewise_center": True}
    generator = ImageDataGenerator(**options)
    generator.fit(x)
    plain = generator.mean.ravel()
    means = []
    for seed, rounds in ((1, 1), (1, 1), (2, 1), (1, 3)):
        generator.fit(x, augment=True, seed=seed, rounds=rounds)
        means.append(generator.mean.ravel())
    np.testing.assert_array_equal(means[0], means[1])
    assert not np.array_equal(means[0], means[2]) and not np.array_equal(means[0], means[3])
    assert (np.array(means) > plain + 5).all()  # the corners
    assert generator.flow(x, seed=0)[0].mean() == pytest.approx(0, abs=3)


def test_rescale_with_featurewise_statistics_is_explained() -> None:
    options = {"rescale": 1 / 255, "featurewise_center": True}
    assert_said_once(lambda: ImageDataGenerator(**options), "rescale=0.00392157", "fit()")


def test_data_of_another_scale_than_fit_saw() -> None:
    x = photos(8)
    generator = ImageDataGenerator(featurewise_center=True)
    generator.fit(x)
    with pytest.warns(AugfuseWarning, match=r"0\.\.1.*0\.\.255.*statistics do not fit"):
        generator.flow(x / 255)
    generator.fit((x / 255).astype(np.float32))
    with pytest.warns(AugfuseWarning, match="statistics do not fit"):
        generator.flow(x)
    # What differs between a training and a test set is no reason to warn.
    for train, test in ((x, x.astype(float)), (x.astype(int) * 9 - 700, x.astype(int) * 8 - 650), (x > 9, x > 9)):
        generator.fit(train)
        assert heard(lambda test=test: generator.flow(test)) == []
