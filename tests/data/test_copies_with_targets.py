"""Stored copies of annotated images: what belongs to them moves with their pixels, in each form that is written."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.data.sources.augmented import with_copies

BODY = [af.HorizontalFlip(), af.Rotate(20), af.RandomCrop((32, 48)), af.Brightness(0.2)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*words: object, fails: bool = False) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            code = main([str(word) for word in words])
        said = capsys.readouterr().err
        assert (code != 0) == fails, said
        return " ".join(said.split())

    return command


def folder(root: Path, **more: Any) -> Path:
    """COCO, three images with two objects each, the polygons of which are triangles."""
    images, annotations = [], []
    (root / "images").mkdir(parents=True)
    for i in range(3):
        noise = np.random.default_rng(i).integers(0, 256, (40, 56, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / "images" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "height": 40, "width": 56})
        for k, (left, top) in enumerate(((4 + i, 6), (30, 12 + i))):
            ring = [left, top, left + 16, top, left + 16, top + 20]
            annotations.append({
                "id": 2 * i + k, "image_id": i, "category_id": k, "bbox": [left, top, 16, 20], "area": 160,
                "iscrowd": 0, "segmentation": [ring],
                **({"keypoints": [left + 1, top + 1, 2, left + 15, top + 1, 1], "num_keypoints": 2} if more else {}),
            })  # fmt: skip
    categories = [{"id": k, "name": name, **more} for k, name in enumerate(("cat", "dog"))]
    held = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(held))
    return root


def recipe_file(path: Path, *body: af.Transform, **options: Any) -> Path:
    path.write_text(af.Recipe(body or BODY, **options).to_yaml())
    return path


def served(data: af.DataSet, epoch: int, **options: Any) -> af.Batch:
    loader = af.Loader(data, af.Recipe(BODY, **options), 3, seed=7, shuffle=False, dtype="uint8")
    return loader.fetch(epoch, 0)


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "tfrecord"])
def test_a_copy_is_what_a_loader_serves(tmp_path: Path, run: Any, form: str) -> None:
    src = folder(tmp_path / "src")
    out = tmp_path / ("out.tfrecord" if form == "tfrecord" else "out")
    run("augment", src, out, "--to", form, "--copies", 2, "--seed", 7, "--recipe", recipe_file(tmp_path / "r.yaml"))
    data, made = af.open(src), af.open(out / "data.yaml" if form == "yolo" else out)
    assert len(made) == 9
    within = 0.51 if form == "voc" else 0.01
    found = {sample.image.tobytes(): sample.targets for sample in made}
    for epoch in range(2):
        batch = served(data, epoch)
        assert batch.boxes is not None
        for i, image in enumerate(batch.images):
            targets = found[image.tobytes()]
            boxes = batch.boxes[i]
            if form == "yolo":  # a line holds the polygon, and the box is the one around it
                rings = [np.concatenate(own) for own in batch.polygons[i]]  # type: ignore[union-attr]
                boxes = np.array([[*ring.min(axis=0), *ring.max(axis=0)] for ring in rings]).reshape(-1, 4)
            np.testing.assert_allclose(targets["boxes"], boxes, atol=within)
            assert targets["box_labels"].tolist() == batch.box_labels[i].tolist()  # type: ignore[index]
            for mine, others in zip(targets.get("polygons", ()), batch.polygons[i], strict=form != "voc"):  # type: ignore[index]
                for ring, other in zip([mine] if form == "yolo" else mine, others, strict=True):
                    np.testing.assert_allclose(ring, other, atol=within)
    if form == "yolo":
        return
    middle = af.Loader(data, af.Recipe(BODY), 3, training=False, dtype="uint8").fetch(0, 0)
    for i, image in enumerate(middle.images):
        np.testing.assert_allclose(found[image.tobytes()]["boxes"], middle.boxes[i], atol=within)  # type: ignore[index]


def test_key_points_and_areas_move_too(tmp_path: Path, run: Any) -> None:
    src = folder(tmp_path / "src", keypoints=["left", "right"], skeleton=[[1, 2]])
    policy = af.Targets(swap_keypoints=[(0, 1)])
    run("augment", src, tmp_path / "out", "--to", "coco", "--copies", 1, "--seed", 7, "--recipe",
        recipe_file(tmp_path / "r.yaml", targets=policy, box_format="yolo"))  # fmt: skip
    batch, made = served(af.open(src), 0, targets=policy), af.open(tmp_path / "out")
    assert made.skeleton is not None
    for i, image in enumerate(batch.images):
        (targets,) = (sample.targets for sample in made if np.array_equal(sample.image, image))
        np.testing.assert_allclose(targets["keypoints"], batch.keypoints[i], atol=0.01)  # type: ignore[index]
        for k, rings in enumerate(batch.polygons[i]):  # type: ignore[index]
            x, y = np.concatenate(rings).T.astype(float)
            area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
            assert abs(targets["area"][k] - area) < 0.1 and 0 < area < 160.1


def test_masks_move_too(tmp_path: Path, run: Any) -> None:
    for i in range(3):
        numbers = np.random.default_rng(i).integers(0, 5, (10, 14), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        for name, pixels in (("images", np.stack([numbers * 50] * 3, axis=2)), ("masks", numbers)):
            (tmp_path / "src" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "src" / name / f"{i}.png")
    path = recipe_file(tmp_path / "r.yaml", af.HorizontalFlip(), af.RandomCrop((20, 30)), af.Rotate90())
    run("augment", tmp_path / "src", tmp_path / "out.tfrecord", "--copies", 3, "--recipe", path)
    made = af.open(tmp_path / "out.tfrecord")
    assert len(made) == 12 and {sample.image.shape[:2] for sample in made} >= {(20, 30), (30, 20)}
    for sample in made:
        assert np.array_equal(sample.image[:, :, 0], sample.targets["mask"] * 50)


def test_objects_that_leave_the_image_are_left_out_with_all_they_have(tmp_path: Path, run: Any) -> None:
    src = folder(tmp_path / "src")
    path = recipe_file(tmp_path / "r.yaml", af.RandomCrop(14), targets=af.Targets(min_visibility=0.4))
    run("augment", src, tmp_path / "out", "--to", "coco", "--copies", 4, "--recipe", path)
    counts = [len(sample.targets["boxes"]) for sample in af.open(tmp_path / "out")]
    assert min(counts) == 0 and max(counts) >= 1
    for sample in af.open(tmp_path / "out"):
        sides = sample.targets["boxes"][:, 2:] - sample.targets["boxes"][:, :2]
        assert (sides.prod(axis=1) >= 0.4 * 320 - 1).all() and len(sample.targets["polygons"]) == len(sides)


def test_numbers_of_segments_follow_their_objects() -> None:
    segments = np.zeros((40, 56), np.int32)
    segments[5:20, 2:12], segments[25:38, 30:50] = 1, 2
    data = af.from_arrays(np.zeros((1, 40, 56, 3), np.uint8)).with_targets(
        boxes=[[[2, 5, 12, 20], [30, 25, 50, 38]]], box_labels=[[3, 4]], segments=[segments]
    )
    made = with_copies(data, af.Recipe([af.RandomCrop((20, 30))]), 30, 0, "png")
    alone = 0
    for sample in made:
        labels, numbers = list(sample.targets["box_labels"]), sample.targets["segments"]
        for k, label in enumerate(labels):
            left, top, right, bottom = np.rint(sample.targets["boxes"][k]).astype(int)
            assert (numbers[top:bottom, left:right] == k + 1).all() and label in (3, 4)
        assert numbers.max() == len(labels)
        alone += labels == [4]
    assert alone > 2


def test_segments_of_a_batch_are_counted_anew() -> None:
    segments = np.zeros((2, 40, 56), np.int32)
    segments[:, 5:20, 2:12], segments[:, 25:38, 30:50] = 1, 2
    batch = af.Recipe([af.CenterCrop((20, 20))], targets=af.Targets(mask_fill=255)).batch(
        np.zeros((2, 40, 56, 3), np.uint8), segments=segments, boxes=[[[2, 5, 12, 20], [30, 25, 50, 38]]] * 2, seed=0
    )
    assert batch.boxes is not None and [len(boxes) for boxes in batch.boxes] == [1, 1]
    assert np.array_equal(batch.targets["segments"], np.where(segments[:, 10:30, 18:38] == 2, 1, 0))


def test_colours_leave_annotations_as_they_are(tmp_path: Path) -> None:
    data = af.from_arrays(np.zeros((1, 40, 56, 3), np.uint8)).with_targets(boxes=[[[-3, 5, 12, 20]]], box_labels=[[0]])
    made = with_copies(data, af.Recipe([af.Brightness(0.3), af.Erase()]), 2, 0, "png")
    assert all(np.asarray(sample.targets["boxes"]).tolist() == [[-3, 5, 12, 20]] for sample in made)


def test_wrong_boxes_are_named_with_their_file(tmp_path: Path, run: Any) -> None:
    src = folder(tmp_path / "src")
    held = json.loads((src / "instances.json").read_text())
    held["annotations"][2]["bbox"] = [400, 400, 5, 5]
    (src / "instances.json").write_text(json.dumps(held))
    said = run(
        "augment", src, tmp_path / "out", "--to", "coco", "--recipe", recipe_file(tmp_path / "r.yaml"), fails=True
    )
    assert "1.png: boxes: box 0 is [400.0, 400.0, 405.0, 405.0], outside of the image" in said
    assert not (tmp_path / "out").exists()


def test_the_default_recipe_moves_them(tmp_path: Path, run: Any) -> None:
    run("augment", folder(tmp_path / "src"), tmp_path / "out", "--to", "voc", "--copies", 2)
    made = af.open(tmp_path / "out")
    assert len(made) == 9 and len({sample.targets["boxes"].tobytes() for sample in made}) > 6
