"""Names, options and formats as other libraries have them: what is meant is said, and nothing passes unseen."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import augfuse as af

IMAGES = np.zeros((4, 16, 16, 3), np.uint8)
DATA = af.from_arrays(IMAGES, np.arange(4) % 2)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bboxes", "boxes"), ("bbox", "boxes"), ("box", "boxes"), ("bounding_box", "boxes"), ("keypoint", "keypoints"),
        ("kps", "keypoints"), ("polygon", "polygons"), ("class_labels", "box_labels"), ("category_ids", "box_labels"),
        ("segmentation", "mask"),
    ],
)  # fmt: skip
def test_targets_that_would_not_move(name: str, meant: str) -> None:
    given: dict[str, Any] = {name: [[[1, 1, 5, 5]]] * 4}
    with pytest.raises(af.DataError, match=f"with_targets: got '{name}', wanted '{meant}'"):
        DATA.with_targets(**given)
    with pytest.raises(af.ImageTypeError, match=f"Did you mean '{meant}'"):
        af.Recipe().batch(IMAGES, **given)


def test_a_label_is_not_a_target() -> None:
    with pytest.raises(af.DataError, match=r"got 'label'.*data.with_labels"):
        DATA.with_targets(label=[1, 2, 3, 4])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("num_workers", "workers"), ("collate_fn", "collate"), ("transform", "recipe"), ("bach_size", "batch_size")],
)
def test_options_of_a_loader(name: str, meant: str) -> None:
    with pytest.raises(af.ImageTypeError, match=f"Loader has no '{name}', wanted .*Did you mean '{meant}'"):
        af.Loader(DATA, **cast("Any", {name: 2}))


@pytest.mark.parametrize("name", ["one_hot", "label_smoothing", "batch_size"])
def test_options_of_a_loader_in_a_call(name: str) -> None:
    with pytest.raises(af.ImageTypeError, match=rf"an option of a loader: af.Loader\(data, recipe, {name}=...\)"):
        af.Recipe([af.MixUp()]).batch(IMAGES, **cast("Any", {name: 1}))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bbox_params", "box_format"),
        ("min_visibility", "targets"),
        ("additional_targets", "additional"),
        ("fil", "fill"),
    ],
)
def test_fields_of_a_recipe(name: str, meant: str) -> None:
    with pytest.raises(af.ImageTypeError, match=f"Recipe has no '{name}'.*Did you mean '{meant}'"):
        af.Recipe([], **cast("Any", {name: 1}))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("xyxy", "pascal_voc"),
        ("voc", "pascal_voc"),
        ("xywh", "coco"),
        ("albumentations", "normalized"),
        ("normalised", "normalized"),
    ],
)
def test_formats_of_boxes(word: Any, meant: str) -> None:
    with pytest.raises(af.RangeError, match=f"box_format: got '{word}', wanted one of .* Did you mean '{meant}'"):
        af.Recipe(box_format=word)


@pytest.mark.parametrize(
    ("word", "meant"), [("same", "same_class"), ("other", "other_class"), ("same_clas", "same_class")]
)
def test_partners(word: Any, meant: str) -> None:
    with pytest.raises(af.RangeError, match=f"partner: got '{word}', .* Did you mean '{meant}'"):
        af.MixUp(partner=word)


def test_an_image_without_its_name() -> None:
    recipe, image = af.Recipe([af.Rotate(20)]), np.arange(768, dtype=np.uint8).reshape(16, 16, 3)
    assert np.array_equal(recipe(image, seed=1, index=2)["image"], recipe(image=image, seed=1, index=2)["image"])


def test_a_hint_that_does_not_lead_in_a_circle() -> None:
    with pytest.raises(af.RecipeError, match=r"Put it before or behind RandomOrder, or use af.Sequential\.$"):
        af.RandomOrder([af.Mosaic(32), af.MixUp()])
    with pytest.raises(af.RecipeError, match=r"Put it before or behind RandomOrder, or use af.OneOf or af.Sequential"):
        af.RandomOrder([af.MixUp()])
    with pytest.raises(af.RecipeError, match=r"or use af.Sequential or af.When"):
        af.OneOf([af.Mosaic(32), af.MixUp()])
    af.Sequential([af.Mosaic(32), af.MixUp()])
