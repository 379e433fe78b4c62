"""Boxes of tables: a box in each row, lists of boxes, and what their numbers mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from places import DATA
from table_cases import SIZE, pictures, table

VOC = DATA / "boxes_masks" / "bccd"
HEIGHT, WIDTH = SIZE


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return pictures(tmp_path, "a.png", "b.png", "c.png")


def boxes(sample: af.Sample) -> list[list[float]]:
    return sample.targets["boxes"].tolist()


def test_a_box_in_each_row(photos: Path) -> None:
    path = table(
        photos / "x.csv",
        "image,xmin,ymin,xmax,ymax,class,hidden,split,who",
        "b.png,1,2,11,12,dog,0,train,ann",
        "a.png,3,4,5,6.5,cat,1,test,ann",
        "b.png,0,0,40,30,cat,1,train,bob",
        "c.png,,,,,,,train,",
    )
    data = af.open(path)
    assert (len(data), data.classes, data.labels) == (2, ("cat", "dog"), None)
    assert boxes(data[0]) == [[1, 2, 11, 12], [0, 0, 40, 30]] and data[0].targets["box_labels"].tolist() == [1, 0]
    assert data[0].targets["hidden"].tolist() == [0, 1] and data[0].targets["who"] == ["ann", "bob"]
    assert data[1].targets["boxes"].shape == (0, 4) and data[1].targets["boxes"].dtype == np.float32
    assert data[1].targets["box_labels"].dtype == np.int64 and data[1].targets["who"] == []
    assert boxes(data.parts["test"][0]) == [[3, 4, 5, 6.5]]
    assert [int(sample.image[0, 0, 0]) for sample in data] == [1, 2], "images in the order in which they come"


@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        ("pascal_voc", [4, 3, 20, 18]),
        ("coco", [4, 3, 16, 15]),
        ("albumentations", [4 / WIDTH, 3 / HEIGHT, 20 / WIDTH, 18 / HEIGHT]),
        ("yolo", [12 / WIDTH, 10.5 / HEIGHT, 16 / WIDTH, 15 / HEIGHT]),
    ],
)
@pytest.mark.parametrize("as_lists", [False, True])
def test_what_the_numbers_mean(photos: Path, form: Any, numbers: list[float], as_lists: bool) -> None:
    if as_lists:
        path = table(photos / "x.jsonl", json.dumps({"image": "a.png", "bbox": [numbers], "box_labels": [2]}))
        data = af.from_jsonl(path, box_format=form)
    else:
        path = table(photos / "x.csv", "image,p,q,r,s,label", f"a.png,{','.join(map(str, numbers))},2")
        data = af.from_csv(path, boxes=["p", "q", "r", "s"], box_format=form)
    np.testing.assert_allclose(data[0].targets["boxes"], [[4, 3, 20, 18]], rtol=1e-6)
    assert data[0].targets["box_labels"].tolist() == [2] and data.classes is None


def test_numbers_that_may_mean_two_things(photos: Path) -> None:
    path = table(photos / "x.jsonl", json.dumps({"image": "a.png", "bbox": [[1, 2, 3, 4]]}))
    with pytest.raises(af.DataError, match=r"'bbox': what do the numbers mean\? Type box_format='pascal_voc'"):
        af.open(path)
    path = table(photos / "x.csv", "image,xmin,ymin,xmax,ymax", "a.png,0.1,0.2,0.5,0.9")
    with pytest.raises(af.DataError, match="between 0 and 1: fractions or pixels"):
        af.open(path)
    assert boxes(af.from_csv(path, box_format="albumentations")[0])[0][2] == pytest.approx(0.5 * WIDTH)
    assert boxes(af.from_csv(path, box_format="pascal_voc")[0])[0][2] == pytest.approx(0.5)
    path = table(photos / "x.csv", "image,xmin,ymin,xmax,ymax,x,y,w,h", "a.png,1,2,5,9,1,2,4,7")
    with pytest.raises(af.DataError, match=r"may each be the boxes\. Type boxes="):
        af.open(path)
    assert boxes(af.from_csv(path, boxes=["x", "y", "w", "h"])[0]) == [[1, 2, 5, 9]]


def test_the_lists_of_hugging_face(photos: Path) -> None:
    for objects in (
        {"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "category": ["dog", "cat"]},
        [{"bbox": [1, 2, 3, 4], "category": "dog"}, {"bbox": [5, 6, 7, 8], "category": "cat"}],
    ):
        rows: list[Any] = [{"file_name": "a.png", "objects": objects}, {"file_name": "b.png", "objects": None}]
        data = af.open(table(photos / "metadata.jsonl", *map(json.dumps, rows)))
        assert boxes(data[0]) == [[1, 2, 4, 6], [5, 6, 12, 14]] and boxes(data[1]) == [], "as COCO writes boxes"
        assert data.classes == ("cat", "dog") and data[0].targets["box_labels"].tolist() == [1, 0]


def test_lists_in_the_cells_of_csv(photos: Path) -> None:
    path = table(photos / "x.csv", "image,boxes,box_labels", 'a.png,"[[1, 2, 3, 4]]",[1]', "b.png,,")
    data = af.open(path)
    assert boxes(data[0]) == [[1, 2, 3, 4]] and boxes(data[1]) == [] and data[0].targets["box_labels"].tolist() == [1]


def test_boxes_without_area_are_counted(photos: Path) -> None:
    path = table(photos / "x.csv", "image,x1,y1,x2,y2,label", "a.png,1,1,1,5,u", "a.png,1,1,2,5,v", "b.png,1,1,5,1,u")
    with pytest.warns(af.AugfuseWarning, match=r"2 boxes without area are left out, the first is in .*line 2"):
        data = af.open(path)
    assert boxes(data[0]) == [[1, 1, 2, 5]] and boxes(data[1]) == [] and data.classes == ("u", "v")
    assert data[0].targets["box_labels"].tolist() == [1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a.png,5,1,4,9,x"], r"line 2: the box 5, 1, 4, 9 is upside down"),
        (["a.png,1,1,4,9,x", "a.png,1,1,inf,9,x"], r"line 3: the box 1, 1, inf, 9 is not finite"),
        (["a.png,1,,4,9,x"], "line 2: 'y1' is empty, wanted four numbers"),
        (["a.png,1,two,4,9,x"], "line 2: 'y1' is 'two', wanted a number"),
        (["a.png,1,1,4,9,"], "line 2: 'label' of a box is None, wanted a name"),
        (["a.png,1,1,4,9,1.5"], "line 2: 'label' of a box is 1.5, wanted a name or a whole number"),
        (["a.png,1,1,4,9,-1"], "line 2: label -1 has no name"),
    ],
)
def test_boxes_that_cannot_be_used(photos: Path, lines: list[str], words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        af.open(table(photos / "x.csv", "image,x1,y1,x2,y2,label", *lines))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"boxes": [[1, 2, 3]]}, r"line 1: 'boxes' is \[\[1, 2, 3\]\], wanted a list of boxes"),
        ({"boxes": [1, 2, 3, 4]}, "wanted a list of boxes, four numbers each"),
        ({"boxes": [[1, 2, 3, "4x"]]}, "wanted a list of boxes, four numbers each"),
        ({"boxes": [[1, 2, 3, 4]], "box_labels": [1, 2]}, "'box_labels' holds 2 labels for 1 boxes"),
        ({"boxes": [[1, 2, 3, 4]], "box_labels": 1}, "'box_labels' holds 1 for 1 boxes, wanted a list"),
        ({"boxes": [[1, 2, 3, 4]], "box_labels": ["a"], "label": "b"}, "have different classes"),
    ],
)
def test_lists_that_cannot_be_used(photos: Path, row: dict[str, Any], words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        af.open(table(photos / "x.jsonl", json.dumps({"image": "a.png", **row})))


def test_pixels_called_fractions(photos: Path) -> None:
    path = table(photos / "x.csv", "image,x1,y1,x2,y2", "a.png,1,1,4,9")
    with pytest.raises(
        af.DataError, match="boxes reach 9, wanted fractions of the width and height for albumentations"
    ):
        af.from_csv(path, box_format="albumentations")


def test_split_by_the_classes_of_boxes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"{i:03}.png" for i in range(200)]
    pictures(tmp_path, *(["x.png"]))
    for name in names:
        (tmp_path / name).write_bytes((tmp_path / "x.png").read_bytes())
    rows = [
        f"{name},1,1,5,5,{'rare' if kind == 0 else 'often' if kind < 8 else 'common'}"
        for name in names
        for kind in rng.integers(0, 24, rng.integers(1, 6)).tolist()
    ]
    data = af.open(table(tmp_path / "x.csv", "image,x1,y1,x2,y2,label", *rows))

    def shares(stratify: bool | str, seed: int) -> np.ndarray:
        _, held = data.split(0.2, seed=seed, stratify=stratify)
        counts = [np.bincount(np.concatenate([s.targets["box_labels"] for s in d]), minlength=3) for d in (held, data)]
        return counts[0] / counts[1]

    by_class = np.array([np.abs(shares("box_labels", seed) - 0.2).max() for seed in range(3)])
    by_chance = np.array([np.abs(shares(True, seed) - 0.2).max() for seed in range(3)])
    assert by_class.max() < 0.03 < by_chance.mean()
    with pytest.raises(af.RangeError, match=r"stratify: got 'box_label', wanted .* Did you mean 'box_labels'"):
        data.split(0.2, stratify="box_label")
    with pytest.raises(af.DataError, match=r"split: boxes: holds float32 of shape \(\d+, 4\), wanted numbers or names"):
        data.split(0.2, stratify="boxes")


@pytest.mark.skipif(not VOC.is_dir(), reason="needs the annotated sets: set AUGFUSE_TEST_DATA")
def test_the_same_boxes_as_those_of_their_annotations(tmp_path: Path) -> None:
    voc = af.from_voc(VOC / "Annotations", VOC / "JPEGImages")
    assert voc.paths is not None and voc.classes is not None
    lines = ["filename,xmin,ymin,xmax,ymax,class"]
    for path, sample in zip(voc.paths, voc, strict=True):
        for box, label in zip(boxes(sample), sample.targets["box_labels"].tolist(), strict=True):
            lines.append(f"{Path(path).name},{','.join(map(str, box))},{voc.classes[label]}")
    data = af.from_csv(table(tmp_path / "x.csv", *lines), root=VOC / "JPEGImages")
    assert data.paths == voc.paths and data.classes == voc.classes
    for mine, theirs in zip(data, voc, strict=True):
        np.testing.assert_array_equal(mine.targets["boxes"], theirs.targets["boxes"])
        np.testing.assert_array_equal(mine.targets["box_labels"], theirs.targets["box_labels"])
