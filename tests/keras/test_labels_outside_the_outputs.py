"""Class numbers that a model has no output for: named before TensorFlow fails in its graph, or trains on NaN."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

N = 12
X = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
Y = np.arange(N) % 3
SPARSE, CATEGORICAL, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


def network(loss: Any, outputs: int) -> Any:
    made = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    made.add(keras.layers.Dense(outputs, activation="sigmoid"))
    made.compile("sgd", loss)
    return made


FEEDS: dict[str, Any] = {
    "flow": lambda y: ImageDataGenerator().flow(X, y),
    "strict": lambda y: ImageDataGenerator(compat="strict").flow(X, y),
    "column": lambda y: ImageDataGenerator().flow(X, np.reshape(y, (-1, 1))) if np.ndim(y) == 1 else None,
    "loader": lambda y: af.Loader(af.from_arrays(X, y)).to_keras(),
}


def said(feed: Any, loss: Any, outputs: int, method: str = "fit") -> str:
    """The warnings of a pass, whether or not Keras then fails."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            getattr(network(loss, outputs), method)(feed, verbose=0)
        except Exception as error:  # what Keras raises is not what is tested
            assert isinstance(error, Exception)
    told = (str(w.message) for w in caught if issubclass(w.category, af.AugfuseWarning))
    # The notices about mended defects come once in a process, from whichever test is first.
    return "\n".join(text for text in told if "docs/imagedatagenerator.md" not in text)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("feed", FEEDS)
def test_labels_from_1(feed: str, method: str) -> None:
    text = said(FEEDS[feed](Y + 1), SPARSE, 3, method)
    assert f"labels go from 1 to 3, and a model with 3 outputs and the loss {SPARSE} wants 0 to 2. Use y - 1." in text
    assert said(FEEDS[feed](Y + 1 - 1), SPARSE, 3, method) == ""


@pytest.mark.parametrize(
    ("y", "loss", "outputs", "message"),
    [
        (Y - 1, SPARSE, 3, "labels go from -1 to 1.*Number the classes from 0"),
        (Y * 10, SPARSE, 3, r"labels go from 0 to 20.*np\.unique\(y, return_inverse=True\)\[1\]"),
        (Y * 2, SPARSE, 3, r"labels go from 0 to 4.*end the model with Dense\(5\)"),
        (Y + 0.5, SPARSE, 3, r"labels are not whole numbers \(from 0.5 to 2.5\)"),
        (Y % 2 + 1, BINARY, 1, "labels go from 1 to 2, and a model with 1 output.*wants 0 to 1. Use y - 1"),
        (Y % 2 * 2 - 1, BINARY, 1, "labels go from -1 to 1, and a model with 1 output"),
        (np.eye(4)[Y], CATEGORICAL, 3, r"one-hot with 4 columns, and the model has 3 outputs.*Dense\(4\)"),
        (Y + 1, keras.losses.SparseCategoricalCrossentropy(), 3, "labels go from 1 to 3"),
    ],
)
def test_what_no_output_stands_for(y: np.ndarray, loss: Any, outputs: int, message: str) -> None:
    for name in ("flow", "loader"):
        assert re.search(message, said(FEEDS[name](y), loss, outputs)), name


@pytest.mark.parametrize(
    ("y", "loss", "outputs"),
    [
        (Y, SPARSE, 3),
        (Y, SPARSE, 10),
        (Y.astype(np.float32), SPARSE, 3),
        (Y % 2, BINARY, 1),
        (Y % 2 * 0.8 + 0.1, BINARY, 1),  # smoothed
        (np.eye(3)[Y], CATEGORICAL, 3),
        (Y * 10.5 - 3, "mse", 1),
        (Y + 1, lambda y, p: keras.ops.mean(p), 3),
    ],
)
@pytest.mark.parametrize("feed", ["flow", "strict", "loader"])
def test_labels_that_fit_are_not_named(y: np.ndarray, loss: Any, outputs: int, feed: str) -> None:
    assert said(FEEDS[feed](y), loss, outputs) == ""


def test_folders_and_frames(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "0.png")
    datagen = ImageDataGenerator()
    frame = pd.DataFrame({"filename": [f"{c}/0.png" for c in "abcd"], "class": list("abcd"), "n": [1, 2, 3, 4]})
    options: dict[str, Any] = {"target_size": (8, 8)}
    folder = datagen.flow_from_directory(tmp_path, class_mode="sparse", **options)
    assert "labels go from 0 to 3, and a model with 3 outputs" in said(folder, SPARSE, 3)
    one_hot = datagen.flow_from_directory(tmp_path, class_mode="categorical", **options)
    assert "one-hot with 4 columns, and the model has 3 outputs" in said(one_hot, CATEGORICAL, 3)
    assert said(datagen.flow_from_directory(tmp_path, class_mode="sparse", **options), SPARSE, 4) == ""
    raw = datagen.flow_from_dataframe(frame, tmp_path, y_col="n", class_mode="raw", **options)
    assert "labels go from 1 to 4" in said(raw, SPARSE, 4)
    several = frame.assign(**{"class": [["a", "b"], ["c"], ["d"], ["a"]]})
    assert said(datagen.flow_from_dataframe(several, tmp_path, **options), BINARY, 4) == ""
