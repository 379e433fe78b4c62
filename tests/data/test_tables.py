"""from_dataframe, from_csv and from_jsonl: images and their labels in tables."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.data.open import open_parts
from augfuse.experiment.setup.train_and_test import load_parts
from table_cases import SIZE, encoded, pictures, table

pd = pytest.importorskip("pandas", reason="needs pandas, of the extra augfuse[keras]")

try:
    import polars as pl
except ImportError:
    pl = None
FRAMES = [
    pytest.param(pd.DataFrame, id="pandas"),
    pytest.param(
        None if pl is None else pl.DataFrame,
        id="polars",
        marks=pytest.mark.skipif(pl is None, reason="needs polars: pip install polars"),
    ),
]
NAMES = ("a.png", "b.png", "deep/c.png", "d.png")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return pictures(tmp_path, *NAMES)


def values(data: af.DataSet) -> list[int]:
    """Which image each sample is."""
    return [int(sample.image[0, 0, 0]) for sample in data]


def labels(data: af.DataSet) -> list[Any]:
    assert data.labels is not None
    return data.labels.tolist()


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", FRAMES)
def test_a_frame_of_names_and_classes(photos: Path, make: Any) -> None:
    df = make({
        "Filename": [*NAMES], "class": ["dog", "cat", "dog", "emu"], "split": ["train", "valid", "Training", "test"],
        "patient_id": [7, 7, 8, 9], "sample_weight": [1.0, 2.5, 1.0, 0.0], "age": [3, 4, 5, 6],
        "site": ["x", "y", "x", None],
    })  # fmt: skip
    data = af.from_dataframe(df, root=photos)
    assert (len(data), data.classes, labels(data), values(data)) == (2, ("cat", "dog", "emu"), [1, 1], [0, 2])
    assert sorted(data.parts) == ["test", "train", "val"] and data.part == "train"
    assert data.paths == (str(photos / "a.png"), str(photos / "deep" / "c.png"))
    assert data.groups is not None and data.groups.tolist() == [7, 8]
    val = af.from_dataframe(df, root=photos, part="val")
    assert val.sample_weights is not None and val.sample_weights.tolist() == [2.5] and labels(val) == [0]
    assert data[1].targets == {"age": 5, "site": "x"} and data.parts["test"][0].targets["site"] is None
    assert data[0].path == str(photos / "a.png") and data[0].image.shape == (*SIZE, 3) and data[0].label == 1


@pytest.mark.parametrize("make", FRAMES)
@pytest.mark.parametrize(
    ("column", "options", "wanted", "classes"),
    [
        ([3, 1, 0, 3], {}, [3, 1, 0, 3], None),
        ([3, 1, 0, 3], {"classes": "abcd"}, [3, 1, 0, 3], ("a", "b", "c", "d")),
        ([True, False, True, True], {}, [1, 0, 1, 1], None),
        ([0.5, 1.5, -2.0, 0.0], {}, [0.5, 1.5, -2.0, 0.0], None),
        ([["x", "z"], ["y"], [], ["z"]], {}, [[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]], ("x", "y", "z")),
        ([[0, 2], [1], [], [2]], {"classes": "xyz"}, [[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]], ("x", "y", "z")),
        ([[0, 1], [1, 0], [1, 1], [0, 0]], {"classes": "xy"}, [[0, 1], [1, 0], [1, 1], [0, 0]], ("x", "y")),
        ([[0.5, 7], [1, 2], [3, 4], [5, 6]], {}, [[0.5, 7], [1, 2], [3, 4], [5, 6]], None),
        (["x|z", "y", "z", "x"], {"separator": "|"}, [[1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]], ("x", "y", "z")),
        (["b", "a", "b", "b"], {"classes": ["b", "a", "c"]}, [0, 1, 0, 0], ("b", "a", "c")),
    ],
)
def test_kinds_of_labels(photos: Path, make: Any, column: Any, options: Any, wanted: Any, classes: Any) -> None:
    options = {name: list(value) if name == "classes" else value for name, value in options.items()}
    data = af.from_dataframe(
        make({"path": [*NAMES], "label": column}, **({} if make is pd.DataFrame else {"strict": False})),
        photos,
        **options,
    )
    assert labels(data) == wanted and data.classes == classes
    assert data.labels is not None and data.labels.dtype == (
        np.float32 if classes and data.labels.ndim > 1 else data.labels.dtype
    )


@pytest.mark.parametrize("make", FRAMES)
def test_several_columns_of_labels(photos: Path, make: Any) -> None:
    df = make({"path": [*NAMES], "cat": [0, 1, 1, 0], "dog": [1, 1, 0, 0], "age": [1.5, 2, 3, 4]})
    hot = af.from_dataframe(df, photos, label=["cat", "dog"])
    assert hot.classes == ("cat", "dog") and labels(hot) == [[0, 1], [1, 1], [1, 0], [0, 0]]
    assert hot[0].targets == {"age": 1.5}
    numbers = af.from_dataframe(df, photos, label=["age", "cat"])
    assert numbers.classes is None and labels(numbers) == [[1.5, 0], [2, 1], [3, 1], [4, 0]]
    none = af.from_dataframe(df, photos)
    assert none.labels is None and none[3].targets == {"cat": 0, "dog": 0, "age": 4.0}


@pytest.mark.parametrize("make", FRAMES)
def test_images_in_the_cells(make: Any) -> None:
    df = make({"image": [encoded(5), encoded(6)], "label": ["x", "y"]})
    data = af.from_dataframe(df)
    assert values(data) == [5, 6] and data.paths is None and data.raw(1) == encoded(6)
    assert values(pickle.loads(pickle.dumps(data))) == [5, 6]
    records = make({"image": [{"bytes": encoded(7), "path": "x.png"}, {"bytes": encoded(8), "path": None}]})
    assert values(af.from_dataframe(records)) == [7, 8]
    broken = af.from_dataframe(make({"image": [encoded(5), b"no image"]}))
    with pytest.raises(af.DecodeError, match="column image, row 1: not an image format"):
        broken[1]


def test_frames_of_pandas_own_kinds(photos: Path) -> None:
    df = pd.DataFrame({
        "path": pd.array([*NAMES], dtype="string"),
        "label": pd.Categorical(["b", "a", "b", "b"], categories=["c", "b", "a"]),
        "n": pd.array([1, None, 3, 4], dtype="Int64"),
    }, index=[9, 9, 1, 1])  # fmt: skip
    data = af.from_dataframe(df, photos)
    assert labels(data) == [1, 0, 1, 1] and data.classes == ("a", "b"), "sorted, like everywhere"
    assert [sample.targets["n"] for sample in data][2:] == [3, 4] and np.isnan(data[1].targets["n"])


def test_without_a_root_names_begin_in_the_current_folder(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "elsewhere").mkdir()
    monkeypatch.chdir(photos / "elsewhere")
    df = pd.DataFrame({"path": ["../a.png", str(photos / "b.png")]})
    assert values(af.from_dataframe(df)) == [0, 1]


def test_other_things_are_no_frames(photos: Path) -> None:
    for thing, words in (({"path": ["a"]}, "got dict"), ("x.csv", r"got str.*af\.open"), (np.zeros(3), "got ndarray")):
        with pytest.raises(af.ImageTypeError, match=words):
            af.from_dataframe(thing)  # type: ignore[arg-type]
    if pl is not None:
        with pytest.raises(af.ImageTypeError, match=r"got LazyFrame.*df\.collect"):
            af.from_dataframe(pl.DataFrame({"path": [*NAMES]}).lazy())  # type: ignore[arg-type]


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "end", "encoding", "delimiter"),
    [
        ("x.csv", "\n", "utf-8", ","),
        ("x.csv", "\r\n", "utf-8-sig", ";"),
        ("x.tsv", "\n", "utf-16", "\t"),
        ("x.csv", "\n", "utf-8", "|"),
    ],
)
def test_csv(photos: Path, name: str, end: str, encoding: str, delimiter: str) -> None:
    rows = (("file name", "Label", "note"), ("a.png", "dög", '"two\nlines"'), ("deep\\c.png", "cat", ""))
    path = table(photos / name, *map(delimiter.join, rows), "", end=end, encoding=encoding)
    data = af.open(path)
    assert data.classes == ("cat", "dög") and labels(data) == [1, 0] and values(data) == [0, 2]
    assert data[0].targets == {"note": "two\nlines"} and data[1].targets == {"note": None}


def test_numbers_of_csv(photos: Path) -> None:
    path = table(
        photos / "x.csv", ",image,label,code,size,ids,list,gap", *(
            f'{i},{name},{i % 2},00{i},1.5e{i},1234567890123456789,"[{i}, 2]",{i if i else ""}'
            for i, name in enumerate(NAMES)
        )
    )  # fmt: skip
    data = af.from_csv(path)
    assert labels(data) == [0, 1, 0, 1] and data.labels is not None and data.labels.dtype == np.int64
    held = data[1].targets
    assert (held["code"], held["size"], held["ids"], held["gap"]) == ("001", 15.0, "1234567890123456789", 1)
    assert held["list"].tolist() == [1, 2] and list(held) == ["code", "size", "ids", "list", "gap"]
    assert np.isnan(data[0].targets["gap"])
    # As a command sees it: numbers of classes get names.
    assert af.open(path).classes == ("0", "1")


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "-3", "+4"],
        ["1.5", "", ".5", "2."],
        ["1e3", "2E-2", "0", "-0.0"],
        ["1", "", "3", "4"],
        ["nan", "1", "2", "inf"],
        ["a", "1", "2", "3"],
        ["1_000", "2", "3", "4"],
        ["0x10", "1", "2", "3"],
        ["1,5", "2", "3", "4"],
        ["x y", '"q"', "é", "1;2"],
    ],
)
def test_cells_as_pandas_reads_them(photos: Path, cells: list[str]) -> None:
    with (photos / "x.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "field"), *zip(NAMES, cells, strict=True)])
    wanted = pd.read_csv(photos / "x.csv")["field"]
    found = [sample.targets["field"] for sample in af.open(photos / "x.csv")]
    if wanted.dtype.kind in "if":
        np.testing.assert_array_equal(np.array(found, float), wanted)
        assert np.array(found).dtype == wanted.dtype
    else:
        assert found == wanted.tolist()


def test_csv_without_a_line_of_names(photos: Path) -> None:
    path = table(photos / "x.csv", "a.png,dog", "b.png,cat")
    with pytest.raises(af.DataError, match=r"first line names an image \('a.png'\).*header=\["):
        af.from_csv(path)
    assert labels(af.from_csv(path, header=["image", "label"])) == [1, 0]
    assert values(af.from_csv(path, root=photos, header=["x", "y"])) == [0, 1], "the only column of images"


def test_the_same_frame_from_memory_and_from_disk(photos: Path) -> None:
    df = pd.DataFrame(
        {"path": [*NAMES], "label": ["x", "y", "x", "y"], "size": [1.5, 2, 3, 4], "part": ["train"] * 3 + ["test"]}
    )
    df.to_csv(photos / "x.csv")
    df.to_json(photos / "x.jsonl", orient="records", lines=True)
    whole = af.from_dataframe(df, photos)
    for other in (af.open(photos / "x.csv"), af.open(photos / "x.jsonl")):
        assert labels(other) == labels(whole) and other.paths == whole.paths and other.classes == whole.classes
        assert [s.targets for s in other] == [s.targets for s in whole] and other.parts.keys() == whole.parts.keys()


def test_masks_of_a_table(photos: Path) -> None:
    for name in NAMES:
        Image.fromarray(np.full(SIZE, 3, np.uint8)).save(photos / name.replace(".png", "_m.png"))
    path = table(photos / "x.csv", "image,mask", *(f"{name},{name.replace('.png', '_m.png')}" for name in NAMES))
    assert all((sample.targets["mask"] == 3).all() and sample.targets["mask"].shape == SIZE for sample in af.open(path))
    (photos / "a_m.png").unlink()
    with pytest.raises(af.DataError, match=r"1 of 4 masks are not there, .*a_m\.png.*line 2.*Did you mean"):
        af.open(path)


# --- JSON Lines -------------------------------------------------------------------------------------------------------


def test_jsonl(photos: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"file_name": "a.png", "labels": ["x"], "extra": {"lens": 50, "place": {"name": "here"}}},
        {"file_name": "b.png", "labels": [], "extra": None, "more": [1, 2]},
    ]
    data = af.open(table(photos / "metadata.jsonl", *map(json.dumps, rows), ""))
    assert labels(data) == [[1], [0]] and data.classes == ("x",)
    first, second = (dict(sample.targets) for sample in data)
    assert first == {"extra.lens": 50, "extra.place.name": "here", "more": None}
    assert second.pop("more").tolist() == [1, 2] and second["extra.place.name"] is None


# --- as data sets -----------------------------------------------------------------------------------------------------


def test_what_data_sets_do(photos: Path) -> None:
    path = table(photos / "x.csv", "image,label,size", *(f"{name},{'xy'[i % 2]},{i}" for i, name in enumerate(NAMES)))
    data = pickle.loads(pickle.dumps(af.open(path)))
    some = data.subset([3, 1]).concat(data.subset([0]))
    assert values(some) == [3, 1, 0] and [sample.targets["size"] for sample in some] == [3, 1, 0]
    batches = [list(af.Loader(data, af.Recipe([af.Rotate()]), batch_size=2, seed=0, workers=w)) for w in (0, 2)]
    for one, other in zip(*batches, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
    assert open_parts(path).title == "x"


def test_commands_take_tables(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{i:02}.png" for i in range(20)]
    pictures(photos / "many", *names)
    rows = (f"many/{name},{'ox'[i % 2]},{'test' if i > 15 else 'train'}" for i, name in enumerate(names))
    path = table(photos / "x.csv", "image,label,split", *rows)
    assert main(["convert", str(path), str(photos / "folder")]) == 0
    assert len(list((photos / "folder" / "train" / "o").iterdir())) == 8
    assert (photos / "folder" / "test" / "o" / "0.png").read_bytes() == encoded(16)
    assert main(["preview", str(path), "--out", str(photos / "p.png")]) == 0
    assert main(["augment", str(path), str(photos / "more")]) == 0
    assert main(["doctor", str(path)]) in (0, 1)
    parts = load_parts(path)
    assert (len(parts.train), len(parts.test), parts.classes) == (16, 4, ("o", "x"))
    capsys.readouterr()
    assert main(["doctor", str(path), "--quarantine", str(photos / "q.txt")]) == 2
    table(photos / "y.csv", "image,size", *(f"many/{name},{i}" for i, name in enumerate(names)))
    assert main(["convert", str(photos / "y.csv"), str(photos / "other")]) == 2
    assert "its images have size, and no class each" in capsys.readouterr().err
