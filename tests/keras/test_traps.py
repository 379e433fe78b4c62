"""The mistakes that readers of the tutorials make: each gets the right numbers, or a message with mistake and fix."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
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


pytestmark = pytest.mark.usefixtures("notices_anew")


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
    with pytest.warns(af.AugfuseWarning, match=r"scaled twice.*rescale=1 / 255.*Rescaling\(0.0039.*Leave one out"):
        inside.fit(ImageDataGenerator(rescale=1 / 255).flow(X, Y), verbose=0)


def test_predict_on_shuffled_rows_is_named() -> None:
    trained = model()
    with pytest.warns(af.AugfuseWarning, match="row i of the result is not sample i"):
        trained.predict(ImageDataGenerator().flow(X), verbose=0)
    iterator = ImageDataGenerator().flow(X, shuffle=False, batch_size=7)
    np.testing.assert_allclose(
        quietly(trained.predict, iterator), trained.predict(X.astype("float32"), verbose=0), atol=1e-5
    )


# --- augmented evaluation ---

TURNED = {"rotation_range": 90, "horizontal_flip": True}


def evaluations(trained: Any, datagen: Any) -> dict[str, Any]:
    """Each way in which Keras evaluates, on images of a generator."""
    return {
        "fit": lambda: trained.fit(X, Y, validation_data=datagen.flow(X, Y), verbose=0),
        "evaluate": lambda: trained.evaluate(datagen.flow(X, Y), verbose=0),
        "predict": lambda: trained.predict(datagen.flow(X, shuffle=False), verbose=0),
    }


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("way", ["fit", "evaluate", "predict"])
def test_augmented_evaluation_is_named_once(way: str, compat: Any) -> None:
    call = evaluations(model(), ImageDataGenerator(**TURNED, rescale=1 / 255, compat=compat))[way]
    strict = ", compat='strict'" if compat else ""
    fix = re.escape(f"test_datagen = ImageDataGenerator(rescale=1 / 255{strict}).")
    with pytest.warns(af.AugfuseWarning, match=rf"augmented images \(rotation_range=90, horizontal_flip=True\).*{fix}"):
        call()
    with warnings.catch_warnings():
        warnings.simplefilter("error", af.AugfuseWarning)
        call()  # such as test-time augmentation, which asks several times


def test_the_generator_that_is_proposed_standardises_alike_and_draws_nothing() -> None:
    def halved(image: np.ndarray) -> np.ndarray:
        return image / 2

    with pytest.warns(af.AugfuseWarning, match="rescale comes first"):
        datagen = ImageDataGenerator(
            **TURNED, zoom_range=0.2, brightness_range=(0.5, 1.5), channel_shift_range=9.0,
            preprocessing_function=halved, rescale=1 / 127.5, featurewise_center=True,
            featurewise_std_normalization=True, validation_split=0.2,
        )  # fmt: skip
    with pytest.warns(af.AugfuseWarning, match="preprocessing_function"):
        datagen.fit(X)
    trained = model()
    with pytest.warns(af.AugfuseWarning, match="augmented images") as caught:
        trained.evaluate(datagen.flow(X, Y, subset="training"), verbose=0)
    message = next(str(w.message) for w in caught if "augmented images" in str(w.message))
    assert "zoom_range=[0.8, 1.2]" in message and "channel_shift_range=9.0" in message
    assert "test_datagen.fit(x_train)" in message
    source = message[message.index("test_datagen = ") + len("test_datagen = ") :].split(", fitted")[0]
    proposed = eval(source, {"ImageDataGenerator": ImageDataGenerator, "halved": halved})
    proposed.fit(X)
    assert not proposed.augments
    np.testing.assert_allclose(proposed.standardize(X[:4] / 1.0), datagen.standardize(X[:4] / 1.0), rtol=1e-6)
    plain = proposed.flow(X, Y, subset="training")
    quietly(trained.evaluate, plain)


def test_the_validation_subset_may_come_from_a_generator_that_augments() -> None:
    datagen = ImageDataGenerator(**TURNED, validation_split=0.2)
    train = datagen.flow(X, Y, subset="training", ignore_class_split=True)
    with pytest.warns(af.AugfuseWarning, match="validation subset"):
        held_out = datagen.flow(X, Y, subset="validation", ignore_class_split=True, shuffle=False)
    trained = model()
    quietly(trained.fit, train, validation_data=held_out)
    quietly(trained.predict, held_out)
    strict = ImageDataGenerator(**TURNED, validation_split=0.2, compat="strict")
    fix = r"ImageDataGenerator\(validation_split=0.2, compat='strict'\)"
    with pytest.warns(af.AugfuseWarning, match=rf"augmented images.*{fix}"):
        trained.evaluate(strict.flow(X, Y, subset="validation", ignore_class_split=True), verbose=0)


# --- loaders ---


def loader(*transforms: Any, training: bool = False, x: np.ndarray = X, **options: Any) -> Any:
    source = af.from_arrays(x, Y, value_range=options.pop("value_range", None))
    return af.Loader(source, af.Recipe(list(transforms)), batch_size=60, training=training, **options).to_keras()


def adapted(x: np.ndarray) -> Any:
    layer = keras.layers.Normalization()
    layer.adapt(x.astype(np.float32))
    return layer


def nested(layer: Any) -> Any:
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandomFlip("horizontal"), layer])


def network(*first: Any) -> Any:
    """Without the time that TensorFlow takes for a graph."""
    made = model("sparse_categorical_crossentropy", *first)
    made.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return made


UNIT = X / np.float32(255)
STANDARD = af.Normalize(mean=0.5, std=0.25)
AS_THEY_ARE = af.Normalize(mean=0, std=1 / 255)


SAMPLEWISE: dict[str, Any] = {"samplewise_center": True, "samplewise_std_normalization": True}
SCALING_FEEDS = [
    (lambda: loader(af.ToFloat()), r"0..1 \(ToFloat\(\)\).*without ToFloat\(\) the saved model takes raw pixels"),
    (lambda: loader(STANDARD), r"-2..2 \(Normalize\("),
    (lambda: loader(af.PerImageStandardize()), r"PerImageStandardize\(\)"),
    (lambda: loader(x=UNIT), r"0..1, and.*Leave the layer out, or feed pixels of 0..255"),
    (lambda: ImageDataGenerator(rescale=1 / 255).flow(X, Y, 60), r"rescale=1 / 255\).*Leave one out"),
    (lambda: ImageDataGenerator(**SAMPLEWISE).flow(X, Y, 60), "samplewise"),
    (lambda: ImageDataGenerator().flow(UNIT, Y, 60), "0..1, and"),
]
SCALING_LAYERS = [
    lambda: keras.layers.Rescaling(1 / 255),
    lambda: keras.layers.Rescaling(1 / 127.5, offset=-1),
    lambda: nested(keras.layers.Rescaling(1 / 255)),
    lambda: adapted(X),
    lambda: keras.layers.Normalization(mean=[120.0] * 3, variance=[3000.0] * 3),
]


@pytest.mark.parametrize("layer", range(len(SCALING_LAYERS)))
def test_scaling_in_the_feed_and_in_the_model_is_named(layer: int) -> None:
    for feed, said in SCALING_FEEDS:
        with pytest.warns(af.AugfuseWarning, match=rf"scaled twice: the model gets .*{said}"):
            network(SCALING_LAYERS[layer]()).evaluate(feed(), verbose=0)
    with pytest.warns(af.AugfuseWarning, match="scaled twice"):
        network(SCALING_LAYERS[layer]()).fit(loader(af.ToFloat(), training=True), verbose=0)


@pytest.mark.parametrize("layers", [
    lambda: (), lambda: (keras.layers.Rescaling(2.0, offset=-1),), lambda: (keras.layers.Rescaling(255.0), adapted(X)),
    lambda: (adapted(UNIT),), lambda: (keras.layers.BatchNormalization(), keras.layers.Rescaling(0.01)),
    lambda: (keras.layers.Normalization(mean=0.4, variance=0.06, axis=None),),
])  # fmt: skip
def test_images_scaled_to_one_suit_models_that_want_them_so(layers: Any) -> None:
    trained = network(*layers())
    quietly(trained.fit, loader(af.Rotate(9), af.ToFloat(), training=True), validation_data=loader(af.ToFloat()))
    quietly(trained.evaluate, ImageDataGenerator(rescale=1 / 255).flow(X, Y, 60))
    quietly(trained.evaluate, loader(x=UNIT))


@pytest.mark.parametrize("layers", [
    lambda: (keras.layers.Rescaling(1 / 255),), lambda: (keras.layers.Rescaling(1 / 127.5, offset=-1),),
    lambda: (adapted(X),), lambda: (nested(keras.layers.Rescaling(1 / 255)), adapted(UNIT)),
    lambda: (keras.layers.Rescaling(1 / 127.5, offset=-1), adapted(X / 127.5 - 1.2)),
])  # fmt: skip
def test_images_as_they_are_suit_models_that_scale(layers: Any) -> None:
    trained = network(*layers())
    quietly(trained.fit, loader(af.Rotate(9), AS_THEY_ARE, training=True), validation_data=loader())
    quietly(trained.evaluate, ImageDataGenerator().flow(X, Y, 60))
    quietly(trained.evaluate, loader(x=X.astype(np.float32), value_range=(0, 255)))


def test_a_second_input_is_none_of_our_business() -> None:
    image, age = keras.Input((8, 8, 3)), keras.Input((1,))
    ages = np.full((60, 1), 40, np.float32)
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(image), adapted(ages)(age)])
    two = keras.Model([image, age], keras.layers.Dense(3, activation="softmax")(joined))
    two.compile("sgd", "sparse_categorical_crossentropy")
    quietly(two.fit, ImageDataGenerator(rescale=1 / 255).flow((X, ages), Y))


def test_scaling_by_an_operation_is_not_guessed_at() -> None:
    image = keras.Input((8, 8, 3))
    scaled = keras.layers.Rescaling(1 / 255)(image * 255.0)
    made = keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(scaled)))
    made.compile("sgd", "sparse_categorical_crossentropy")
    quietly(made.fit, loader(af.ToFloat(), training=True))


FEEDS = {
    "as they are": lambda: loader(),
    "floats of 0..1": lambda: loader(x=UNIT),
    "ToFloat": lambda: loader(af.ToFloat()),
    "Normalize": lambda: loader(STANDARD),
    "Normalize of each channel": lambda: loader(af.Normalize(mean=(0.5, 0.4, 0.5), std=0.25)),
    "PerImageStandardize": lambda: loader(af.PerImageStandardize()),
    "generator": lambda: ImageDataGenerator().flow(X, Y, 60),
    "rescale": lambda: ImageDataGenerator(rescale=1 / 255).flow(X, Y, 60),
    "rescale, floats": lambda: ImageDataGenerator().flow(UNIT, Y, 60),
    "samplewise": lambda: ImageDataGenerator(**SAMPLEWISE).flow(X, Y, 60),
}
ALIKE = [{"as they are", "generator"}, {"floats of 0..1", "ToFloat", "rescale", "rescale, floats"},
         {"PerImageStandardize", "samplewise"}]  # fmt: skip


def test_evaluation_on_another_feed_is_named_where_its_numbers_differ() -> None:
    """What Keras does at the beginning of a pass, for all pairs; the next test does it with Keras."""
    trained = model()

    def said(method: str, feed: Any) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            on_pass.observe(Asker(method, model=trained), feed.described())
        return [str(w.message) for w in caught]

    for first, make in FEEDS.items():
        assert said("fit", make()) == []
        for second, other in FEEDS.items():
            found = said("evaluate", other())
            alike = first == second or any({first, second} <= group for group in ALIKE)
            assert len(found) == (not alike), (first, second, found)
            assert all("standardised in another way" in message for message in found)


def test_evaluation_on_another_recipe_says_what_to_type() -> None:
    trained = model()
    quietly(trained.fit, loader(af.Rotate(20), af.ToFloat(), training=True))
    wanted = r"ToFloat\(\): 0..1 in training, no scaling: 0..255 now.*af.Loader\(data, recipe, training=False\)"
    with pytest.warns(af.AugfuseWarning, match=rf"predict\(\) gets.*{wanted}"):
        trained.predict(loader(), verbose=0)
    with pytest.warns(af.AugfuseWarning, match=rf"evaluate\(\) gets.*{wanted}"):
        trained.fit(loader(af.ToFloat(), training=True), validation_data=loader(), verbose=0)


def test_what_cannot_be_known_is_not_warned_of() -> None:
    fitted = ImageDataGenerator(featurewise_center=True)
    fitted.fit(X)
    trained = model()
    for datagen in (fitted, ImageDataGenerator(preprocessing_function=lambda x: x / 255)):
        quietly(trained.fit, datagen.flow(X, Y))
        quietly(trained.evaluate, loader(af.ToFloat()))
    quietly(trained.fit, loader(x=np.minimum(X, 1)))  # a mask, in bytes
    quietly(trained.evaluate, loader(x=np.minimum(X, 1).astype(np.float32)))


def test_predict_with_a_loader_names_what_is_wrong_with_its_rows() -> None:
    trained = model()
    quietly(trained.predict, loader(af.Rotate(20)))
    quietly(trained.evaluate, loader(af.Rotate(20), shuffle=True))
    quietly(trained.evaluate, loader(af.ToFloat(), training=True))  # there is nothing random in it
    with pytest.warns(af.AugfuseWarning, match=r"loader with shuffle=True.*row i.*training=False, shuffle=False"):
        trained.predict(loader(shuffle=True), verbose=0)
    with pytest.warns(af.AugfuseWarning, match=r"training loader: its rows are shuffled.*training=False\)"):
        trained.predict(loader(training=True), verbose=0)
    with pytest.warns(af.AugfuseWarning, match=r"training loader: its images are augmented \(Rotate\)\. Use"):
        trained.evaluate(loader(af.Rotate(20), af.ToFloat(), training=True), verbose=0)


def test_files_are_compared_by_their_first_image(tmp_path: Path) -> None:
    for number, image in enumerate(X[:6]):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "ab"[number % 2] / f"{number}.png")
    read = {"target_size": (8, 8), "class_mode": "sparse"}
    trained = model()
    quietly(trained.fit, ImageDataGenerator(rescale=1 / 255).flow_from_directory(str(tmp_path), **read))
    source = af.from_directory(tmp_path)
    quietly(trained.evaluate, af.Loader(source, af.Recipe([af.ToFloat()]), training=False).to_keras())
    with pytest.warns(af.AugfuseWarning, match=r"rescale=1 / 255: 0..1 in training, no scaling: 0..255 now"):
        trained.evaluate(af.Loader(source, training=False).to_keras(), verbose=0)
