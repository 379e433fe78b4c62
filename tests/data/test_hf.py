"""Hugging Face's datasets: a recipe as their transform."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from oracles import pictures

datasets = pytest.importorskip("datasets", reason="needs the extra: pip install 'augfuse[hf]'")

N = 7
RECIPE = af.Recipe([af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.Normalize(0.5, 0.5)])


def table(images: list[Any] | None = None) -> Any:
    pixels = pictures(N, 12, 16)
    held = [Image.fromarray(one) for one in pixels] if images is None else images
    columns = {"image": held, "label": [i % 2 for i in range(len(held))], "id": list(range(len(held)))}
    return datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())


@pytest.mark.parametrize("epoch", [0, 3])
def test_the_loaders_own_bytes(epoch: int) -> None:
    data, transform = table(), RECIPE.hf(seed=9, index="id")
    transform.set_epoch(epoch)
    data.set_transform(transform)
    loader = af.Loader(af.from_arrays(pictures(N, 12, 16)), RECIPE, N, seed=9, layout="NCHW")
    batch = loader.fetch(epoch, 0)
    rows = data[:]
    assert set(rows) == {"pixel_values", "label", "id"} and rows["label"] == [i % 2 for i in range(N)]
    for image, index in zip(batch.images, batch.indices, strict=True):
        assert np.array_equal(rows["pixel_values"][index], image)
        assert np.array_equal(data[int(index)]["pixel_values"], image)


def test_without_a_seed_each_call_draws_anew() -> None:
    data = table().with_transform(RECIPE.hf(out="x", layout="NHWC", dtype="float16"))
    one, two = data[0]["x"], data[0]["x"]
    assert one.shape == (12, 16, 3) and one.dtype == np.float16 and not np.array_equal(one, two)
    still = table().with_transform(RECIPE.hf(training=False))
    assert np.array_equal(still[0]["pixel_values"], still[0]["pixel_values"])


def test_modes_and_sizes() -> None:
    modes = [
        Image.fromarray(pictures(1, 8 + i, 9)[0]).convert(mode) for i, mode in enumerate(("RGB", "L", "P", "RGBA"))
    ]
    rows = table(modes).with_transform(af.Recipe([af.HorizontalFlip(p=1)]).hf(dtype="uint8"))[:]
    assert [image.shape for image in rows["pixel_values"]] == [(3, 8 + i, 9) for i in range(4)]
    assert np.array_equal(rows["pixel_values"][0], np.asarray(modes[0])[:, ::-1].transpose(2, 0, 1))
    gray = table(modes).with_transform(af.Recipe().hf(color="grayscale"))[1]["pixel_values"]
    assert gray.shape == (1, 9, 9)
    deep = table([Image.fromarray(np.full((4, 4), 3000, np.uint16))]).with_transform(RECIPE.hf())
    with pytest.raises(af.DataError, match=r"row 0 of 'image' has pixels of mode I;16, wanted 8 bits"):
        deep[0]


def test_it_pickles_and_chooses_by_label() -> None:
    recipe = af.Recipe([af.When(labels=[1], transforms=[af.Invert(p=1)])])
    transform = pickle.loads(pickle.dumps(recipe.hf(dtype=None)))
    rows = table().with_transform(transform)[:]
    wanted = [255 - x if i % 2 else x for i, x in enumerate(pictures(N, 12, 16).transpose(0, 3, 1, 2))]
    assert all(np.array_equal(a, b) for a, b in zip(rows["pixel_values"], wanted, strict=True))


def test_what_cannot_be() -> None:
    with pytest.raises(af.RecipeError, match=r"a seed without an index.*index=.id., the name of a column"):
        RECIPE.hf(seed=1)
    with pytest.raises(af.RecipeError, match="color: got 'bgr', wanted one of 'rgb'"):
        RECIPE.hf(color="bgr")
    with pytest.raises(af.DataError, match=r"wanted 'img'"):
        table().with_transform(RECIPE.hf(image="img"))[0]
    with pytest.raises(af.DataError, match=r"row 1 of 'image' holds str, wanted an image of Pillow"):
        RECIPE.hf()({"image": [pictures(1, 4, 4)[0], "x.jpg"]})
    with pytest.raises(af.ImageError, match="indices"):
        RECIPE.hf(seed=1, index="id")({"image": [pictures(1, 4, 4)[0]], "id": ["a"]})
