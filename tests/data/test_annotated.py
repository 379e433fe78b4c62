"""Data sets with boxes, polygons, key points and masks: Pascal VOC, YOLO, COCO, pairs of files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from places import DATA

DATA = DATA / "boxes_masks"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the annotated sets: set AUGFUSE_TEST_DATA")
SIZE = (30, 40)  # height, width


def picture(path: Path, value: int = 0, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def boxes(sample: af.Sample) -> list[list[float]]:
    return sample.targets["boxes"].tolist()


# --- Pascal VOC -------------------------------------------------------------------------------------------------------

THING = "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{0}</xmin><ymin>{1}</ymin>" \
    "<xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"  # fmt: skip


def thing(name: str, *sides: float, difficult: int = 0) -> str:
    return THING.format(*sides, name=name, difficult=difficult)


def annotation(path: Path, *things: str, head: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}<annotation><filename>wrong.jpg</filename>{''.join(things)}</annotation>")
    return path


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    for i in range(3):
        picture(tmp_path / "JPEGImages" / f"{i}.png", i)
    annotation(tmp_path / "Annotations" / "0.xml", thing("dog", 1, 1, 40, 30), thing("cat", 3, 4, 10, 12, difficult=1))
    annotation(tmp_path / "Annotations" / "2.xml", thing("dog", 5.5, 6, 7, 8))
    return tmp_path


def test_voc(voc: Path) -> None:
    data = af.from_voc(voc / "Annotations", voc / "JPEGImages")
    assert (len(data), data.classes, data.labels) == (3, ("cat", "dog"), None)
    assert (
        boxes(data[0]) == [[0, 0, 40, 30], [2, 3, 10, 12]]
        and boxes(data[1]) == []
        and boxes(data[2]) == [[4.5, 5, 7, 8]]
    )
    assert data[0].targets["box_labels"].tolist() == [1, 0] and data[0].targets["difficult"].tolist() == [False, True]
    assert data[1].targets["boxes"].shape == (0, 4) and data[1].targets["boxes"].dtype == np.float32
    assert af.from_voc(voc / "Annotations", voc / "JPEGImages", classes=("dog", "cat"))[0].targets[
        "box_labels"].tolist() == [0, 1]  # fmt: skip


@pytest.mark.parametrize(
    ("things", "head", "words"),
    [
        ((thing("a", 5, 1, 4, 9),), "", r"object 0 \(a\) is upside down: xmin 5, ymin 1, xmax 4, ymax 9"),
        ((thing("a", 1, 1, 4, 9), thing("b", 1, 1, "x", 9)), "", r"xmax of object 1 \(b\) is 'x', wanted a number"),  # type: ignore
        (("<object><name>a</name></object>",), "", r"object 0 \(a\) has no bndbox"),
        (("<object><bndbox/></object>",), "", "object 0 has no name"),
        ((), '<!DOCTYPE a [<!ENTITY b "c">]>', "declares entities, which are not expanded"),
        (("&b;",), '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', "declares entities"),
        (("<a>" * 50 + "</a>" * 50,), "", "elements lie more than 32 deep"),
        (("<a>",), "", "not a readable XML file"),
    ],
)
def test_voc_files_that_cannot_be_used(voc: Path, things: tuple[str, ...], head: str, words: str) -> None:
    annotation(voc / "Annotations" / "1.xml", *things, head=head)
    with pytest.raises(af.DataError, match=rf"1\.xml: {words}"):
        af.from_voc(voc / "Annotations", voc / "JPEGImages")


def test_voc_without_its_image(voc: Path) -> None:
    annotation(voc / "Annotations" / "7.xml", thing("a", 1, 1, 2, 2))
    with pytest.raises(af.DataError, match=r"7\.xml: there is no image 7"):
        af.from_voc(voc / "Annotations", voc / "JPEGImages")
    with pytest.raises(af.DataError, match="class 'a' is not in classes"):
        (voc / "Annotations" / "7.xml").rename(voc / "Annotations" / "1.xml")
        af.from_voc(voc / "Annotations", voc / "JPEGImages", classes=("dog", "cat"))
    with pytest.raises(af.DataNotFoundError, match="no such folder, wanted one of annotations"):
        af.from_voc(voc / "nothing", voc / "JPEGImages")


# --- YOLO -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        for i in range(2):
            picture(tmp_path / "images" / part / f"{i}.png", i)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "val").mkdir()
    (tmp_path / "labels" / "train" / "0.txt").write_text("1 0.5 0.5 1 1\n\n0 0.25 0.5 0.1 0.2\n")
    (tmp_path / "labels" / "val" / "1.txt").write_text("")
    (tmp_path / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\nnames: {0: cat, 1: dog}\nnc: 2\n"
    )
    return tmp_path


def test_yolo_boxes(yolo: Path) -> None:
    data = af.from_yolo(yolo / "data.yaml")
    assert (data.classes, data.part, list(data.parts), len(data)) == (("cat", "dog"), "train", ["train", "val"], 2)
    np.testing.assert_allclose(boxes(data[0]), [[0, 0, 40, 30], [8, 12, 12, 18]], atol=1e-5)
    assert data[0].targets["box_labels"].tolist() == [1, 0] and boxes(data[1]) == []
    again = af.from_yolo(yolo / "images" / "train", yolo / "labels" / "train", names=["cat", "dog"])
    np.testing.assert_array_equal(again[0].targets["boxes"], data[0].targets["boxes"])
    assert len(af.from_yolo(yolo / "data.yaml", part="val")) == 2


def test_yolo_lists_of_files(yolo: Path) -> None:
    (yolo / "train.txt").write_text("./images/train/1.png\n\nimages/train/0.png\n")
    (yolo / "data.yaml").write_text("train: [train.txt, images/val]\nnames: [cat, dog]\n")
    data = af.from_yolo(yolo / "data.yaml")
    assert data.paths is not None
    assert [str(Path(path).relative_to(yolo / "images")) for path in data.paths] == [
        "train/1.png", "train/0.png", "val/0.png", "val/1.png"]  # fmt: skip
    assert [len(boxes(sample)) for sample in data] == [0, 2, 0, 0]


def test_yolo_polygons_corners_and_poses(yolo: Path) -> None:
    labels = yolo / "labels" / "train" / "0.txt"
    labels.write_text("1 0 0 0.5 0 0.5 1\n0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2\n")
    data = af.from_yolo(yolo / "data.yaml", kind="polygons")
    first, second = data[0].targets["polygons"]
    np.testing.assert_allclose(first, [[0, 0], [20, 0], [20, 30]], atol=1e-5)
    assert second.shape == (4, 2) and data[1].targets["polygons"] == []
    np.testing.assert_allclose(boxes(data[0])[0], [0, 0, 20, 30], atol=1e-5)

    labels.write_text("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2\n")
    corners = af.from_yolo(yolo / "data.yaml", kind="oriented")[0].targets["corners"]
    np.testing.assert_allclose(corners, [[[4, 3], [8, 3], [8, 6], [4, 6]]], atol=1e-5)

    labels.write_text("0 0.5 0.5 1 1 0.25 0.5 2 0.75 1 0\n")
    with (yolo / "data.yaml").open("a") as file:
        file.write("kpt_shape: [2, 3]\nflip_idx: [1, 0]\n")
    points = af.from_yolo(yolo / "data.yaml")[0].targets["keypoints"]
    np.testing.assert_allclose(points, [[[10, 15, 2], [30, 30, 0]]], atol=1e-5)


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("2 0.5 0.5 1 1", "boxes", "class 2 has no name; with 2 classes they go from 0 to 1"),
        ("0.5 0.5 0.5 1 1", "boxes", "class 0.5 has no name"),
        ("0 0.5 0.5 1", "boxes", "got 3 numbers behind the class, wanted 4 numbers"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "boxes", 'type kind="polygons"'),
        ("0 0.5 0.5 1 1", "polygons", 'type kind="boxes"'),
        ("0 0.5 0.5 1 x", "boxes", "wanted numbers"),
        ("0 0.5 0.5 nan 1", "boxes", "wanted numbers"),
        ("0 0.5 0.5 -1 1", "boxes", "the box is -1 wide and 1 high"),
        ("0 0 0 1 1 2 2 3 3 4 4", "oriented", "wanted 8 numbers: the four corners"),
    ],
)
def test_yolo_lines_that_cannot_be_used(yolo: Path, line: str, kind: Any, words: str) -> None:
    (yolo / "labels" / "train" / "0.txt").unlink()
    (yolo / "labels" / "train" / "1.txt").write_text(f"\n{line}\n")
    with pytest.raises(af.DataError, match=rf"1\.txt, line 2: .*{words}"):
        af.from_yolo(yolo / "data.yaml", kind=kind)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: images/train\n", "has no names"),
        ("train: images/train\nnames: {0: a, 2: b}\n", "wanted 0, 1, 2"),
        ("train: images/train\nnames: [a, a]\n", "'a' is there twice"),
        ("train: images/train\nnames: [a]\nnc: 2\n", "nc is 2 and there are 1 names"),
        ("names: [a]\n", "has no train, val or test"),
        ("train: images/nothing\nnames: [a]\n", "no such folder or text file"),
        ("train: labels\nnames: [a]\n", "holds no images"),
        ("train: images/train\nnames: [a, b]\nkpt_shape: [0, 3]\n", "kpt_shape is"),
        ("train: images/train\nnames: [a, b]\nkpt_shape: [2, 3]\nflip_idx: [0, 0]\n", "flip_idx is"),
        ("train: {}\n  : [", "not a readable data.yaml"),
    ],
)
def test_yolo_descriptions_that_cannot_be_used(yolo: Path, text: str, words: str) -> None:
    (yolo / "data.yaml").write_text(text)
    with pytest.raises((af.DataError, af.DataNotFoundError), match=words):
        af.from_yolo(yolo / "data.yaml")


def test_yolo_labels_without_their_image(yolo: Path) -> None:
    (yolo / "labels" / "train" / "9.txt").write_text("0 0.5 0.5 1 1")
    with pytest.raises(af.DataError, match=r"9\.txt: there is no image 9"):
        af.from_yolo(yolo / "images" / "train", yolo / "labels" / "train", names=["cat", "dog"])
    with pytest.raises(af.DataError, match="names: got none"):
        af.from_yolo(yolo / "images" / "train")


# --- COCO -------------------------------------------------------------------------------------------------------------


def coco(folder: Path, **changes: Any) -> Path:
    for i in range(3):
        picture(folder / "images" / f"{i}.png", i)
    held: dict[str, Any] = {
        "info": {"year": 2026},
        "images": [{"id": 10 * i, "file_name": f"{i}.png", "height": 30, "width": 40} for i in range(3)],
        "categories": [{"id": 9, "name": "dog", "supercategory": "animal"}, {"id": 3, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 20, "category_id": 9, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0,
             "segmentation": [[1, 2, 4, 2, 4, 6], [0, 0, 1, 0, 1, 1, 0, 1]], "keypoints": [1, 2, 2, 0, 0, 0]},
            {"id": 2, "image_id": 0, "category_id": 3, "bbox": [0.5, 0, 10, 10]},
            {"id": 3, "image_id": 20, "category_id": 3, "bbox": [5, 5, 6, 6], "area": 30.5, "iscrowd": 1,
             "segmentation": {"counts": [1, 1199], "size": [30, 40]}},
        ],
    }  # fmt: skip
    path = folder / "instances.json"
    path.write_text(json.dumps(held | changes))
    return path


def test_coco(tmp_path: Path) -> None:
    data = af.from_coco(coco(tmp_path))
    assert (len(data), data.classes) == (3, ("cat", "dog"))
    assert [boxes(sample) for sample in data] == [[[0.5, 0, 10.5, 10]], [], [[1, 2, 4, 6], [5, 5, 11, 11]]]
    found = data[2].targets
    assert found["box_labels"].tolist() == [1, 0] and found["crowd"].tolist() == [False, True]
    assert found["area"].tolist() == [12, 30.5] and found["keypoints"].tolist() == [
        [[1, 2, 2], [0, 0, 0]],
        [[0] * 3] * 2,
    ]
    (one, other), crowd = found["polygons"]
    assert one.tolist() == [[1, 2], [4, 2], [4, 6]] and len(other) == 4 and crowd == []
    assert data[1].targets["polygons"] == [] and data[1].targets["keypoints"].shape == (0, 2, 3)
    np.testing.assert_array_equal(data[2].image, np.full((*SIZE, 3), 2))


def test_subsets_joins_and_pickles_keep_their_targets(tmp_path: Path) -> None:
    data = af.from_coco(coco(tmp_path))
    few = data.subset([2, 0, 2])
    assert [boxes(sample) for sample in few] == [boxes(data[2]), boxes(data[0]), boxes(data[2])]
    both = pickle.loads(pickle.dumps(few.concat(data)))
    assert [boxes(sample) for sample in both] == [boxes(s) for s in (*few, *data)]
    rest, held_out = data.split(0.3, seed=0)
    assert sorted(len(boxes(sample)) for part in (rest, held_out) for sample in part) == [0, 1, 2]
    with pytest.raises(af.DataError, match="different targets"):
        data.concat(af.from_arrays(np.zeros((1, 4, 4, 3), np.uint8), classes=("cat", "dog")))


def test_coco_boxes_without_area_are_counted(tmp_path: Path) -> None:
    path = coco(tmp_path, annotations=[{"id": 7, "image_id": 0, "category_id": 3, "bbox": [1, 1, 0, 5]},
                                       {"id": 8, "image_id": 0, "category_id": 3, "bbox": [1, 1, 2, 5]}])  # fmt: skip
    with pytest.warns(af.AugfuseWarning, match="1 boxes without area are left out, the first is that of annotation 7"):
        data = af.from_coco(path)
    assert boxes(data[0]) == [[1, 1, 3, 6]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"annotations": [{"id": 1, "image_id": 5, "category_id": 3, "bbox": [1, 1, 1, 1]}]}, "of image 5, which"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 4, "bbox": [1, 1, 1, 1]}]}, "of category 4, which"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [1, 1, -1, 1]}]}, "1 is upside down"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [1, 1, 1]}]},
         r"the object with id 1 is not as wanted: .* of length 4 - at `\$\.bbox`"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 3}]}, "annotation 1 has no bbox"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [1, 1, 1, 1]}] * 2}, "annotation id 1 is"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [1, 1, 1, 1], "segmentation": [[1, 2]]}]},
         "a ring of 2 numbers"),
        ({"annotations": [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [1, 1, 1, 1], "segmentation": [1]}]},
         r"the object with id 1 is not as wanted: .*`array`, got `int` - at `\$\.segmentation\[0\]`"),
        ({"images": [{"id": 0, "file_name": "0.png"}] * 2, "annotations": []}, "image id 0 is there twice"),
        ({"images": [{"id": 0, "file_name": "../0.png"}], "annotations": []}, "wanted one below the folder"),
        ({"images": [{"id": 0, "file_name": "/0.png"}], "annotations": []}, "wanted one below the folder"),
        ({"images": [{"id": 0, "file_name": "7.png"}], "annotations": []}, "names 1 of 1 images that are not in"),
        ({"images": [], "annotations": []}, "holds no images"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}], "annotations": []}, "two categories are"),
        ({"images": 3}, "not COCO's JSON"),
    ],
)  # fmt: skip
def test_coco_files_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        af.from_coco(coco(tmp_path, **changes))


def test_no_coco(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match="no such file, wanted COCO's JSON"):
        af.from_coco(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(af.DataError, match="not COCO's JSON"):
        af.from_coco(tmp_path / "a.json")


# --- masks ------------------------------------------------------------------------------------------------------------

NUMBERS = np.random.default_rng(0).integers(0, 12, SIZE).astype(np.uint8)


def palette(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values).convert("P")
    image.putdata(values.ravel().tolist())
    image.putpalette(np.random.default_rng(1).integers(0, 256, 768).tolist())
    return image


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif"])
@pytest.mark.parametrize("kind", ["palette", "gray"])
def test_masks_are_numbers(tmp_path: Path, suffix: str, kind: str) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    image = palette(NUMBERS) if kind == "palette" else Image.fromarray(NUMBERS)
    image.save(tmp_path / "masks" / f"a.{suffix}")
    with Image.open(tmp_path / "masks" / f"a.{suffix}") as saved:
        wanted = np.asarray(saved)
    mask = af.from_pairs(tmp_path / "images", tmp_path / "masks")[0].targets["mask"]
    np.testing.assert_array_equal(mask, wanted)
    if (suffix, kind) != ("gif", "gray"):  # which has a palette of its own
        np.testing.assert_array_equal(mask, NUMBERS)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_masks_of_few_bits_are_not_scaled(tmp_path: Path, bits: int) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    values = NUMBERS % (1 << bits)
    image = Image.fromarray(values == 1) if bits == 1 else palette(values)
    image.save(tmp_path / "masks" / "a.png", bits=bits)
    mask = af.from_pairs(tmp_path / "images", tmp_path / "masks")[0].targets["mask"]
    np.testing.assert_array_equal(mask, values)


def test_masks_that_cannot_be_used(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "masks" / "a.png")
    data = af.from_pairs(tmp_path / "images", tmp_path / "masks")
    with pytest.raises(af.DecodeError, match=r"masks/a\.png: a PNG with 3 channels, wanted a gray or a palette one"):
        data[0]
    Image.fromarray(NUMBERS[:20]).save(tmp_path / "masks" / "a.png")
    with pytest.raises(af.DecodeError, match=r"the mask has 20x40 pixels, its image 30x40"):
        data[0]
    picture(tmp_path / "images" / "b.png")
    with pytest.raises(af.DataError, match="1 of 2 have no mask, the first is 'b'"):
        af.from_pairs(tmp_path / "images", tmp_path / "masks")
    for name in "bcd":
        Image.fromarray(NUMBERS).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(af.DataError, match="2 of 4 have no image, the first is 'c'"):
        af.from_pairs(tmp_path / "images", tmp_path / "masks")


# --- real sets --------------------------------------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("name", ["bccd", "raccoon"])
def test_real_boxes_lie_in_their_images(name: str) -> None:
    folders = ("Annotations", "JPEGImages") if name == "bccd" else ("annotations", "images")
    data = af.from_voc(*(DATA / name / folder for folder in folders))  # type: ignore
    count = 0
    for sample in data:
        found = sample.targets["boxes"]
        height, width = sample.image.shape[:2]
        assert (found[:, 2:] > found[:, :2]).all() and found.min() >= 0 and (found[:, [0, 2]] <= width).all()
        assert (found[:, [1, 3]] <= height).all()
        count += len(found)
    xml = "".join(path.read_text() for path in (DATA / name / folders[0]).glob("*.xml"))
    assert count == xml.count("<object>") > 30


@needs_data
def test_real_polygons_lie_in_their_boxes() -> None:
    names = [str(number) for number in range(80)]
    for part in ("train", "val"):
        images = DATA / "coco8" / "images" / part
        data = af.from_yolo(images, DATA / "coco8" / "labels_polygons" / part, names, kind="polygons")
        drawn = af.from_yolo(images, DATA / "coco8" / "labels_boxes" / part, names)
        for one, other in zip(data, drawn, strict=True):
            assert one.targets["box_labels"].tolist() == other.targets["box_labels"].tolist()
            np.testing.assert_allclose(one.targets["boxes"], other.targets["boxes"], atol=1.5)


@needs_data
@pytest.mark.parametrize(("name", "numbers"), [("camvid", range(12)), ("membrane", (0, 255))])
def test_real_masks_hold_their_numbers(name: str, numbers: Any) -> None:
    data = af.from_pairs(DATA / name / "images", DATA / name / "masks", color=None)
    found = {number for sample in data for number in np.unique(sample.targets["mask"]).tolist()}
    assert found <= set(numbers) and len(found) > 1


@needs_data
def test_real_palette_masks_are_indices() -> None:
    data = af.from_pairs(DATA / "voc_sample" / "JPEGImages", DATA / "voc_sample" / "SegmentationClass")
    with Image.open(DATA / "voc_sample" / "SegmentationClass" / "2011_000025.png") as image:
        np.testing.assert_array_equal(data[0].targets["mask"], np.asarray(image))


# --- open, and the commands -------------------------------------------------------------------------------------------


def test_open_knows_them(voc: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert list(af.open(voc).table.targets) == ["boxes", "box_labels", "difficult", "truncated"]
    other = tmp_path_factory.mktemp("coco")
    assert len(af.open(coco(other))) == 3
    pairs = tmp_path_factory.mktemp("pairs")
    picture(pairs / "images" / "a.png")
    (pairs / "masks").mkdir()
    Image.fromarray(NUMBERS).save(pairs / "masks" / "a.png")
    assert af.open(pairs)[0].targets["mask"].shape == SIZE


def test_open_knows_yolo(yolo: Path) -> None:
    assert af.open(yolo / "data.yaml", part="val").classes == ("cat", "dog")


def test_commands_for_classes_refuse_them(voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from augfuse.cli import main

    for command in (
        ["train", str(voc), "--task", "classification"],
        ["augment", str(voc), "out"],
        ["convert", str(voc), "out"],
    ):
        assert main(command) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "its images have boxes, box_labels, difficult, truncated, and no class each" in said
    assert main(["preview", str(voc), "--out", str(voc.parent / "sheet.png")]) == 0
    assert main(["doctor", str(voc)]) in (0, 1)


def test_a_set_of_yolo_without_any_labels_is_warned_about(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    with pytest.warns(af.AugfuseWarning, match=r"none of its 1 images has a file with labels.*labels=FOLDER"):
        data = af.from_yolo(tmp_path / "images", names=["a"])
    assert data[0].targets["boxes"].shape == (0, 4)
