"""The mistakes that readers of the tutorials make: each gets the right numbers, or a message with mistake and fix."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
from augfuse.keras import ImageDataGenerator, notices  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
Y = np.arange(60) % 3


@pytest.fixture(autouse=True)
def every_notice_anew() -> Iterator[None]:
    notices.forget()
    yield


def model(loss: str = "sparse_categorical_crossentropy", *first: Any) -> Any:
    layers = [keras.Input((8, 8, 3)), *first, keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    made = keras.Sequential(layers)
    made.compile("sgd", loss, metrics=["accuracy"])
    return made


def quietly(call: Any, *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", af.AugfuseWarning)
        return call(*args, verbose=0, **kwargs)


def test_unstandardised_evaluation_is_named() -> None:
    datagen = ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
    trained = model()
    quietly(trained.fit, datagen.flow(X, Y))
    quietly(trained.evaluate, datagen.flow(X, Y))
    with pytest.warns(af.AugfuseWarning, match=r"samplewise_center: True in training, None now.*same arguments"):
        trained.evaluate(ImageDataGenerator().flow(X, Y), verbose=0)


@pytest.mark.parametrize("one_hot", [True, False])
def test_labels_of_the_wrong_kind_are_named_before_keras_fails(one_hot: bool) -> None:
    wrong = model("sparse_categorical_crossentropy" if one_hot else "categorical_crossentropy")
    y = np.eye(3)[Y] if one_hot else Y
    feeds = [ImageDataGenerator().flow(X, y), af.Loader(af.from_arrays(X, Y), one_hot=one_hot).to_keras()]
    for feed in feeds:
        with pytest.warns(af.AugfuseWarning, match="Compile with loss="), pytest.raises(ValueError):
            wrong.fit(feed, verbose=0)


def test_labels_of_the_right_kind_are_not() -> None:
    quietly(model().fit, ImageDataGenerator().flow(X, Y))
    quietly(model("categorical_crossentropy").fit, ImageDataGenerator().flow(X, np.eye(3)[Y]))


def test_copies_do_not_leak_across_a_split() -> None:
    x, y, group = af.augment(af.from_arrays(X, Y), af.Recipe([af.Rotate(20)]), copies=3, seed=0)
    train, val = af.from_arrays(x, y, groups=group).split(0.25, seed=0)
    assert not set(np.asarray(train.groups)) & set(np.asarray(val.groups))


def test_validation_data_is_not_augmented() -> None:
    datagen = ImageDataGenerator(rotation_range=90, validation_split=0.2)
    with pytest.warns(af.AugfuseWarning, match="validation subset"):
        held_out = datagen.flow(X, Y, subset="validation", ignore_class_split=True, shuffle=False)
    np.testing.assert_array_equal(next(held_out)[0], X[:12])
    recipe = af.Recipe([af.Rotate(90)])
    batches = list(af.Loader(af.from_arrays(X, Y), recipe, training=False, batch_size=60))
    np.testing.assert_array_equal(batches[0].images, X)


def test_an_endless_loop_is_named_and_a_loader_ends() -> None:
    iterator = ImageDataGenerator().flow(X, Y, batch_size=20)
    with pytest.warns(af.AugfuseWarning, match=r"never ends: an epoch has 3 batches.*islice"):
        for number, _ in enumerate(iterator):
            if number == 3:
                break
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(itertools.islice(ImageDataGenerator().flow(X, batch_size=20), 3))) == 3
        assert len(list(af.Loader(af.from_arrays(X, Y), batch_size=20))) == 3


def test_next_goes_on_without_a_word() -> None:
    iterator = ImageDataGenerator().flow(X, Y, batch_size=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len([next(iterator) for _ in range(7)]) == 7


def test_rescale_with_featurewise_statistics_says_which_units() -> None:
    with pytest.warns(af.AugfuseWarning, match="rescale comes first"):
        datagen = ImageDataGenerator(rescale=1 / 255, featurewise_center=True, featurewise_std_normalization=True)
    datagen.fit(X)
    assert abs(float(datagen.flow(X, batch_size=60)[0].mean())) < 1e-3
    with pytest.warns(af.AugfuseWarning, match=r"0..1, those that fit\(\) saw in 0..255"):
        datagen.flow(X / 255.0)


def test_scaling_twice_is_named() -> None:
    inside = model("sparse_categorical_crossentropy", keras.layers.Rescaling(1 / 255))
    quietly(inside.fit, ImageDataGenerator().flow(X, Y))
    with pytest.warns(af.AugfuseWarning, match=r"scaled twice: rescale=0.0039.*Leave one out"):
        inside.fit(ImageDataGenerator(rescale=1 / 255).flow(X, Y), verbose=0)


def test_steps_per_epoch_below_a_pass_is_named() -> None:
    with pytest.warns(af.AugfuseWarning, match="steps_per_epoch=1 is less than the 3 batches"):
        model().fit(ImageDataGenerator().flow(X, Y, batch_size=20), steps_per_epoch=1, verbose=0)
    quietly(model().fit, ImageDataGenerator().flow(X, Y, batch_size=20), steps_per_epoch=3)


def test_predict_on_shuffled_rows_is_named() -> None:
    trained = model()
    with pytest.warns(af.AugfuseWarning, match="row i of the result is not sample i"):
        trained.predict(ImageDataGenerator().flow(X), verbose=0)
    iterator = ImageDataGenerator().flow(X, shuffle=False, batch_size=7)
    np.testing.assert_allclose(
        quietly(trained.predict, iterator), trained.predict(X.astype("float32"), verbose=0), atol=1e-5
    )
