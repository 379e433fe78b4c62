"""What the array executor refuses, and where: by name, when a plan is prepared."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import augfuse as af
from array_cases import FRAMEWORKS, ran
from augfuse.algebra.geometry import Canvas
from augfuse.errors import MissingExtraError, RecipeError
from augfuse.execute import arrays
from augfuse.execute.arrays.refused import LIMITS
from augfuse.execute.batch_images import as_images
from augfuse.targets.masks import as_words, from_words, plan_of
from augfuse.transforms.base import Local, Params, Tone
from oracles import fused, pictures
from places import ROOT

PAGE = ROOT / "docs" / "executors.md"


class Fourth(Tone, frozen=True):
    """The fourth power."""

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        return values[None] ** 4


class Smear(Local, frozen=True):
    """Each row is the one above it."""

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        image[1:] = image[:-1].copy()
        return image


def batch(dtype: str = "uint8", width: int = 20) -> Any:
    return as_images(pictures(4, 24, width, 3, dtype))


REFUSED: list[tuple[str, Any, Any, str]] = [
    ("mix", af.MixUp(), batch(), "MixUp"),
    ("mix", af.CutMix(), batch(), "CutMix"),
    ("views", af.Views(a=[af.Invert(p=1.0)], b=[af.Rotate()]), batch(), "Views"),
    ("sizes", af.Resize((9, 9)), as_images([pictures(1, 9, s, 3)[0] for s in (8, 9)]), "images"),
    ("step", [af.Rotate90(), af.GaussianBlur(), af.Resize((9, 9))], batch(), "Rotate90"),
    ("local", af.Lambda(np.negative), batch(), "Lambda"),
    ("local", Smear(), batch(), "Smear"),
    ("curve", Fourth(), batch("float32"), "Fourth"),
    ("equalize", af.Equalize(), batch("uint16"), "Equalize"),
    ("equalize", af.Equalize(), batch("float32"), "Equalize"),
]


@pytest.mark.parametrize(("key", "steps", "images", "name"), REFUSED, ids=[f"{c[0]}-{c[3]}" for c in REFUSED])
def test_refused_by_name(key: str, steps: Any, images: Any, name: str) -> None:
    recipe = af.Recipe(steps if isinstance(steps, list) else [steps])
    plans = [fused(recipe, images, seed=seed) for seed in range(4)]  # in some of them a turn is drawn
    with pytest.raises(RecipeError) as caught:
        for plan in plans:
            arrays.prepare(plan)
    said = str(caught.value)
    assert said.startswith(name) and LIMITS[key].what in said and LIMITS[key].instead in said


def test_programs_are_told_apart() -> None:
    """Recipes that differ in what they do to a pixel, and in nothing else, have different programs; others of one
    recipe have the same one, which finds itself in a dictionary."""
    groups = (
        [[af.GaussianNoise()], [af.Barrier()], [af.GaussianBlur()], [af.GaussianBlur((0.1, 3))]],
        [[af.Gamma()], [af.Solarize(p=1.0)], [af.Posterize(p=1.0)], [af.ToneCurve()]],
        [[af.Erase()], [af.Erase(value=3)], [af.Rotate()], [af.HorizontalFlip()], [af.Perspective()]],
    )
    for group in groups:
        plans = [[fused(af.Recipe(steps), batch("float32"), seed=seed) for steps in group] for seed in range(2)]
        one, other = ([arrays.prepare(plan)[0] for plan in row] for row in plans)
        assert one == other and {static: k for k, static in enumerate(one)} == {
            static: k for k, static in enumerate(other)
        }
        assert len(set(one)) == len(group)


def test_too_many_pixels() -> None:
    n = 2**31 // 10**6 + 1
    canvas = Canvas(np.full(n, 1000), np.full(n, 1000))
    plan = af.Recipe([af.HorizontalFlip()]).plan(canvas, 3, np.dtype(np.uint8), np.arange(n), seed=0)
    with pytest.raises(RecipeError, match="a batch of 2148 images"):
        arrays.prepare(plan)


def test_each_view_runs_by_itself() -> None:
    images = batch()
    plan = fused(af.Recipe([af.Views(a=[af.Invert(p=1.0)], b=[af.VerticalFlip(p=1.0)])]), images)
    found = {name: ran("torch", view, np.asarray(images.stack)) for name, view in plan.views}
    assert (found["a"] == 255 - images.stack).all() and (found["b"] == images.stack[:, ::-1]).all()


def test_tables_take_any_curve_of_whole_numbers() -> None:
    images = batch()
    got = ran("torch", fused(af.Recipe([Fourth()]), images), np.asarray(images.stack))
    assert (got == np.rint(255 * (images.stack / 255.0) ** 4)).all()


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for limit in LIMITS.values():
        assert f"| {limit.what} | {limit.why} | {limit.instead} |" in page
    assert {key for key, *_ in REFUSED} | {"pixels"} == set(LIMITS)


def test_a_missing_framework_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'augfuse\[jax\]'"):
        arrays.ops_for("jax")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_masks_move_with_their_images(framework: str, dtype: str) -> None:
    """On the device, as `recipe.batch` moves them."""
    recipe = af.Recipe(
        [af.Rotate(30), af.RandomResizedCrop((30, 40)), af.Erase(p=1.0), af.ColorJitter()],
        targets=af.Targets(mask_fill=1, mask_erase=0),
    )
    pixels = pictures(3, 37, 53)
    masks = np.random.default_rng(1).integers(0, 2**7, (3, 37, 53)).astype(dtype)
    masks = masks * np.array(2**33 if dtype == "int64" else 1, masks.dtype)
    batch = recipe.batch(pixels, seed=4, masks=masks)
    plan = plan_of(batch.plan, masks.dtype, recipe.targets)
    moved = ran(framework, plan, np.stack([as_words(mask) for mask in masks]))
    found = np.stack([from_words(mask, masks.dtype)[..., 0] for mask in moved])
    different = (found != batch.masks).mean()
    assert found.dtype == masks.dtype and different < 1e-3, different
