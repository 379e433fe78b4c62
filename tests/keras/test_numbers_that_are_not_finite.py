"""NaN and infinity in images, targets and weights of the iterators: a message with the row, not a loss of NaN."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import AugfuseWarning, DataError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")

X = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3)).astype("float32")
Y = np.array([1.0, 2.0, 3.0, 4.0])


def with_value(array: np.ndarray, place: Any, value: float) -> np.ndarray:
    array = array.astype("float32")
    array[place] = value
    return array


IMAGES = with_value(X, (2, 1, 1, 0), np.nan)
TARGETS: list[tuple[Any, str]] = [
    ([1.0, np.nan, 2, 3], "got nan in row 1, wanted finite numbers"),
    (with_value(np.zeros((4, 3)), (slice(2, None), 1), np.inf), r"got inf in row 2 \(2 of 4 rows are like this\)"),
    (with_value(Y, 0, -np.inf), "got -inf in row 0"),
    (with_value(np.zeros((4, 5, 5)), (3, 2, 2), np.nan), "got nan in row 3"),
    (np.array([1, np.nan, 1, 1], "float16"), "got nan in row 1"),
]


def model() -> Any:
    inputs = keras.Input((6, 6, 3))
    made = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(inputs)))
    made.compile("sgd", loss="mse")
    return made


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize(("y", "message"), TARGETS)
def test_targets(y: Any, message: str, compat: Any) -> None:
    """A warning: there are losses that leave such targets out."""
    with pytest.warns(AugfuseWarning, match=f"^y: {message}.*loss will be NaN.*np.isfinite"):
        it = ImageDataGenerator(compat=compat).flow(X, y, shuffle=False)
    np.testing.assert_array_equal(it[0][1], np.asarray(y))


INPUTS: list[tuple[dict[str, Any], str]] = [
    ({"x": IMAGES}, "x: got nan in row 2"),
    ({"x": with_value(X, (0, 0, 0, 0), np.inf)}, "x: got inf in row 0"),
    ({"x": IMAGES.astype("float64")}, "x: got nan in row 2"),
    ({"x": (X, with_value(Y, 3, np.nan))}, "another array of x: got nan in row 3"),
    ({"x": (X, [Y, with_value(np.zeros((4, 2)), (1, 1), np.inf)])}, "another array of x: got inf in row 1"),
    ({"x": X, "sample_weight": [1, np.nan, 1, 1]}, "sample_weight: got nan in row 1"),
    ({"x": X, "sample_weight": [1, 1, 1, np.inf]}, "sample_weight: got inf in row 3"),
]


@pytest.mark.parametrize(("options", "message"), INPUTS)
def test_images_other_inputs_and_weights(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}.*loss is NaN"):
        ImageDataGenerator(rotation_range=5).flow(y=Y, **options)


@pytest.mark.parametrize(("options", "message"), INPUTS)
def test_strict_warns(options: dict[str, Any], message: str) -> None:
    with pytest.warns(AugfuseWarning, match=f"^{message}"):
        it = ImageDataGenerator(compat="strict").flow(y=Y, shuffle=False, **options)
    assert len(it[0][1]) == 4


def test_rows_of_a_subset_are_counted_from_its_first() -> None:
    datagen = ImageDataGenerator(validation_split=0.5)
    with pytest.warns(AugfuseWarning, match="y: got nan in row 1"):
        datagen.flow(X, [1.5, 2.5, 3.5, np.nan], subset="training")
    with warnings.catch_warnings():
        warnings.simplefilter("error", AugfuseWarning)
        warnings.filterwarnings("ignore", ".*docs/imagedatagenerator.md")
        datagen.flow(X, [1.5, 2.5, 3.5, np.nan], subset="validation")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("y", [1.0, np.nan, 2, 3], None), ("sample_weight", [1.0, np.nan, 2, 3], DataError), ("x", IMAGES, DataError)],
)
def test_what_is_set_later(name: str, value: Any, error: Any) -> None:
    it = ImageDataGenerator().flow(X, Y, sample_weight=Y)
    with (
        pytest.warns(AugfuseWarning, match="y: got nan in row 1") if error is None else pytest.raises(error, match=name)
    ):
        setattr(it, name, value)


@pytest.mark.parametrize("y", [np.arange(4), list("abcd"), Y.astype("float16") * 1e4, np.array([True, False] * 2)])
def test_finite_numbers_of_any_kind(y: Any) -> None:
    ImageDataGenerator().flow(X * 1e36, y)  # the sum of which is more than float32 holds


def test_the_loss_is_finite_once_the_rows_are_left_out() -> None:
    y = np.array([1.0, np.nan, 2, 3])
    keep = np.isfinite(y)
    history = model().fit(ImageDataGenerator(rescale=1 / 255).flow(X[keep], y[keep]), verbose=0).history
    assert np.isfinite(history["loss"]).all()


# --- dataframes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def frame(tmp_path: Path) -> Any:
    for i in range(4):
        Image.fromarray(X[i].astype(np.uint8)).save(tmp_path / f"{i}.png")
    names = [str(tmp_path / f"{i}.png") for i in range(4)]
    return pd.DataFrame(
        {"filename": names, "age": [1.0, 2, np.nan, 4], "size": [1, 2, 3, 4.0], "far": [np.inf, 1, 2, 3]}
    )


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y_col": "age", "class_mode": "raw"}, r"y_col='age': got nan for .*2.png"),
        ({"y_col": "far", "class_mode": "raw"}, r"y_col='far': got inf for .*0.png"),
        ({"y_col": ["size", "age"], "class_mode": "raw"}, r"y_col=\['size', 'age'\]: got nan for .*2.png"),
        ({"y_col": ["size", "age"], "class_mode": "multi_output"}, r"y_col=\['size', 'age'\]: got nan for .*2.png"),
    ],
)
def test_columns(frame: Any, options: dict[str, Any], message: str, compat: Any) -> None:
    with pytest.warns(AugfuseWarning, match=f"{message}.*loss will be NaN.*dropna"):
        ImageDataGenerator(compat=compat).flow_from_dataframe(frame, target_size=(6, 6), **options)


def test_columns_that_are_finite(frame: Any) -> None:
    columns: tuple[dict[str, Any], ...] = (
        {"y_col": "size", "class_mode": "raw"},
        {"y_col": "age", "class_mode": None},
    )
    for options in columns:
        ImageDataGenerator().flow_from_dataframe(frame, target_size=(6, 6), **options)
    left = frame.dropna(subset=["age"])
    it = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        left, y_col="age", class_mode="raw", target_size=(6, 6)
    )
    assert np.isfinite(model().fit(it, verbose=0).history["loss"]).all()


def test_weights_of_a_dataframe(frame: Any) -> None:
    with pytest.raises(DataError, match="weight_col=age: got nan"):
        ImageDataGenerator().flow_from_dataframe(frame, y_col="size", class_mode="raw", weight_col="age")
    with pytest.warns(AugfuseWarning, match="weight_col=age: got nan"):
        ImageDataGenerator(compat="strict").flow_from_dataframe(
            frame, y_col="size", class_mode="raw", weight_col="age", target_size=(6, 6)
        )
