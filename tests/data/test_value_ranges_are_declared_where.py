"""Floats of 0 to 255: the error names the place where their range is declared, and what it names helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

FLOATS = pictures(4, 16, 16).astype(np.float32)
TRANSFORMS = [af.Rotate(20), af.Normalize()]
RECIPE, DECLARED = af.Recipe(TRANSFORMS), af.Recipe(TRANSFORMS, value_range=(0, 255))
OF_ARRAYS = r"Declare value_range=\(0, 255\), .* type af\.from_arrays\(x, y, value_range=\(0, 255\)\)\."
OF_SAMPLES = r"type af\.from_samples\(samples, value_range=\(0, 255\)\)\."
OF_RECIPE = r"Declare value_range=\(0, 255\), .* type af\.Recipe\(\[\.\.\.\], value_range=\(0, 255\)\)\."


def first(data: Any, recipe: af.Recipe) -> np.ndarray:
    return next(iter(af.Loader(data, recipe, 2, seed=0))).images


def test_arrays() -> None:
    with pytest.raises(af.ImageError, match=OF_ARRAYS):
        first(af.from_arrays(FLOATS), RECIPE)
    first(af.from_arrays(FLOATS, value_range=(0, 255)), RECIPE)
    written = np.zeros_like(FLOATS)
    data = af.from_arrays(written)
    written += 200
    with pytest.raises(af.ImageError, match=OF_ARRAYS):
        first(data, RECIPE)


def test_samples() -> None:
    with pytest.raises(af.ImageError, match=OF_RECIPE):
        first(list(FLOATS), RECIPE)
    first(list(FLOATS), DECLARED)
    with pytest.raises(af.ImageError, match=OF_SAMPLES):
        first(af.from_samples(list(FLOATS), value_range=(0, 1)), RECIPE)
    first(af.from_samples(list(FLOATS), value_range=(0, 255)), RECIPE)


def doors() -> dict[str, Callable[[af.Recipe], Any]]:
    return {
        "batch": lambda recipe: recipe.batch(FLOATS, seed=0),
        "call": lambda recipe: recipe(image=FLOATS[0]),
        "torch": lambda recipe: af.torch.Augment(recipe)(_tensor()),
        "jax": lambda recipe: af.jax.augment(recipe, FLOATS, seed=0, epoch=0),
        "keras": lambda recipe: _layer(recipe)(FLOATS, training=True),
    }


@pytest.mark.parametrize("door", doors())
def test_recipes(door: str) -> None:
    if door in ("torch", "jax"):
        pytest.importorskip(door)
    with pytest.raises(af.ImageError, match=OF_RECIPE):
        doors()[door](RECIPE)
    doors()[door](DECLARED)


def _tensor() -> Any:
    import torch

    return torch.from_numpy(FLOATS).permute(0, 3, 1, 2)


def _layer(recipe: af.Recipe) -> Any:
    from augfuse.keras import Augment

    return Augment(recipe)
