"""ImageDataGenerator as it is by default: Keras' distributions, draws that depend on position alone, defects mended.

Runs on the backend Keras has here; `test_other_backend` runs the tests that train on each other one that is installed.
"""

from __future__ import annotations

import inspect
import io
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)
stats = pytest.importorskip("scipy.stats", reason="needs the extra: pip install 'augfuse[keras]'")
legacy = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no legacy class any more")

from test_keras_adapter import BACKEND, BACKENDS, Recorder  # noqa: E402

import augfuse as af  # noqa: E402
import augfuse.keras as ak  # noqa: E402
from augfuse import warn_once  # noqa: E402
from augfuse.errors import AugfuseError, AugfuseWarning, DataError, ImageError, ImageTypeError, RangeError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402
from augfuse.keras.generator.draws import Parameters, keyed  # noqa: E402
from augfuse.keras.generator.options import read_options  # noqa: E402

pytestmark = [
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    # The notice about seeds comes wherever a seed is given; it has a test of its own.
    pytest.mark.filterwarnings("ignore:Keras resets NumPy's global seed:augfuse.errors.AugfuseWarning"),
]

ALL: dict[str, Any] = {
    "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 10, "zoom_range": 0.2,
    "horizontal_flip": True, "vertical_flip": True, "channel_shift_range": 20, "brightness_range": (0.7, 1.3),
}  # fmt: skip


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    warn_once.forget()
    yield
    warn_once.forget()


@pytest.fixture
def untouched() -> Iterator[None]:
    """NumPy's global generator stays as it is."""
    np.random.seed(12345)
    before = np.random.get_state(legacy=False)
    yield
    np.testing.assert_equal(np.random.get_state(legacy=False), before)


def photos(n: int = 10, size: tuple[int, int] = (8, 8), channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *size, channels), dtype=np.uint8)


def heard(action: Callable[[], Any]) -> list[str]:
    """The messages of our warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(w.message) for w in caught if issubclass(w.category, AugfuseWarning)]


def recorder() -> Recorder:
    """A model that keeps what reaches it, and takes any number as a label."""
    model = Recorder()

    def loss(y: Any, predicted: Any) -> Any:
        return keras.ops.square(predicted[:, 0] - keras.ops.reshape(keras.ops.cast(y, predicted.dtype), (-1,)))

    model.compile(optimizer=keras.optimizers.SGD(1e-6), loss=loss, run_eagerly=True)
    return model


def ramp(height: int, width: int) -> np.ndarray:
    """One grey image whose values tell rows and columns: 10 row + column."""
    return (10.0 * np.arange(height)[:, None] + np.arange(width)).astype(np.float32)[..., None]


# --- draws ---


def draws(generator: ImageDataGenerator, n: int, size: int = 20) -> Parameters:
    return keyed(read_options(generator), 3, 0, np.arange(n), size, size)


@pytest.mark.parametrize("shift", [0.3, 4.0, 5, [-3, 2, 5], (0.1, 0.4)], ids=str)
def test_parameters_have_the_distributions_of_keras(shift: Any) -> None:
    options = ALL | {"width_shift_range": shift, "height_shift_range": shift, "zoom_range": (0.5, 2.0)}
    ours, theirs = ImageDataGenerator(**options), legacy.ImageDataGenerator(**options)
    np.random.seed(0)
    expected = [theirs.get_random_transform((20, 20, 3)) for _ in range(4000)]
    bulk = draws(ours, 4000)
    got = [bulk.as_dict(i) for i in range(4000)]
    assert got[0].keys() == expected[0].keys()
    for name in got[0]:
        a, b = (np.array([float(one[name]) for one in many]) for many in (got, expected))
        assert stats.ks_2samp(a, b, method="asymp").pvalue > 1e-3, name
        assert set(np.unique(a)) == set(np.unique(b)) or len(np.unique(a)) > 100
    columns = np.array([[float(value) for value in one.values()] for one in got])
    assert np.abs(np.corrcoef(columns.T) - np.eye(10)).max() < 0.08  # on their own


def test_golden_draws() -> None:
    """A change to these numbers changes what people's seeds mean: it goes into the changelog."""
    generator = ImageDataGenerator(
        rotation_range=90, width_shift_range=0.5, height_shift_range=[1, 2, 3], shear_range=10, zoom_range=(0.5, 1.5),
        horizontal_flip=True, vertical_flip=True, channel_shift_range=20, brightness_range=(0.5, 1.5),
    )  # fmt: skip
    first, second = (keyed(read_options(generator), 7, 2, np.array([0, 5]), 10, 20).as_dict(i) for i in range(2))
    assert first == pytest.approx(
        {
            "theta": 10.377845901212055, "tx": -5.924599417917314, "ty": -2.0, "shear": -7.788294175774593,
            "zx": 0.7872119164835439, "zy": 1.267248124745958, "flip_horizontal": True, "flip_vertical": False,
            "channel_shift_intensity": 13.440635369961228, "brightness": 1.1251803743369138,
        },
        rel=1e-12,
    )  # fmt: skip
    assert (second["theta"], second["zy"]) == pytest.approx((34.25857246852044, 0.9452530802940802), rel=1e-12)
    once = generator.get_random_transform((10, 20, 3), seed=1)
    assert (once["theta"], once["brightness"]) == pytest.approx((-9.45940142805793, 1.0191175579894707), rel=1e-12)
    labels = ImageDataGenerator(horizontal_flip=True).flow(photos(6), np.arange(6), batch_size=3, seed=7)
    assert [next(labels)[1].tolist() for _ in range(4)] == [[4, 1, 2], [0, 3, 5], [3, 5, 2], [4, 0, 1]]


def test_one_option_does_not_change_what_another_draws() -> None:
    alone, among = draws(ImageDataGenerator(zoom_range=0.2), 50), draws(ImageDataGenerator(**ALL), 50)
    np.testing.assert_array_equal(alone.zx, among.zx)
    assert alone.brightness is None and not alone.theta.any()


def test_flow_renders_the_parameters_it_draws() -> None:
    x = photos(5).astype(np.float32)
    options: dict[str, Any] = ALL | {"brightness_range": None}
    generator = ImageDataGenerator(**options)
    batch = generator.flow(x, batch_size=5, shuffle=False, seed=3)[0]
    parameters = draws(generator, 5, 8)
    strict = ImageDataGenerator(compat="strict")
    for i in range(5):
        one = generator.apply_transform(x[i], parameters.as_dict(i))
        np.testing.assert_allclose(batch[i], one, atol=1e-4)
        np.testing.assert_allclose(one, strict.apply_transform(x[i], parameters.as_dict(i)), atol=0.1)


# --- the same bytes, whoever asks ---


def flow(seed: int | None = 5, **options: Any) -> Any:
    return ImageDataGenerator(**ALL).flow(photos(), np.arange(10), **({"batch_size": 4, "seed": seed} | options))


def epochs(iterator: Any, count: int = 3) -> list[np.ndarray]:
    """Images of whole epochs, by label."""
    found = []
    for _ in range(count):
        images = np.empty((10, 8, 8, 3), np.float32)
        for _ in range(len(iterator)):
            x, y = next(iterator)
            images[y] = x
        found.append(images)
    return found


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 5}, {"batch_size": 1}, {"batch_size": 10},
                                     {"batch_size": 7, "max_queue_size": 2, "use_multiprocessing": True}])  # fmt: skip
def test_the_same_bytes_for_any_workers_and_batch_size(options: dict[str, Any], untouched: None) -> None:
    plain, other = epochs(flow()), epochs(flow(**options))
    np.testing.assert_array_equal(plain, other)
    assert not np.array_equal(plain[0], plain[1])


def test_the_same_bytes_in_any_order_of_calls(untouched: None) -> None:
    iterator, other = flow(), flow()
    batches = [iterator[i] for i in range(3)]
    for i in (2, 0, 0, 1, -1):
        np.testing.assert_equal(other[i], batches[i])
    for i, batch in enumerate(batches):
        np.testing.assert_equal(next(other), batch, err_msg=f"batch {i}")
    np.testing.assert_equal(other[1], batches[1])  # still the epoch of the last batch
    following = next(other)
    assert not np.array_equal(following[0], batches[0][0])
    np.testing.assert_equal(other[0], following)


def test_reset_begins_a_new_epoch(untouched: None) -> None:
    whole, iterator = flow(), flow()
    second = [next(whole) for _ in range(6)][3:]
    next(iterator)
    iterator.reset()
    for batch in second:
        np.testing.assert_equal(iterator.next(), batch)


def test_a_pickled_iterator_goes_on(untouched: None) -> None:
    iterator = flow()
    next(iterator)
    copy = pickle.loads(pickle.dumps(iterator))
    for _ in range(5):
        np.testing.assert_equal(next(copy), next(iterator))
    generator = ImageDataGenerator(zca_whitening=True, featurewise_center=True)
    with pytest.warns(AugfuseWarning, match="ZCA"):
        generator.fit(photos(4))
    x = photos(2).astype(np.float32)
    again = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(again.standardize(x.copy()), generator.standardize(x.copy()))


def test_numpy_s_seed_decides_where_none_is_given() -> None:
    found = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        found.append(epochs(flow(None), 1))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_batches_in_use_are_never_overwritten() -> None:
    iterator = flow(workers=1)
    kept = [next(iterator)[0] for _ in range(30)]
    copies = [batch.copy() for batch in kept]
    for _ in range(30):
        next(iterator)
    np.testing.assert_equal(kept, copies)


def test_epochs_by_hand() -> None:
    """`it[i]` and on_epoch_end(), as people loop over a Sequence."""
    iterator, expected = flow(), epochs(flow())
    for images in expected:
        for i in range(len(iterator)):
            x, y = iterator[i]
            np.testing.assert_array_equal(images[y], x)
        iterator.on_epoch_end()
    iterator.on_epoch_end()  # nothing was asked for in between
    assert iterator.epoch == 3


# --- defects of Keras that are mended, each said once ---


def assert_said_once(action: Callable[[], Any], *words: str) -> None:
    first = heard(action)
    assert len(first) == 1 and all(word in first[0] for word in words), first
    assert 'compat="strict"' in first[0] and "docs/imagedatagenerator.md" in first[0]
    assert heard(action) == []


def test_brightness_of_floats_between_0_and_1() -> None:
    x = np.linspace(0, 1, 48, dtype=np.float32).reshape(1, 4, 4, 3)
    generator = ImageDataGenerator(brightness_range=(1.5, 1.5))
    assert_said_once(lambda: generator.flow(x), "brightness_range", "black")
    np.testing.assert_allclose(generator.flow(x)[0], np.clip(1.5 * x, 0, 1), atol=1e-6)
    bright = generator.flow((x * 255).astype(np.uint8))[0]
    np.testing.assert_allclose(bright, np.clip(1.5 * (x * 255).astype(np.uint8), 0, 255), atol=1e-3)


@pytest.mark.parametrize("options", [{}, {"channel_shift_range": 1e-9}])  # fused, and after the warp
def test_brightness_is_counted_from_the_low_end(options: dict[str, Any]) -> None:
    x = np.linspace(-1, 1, 48, dtype=np.float32).reshape(1, 4, 4, 3)
    batch = ImageDataGenerator(brightness_range=(0.5, 0.5), **options).flow(x)[0]
    np.testing.assert_allclose(batch, -1 + 0.5 * (x + 1), atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("options", [{}, {"channel_shift_range": 1e-9}])  # fused, and after the warp
def test_alpha_is_no_brightness(data_format: str, options: dict[str, Any]) -> None:
    x = photos(3, channels=4)
    wanted = x * np.array([0.5, 0.5, 0.5, 1])
    generator = ImageDataGenerator(
        brightness_range=(0.5, 0.5), fill_mode="constant", cval=80, data_format=data_format, **options
    )
    channels = 1 if data_format == "channels_first" else 3
    batch = generator.flow(np.moveaxis(x, 3, channels), shuffle=False)[0]
    np.testing.assert_allclose(np.moveaxis(batch, channels, 3), wanted, atol=1e-3)
    # What comes in at the border is of the colour cval, and gets darker with the picture.
    generator.zoom_range = [5.0, 5.0]
    corner = np.moveaxis(generator.flow(np.moveaxis(x, 3, channels), shuffle=False)[0], channels, 3)[:, 0, 0]
    np.testing.assert_allclose(corner, [[40, 40, 40, 80]] * 3, atol=1e-3)


@pytest.mark.parametrize("n", [300, 12])  # more images than values, and fewer
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_zca_whitens(n: int, data_format: str) -> None:
    rng = np.random.default_rng(0)
    x = (100 + rng.normal(0, 1, (n, 48)) @ rng.normal(0, 5, (48, 48))).reshape(n, 4, 4, 3).astype(np.float32)
    x = np.moveaxis(x, 3, 1) if data_format == "channels_first" else x
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True, data_format=data_format)
    assert_said_once(lambda: generator.fit(x), "ZCA", "zca_epsilon")
    white = generator.flow(x, batch_size=n, shuffle=False)[0].reshape(n, -1)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-2)  # of each pixel
    values = np.linalg.eigvalsh(white.T @ white / n)
    np.testing.assert_allclose(values[-min(n - 1, 48) :], 1, atol=1e-2)
    np.testing.assert_allclose(generator.standardize(x.copy()).reshape(n, -1), white, atol=1e-2)
    # By hand, as people copy statistics to the generator of the test set.
    other = ImageDataGenerator(featurewise_center=True, zca_whitening=True, data_format=data_format)
    other.mean, other.zca_whitening_matrix = generator.mean, generator.zca_whitening_matrix
    np.testing.assert_allclose(other.standardize(x.copy()).reshape(n, -1), white, atol=2e-2)


def test_fit_sees_what_is_fed() -> None:
    x = photos(20)
    generator = ImageDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True, preprocessing_function=lambda image: image / 9 + 1
    )
    assert_said_once(lambda: generator.fit(x), "fit()", "preprocessing_function")
    np.testing.assert_allclose(generator.mean.ravel(), (x / 9 + 1).mean((0, 1, 2)), rtol=1e-5)
    batch = generator.flow(x, batch_size=20)[0]
    np.testing.assert_allclose(batch.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(batch.std((0, 1, 2)), 1, atol=1e-5)


@pytest.mark.filterwarnings("default:Keras resets NumPy's global seed:augfuse.errors.AugfuseWarning")
def test_a_seed_is_ours_alone() -> None:
    assert_said_once(lambda: flow(seed=3), "NumPy's global seed", "seed, epoch and position")
    assert heard(lambda: ImageDataGenerator().flow(photos(), seed=1, shuffle=False)) == []  # nothing is drawn


def test_save_to_dir_changes_nothing(tmp_path: Path, untouched: None) -> None:
    plain = flow(seed=4, shuffle=False)
    saving = lambda: flow(seed=4, shuffle=False, save_to_dir=str(tmp_path), save_prefix="p", save_format="png")  # noqa: E731
    assert_said_once(saving, "save_to_dir")
    iterator = saving()
    for _ in range(3):
        np.testing.assert_equal(next(iterator), next(plain))
    files = sorted(tmp_path.iterdir(), key=lambda path: int(path.name.split("_")[1]))
    assert [path.name.split("_")[:2] for path in files] == [["p", str(i)] for i in range(10)]
    batch = flow(seed=4, shuffle=False, batch_size=10)[0][0]
    for path, image in zip(files, batch, strict=True):
        assert np.abs(np.asarray(keras.utils.load_img(path), float) - image).max() <= 0.51
    names = {path.name for path in files}
    again = saving()
    for _ in range(3):
        next(again)
    assert {path.name for path in tmp_path.iterdir()} == names


def test_pictures_are_saved_as_they_are(tmp_path: Path) -> None:
    dark = np.full((1, 4, 4, 3), 0.5, np.float32)
    x = np.concatenate([dark, np.ones_like(dark)])
    generator = ImageDataGenerator(rescale=5.0, samplewise_center=True)
    with pytest.warns(AugfuseWarning, match="save_to_dir"):
        iterator = generator.flow(x, batch_size=1, shuffle=False, save_to_dir=str(tmp_path))
    next(iterator)
    (path,) = tmp_path.iterdir()
    assert set(np.asarray(keras.utils.load_img(path)).ravel()) == {128}
    almost_black = np.concatenate([np.ones((1, 4, 4, 3), np.uint8), photos(1, (4, 4))])
    iterator = generator.flow(almost_black, batch_size=1, shuffle=False, save_to_dir=str(tmp_path), save_prefix="black")
    next(iterator)
    (path,) = tmp_path.glob("black*")
    assert set(np.asarray(keras.utils.load_img(path)).ravel()) == {1}


def test_no_folder_of_an_empty_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    next(flow(save_to_dir=""))
    assert not list(tmp_path.iterdir())


def test_the_validation_subset_is_not_augmented() -> None:
    x = photos(10)
    generator = ImageDataGenerator(**ALL, rescale=1 / 255, validation_split=0.3)
    make = lambda subset: generator.flow(x, np.arange(10), subset=subset, ignore_class_split=True, shuffle=False)  # noqa: E731
    assert_said_once(lambda: make("validation"), "validation")
    images, labels = make("validation")[0]
    assert labels.tolist() == [0, 1, 2]
    np.testing.assert_allclose(images, x[:3] / 255, atol=1e-6)
    images, labels = make("training")[0]
    assert labels.tolist() == list(range(3, 10))
    assert np.abs(images - x[3:] / 255).max() > 0.1


def test_weights_of_the_training_subset() -> None:
    generator = ImageDataGenerator(validation_split=0.3)
    make = lambda: generator.flow(  # noqa: E731
        photos(), np.zeros(10), sample_weight=np.arange(10), subset="training", shuffle=False
    )
    assert_said_once(make, "sample weights")
    assert make()[0][2].tolist() == list(range(3, 10))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_shifts_go_along_the_axis_they_name(data_format: str) -> None:
    x = ramp(20, 30)[None]
    x = np.moveaxis(x, 3, 1) if data_format == "channels_first" else x
    for option, step, still in (("height_shift_range", 10, 1), ("width_shift_range", 1, 10)):
        options: dict[str, Any] = {option: [3], "data_format": data_format}
        generator = ImageDataGenerator(**options)
        warn_once.forget()
        iterator = generator.flow(x, seed=0)
        assert_said_once(lambda it=iterator: it[0], "along the width", "centre")
        moved = iterator[0].reshape(20, 30)[5:-5, 5:-5]
        assert set(np.abs(moved - ramp(20, 30)[5:-5, 5:-5, 0]).ravel()) == {3 * step}, still
    parameters = keyed(read_options(ImageDataGenerator(height_shift_range=0.5)), 0, 0, np.arange(500), 20, 300)
    assert not parameters.tx.any() and 9 < np.abs(parameters.ty).max() <= 10  # of the height


@pytest.mark.parametrize("shape", [(20, 31), (31, 20), (8, 8)])
def test_images_turn_about_their_centre(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).random((*shape, 3), np.float32)
    generator = ImageDataGenerator(rotation_range=180)
    if shape[0] == shape[1]:
        turned = generator.apply_transform(x, {"theta": 180})
        assert heard(lambda: generator.apply_transform(x, {"theta": 1})) == []
    else:
        with pytest.warns(AugfuseWarning, match="centre"):
            turned = generator.apply_transform(x, {"theta": 180})
    np.testing.assert_allclose(turned[1:-1, 1:-1], x[::-1, ::-1][1:-1, 1:-1], atol=1e-4)
    middle = np.zeros((*shape, 1), np.float32)
    middle[(shape[0] - 1) // 2 : shape[0] // 2 + 1, (shape[1] - 1) // 2 : shape[1] // 2 + 1] = 1
    zoomed = generator.apply_transform(middle, {"zx": 0.5, "zy": 0.5})
    np.testing.assert_allclose(zoomed, zoomed[::-1, ::-1], atol=1e-5)
    np.testing.assert_array_equal(generator.apply_transform(x, {"flip_horizontal": True}), x[:, ::-1])
    np.testing.assert_array_equal(generator.apply_transform(x, {"flip_vertical": True}), x[::-1])


def test_a_notice_points_at_the_line_that_asked() -> None:
    with pytest.warns(AugfuseWarning, match="validation") as caught:
        ImageDataGenerator(rotation_range=9, validation_split=0.5).flow(photos(), subset="validation")
    assert caught[0].filename == __file__


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
