"""ImageDataGenerator as it is by default: Keras' distributions, draws that depend on position alone, defects mended.

Runs on the backend Keras has here; `test_other_backend` runs the tests that train on each other one that is installed.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
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
from augfuse.keras.generator.draws import Parameters, keyed  # noqa: E402
from augfuse.keras.generator.options import read_options  # noqa: E402
from generator_cases import ALL, assert_said_once, epochs, flow, heard, photos  # noqa: E402

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
