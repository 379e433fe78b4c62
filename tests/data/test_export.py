"""Annotated data sets written as COCO, YOLO, Pascal VOC and TFRecord, and read again."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image

import augfuse as af
from augfuse.cli import main

SIZE = (40, 56)


def picture(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


def coco(folder: Path, boxes: list[list[list[float]]], **more: Any) -> Path:
    """boxes: for each image those of its objects, whose classes go round."""
    images, annotations = [], []
    for i, own in enumerate(boxes):
        picture(folder / "images" / f"im age{i}.{'jpg' if i % 2 else 'png'}", i, (SIZE[0] + i, SIZE[1]))
        images.append({"id": i, "file_name": f"im age{i}.{'jpg' if i % 2 else 'png'}"})
        for box in own:
            k = len(annotations)
            own_more = {key: value[k] for key, value in more.items()}
            annotations.append({"id": k, "image_id": i, "category_id": k % 3, "bbox": box, **own_more})
    held = {"images": images, "annotations": annotations,
            "categories": [{"id": k, "name": name} for k, name in enumerate(("cat", "big dog", "<&>"))]}  # fmt: skip
    path = folder / "instances.json"
    path.write_text(json.dumps(held))
    return path


WHOLE = [[[1, 2, 30, 20], [0, 0, 56, 40]], [], [[5, 6, 7, 8]], [[10, 0, 1, 1], [10, 1, 20, 30], [10, 1, 20, 31]]]
BROKEN = [[[1.25, 2.5, 30.37, 20.11]], [[0.4, 0.6, 50.2, 30.9], [3.3, 3.3, 1.2, 1.7]]]


def told(data: af.DataSet) -> list[tuple[np.ndarray, list[str]]]:
    assert data.classes is not None
    names = data.classes
    return [
        (sample.targets["boxes"], [names[label] for label in sample.targets["box_labels"].tolist()]) for sample in data
    ]


def same(one: af.DataSet, other: af.DataSet, within: float) -> None:
    assert len(one) == len(other)
    for (boxes, names), (others, theirs) in zip(told(one), told(other), strict=True):
        assert names == theirs
        np.testing.assert_allclose(boxes, others, atol=within)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*words: object) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            code = main([str(word) for word in words])
        said = capsys.readouterr().err
        assert code == 0, said
        return " ".join(said.split())

    return command


@pytest.mark.parametrize(("boxes", "within"), [(WHOLE, 1e-3), (BROKEN, 0.51)])
def test_there_and_back(tmp_path: Path, run: Any, boxes: Any, within: float) -> None:
    src = tmp_path / "src"
    data = af.open(coco(src, boxes))
    run("convert", src / "instances.json", tmp_path / "yolo", "--to", "yolo")
    same(data, af.open(tmp_path / "yolo" / "data.yaml"), 1e-3)
    run("convert", tmp_path / "yolo" / "data.yaml", tmp_path / "voc", "--to", "voc")
    same(data, af.open(tmp_path / "voc"), within)
    run("convert", tmp_path / "voc", tmp_path / "coco", "--to", "coco")
    again = af.open(tmp_path / "coco")
    same(data, again, within)
    assert again.part == "train" and again.classes is not None and set(again.classes) <= {"cat", "big dog", "<&>"}
    for i in range(len(data)):
        assert again.raw(i) == data.raw(i)


def test_coco_as_pycocotools_reads_it(tmp_path: Path, run: Any) -> None:
    pytest.importorskip("pycocotools", reason="needs pycocotools, which defines the format")
    from pycocotools.coco import COCO

    mask = {"size": [42, 56], "counts": [100, 7, 42 * 56 - 107]}
    segments = [[[1, 2, 31, 2, 31, 22]], [[0, 0, 9, 0, 9, 9], [20, 20, 30, 20, 30, 30]], mask, [], [], []]
    src = coco(tmp_path / "src", WHOLE, segmentation=segments, iscrowd=[0, 0, 1, 0, 0, 0], area=[1.5, 2, 7, 4, 5, 6])
    run("convert", src, tmp_path / "out", "--to", "coco")
    ours, theirs = COCO(str(tmp_path / "out" / "instances.json")), COCO(str(src))
    assert [one["bbox"] for one in ours.dataset["annotations"]] == [
        one["bbox"] for one in theirs.dataset["annotations"]
    ]
    assert [one["area"] for one in ours.dataset["annotations"]] == [1.5, 2, 7, 4, 5, 6]
    for one, other in zip(ours.dataset["annotations"], theirs.dataset["annotations"], strict=True):
        theirs.imgs[other["image_id"]].update({k: ours.imgs[one["image_id"]][k] for k in ("height", "width")})  # type: ignore
        if other["segmentation"]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of its own arrays
                np.testing.assert_array_equal(ours.annToMask(one), theirs.annToMask(other))
        assert one["iscrowd"] == other["iscrowd"]
    assert [image["height"] for image in ours.dataset["images"]] == [40, 41, 42, 43]
    for one, other in zip(af.open(src), af.open(tmp_path / "out"), strict=True):
        np.testing.assert_array_equal(one.targets["masks"], other.targets["masks"])


def test_coco_keeps_key_points(tmp_path: Path, run: Any) -> None:
    src = coco(tmp_path / "src", BROKEN, keypoints=[[1, 2, 2, 3, 4, 1], [0, 0, 0, 5.5, 6, 2], [1, 1, 1, 2, 2, 2]])
    held = json.loads(src.read_text())
    for category in held["categories"]:
        category |= {"keypoints": ["head", "tail"], "skeleton": [[1, 2]]}
    src.write_text(json.dumps(held))
    run("convert", src, tmp_path / "coco", "--to", "coco")
    data, again = af.open(src), af.open(tmp_path / "coco")
    assert again.skeleton == data.skeleton
    said = run("convert", src, tmp_path / "yolo", "--to", "yolo")
    assert not said
    assert yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())["kpt_shape"] == [2, 3]
    run("convert", src, tmp_path / "all.tfrecord")
    for other in (again, af.open(tmp_path / "yolo" / "data.yaml"), af.open(tmp_path / "all.tfrecord")):
        for one, two in zip(data, other, strict=True):
            np.testing.assert_allclose(one.targets["keypoints"], two.targets["keypoints"], atol=1e-3)


def test_yolo_lines(tmp_path: Path, run: Any) -> None:
    boxes: Any = [[[14, 10, 28, 20], [-4, -4, 18, 24], [100, 100, 5, 5]], [[0, 0, 5, 5]]]
    said = run("convert", coco(tmp_path / "src", boxes, iscrowd=[0, 0, 0, 1]), tmp_path / "out", "--to", "yolo")
    assert "1 boxes reach out of their image, and are cut off" in said
    assert "1 boxes lie outside of their image, and are left out" in said
    assert "1 objects are crowds, which YOLO does not know, and are left out" in said
    labels = tmp_path / "out" / "labels" / "train"
    assert (labels / "im age0.txt").read_text() == (
        "0 0.500000 0.500000 0.500000 0.500000\n1 0.125000 0.250000 0.250000 0.500000\n"
    )
    assert (labels / "im age1.txt").read_text() == ""
    held = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert held == {"train": "images/train", "names": {0: "cat", 1: "big dog", 2: "<&>"}}


def test_yolo_polygons(tmp_path: Path, run: Any) -> None:
    square, other = [0, 0, 28, 0, 28, 20, 0, 20], [42, 0, 56, 0, 56, 20]
    src = coco(
        tmp_path / "src",
        [[[0, 0, 28, 20], [0, 0, 56, 20], [7, 10, 7, 10]]],
        segmentation=[[square], [square, other], []],
    )
    said = run("convert", src, tmp_path / "out", "--to", "yolo")
    assert "1 objects of several polygons are written as one outline" in said
    assert "1 objects have no polygon: their boxes are written as one" in said
    lines = (tmp_path / "out" / "labels" / "train" / "im age0.txt").read_text().splitlines()
    assert [float(v) for v in lines[0].split()] == [0, 0, 0, 0.5, 0, 0.5, 0.5, 0, 0.5]
    data = af.open(tmp_path / "out" / "data.yaml")
    same(af.open(src), data, 1e-3)
    drawn = data[0].targets["polygons"]
    area = [abs(np.dot(p[:, 0], np.roll(p[:, 1], 1)) - np.dot(p[:, 1], np.roll(p[:, 0], 1))) / 2 for p in drawn]
    np.testing.assert_allclose(area, [28 * 20, 28 * 20 + 14 * 20 / 2, 70], rtol=1e-4)


def test_voc_files(tmp_path: Path, run: Any) -> None:
    said = run("convert", coco(tmp_path / "src", BROKEN, iscrowd=[1, 0, 0]), tmp_path / "out", "--to", "voc")
    assert (
        "3 boxes are rounded to whole pixels" in said and "1 objects are crowds, and are written as difficult" in said
    )
    root = ElementTree.parse(tmp_path / "out" / "Annotations" / "im age0.xml").getroot()
    assert [root.findtext(name) for name in ("filename", "size/width", "size/height", "size/depth")] == [
        "im age0.png", "56", "40", "3"]  # fmt: skip
    assert [root.findtext(f"object/{name}") for name in ("name", "difficult", "bndbox/xmin", "bndbox/ymax")] == [
        "cat", "1", "2", "23"]  # fmt: skip
    names = [
        e.text for e in ElementTree.parse(tmp_path / "out" / "Annotations" / "im age1.xml").iterfind("object/name")
    ]
    assert names == ["big dog", "<&>"]
    assert af.open(tmp_path / "out")[0].targets["difficult"].tolist() == [True]


def test_parts_stay_parts(tmp_path: Path, run: Any) -> None:
    for part, seed in (("train", 0), ("val", 9)):
        for i in range(3):
            picture(tmp_path / "images" / part / f"{i}.png", seed + i)
            (tmp_path / "labels" / part).mkdir(parents=True, exist_ok=True)
            (tmp_path / "labels" / part / f"{i}.txt").write_text("1 0.5 0.5 0.5 0.5\n" * i)
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    data = af.open(tmp_path / "data.yaml")
    for form, place in (("coco", ""), ("yolo", "data.yaml"), ("voc", "")):
        run("convert", tmp_path / "data.yaml", tmp_path.parent / f"{tmp_path.name}-{form}", "--to", form)
        again = af.open(tmp_path.parent / f"{tmp_path.name}-{form}" / place)
        assert list(again.parts) == ["train", "val"]
        for part in ("train", "val"):
            assert [again.parts[part].raw(i) for i in range(3)] == [data.parts[part].raw(i) for i in range(3)]
            counts = [len(boxes) for boxes, _ in told(again.parts[part])]
            assert counts == [0, 1, 2]
    run("convert", tmp_path / "data.yaml", tmp_path.parent / f"{tmp_path.name}.tfrecord")
    again = af.open(tmp_path.parent / f"{tmp_path.name}.tfrecord", part="val")
    same(again, data.parts["val"], 1e-3)


def test_names_that_are_alike(tmp_path: Path, run: Any) -> None:
    held: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    for i, name in enumerate(("x/1.png", "y/1.png", "X_1.png", "2.png", "2.jpg")):
        picture(tmp_path / "src" / name, i)
        held["images"].append({"id": i, "file_name": name})
        held["annotations"].append({"id": i, "image_id": i, "category_id": 1, "bbox": [i, i, 4, 4]})
    (tmp_path / "src" / "instances.json").write_text(json.dumps(held))
    data = af.open(tmp_path / "src" / "instances.json")
    for form, place in (("coco", ""), ("yolo", "data.yaml"), ("voc", "")):
        run("convert", tmp_path / "src" / "instances.json", tmp_path / form, "--to", form)
        again = af.open(tmp_path / form / place)
        wanted = {data.raw(i): boxes.tolist() for i, (boxes, _) in enumerate(told(data))}
        found = {again.raw(i): np.round(boxes).tolist() for i, (boxes, _) in enumerate(told(again))}
        assert found == wanted


# --- TFRecord ---------------------------------------------------------------------------------------------------------


def test_records_hold_everything(tmp_path: Path, run: Any) -> None:
    mask = {"size": [42, 56], "counts": [100, 7, 42 * 56 - 107]}
    segments = [[[1, 2, 31, 2, 31, 22]], [[0, 0, 9, 0, 9, 9], [20, 20, 30, 20, 30, 30]], mask, [], [], []]
    src = coco(tmp_path / "src", WHOLE, segmentation=segments, iscrowd=[0, 0, 1, 0, 0, 0], area=[1.5, 2, 7, 4, 5, 6])
    run("convert", src, tmp_path / "all.tfrecord")
    data, again = af.open(src), af.open(tmp_path / "all.tfrecord")
    assert again.classes == data.classes == ("cat", "big dog", "<&>") and again.labels is None
    assert set(again.table.targets) == set(data.table.targets)
    for one, two in zip(data, again, strict=True):
        for name, value in one.targets.items():
            if name != "polygons":
                np.testing.assert_allclose(two.targets[name], value, atol=1e-4)
                assert two.targets[name].dtype == value.dtype, name
        for rings, others in zip(one.targets["polygons"], two.targets["polygons"], strict=True):
            assert len(rings) == len(others)
            for ring, other in zip(rings, others, strict=True):
                np.testing.assert_allclose(ring, other, atol=1e-4)
    few = again.subset([3, 0])
    np.testing.assert_allclose(few[1].targets["masks"], data[0].targets["masks"])


def test_records_of_masks(tmp_path: Path, run: Any) -> None:
    for i in range(3):
        picture(tmp_path / "src" / "images" / f"{i}.png", i)
        (tmp_path / "src" / "masks").mkdir(exist_ok=True)
        values = np.random.default_rng(i).integers(0, 12, SIZE, dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / "src" / "masks" / f"{i}.png")
    run("convert", tmp_path / "src", tmp_path / "all.tfrecord", "--gzip")
    for one, two in zip(af.open(tmp_path / "src"), af.open(tmp_path / "all.tfrecord"), strict=True):
        np.testing.assert_array_equal(one.targets["mask"], two.targets["mask"])


def test_records_as_tensorflow_reads_them(tmp_path: Path, run: Any) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow, which defines the format")
    src = coco(tmp_path / "src", BROKEN)
    run("convert", src, tmp_path / "all.tfrecord")
    floats, whole = tf.io.VarLenFeature(tf.float32), tf.io.VarLenFeature(tf.int64)
    wanted = {f"image/object/bbox/{side}": floats for side in ("xmin", "ymin", "xmax", "ymax")}
    wanted |= {"image/object/class/label": whole, "image/object/class/text": tf.io.VarLenFeature(tf.string)}
    found: dict[str, Any] = {}
    records = list(tf.data.TFRecordDataset(str(tmp_path / "all.tfrecord")))
    for i, (raw, sample) in enumerate(zip(records, af.open(src), strict=True)):
        found = {key: tf.sparse.to_dense(v).numpy() for key, v in tf.io.parse_single_example(raw, wanted).items()}
        sides = np.stack([found[f"image/object/bbox/{side}"] for side in ("xmin", "ymin", "xmax", "ymax")], axis=1)
        np.testing.assert_allclose(sides * [56, 40 + i, 56, 40 + i], sample.targets["boxes"], atol=1e-4)
        assert found["image/object/class/label"].tolist() == sample.targets["box_labels"].tolist()
    assert found["image/object/class/text"].tolist() == [b"big dog", b"<&>"]


def test_records_of_tensorflow(tmp_path: Path) -> None:
    """As its object detection API writes them: classes from 1 on, and one class without a box."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow, which defines the format")
    picture(tmp_path / "a.png", 0)
    floats, whole, words = tf.train.FloatList, tf.train.Int64List, tf.train.BytesList
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        for labels, texts in (([3, 1], [b"dog", b"cat"]), ([], []), ([3], [b"dog"])):
            n = len(labels)
            feature = {
                "image/encoded": tf.train.Feature(bytes_list=words(value=[(tmp_path / "a.png").read_bytes()])),
                "image/object/class/label": tf.train.Feature(int64_list=whole(value=labels)),
                "image/object/class/text": tf.train.Feature(bytes_list=words(value=texts)),
                "image/object/is_crowd": tf.train.Feature(int64_list=whole(value=[1] * n)),
                **{f"image/object/bbox/{side}": tf.train.Feature(float_list=floats(value=[value] * n))
                   for side, value in (("xmin", 0.0), ("ymin", 0.25), ("xmax", 0.5), ("ymax", 1.0))},
            }  # fmt: skip
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    data = af.open(tmp_path / "a.tfrecord")
    assert data.classes == ("cat", "dog")
    assert [sample.targets["box_labels"].tolist() for sample in data] == [[1, 0], [], [1]]
    assert data[0].targets["boxes"].tolist() == [[0, 10, 28, 40]] * 2 and data[1].targets["boxes"].shape == (0, 4)
    assert data[0].targets["crowd"].tolist() == [True, True]


def example(folder: Path, name: str, *records: dict[str, Any]) -> Path:
    """A file of Examples with these features beside an image."""
    from augfuse.data.tfrecord.example import encode
    from augfuse.data.tfrecord.framing import frame

    picture(folder / "a.png", 0)
    image = {"image/encoded": [(folder / "a.png").read_bytes()]}
    path = folder / name
    path.write_bytes(b"".join(frame(encode({**image, **one})) for one in records))
    return path


BOX = {
    f"image/object/bbox/{side}": np.array([v], np.float32)
    for side, v in (("xmin", 0), ("ymin", 0), ("xmax", 1), ("ymax", 1))
}
TWO = np.array([0, 1], np.float32)
NAMED = {**BOX, "image/object/class/label": np.array([2]), "image/object/class/text": [b"dog"]}


def test_records_without_objects(tmp_path: Path) -> None:
    data = af.open(example(tmp_path, "a.tfrecord", {}, NAMED, {}, {**NAMED, "image/object/class/text": [b"dog"]}))
    assert [len(sample.targets["boxes"]) for sample in data] == [0, 1, 0, 1] and data.classes == ("dog",)
    assert data[1].targets["boxes"].tolist() == [[0, 0, 56, 40]]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([NAMED, BOX], "record 1 lacks the feature 'image/object/class/label', which others with objects have"),
        ([{**NAMED, "image/object/bbox/xmin": TWO}], "record 0 has objects of different counts"),
        ([{**NAMED, "image/object/class/text": [b"a", b"b"]}], "record 0 has 2 names of classes for 1 objects"),
        ([{**NAMED, "image/object/class/label": [b"dog"]}], "record 0 has bytes in the feature .*, wanted numbers"),
        ([{**NAMED, "image/object/keypoint/x": np.array([1], np.float32)}], "has 'image/object/keypoint/x' without"),
        ([{**NAMED, "image/object/keypoint/x": TWO[:1], "image/object/keypoint/y": TWO}],
         "has key points x, y and visibility of"),
        ([{"image/segmentation/class/encoded": []}], "record 0 has 0 values of the feature"),
        ([{"image/segmentation/class/encoded": [b""]}, {}], "record 1 lacks the feature 'image/segmentation"),
    ],
)  # fmt: skip
def test_records_that_cannot_be_used(tmp_path: Path, records: Any, words: str) -> None:
    with pytest.raises(af.DataError, match=rf"a\.tfrecord: .*{words}"):
        af.open(example(tmp_path, "a.tfrecord", *records))


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    return " ".join(capsys.readouterr().err.split())


def test_what_a_form_cannot_hold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src = coco(tmp_path / "src", BROKEN)
    for i, name in enumerate(("a/1.png", "b/2.png")):
        picture(tmp_path / "classes" / name, i)
    said = refused(capsys, "convert", src, tmp_path / "out")
    assert "and no class each; augfuse convert takes one class for each image. Type --to coco, yolo or voc" in said
    assert "no class each" in refused(capsys, "convert", src, tmp_path / "out.npz")
    for form, title in (("coco", "COCO"), ("yolo", "YOLO"), ("voc", "Pascal VOC")):
        said = refused(capsys, "convert", tmp_path / "classes", tmp_path / "out", "--to", form)
        assert f"its images have one class each, and no boxes: {title} holds boxes with classes" in said
    assert "wanted a name that ends in .npz" in refused(capsys, "convert", src, tmp_path / "out", "--to", "npz")
    assert "wanted the name of a folder" in refused(capsys, "convert", src, tmp_path / "o.npz", "--to", "coco")
    assert not (tmp_path / "out").exists()


def test_folders_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], run: Any) -> None:
    src, out = coco(tmp_path / "src", BROKEN), tmp_path / "out"
    run("convert", src, out, "--to", "coco")
    assert "exists already" in refused(capsys, "convert", src, out, "--to", "yolo")
    run("convert", src, out, "--to", "yolo", "--overwrite")
    assert not (out / "instances.json").exists()
    (out / "mine.txt").write_text("")
    assert "files in it were added" in refused(capsys, "convert", src, out, "--to", "yolo", "--overwrite")


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "tfrecord"])
def test_copies_keep_their_boxes(tmp_path: Path, run: Any, form: str) -> None:
    src, recipe = coco(tmp_path / "src", WHOLE), tmp_path / "r.yaml"
    recipe.write_text(af.Recipe([af.Brightness(factor=(0.5, 0.6))]).to_yaml())
    out = tmp_path / ("out.tfrecord" if form == "tfrecord" else "out")
    run("augment", src, out, "--to", form, "--copies", 2, "--recipe", recipe)
    data, made = af.open(src), af.open(out / "data.yaml" if form == "yolo" else out)
    assert len(made) == 3 * len(data)
    by_image = {made.raw(i): boxes for i, (boxes, _) in enumerate(told(made))}
    for i, (boxes, _) in enumerate(told(data)):
        np.testing.assert_allclose(by_image[data.raw(i)], boxes, atol=1e-3)
    counts = sorted(len(boxes) for boxes, _ in told(made))
    assert counts == sorted([len(boxes) for boxes, _ in told(data)] * 3)
    if form == "tfrecord":
        assert made.groups is not None and len(set(made.groups.tolist())) == len(data)
        assert made[1].image.mean() < 0.7 * made[0].image.mean()


def test_arrays_hold_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(af.DataError, match="its images have boxes, box_labels, area, crowd, which arrays"):
        af.augment(af.open(coco(tmp_path, BROKEN)), af.Recipe([af.Brightness(0.2)]))


def test_copies_of_classes_in_records(tmp_path: Path, run: Any) -> None:
    for i in range(4):
        picture(tmp_path / "src" / ("train", "val")[i // 2] / ("a", "b")[i % 2] / f"{i}.png", i)
    run("augment", tmp_path / "src", tmp_path / "out.tfrecord", "--copies", 1)
    data = af.open(tmp_path / "out.tfrecord")
    assert {part: len(one) for part, one in data.parts.items()} == {"train": 4, "val": 2}
    assert data.labels is not None and data.labels.tolist() == [0, 0, 1, 1] and data.classes == ("a", "b")
