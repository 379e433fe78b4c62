"""The loader: files that cannot be read, wrong options, and other errors."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from loader_cases import RECIPE, Listed, N, loader, source
from oracles import pictures
from present import present

# --- files that cannot be read ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 JPEGs in two classes; b/27.jpg is cut off."""
    from PIL import Image

    for i, pixels in enumerate(pictures(40, 16, 16)):
        path = tmp_path / "ab"[i % 2] / f"{i:02}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    cut = tmp_path / "b" / "27.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    return tmp_path


def test_a_broken_file_is_an_error_with_its_path(folder: Path, no_threads_left: None) -> None:
    with pytest.raises(af.DecodeError, match=r"b/27\.jpg"):
        list(loader(af.from_directory(folder)))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_broken_files_can_be_left_out(folder: Path, workers: int) -> None:
    data = af.from_directory(folder)
    bad = next(i for i, path in enumerate(present(data.paths)) if path.endswith("27.jpg"))
    load = loader(data, workers=workers, on_error="skip", max_skipped=0.05)
    with pytest.warns(af.AugfuseWarning, match=r"1 of 40 images left out, the first: .*27\.jpg") as said:
        batches = list(load)
    assert len(said) == 1 and said[0].filename == __file__
    assert sorted(int(i) for batch in batches for i in batch.indices) == [i for i in range(40) if i != bad]
    assert list(load.skipped) == [bad] and "27.jpg" in load.skipped[bad]
    for batch in batches:
        assert batch.paths == tuple(present(data.paths)[i] for i in batch.indices)
        assert data.labels is not None and np.array_equal(batch.labels, data.labels[batch.indices])
        assert len(batch.images) == len(batch.indices)
        for image, index in zip(batch.images, batch.indices, strict=True):
            alone = RECIPE(image=data[int(index)].image, seed=9, epoch=0, index=int(index))["image"]
            assert np.array_equal(image, alone)
    with warnings.catch_warnings():  # said once, not in every epoch
        warnings.simplefilter("error")
        assert sum(map(len, load)) == 39


def test_too_many_broken_files_are_an_error(folder: Path, no_threads_left: None) -> None:
    message = r"1 of 40 images cannot be read, more than max_skipped=0\.01 allows: .*27\.jpg.*Mend the files, or raise"
    with pytest.raises(af.DataError, match=message):
        list(loader(af.from_directory(folder), on_error="skip"))


def test_a_batch_of_broken_files_only(folder: Path) -> None:
    data = af.from_directory(folder)
    bad = next(i for i, path in enumerate(present(data.paths)) if path.endswith("27.jpg"))
    load = loader(data, batch_size=1, shuffle=False, on_error="skip", max_skipped=1.0)
    with pytest.raises(af.DataError, match=r"every image of this batch was skipped.*27\.jpg"):
        load.fetch(0, bad)


# --- errors -------------------------------------------------------------------------------------------------------


def test_images_of_different_sizes_name_the_remedy() -> None:
    data = Listed([pictures(1, 8 + i % 2, 9)[0] for i in range(N)])
    with pytest.raises(af.ImageError, match=r"8x9, 9x9.*do not stack into one batch.*af\.Resize"):
        list(loader(data))
    assert len(list(loader(data, af.Recipe([af.Resize(8)])))) == 5


def test_bad_pixels_are_named_with_their_sample() -> None:
    good = [pictures(1, 4, 4, 3, "float32")[0] for _ in range(N)]
    for bad, message in (
        (np.full((4, 4, 3), np.nan, np.float32), r"sample 7: got NaN or infinity, wanted finite numbers"),
        (np.full((4, 4, 3), np.inf, np.float32), r"sample 7: got NaN or infinity, wanted finite numbers"),
        (
            np.full((4, 4, 3), 100, np.float32),
            r"sample 7: got values 100\.\.100, wanted 0\.\.1\. Declare value_range=\(0, 255\)",
        ),
        (np.full((4, 4, 3), -3, np.float32), r"sample 7: got values -3\.\.-3, wanted 0\.\.1"),
        (
            np.zeros((4, 4, 3), np.uint8),
            r"sample 7: got uint8 with 3 channel\(s\), wanted float32 with 3 like sample 5",
        ),
        (
            np.zeros((4, 4, 1), np.float32),
            r"sample 7: got float32 with 1 channel\(s\), wanted float32 with 3 like sample 5",
        ),
        (np.zeros((4, 0, 3), np.float32), r"sample 7: got shape \(4, 0, 3\), wanted \(h, w, c\)"),
    ):
        data = Listed([*good[:7], bad, *good[8:]])
        with pytest.raises(af.ImageError, match=message):
            list(loader(data, af.Recipe(), shuffle=False))
    with pytest.raises(af.ImageTypeError, match=r"sample 7: got str, wanted \(image, label\)"):
        list(loader(Listed([*good[:7], "x", *good[8:]]), af.Recipe(), shuffle=False))  # type: ignore[list-item]
    with pytest.raises(af.DataError, match="3 labels for 23 images"):
        af.from_arrays(pictures(N, 4, 4), [1, 2, 3])


def test_a_state_of_another_loader_is_refused() -> None:
    state = loader().state_dict()
    for other, name in (
        (loader(shuffle=False), "shuffle is True, this loader has False"),
        (loader(source(24)), "length is 23, this loader has 24"),
        (loader(seed=1), "seed is 9, this loader has 1"),
        (loader(recipe=af.Recipe([af.Rotate()])), "recipe is '.*', this loader has '.*'"),
        (loader(training=False), "recipe is"),
    ):
        with pytest.raises(af.StateError, match=name):
            other.load_state_dict(state)
    for wrong in ({}, {"epoch": 1}, None, {**state, "extra": 1}, [1]):
        with pytest.raises(af.StateError, match=r"wanted what loader\.state_dict\(\) returns"):
            loader().load_state_dict(wrong)  # type: ignore[arg-type]
    for name, value in (("version", 1), ("samples", -1), ("epoch", 1.5), ("samples", 24)):
        with pytest.raises(af.AugfuseError, match=name):
            loader().load_state_dict({**state, name: value})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, af.RangeError, r"batch_size: got 0, wanted a whole number >= 1"),
        ({"batch_size": 2.5}, af.RangeError, r"batch_size: got 2\.5"),
        ({"batch_size": True}, af.RangeError, r"batch_size: got True"),
        ({"workers": -1}, af.RangeError, r"workers: got -1, wanted a whole number >= 0"),
        ({"seed": -1}, af.RangeError, r"seed: got -1, wanted 0\.\.2\*\*64 - 1"),
        ({"seed": 1.5}, af.ImageTypeError, r"seed: got 1\.5, wanted a whole number or None"),
        ({"shard": (2, 2)}, af.RangeError, r"shard: got \(2, 2\), wanted \(rank, world\) with 0 <= rank < world"),
        ({"shard": 3}, af.RangeError, r"shard: got 3"),
        ({"shard": (0.5, 2)}, af.RangeError, r"shard: rank: got 0\.5, wanted a whole number"),
        ({"shard": ("a", 2)}, af.RangeError, r"shard: rank: got 'a', wanted a whole number"),
        ({"shard": (0, 24)}, af.DataError, r"23 samples make no batch of 5 for 24 reader\(s\)"),
        ({"batch_size": 24, "drop_last": True}, af.DataError, r"23 samples make no batch of 24"),
        ({"on_error": "ignore"}, af.RangeError, r"on_error: got 'ignore', wanted 'raise' or 'skip'"),
        ({"max_skipped": 2}, af.RangeError, r"max_skipped: got 2, wanted a fraction 0\.\.1"),
        ({"layout": "HWC"}, af.RecipeError, r"layout: got 'HWC', wanted 'NHWC' or 'NCHW'"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        loader(**options)


def test_wrong_data_and_recipes() -> None:
    with pytest.raises(af.ImageTypeError, match=r"data: got an array, wanted a data set\. Use af\.from_arrays\(x, y\)"):
        loader(pictures(3, 4, 4))
    with pytest.raises(
        af.ImageTypeError, match=r"data: got the path photos, wanted a data set\. Use af\.from_directory\('photos'\)"
    ):
        loader("photos")
    with pytest.raises(af.ImageTypeError, match=r"data: got int"):
        loader(3)
    with pytest.raises(af.DataError, match="data: got no samples"):
        loader(Listed([]))
    with pytest.raises(af.ImageTypeError, match=r"recipe: got list, wanted an af\.Recipe\. Use af\.Recipe"):
        loader(recipe=[af.Rotate()])  # type: ignore[arg-type]
    with pytest.raises(
        af.DataError, match=r"value_range: the data declares \(0\.0, 1\.0\), the recipe \(0\.0, 255\.0\)"
    ):
        loader(af.from_arrays(pictures(6, 4, 4, 3, "float32")), af.Recipe(value_range=(0, 255)))
    with pytest.raises(af.DataError, match="one_hot: got no labels, wanted one class id per sample"):
        loader(af.from_arrays(pictures(6, 4, 4)), one_hot=True)
    with pytest.raises(af.DataError, match=r"one_hot: got float64 labels of shape \(6, 2\)"):
        loader(af.from_arrays(pictures(6, 4, 4), np.zeros((6, 2))), one_hot=True)
    with pytest.raises(af.DataError, match="one_hot"):
        loader(af.from_arrays(pictures(6, 4, 4), [0, 1, 2, -1, 1, 0]), one_hot=True)


def test_steps_outside_the_epoch() -> None:
    for step in (5, 99):
        with pytest.raises(IndexError, match=rf"step: got {step}, wanted 0\.\.4"):
            loader().fetch(0, step)
    for wrong in (-1, 0.5):
        with pytest.raises(af.RangeError, match=rf"step: got {wrong}, wanted a whole number >= 0"):
            loader().fetch(0, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "1"])
def test_epochs_are_whole_numbers(wrong: Any) -> None:
    with pytest.raises(af.RangeError, match=r"epoch: got .*, wanted a whole number >= 0"):
        loader().set_epoch(wrong)
    with pytest.raises(af.RangeError, match=r"epoch: got .*, wanted a whole number >= 0"):
        loader().fetch(wrong, 0)
