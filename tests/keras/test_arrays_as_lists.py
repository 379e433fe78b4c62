"""Arguments that take a list take what people have instead of one: an array, an Index, a Series, a tuple, the keys of a
dict; texts and sets are no lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.errors import DataError

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.keras import ImageDataGenerator, list_pictures, validate_filename  # noqa: E402

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")
NAMES = ["b", "a"]
LISTS: dict[str, Any] = {
    "list": NAMES,
    "tuple": tuple(NAMES),
    "array": np.array(NAMES),
    "objects": np.array(NAMES, object),
    "Index": pd.Index(NAMES),
    "Series": pd.Series(NAMES, index=[5, 6]),
    "Categorical": pd.Series(pd.Categorical(NAMES)),
    "keys": {"b": 0, "a": 1}.keys(),
    "class_indices": {"b": 0, "a": 1},
}
NO_LISTS: dict[str, Any] = {
    "text": ("ab", r"as in \['ab'\]"),
    "set": ({"a", "b"}, "has no order"),
    "number": (2, r"as in \['cat', 'dog'\]"),
    "table": (np.array([NAMES]), "wanted a list|wanted a tuple"),
    "lists": ([["a"], ["b"]], "wanted a list|wanted a tuple"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("RGB", (8, 8), (i * 50, 100, 30)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def frame() -> Any:
    names = [f"{name}/{i}.png" for name in "abc" for i in range(2)]
    return pd.DataFrame({"filename": names, "class": list("aabbcc"), "u": np.arange(6.0), "v": np.arange(6.0) * 2})


def classes_of(door: str, folder: Path, classes: Any) -> list[str]:
    if door == "from_directory":
        return list(af.from_directory(folder, classes=classes).classes or ())
    if door == "from_arrays":
        return list(af.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), [0, 1], classes=classes).classes or ())
    datagen = ImageDataGenerator(compat="strict" if door.startswith("strict") else None)
    if door.endswith("flow_from_directory"):
        return list(datagen.flow_from_directory(folder, classes=classes, target_size=(8, 8)).class_indices)
    return list(datagen.flow_from_dataframe(frame(), folder, classes=classes, target_size=(8, 8)).class_indices)


DOORS = [
    "from_directory",
    "from_arrays",
    *(s + f"flow_from_{w}" for s in ("", "strict ") for w in ("directory", "dataframe")),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", LISTS)
def test_classes(door: str, kind: str, folder: Path) -> None:
    assert classes_of(door, folder, LISTS[kind]) == NAMES


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", NO_LISTS)
def test_what_is_no_list_of_classes(door: str, kind: str, folder: Path) -> None:
    value, message = NO_LISTS[kind]
    with pytest.raises(DataError, match=f"classes: got .*({message})"):
        classes_of(door, folder, value)


@pytest.mark.parametrize("kind", ["list", "tuple", "array", "Index", "Series"])
@pytest.mark.parametrize("compat", [None, "strict"])
def test_columns_of_labels(kind: str, compat: Any, folder: Path) -> None:
    kinds = {"list": list, "tuple": tuple, "array": np.array, "Index": pd.Index, "Series": pd.Series}
    datagen = ImageDataGenerator(compat=compat)
    options: dict[str, Any] = {"target_size": (8, 8), "shuffle": False, "batch_size": 6}
    y_col = kinds[kind](["u", "v"])
    raw = datagen.flow_from_dataframe(frame(), folder, y_col=y_col, class_mode="raw", **options)
    np.testing.assert_array_equal(raw[0][1], np.stack([np.arange(6.0), np.arange(6.0) * 2], 1))
    several = datagen.flow_from_dataframe(frame(), folder, y_col=y_col, class_mode="multi_output", **options)
    np.testing.assert_array_equal(several[0][1][1], np.arange(6.0) * 2)


def test_a_tuple_may_be_the_name_of_a_column(folder: Path) -> None:
    table = frame().rename(columns={"u": ("u", "v")})
    it = ImageDataGenerator().flow_from_dataframe(table, folder, y_col=("u", "v"), class_mode="raw", shuffle=False)
    np.testing.assert_array_equal(it.labels, np.arange(6.0))


def test_a_list_of_one_column(folder: Path) -> None:
    for y_col in (["class"], np.array(["class"])):
        with pytest.raises(TypeError, match=r"wanted the name of one column .*Use y_col='class'"):
            ImageDataGenerator().flow_from_dataframe(frame(), folder, y_col=y_col)


@pytest.mark.parametrize(
    "size", [(6, 4), [6, 4], np.array([6, 4]), pd.Series([6, 4])], ids=["tuple", "list", "array", "3"]
)
def test_sizes(size: Any, folder: Path) -> None:
    no_order: Any = {6, 4}
    it = ImageDataGenerator().flow_from_directory(folder, target_size=size)
    assert it.image_shape == (6, 4, 3)
    with pytest.raises(DataError, match="target_size: got"):
        ImageDataGenerator().flow_from_directory(folder, target_size=no_order)


@pytest.mark.parametrize("kind", [list, tuple, set, np.array, pd.Series])
def test_suffixes(kind: Any, folder: Path) -> None:
    assert len(list_pictures(folder, ext=kind(["png", "gif"]))) == 6
    assert validate_filename(folder / "a/0.png", kind(["png", "gif"]))
