"""Single calls one after the other, whose plans are made together: the same bytes as in a batch, whatever the order."""

from __future__ import annotations

import os
import threading
from typing import Any, final

import numpy as np
import pytest

import augfuse as af
from augfuse.algebra.geometry import Canvas, affine
from augfuse.algebra.rng import Draw
from augfuse.recipe_call.single_calls import TOGETHER
from augfuse.transforms.base import Geometric, Params
from children import fork, in_clean_process

N = 3 * TOGETHER
RECIPES = {
    "a warp": af.Recipe([af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(0.2, 0.2, 0.2, 0.1)]),
    "normalised": af.Recipe([af.Affine(degrees=20, scale=(0.8, 1.2)), af.Normalize()], fill="constant", fill_value=9),
    "chosen": af.Recipe([af.OneOf([af.Brightness(), af.Gamma()]), af.SomeOf([af.Shear(), af.Invert()], n=1)]),
    "several passes": af.Recipe([af.Rotate(), af.GaussianNoise(), af.AutoContrast(), af.RandomResizedCrop(20)]),
    "reduced": af.Recipe([af.Affine(scale=0.3, degrees=20), af.GaussianBlur(p=0.5), af.PerImageStandardize()]),
    "bent": af.Recipe([af.ElasticTransform(), af.Perspective(), af.Erase()]),
    "with labels": af.Recipe([af.When(labels=[1], transforms=[af.Invert(p=1)]), af.Rotate()]),
    "a crop that looks": af.Recipe([af.BoxSafeCrop(24), af.Rotate()]),
}


def pictures(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


def alone(recipe: af.Recipe, images: np.ndarray, index: int, **how: Any) -> np.ndarray:
    return recipe(image=images[index], seed=5, index=index, epoch=2, **how)["image"]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("order", ["counting", "backwards", "with gaps", "twice", "shuffled"])
def test_the_bytes_are_those_of_a_batch(name: str, order: str) -> None:
    recipe, images, labels = RECIPES[name], pictures(N, 40, 33, 3), np.arange(N) % 3
    places = {
        "counting": range(N), "backwards": range(N - 1, -1, -1), "with gaps": [0, 1, 2, 9, 10, 30, 31, 12, 13, 47],
        "twice": [k // 2 for k in range(N)], "shuffled": np.random.default_rng(1).permutation(N).tolist(),
    }[order]  # fmt: skip
    batch = recipe.batch(images, labels, seed=5, epoch=2).images
    for index in places:
        found = alone(recipe, images, index, label=labels[index])
        np.testing.assert_array_equal(found, batch[index], err_msg=str(index), strict=True)


def test_what_differs_from_call_to_call_counts() -> None:
    recipe = RECIPES["normalised"]
    many = {size: pictures(N, size, size, 3) for size in (20, 31)}
    batches = {(s, e): recipe.batch(many[s], seed=1, epoch=e).images for s in many for e in (0, 1)}
    floats = many[20].astype(np.float32) / 255
    of_floats = recipe.batch(floats, seed=1).images
    evaluated = recipe.batch(many[20], seed=1, training=False).images
    for index in range(N):
        size, epoch = (20, 31)[index // 3 % 2], index // 7 % 2
        found = recipe(image=many[size][index], seed=1, epoch=epoch, index=index)["image"]
        np.testing.assert_array_equal(found, batches[size, epoch][index])
        found = recipe(image=many[20][index], seed=1, index=index, training=False)["image"]
        np.testing.assert_array_equal(found, evaluated[index])
        found = recipe(image=floats[index], seed=1, index=index)["image"]
        np.testing.assert_array_equal(found, of_floats[index])


@pytest.mark.parametrize("most", [0, 2000])
def test_what_is_not_kept_is_planned_again(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augfuse.recipe_call.single_calls.MOST_KEPT", most)
    recipe, image = af.Recipe([af.Rotate(30), af.ElasticTransform(), af.ColorJitter()]), pictures(1, 16, 16, 3)[0]
    order = [*np.random.default_rng(1).permutation(4 * TOGETHER).tolist(), *range(4 * TOGETHER)]
    batch = recipe.batch(np.stack([image] * (4 * TOGETHER)), seed=5).images
    for index in order:
        np.testing.assert_array_equal(recipe(image=image, seed=5, index=index)["image"], batch[index])
    kept = recipe._in_turn._kept
    assert kept is not None
    assert len(kept.blocks) == (most > 0)  # the one that is more than there is room for


def test_plans_of_another_epoch_are_forgotten() -> None:
    recipe, image = RECIPES["a warp"], pictures(1, 16, 16, 3)[0]
    for epoch in range(3):
        for index in range(N):
            recipe(image=image, seed=5, index=index, epoch=epoch)
        kept = recipe._in_turn._kept
        assert kept is not None
        assert set(kept.blocks) <= set(range(N // TOGETHER))


def test_the_last_positions_there_are() -> None:
    recipe, image = RECIPES["a warp"], pictures(1, 16, 16, 3)[0]
    most = int(np.iinfo(np.int64).max)
    for index in (most - 3 * TOGETHER, most - 2, most - 1, most):
        batch = recipe.batch(image[None], seed=5, indices=np.array([index])).images
        for _ in range(3):
            np.testing.assert_array_equal(recipe(image=image, seed=5, index=index)["image"], batch[0])


def test_results_are_not_written_to_again() -> None:
    recipe, images = RECIPES["a warp"], pictures(N, 24, 24, 3)
    found = [alone(recipe, images, index) for index in range(N)]
    kept = [image.copy() for image in found]
    for index in range(N):
        alone(recipe, images, index)
    assert all(map(np.array_equal, found, kept))


def test_without_a_seed_no_two_calls_are_alike() -> None:
    recipe, image = af.Recipe([af.Rotate(180), af.Brightness(0.9)]), pictures(1, 16, 16, 3)[0]
    seen: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: seen.extend(recipe(image=image)["image"].tobytes() for _ in range(40)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == len(seen) == 160


@in_clean_process
def test_without_a_seed_a_forked_process_draws_its_own() -> None:
    recipe, image = af.Recipe([af.Rotate(180), af.Brightness(0.9)]), pictures(1, 4, 4, 3)[0]
    for _ in range(3):
        recipe(image=image)
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.write(writing, b"".join(recipe(image=image)["image"].tobytes() for _ in range(8)))
        finally:
            os._exit(0)
    own = {recipe(image=image)["image"].tobytes() for _ in range(8)}
    os.waitpid(child, 0)
    theirs = os.read(reading, 2**16)
    assert len(theirs) == 8 * 48
    assert not own & {theirs[k : k + 48] for k in range(0, len(theirs), 48)}


@final
class Squeeze(Geometric, frozen=True):
    """Has no inverse for one image in eight."""

    def draw(self, draw: Draw) -> Params:
        return {"squeezed": draw.uniform("squeezed") < 0.125}

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return affine(len(canvas.width), a=np.where(params["squeezed"], 0.0, 1.0)), canvas


def test_an_error_belongs_to_its_own_call() -> None:
    recipe, images = af.Recipe([Squeeze()]), pictures(N, 8, 8, 3)
    failed = []
    for index in range(N):
        try:
            np.testing.assert_array_equal(recipe(image=images[index], seed=0, index=index)["image"], images[index])
        except af.RecipeError as error:
            assert f"sample {index}" in str(error)
            failed.append(index)
    assert failed == [i for i in range(N) if is_squeezed(recipe, i)]
    assert failed


def is_squeezed(recipe: af.Recipe, index: int) -> bool:
    drawn = recipe.inner.draw(0, 0, np.array([index]), None, None)
    return bool(drawn.nodes[0].params["squeezed"][0])
