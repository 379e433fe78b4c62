"""Mistakes of scale between the parts of one script: training and validation, an array and its generator, units."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402
from augfuse.keras.checks import on_pass  # noqa: E402
from augfuse.keras.protocol import Asker  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
Y = np.arange(60) % 3
UNIT = X / np.float32(255)
RAW = X.astype(np.float32)


pytestmark = pytest.mark.usefixtures("notices_anew")


def network() -> Any:
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    made = keras.Sequential(layers)
    made.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return made


def loader(*transforms: Any, x: np.ndarray = X, value_range: Any = None) -> Any:
    return af.Loader(af.from_arrays(x, Y, value_range=value_range), af.Recipe(list(transforms))).to_keras()


def generator(fit_to: np.ndarray | None = None, **arguments: Any) -> Any:
    datagen = ImageDataGenerator(**arguments)
    if fit_to is not None:
        datagen.fit(fit_to)
    return datagen


def said(call: Any, *args: Any, **kwargs: Any) -> list[str]:
    """The warnings of this library that a call gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **kwargs)
    return [str(w.message) for w in caught if issubclass(w.category, af.AugfuseWarning)]


def said_of_validation(feed: Any, validation_data: Any) -> list[str]:
    """What Keras does at the beginning of a pass of fit; `test_fit_with_raw_validation_arrays` does it with Keras."""
    asker = Asker("fit", model=network(), validation_data=validation_data)
    return said(on_pass.observe, asker, feed.described())


# --- validation_data as arrays ---

FEATUREWISE: dict[str, Any] = {"featurewise_center": True, "featurewise_std_normalization": True}
SAMPLEWISE: dict[str, Any] = {"samplewise_center": True, "samplewise_std_normalization": True}
SCALED_FEEDS: dict[str, Any] = {
    "rescale": lambda: generator(rescale=1 / 255).flow(X, Y),
    "rescale, strict": lambda: generator(rescale=1 / 255, compat="strict").flow(X, Y),
    "samplewise": lambda: generator(**SAMPLEWISE).flow(X, Y),
    "featurewise": lambda: generator(X, **FEATUREWISE).flow(X, Y),
    "floats of 0..1": lambda: generator().flow(UNIT, Y),
    "ToFloat": lambda: loader(af.Rotate(9), af.ToFloat()),
    "Normalize": lambda: loader(af.Normalize()),
    "PerImageStandardize": lambda: loader(af.PerImageStandardize()),
}


def test_fit_with_raw_validation_arrays() -> None:
    feed = generator(rotation_range=9, rescale=1 / 255).flow(X, Y)
    wanted = (
        r"arrays of 0..255 .*rescale=1 / 255: 0..1.*"
        r"ImageDataGenerator\(rescale=1 / 255\), validation_data=test_datagen.flow"
    )
    with pytest.warns(af.AugfuseWarning, match=wanted):
        network().fit(feed, validation_data=(X, Y), verbose=0)
    wanted = r"arrays of 0..255 .*ToFloat\(\): 0..1.*validation_data=af.Loader\(.*training=False\).to_keras\(\)"
    with pytest.warns(af.AugfuseWarning, match=wanted):
        network().fit(loader(af.ToFloat()), validation_data=(RAW, Y), verbose=0)
    assert said(network().fit, feed, validation_data=(UNIT, Y), verbose=0) == []


@pytest.mark.parametrize("name", SCALED_FEEDS)
def test_raw_validation_arrays_are_named_beside_a_feed_that_scales(name: str) -> None:
    for pixels in (X, RAW):
        (message,) = said_of_validation(SCALED_FEEDS[name](), (pixels, Y))
        assert "validation_data are arrays of 0..255" in message
        assert ("test_datagen.fit(x_train)" in message) == (name == "featurewise")


@pytest.mark.parametrize("name", SCALED_FEEDS)
def test_validation_arrays_of_a_likely_scale_are_not(name: str) -> None:
    standard = (RAW - RAW.mean()) / RAW.std()
    few_bright = np.where(RAW > 254, np.float32(50), np.float32(-0.1))  # standardised by hand, of dark images
    mask = np.minimum(X, 1)
    for pixels in (UNIT, UNIT * 2 - 1, standard, few_bright, mask, keras.ops.convert_to_tensor(X), [UNIT, UNIT], None):
        assert said_of_validation(SCALED_FEEDS[name](), (pixels, Y)) == []
    assert said_of_validation(SCALED_FEEDS[name](), loader(af.ToFloat())) == []
    assert said_of_validation(SCALED_FEEDS[name](), None) == []


def test_scaled_validation_arrays_are_named_beside_a_feed_that_does_not_scale() -> None:
    deep = (X.astype(np.uint16)) * 16  # 12 bits in 16
    for feed in (generator().flow(X, Y), loader(), loader(x=RAW, value_range=(0, 255))):
        (message,) = said_of_validation(feed, (UNIT, Y))
        assert "arrays of 0..1" in message and "no scaling: 0..255" in message and "Scale both or neither" in message
        assert said_of_validation(feed, (X, Y)) == said_of_validation(feed, (RAW, Y)) == []
        assert said_of_validation(feed, (np.minimum(X, 1), Y)) == []
    assert said_of_validation(generator().flow(deep, Y), (deep, Y)) == []


# --- rescale of what has been rescaled ---


def test_rescale_of_floats_that_were_divided_is_named() -> None:
    for x, got in ((UNIT, "0..1"), (UNIT.astype(np.float64), "0..1"), (UNIT * 2 - 1, "-1..1")):
        with pytest.warns(af.AugfuseWarning, match=rf"x lie in {got}, and rescale=1 / 255 .*Leave rescale out"):
            generator(rescale=1 / 255, horizontal_flip=True).flow(x, Y)


def test_rescale_that_does_what_it_says_is_not() -> None:
    black, mask = np.zeros_like(RAW), np.minimum(X, 1)
    for x in (X, RAW, black, mask, X.astype(np.uint16) * 257):
        assert said(generator(rescale=1 / 255).flow, x, Y) == []
    for rescale in (None, 0, 0.5, 255):
        assert said(generator(rescale=rescale).flow, UNIT, Y) == []
    back: dict[str, Any] = {"preprocessing_function": lambda x: x * 255}
    for arguments in (back, SAMPLEWISE):  # the second undoes any scale
        assert said(generator(rescale=1 / 255, **arguments).flow, UNIT, Y) == []
    assert said(generator(rescale=1 / 255, compat="strict").flow, UNIT, Y) == []


# --- statistics in other units ---


@pytest.fixture
def files(tmp_path: Path) -> Any:
    for number, image in enumerate(X[:6]):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "ab"[number % 2] / f"{number}.png")
    frame = pd.DataFrame({"filename": ["a/0.png", "b/1.png"], "class": ["a", "b"]})
    return {
        "flow_from_directory": lambda datagen: datagen.flow_from_directory(str(tmp_path), (8, 8)),
        "flow_from_dataframe": lambda datagen: datagen.flow_from_dataframe(frame, str(tmp_path), target_size=(8, 8)),
    }


CENTRED = ({"featurewise_center": True}, FEATUREWISE)


@pytest.mark.parametrize("method", ["flow_from_directory", "flow_from_dataframe"])
@pytest.mark.parametrize("arguments", CENTRED)
def test_statistics_of_divided_arrays_do_not_fit_files(files: Any, method: str, arguments: Any) -> None:
    wanted = rf"{method}: values of files lie in 0..255, those that fit\(\) saw in 0..1"
    with pytest.warns(af.AugfuseWarning, match=wanted):
        files[method](generator(UNIT, **arguments))
    for fitted in (generator(X, **arguments), generator(RAW, **arguments), generator(**arguments)):
        assert said(files[method], fitted) == []
    fitted = generator(**arguments)
    fitted.fit(files[method](ImageDataGenerator()))
    assert said(files[method], fitted) == []
    with pytest.warns(af.AugfuseWarning, match="leaves out preprocessing_function"):
        own = generator(UNIT, preprocessing_function=lambda x: x / x.max(), **arguments)
    assert said(files[method], own) == said(own.flow, X) == []


@pytest.mark.parametrize("arguments", CENTRED)
def test_statistics_of_divided_arrays_do_not_fit_arrays(arguments: Any) -> None:
    with pytest.warns(af.AugfuseWarning, match=r"x lie in 0..255, those that fit\(\) saw in 0..1"):
        generator(UNIT, **arguments).flow(X)
    assert said(generator(X, **arguments).flow, RAW) == said(generator(UNIT, **arguments).flow, UNIT) == []


def test_a_mean_in_units_of_pixels_is_named() -> None:
    fix = r"Divide by 255: af.Normalize\(mean=\(0.4851, 0.458, 0.4075\), std=\(0.2275, 0.2235, 0.2235\)\)"
    with pytest.warns(af.AugfuseWarning, match=fix) as caught:
        af.Normalize(mean=(123.7, 116.8, 103.9), std=(58, 57, 57))
    assert caught[0].filename == __file__
    with pytest.warns(af.AugfuseWarning, match=r"Divide by 65535: af.Normalize\(mean=0.4578, std=0.1526\)"):
        af.Normalize(mean=30000, std=10000)
    for mean, std in ((0.5, 0.5), (0, 1 / 255), (0, 40), (-1, 2), (1.5, 0.25)):
        assert said(af.Normalize, mean, std) == []
