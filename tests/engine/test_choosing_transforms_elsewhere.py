"""Transforms that choose among others, where a recipe goes besides batches: notebooks, masks, the doctor, copies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.doctor import examine
from augfuse.plan.ops import Segment
from augfuse.transforms.base import Compose, Transform
from oracles import EXAMPLES, labels_of, pictures

INVERT = af.Invert(p=1)
CHOOSING = [cls(**example) for cls, example in EXAMPLES if issubclass(cls, (Compose, af.Views))]
every_choice = pytest.mark.parametrize("transform", CHOOSING, ids=lambda t: type(t).__name__)


@every_choice
def test_a_notebook_shows_the_recipe_and_a_batch(transform: Transform) -> None:
    recipe = af.Recipe([af.HorizontalFlip(), transform])
    html = recipe._repr_html_()
    assert f'<td style="text-align:left">{type(transform).__name__}</td>' in html
    assert " object at 0x" not in html and "transforms=(Rotate(" not in html
    assert recipe.batch(pictures(2, 64, 64), [0, 1], seed=0)._repr_html_().count("<img ") == 2


def test_a_notebook_says_what_is_chosen_and_what_stays() -> None:
    html = af.Recipe(
        [
            af.OneOf([af.Rotate(20), af.Sequential([INVERT, af.Hue()])], weights=(1, 2), p=0.5),
            af.Sequential([af.Rotate(20), af.Resize(9)]),
            af.Schedule(af.HorizontalFlip(), epochs=4, p=(1, 0)),
        ]
    )._repr_html_()
    rows = [re.sub("<[^>]*>", "|", row).split("||")[1:-1] for row in re.findall("<tr><td.*?</tr>", html)]
    assert [[cell.strip("|") for cell in row] for row in rows] == [
        ["OneOf", "0.5", "transforms=[Rotate, Sequential([Invert, Hue])]; weights=(1, 2)", "left out"],
        ["Sequential", "1", "transforms=[Rotate, Resize]", "Resize"],
        ["Schedule", "1 to 0", "transform=HorizontalFlip; epochs=4 epochs", "left out"],
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [af.OneOf([af.Rotate(30), af.Brightness(0.5), af.HorizontalFlip(p=1)], weights=(2, 1, 1))],
        [af.Sequential([INVERT, af.HorizontalFlip(), af.GaussianNoise(), af.Shear(9)], p=0.7), af.Contrast()],
        [af.SomeOf([af.Hue(), af.Rotate(30), af.Erase(p=1), af.Translate(0.3)], 2), af.VerticalFlip()],
        [af.SomeOf([af.Rotate(30), INVERT], 2, replace=True)],
        [af.RandomOrder([af.Rotate(30), af.Saturation(), af.Translate(0.3)]), af.Barrier()],
        [af.OneOf([af.Schedule(INVERT, p=(0.5, 1)), af.Schedule(af.Rotate(30), strength=(0.2, 1), epochs=3)])],
        [af.Schedule(af.Sequential([INVERT, af.Rotate(30)]), p=(1, 0), epochs=5), af.Rotate(9)],
        [af.OneOf([INVERT]), af.OneOf([af.OneOf([INVERT, af.Hue()]), af.OneOf([af.Hue(), af.Rotate(30)])])],
        [af.Rotate(30, p=0), af.Rotate(30), af.RandomOrder([INVERT]), af.Hue(), af.RandomOrder([af.Shear(9)])],
    ],
    ids=range(9),
)
def test_masks_are_moved_as_their_images_and_their_values_stay(steps: list[Transform]) -> None:
    recipe, n = af.Recipe(steps), 60
    masks = np.where(pictures(n, 12, 12, 1)[..., 0] > 127, 200, 0).astype(np.uint8)
    batch = recipe.batch(np.zeros((n, 12, 12, 3), np.uint8), masks=masks, seed=5, epoch=2)
    assert set(np.unique(batch.masks)) <= {0, 200} and len(np.unique(total(batch.plan).round(3), axis=0)) > 1
    for i, mask in enumerate(masks):
        wanted, clear = mask, np.ones((12, 12), bool)
        for step in batch.plan.steps:  # each pass takes the nearest pixel of what the one before it left
            if isinstance(step, Segment) and step.geometry is not None:
                back, (rows, columns) = np.linalg.inv(step.geometry[i]), np.indices((12, 12)) + 0.5
                x, y, _ = np.einsum("ij,jrc->irc", back, np.stack([columns, rows, np.ones((12, 12))]))
                at = np.clip(y, 0, 11).astype(int), np.clip(x, 0, 11).astype(int)
                off_edges = (np.abs(x - np.rint(x)) > 0.01) & (np.abs(y - np.rint(y)) > 0.01)
                wanted, clear = wanted[at], clear[at] & off_edges
        assert np.array_equal(batch.masks[i][clear], wanted[clear])


def total(plan: Any) -> np.ndarray:
    """The matrix by which a plan moves each image: the product of its segments."""
    found = np.tile(np.eye(3), (len(plan), 1, 1))
    for step in plan.steps:
        if isinstance(step, Segment) and step.geometry is not None:
            found = step.geometry @ found
    return found


def test_masks_where_labels_choose() -> None:
    recipe = af.Recipe([af.When(labels=[1], transforms=[af.HorizontalFlip(p=1), INVERT]), INVERT])
    image, mask = pictures(1, 6, 6)[0], pictures(1, 6, 6, 1)[0, :, :, 0]
    assert np.array_equal(recipe(image=image, mask=mask, label=1, seed=0, index=0)["mask"], mask[:, ::-1])
    assert np.array_equal(recipe(image=image, mask=mask, label=0, seed=0, index=0)["mask"], mask)


def test_masks_of_views() -> None:
    recipe = af.Recipe(
        [
            af.VerticalFlip(p=1),
            af.Views(a=[af.RandomCrop(6), INVERT, af.ToFloat()], b=[af.Hue(), af.HorizontalFlip(p=1)]),
        ]
    )
    x, masks = np.zeros((9, 12, 12, 3), np.uint8), pictures(9, 12, 12, 1)[..., 0]
    batch = recipe.batch(x, masks=masks, seed=1)
    assert np.array_equal(batch.views["b"].masks, masks[:, ::-1, ::-1])
    assert batch.masks is batch.views["a"].masks and batch.masks.shape == (9, 6, 6)
    one = recipe(image=x[4], mask=masks[4], seed=1, index=4)
    assert np.array_equal(one["mask"], batch.masks[4])
    assert np.array_equal(one["views"]["b"]["mask"], batch.views["b"].masks[4])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of eight images each."""
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i, image in enumerate(pictures(8, 20, 20, seed=k)):
            Image.fromarray(image).save(tmp_path / "data" / name / f"{i}.png")
    return tmp_path / "data"


def test_the_doctor_knows_the_classes(folder: Path) -> None:
    good = af.Recipe([af.When(labels=["dog"], transforms=[af.Rotate(5)]), af.ToFloat()])
    assert not [found for found in examine(folder, good).findings if found.code.startswith("AF50")]
    wrong = af.Recipe([af.OneOf([af.When(labels=["dgo"], transforms=[af.Rotate(5)])]), af.ToFloat()])
    (found,) = [found for found in examine(folder, wrong).findings if found.code == "AF501"]
    assert "OneOf#0/When#0.labels: got 'dgo', wanted one of the classes cat, dog. Did you mean 'dog'?" in found.message


def test_the_doctor_looks_into_trees(folder: Path) -> None:
    for name in ("left", "right"):
        (folder / ("cat" if name == "left" else "dog")).rename(folder / name)
    wrong = af.Recipe([af.SomeOf([af.Sequential([af.HorizontalFlip()]), INVERT], 1), af.ToFloat()])
    assert "AF504" in [found.code for found in examine(folder, wrong).findings]


def test_copies_follow_labels() -> None:
    images, labels = pictures(9, 6, 6), labels_of(np.arange(9))
    recipe = af.Recipe([af.When(labels=["dog"], transforms=[af.HorizontalFlip(p=1)]), af.OneOf([INVERT])])
    x, y, _ = af.augment(af.from_arrays(images, labels, classes=("cow", "cat", "dog")), recipe, copies=1, seed=0)
    assert y is not None and np.array_equal(x[::2], images)
    for i in range(9):
        assert np.array_equal(x[2 * i + 1], 255 - (images[i][:, ::-1] if y[2 * i] == 2 else images[i]))


def test_what_takes_one_output_refuses_views(folder: Path) -> None:
    recipe = af.Recipe([af.Views(a=[af.Rotate(9)], b=[])])
    with pytest.raises(
        af.RecipeError, match="the recipe ends in Views, several outputs of each image, and a stored copy"
    ):
        af.augment(af.from_arrays(pictures(3, 6, 6)), recipe)
    pytest.importorskip("keras")
    with pytest.raises(af.RecipeError, match=r"the recipe ends in Views, .* Leave Views out, or train a model"):
        af.train(folder, recipe=recipe, epochs=1, out=folder.parent / "run")
