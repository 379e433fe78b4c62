"""What is in the cells of a dataframe: lists and arrays, numbers as text, two columns of one name; or no frame."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse import AugfuseWarning  # noqa: E402
from augfuse.errors import DataError, ImageTypeError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")
N = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cells")
    for i in range(N):
        Image.new("RGB", (8, 8), (i * 30, 100, 30)).save(root / f"{i}.png")
    return root


def flow(folder: Path, cells: Any, class_mode: str = "raw", compat: Any = None, **options: Any) -> Any:
    frame = pd.DataFrame({"filename": [f"{i}.png" for i in range(N)], "y": pd.Series(cells)})
    options = {"y_col": "y", "target_size": (8, 8), "batch_size": N, "shuffle": False, **options}
    return ImageDataGenerator(compat=compat).flow_from_dataframe(frame, folder, class_mode=class_mode, **options)


def model(outputs: int) -> Any:
    made = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(outputs)])
    made.compile("sgd", "mse")
    return made


STACKED: dict[str, Any] = {
    "lists": [[1.0, 0, 0]] * N,
    "tuples": [(1, 2, 3)] * N,
    "arrays": [np.arange(3.0)] * N,
    "matrices": [np.eye(2)] * N,
    "numbers as objects": pd.Series(list(range(N)), dtype=object),
}


@pytest.mark.parametrize("kind", STACKED)
def test_cells_of_one_length_are_stacked(kind: str, folder: Path) -> None:
    it = flow(folder, STACKED[kind])
    wanted = np.array(list(STACKED[kind]))
    np.testing.assert_array_equal(it[0][1], wanted)
    assert it.labels.dtype.kind in "if"
    if wanted.ndim == 2:
        model(3).fit(it, verbose=0)


def test_strict_keeps_an_array_of_objects_and_says_so(folder: Path) -> None:
    for cells in ([[1.0, 0, 0]] * N, [np.arange(3)] * N):
        with pytest.warns(AugfuseWarning, match="an array of objects as in Keras"):
            it = flow(folder, cells, compat="strict")
        assert it.labels.dtype == object and it.labels.shape == (N,)


@pytest.mark.parametrize(
    "cells",
    [[[1, 2], [3], *[[1, 2]] * 6], [np.zeros(2), np.zeros(3), *[np.zeros(2)] * 6], [None, *[[1, 2]] * 7]],
    ids=["lists", "arrays", "None"],
)
def test_cells_of_different_lengths_are_named(cells: Any, folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match=r"y_col='y': the cells have different lengths.*Pad"):
        it = flow(folder, cells)
    assert len(it.labels) == N  # for a loop of one's own
    with pytest.raises(DataError, match="a model of Keras takes numbers"):
        model(3).fit(it, verbose=0)


def test_outputs_of_different_lengths_are_named(folder: Path) -> None:
    cells = [[1, 2], [3], *[[1, 2]] * 6]
    for compat in (None, "strict"):
        with pytest.raises(DataError, match="'y' have different lengths, the first is"):
            flow(folder, cells, "multi_output", compat, y_col=["y"])
    it = flow(folder, [[1, 2]] * N, "multi_output", y_col=["y"])
    assert it[0][1][0].shape == (N, 2)


LISTED = ["['a', 'b']", "['a']"] * 4


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("cells", [LISTED, ["('a',)", "('b', 'a')"] * 4, ["[1, 0]", "[0, 1]"] * 4], ids=["1", "2", "3"])
def test_texts_that_look_like_lists(cells: Any, compat: Any, folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match=r"texts that look like lists, the first is .*map\(ast\.literal_eval\)"):
        flow(folder, cells, "categorical", compat)
    with pytest.warns(AugfuseWarning, match="texts that look like lists"):
        flow(folder, cells, "raw", compat)
    meant = [[str(one) for one in ast.literal_eval(cell)] for cell in cells]
    assert len(flow(folder, meant, "categorical", compat).class_indices) == 2


@pytest.mark.parametrize("cells", [["1", "0"] * 4, ["0.5", "1e-3"] * 4, ["-1", " 2 "] * 4], ids=["1", "2", "3"])
def test_numbers_as_text(cells: Any, folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match=r"the cells are numbers as text.*pd\.to_numeric"):
        it = flow(folder, cells)
    with pytest.raises(DataError, match=r"astype\('float32'\)"):
        model(1).fit(it, verbose=0)
    assert flow(folder, pd.to_numeric(pd.Series(cells)))[0][1].dtype.kind in "if"


def test_captions_are_handed_out_as_they_are(folder: Path) -> None:
    it = flow(folder, [f"a cat, number {i}" for i in range(N)])
    assert it[0][1][1] == "a cat, number 1"
    with pytest.raises(DataError, match="takes numbers"):
        model(1).fit(it, verbose=0)


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("kind", [np.array, pd.Index, pd.Series, tuple, list])
def test_several_labels_in_a_cell(kind: Any, compat: Any, folder: Path) -> None:
    it = flow(folder, [kind(["a", "b"]), kind(["a"])] * 4, "categorical", compat)
    assert it.class_indices == {"a": 0, "b": 1}
    np.testing.assert_array_equal(it[0][1][:2], [[1, 1], [1, 0]])


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        (1, r"astype\(str\)"),
        (2.5, r"astype\(str\)"),
        (None, r"df\.dropna"),
        (float("nan"), r"df\.dropna"),
        ({"a", "b"}, r"map\(sorted\)"),
        ({"a": 1}, r"Take one label"),
    ],
)
def test_labels_of_another_type(cell: Any, advice: str, folder: Path) -> None:
    cells = pd.Series([cell, *["a", "b"] * 3, "a"], dtype=object)
    with pytest.raises(ImageTypeError, match=rf"Row 0 holds .*{advice}"):
        flow(folder, cells, "categorical")


def test_lists_are_no_single_label(folder: Path) -> None:
    for mode in ("sparse", "binary"):
        with pytest.raises(ImageTypeError, match=r"Row 0 holds \['a'\].*Take one label of it: df\[column\]\.str\[0\]"):
            flow(folder, [["a"], ["b"]] * 4, mode)


def test_labels_that_do_not_sort(folder: Path) -> None:
    for cells in ([["a", 1]] * N, [["a"], [None]] * 4):
        with pytest.raises(ImageTypeError, match="labels of different types"):
            flow(folder, cells, "categorical")


@pytest.mark.parametrize("argument", ["x_col", "y_col", "weight_col"])
def test_two_columns_of_one_name(argument: str, folder: Path) -> None:
    frame = pd.DataFrame({"filename": ["0.png"], "class": ["a"], "w": [1.0]})
    name = {"x_col": "filename", "y_col": "class", "weight_col": "w"}[argument]
    twice = pd.concat([frame, frame[[name]]], axis=1)
    given: dict[str, Any] = {argument: name}
    with pytest.raises(DataError, match=rf"{argument}: got '{name}', and 2 columns have this name.*columns.duplicated"):
        ImageDataGenerator().flow_from_dataframe(twice, folder, **given)
    ImageDataGenerator().flow_from_dataframe(twice.loc[:, ~twice.columns.duplicated()], folder, **given)


@pytest.mark.parametrize(
    ("frame", "advice"),
    [
        ({"filename": ["0.png"], "class": ["a"]}, r"pd\.DataFrame\(\.\.\.\)"),
        ([{"filename": "0.png"}], r"pd\.DataFrame\(\.\.\.\)"),
        ("train.csv", r"pd\.read_csv\('train\.csv'"),
        (Path("train.csv"), r"pd\.read_csv"),
        (pd.Series(["0.png"]), "to_frame"),
        (None, "got a NoneType"),
        (np.array([["0.png", "a"]]), "got a ndarray"),
    ],
    ids=["dict", "list", "text", "path", "series", "None", "array"],
)
@pytest.mark.parametrize("compat", [None, "strict"])
def test_what_is_no_frame(frame: Any, advice: str, compat: Any, folder: Path) -> None:
    with pytest.raises(ImageTypeError, match=r"dataframe: got a .*wanted a pandas DataFrame"):
        ImageDataGenerator(compat=compat).flow_from_dataframe(frame, folder)
