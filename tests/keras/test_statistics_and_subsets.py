"""Statistics that do not fit the images, are not there, and subsets of a generator that does not split."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse import AugfuseWarning
from augfuse.errors import DataError, ImageError, ImageTypeError
from augfuse.keras import ImageDataGenerator

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")
X = np.random.default_rng(0).integers(0, 256, (4, 8, 6, 3), dtype=np.uint8)


def generator(**options: Any) -> ImageDataGenerator:
    datagen = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, **options)
    datagen.mean, datagen.std = 0.0, 1.0
    return datagen


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize("shape", [(3, 1, 1), (2,), (4,), (1, 1, 4), (6, 8, 3), (1, 8, 8, 3), (2, 3, 1, 1, 1)])
def test_statistics_of_another_shape(shape: tuple[int, ...], name: str, compat: Any) -> None:
    datagen = generator(compat=compat)
    setattr(datagen, name, np.ones(shape))
    message = rf"{name}: got an array of shape \({shape[0]},.* for images of shape \(8, 6, 3\).*one number per channel"
    for call in (lambda: datagen.flow(X)[0], lambda: datagen.standardize(X[0].astype(np.float32))):
        with pytest.raises(ImageError, match=message):
            call()


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1, 3), (8, 6, 3), (8, 6, 1), (1, 1, 1, 3)])
def test_statistics_that_fit(shape: tuple[int, ...]) -> None:
    datagen = generator()
    datagen.mean = np.full(shape, 2.0)
    np.testing.assert_allclose(datagen.flow(X, shuffle=False)[0], X - 2.0, atol=1e-3)


def test_the_advice_mends_the_shape() -> None:
    datagen = generator()
    datagen.mean = np.array([1.0, 2, 3]).reshape(3, 1, 1)
    with pytest.raises(ImageError, match=r"Use datagen\.mean = np\.reshape\(datagen\.mean, \(1, 1, -1\)\)"):
        datagen.flow(X)[0]
    datagen.mean = np.reshape(datagen.mean, (1, 1, -1))
    np.testing.assert_allclose(datagen.flow(X, shuffle=False)[0], X - np.array([1.0, 2, 3]), atol=1e-3)


@pytest.mark.parametrize("value", ["imagenet", [[1, 2], [3]], {"r": 1}, [None, 1, 2], np.array(["a"]), np.nan])
@pytest.mark.parametrize("name", ["mean", "std", "zca_whitening_matrix"])
def test_statistics_that_are_no_numbers(name: str, value: Any) -> None:
    with pytest.raises(ImageTypeError, match=f"{name}: got .*wanted finite numbers"):
        setattr(generator(), name, value)


@pytest.mark.parametrize("name", ["zca_whitening_matrix", "principal_components"])
@pytest.mark.parametrize("shape", [(144,), (144, 3), (10, 10)])
def test_whitening_of_another_shape(shape: tuple[int, ...], name: str) -> None:
    datagen = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    datagen.mean = 0.0
    setattr(datagen, name, np.ones(shape))
    with pytest.raises(ImageError, match="zca_whitening"):
        datagen.flow(X)[0]
    setattr(datagen, name, np.eye(144))
    np.testing.assert_allclose(datagen.flow(X, shuffle=False)[0], X)


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("options", [{"featurewise_std_normalization": True}, {"zca_whitening": True}, {}], ids=str)
def test_what_was_not_fitted_is_said_once(options: Any, compat: Any) -> None:
    datagen = ImageDataGenerator(**{"featurewise_center": True, **options}, compat=compat)
    it = datagen.flow(X, batch_size=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(4):
            next(it)
        datagen.standardize(X[0])
    said = [str(w.message) for w in caught if "hasn't been fit" in str(w.message)]
    assert len(said) == len(set(said)) == 1 + len(options)
    another = ImageDataGenerator(featurewise_center=True, compat=compat)
    with pytest.warns(AugfuseWarning, match="hasn't been fit"):
        another.flow(X)[0]


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("y", [np.arange(4), np.eye(4), [0, 0, 1, 1]], ids=["numbers", "one-hot", "list"])
@pytest.mark.parametrize("subset", ["training", "validation"])
def test_a_subset_of_what_is_not_split(subset: str, y: Any, compat: Any) -> None:
    with pytest.raises(DataError, match=r"split is not set\. Pass ImageDataGenerator\(validation_split=0\.2\)"):
        ImageDataGenerator(compat=compat).flow(X, y, subset=subset)


def test_an_empty_subset_of_images_alone() -> None:
    with pytest.raises(DataError, match="validation_split is not set"):
        ImageDataGenerator().flow(X, subset="validation")
    assert ImageDataGenerator().flow(X, subset="training").n == 4
    assert ImageDataGenerator(validation_split=0.25).flow(X, subset="validation").n == 1
