"""Axes in another order than (n, h, w, c): refused at every door that takes pixels, with the line that turns them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import augfuse as af

RECIPE = af.Recipe([af.HorizontalFlip(p=1)])


class Own:
    """A source of the user's."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.image, index


def loaded(image: np.ndarray) -> np.ndarray:
    return next(iter(af.Loader(Own(image), RECIPE, batch_size=2, workers=0))).images


ONE: dict[str, Callable[[np.ndarray], Any]] = {
    "recipe": lambda image: RECIPE(image=image)["image"],
    "list": lambda image: RECIPE.batch([image, image]).images,
    "source": loaded,
}
MANY: dict[str, Callable[[np.ndarray], Any]] = {
    "batch": lambda x: RECIPE.batch(x).images,
    "from_arrays": lambda x: af.from_arrays(x).images,
}


@pytest.mark.parametrize("door", ONE.values(), ids=ONE)
@pytest.mark.parametrize("shape", [(3, 24, 24), (1, 28, 28), (4, 9, 30), (2, 16, 16)])
def test_one_image_with_channels_first(door: Callable[[np.ndarray], Any], shape: tuple[int, ...]) -> None:
    chw = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with pytest.raises(af.ImageError, match=r"looks like channels first.*image.*\.transpose\(1, 2, 0\)"):
        door(chw)
    door(chw.transpose(1, 2, 0))


@pytest.mark.parametrize("door", MANY.values(), ids=MANY)
@pytest.mark.parametrize(
    ("shape", "words", "turn"),
    [
        ((4, 3, 32, 32), r"channels first.*\.transpose\(0, 2, 3, 1\)", lambda x: x.transpose(0, 2, 3, 1)),
        ((9, 1, 28, 28), r"channels first.*\.transpose\(0, 2, 3, 1\)", lambda x: x.transpose(0, 2, 3, 1)),
        ((1, 4, 8, 64), r"channels first.*\.transpose\(0, 2, 3, 1\)", lambda x: x.transpose(0, 2, 3, 1)),
        ((32, 32, 3, 100), r"\(h, w, c, n\).*\.transpose\(3, 0, 1, 2\)", lambda x: x.transpose(3, 0, 1, 2)),
        ((28, 28, 1, 60), r"\(h, w, c, n\).*\.transpose\(3, 0, 1, 2\)", lambda x: x.transpose(3, 0, 1, 2)),
        ((48, 64, 4, 9), r"\(h, w, c, n\).*\.transpose\(3, 0, 1, 2\)", lambda x: x.transpose(3, 0, 1, 2)),
        ((24, 24, 3), r"one image.*\[None\].*24 grey images of 24x3", lambda x: x[None]),
        ((24, 30, 4), r"one image.*\[None\].*24 grey images of 30x4", lambda x: x[..., None]),
        ((28, 28, 1), r"one image.*\[None\]", lambda x: x[None]),
    ],
)
def test_many_images_with_other_axes(
    door: Callable[[np.ndarray], Any], shape: tuple[int, ...], words: str, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    x = np.zeros(shape, np.uint8)
    with pytest.raises(af.ImageError, match=words):
        door(x)
    assert len(door(turn(x))) == len(turn(x))  # what is advised is taken


@pytest.mark.parametrize("door", MANY.values(), ids=MANY)
@pytest.mark.parametrize(
    "shape",
    [(60, 28, 28), (3, 24, 24), (6, 5, 4), (100, 3, 3), (2, 24, 24, 30), (50, 3, 3, 30), (2, 24, 24, 2), (9, 5, 4, 3)],
)
def test_what_is_right_is_taken(door: Callable[[np.ndarray], Any], shape: tuple[int, ...]) -> None:
    assert door(np.zeros(shape, np.uint8)).shape == (shape if len(shape) == 4 else (*shape, 1))


@pytest.mark.parametrize("door", ONE.values(), ids=ONE)
@pytest.mark.parametrize("shape", [(24, 24), (3, 500, 3), (500, 4, 4), (24, 24, 30), (3, 3, 30), (4, 5, 3)])
def test_one_that_is_right_is_taken(door: Callable[[np.ndarray], Any], shape: tuple[int, ...]) -> None:
    assert door(np.zeros(shape, np.uint8)).shape[-2:] == (shape if len(shape) == 3 else (*shape, 1))[-2:]


@pytest.mark.parametrize(
    ("name", "shape", "hint"),
    [
        *((name, *case) for name in ("x", "images") for case in (
            ((100, 784), "If each row is an image, type NAME.reshape(-1, 28, 28)."),
            ((100, 3072), "If each row is an image, type NAME.reshape(-1, 32, 32, 3)."),
            ((28, 28), "For one image type NAME[None]."),
            ((100, 785), "For one image type NAME[None]."),
            ((12,), ""),
        )),
        # A recipe takes clips as they are.
        ("x", (2, 5, 16, 16, 3), "For videos (n, frames, h, w, c) type NAME.reshape(-1, *NAME.shape[2:]), and"),
    ],
)  # fmt: skip
def test_another_number_of_axes(name: str, shape: tuple[int, ...], hint: str) -> None:
    with pytest.raises(af.ImageError, match=r"wanted \(n, h, w, c\) or \(n, h, w\)") as caught:
        MANY["from_arrays" if name == "x" else "batch"](np.zeros(shape, np.uint8))
    assert hint.replace("NAME", name) in str(caught.value)
