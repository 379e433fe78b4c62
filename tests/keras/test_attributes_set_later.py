"""What is set on an iterator after it was made takes effect as in Keras' class, or is refused: for every attribute."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402

from augfuse.errors import AugfuseError, AugfuseWarning, DataError, ImageTypeError, RangeError  # noqa: E402
from augfuse.keras import DirectoryIterator, ImageDataGenerator, NumpyArrayIterator  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    pytest.mark.filterwarnings("ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

N = 12
X = np.random.default_rng(1).integers(0, 256, (N, 6, 5, 3)).astype("float32")
Y = np.arange(N, dtype="float32")
KINDS = ("flow", "directory", "dataframe")
MODES = (None, "strict")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures in three folders, and a frame that names them."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(N):
        path = folder / "abc"[i // 4] / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(X[i].astype(np.uint8)).save(path)
    return folder


def make(kind: str, generator: Any, root: Path, **options: Any) -> Any:
    options = {"batch_size": 5, "shuffle": False} | options
    if kind == "flow":
        options.setdefault("sample_weight", Y / 10)
        return generator.flow((X, [Y * 2]), Y, **options)
    options = {"target_size": (6, 5), "class_mode": "sparse"} | options
    if kind == "directory":
        return generator.flow_from_directory(str(root), **options)
    names = [f"{'abc'[i // 4]}/{i:02}.png" for i in range(N)]
    frame = pd.DataFrame({"filename": names, "class": [name[0] for name in names], "weight": Y / 10})
    return generator.flow_from_dataframe(frame, str(root), weight_col="weight", **options)


def flat(batch: Any) -> list[np.ndarray]:
    return [part for item in batch for part in flat(item)] if isinstance(batch, (tuple, list)) else [batch]


def by_index(it: Any) -> list[Any]:
    return [it[i] for i in range(len(it))]


def by_next(it: Any) -> list[Any]:
    return [next(it) for _ in range(len(it) + 1)]


def by_loop(it: Any) -> list[Any]:
    return list(itertools.islice(it, len(it)))


def assert_alike(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert len(flat(a)) == len(flat(b))
        for left, right in zip(flat(a), flat(b), strict=True):
            assert (left.shape, left.dtype) == (right.shape, right.dtype)
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-3)


# --- every attribute --------------------------------------------------------------------------------------------------


def halved(strict: bool | None) -> Any:
    return ImageDataGenerator(rescale=0.5, compat="strict" if strict else None)


def set_all(**values: Any) -> Callable[[Any], None]:
    def change(it: Any) -> None:
        for name, value in values.items():
            if name == "image_data_generator":
                theirs = type(it).__module__.startswith("keras.")
                value = legacy.ImageDataGenerator(rescale=0.5) if theirs else halved(it.compat == "strict")
            setattr(it, name, value)

    return change


BACKWARDS = np.arange(N)[::-1].copy()
# What takes effect: of any iterator, of arrays, of files. The value of a dict is set, all at once.
ANY: dict[str, dict[str, Any]] = {
    "n": {"n": 6},
    "batch_size": {"batch_size": 12},
    "shuffle": {"shuffle": False},
    "index_array": {"index_array": None},
    "dtype": {"dtype": "float64"},
    "image_data_generator": {"image_data_generator": None},
    "save_prefix": {"save_prefix": "other"},
    "save_format": {"save_format": "bmp"},
    "save_to_dir": {"save_to_dir": None},
    "workers": {"workers": 2},
    "max_queue_size": {"max_queue_size": 3},
    "use_multiprocessing": {"use_multiprocessing": False},
    "batch_index": {"batch_index": 0},
}
ARRAYS = {
    "x": {"x": X * 0.5 + 3},
    "x: another size": {"x": X[:, :4, :4]},
    "x_misc": {"x_misc": [Y * 3, Y * 4]},
    "y": {"y": Y + 7},
    "y: none": {"y": None},
    "sample_weight": {"sample_weight": Y * 8},
    "sample_weight: none": {"sample_weight": None},
    "x, y, n": {"x": X[:7], "y": Y[:7], "x_misc": [Y[:7]], "sample_weight": Y[:7], "n": 7},
}
FILES = {
    "class_mode": {"class_mode": "categorical"},
    "class_mode: none": {"class_mode": None},
    "class_mode: input": {"class_mode": "input"},
    "classes": {"classes": np.arange(N, dtype=np.int32)[::-1] % 3},
    "class_indices": {"class_mode": "categorical", "class_indices": {"a": 0, "b": 1, "c": 2, "d": 3}},
    "target_size": {"target_size": (9, 8), "image_shape": (9, 8, 3)},
    "image_shape": {"image_shape": (9, 8, 3), "target_size": (9, 8)},
    "color_mode": {"color_mode": "grayscale", "image_shape": (6, 5, 1)},
    "interpolation": {"interpolation": "bilinear", "target_size": (3, 3), "image_shape": (3, 3, 3)},
    "keep_aspect_ratio": {"keep_aspect_ratio": True, "target_size": (3, 5), "image_shape": (3, 5, 3)},
    "data_format": {"data_format": "channels_last"},
    "filenames": {"filenames": ["one"] * N},
    "samples, n": {"samples": 6, "n": 6},
}
REFUSED = {
    "flow": {"total_batches_seen", "data_format", "white_list_formats"},
    "directory": {
        "total_batches_seen", "white_list_formats", "allowed_class_modes", "directory", "split", "subset",
        "num_classes", "filepaths", "labels", "sample_weight",
    },
}  # fmt: skip
REFUSED["dataframe"] = REFUSED["directory"] - {"num_classes"}
NEVER = {"lock", "index_generator", "num_batches", "seed"}  # machinery; seed: other draws than Keras', tested below


def changes(kind: str) -> dict[str, dict[str, Any]]:
    return ANY | (ARRAYS if kind == "flow" else FILES)


@pytest.mark.parametrize("kind", KINDS)
def test_the_lists_name_every_public_attribute(kind: str, root: Path) -> None:
    theirs = make(kind, legacy.ImageDataGenerator(), root)
    public = {name for name in dir(theirs) if not name.startswith("_") and not callable(getattr(theirs, name))}
    named = {name.split(",")[0].split(":")[0] for name in changes(kind)} | REFUSED[kind] | NEVER
    assert public <= named


@pytest.mark.parametrize("compat", MODES)
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in changes(kind)], ids=lambda value: str(value)
)
def test_it_takes_effect_as_in_keras(kind: str, name: str, compat: Any, root: Path) -> None:
    ours = make(kind, ImageDataGenerator(compat=compat), root)
    theirs = make(kind, legacy.ImageDataGenerator(), root)
    for it in (ours, theirs):
        set_all(**changes(kind)[name])(it)
    assert len(ours) == len(theirs)
    for way in (by_loop, by_next, by_index):
        for it in (ours, theirs):
            it.reset()
        assert_alike(way(ours), way(theirs))


@pytest.mark.parametrize("compat", MODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["n", "batch_size", "dtype", "image_data_generator"])
def test_it_takes_effect_on_one_that_was_used(kind: str, name: str, compat: Any, root: Path) -> None:
    ours = make(kind, ImageDataGenerator(compat=compat), root)
    theirs = make(kind, legacy.ImageDataGenerator(), root)
    for it in (ours, theirs):
        by_next(it)
        by_index(it)
        it.reset()
        set_all(**changes(kind)[name])(it)
        it.on_epoch_end()
    assert_alike(by_index(ours), by_index(theirs))
    assert_alike(by_next(ours), by_next(theirs))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in sorted(REFUSED[kind])], ids=lambda value: str(value)
)
def test_what_has_no_effect_is_refused(kind: str, name: str, root: Path) -> None:
    it = make(kind, ImageDataGenerator(validation_split=0.5), root)
    before: Any = getattr(it, name, None)
    with pytest.raises(AttributeError, match=f"{name}: got .*cannot be set once the iterator is made.") as caught:
        setattr(it, name, ["something else"])
    assert isinstance(caught.value, AugfuseError)
    assert getattr(it, name, None) is before or np.array_equal(getattr(it, name), before)


def test_the_constructor_of_a_subclass_may_set_all(root: Path) -> None:
    class Own(DirectoryIterator):
        def __init__(self, folder: str) -> None:
            DirectoryIterator.__init__(self, folder, ImageDataGenerator(), batch_size=5)
            self.subset, self.num_classes, self.directory = "training", 9, "elsewhere"

    it = Own(str(root))
    assert (it.subset, it.num_classes, it.directory) == ("training", 9, "elsewhere")
    with pytest.raises(AttributeError, match="subset: got 'validation'"):
        it.subset = "validation"


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_already_is_may_be_set(kind: str, root: Path) -> None:
    it = make(kind, ImageDataGenerator(), root)
    it.total_batches_seen = 0
    it.white_list_formats = it.white_list_formats
    it.data_format = "channels_last"


# --- orders -----------------------------------------------------------------------------------------------------------


def rows(batches: list[Any]) -> np.ndarray:
    """Which rows of X the images of batches are."""
    images = np.concatenate([flat(batch)[0] for batch in batches])
    return np.array([int(np.abs(X - image).sum(axis=(1, 2, 3)).argmin()) for image in images])


@pytest.mark.parametrize("kind", KINDS)
def test_shuffle(kind: str, root: Path) -> None:
    it = make(kind, ImageDataGenerator(), root, shuffle=True, seed=3)
    assert not np.array_equal(rows(by_index(it)), np.arange(N))
    it.shuffle, it.index_array = False, None
    np.testing.assert_array_equal(rows(by_index(it)), np.arange(N))
    np.testing.assert_array_equal(rows(by_loop(it)), np.arange(N))
    it.shuffle = True
    mixed = rows(by_index(it))
    assert not np.array_equal(mixed, np.arange(N)) and sorted(mixed) == list(range(N))


@pytest.mark.parametrize("kind", KINDS)
def test_seed(kind: str, root: Path) -> None:
    generator = ImageDataGenerator(rotation_range=40)
    it, wanted = (make(kind, generator, root, shuffle=True, seed=seed) for seed in (1, 2))
    by_index(it)
    it.seed = 2
    assert_alike(by_index(it), by_index(wanted))
    it.seed = None
    drawn = by_index(it)
    assert not np.array_equal(rows(drawn), rows(by_index(wanted))), "one of its own, drawn once"
    assert_alike(by_index(it), drawn)


@pytest.mark.parametrize("compat", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_order_counts_until_the_epoch_ends(kind: str, compat: Any, root: Path) -> None:
    both = make(kind, ImageDataGenerator(compat=compat), root), make(kind, legacy.ImageDataGenerator(), root)
    for it in both:
        it.index_array = BACKWARDS
        np.testing.assert_array_equal(rows(by_index(it)), BACKWARDS)
        assert list(it.index_array) == list(BACKWARDS)
        it.on_epoch_end()
        np.testing.assert_array_equal(rows(by_index(it)), np.arange(N))
        next(it)
        it.index_array = BACKWARDS
        np.testing.assert_array_equal(rows([next(it), next(it), next(it)]), [6, 5, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4])
        it.n, it.index_array = 4, np.array([3, 3, -1, 0])
        np.testing.assert_array_equal(rows(by_index(it)), [3, 3, 11, 0])


def test_an_order_of_a_subclass() -> None:
    class Balanced(NumpyArrayIterator):
        def _set_index_array(self) -> None:
            self.index_array = np.concatenate([np.arange(6)[::-1], np.arange(6)])

    it = Balanced(X, Y, ImageDataGenerator(), batch_size=5)
    wanted = [5, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 5]
    for way in (by_index, by_loop):
        np.testing.assert_array_equal(rows(way(it)), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_middle_of_an_epoch(kind: str, root: Path) -> None:
    it = make(kind, ImageDataGenerator(), root, batch_size=2, workers=2)
    assert list(rows([next(it) for _ in range(4)])) == list(range(8)), "the rest is computed ahead"
    it.batch_size = 3
    assert list(rows([next(it) for _ in range(4)])) == [*range(N)], "batch 4 of 4 is past the end: another epoch"
    next(it)
    it.n = 5
    assert list(rows([next(it), next(it)])) == [3, 4, 0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickled_copy_keeps_what_was_set(kind: str, root: Path) -> None:
    it = make(kind, ImageDataGenerator(rotation_range=30), root, seed=1)
    it.batch_size, it.n, it.seed, it.shuffle, it.index_array = 4, 8, 9, True, BACKWARDS[:8]
    copy = pickle.loads(pickle.dumps(it))
    assert_alike(by_index(copy), by_index(it))
    it.on_epoch_end()
    copy.on_epoch_end()
    assert_alike(by_index(copy), by_index(it))


# --- under Keras ------------------------------------------------------------------------------------------------------


def mirror() -> Any:
    """A model that gives back the first value of each image."""
    inputs = keras.Input((6, 5, 3))
    first = keras.layers.Flatten()(inputs)[:, :1]
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(first)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    return model


def plain(kind: str, generator: Any, root: Path, **options: Any) -> Any:
    if kind == "flow":
        return generator.flow(X, X[:, 0, 0, 0], batch_size=5, **{"shuffle": False} | options)
    it = make(kind, generator, root, **{"class_mode": None} | options)
    return it


@pytest.mark.parametrize("compat", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_predict(kind: str, compat: Any, root: Path) -> None:
    firsts, model = X[:, :1, 0, 0], mirror()
    it = plain(kind, ImageDataGenerator(compat=compat), root, shuffle=True, seed=3)
    it.shuffle, it.index_array = False, None
    np.testing.assert_array_equal(model.predict(it, verbose=0), firsts)
    it.batch_size = 12
    np.testing.assert_array_equal(model.predict(it, verbose=0), firsts)
    it.batch_size = 1
    np.testing.assert_array_equal(model.predict(it, verbose=0), firsts)
    it.n = 6
    np.testing.assert_array_equal(model.predict(it, verbose=0), firsts[:6])
    it.index_array = BACKWARDS[6:]
    np.testing.assert_array_equal(model.predict(it, verbose=0), firsts[BACKWARDS[6:]])
    np.testing.assert_array_equal(model.predict(it, verbose=0), firsts[:6], "for one epoch")


@pytest.mark.parametrize("compat", MODES)
def test_fit_and_evaluate(compat: Any) -> None:
    model = mirror()
    it = ImageDataGenerator(compat=compat).flow(X, Y, batch_size=5)
    it.y = X[:, 0, 0, 0]
    assert model.evaluate(it, verbose=0) == 0
    it.x, it.y, it.n, it.batch_size = X[6:] + 1, X[6:, 0, 0, 0], 6, 4
    it.index_array = None
    steps: list[int] = []
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    loss = model.fit(it, epochs=2, verbose=0, callbacks=[count]).history["loss"]
    np.testing.assert_allclose(loss, [1, 1], rtol=1e-4)
    assert steps == [0, 1, 0, 1]


def test_a_change_between_epochs_of_fit() -> None:
    model, it = mirror(), ImageDataGenerator().flow(X, X[:, 0, 0, 0], batch_size=3, shuffle=False)

    def change(epoch: int, logs: Any) -> None:
        it.y = X[:, 0, 0, 0] + epoch + 1

    loss = model.fit(it, epochs=3, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=change)])
    np.testing.assert_allclose(loss.history["loss"], [0, 1, 4], rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*Your input ran out of data:UserWarning")  # Keras counts the batches once
@pytest.mark.parametrize(
    "values", [{"n": 6, "index_array": None}, {"batch_size": 12}, {"batch_size": 4}, {"index_array": BACKWARDS}]
)
def test_orders_and_sizes_change_between_epochs_as_in_keras(values: dict[str, Any]) -> None:
    seen = [], []
    for rows_seen, module in zip(seen, (legacy, None), strict=True):
        datagen = module.ImageDataGenerator() if module else ImageDataGenerator()
        it = datagen.flow(X, X[:, 0, 0, 0], batch_size=5, shuffle=False)

        class Recorder(keras.Model):
            def __init__(self) -> None:
                keras.Model.__init__(self)
                self.dense = keras.layers.Dense(1)
                self.compile(keras.optimizers.SGD(0.0), loss="mse", run_eagerly=True)

            def call(self, inputs: Any) -> Any:
                return self.dense(keras.ops.reshape(inputs, (-1, 90)))

            def train_step(self, *args: Any, kept: list[Any] = rows_seen) -> Any:
                kept.append(rows([np.array(keras.ops.convert_to_numpy(args[-1][0]))]).tolist())
                return keras.Model.train_step(self, *args)

        def change(epoch: int, logs: Any, it: Any = it) -> None:
            if epoch == 0:
                set_values(it, values)

        note = keras.callbacks.LambdaCallback(on_epoch_end=change)
        Recorder().fit(it, epochs=3, shuffle=False, verbose=0, callbacks=[note])
    assert seen[0] == seen[1]


def test_what_is_said_follows_what_was_set(root: Path) -> None:
    """The loss is checked against the labels of now."""
    inputs = keras.Input((6, 5, 3))
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(inputs)))
    model.compile(loss="sparse_categorical_crossentropy")
    it = make("directory", ImageDataGenerator(), root)
    model.evaluate(it, verbose=0)
    it.class_mode = "categorical"
    with pytest.warns(AugfuseWarning, match="wants class numbers, the data has one-hot"), pytest.raises(Exception):  # noqa: B017
        model.evaluate(it, verbose=0)


# --- what cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "error", "message"),
    [
        ("flow", {"batch_size": 0}, RangeError, "batch_size: got 0"),
        ("flow", {"batch_size": 2.5}, AugfuseError, "batch_size: got 2.5"),
        ("flow", {"n": -1}, RangeError, "n: got -1"),
        ("flow", {"seed": -3}, RangeError, "seed: got -3"),
        ("flow", {"seed": "three"}, ImageTypeError, "seed: got 'three'"),
        ("flow", {"index_array": np.ones(N, bool)}, ImageTypeError, "index_array: got bool"),
        ("flow", {"index_array": np.arange(N) / 2}, ImageTypeError, "index_array: got float64"),
        ("flow", {"index_array": np.zeros((N, 1), int)}, ImageTypeError, r"index_array: got int64 of shape \(12, 1\)"),
        ("flow", {"x": X[0]}, DataError, r"x of shape \(6, 5, 3\)"),
        ("flow", {"save_to_dir": "/no/such/folder"}, FileNotFoundError, "save_to_dir"),
        ("flow", {"image_data_generator": ImageDataGenerator(compat="strict")}, DataError, "compat='strict'"),
        ("directory", {"target_size": 6}, ImageTypeError, "target_size: got 6"),
        ("directory", {"color_mode": "rgbb"}, DataError, "Did you mean 'rgb'"),
        ("dataframe", {"interpolation": "linear"}, DataError, "Invalid interpolation"),
        ("dataframe", {"class_mode": "sparce"}, DataError, "Did you mean 'sparse'"),
        ("directory", {"image_shape": (6, 5)}, DataError, r"image_shape: got \(6, 5\)"),
        ("directory", {"on_error": "ignore"}, DataError, "on_error"),
    ],
)  # fmt: skip
def test_values_that_are_wrong(kind: str, values: Any, error: type[Exception], message: str, root: Path) -> None:
    it = make(kind, ImageDataGenerator(), root)
    before = by_index(it)
    with pytest.raises((error, ValueError) if error is DataError else error, match=message) as caught:
        set_values(it, values)
    assert isinstance(caught.value, AugfuseError)
    assert_alike(by_index(it), before)


def set_values(it: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(it, name, value)


@pytest.mark.parametrize("compat", MODES)
@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("flow", {"n": 13}, "row 12 is asked for, but there are 12 images in x"),
        ("flow", {"index_array": np.array([0, 40, 1])}, "row 40 is asked for"),
        ("flow", {"x": X[:4]}, "row 4 is asked for, but there are 4 images"),
        ("flow", {"y": Y[:5]}, "y has 5 rows, wanted 12"),
        ("flow", {"sample_weight": Y[:5]}, "sample_weight has 5 rows, wanted 12"),
        ("directory", {"n": 13}, "row 12 is asked for, but there are 12 files"),
        ("directory", {"classes": [0, 1]}, "classes has 2 rows, wanted 12"),
        ("dataframe", {"index_array": np.array([-13, 0])}, "row -13 is asked for"),
        ("dataframe", {"class_mode": "raw"}, "made without labels"),
        ("dataframe", {"class_mode": "multi_output"}, "made without labels"),
    ],
)  # fmt: skip
def test_rows_that_do_not_exist(kind: str, values: dict[str, Any], message: str, compat: Any, root: Path) -> None:
    it = make(kind, ImageDataGenerator(compat=compat), root)
    set_values(it, values)
    with pytest.raises(DataError, match=message):
        by_index(it)
