"""COCO files that are read in pieces, and the cache of what they say."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.decoding import kept_arrays
from augfuse.data.layouts import large_json


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pieces of a few objects, and a cache for small files too."""
    monkeypatch.setattr(large_json, "_PIECE", 600)
    monkeypatch.setattr(kept_arrays, "SMALLEST", 0)
    monkeypatch.setenv("AUGFUSE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make(folder: Path, images: int = 40, boxes: int = 200, **how: Any) -> tuple[Path, dict[str, Any]]:
    rng = np.random.default_rng(0)
    (folder / "images" / "a").mkdir(parents=True, exist_ok=True)
    names = [f"a/{i}.png" for i in range(images)]
    for name in names:
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(folder / "images" / name)
    held: dict[str, Any] = {
        "info": {"description": 'braces }, { and "quotes" \\'},
        "annotations": [],
        "images": [{"file_name": name, "id": 7 * i, "height": 20, "width": 30} for i, name in enumerate(names)],
        "categories": [{"id": i, "name": f"class {i}"} for i in range(5)],
    }
    for k in range(boxes):
        x, y, w, h = np.round(rng.uniform(1, 9, 4), 2).tolist()
        one: dict[str, Any] = {
            "id": k, "image_id": 7 * int(rng.integers(images)), "category_id": int(rng.integers(5)),
            "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0, "note": '}, {"id": ]',
            "extra": [{"id": 1}, {"id": 2}],
        }  # fmt: skip
        if k % 3:
            one["segmentation"] = [[x, y, x + w, y, x + w, y + h]] * (k % 2 + 1)
        if k % 5 == 0:
            one["keypoints"] = [x, y, 2.0, 0, 0, 0]
        if k % 7 == 0:
            one["segmentation"] = {"size": [20, 30], "counts": [k, 600 - k]}
        held["annotations"].append(one)
    path = folder / "instances.json"
    path.write_text(json.dumps(held, **how))
    return path, held


def told(data: af.DataSet) -> list[dict[str, Any]]:
    return [
        {name: [np.asarray(ring).tolist() for one in value for ring in one] if name == "polygons" else value.tolist()
         for name, value in sample.targets.items()}
        for sample in data
    ]  # fmt: skip


@pytest.mark.parametrize("how", [{}, {"indent": 2}, {"separators": (",", ":")}, {"indent": "\t"}])
def test_pieces_hold_every_object(tmp_path: Path, how: dict[str, Any]) -> None:
    path, held = make(tmp_path, **how)
    data = af.from_coco(path)
    for image, sample in zip(held["images"], data, strict=True):
        own = [one for one in held["annotations"] if one["image_id"] == image["id"]]
        assert sample.path is not None and sample.path.endswith(image["file_name"])
        wanted = np.array([one["bbox"] for one in own]).reshape(-1, 4)
        wanted[:, 2:] += wanted[:, :2]
        np.testing.assert_array_equal(sample.targets["boxes"], wanted.astype(np.float32))
        assert sample.targets["box_labels"].tolist() == [one["category_id"] for one in own]
        polygons = [one.get("segmentation") if isinstance(one.get("segmentation"), list) else [] for one in own]
        for rings, drawn in zip(polygons, sample.targets["polygons"], strict=True):
            assert [np.array(ring, np.float32).tolist() for ring in rings] == [ring.ravel().tolist() for ring in drawn]
        points = [one.get("keypoints", [0] * 6) for one in own]
        np.testing.assert_array_equal(
            sample.targets["keypoints"].reshape(-1, 6), np.array(points, np.float32).reshape(-1, 6)
        )


def test_the_order_of_lists_and_bytes_before_them_do_not_matter(tmp_path: Path) -> None:
    path, held = make(tmp_path)
    wanted = told(af.from_coco(path))
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(dict(reversed(held.items()))).encode())
    assert told(af.from_coco(path)) == wanted


def test_a_cache_says_the_same(tmp_path: Path, small: Path) -> None:
    path, _ = make(tmp_path)
    first = af.from_coco(path)
    kept = sorted(small.iterdir())
    assert len(kept) == 2 and sorted(one.name for one in tmp_path.iterdir()) == ["cache", "images", "instances.json"]
    before = [file.stat().st_mtime_ns for file in kept]
    again = af.from_coco(path)
    assert told(again) == told(first) and again.classes == first.classes and again.paths == first.paths
    assert [file.stat().st_mtime_ns for file in kept] == before
    assert not again.table.targets["boxes"].values.flags.owndata  # type: ignore[attr-defined]  # mapped


@pytest.mark.parametrize("rows", [None, [5, 0, 5, 39]])
def test_a_pickle_carries_where_its_arrays_are_kept(tmp_path: Path, rows: list[int] | None) -> None:
    path, _ = make(tmp_path, boxes=600)
    read = af.from_coco(path)
    data = af.from_coco(path)
    if rows is not None:
        read, data = read.subset(rows), data.subset(rows)
    carried, whole = pickle.dumps(data), pickle.dumps(read)
    values = data.table.targets["boxes"].values.nbytes  # type: ignore[attr-defined]
    assert len(carried) < len(whole) - values
    assert told(pickle.loads(carried)) == told(data) == told(read)
    again = pickle.loads(carried)
    assert pickle.dumps(again) == carried
    code = "import pickle, sys; print(sum(len(one.targets['boxes']) for one in pickle.load(sys.stdin.buffer)))"
    found = subprocess.run([sys.executable, "-c", code], input=carried, capture_output=True, check=True)
    assert int(found.stdout) == sum(len(one["boxes"]) for one in told(data))


@pytest.mark.parametrize("change", ["cache", "file", "gone"])
def test_a_pickle_of_a_file_that_has_changed_since_says_so(tmp_path: Path, small: Path, change: str) -> None:
    path, held = make(tmp_path)
    af.from_coco(path)
    carried = pickle.dumps(af.from_coco(path))
    if change == "cache":
        for kept in small.iterdir():
            kept.unlink()
    elif change == "file":
        path.write_text(json.dumps(held, indent=1))
        af.from_coco(path)
    else:
        path.unlink()
    with pytest.raises(af.DataError, match=r"instances\.json: the data set that was pickled.*Open the data set again"):
        pickle.loads(carried)


def test_a_cache_of_another_file_is_not_used(tmp_path: Path) -> None:
    path, held = make(tmp_path)
    af.from_coco(path)
    held["annotations"] = held["annotations"][:10]
    path.write_text(json.dumps(held))
    assert sum(len(sample.targets["boxes"]) for sample in af.from_coco(path)) == 10
    state = path.stat()
    held["annotations"] = held["annotations"][:5]
    path.write_text(json.dumps(held).ljust(state.st_size))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert sum(len(sample.targets["boxes"]) for sample in af.from_coco(path)) == 5


@pytest.mark.parametrize("seed", range(18))
def test_a_damaged_cache_is_read_again(tmp_path: Path, small: Path, seed: int) -> None:
    path, _ = make(tmp_path)
    wanted = told(af.from_coco(path))
    kept = sorted(small.iterdir())[seed % 2]
    raw = bytearray(kept.read_bytes())
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        raw = raw[: int(rng.integers(len(raw)))]
    elif seed % 3 == 1:
        raw[int(rng.integers(len(raw)))] ^= 1 + int(rng.integers(255))
    else:
        at = int(rng.integers(200))
        raw[at : at + 8] = rng.bytes(8)
    kept.write_bytes(bytes(raw))
    assert told(af.from_coco(path)) == wanted
    assert kept.read_bytes() != bytes(raw)


def test_no_folder_for_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUGFUSE_CACHE_DIR", str(tmp_path / "file" / "below"))
    path, _ = make(tmp_path)
    assert told(af.from_coco(path)) == told(af.from_coco(path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(bbox=[1, 2, 3]), "annotations: the object with id 150 is not as wanted: .*length 4"),
        (lambda one: one.update(bbox=["1", 2, 3, 4]), "the object with id 150 is not as wanted"),
        (lambda one: one.pop("bbox"), "annotation 150 has no bbox"),
        (lambda one: one.update(image_id=-1), "annotation 150 is of image -1, which is not there"),
        (lambda one: one.update(id=3), "annotation id 3 is there twice"),
        (lambda one: one.update(bbox=[1, 1, -3, 4]), "annotation 150 is upside down"),
        (lambda one: one.update(bbox=[1, 1, 1e12, 4]), "annotation 150 has the bbox"),
    ],
)
def test_the_object_is_named(tmp_path: Path, small: Path, change: Any, words: str) -> None:
    path, held = make(tmp_path)
    change(held["annotations"][150])
    path.write_text(json.dumps(held))
    with pytest.raises(af.DataError, match=words):
        af.from_coco(path)
    assert not small.exists() or not list(small.iterdir())


@pytest.mark.parametrize("wrong", [3, 150, 399])
@pytest.mark.parametrize("piece", [90, 350, 600, 3000])
def test_the_object_is_named_wherever_a_piece_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: int, piece: int
) -> None:
    monkeypatch.setattr(large_json, "_PIECE", piece)
    path, held = make(tmp_path, boxes=400)
    held["annotations"][wrong]["bbox"] = [1, 2, 3]
    path.write_text(json.dumps(held))
    with pytest.raises(af.DataError, match=f"annotations: the object with id {wrong} is not as wanted"):
        af.from_coco(path)


def test_ids_of_any_kind(tmp_path: Path) -> None:
    path, held = make(tmp_path)
    wanted = told(af.from_coco(path))
    for image in held["images"]:
        image["id"] = f"image {image['id']:04}"
    for one in held["annotations"]:
        one["image_id"] = f"image {one['image_id']:04}"
        one["id"] = (one["id"], f"annotation {one['id']}", 2**70 + one["id"])[one["id"] % 3]
        one["category_id"] = "" if one["category_id"] == 0 else str(one["category_id"])
    for category in held["categories"]:
        category["id"] = "" if category["id"] == 0 else str(category["id"])
    path.write_text(json.dumps(held))
    assert told(af.from_coco(path)) == wanted
    held["annotations"][-1]["id"] = 2**70 + 2
    path.write_text(json.dumps(held))
    with pytest.raises(af.DataError, match=f"annotation id {2**70 + 2} is there twice"):
        af.from_coco(path)


def test_areas_that_no_image_has(tmp_path: Path) -> None:
    path, held = make(tmp_path, boxes=3)
    for one, area in zip(held["annotations"], (1e300, -5, None), strict=True):
        one |= {"area": area, "image_id": 0, "bbox": [1, 1, 2, 3]}
    path.write_text(json.dumps(held))
    assert af.from_coco(path)[0].targets["area"].tolist() == [np.float32(1e18), 0, 6]


@pytest.mark.parametrize("cut", [0, 1, 50, 5000, -2])
def test_cut_files(tmp_path: Path, cut: int) -> None:
    path, _ = make(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(af.DataError, match=r"instances\.json: (is empty|not COCO's JSON)"):
        af.from_coco(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path, _ = make(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"a/3.png", b"a/\xff.png"))
    with pytest.raises(af.DataError, match="not COCO's JSON"):
        af.from_coco(path)


def test_missing_images_are_counted(tmp_path: Path) -> None:
    path, _ = make(tmp_path)
    assert len(af.from_coco(path)) == 40  # which is kept, and counts no more once a folder changes
    for i in (3, 30, 31):
        (tmp_path / "images" / "a" / f"{i}.png").unlink()
    with pytest.raises(af.DataError, match=r"names 3 of 40 images that are not in .*images, the first is 'a/3\.png'"):
        af.from_coco(path)
    with pytest.warns(af.AugfuseWarning, match=r"3 of 40 images are not in .* and are left out, the first is 'a/3"):
        data = af.from_coco(path, missing="skip")
    whole = [i for i in range(40) if i not in (3, 30, 31)]
    assert data.paths is not None and [Path(name).stem for name in data.paths] == list(map(str, whole))
    with pytest.raises(af.DataError, match="missing: got 'drop'"):
        af.from_coco(path, missing="drop")  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["val2017", "images/val2017", "images"])
def test_images_lie_where_archives_of_coco_have_them(tmp_path: Path, place: str) -> None:
    path, _ = make(tmp_path)
    (tmp_path / "annotations").mkdir()
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / "images" / "a").rename(tmp_path / place / "a")
    path = path.rename(tmp_path / "annotations" / "instances_val2017.json")
    assert af.open(path).root == str(tmp_path / place)
