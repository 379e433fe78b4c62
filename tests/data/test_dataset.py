"""Data sets made of others: joined, repeated, drawn by weights; and samples that an object of the user's hands out."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af

N = 60
X = np.random.default_rng(0).integers(0, 256, (N, 7, 5, 3), np.uint8)
Y = np.repeat([0, 1, 2], [40, 15, 5])
RECIPE = af.Recipe([af.Rotate(20), af.HorizontalFlip()])


def arrays(classes: tuple[str, ...] | None = ("a", "b", "c")) -> af.DataSet:
    return af.from_arrays(X, Y, classes=classes)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label, name in enumerate("abc"):
        (tmp_path / name).mkdir()
        for i in range(4):
            Image.fromarray(X[4 * label + i]).save(tmp_path / name / f"{i}.png")
    return tmp_path


class Frames:
    """An object with samples, as users write it."""

    def __init__(self, labelled: bool = False, broken: tuple[int, ...] = ()) -> None:
        self.labelled = labelled
        self.broken = broken

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        if i in self.broken:
            raise af.DecodeError("torn", f"frame {i}")
        return (X[i], int(Y[i])) if self.labelled else X[i]


def images_of(loader: af.Loader) -> np.ndarray:
    return np.concatenate([batch.images for batch in loader])


# --- concat, repeat ---------------------------------------------------------------------------------------------------


def test_joined_arrays_are_read_in_order() -> None:
    whole = arrays().subset(range(10)).concat(af.from_arrays(X[20:30], Y[20:30], classes=("a", "b", "c")))
    assert len(whole) == 20 and whole.labels is not None and whole.labels.tolist() == [*Y[:10], *Y[20:30]]
    np.testing.assert_array_equal(whole[13].image, X[23])
    assert whole[13].label == Y[23] and whole.classes == ("a", "b", "c")
    seen = images_of(af.Loader(whole, training=False, dtype="uint8", batch_size=7))
    np.testing.assert_array_equal(seen, np.concatenate([X[:10], X[20:30]]))


def test_parts_of_one_array_stay_one_array() -> None:
    data = arrays()
    again = data.subset([5, 3]).concat(data.subset([3, 9]))
    assert again.images is data.images and again.rows.tolist() == [5, 3, 3, 9]


def test_files_and_arrays_join(photos: Path) -> None:
    whole = af.from_directory(photos).concat(arrays())
    assert len(whole) == 12 + N and whole.paths is None
    np.testing.assert_array_equal(whole[1].image, X[1])
    np.testing.assert_array_equal(whole[12].image, X[0])
    assert whole[1].path is not None and whole[12].path is None
    assert whole.raw(1) == (photos / "a" / "1.png").read_bytes()
    with pytest.raises(af.DataError, match="lies in an array, and has no file"):
        whole.raw(12)
    copy = pickle.loads(pickle.dumps(whole))
    np.testing.assert_array_equal(copy[30].image, whole[30].image)
    one, four = (images_of(af.Loader(whole, RECIPE, seed=3, workers=n)) for n in (0, 4))
    np.testing.assert_array_equal(one, four)


def test_groups_of_joined_sets_do_not_meet() -> None:
    grouped = af.from_arrays(X[:6], Y[:6], groups=["p", "p", "q", "q", "r", "r"])
    whole = grouped.concat(grouped, af.from_arrays(X[6:9], Y[6:9]))
    assert whole.groups is not None and len(set(whole.groups.tolist())) == 3 + 3 + 3
    train, val = whole.split(0.4, seed=1)
    assert train.groups is not None and val.groups is not None
    assert not set(train.groups.tolist()) & set(val.groups.tolist())


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (af.from_arrays(X, Y, classes=("a", "b", "d")), "data set 1 has classes"),
        (af.from_arrays(X, Y.astype(np.float32), classes=("a", "b", "c")), "wanted labels of one kind"),
        (af.from_arrays(X, classes=("a", "b", "c")), "got labels int64 .*, none, wanted"),
        (af.from_arrays(X, Y, (0, 255), ("a", "b", "c")), "value_range"),
    ],
)
def test_sets_that_do_not_fit_are_not_joined(other: af.DataSet, words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        arrays().concat(other)


def test_only_data_sets_are_joined() -> None:
    with pytest.raises(af.ImageTypeError, match="concat: got ndarray, wanted a data set"):
        arrays().concat(X)  # type: ignore[arg-type]


def test_repeated_samples_are_augmented_anew() -> None:
    data = arrays().subset([7]).repeat(5)
    assert len(data) == 5
    seen = images_of(af.Loader(data, RECIPE, seed=0, batch_size=5))
    assert len({image.tobytes() for image in seen}) == 5
    with pytest.raises(af.RangeError, match="repeat: times"):
        data.repeat(0)


# --- weights ----------------------------------------------------------------------------------------------------------


def counts(loader: af.Loader, n: int = N) -> np.ndarray:
    return np.bincount(np.concatenate([batch.indices for batch in loader]), minlength=n)


def test_samples_come_as_often_as_their_weights_say() -> None:
    weights = np.random.default_rng(1).gamma(0.5, size=N)
    weights[[0, 17, N - 1]] = 0
    loader = af.Loader(arrays().weighted(weights), batch_size=8, seed=5)
    wanted = N * weights / weights.sum()
    total = np.zeros(N)
    for _ in range(20):
        found = counts(loader)
        assert found.sum() == N and (np.abs(found - wanted) < 1).all()
        total += found
    np.testing.assert_allclose(total / 20, wanted, atol=0.35)
    assert not total[[0, 17, N - 1]].any()


def test_balanced_classes_come_equally_often() -> None:
    loader = af.Loader(arrays().balanced(), batch_size=8, seed=5)
    for _ in range(3):
        assert np.bincount(Y, counts(loader)).tolist() == [20, 20, 20]


def test_labels_and_images_stay_together_and_repeats_differ() -> None:
    loader = af.Loader(arrays().balanced(), RECIPE, batch_size=60, seed=2, dtype="uint8")
    (batch,) = list(loader)
    np.testing.assert_array_equal(batch.labels, Y[batch.indices])
    twice = np.flatnonzero(batch.indices == np.bincount(batch.indices).argmax())
    assert len(twice) > 2 and len({batch.images[i].tobytes() for i in twice}) == len(twice)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_weighted_epochs_do_not_depend_on_workers_batches_or_resume(batch_size: int) -> None:
    data = arrays().balanced()
    whole = images_of(af.Loader(data, RECIPE, batch_size=60, seed=4, workers=0))
    loader = af.Loader(data, RECIPE, batch_size=batch_size, seed=4, workers=3)
    np.testing.assert_array_equal(images_of(loader), whole)
    loader.set_epoch(0)
    first = next(iter(loader))
    again = af.Loader(data, RECIPE, batch_size=batch_size, seed=4)
    again.load_state_dict(loader.state_dict())
    rest = [batch.images for batch in again]
    np.testing.assert_array_equal(np.concatenate([first.images, *rest]), whole)


def test_weights_stay_with_their_samples() -> None:
    weights = np.zeros(N)
    weights[[3, 50]] = 1
    data = arrays().weighted(weights).subset([50, 4, 3])
    assert counts(af.Loader(data, seed=0), 3).tolist() in ([2, 0, 1], [1, 0, 2])


def test_a_loader_that_does_not_shuffle_serves_every_sample_once() -> None:
    data = arrays().balanced()
    for loader in (af.Loader(data, training=False), af.Loader(data, shuffle=False, seed=0)):
        assert counts(loader).tolist() == [1] * N


@pytest.mark.parametrize("weights", [[1] * (N - 1), [0] * N, [-1, *[1] * (N - 1)], [np.nan] * N, np.ones((N, 1))])
def test_weights_that_are_no_weights(weights: Any) -> None:
    with pytest.raises(af.DataError, match="weighted: got weights of"):
        arrays().weighted(weights)


def test_labels_without_classes_are_not_balanced() -> None:
    for y in (None, np.linspace(0, 1, N), np.eye(3)[Y]):
        with pytest.raises(af.DataError, match="balanced: got"):
            af.from_arrays(X, y).balanced()


def test_skipped_samples_of_weighted_sets() -> None:
    data = af.from_samples(Frames(broken=(2,)), labels=Y).weighted(np.arange(N) + 1.0)
    loader = af.Loader(data, RECIPE, seed=1, on_error="skip", max_skipped=0.5, batch_size=16)
    for batch in loader:
        assert 2 not in batch.indices and len(batch.images) == len(batch.labels) == len(batch.indices)
        np.testing.assert_array_equal(batch.labels, Y[batch.indices])


# --- objects of the user's --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labelled", [False, True])
def test_objects_with_samples_feed_a_loader(labelled: bool) -> None:
    wanted = images_of(af.Loader(arrays(), RECIPE, seed=9))
    loader = af.Loader(Frames(labelled), RECIPE, seed=9)
    np.testing.assert_array_equal(images_of(loader), wanted)
    assert loader.data.labels is None
    (batch, *_) = list(loader)
    assert (batch.labels is not None) == labelled


def test_labels_given_beside_the_samples() -> None:
    data = af.from_samples(Frames(), labels=["abc"[k] for k in Y], groups=np.arange(N) // 2)
    assert data.classes == ("a", "b", "c") and data[45].label == 1
    train, val = data.split(0.2, seed=0)
    assert train.labels is not None and 0 < len(val) < 20 and set(train.labels.tolist()) == {0, 1, 2}
    assert repr(data) == "DataSet(Frames: 60 images, 3 classes: a 40, b 15, c 5)"


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        (X, {}, "from_arrays"),
        ("photos", {}, "from_directory"),
        (3, {}, "wanted a data set, or an object with __len__"),
        ([], {}, "no samples"),
        (Frames(), {"labels": [1, 2]}, "2 labels for 60 images"),
        (Frames(), {"labels": Y, "classes": ("a", "b")}, "label 2 of sample 55 has no name"),
        (Frames(), {"groups": [1]}, "groups"),
        (Frames(), {"value_range": (1, 0)}, "value_range"),
    ],
)
def test_objects_that_are_no_samples(samples: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises((af.DataError, af.ImageTypeError, af.RangeError), match=words):
        af.from_samples(samples, **options)


# --- open -------------------------------------------------------------------------------------------------------------


def test_open_takes_folders_and_arrays(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert len(af.open(photos)) == 12 and af.open(str(photos)).classes == ("a", "b", "c")
    file = tmp_path_factory.mktemp("arrays") / "d.npz"
    np.savez(file, x_train=X[:40], y_train=Y[:40], x_test=X[40:], y_test=Y[40:])
    data = af.open(file)
    assert (len(data), data.part, list(data.parts)) == (40, "train", ["train", "test"])
    assert len(af.open(file, part="test")) == 20
    with pytest.raises(af.DataError, match="has no part 'val', only 'train', 'test'"):
        af.open(file, part="val")
    with pytest.raises(af.DataError, match="has no parts, got part='val'"):
        af.open(photos, part="val")
    with pytest.raises(af.DataNotFoundError, match="no such file or folder"):
        af.open(photos / "nothing")


def test_names_of_classes_are_given_later() -> None:
    data = af.from_arrays(X, Y)
    assert data.with_classes(("x", "y", "z")).classes == ("x", "y", "z") and data.classes is None
    with pytest.raises(af.DataError, match="with_classes: label 2 of sample 55 has no name"):
        data.with_classes(("x", "y"))


# --- weights of a loss ------------------------------------------------------------------------------------------------


def test_sample_weights_follow_their_samples() -> None:
    weights = np.random.default_rng(2).uniform(0.5, 2, N)
    data = arrays().with_sample_weights(weights)
    for loader in (af.Loader(data, seed=0), af.Loader(data.balanced(), seed=0), af.Loader(data, training=False)):
        for batch in loader:
            np.testing.assert_array_equal(batch.sample_weights, weights.astype(np.float32)[batch.indices])
    train, val = data.split(0.3, seed=1)
    assert train.sample_weights is not None and val.sample_weights is not None
    assert sorted([*train.sample_weights, *val.sample_weights]) == sorted(weights.astype(np.float32))
    both = data.concat(arrays())
    assert both.sample_weights is not None and (both.sample_weights[N:] == 1).all()
    assert data.with_sample_weights(None).sample_weights is None
    with pytest.raises(af.DataError, match="with_sample_weights: got weights of shape"):
        data.with_sample_weights([1, 2])


def test_sample_weights_reach_keras() -> None:
    keras = pytest.importorskip("keras")
    weights = np.linspace(0, 2, N)
    loader = af.Loader(arrays().with_sample_weights(weights), af.Recipe([af.ToFloat()]), 20, training=False)
    dataset = loader.to_keras()
    *_, given = dataset[1]
    np.testing.assert_array_equal(given, weights.astype(np.float32)[20:40])
    model = keras.Sequential([keras.Input((7, 5, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, weighted_metrics=[])
    every = np.concatenate([dataset[i][0] for i in range(3)])
    wanted = model.evaluate(every, Y, sample_weight=weights, batch_size=20, verbose=0)
    assert model.evaluate(dataset, verbose=0) == pytest.approx(wanted, rel=1e-6)
    assert model.evaluate(every, Y, batch_size=20, verbose=0) != pytest.approx(wanted, rel=1e-3)
