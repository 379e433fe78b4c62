"""What holds for every transform, over every example of every class: nothing here lists transforms by hand."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.rng import Draw, Words
from augfuse.errors import RecipeError
from augfuse.execute import reference
from augfuse.execute.batch_images import as_images
from augfuse.plan.draw import draw
from augfuse.transforms.base import Color, Displacement, Geometric, Params, Transform, Write
from augfuse.transforms.custom import reverse_channels
from oracles import (
    EXAMPLE_IDS,
    EXAMPLES,
    RARE,
    batch_of,
    every_example,
    every_rare_example,
    fused,
    labels_for,
    pictures,
    siblings,
    sources,
)

INDICES = np.array([0, 1, 2, 3, 40, 41, 42, 2**40])


def recipe_of(cls: type[Transform], example: dict[str, Any], **options: Any) -> af.Recipe:
    return af.Recipe([cls(**example)], **options)


def test_the_registry_is_not_empty_and_sorted() -> None:
    names = [cls.__name__ for cls in af.list_transforms()]
    assert names == sorted(names) and len(names) >= 25
    assert all(cls.examples for cls in af.list_transforms())
    assert all(getattr(af, name) is cls for name, cls in zip(names, af.list_transforms(), strict=True))


@every_example
def test_shape_and_dtype_are_as_planned(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = recipe_of(cls, example)
    for dtype in ("uint8", "uint16", "float32"):
        for height, width in ((64, 64), (64, 90), (71, 66)):
            image = pictures(1, height, width, 3, dtype)
            plan = fused(recipe, as_images(image), seed=5)
            out = recipe(image=image[0], label=0, seed=5, index=0)["image"]
            assert out.shape == (int(plan.size.height[0]), int(plan.size.width[0]), 3)
            assert out.dtype == plan.write.dtype == (np.float32 if issubclass(cls, Write) else np.dtype(dtype))
            assert out.flags.c_contiguous and np.isfinite(out).all()


@every_example
def test_the_input_is_only_read(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = recipe_of(cls, example)
    for dtype in ("uint8", "float32"):
        images = pictures(4, 64, 64, 3, dtype)
        before = images.copy()
        wanted = batch_of(recipe, images, seed=3).images
        assert np.array_equal(images, before)
        images.flags.writeable = False
        assert np.array_equal(batch_of(recipe, images, seed=3).images, wanted)
        assert np.array_equal(batch_of(recipe, list(images), seed=3).images, wanted)
        assert not np.shares_memory(wanted, images)


@every_rare_example
def test_p_0_is_the_identity(cls: type[Transform], example: dict[str, Any]) -> None:
    for dtype in ("uint8", "uint16", "float32"):
        images = pictures(3, 64, 70, 3, dtype)
        out = batch_of(recipe_of(cls, {**example, "p": 0.0}), images, seed=3).images
        assert np.array_equal(out, images.astype(out.dtype))


@every_example
def test_same_bytes_alone_and_in_any_batch(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = recipe_of(cls, example)
    indices = np.minimum(INDICES, 47) if recipe.inner.asks.mixes else INDICES  # places in the data set of the partners
    others = siblings(pictures(48, 64, 64)) if recipe.inner.asks.mixes else None
    images = pictures(len(indices), 64, 64)
    same: dict[str, Any] = {"seed": 11, "epoch": 2, "data": others}
    whole = batch_of(recipe, images, indices=indices, **same).images
    for k, index in enumerate(indices):
        label = labels_for(recipe, [index])[0]
        alone = recipe(image=images[k], label=label, index=int(index), **same)["image"]
        assert np.array_equal(alone, whole[k]), f"index {index}"
    order = np.random.default_rng(0).permutation(len(indices))[:5]
    mixed = batch_of(recipe, images[order], indices=indices[order], workers=2, **same).images
    assert np.array_equal(mixed, whole[order])
    listed = batch_of(recipe, [images[k] for k in order], indices=indices[order], **same).images
    assert np.array_equal(listed, whole[order])


@every_example
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_same_bytes_for_any_number_of_workers_and_into_used_memory(
    cls: type[Transform], example: dict[str, Any], layout: str
) -> None:
    recipe = recipe_of(cls, example)
    images = pictures(7, 64, 64)
    one = batch_of(recipe, images, seed=1, workers=1, layout=layout, dtype="float32").images
    used = np.full_like(one, 77)
    for workers in (2, 3, 50):
        assert np.array_equal(
            batch_of(recipe, images, seed=1, workers=workers, layout=layout, dtype="float32").images, one
        )
    batch = batch_of(recipe, images, seed=1, layout=layout, dtype="float32", out=used)
    assert batch.images is used and np.array_equal(used, one)


@every_example
def test_layouts_and_dtypes_agree(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = recipe_of(cls, example)
    images = pictures(4, 64, 64)
    last = batch_of(recipe, images, seed=8, dtype="float32").images
    first = batch_of(recipe, images, seed=8, dtype="float32", layout="NCHW").images.transpose(0, 2, 3, 1)
    if getattr(cls, "standardizes", False):  # the sums over an image run in the order of its memory
        np.testing.assert_allclose(first, last, rtol=0, atol=1e-5)
    else:
        assert np.array_equal(first, last)
    if not issubclass(cls, Write):
        assert np.array_equal(np.rint(last), batch_of(recipe, images, seed=8).images)


@every_example
def test_pickle_yaml_dict_and_python_round_trips(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = recipe_of(cls, example, fill="constant", fill_value=(1.5, 2, 3), interpolation="nearest")
    names = {"af": af, "reverse_channels": reverse_channels}
    for again in (
        pickle.loads(pickle.dumps(recipe)),
        af.Recipe.from_yaml(recipe.to_yaml()),
        af.Recipe.from_dict(recipe.to_dict()),
        eval(recipe.to_python(), names),
    ):
        assert again == recipe and type(again.transforms[0]) is cls
        assert again.to_dict() == recipe.to_dict() and again.fingerprint() == recipe.fingerprint()


@every_example
def test_evaluation_draws_nothing(cls: type[Transform], example: dict[str, Any]) -> None:
    recipe = recipe_of(cls, example).eval()
    images = pictures(2, 64, 80)
    one = batch_of(recipe, images, seed=0).images
    other = batch_of(recipe, images, seed=123, epoch=9, indices=[1000, 5]).images
    assert np.array_equal(one, other)
    assert np.array_equal(one, batch_of(recipe_of(cls, example), images, training=False).images)
    assert recipe.eval() == recipe
    if cls.evaluation == "random":
        assert recipe.transforms == ()


@every_rare_example
def test_evaluation_leaves_out_what_never_acts(cls: type[Transform], example: dict[str, Any]) -> None:
    images = pictures(2, 64, 80)
    out = batch_of(recipe_of(cls, {**example, "p": 0.0}), images, training=False, seed=0).images
    assert np.array_equal(out, images.astype(out.dtype))


@every_example
def test_draws_belong_to_the_index(cls: type[Transform], example: dict[str, Any]) -> None:
    transform = cls(**example)
    whole = transform.draw(Draw(Words(7, 1, INDICES), "X#0"))
    some = np.array([4, 1, 6])
    part = transform.draw(Draw(Words(7, 1, INDICES[some]), "X#0"))
    assert list(part) == list(whole)
    for name, values in whole.items():
        assert len(values) == len(INDICES) and np.array_equal(part[name], values[some]), name


def every(*kinds: type[Transform]) -> pytest.MarkDecorator:
    """Every example of the classes of these kinds."""
    chosen = [(name, case) for name, case in zip(EXAMPLE_IDS, EXAMPLES, strict=True) if issubclass(case[0], kinds)]
    return pytest.mark.parametrize(("cls", "example"), [case for _, case in chosen], ids=[name for name, _ in chosen])


def drawn(cls: type[Transform], example: dict[str, Any], n: int) -> tuple[Transform, Params]:
    transform = cls(**example)
    return transform, transform.draw(Draw(Words(7, 1, np.arange(n)), f"{cls.__name__}#0"))


@every(Geometric)
def test_matrices_are_what_the_class_says_and_their_inverses_undo_points(
    cls: type[Transform], example: dict[str, Any]
) -> None:
    canvas = Canvas(np.array([64, 80, 100]), np.array([64, 66, 90]))
    transform, params = drawn(cls, example, 3)
    assert isinstance(transform, Geometric)
    matrix, size = transform.matrix(params, canvas)
    assert matrix.shape == (3, 3, 3) and matrix.dtype == np.float64
    assert transform.projective or np.array_equal(matrix[:, 2], np.tile([0.0, 0.0, 1.0], (3, 1)))
    assert all(side.shape == (3,) and side.dtype == np.int64 and (side >= 1).all() for side in size)
    points = np.random.default_rng(0).uniform(0, 64, (3, 9))
    points[2] = 1
    back = geometry.invert_homographies(matrix, canvas, size).maps.reshape(-1, 3, 3) @ (matrix @ points)
    np.testing.assert_allclose(back[:, :2] / back[:, 2:], np.tile(points[:2], (3, 1, 1)), atol=1e-9)
    if not transform.projective:
        back = geometry.invert(matrix).maps.reshape(-1, 2, 3) @ (matrix @ points)
        np.testing.assert_allclose(back, np.tile(points[:2], (3, 1, 1)), atol=1e-9)


@every(Displacement)
@pytest.mark.parametrize("size", [(64, 64), (30, 201), (3, 5), (1, 1), (1, 40)])
def test_fields_never_fold(cls: type[Transform], example: dict[str, Any], size: tuple[int, int]) -> None:
    """Each small area keeps its side up: so does all of a cell, in which its share is linear."""
    n = 20
    transform, params = drawn(cls, example, n)
    assert isinstance(transform, Displacement)
    height, width = size
    field = transform.field(params, Canvas(np.full(n, height), np.full(n, width)))
    assert field.points.dtype == np.float64 and field.points.shape[::3] == (n, 2)
    for points in field.points:
        points = reference.spline(points, height, width) if field.smooth else points
        y, x = (np.linspace(0, side, count) for side, count in zip(size, points.shape[:2], strict=True))
        places = points + np.stack(np.meshgrid(x, y), axis=2)
        across, down = np.diff(places, axis=1) / (x[1] - x[0]), np.diff(places, axis=0) / (y[1] - y[0])
        for a in (across[:-1], across[1:]):
            for d in (down[:, :-1], down[:, 1:]):
                assert (a[..., 0] * d[..., 1] - a[..., 1] * d[..., 0]).min() > 0.001


@every(Geometric, Displacement)
def test_what_lies_outside_takes_the_fill_colour(cls: type[Transform], example: dict[str, Any]) -> None:
    images = np.full((3, 64, 64, 3), 100, np.uint8)
    example = {**example, "p": 1.0}
    recipe = recipe_of(cls, example, fill="constant", fill_value=(7, 8, 9))
    batch = batch_of(recipe, images, seed=7, epoch=1)
    height, width = batch.images.shape[1:3]
    own = getattr(cls(**example), "surround", None)  # of a class with a colour of its own
    around = np.array([7, 8, 9]) if own is None else np.rint(np.broadcast_to(own, 3))
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    for i, out in enumerate(batch.images):
        source = sources(batch.plan, i, np.stack([x.ravel(), y.ravel()]))
        edge = np.abs(source[:, :, None] - np.array([0, 64])).min(axis=(0, 2)).reshape(height, width)
        inside = np.all((source > 0) & (source < 64), axis=0).reshape(height, width)
        sure = edge > 1e-3  # at the cut itself float32 coordinates may fall on either side
        wanted = np.where(inside[:, :, None], np.array([100, 100, 100]), around)
        assert np.array_equal(out[sure], wanted[sure])
    for fill in ("nearest", "reflect", "wrap") if own is None else ():  # nothing but the picture itself
        assert (recipe_of(cls, example, fill=fill, fill_value=7).batch(images, seed=7).images == 100).all()


@pytest.mark.parametrize("cls", [c for c in af.list_transforms() if issubclass(c, Color)], ids=lambda c: c.__name__)
def test_colours_leave_alpha_alone_and_say_which_channels_fit(cls: type[Transform]) -> None:
    assert issubclass(cls, Color)
    for example in cls.examples:
        recipe = recipe_of(cls, {**example, "p": 1.0})
        rgba = pictures(2, 12, 13, 4)
        out = recipe.batch(rgba, seed=2).images
        assert np.array_equal(out[..., 3], rgba[..., 3])
        if "pivot" not in example:  # the grey mean of four channels is that of the first three
            assert np.array_equal(out[..., :3], recipe.batch(rgba[..., :3], seed=2).images)
        grey = np.repeat(pictures(2, 12, 13, 1), 3, axis=3)
        channel = recipe.batch(grey[..., :1], seed=2, dtype="float32").images
        np.testing.assert_allclose(channel, recipe.batch(grey, seed=2, dtype="float32").images[..., :1], atol=1e-3)
        if cls.mixes_channels:
            with pytest.raises(RecipeError, match=r"got images with 2 channels, wanted 1 \(grey\), 3 \(RGB\) or 4"):
                recipe.batch(pictures(1, 4, 4, 2), seed=0)
        else:
            assert recipe.batch(pictures(1, 4, 4, 5), seed=0).images.shape == (1, 4, 4, 5)


@pytest.mark.parametrize("cls", RARE, ids=lambda c: c.__name__)
def test_p_is_a_probability(cls: type[Transform]) -> None:
    example = cls.examples[0]
    for wrong in (-0.1, 1.5, float("nan"), "half", True):
        with pytest.raises(af.RangeError, match=rf"{cls.__name__}\.p: got .*, wanted a number within 0..1"):
            cls(**{**example, "p": wrong})


@pytest.mark.parametrize("cls", RARE, ids=lambda c: c.__name__)
def test_half_of_the_images_are_left_as_they_are(cls: type[Transform]) -> None:
    recipe = recipe_of(cls, {**cls.examples[-1], "p": 0.5})
    images = np.stack([pictures(1, 64, 64)[0]] * 64)
    active = draw(recipe.transforms, 4, 0, np.arange(64)).nodes[0].active
    assert active is not None and 16 <= active.sum() <= 48
    for i in np.flatnonzero(~active):
        out = recipe(image=images[i], label=0, seed=4, index=int(i))["image"]
        assert np.array_equal(out, images[i].astype(out.dtype))
