"""validation_split takes the first rows: said where that leaves a class out of one part, for all kinds of labels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402

from augfuse.errors import AugfuseWarning, DataError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")

N = 20
X = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 3), np.uint8)
SORTED = np.arange(N) * 2 // N  # ten of 0, ten of 1
MULTI = np.stack([SORTED == 0, SORTED == 1, np.ones(N)], 1).astype("float32")


def flow(y: Any, compat: Any = None, **options: Any) -> Any:
    return ImageDataGenerator(validation_split=0.3, compat=compat).flow(X, y, **options)


@pytest.fixture
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", AugfuseWarning)
        warnings.filterwarnings("ignore", ".*docs/imagedatagenerator.md")
        yield


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize(
    ("y", "said"),
    [
        (SORTED, "class 1 in the training subset only"),
        (SORTED[:, None], "class 1 in the training subset only"),
        (np.eye(2)[SORTED], "class 1 in the training subset only"),
        (np.eye(2, dtype=int)[SORTED], "class 1 in the training subset only"),
        (np.eye(4)[np.arange(N) * 4 // N], "classes 2, 3 in the training subset only"),
        (SORTED.astype("float32"), "class 1 in the training subset only"),
        (np.array(list("ab"))[SORTED], "class 'b' in the training subset only"),
        (SORTED.astype(bool), "class True in the training subset only"),
    ],
)
def test_one_class_a_row(y: np.ndarray, said: str, subset: str) -> None:
    with pytest.raises(DataError, match=rf"different classes after the split: {said}.*first 6 of 20.*permutation"):
        flow(y, subset=subset)
    assert flow(y, subset=subset, ignore_class_split=True).n in (6, 14)


def test_several_classes_a_row() -> None:
    """A warning: of many labels some are rare."""
    with pytest.warns(AugfuseWarning, match="subset: y has class 1 in the training subset only.*ignore_class_split"):
        assert flow(MULTI, subset="validation").n == 6


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "y",
    [
        np.linspace(0, 1, N),
        np.linspace(0, 1, 2 * N).reshape(N, 2),
        np.arange(N, dtype="float32"),
        np.repeat([23.0, 40, 61, 80], 5),
        np.random.default_rng(0).integers(0, 2, (N, 5, 5)),
        np.random.default_rng(0).random((N, 4, 4, 1)),
        np.arange(4 * N).reshape(N, 4),
    ],
)
def test_numbers_to_be_predicted_have_no_classes(y: np.ndarray) -> None:
    assert flow(y, subset="training").n == 14
    assert flow(y, subset="validation").n == 6


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("y", [SORTED, np.eye(2)[SORTED], MULTI, SORTED.astype("float32")])
def test_shuffled_rows_are_well(y: np.ndarray) -> None:
    order = np.random.default_rng(0).permutation(N)
    assert flow(y[order], subset="training").n == 14


@pytest.mark.parametrize("y", [SORTED, np.linspace(0, 1, N), np.random.default_rng(0).random((N, 2))])
def test_strict_refuses_what_keras_refuses(y: np.ndarray) -> None:
    with pytest.raises(ValueError, match="different number of classes"):
        legacy.ImageDataGenerator(validation_split=0.3).flow(X, y, subset="training")
    with pytest.raises(DataError, match="different classes"):
        flow(y, "strict", subset="training")


@pytest.mark.parametrize("y", [np.eye(2)[SORTED], MULTI])
def test_strict_warns_of_what_keras_takes(y: np.ndarray) -> None:
    with pytest.warns(AugfuseWarning, match="class 1 in the training subset only"):
        assert flow(y, "strict", subset="training").n == 14


# --- dataframes -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(N):
        Image.fromarray(X[i]).save(folder / f"{i}.png")
    names = np.array(list("ab"))[SORTED]
    return pd.DataFrame(
        {
            "filename": [str(folder / f"{i}.png") for i in range(N)],
            "class": names,
            "several": [[name, "all"] for name in names],
            "number": SORTED,
            "one": 1 - SORTED,
            "age": np.arange(N) + 20,
            "score": np.linspace(0, 1, N),
        }
    )


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "class 'b' in"),
        ({"class_mode": "sparse"}, "class 'b' in"),
        ({"class_mode": "binary"}, "class 'b' in"),
        ({"y_col": "several"}, "class 'b' in"),
        ({"y_col": "number", "class_mode": "raw"}, "class 1 in"),
        ({"y_col": ["one", "number"], "class_mode": "raw"}, "class 'number' in"),
        ({"y_col": ["score", "number"], "class_mode": "multi_output"}, "class 1 in"),
    ],
)
def test_columns(frame: Any, options: dict[str, Any], said: str, subset: str, compat: Any) -> None:
    datagen = ImageDataGenerator(validation_split=0.3, compat=compat)
    with pytest.warns(AugfuseWarning, match=f"{said} the training subset only.*first 6 of 20 rows.*sample"):
        it = datagen.flow_from_dataframe(frame, subset=subset, **options)
    assert it.n == (6 if subset == "validation" else 14)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "options",
    [
        {"y_col": "score", "class_mode": "raw"},
        {"y_col": "age", "class_mode": "raw"},
        {"y_col": ["score", "age"], "class_mode": "multi_output"},
        {"class_mode": None},
        {"class_mode": "input"},
        {"classes": ["a"], "class_mode": "categorical"},
    ],
)
def test_columns_without_classes_to_compare(frame: Any, options: dict[str, Any]) -> None:
    it = ImageDataGenerator(validation_split=0.3).flow_from_dataframe(frame, subset="validation", **options)
    assert it.n in (3, 6)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("options", [{}, {"y_col": "several"}, {"y_col": "number", "class_mode": "raw"}])
def test_shuffled_frames_are_well(frame: Any, options: dict[str, Any]) -> None:
    shuffled = frame.sample(frac=1, random_state=0)
    for subset in ("training", "validation"):
        ImageDataGenerator(validation_split=0.3).flow_from_dataframe(shuffled, subset=subset, **options)
    ImageDataGenerator(validation_split=0.3).flow_from_dataframe(frame, **options)


def test_a_split_of_nothing(frame: Any, tmp_path: Path) -> None:
    with pytest.warns(AugfuseWarning, match="is empty") as caught:
        ImageDataGenerator(validation_split=0.01).flow_from_dataframe(frame, subset="validation")
    assert len(caught) == 1
