"""What a data set knows of left and right: key points change places in a mirror, without a word in the recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.columns.skeleton import flip_of
from augfuse.data.dataset import Skeleton
from oracles import pictures

PAIRS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO = ["nose", *(f"{side}_{part}" for part in PAIRS for side in ("left", "right"))]
MIRROR = af.Recipe([af.HorizontalFlip(p=1)])


def with_points(flip: tuple[int, ...]) -> af.DataSet:
    points = np.random.default_rng(0).random((4, 1, 3, 2)) * (48, 40)
    data = af.from_arrays(pictures(4, 40, 48)).with_targets(keypoints=list(points))
    data.skeleton = Skeleton(flip=flip)
    return data


def points_of(data: af.DataSet, recipe: af.Recipe, **options: Any) -> np.ndarray:
    batch = af.Loader(data, recipe, 4, seed=0, shuffle=False, **options).fetch(0, 0)
    return np.stack(batch.keypoints)  # type: ignore[arg-type]


def test_points_change_places_as_the_data_says() -> None:
    data = with_points((0, 2, 1))
    given = np.stack([sample.targets["keypoints"] for sample in data])
    mirrored = given * (-1, 1) + (48, 0)
    np.testing.assert_allclose(points_of(data, MIRROR), mirrored[:, :, [0, 2, 1]], atol=1e-4)
    np.testing.assert_allclose(points_of(data, MIRROR, training=False), given, atol=1e-4)
    train, _ = data.split(0.5)
    assert train.skeleton == data.skeleton
    assert points_of(train.repeat(2), MIRROR).shape == (4, 1, 3, 2)


def test_the_recipe_has_the_last_word() -> None:
    data = with_points((0, 2, 1))
    own = af.Recipe([af.HorizontalFlip(p=1)], targets=af.Targets(swap_keypoints=[(0, 1)]))
    given = np.stack([sample.targets["keypoints"] for sample in data])
    np.testing.assert_allclose(points_of(data, own), (given * (-1, 1) + (48, 0))[:, :, [1, 0, 2]], atol=1e-4)


@pytest.mark.parametrize("flip", [(1, 2, 0), (0, 3, 1)])
def test_what_is_not_made_of_pairs_is_refused(flip: tuple[int, ...]) -> None:
    with pytest.raises(af.DataError, match=r"data.skeleton.flip: got .*change places in pairs"):
        af.Loader(with_points(flip), MIRROR, 4)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (COCO, (0, *(k + 1 if k % 2 else k - 1 for k in range(1, 17)))),
        (["Left Hand", "head", "Right Hand"], (2, 1, 0)),
        (["eye.L", "eye.R"], (1, 0)),
        (["nose", "tail"], ()),
        (["left_eye", "nose"], ()),
        (["bright", "cleft"], ()),
        (["left", "left"], ()),
        ([], ()),
    ],
)
def test_names_say_which_is_left(names: list[str], wanted: tuple[int, ...]) -> None:
    assert flip_of(names) == wanted


def test_points_of_coco_change_places(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(pictures(1, 40, 48)[0]).save(tmp_path / "images" / "a.png")
    points = np.random.default_rng(0).integers(1, 39, (17, 2))
    flat = np.column_stack([points, np.full(17, 2)]).reshape(-1).tolist()
    held = {
        "images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 48}],
        "categories": [{"id": 1, "name": "person", "keypoints": COCO, "skeleton": []}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 48, 40], "keypoints": flat,
                         "num_keypoints": 17, "iscrowd": 0, "area": 1}],
    }  # fmt: skip
    (tmp_path / "instances.json").write_text(json.dumps(held))
    data = af.open(tmp_path)
    found = points_of(data.repeat(4), MIRROR)[0, 0]
    assert data.skeleton is not None and data.skeleton.flip[:3] == (0, 2, 1)
    np.testing.assert_allclose(found[:, :2], ((points * (-1, 1)) + (48, 0))[list(data.skeleton.flip)], atol=1e-4)
