"""`DataFrameIterator` against Keras' own: which rows it keeps, and every class mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402

from augfuse.errors import AugfuseWarning, DataError, DecodeError, ImageTypeError  # noqa: E402
from augfuse.keras.generator.generator import ImageDataGenerator  # noqa: E402
from augfuse.keras.iterators.dataframe_iterator import ColumnError, DataFrameIterator, retired_arguments  # noqa: E402

pytestmark = [
    # The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    # Keras' legacy class imports from a namespace that SciPy 2 drops.
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation:DeprecationWarning"),
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SIZE = (12, 10)
COUNT = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """image-0.png .. image-9.png of noise, two of them in a folder below."""
    (tmp_path / "sub").mkdir()
    for seed in range(COUNT):
        noise = np.random.default_rng(seed).integers(0, 256, (13, 17, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / name_of(seed))
    return tmp_path


def name_of(i: int) -> str:
    return f"sub/image-{i}.png" if i in (3, 4) else f"image-{i}.png"


def table() -> Any:
    """A frame of 10 rows with an index of its own, and columns for every class mode."""
    letters = ["b", "a", "b", "c", "a", "b", "c", "a", "a", "b"]
    return pd.DataFrame(
        {
            "filename": [name_of(i) for i in range(COUNT)],
            "class": letters,
            "two": ["yes" if letter == "a" else "no" for letter in letters],
            "several": [[letter, "z"] if i % 2 else ("b", "a") for i, letter in enumerate(letters)],
            "mixed": [[letter] if i % 2 else letter for i, letter in enumerate(letters)],
            "x": np.linspace(-1, 1, COUNT),
            "k": np.arange(COUNT) * 10,
            "point": [[i, i + 0.5] for i in range(COUNT)],
            "weight": np.linspace(0.1, 2, COUNT, dtype=np.float32),
            "flag": [i % 2 == 0 for i in range(COUNT)],
        },
        index=[f"row{i}" for i in range(COUNT)],
    )


def ours_and_theirs(frame: Any, folder: Any, datagen: Any = None, **options: Any) -> tuple[DataFrameIterator, Any]:
    """Our iterator with compat="strict", and Keras'."""
    options = {"target_size": SIZE, "batch_size": 4} | options
    settings = datagen or {}
    ours = ImageDataGenerator(compat="strict", **settings).flow_from_dataframe(frame, folder, **options)
    return ours, legacy.ImageDataGenerator(**settings).flow_from_dataframe(frame, folder, **options)


def assert_alike(ours: Any, theirs: Any) -> None:
    """Batches of the same structure, dtype and values."""
    assert type(ours) is type(theirs)
    if isinstance(ours, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_alike(a, b)
        return
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if ours.dtype.kind not in "iuf":
        assert ours.tolist() == theirs.tolist()
        return
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-3)


def assert_same(ours: Any, theirs: Any) -> None:
    """The same attributes, and the same batches for an epoch and a half."""
    for name in (
        "directory", "target_size", "color_mode", "class_mode", "keep_aspect_ratio", "interpolation", "split", "subset",
        "data_format", "dtype", "filenames", "filepaths", "samples", "n", "image_shape", "batch_size", "shuffle",
        "seed",
    ):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("classes", "class_indices"):
        assert getattr(ours, name, None) == getattr(theirs, name, None), name
    assert (ours.sample_weight is None) == (theirs.sample_weight is None)
    if ours.sample_weight is not None:
        assert_alike(ours.sample_weight, theirs.sample_weight)
    assert len(ours) == len(theirs)
    for _ in range(4):
        state = np.random.get_state()
        batch = next(ours)
        np.random.set_state(state)
        assert_alike(batch, next(theirs))


def flow(frame: Any, folder: Any, **options: Any) -> DataFrameIterator:
    options = {"target_size": SIZE, "batch_size": 4, "shuffle": False} | options
    return ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(frame, folder, **options)


# --- the same as Keras ------------------------------------------------------------------------------------------------

MODES: list[dict[str, Any]] = [
    {"class_mode": "categorical"},
    {"class_mode": "categorical", "y_col": "several"},
    {"class_mode": "categorical", "y_col": "mixed"},
    {"class_mode": "categorical", "y_col": "several", "classes": ["b", "a"]},
    {"class_mode": "categorical", "classes": ["c", "a", "c"]},
    {"class_mode": "sparse"},
    {"class_mode": "sparse", "classes": ["b", "a"]},
    {"class_mode": "sparse", "classes": ["d", "b", "a", "c"]},
    {"class_mode": "binary", "y_col": "two"},
    {"class_mode": "binary", "classes": ("b", "c")},
    {"class_mode": "input"},
    {"class_mode": "input", "y_col": None},
    {"class_mode": None},
    {"class_mode": "raw", "y_col": "x"},
    {"class_mode": "raw", "y_col": "flag"},
    {"class_mode": "raw", "y_col": ["x", "k"]},
    {"class_mode": "raw", "y_col": ["class", "k"]},
    {"class_mode": "multi_output", "y_col": ["x", "k", "point"]},
    {"class_mode": "multi_output", "y_col": ["class", "flag"]},
]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("weights", [None, "weight", "k"])
def test_class_modes_are_those_of_keras(folder: Path, mode: dict[str, Any], weights: str | None) -> None:
    ours, theirs = ours_and_theirs(table(), folder, weight_col=weights, seed=3, **mode)
    assert_same(ours, theirs)


@pytest.mark.filterwarnings("ignore:validation_split. class:augfuse.errors.AugfuseWarning")  # of so few rows
@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("subset", ["training", "validation"])
def test_splits_are_those_of_keras(folder: Path, mode: dict[str, Any], subset: str) -> None:
    datagen = {"validation_split": 0.35, "horizontal_flip": True, "rotation_range": 10}
    assert_same(*ours_and_theirs(table(), folder, datagen, subset=subset, weight_col="weight", **mode))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_images_are_those_of_keras(folder: Path, shuffle: bool, data_format: str, color_mode: str) -> None:
    datagen = {"data_format": data_format, "rotation_range": 20, "zoom_range": 0.1, "dtype": "float64"}
    np.random.seed(2)
    options = {"color_mode": color_mode, "interpolation": "bilinear"}
    assert_same(*ours_and_theirs(table(), folder, datagen, shuffle=shuffle, **options))


def test_the_class_itself_takes_what_that_of_keras_takes(folder: Path) -> None:
    options: dict[str, Any] = {"target_size": SIZE, "batch_size": 3, "shuffle": False, "keep_aspect_ratio": True}
    ours = DataFrameIterator(table(), str(folder), ImageDataGenerator(compat="strict"), **options)
    theirs = legacy.DataFrameIterator(table(), str(folder), legacy.ImageDataGenerator(), **options)
    assert_same(ours, theirs)
    plain = DataFrameIterator(table(), str(folder), **options)
    assert np.abs(next(plain)[0] - next(theirs)[0]).max() <= 1


def test_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours_and_theirs(table(), folder)
    ours_and_theirs(table(), folder, class_mode=None, validate_filenames=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[1] == "Found 10 validated image filenames belonging to 3 classes."
    assert lines[2] == lines[3] == "Found 10 non-validated image filenames."


@pytest.mark.filterwarnings("ignore:Found 4 invalid image:UserWarning")  # from Keras' own iterator
def test_invalid_filenames_are_left_out(folder: Path) -> None:
    frame = table()
    frame.loc["row1", "filename"] = "image-1"
    frame.loc["row2", "filename"] = "missing.png"
    frame.loc["row2", "class"] = "of no other row"
    frame.loc["row5", "filename"] = "IMAGE-5.PNG"
    frame.loc["row6", "filename"] = "sub"
    message = r'Found 4 invalid image filename\(s\) in x_col="filename".*first is .image-1.: wanted a name that ends in'
    with pytest.warns(AugfuseWarning, match=message):
        ours, theirs = ours_and_theirs(frame, folder, weight_col="weight")
    assert_same(ours, theirs)
    assert ours.samples == 6 and "of no other row" not in ours.class_indices

    unchecked, theirs = ours_and_theirs(frame, folder, validate_filenames=False, shuffle=False)
    assert unchecked.filenames == theirs.filenames == frame["filename"].tolist()


def test_why_a_filename_is_invalid(folder: Path) -> None:
    for name, reason in (("sud/image-3.png", "there is no folder .*sud"), ("image-3.png", "no such file in")):
        frame = table()
        frame.loc["row3", "filename"] = name
        with pytest.warns(AugfuseWarning, match=reason):
            flow(frame, folder)


def test_suffixes_in_capitals(folder: Path) -> None:
    (folder / "image-0.png").rename(folder / "IMAGE.PNG")
    frame = table()
    frame.loc["row0", "filename"] = "IMAGE.PNG"
    assert flow(frame, folder).samples == COUNT


def test_whole_paths_need_no_folder(folder: Path, tmp_path: Path) -> None:
    frame = table()
    frame["filename"] = [str(folder / name) for name in frame["filename"]]
    ours, theirs = ours_and_theirs(frame, None)
    assert ours.directory == "" and ours.filepaths == frame["filename"].tolist()
    assert_same(ours, theirs)


def test_the_frame_is_not_changed(folder: Path) -> None:
    frame = table()
    for mode in MODES:
        flow(frame, folder, weight_col="weight", **mode)
    pd.testing.assert_frame_equal(frame, table())


def test_binary_labels_follow_the_sorted_names(folder: Path) -> None:
    it = flow(table(), folder, class_mode="binary", y_col="two")
    assert it.class_indices == {"no": 0, "yes": 1}
    assert it.labels == it.classes == [0, 1, 0, 0, 1, 0, 0, 1, 1, 0]
    assert next(it)[1].tolist() == [0, 1, 0, 0]


def test_several_labels_are_multi_hot(folder: Path) -> None:
    it = flow(table(), folder, y_col="several")
    assert it.class_indices == {"a": 0, "b": 1, "c": 2, "z": 3}
    np.testing.assert_array_equal(next(it)[1], [[1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_data_format_is_that_of_the_iterator(folder: Path, data_format: str) -> None:
    datagen = ImageDataGenerator(data_format="channels_first")
    it = DataFrameIterator(table(), folder, datagen, target_size=SIZE, data_format=data_format, class_mode=None)
    assert next(it).shape[1:] == it.image_shape


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"color_mode": "cmyk"},
        {"class_mode": "output"},
        {"subset": "foo"},
        {"class_mode": "binary"},  # three classes
        {"class_mode": "binary", "classes": ["a"]},
        {"class_mode": "binary", "classes": ["a", "b", "c"]},
        {"class_mode": "multi_output", "y_col": "x"},
        {"class_mode": "sparse", "y_col": "k"},
        {"class_mode": "sparse", "y_col": "several"},
        {"class_mode": "categorical", "y_col": "x"},
        {"class_mode": "categorical", "y_col": ["class"]},
        {"x_col": "k"},
        {"x_col": "file"},
        {"y_col": "klass"},
        {"class_mode": "raw", "y_col": ["x", "klass"]},
        {"class_mode": "multi_output", "y_col": ["x", "klass"]},
        {"weight_col": "weights"},
        {"weight_col": "class"},
        {"weight_col": "flag"},
    ],
    ids=str,
)
def test_what_keras_refuses_is_refused_alike(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)) as theirs:
        legacy.ImageDataGenerator().flow_from_dataframe(table(), folder, **options)
    for compat in (None, "strict"):
        with pytest.raises(type(theirs.value)):
            ImageDataGenerator(compat=compat).flow_from_dataframe(table(), folder, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x_col": "file"}, r"x_col: got 'file', wanted a column of the dataframe: 'filename', .*mean 'filename'"),
        ({"y_col": "klass"}, "y_col: got 'klass'.*Did you mean 'class'"),
        ({"weight_col": "weights"}, "weight_col: got 'weights'.*Did you mean 'weight'"),
        ({"class_mode": "multi_output", "y_col": ["x", "ks"]}, "y_col: got 'ks'"),
        ({"class_mode": "raw", "y_col": ["x", "ks"]}, "y_col: got 'ks'"),
    ],
)
def test_missing_columns(folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(KeyError, match=message) as caught:
        flow(table(), folder, **options)
    assert isinstance(caught.value, (ColumnError, ValueError))
    assert not str(caught.value).startswith(("'", '"')), "not in quotes, as a KeyError would be"


@pytest.mark.parametrize(
    ("column", "options", "message"),
    [
        ("class", {}, r"column values must be type string, list or tuple. Row 2 holds .*nan.*dropna"),
        ("class", {"class_mode": "sparse"}, r'"class" column values must be strings. Row 2 holds'),
        ("filename", {}, r"x_col=filename must be strings. Row 2 holds"),
    ],
)
def test_missing_values(folder: Path, column: str, options: dict[str, Any], message: str) -> None:
    frame = table()
    frame.loc["row2", column] = np.nan
    with pytest.raises(TypeError, match=message) as caught:
        flow(frame, folder, **options)
    assert isinstance(caught.value, ImageTypeError)
    with pytest.raises(TypeError):
        legacy.ImageDataGenerator().flow_from_dataframe(frame, folder, **options)


def test_paths_are_no_strings(folder: Path) -> None:
    frame = table()
    frame["filename"] = [folder / name for name in frame["filename"]]
    with pytest.raises(TypeError, match=r"must be strings. Row 0 holds PosixPath.*astype\(str\)"):
        flow(frame, None)


def test_classes_that_are_not_used(folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match='`classes` will be ignored given the class_mode="raw"'):
        flow(table(), folder, class_mode="raw", y_col="x", classes=["a"])


@pytest.mark.parametrize("dtype", ["Int64", "Float32"])
def test_weights_of_pandas_own_types(folder: Path, dtype: str) -> None:
    frame = table()
    frame["weight"] = (frame["weight"] * 10).round().astype(dtype)
    it = flow(frame, folder, weight_col="weight")
    assert it.sample_weight is not None
    np.testing.assert_allclose(it.sample_weight, frame["weight"].tolist())
    frame.loc["row3", "weight"] = pd.NA
    with pytest.raises(DataError, match=r"weight_col=weight: got nan for 'sub/image-3.png'"):
        flow(frame, folder, weight_col="weight")


def test_weights_that_are_not_finite(folder: Path) -> None:
    frame = table()
    frame.loc["row4", "weight"] = np.inf
    with pytest.raises(DataError, match=r"got inf for 'sub/image-4.png', wanted finite"):
        flow(frame, folder, weight_col="weight")
    with pytest.warns(AugfuseWarning, match=r"got inf for 'sub/image-4.png'"):  # strict
        both = ours_and_theirs(frame, folder, weight_col="weight")
    assert_same(*both)


def test_retired_arguments(folder: Path) -> None:
    for name in ("has_ext", "sort", "drop_duplicates"):
        kwargs = {name: True, "workers": 2}
        with pytest.warns(DeprecationWarning, match=f"{name} is deprecated"):
            assert retired_arguments("raw", kwargs) == "raw"
        assert kwargs == {"workers": 2}
        with pytest.warns(DeprecationWarning, match=f"{name} is deprecated"):
            flow(table(), folder, **{name: False})
    with pytest.warns(DeprecationWarning, match='use `class_mode="raw"`'):
        it = flow(table(), folder, class_mode="other", y_col=["x", "k"])
    assert it.class_mode == "raw" and it.labels.shape == (COUNT, 2)
    assert retired_arguments("sparse", {}) == "sparse"


def test_unknown_arguments(folder: Path) -> None:
    with pytest.raises(TypeError, match="has_extension"):
        flow(table(), folder, has_extension=True)


# --- nothing to read, or not everything -------------------------------------------------------------------------------


def test_no_rows(folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match="no images: the dataframe has no rows"):
        it = flow(table()[:0], folder)
    assert (len(it), it.filenames, it.class_indices) == (0, [], {})


def test_no_row_is_left(folder: Path) -> None:
    with pytest.warns(
        AugfuseWarning, match=r"none of its 10 rows is left: look at 'filename', directory= and classes="
    ):
        flow(table(), folder, classes=["cats"])
    with pytest.warns(AugfuseWarning) as caught:
        flow(table(), folder / "nowhere")
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 2 and "Found 10 invalid" in messages[0] and "there is no folder" in messages[0]


def test_an_empty_subset(folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match="has no validation_split"):
        flow(table(), folder, subset="validation")
    with pytest.raises(DataError, match="without a generator"):
        DataFrameIterator(table(), folder, subset="validation")


def test_files_that_went_missing(folder: Path) -> None:
    frame = table()
    frame.loc["row2", "filename"] = "missing.png"
    it = flow(frame, folder, validate_filenames=False, class_mode="raw", y_col="k", weight_col="weight")
    with pytest.warns(AugfuseWarning, match=r"missing.png"):
        x, y, weights = it[0]
    assert len(x) == 3 and y.tolist() == [0, 10, 30]
    np.testing.assert_array_equal(weights, frame["weight"].to_numpy()[[0, 1, 3]])
    with pytest.raises(FileNotFoundError, match=r"missing.png"):
        flow(frame, folder, validate_filenames=False, on_error="raise")[0]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ({"class_mode": "sparse"}, [1, 1, 2]),
        ({"class_mode": "binary", "y_col": "two"}, [0, 0, 0]),
        ({"class_mode": "multi_output", "y_col": ["k", "x"]}, [0, 20, 30]),
    ],
)
def test_labels_go_with_the_images_that_are_left(folder: Path, mode: dict[str, Any], wanted: list[int]) -> None:
    (folder / "image-1.png").write_bytes(b"no image")
    it = flow(table(), folder, **mode)
    with pytest.warns(AugfuseWarning, match="left out of its batch"):
        x, y = it[0]
    first = y[0] if isinstance(y, list) else y
    assert len(x) == 3 and first.tolist() == wanted
    assert list(it.skipped) == [1]
    with pytest.raises(DecodeError, match=r"image-1.png"):
        flow(table(), folder, on_error="raise", **mode)[0]


def test_trains_on_several_outputs(folder: Path) -> None:
    inputs = keras.Input((*SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    outputs = [keras.layers.Dense(1)(pooled), keras.layers.Dense(2)(pooled)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss=["mse", "mse"])
    it = flow(table(), folder, class_mode="multi_output", y_col=["x", "point"])
    assert type(it[0][1]) is list, "as in Keras; in fit() it becomes a tuple, for TensorFlow takes no list"
    assert np.isfinite(model.fit(it, epochs=2, verbose=0).history["loss"]).all()
