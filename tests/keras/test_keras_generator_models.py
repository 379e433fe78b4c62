"""ImageDataGenerator: forms of batches, code of users, bad input, and Keras' own loops."""

from __future__ import annotations

import inspect
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)
stats = pytest.importorskip("scipy.stats", reason="needs the extra: pip install 'augfuse[keras]'")
legacy = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no legacy class any more")

import augfuse as af  # noqa: E402
import augfuse.keras as ak  # noqa: E402
from adapter_cases import BACKEND, BACKENDS, Recorder  # noqa: E402
from augfuse import warn_once  # noqa: E402
from augfuse.errors import AugfuseError, AugfuseWarning, DataError, ImageError, ImageTypeError, RangeError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402
from generator_cases import ALL, epochs, flow, heard, photos  # noqa: E402

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


def recorder() -> Recorder:
    """A model that keeps what reaches it, and takes any number as a label."""
    model = Recorder()

    def loss(y: Any, predicted: Any) -> Any:
        return keras.ops.square(predicted[:, 0] - keras.ops.reshape(keras.ops.cast(y, predicted.dtype), (-1,)))

    model.compile(optimizer=keras.optimizers.SGD(1e-6), loss=loss, run_eagerly=True)
    return model


# --- what the batches are ---


def test_uint8_stays_uint8_in_memory() -> None:
    for x in (photos(3), photos(3).astype(np.float32), photos(3).astype(np.int64)):
        iterator = ImageDataGenerator(rescale=0.5).flow(x, shuffle=False)
        assert iterator.x.dtype == np.uint8 and iterator.x.shape == x.shape
        assert iterator[0].dtype == np.float32
        np.testing.assert_allclose(iterator[0], x * 0.5)
    x = photos(3)
    assert np.shares_memory(ImageDataGenerator().flow(x).x, x)
    assert ImageDataGenerator(dtype="float64").flow(x)[0].dtype == np.float64


def test_forms_of_a_batch() -> None:
    x, y, weights, other = photos(5), np.arange(5), np.arange(5) / 10, np.arange(10).reshape(5, 2)
    generator = ImageDataGenerator()
    options: dict[str, Any] = {"shuffle": False, "batch_size": 2}
    np.testing.assert_array_equal(generator.flow(x, **options)[1], x[2:4])
    batch = generator.flow(x, y.tolist(), sample_weight=weights, **options)[2]
    np.testing.assert_equal(batch, (x[4:], y[4:], weights[4:]))
    for others in (other, [other, y]):
        images, labels = next(generator.flow((x, others), y, **options))
        np.testing.assert_equal(images, [x[:2], other[:2], y[:2]][: 2 if others is other else 3])
        assert labels.tolist() == [0, 1]
    assert isinstance(next(generator.flow((x, other), **options)), list)
    iterator = generator.flow(x, batch_size=2, shuffle=True)
    assert (len(iterator), iterator.n, iterator.batch_size, iterator.batch_index) == (3, 5, 2, 0)
    assert iterator.index_array is None and iterator.total_batches_seen == 0
    next(iterator)
    assert (iterator.batch_index, iterator.total_batches_seen) == (1, 1)
    assert iterator.index_array is not None and sorted(iterator.index_array) == list(range(5))
    assert iter(iterator) is iterator and iterator.white_list_formats[0] == "png"
    first = next(iterator.index_generator)
    assert len(first) == 2
    with pytest.raises(ValueError, match=r"batch 3 of an iterator with 3 batches"):
        iterator[3]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_shapes(channels: int, data_format: str) -> None:
    """What Keras-Preprocessing's tests pin: every transform at once, fit, flow, both data formats."""
    x = photos(9, channels=channels)
    x = np.moveaxis(x, 3, 1) if data_format == "channels_first" else x
    generator = ImageDataGenerator(
        **ALL, featurewise_center=True, featurewise_std_normalization=True, cval=0.5, fill_mode="reflect",
        interpolation_order=1, data_format=data_format,
    )  # fmt: skip
    generator.fit(x, augment=True)
    for batch in (next(generator.flow(x, batch_size=5)), generator.flow(x, batch_size=5)[0]):
        assert batch.shape == (5, *x.shape[1:]) and batch.dtype == np.float32 and np.isfinite(batch).all()
    assert (generator.channel_axis, generator.row_axis) == ((1, 2) if data_format == "channels_first" else (3, 1))
    image = x[0].astype(np.float32)
    assert generator.random_transform(image, seed=1).shape == image.shape
    np.testing.assert_array_equal(generator.random_transform(image, seed=1), generator.random_transform(image, seed=1))


def test_signatures_are_those_of_keras() -> None:
    for name in ("__init__", "flow", "flow_from_directory", "flow_from_dataframe", "fit", "standardize",
                 "get_random_transform", "apply_transform", "random_transform"):  # fmt: skip
        ours, theirs = (inspect.signature(getattr(c, name)) for c in (ImageDataGenerator, legacy.ImageDataGenerator))
        wanted = [(p.name, p.default) for p in theirs.parameters.values() if p.kind is not p.VAR_KEYWORD]
        assert [(p.name, p.default) for p in ours.parameters.values()][: len(wanted)] == wanted, name
    ours, theirs = ImageDataGenerator(), legacy.ImageDataGenerator()
    for name, value in vars(theirs).items():
        assert getattr(ours, name) == value, name


def test_ranges_may_be_changed_afterwards() -> None:
    generator = ImageDataGenerator()
    iterator = generator.flow(photos(2), shuffle=False, seed=1)
    np.testing.assert_array_equal(iterator[0], photos(2))
    generator.rescale = 1 / 255
    np.testing.assert_allclose(iterator[0], photos(2) / 255, atol=1e-6)
    generator.horizontal_flip = generator.vertical_flip = True
    assert not np.array_equal(epochs_of(iterator, 4), [photos(2) / 255] * 4)


def epochs_of(iterator: Any, count: int) -> list[np.ndarray]:
    return [next(iterator) for _ in range(count)]


# --- code of one's own ---


def test_a_subclass_of_the_generator_is_honoured() -> None:
    x = photos(4).astype(np.float32)

    class Plus(ImageDataGenerator):
        def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
            return ImageDataGenerator.apply_transform(self, x, transform_parameters) + 1000

    class Always(ImageDataGenerator):
        def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
            return ImageDataGenerator.get_random_transform(self, img_shape, seed) | {"flip_horizontal": True}

    class Half(ImageDataGenerator):
        def standardize(self, x: np.ndarray) -> np.ndarray:
            return ImageDataGenerator.standardize(self, x) / 2

    base = ImageDataGenerator(rotation_range=30, rescale=2.0).flow(x, shuffle=False, seed=1)[0]
    for class_, wanted in ((Plus, base + 2000), (Half, base / 2)):
        generator = class_(rotation_range=30, rescale=2.0)
        np.testing.assert_allclose(generator.flow(x, shuffle=False, seed=1)[0], wanted, atol=1e-3)
    np.testing.assert_array_equal(Always().flow(x, shuffle=False)[0], x[:, :, ::-1])
    plus = Plus(featurewise_center=True)
    plus.fit(x, augment=True)
    np.testing.assert_allclose(plus.mean.ravel(), x.mean((0, 1, 2)) + 1000, rtol=1e-5)
    # A function set on one generator.
    generator = ImageDataGenerator()
    generator.standardize = lambda x: x * 3  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_array_equal(generator.flow(x, shuffle=False)[0], x * 3)


class Numbers(ak.Iterator):
    """What people write: a base class that gives positions."""

    def __init__(self, n: int = 7, batch_size: int = 3, shuffle: bool = False, seed: int | None = None) -> None:
        self.asked: list[list[int]] = []
        ak.Iterator.__init__(self, n, batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        self.asked.append(list(index_array))
        images = np.zeros((len(index_array), 8, 8, 3), np.float32)
        return images + index_array[:, None, None, None], index_array % 2


def test_a_subclass_of_the_iterator() -> None:
    iterator = Numbers()
    assert [next(iterator)[0][:, 0, 0, 0].tolist() for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6], [0, 1, 2]]
    assert iterator[1][1].tolist() == [1, 0, 1]
    shuffled = Numbers(100, 100, shuffle=True, seed=1)
    first, second = next(shuffled)[0][:, 0, 0, 0], next(shuffled)[0][:, 0, 0, 0]
    assert sorted(first) == sorted(second) == list(range(100)) and not np.array_equal(first, second)
    with pytest.raises(NotImplementedError, match="_get_batches_of_transformed_samples"):
        next(ak.Iterator(3, 2, False, None))


def test_model_trains_on_an_iterator_of_ones_own() -> None:
    iterator, model = Numbers(), recorder()
    model.fit(iterator, epochs=2, verbose=0)
    seen = [batch[0][:, 0, 0, 0].astype(int).tolist() for batch in model.seen["train"]]
    assert sorted(map(tuple, seen)) == sorted([(0, 1, 2), (3, 4, 5), (6,)] * 2)
    assert model.predict(Numbers(), verbose=0).shape == (7, 2)


# --- bad input ---

x10, y10 = photos(), np.arange(10)


BAD: list[tuple[Callable[[Any], Any], type[AugfuseError], str]] = [
    (lambda G: G(fill_mode="mirror"), RangeError, "fill_mode: got 'mirror', wanted one of 'nearest'"),
    (lambda G: G(data_format="NHWC"), RangeError, "data_format: got 'NHWC', wanted 'channels_last'"),
    (lambda G: G(validation_split=1.5), RangeError, "validation_split: got 1.5"),
    (lambda G: G(zoom_range=(2, 2, 2)), RangeError, r"zoom_range: got \(2, 2, 2\)"),
    (lambda G: G(zoom_range=("a", 2)), RangeError, "zoom_range"),
    (lambda G: G(brightness_range=0.5), RangeError, r"brightness_range: got 0.5.*such as \(0.8, 1.2\)"),
    (lambda G: G(interpolation_order=7), RangeError, r"interpolation_order: got 7, wanted 0"),
    (lambda G: G().flow(x10, y10[:9]), DataError, "the same length: 10 is not 9"),
    (lambda G: G().flow(x10, y10, sample_weight=y10[:3]), DataError, "sample_weight"),
    (lambda G: G().flow((x10, y10[:4]), y10), DataError, "another array of x"),
    (lambda G: G().flow(x10[0]), ImageError, r"rank 4: \(n, h, w, c\)"),
    (lambda G: G().flow(np.arange(5)), ImageError, "rank 4"),
    (lambda G: G(validation_split=0.2).flow(x10, y10, subset="test"), DataError, "subset: got 'test'"),
    (lambda G: G(validation_split=0.2).flow(x10, y10, subset="training"), DataError, "ignore_class_split=True"),
    (lambda G: G().flow(x10, y10, save_to_dir="/no/such/folder").next(), AugfuseError, "os.makedirs"),
    (lambda G: G().fit(x10[0]), ImageError, r"rank 4.*Use x\[..., None\]"),
    (lambda G: G(featurewise_center=True).fit(np.zeros((3, 10, 10))), ImageError, "rank 4"),
    (lambda G: G().flow(x10)[99], RangeError, "batch 99"),
    (lambda G: G().apply_transform(x10, {}), ImageError, r"rank 3. Use x\[0\]"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
@pytest.mark.parametrize("compat", [None, "strict"])
def test_bad_input(number: int, compat: Any) -> None:
    call, error, message = BAD[number]
    with pytest.raises(error, match=message) as caught:
        call(lambda **options: ImageDataGenerator(**options, compat=compat))
    kinds = (ValueError, TypeError, OSError)
    try:
        call(legacy.ImageDataGenerator)
    except kinds as theirs:  # what Keras does not check at all is ours to name
        assert isinstance(caught.value, next(kind for kind in kinds if isinstance(theirs, kind)))
    except Exception:
        pass


def test_more_bad_input() -> None:
    with pytest.raises(RangeError, match="compat: got 'keras', wanted None or 'strict'"):
        ImageDataGenerator(compat="keras")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match=r"np.stack\(x\)"):
        ImageDataGenerator().flow(list(x10))
    with pytest.raises(ImageTypeError, match="not their paths"):
        ImageDataGenerator(featurewise_center=True).fit(np.full((1, 1, 1, 1), "a.jpg"))
    with pytest.raises(DataError, match="no images"):
        ImageDataGenerator(featurewise_center=True).fit(x10[:0])
    with pytest.raises(DataError, match="no samples"):
        next(ImageDataGenerator().flow(x10[:0]))
    with pytest.raises(RangeError, match="batch_size"):
        ImageDataGenerator().flow(x10, batch_size=0)
    with pytest.raises(ImageTypeError, match="compat='strict'"):
        ImageDataGenerator(compat="strict").fit(ImageDataGenerator().flow(x10))
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    with pytest.warns(AugfuseWarning, match="ZCA"):
        generator.fit(photos(3, (4, 4)))
    with pytest.raises(ImageError, match=r"48 values"):
        generator.standardize(np.zeros((5, 5, 3), np.float32))
    with pytest.warns(AugfuseWarning, match=r"1, 3 or 4 channels expected on axis 1.*\(8 channels\)"):
        ImageDataGenerator(data_format="channels_first").flow(x10)
    with pytest.warns(AugfuseWarning, match=r"channels_first.*\(8 channels\)"):
        ImageDataGenerator(data_format="channels_first", featurewise_center=True).fit(x10)


# --- in Keras' own loops ---


def seen_images(model: Any, step: str) -> list[np.ndarray]:
    return [batch[0] for batch in model.seen[step]]


def test_model_epochs_move_on_with_fit(untouched: None) -> None:
    iterator, expected, model = flow(), epochs(flow(), 4), recorder()
    model.fit(iterator, epochs=2, verbose=0)
    assert iterator.epoch == 1
    with pytest.warns(AugfuseWarning, match=r"evaluate\(\) gets augmented images"):
        model.evaluate(flow(shuffle=False), verbose=0)
    model.fit(iterator, epochs=4, initial_epoch=2, verbose=0)
    assert iterator.epoch == 3
    trained = model.seen["train"]
    assert len(trained) == 12
    for number, images in enumerate(expected):
        labels = []
        for x, y in trained[3 * number : 3 * number + 3]:
            np.testing.assert_array_equal(x, images[y])
            labels += y.tolist()
        assert sorted(labels) == list(range(10))


@pytest.mark.parametrize("options", [{}, {"workers": 3, "use_multiprocessing": True, "max_queue_size": 4}])
def test_model_fit_evaluate_predict(options: dict[str, Any]) -> None:
    x, model = photos(), recorder()
    generator = ImageDataGenerator(rescale=1 / 255)
    train, test = generator.flow(x, y10, batch_size=4, **options), generator.flow(x, y10, shuffle=False, batch_size=4)
    history = model.fit(train, epochs=2, validation_data=test, verbose=0).history
    assert set(history) == {"loss", "val_loss"}
    assert model.evaluate(test, verbose=0) == pytest.approx(history["val_loss"][-1], rel=1e-5)
    assert model.predict(test, verbose=0).shape == (10, 2)
    np.testing.assert_allclose(np.concatenate(seen_images(model, "predict")), x / 255, atol=1e-6)


def test_model_evaluated_on_data_standardised_otherwise() -> None:
    x, model = photos(), recorder()
    train = ImageDataGenerator(rescale=1 / 255)
    model.fit(train.flow(x, y10), verbose=0)

    def test_flow(**options: Any) -> Any:
        return ImageDataGenerator(**options).flow(x, y10, shuffle=False)

    for method in ("evaluate", "predict"):
        assert heard(lambda method=method: getattr(model, method)(test_flow(rescale=1 / 255), verbose=0)) == []
        with pytest.warns(AugfuseWarning, match=rf"{method}\(\) gets .*rescale: 0.00392157 in training, None now"):
            getattr(model, method)(test_flow(), verbose=0)
    with pytest.warns(AugfuseWarning, match=r"evaluate\(\) gets images.*samplewise_center"):
        model.fit(train.flow(x, y10), validation_data=test_flow(rescale=1 / 255, samplewise_center=True), verbose=0)

    fitted = ImageDataGenerator(featurewise_center=True)
    fitted.fit(x)
    model.fit(fitted.flow(x, y10), verbose=0)
    other = ImageDataGenerator(featurewise_center=True)
    other.mean = fitted.mean
    assert heard(lambda: model.evaluate(other.flow(x, y10), verbose=0)) == []
    other.fit(x[:3])
    with pytest.warns(AugfuseWarning, match="mean: .* in training"):
        model.evaluate(other.flow(x, y10), verbose=0)

    one = ImageDataGenerator(preprocessing_function=lambda x: x / 2)
    again = ImageDataGenerator(preprocessing_function=lambda x: x / 2)
    third = ImageDataGenerator(preprocessing_function=lambda x: x / 3)
    model.fit(one.flow(x, y10), verbose=0)
    assert heard(lambda: model.evaluate(again.flow(x, y10), verbose=0)) == []
    with pytest.warns(AugfuseWarning, match="preprocessing_function"):
        model.evaluate(third.flow(x, y10), verbose=0)


def test_model_predict_with_shuffled_rows() -> None:
    model = recorder()
    with pytest.warns(AugfuseWarning, match=r"predict\(\) got an iterator with shuffle=True.*shuffle=False"):
        model.predict(ImageDataGenerator().flow(photos()), verbose=0)


def test_model_strict_iterators_train_too() -> None:
    generator, model = ImageDataGenerator(rotation_range=9, compat="strict"), recorder()
    iterator = generator.flow(photos(), y10, batch_size=4)
    model.fit(iterator, epochs=2, verbose=0)
    batches = [sorted(np.concatenate([y for _, y in model.seen["train"][3 * e : 3 * e + 3]])) for e in range(2)]
    assert batches == [list(range(10))] * 2


@pytest.mark.slow(reason="runs a part of this file again on another backend")
@pytest.mark.skipif("AUGFUSE_TEST_BACKEND" in os.environ, reason="this run is one for another backend")
@pytest.mark.parametrize("backend", [name for name in ("tensorflow", "torch", "jax") if name != BACKEND])
def test_other_backend(backend: str) -> None:
    if backend not in BACKENDS:
        pytest.skip(f"needs the extra: pip install 'augfuse[{backend}]'")
    environment = os.environ | {"KERAS_BACKEND": backend, "AUGFUSE_TEST_BACKEND": backend}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "test_model", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_to_recipe_prints_and_returns() -> None:
    generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
    with redirect_stdout(io.StringIO()) as printed:
        recipe = generator.to_recipe()
    assert isinstance(recipe, af.Recipe)
    assert "af.Rotate" in printed.getvalue() and "af.HorizontalFlip" in printed.getvalue()
    assert recipe.batch(photos(2), seed=0).images.shape == (2, 8, 8, 3)
