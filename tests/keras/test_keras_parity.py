"""compat="strict" against Keras' own class: the same draws, the same order, the same pixels.

Pixels may be off by more than a thousandth of the value range in one value of a thousand, as Keras' brightness goes
through 8 bit: a last bit decides there about a whole grey level.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)
legacy = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no legacy class any more")

from augfuse.errors import AugfuseWarning  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402
from augfuse.keras.generator.draws import streamed  # noqa: E402
from augfuse.keras.generator.options import read_options  # noqa: E402
from keras_cases import CALLS, SHIFTS, Case, make  # noqa: E402

pytestmark = [
    # Keras' legacy module asks SciPy for a namespace that SciPy 2 drops: the oracle's own business.
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation:DeprecationWarning"),
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

CASES, PER_TEST = 400, 20
Outcome = list[list[np.ndarray]]


class RoundedKeras(legacy.ImageDataGenerator):
    """Keras' class with augmented pixels off by what float32 rounds: what moves much by that is noise in Keras too."""

    jitter = np.random.default_rng(0)

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        x = legacy.ImageDataGenerator.apply_transform(self, x, transform_parameters)
        amount = 1e-6 * max(1.0, float(np.abs(x).max()))
        return (x + self.jitter.uniform(-amount, amount, x.shape)).astype(x.dtype)


def make_generator(kind: Any, options: dict[str, Any]) -> Any:
    strict: dict[str, Any] = {"compat": "strict"} if issubclass(kind, ImageDataGenerator) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # options that ask for others: compared on their own below
        return kind(**options, **strict)


def state() -> Any:
    """Of NumPy's global generator."""
    return np.random.get_state(legacy=False)


def parts(batch: Any) -> list[np.ndarray]:
    """The arrays of a batch: images, other arrays, labels, weights."""
    if isinstance(batch, np.ndarray):
        return [batch]
    first = batch[0] if isinstance(batch[0], list) else [batch[0]]
    return [*first, *batch[1:]]


def play(kind: Any, case: Case) -> tuple[Outcome, list[Any], dict[str, Any]]:
    """What one class makes of a case: its batches, what can be compared exactly, and its statistics."""
    np.random.seed(3)
    generator = make_generator(kind, case.options)
    exact: list[Any] = []
    if case.fit is not None:
        generator.fit(case.x, **case.fit)
    exact.append(state())
    exact.append(sorted(generator.get_random_transform(case.x.shape[1:], seed).items()) for seed in (None, 11))
    exact[-1] = list(exact[-1])
    x = (case.x, case.others) if case.others else case.x
    iterator = generator.flow(x, case.y, **case.flow)
    exact.append((len(iterator), iterator.n, iterator.index_array is None))
    batches = []
    for call, number in case.calls:
        if call == "next":
            batches.append(parts(next(iterator)))
        elif call == "getitem":
            batches.append(parts(iterator[number % len(iterator)]))
        else:
            getattr(iterator, call)()
        order = None if iterator.index_array is None else iterator.index_array.tolist()
        exact.append((call, order, iterator.batch_index, iterator.total_batches_seen))
        exact.append(state())
    statistics = {name: getattr(generator, name) for name in ("mean", "std", "zca_whitening_matrix")}
    return batches, exact, statistics


def assert_equal_exactly(ours: list[Any], theirs: list[Any], what: str) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_equal(a, b, err_msg=what)


def apart(case: Case, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Which values of a batch are further apart than a thousandth of the value range."""
    standardised = ("samplewise", "featurewise", "zca", "preprocessing")
    if any(value and name.startswith(standardised) for name, value in case.options.items()):
        value_range = float(np.ptp(theirs))
    else:
        value_range = float(np.ptp(case.x)) * (case.options.get("rescale") or 1)
    # Where all values of a batch are one, what they are is compared instead of how they differ.
    value_range = max(value_range, 1e-3 * float(np.abs(theirs).max()), 1e-6)
    with np.errstate(invalid="ignore"):
        return ~(np.abs(ours.astype(np.float64) - theirs) <= 1e-3 * value_range)


def compare(case: Case) -> tuple[int, int, int]:
    """Values off, values in all, values that are noise in Keras as well."""
    theirs, their_exact, their_statistics = play(legacy.ImageDataGenerator, case)
    ours, our_exact, our_statistics = play(ImageDataGenerator, case)
    assert_equal_exactly(our_exact, their_exact, str(case))
    off = []
    for mine, keras_ in zip(ours, theirs, strict=True):
        assert [(part.shape, part.dtype) for part in mine] == [(part.shape, part.dtype) for part in keras_], str(case)
        for a, b in zip(mine[1:], keras_[1:], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=str(case))
        off.append(apart(case, mine[0], keras_[0]))
    count, total = sum(int(part.sum()) for part in off), sum(part.size for part in off)
    noise = 0
    if count > 1e-3 * total:
        # An image, or a data set, all of one value has a deviation of 0, or of rounding; divided by it (+ 1e-6), or
        # whitened by it, it is rounding, enlarged. Only what Keras itself gives again is compared.
        trials = [play(RoundedKeras, case)[0] for _ in range(3)]
        unsteady = [
            np.any([apart(case, trial[i][0], batch[0]) for trial in trials], axis=0) for i, batch in enumerate(theirs)
        ]
        noise = sum(int(part.sum()) for part in unsteady)
        count = sum(int((part & ~moved).sum()) for part, moved in zip(off, unsteady, strict=True))
        assert all(np.isfinite(part[0]).all() for part in ours), str(case)
    elif not noise:
        for name, expected in their_statistics.items():
            got = our_statistics[name]
            assert (got is None) == (expected is None), f"{name}: {case}"
            if expected is not None and name != "zca_whitening_matrix":
                assert got.shape == expected.shape and got.dtype == expected.dtype
                np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3, err_msg=f"{name}: {case}")
    return count, total, noise


@pytest.mark.parametrize("start", range(0, CASES, PER_TEST))
def test_pixels_order_and_draws_are_those_of_keras(start: int) -> None:
    cases = [make(seed) for seed in range(start, start + PER_TEST)]
    results = [compare(case) for case in cases]
    for case, (count, total, _) in zip(cases, results, strict=True):
        # 8 bit: whether 41.99997 is 41 or 42 is a matter of the last bits, and a tiny shear has many such values.
        share = 2e-2 if "brightness_range" in case.options else 1e-3
        assert count <= share * total, f"{count} of {total} values are off: {case}"
    assert sum(count for count, _, _ in results) <= 1e-3 * sum(total for _, total, _ in results)
    assert sum(noise > 0 for _, _, noise in results) <= PER_TEST // 5


def test_the_cases_reach_every_option() -> None:
    cases = [make(seed) for seed in range(CASES)]
    set_ = {name for case in cases for name, value in case.options.items() if value is not None}
    assert set_ == set(ImageDataGenerator.__init__.__annotations__) - {"return", "compat"}
    assert {case.options.get("interpolation_order", 1) for case in cases} == set(range(6))
    assert {case.options["fill_mode"] for case in cases} == {"nearest", "reflect", "wrap", "constant"}
    assert {case.x.dtype.name for case in cases} == {"uint8", "int64", "float32", "float64"}
    assert {case.x.shape[1 if "data_format" in case.options else 3] for case in cases} == {1, 3, 4}
    assert any(min(case.x.shape[1:3]) == 1 for case in cases)
    assert {call for case in cases for call, _ in case.calls} == set(CALLS)
    assert {case.flow["seed"] for case in cases} >= {None, 0}
    assert any(case.others for case in cases) and any("sample_weight" in case.flow for case in cases)
    assert {case.flow.get("subset") for case in cases} == {None, "training", "validation"}
    assert {case.fit["augment"] for case in cases if case.fit is not None} == {True, False}


@pytest.mark.parametrize("shift", SHIFTS, ids=str)
def test_one_bulk_draw_is_n_single_ones(shift: Any) -> None:
    generator = ImageDataGenerator(
        rotation_range=9, height_shift_range=shift, width_shift_range=shift, shear_range=5, zoom_range=0.2,
        channel_shift_range=4, brightness_range=(0.5, 2), horizontal_flip=True, vertical_flip=True, compat="strict",
    )  # fmt: skip
    np.random.seed(5)
    one_by_one = [generator.get_random_transform((7, 11, 3)) for _ in range(50)]
    after = np.random.random()
    np.random.seed(5)
    bulk = streamed(read_options(generator), 50, 7, 11)
    assert [bulk.as_dict(i) for i in range(50)] == one_by_one
    assert np.random.random() == after


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 9, 3), (7, 12, 1), (1, 5, 4)])
def test_apply_transform_and_random_transform_of_any_dtype(dtype: str, shape: tuple[int, int, int]) -> None:
    x = (np.random.default_rng(0).random(shape) * 255).astype(dtype)
    options = {"rotation_range": 40, "zoom_range": 0.3, "horizontal_flip": True, "fill_mode": "reflect"}
    ours, theirs = (make_generator(kind, options) for kind in (ImageDataGenerator, legacy.ImageDataGenerator))
    for seed in range(8):
        got, expected = ours.random_transform(x, seed), theirs.random_transform(x, seed)
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        # Whole numbers: half-way values may be rounded to either side.
        off = np.abs(got.astype(float) - expected) > (1 if got.dtype.kind in "ui" else 0.255)
        assert not off.any()
    given = {"tx": 1, "brightness": 1.3}
    np.testing.assert_allclose(ours.apply_transform(x, given), theirs.apply_transform(x, given), atol=1.01)


@pytest.mark.parametrize("order", [0, 3])
def test_eight_bit_brightness_of_almost_whole_numbers(order: int) -> None:
    """What is copied, or SciPy's own, is cut as it is: no slack for float32."""
    x = np.full((6, 6, 1), 138.99995, np.float32)
    options = {"interpolation_order": order, "fill_mode": "nearest"}
    ours, theirs = (make_generator(kind, options) for kind in (ImageDataGenerator, legacy.ImageDataGenerator))
    for given in ({"brightness": 1.5}, {"brightness": 1.5, "tx": 1.0}):
        np.testing.assert_array_equal(ours.apply_transform(x, given), theirs.apply_transform(x, given))


def test_options_that_ask_for_others_warn_as_keras_does() -> None:
    def couplings(kind: Any, **options: Any) -> tuple[set[str], dict[str, Any]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            generator = kind(**options)
        named = {word for w in caught for word in str(w.message).split("`")[3:4]}
        return named, {name: value for name, value in vars(generator).items() if name.endswith(("center", "tion"))}

    for options in (
        {"zca_whitening": True},
        {"zca_whitening": True, "featurewise_center": True, "featurewise_std_normalization": True},
        {"featurewise_std_normalization": True},
        {"samplewise_std_normalization": True},
        {"samplewise_std_normalization": True, "samplewise_center": True},
    ):
        ours, theirs = couplings(ImageDataGenerator, **options), couplings(legacy.ImageDataGenerator, **options)
        assert ours[0] == theirs[0]
        for name, value in theirs[1].items():
            assert ours[1][name] == value, name


@pytest.mark.parametrize("shuffle", [True, False])
def test_saved_pictures_are_those_of_keras(shuffle: bool, tmp_path: Path) -> None:
    case = make(0)
    x = case.x if case.x.shape[-1] != 4 else case.x[..., :3]
    found = []
    for kind in (ImageDataGenerator, legacy.ImageDataGenerator):
        folder = tmp_path / kind.__module__
        folder.mkdir()
        generator = make_generator(kind, {"rotation_range": 30, "rescale": 1 / 255})
        iterator = generator.flow(x, batch_size=2, seed=3, shuffle=shuffle, save_to_dir=str(folder), save_prefix="p")
        batches = [next(iterator) for _ in range(3)]
        pictures = {path.name: np.asarray(keras.utils.load_img(path)).astype(int) for path in folder.iterdir()}
        found.append((batches, pictures, np.random.random()))
    (ours, our_pictures, our_state), (theirs, their_pictures, their_state) = found
    assert our_state == their_state
    assert our_pictures.keys() == their_pictures.keys()
    for name, picture in their_pictures.items():
        assert np.abs(our_pictures[name] - picture).max() <= 1  # cut to whole grey levels
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_training_takes_the_same_course() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 40)
    x = np.clip(rng.normal(100 + 40 * y[:, None, None, None], 30, (40, 8, 8, 3)), 0, 255).astype(np.uint8)
    options = {
        "rotation_range": 20, "width_shift_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True,
        "featurewise_center": True, "featurewise_std_normalization": True, "validation_split": 0.2,
    }  # fmt: skip
    histories = []
    for kind in (ImageDataGenerator, legacy.ImageDataGenerator):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
        model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        generator = make_generator(kind, options)
        generator.fit(x)
        train = generator.flow(x, y, batch_size=8, seed=2, subset="training")
        validation = generator.flow(x, y, batch_size=8, shuffle=False, subset="validation")
        with warnings.catch_warnings():
            # Keras' own iterator does not hand its arguments on to PyDataset, and PyDataset says so.
            warnings.filterwarnings("ignore", "Your `PyDataset` class should call", UserWarning)
            # Like Keras, strict mode augments the validation subset; it says so.
            warnings.filterwarnings("ignore", r"evaluate\(\) gets augmented images", AugfuseWarning)
            history = model.fit(train, validation_data=validation, epochs=3, verbose=0).history
        histories.append((history, np.random.random()))
    (ours, our_state), (theirs, their_state) = histories
    assert our_state == their_state
    assert ours.keys() == theirs.keys() == {"loss", "val_loss"}
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)


def test_a_subclass_is_honoured_as_by_keras() -> None:
    x = make(1).x.astype(np.float32)

    def batches(kind: Any) -> list[np.ndarray]:
        class Noisy(kind):
            def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
                return kind.apply_transform(self, x, transform_parameters) + np.random.normal(0, 3)

            def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
                return kind.get_random_transform(self, img_shape, seed) | {"theta": np.random.uniform(0, 90)}

            def standardize(self, x: np.ndarray) -> np.ndarray:
                return kind.standardize(self, x) * np.float32(2)

        generator = make_generator(Noisy, {"rotation_range": 10, "featurewise_center": True, "fill_mode": "constant"})
        generator.fit(x, augment=True, seed=1)
        iterator = generator.flow(x, batch_size=3, seed=4)
        return [generator.mean, next(iterator), next(iterator), iterator[0]]

    for ours, theirs in zip(batches(ImageDataGenerator), batches(legacy.ImageDataGenerator), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.3)


def test_strict_says_nothing() -> None:
    x = np.random.default_rng(0).random((6, 8, 8, 3), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AugfuseWarning)
        generator = ImageDataGenerator(
            brightness_range=(0.5, 1), featurewise_center=True, rescale=2.0, height_shift_range=0.2, compat="strict"
        )
        generator.fit(x)
        next(generator.flow(x, seed=1))
