"""COCO's masks, key points and panoptic segments, beside pycocotools."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.columns import object_masks

SIZE = (40, 56)  # height, width
BOX = [1.0, 1.0, 9.0, 9.0]


def pycocotools() -> tuple[Any, Any]:
    pytest.importorskip("pycocotools", reason="needs pycocotools, which defines the format")
    from pycocotools import mask
    from pycocotools.coco import COCO

    return mask, COCO


def write(folder: Path, annotations: list[dict[str, Any]], images: int = 1, **more: Any) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    listed = []
    for i in range(images):
        Image.fromarray(np.full((*SIZE, 3), i, np.uint8)).save(folder / "images" / f"{i}.png")
        listed.append({"id": i, "file_name": f"{i}.png", "height": SIZE[0], "width": SIZE[1]})
    filled = [{"id": k, "image_id": 0, "category_id": 1, "bbox": BOX, "area": 81, "iscrowd": 0, **one}
              for k, one in enumerate(annotations)]  # fmt: skip
    held = {"images": listed, "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "annotations": filled}
    path = folder / "instances.json"
    path.write_text(json.dumps(held | more))
    return path


def oracle(path: Path, image: int = 0) -> np.ndarray:
    """The masks of an image as pycocotools makes them."""
    _, coco = pycocotools()
    held = coco(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own arrays
        return np.stack([held.annToMask(one) for one in held.loadAnns(held.getAnnIds(imgIds=[image]))])


def blob(seed: int, share: float = 0.3) -> np.ndarray:
    return (np.random.default_rng(seed).random(SIZE) < share).astype(np.uint8)


def runs(mask: np.ndarray) -> dict[str, Any]:
    tools, _ = pycocotools()
    made = tools.encode(np.asfortranarray(mask))
    return {"size": list(mask.shape), "counts": made["counts"].decode()}


def counts(mask: np.ndarray) -> dict[str, Any]:
    flat = mask.T.ravel()
    found, value, length = [], 0, 0
    for pixel in flat.tolist():
        if pixel != value:
            found.append(length)
            value, length = pixel, 0
        length += 1
    return {"size": list(mask.shape), "counts": [*found, length]}


MASKS = [blob(0), blob(1, 0.01), np.zeros(SIZE, np.uint8), np.ones(SIZE, np.uint8), np.eye(*SIZE, dtype=np.uint8)]


@pytest.mark.parametrize("form", [runs, counts])
def test_masks_in_runs(tmp_path: Path, form: Any) -> None:
    path = write(tmp_path, [{"segmentation": form(mask), "iscrowd": i % 2} for i, mask in enumerate(MASKS)])
    data = af.from_coco(path)
    found = data[0].targets
    assert found["masks"].dtype == np.uint8
    np.testing.assert_array_equal(found["masks"], np.stack(MASKS))
    np.testing.assert_array_equal(found["masks"], oracle(path))
    assert found["crowd"].tolist() == [False, True, False, True, False] and "polygons" not in found
    assert "masks" not in af.from_coco(path, masks=False)[0].targets


def rings(rng: np.random.Generator) -> list[list[float]]:
    return [
        np.round(rng.uniform(-5, 60, 2 * int(rng.integers(3, 12))), int(rng.integers(0, 3))).tolist()
        for _ in range(int(rng.integers(1, 4)))
    ]


@pytest.mark.parametrize("seed", range(6))
def test_polygons_are_drawn_as_pycocotools_draws_them(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    objects = [{"segmentation": rings(rng)} for _ in range(12)]
    path = write(tmp_path, [*objects, {"segmentation": [[3, 3, 3, 3, 20.5, 3, 20.5, 30.25, 3, 30.25]]}])
    found = af.from_coco(path, masks=True)[0].targets
    np.testing.assert_array_equal(found["masks"], oracle(path))
    assert len(found["polygons"]) == 13 and [len(ring) for ring in found["polygons"][12]] == [5]


def test_polygons_beside_runs(tmp_path: Path) -> None:
    square = [[2, 2, 12, 2, 12, 12, 2, 12]]
    path = write(
        tmp_path,
        [{"segmentation": square, "image_id": 1}, {"segmentation": runs(MASKS[0]), "image_id": 1},
         {"segmentation": square}, {"segmentation": [], "image_id": 2}, {"image_id": 2}],
        images=4,
    )  # fmt: skip
    data = af.from_coco(path)
    np.testing.assert_array_equal(data[1].targets["masks"], oracle(path, 1))
    assert [len(one) for one in data[1].targets["polygons"]] == [1, 0]
    np.testing.assert_array_equal(data[0].targets["masks"], oracle(path, 0))
    assert data[2].targets["masks"].shape == (2, *SIZE) and not data[2].targets["masks"].any()
    assert data[3].targets["masks"].shape == (0, *SIZE)
    few = data.subset([1, 1, 3])
    np.testing.assert_array_equal(few[1].targets["masks"], data[1].targets["masks"])


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ({"size": [40, 56], "counts": [1, 2]}, "annotation 0 has a mask that is broken: its runs do not make up 40x56"),
        ({"size": [40, 56], "counts": []}, "that is broken"),
        ({"size": [40, 56], "counts": ""}, "that is broken"),
        ({"size": [40, 56], "counts": "PPP\x7f"}, "that is broken"),
        ({"size": [40, 56], "counts": "oooooooooooooooooooooooo"}, "that is broken"),
        ({"size": [40, 56], "counts": "é"}, "that is broken"),
        ({"size": [40, 56], "counts": [-1, 2241]}, r"id 0 is not as wanted: .*>= 0"),
        ({"size": [56, 40], "counts": [2240]}, "a mask of 56x40 pixels, its image 40x56"),
        ({"size": [40], "counts": [2240]}, r"id 0 is not as wanted: .*length 2"),
        ({"counts": [2240]}, "missing required field `size`"),
        ([[1, 2, 3, 4]], "annotation 0: a ring of 4 numbers"),
        ([[1, 2, 3, 4, 5, 6, 7]], "annotation 0: a ring of 7 numbers"),
        ([1, 2, 3, 4, 5, 6], r"id 0 is not as wanted: .*segmentation"),
        ("PPP", r"id 0 is not as wanted: .*segmentation"),
    ],
)
def test_segmentations_that_cannot_be_used(tmp_path: Path, segmentation: Any, words: str) -> None:
    with pytest.raises(af.DataError, match=rf"instances\.json: .*{words}"):
        af.from_coco(write(tmp_path, [{"segmentation": segmentation}]))


def test_a_mask_of_another_size_than_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, [{"segmentation": runs(MASKS[0])}])
    Image.fromarray(np.zeros((41, 56, 3), np.uint8)).save(tmp_path / "images" / "0.png")
    with pytest.raises(af.DecodeError, match=r"0\.png: the mask of object 0 has 40x56 pixels, its image 41x56"):
        af.from_coco(path)[0]


# --- key points -------------------------------------------------------------------------------------------------------

PERSON = {"id": 1, "name": "person", "keypoints": ["nose", "left eye", "right eye"], "skeleton": [[1, 2], [3, 1]]}


def test_key_points_have_names(tmp_path: Path) -> None:
    points = [1.5, 2, 2, 3, 4, 1, 0, 0, 0]
    data = af.from_coco(
        write(tmp_path, [{}, {"keypoints": points, "num_keypoints": 2}], categories=[PERSON, {"id": 2, "name": "b"}])
    )
    assert data.skeleton is not None
    assert data.skeleton.names == ("nose", "left eye", "right eye") and data.skeleton.bones == ((0, 1), (2, 0))
    assert data[0].targets["keypoints"].tolist() == [[[0] * 3] * 3, [[1.5, 2, 2], [3, 4, 1], [0, 0, 0]]]
    assert data.subset([0]).skeleton == data.concat(data).skeleton == data.skeleton


@pytest.mark.parametrize(
    ("points", "category", "words"),
    [
        ([1, 2], PERSON, "annotation 0 has 2 numbers of key points"),
        ([1, 2, 2, 3], PERSON, "annotation 0 has 4 numbers of key points"),
        ([1, 2, 1e300], PERSON, "key points at 1e\\+300, wanted pixels"),
        ([1, 2, 2], {**PERSON, "skeleton": [[1, 4]]}, "skeleton of category 'person' joins points that are not there"),
    ],
)
def test_key_points_that_cannot_be_used(tmp_path: Path, points: Any, category: Any, words: str) -> None:
    with pytest.raises(af.DataError, match=words):
        af.from_coco(write(tmp_path, [{"keypoints": points}], categories=[category]))


# --- panoptic ---------------------------------------------------------------------------------------------------------


def panoptic(folder: Path, **changes: Any) -> Path:
    """Two segments of image 0, one of image 1, none of image 2."""
    numbers = np.zeros(SIZE, np.int64)
    numbers[:20, :10], numbers[20:, 30:] = 300, 2**16 * 5 + 7
    (folder / "panoptic").mkdir(exist_ok=True)
    drawn = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=2).astype(np.uint8)
    Image.fromarray(drawn).save(folder / "panoptic" / "0.png")
    Image.fromarray(np.full((*SIZE, 3), (9, 0, 0), np.uint8)).save(folder / "panoptic" / "1.png")
    segments = [
        {"id": 300, "category_id": 7, "bbox": [0, 0, 10, 20], "area": 200, "iscrowd": 0},
        {"id": 2**16 * 5 + 7, "category_id": 3, "bbox": [30, 20, 26, 20], "area": 520, "iscrowd": 1},
    ]
    one = {"image_id": 0, "file_name": "0.png", "segments_info": segments}
    other = {"image_id": 1, "file_name": "1.png",
             "segments_info": [{"id": 9, "category_id": 3, "bbox": [0, 0, 56, 40], "area": 2240}]}  # fmt: skip
    path = write(folder, [], images=3)
    held = json.loads(path.read_text())
    held["categories"] = [{"id": 3, "name": "sky", "isthing": 0}, {"id": 7, "name": "dog", "isthing": 1}]
    held["annotations"] = changes.get("annotations", [one, other])
    path = folder / "panoptic.json"
    path.write_text(json.dumps(held))
    return path


def test_panoptic_segments(tmp_path: Path) -> None:
    data = af.from_coco(panoptic(tmp_path))
    found = data[0].targets
    assert data.classes == ("sky", "dog") and found["box_labels"].tolist() == [1, 0]
    assert found["boxes"].tolist() == [[0, 0, 10, 20], [30, 20, 56, 40]] and found["crowd"].tolist() == [False, True]
    wanted = np.zeros(SIZE, np.int32)
    wanted[:20, :10], wanted[20:, 30:] = 1, 2
    np.testing.assert_array_equal(found["segments"], wanted)
    np.testing.assert_array_equal(found["mask"], np.array([255, 1, 0], np.uint8)[wanted])
    assert found["mask"].dtype == np.uint8 and found["segments"].dtype == np.int32
    assert (data[1].targets["segments"] == 1).all() and (data[1].targets["mask"] == 0).all()
    assert (data[2].targets["segments"] == 0).all() and (data[2].targets["mask"] == 255).all()
    np.testing.assert_array_equal(data.subset([1, 0])[1].targets["segments"], wanted)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_panoptic_png_is_decoded_once_for_both_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    data = af.from_coco(panoptic(tmp_path))
    decoded: list[str] = []

    def noted(raw: bytes, **options: Any) -> np.ndarray:
        decoded.append(Path(options["path"]).name)
        return af.decode(raw, **options)

    monkeypatch.setattr(object_masks, "decode", noted)
    wanted = [sample.targets for sample in data]
    assert decoded == ["0.png", "1.png"]
    order = np.array([1, 0, 0, 2, 1])
    for sample, row in zip(data.read(order, threads), order, strict=True):
        assert not isinstance(sample, af.DecodeError)
        for name in ("mask", "segments"):
            np.testing.assert_array_equal(sample.targets[name], wanted[row][name])
    assert decoded[2:] == ["1.png", "0.png", "0.png", "1.png"]


def test_panoptic_segments_that_cannot_be_used(tmp_path: Path) -> None:
    path = panoptic(tmp_path)
    held = json.loads(path.read_text())
    Image.fromarray(np.full((*SIZE, 3), 1, np.uint8)).save(tmp_path / "panoptic" / "1.png")
    with pytest.raises(af.DecodeError, match=r"1\.png: 2240 pixels are of segments that segments_info does not name"):
        af.from_coco(path)[1]
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "panoptic" / "1.png")
    with pytest.raises(af.DecodeError, match=r"the segments have 9x9 pixels, their image 40x56"):
        af.from_coco(path)[1]
    (tmp_path / "panoptic" / "1.png").unlink()
    with pytest.raises(af.DataError, match=r"names 1 PNGs that are not in .*, the first is '1\.png'"):
        af.from_coco(path)
    first = held["annotations"][0]
    for wrong, words in (
        ([first, first], "the annotation of image 0 is there twice"),
        ([{**first, "file_name": "../0.png"}], "wanted one below the folder"),
        ([{**first, "segments_info": first["segments_info"][:1] * 2}], "segment id 300 is there twice"),
        ([first, {"image_id": 1, "category_id": 3, "bbox": BOX}], "has no segments_info"),
    ):
        with pytest.raises(af.DataError, match=words):
            af.from_coco(panoptic(tmp_path, annotations=wrong))
    with pytest.raises(af.DataNotFoundError, match="wanted the PNGs of panoptic annotations"):
        af.from_coco(panoptic(tmp_path), segments=tmp_path / "nothing")
