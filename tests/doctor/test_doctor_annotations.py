"""The doctor on boxes and masks: each finding, with its count, its examples and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.doctor import examine
from augfuse.doctor.findings import Finding
from places import DATA

SIZE = (40, 60)


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(path)


def coco(folder: Path, boxes: list[list[list[float]]], **more: Any) -> Path:
    held: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 0, "name": "a"}]}
    for i, own in enumerate(boxes):
        picture(folder / "images" / f"{i}.png", i)
        held["images"].append({"id": i, "file_name": f"{i}.png"})
        for box in own:
            held["annotations"].append({"id": len(held["annotations"]), "image_id": i, "category_id": 0, "bbox": box})
    held["annotations"] += more.pop("more", [])
    path = folder / "instances.json"
    path.write_text(json.dumps(held | more))
    return path


def found(data: Any, code: str) -> Finding | None:
    return next((one for one in examine(data).findings if one.code == code), None)


GOOD = [5.0, 5.0, 20.0, 20.0]


@pytest.mark.parametrize(
    ("code", "boxes", "count", "example"),
    [
        ("AF703", [[[50, 5, 20, 20], GOOD], [[-3, 1, 20, 20]], [[70, 5, 10, 10]]], 3, "0.png: box 0 [50, 5, 70, 25]"),
        ("AF703", [[[40.4, 20.4, 20, 20]]], 0, ""),
        ("AF705", [[GOOD, GOOD, [5, 5, 20, 21]], [GOOD, GOOD, GOOD]], 2, "0.png: box 0 [5, 5, 25, 25]"),
        ("AF705", [[GOOD], [GOOD]], 0, ""),
        ("AF706", [[[5, 5, 3.9, 20], GOOD], [[5, 5, 20, 1]], [[5, 5, 4, 4]]], 2, "0.png: box 0 [5, 5, 8.9, 25]"),
        ("AF708", [[], [GOOD], []], 2, "0.png"),
    ],
)  # fmt: skip
def test_boxes(tmp_path: Path, code: str, boxes: Any, count: int, example: str) -> None:
    seen = found(coco(tmp_path, boxes), code)
    if not count:
        assert seen is None
        return
    assert seen is not None and seen.count == count and example in seen.examples[0]


def test_boxes_without_area(tmp_path: Path) -> None:
    seen = found(coco(tmp_path, [[[5, 5, 0, 20], GOOD], [[5, 5, 3, 0]]]), "AF704")
    assert seen is not None and seen.count == 2 and "annotation 0" in seen.examples[0]
    picture(tmp_path / "yolo" / "images" / "train" / "0.png", 0)
    (tmp_path / "yolo" / "labels" / "train").mkdir(parents=True)
    (tmp_path / "yolo" / "labels" / "train" / "0.txt").write_text("0 0.5 0.5 0 0.5\n0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "yolo" / "data.yaml").write_text("train: images/train\nnames: [a]\n")
    seen = found(tmp_path / "yolo" / "data.yaml", "AF704")
    assert seen is not None and seen.count == 1 and "box 0 [30, 10, 30, 30]" in seen.examples[0]


def test_coco_objects_that_cannot_be_used(tmp_path: Path) -> None:
    bad = [
        {"id": 90, "image_id": 0, "category_id": 7, "bbox": GOOD},
        {"id": 91, "image_id": 5, "category_id": 0, "bbox": GOOD},
        {"id": 92, "image_id": 0, "category_id": 0, "bbox": [1, 1, -4, 4]},
        {"id": 93, "image_id": 0, "category_id": 9, "bbox": GOOD},
    ]
    path = coco(tmp_path, [[GOOD]], more=bad)
    findings = [one for one in examine(path).findings if one.code in ("AF701", "AF702")]
    assert [(one.code, one.count) for one in findings] == [("AF701", 1), ("AF701", 1), ("AF702", 2)]
    assert "annotation 91 is of image 5" in findings[0].examples[0] and "annotation 92" in findings[1].examples[0]
    words = [example.split(": ")[1] for example in findings[2].examples]
    assert words == [f"annotation {k} is of category {n}, which is not there." for k, n in ((90, 7), (93, 9))]
    with pytest.raises(af.DataError, match="annotation 91"):
        af.open(path)


def test_yolo_lines_that_cannot_be_used(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "train" / "0.png", 0)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train" / "0.txt").write_text("0 0.5 0.5 0.5 0.5\n1 .5 .5 .5 .5\n0 .5 .5\n0 .5 x .5 .5\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [a]\n")
    findings = {one.code: one for one in examine(tmp_path / "data.yaml").findings}
    assert findings["AF702"].count == 1 and "0.txt, line 2: class 1 has no name" in findings["AF702"].examples[0]
    assert findings["AF701"].count == 2 and "0.txt, line 3: got 2 numbers" in findings["AF701"].examples[0]


def test_voc_objects_that_cannot_be_used(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "JPEGImages" / f"{i}.png", i)
    (tmp_path / "Annotations").mkdir()
    box = "<bndbox><xmin>9</xmin><ymin>2</ymin><xmax>{}</xmax><ymax>30</ymax></bndbox>"
    things = "".join(f"<object><name>a</name>{box.format(right)}</object>" for right in (5, 40))
    (tmp_path / "Annotations" / "0.xml").write_text(f"<annotation>{things}<object/></annotation>")
    (tmp_path / "Annotations" / "1.xml").write_text("<annotation>")
    (tmp_path / "Annotations" / "9.xml").write_text("<annotation/>")
    findings = [one for one in examine(tmp_path).findings if one.code in ("AF701", "AF702")]
    words = " ".join(example for one in findings for example in one.examples)
    assert [one.count for one in findings] == [1, 1, 1, 1]
    for part in ("0.xml: object 0 (a) is upside down", "1.xml: not a readable XML", "9.xml: there is no image 9",
                 "0.xml: object 2 has no name"):  # fmt: skip
        assert part in words


def test_classes_without_a_box(tmp_path: Path) -> None:
    names = [{"id": k, "name": name} for k, name in enumerate("abc")]
    seen = found(coco(tmp_path, [[GOOD]], categories=names), "AF707")
    assert seen is not None and seen.count == 2 and seen.examples == ("b", "c") and "2 classes of 3" in seen.message


def pairs(folder: Path, masks: list[np.ndarray], names: tuple[str, str] = ("images", "masks")) -> Path:
    for i, mask in enumerate(masks):
        picture(folder / names[0] / f"{i}.png", i)
        (folder / names[1]).mkdir(exist_ok=True)
        Image.fromarray(mask).save(folder / names[1] / f"{i}.png")
    return folder


def test_masks_of_other_sizes(tmp_path: Path) -> None:
    good, other = np.zeros(SIZE, np.uint8), np.zeros((20, 60), np.uint8)
    seen = found(pairs(tmp_path, [good, other, other]), "AF709")
    assert seen is not None and seen.count == 2
    assert "1.png: the mask has 20x60 pixels, its image 40x60" in seen.examples[0]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [((0, 255), "0, 255"), ((255,), "255"), ((0, 1, 255), ""), (range(11), ""), ((0, 2), ""), ((0, 6, 7), ""),
     ((0, 100, 200), "0, 100, 200")],
)  # fmt: skip
def test_values_of_masks(tmp_path: Path, values: Any, wrong: str) -> None:
    masks = [np.random.default_rng(i).choice(np.array(values, np.uint8), SIZE) for i in range(2)]
    seen = found(pairs(tmp_path, masks), "AF710")
    assert (seen is None) == (not wrong)
    if seen is not None:
        assert f"hold the values {wrong}, which are far apart" in seen.message


def test_values_of_masks_without_a_class(tmp_path: Path) -> None:
    masks = [np.array([0, 1, 255, 5], np.uint8).repeat(600).reshape(SIZE)]
    folder = pairs(tmp_path, masks)
    data = af.from_pairs(folder / "images", folder / "masks", classes=("a", "b", "c"))
    seen = found(data, "AF710")
    assert (
        seen is not None and seen.examples[0].startswith("5: 600 pixels, first in ") and "of 3 classes" in seen.message
    )


@pytest.mark.parametrize("names", [("images", "masks"), ("JPEGImages", "SegmentationClass"), ("img", "gt")])
def test_images_and_masks_are_not_two_classes(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = pairs(tmp_path, [np.eye(*SIZE, dtype=np.uint8)] * 3, names)
    seen = found(folder, "AF711")
    if names == ("images", "masks"):  # opened as what they are
        assert seen is None and found(folder, "AF301") is None
        return
    assert seen is not None and seen.count == 3 and f"{names[0]} and {names[1]} hold 3 files" in seen.message
    assert f"af.from_pairs(.../{names[0]}, .../{names[1]})" in seen.advice


@pytest.mark.parametrize(("name", "call"), [("labels.txt", "from_yolo"), ("annotations_xml.xml", "from_voc")])
def test_images_and_labels_are_not_classes(tmp_path: Path, name: str, call: str) -> None:
    folder, suffix = name.split(".")
    for i in range(3):
        picture(tmp_path / "photos" / f"{i}.png", i)
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{i}.{suffix}").write_text("")
    seen = found(tmp_path, "AF711")
    assert seen is not None and seen.count == 3 and "images and their labels" in seen.message and call in seen.advice


def test_classes_of_the_same_names_are_classes(tmp_path: Path) -> None:
    for name in ("cat", "mask"):
        for i in range(3):
            picture(tmp_path / name / f"{name}{i}.png", i)
    assert found(tmp_path, "AF711") is None


def test_exit_codes_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = coco(tmp_path / "bad", [[[50, 5, 20, 20]], [GOOD]])
    assert main(["doctor", str(bad), "--json", "-"]) == 1
    said = json.loads(capsys.readouterr().out)
    (seen,) = [one for one in said["findings"] if one["code"] == "AF703"]
    assert seen["count"] == 1 and seen["page"].endswith("#af703") and said["classes"] == ["a"]
    good = coco(tmp_path / "good", [[GOOD], []])
    assert main(["doctor", str(good)]) == 0
    assert "AF708" in capsys.readouterr().out
    (tmp_path / "good" / "instances.json").write_text("{")
    assert main(["doctor", str(good)]) == 2


DATA = DATA / "boxes_masks"


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the annotated sets: set AUGFUSE_TEST_DATA")
@pytest.mark.parametrize(
    ("name", "codes"),
    [("bccd", set()), ("camvid", set()), ("membrane", {"AF710"})],
)
def test_real_sets(name: str, codes: set[str]) -> None:
    seen = {one.code for one in examine(DATA / name).findings if one.code.startswith("AF7")}
    assert seen == codes
