"""What a user's function gives back takes the place of an image, or is refused with its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy

from augfuse.errors import AugfuseWarning, ImageError
from augfuse.keras import ImageDataGenerator

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    pytest.mark.filterwarnings("ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
]

X = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
X[1] = 7  # of one colour: its deviation is 0
FEATUREWISE: dict[str, Any] = {"featurewise_center": True, "featurewise_std_normalization": True}


def forgets(image: Any) -> Any:
    image = image / 255.0


def inf(image: np.ndarray) -> np.ndarray:
    return np.full_like(image, np.inf)


def standardises(image: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return (image - image.mean()) / image.std()


WRONG: list[tuple[Any, str]] = [
    (forgets, r"got None, wanted an array \(16, 16, 3\)\. End the function with: return image"),
    (lambda image: image[:8, :8], r"got \(8, 8, 3\), wanted an array \(16, 16, 3\)"),
    (lambda image: image[None], r"got \(1, 16, 16, 3\), wanted"),
    (lambda image: image.mean(axis=(0, 1)), r"got \(3,\), wanted"),
    (lambda image: image.mean(), r"got \(\), wanted"),
    (lambda image: np.repeat(image, 2, axis=2), r"got \(16, 16, 6\), wanted"),
    (lambda image: image.astype(complex), r"got an array of dtype complex128, wanted"),
    (lambda image: image.astype(str), r"got an array of dtype <U\d+, wanted"),
    (lambda image: "image", "got str, wanted"),
    (standardises, r"image 1 of the batch has nan after it \(768 of 3072 values"),
    (inf, r"image 0 of the batch has inf after it"),
]
ids = [f"{i}" for i in range(len(WRONG))]


@pytest.mark.parametrize(
    "options", [{}, {"rescale": 1 / 255, "horizontal_flip": True}, {"data_format": "channels_last"}]
)
@pytest.mark.parametrize(("function", "message"), WRONG, ids=ids)
def test_flow(function: Any, message: str, options: dict[str, Any]) -> None:
    it = ImageDataGenerator(preprocessing_function=function, **options).flow(X, shuffle=False)
    for give in (lambda: it[0], lambda: next(it)):
        with pytest.raises(ImageError, match=f"preprocessing_function: {message}"):
            give()


@pytest.mark.parametrize(("function", "message"), WRONG, ids=ids)
def test_fit_and_standardize(function: Any, message: str) -> None:
    datagen = ImageDataGenerator(preprocessing_function=function, **FEATUREWISE)
    with pytest.raises(ImageError, match=f"preprocessing_function: {message}"):
        datagen.fit(X)
    wanted = "preprocessing_function: the image has nan" if function is standardises else "preprocessing_function: "
    with pytest.raises(ImageError, match=wanted):
        ImageDataGenerator(preprocessing_function=function).standardize(X[1].astype("float32"))


@pytest.mark.parametrize("name", ["standardize", "apply_transform"])
@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda x: None, r"got None, wanted an array \(16, 16, 3\)"),
        (lambda x: x[:8], r"got \(8, 16, 3\), wanted an array"),
    ],
)
def test_methods_of_a_subclass(name: str, give: Any, message: str) -> None:
    datagen = type("Own", (ImageDataGenerator,), {name: lambda self, x, *given: give(x)})()
    with pytest.raises(ImageError, match=f"{name}: {message}"):
        datagen.flow(X)[0]


@pytest.mark.parametrize("dtype", ["uint8", "float64", "int32", "float16", "bool"])
@pytest.mark.parametrize("options", [{}, {"rescale": 0.5, "samplewise_center": True}])
def test_any_dtype_of_numbers_is_an_image(dtype: str, options: dict[str, Any]) -> None:
    def function(image: np.ndarray) -> np.ndarray:
        return (image > 100 if dtype == "bool" else image).astype(dtype)

    datagen = ImageDataGenerator(preprocessing_function=function, **options)
    batch = datagen.flow(X, shuffle=False)[0]
    assert batch.dtype == np.float32
    wanted = np.stack([function(image) for image in X]).astype("float64") * options.get("rescale", 1)
    wanted -= wanted.mean(axis=(1, 2, 3), keepdims=True) if options else 0
    np.testing.assert_allclose(batch, wanted, atol=1e-3)
    np.testing.assert_allclose(datagen.standardize(X[0].astype("float32")), wanted[0], atol=1e-3)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_one_channel_stands_for_all(data_format: str) -> None:
    axis = 2 if data_format == "channels_last" else 0
    x = X if data_format == "channels_last" else np.moveaxis(X, 3, 1)

    def grey(image: np.ndarray) -> np.ndarray:
        return image.mean(axis=axis, keepdims=True)

    wants: tuple[dict[str, Any], ...] = ({}, {"featurewise_center": True})
    for options in wants:
        datagen = ImageDataGenerator(preprocessing_function=grey, data_format=data_format, **options)
        datagen.fit(x)
        batch = datagen.flow(x, shuffle=False)[0]
        wanted = x.mean(axis=axis + 1, keepdims=True) + np.zeros(x.shape)
        wanted -= wanted.mean() if options else 0
        np.testing.assert_allclose(batch, wanted, atol=1e-2)


def test_a_function_may_take_nan_out_of_images() -> None:
    x = X.astype("float32")
    x[2, 3, 4] = np.nan
    batch = ImageDataGenerator(preprocessing_function=np.nan_to_num).flow(x, shuffle=False)[0]
    assert np.isfinite(batch).all() and (batch[2, 3, 4] == 0).all()


@pytest.mark.parametrize("function", [forgets, standardises, lambda image: image[:1, :1], lambda image: image[0]])
def test_strict_gives_what_keras_gives(function: Any) -> None:
    theirs = legacy.ImageDataGenerator(preprocessing_function=function).flow(X, shuffle=False)[0]
    it = ImageDataGenerator(preprocessing_function=function, compat="strict").flow(X, shuffle=False)
    if np.isfinite(theirs).all():
        ours = it[0]
    else:
        with pytest.warns(AugfuseWarning, match="preprocessing_function: "):
            ours = it[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_strict_names_what_keras_refuses() -> None:
    with pytest.raises(ImageError, match=r"preprocessing_function: got \(8, 8, 3\), wanted an array \(16, 16, 3\)"):
        ImageDataGenerator(preprocessing_function=lambda image: image[:8, :8], compat="strict").flow(X)[0]
