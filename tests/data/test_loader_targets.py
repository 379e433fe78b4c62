"""Loaders carry targets: the same bytes in every way of loading, and images of different sizes in one batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

RECIPE = af.Recipe(
    [af.RandomResizedCrop(24), af.HorizontalFlip(), af.Rotate(20), af.ColorJitter(), af.Erase(), af.Normalize()],
    targets=af.Targets(min_visibility=0.1),
)


def annotated(n: int = 23, height: int = 40, width: int = 48) -> af.DataSet:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, n)
    boxes = [np.sort(rng.random((k, 2, 2)) * (width, height), axis=1).reshape(k, 4) for k in counts]
    return af.from_arrays(pictures(n, height, width), np.arange(n) % 3).with_targets(
        mask=rng.integers(0, 5, (n, height, width), dtype=np.int16), boxes=boxes,
        box_labels=[rng.integers(0, 9, k) for k in counts], keypoints=[rng.random((4, 2)) * 40 for _ in counts],
        polygons=[[rng.random((5, 2)) * 40 for _ in range(k)] for k in counts],
        caption=[f"image {i}" for i in range(n)],
    )  # fmt: skip


def epoch(loader: af.Loader) -> list[dict[str, Any]]:
    return [
        {"indices": b.indices, "images": b.images.copy(), "labels": b.labels, "visibility": b.visibility, **b.targets}
        for b in loader
    ]


@pytest.mark.parametrize("workers", [0, 1, 2, 4, 8])
def test_the_same_bytes_for_any_workers_and_resume_point(workers: int) -> None:
    data = annotated()
    wanted = epoch(af.Loader(data, RECIPE, batch_size=4, seed=7, workers=0))
    np.testing.assert_equal(epoch(af.Loader(data, RECIPE, batch_size=4, seed=7, workers=workers)), wanted)
    for step in range(1, len(wanted)):
        loader = af.Loader(data, RECIPE, batch_size=4, seed=7, workers=workers)
        state = {**loader.state_dict(), "samples": 4 * step}
        loader.load_state_dict(state)
        np.testing.assert_equal(epoch(loader), wanted[step:])


def test_the_same_bytes_for_any_batch_size_and_alone() -> None:
    data = annotated()
    one = [
        {name: entries[i] for name, entries in batch.items() if name != "visibility"}
        for size in (1, 5, 23) for batch in epoch(af.Loader(data, RECIPE, batch_size=size, seed=7))
        for i in range(len(batch["indices"]))
    ]  # fmt: skip
    np.testing.assert_equal(one[:23], one[23:46])
    np.testing.assert_equal(one[:23], one[46:])
    for found in one[:5]:
        i = int(found["indices"])
        sample = data[i]
        targets = {name: value for name, value in sample.targets.items() if name != "caption"}
        alone = RECIPE(image=sample.image, **targets, seed=7, epoch=0, index=i)
        np.testing.assert_equal({name: found[name] for name in targets}, {name: alone[name] for name in targets})
        assert found["caption"] == f"image {i}"


def test_a_batch_knows_its_targets() -> None:
    batch = next(iter(af.Loader(annotated(), RECIPE, batch_size=4, seed=1)))
    assert set(batch.targets) == {"mask", "boxes", "box_labels", "keypoints", "polygons", "caption"}
    assert batch.masks.shape == (4, 24, 24) and batch.masks.dtype == np.int16
    assert batch.boxes is not None and batch.box_labels is not None and batch.polygons is not None
    for boxes, labels, polygons in zip(batch.boxes, batch.box_labels, batch.polygons, strict=True):
        assert boxes.shape == (len(labels), 4) and len(polygons) == len(labels)
    array, counts = batch.padded("boxes", 6)
    assert array.shape == (4, 6, 4) and counts.tolist() == list(map(len, batch.boxes))
    for row, own, count in zip(array, batch.boxes, counts, strict=True):
        assert np.array_equal(row[:count], own) and not row[count:].any()
    with pytest.raises(af.DataError, match=r"'boxes' of image \d has \d entries, wanted at most 0"):
        batch.padded("boxes", 0)
    with pytest.raises(af.DataError, match="got 'box', wanted one of 'mask', 'boxes'"):
        batch.padded("box")
    with pytest.raises(af.DataError, match="'caption' has entries of different shapes"):
        batch.padded("caption")


def test_boxes_of_a_data_set_come_out_in_the_format_of_the_recipe() -> None:
    data = annotated()
    plain = next(iter(af.Loader(data, af.Recipe(), batch_size=23, shuffle=False, seed=0)))
    yolo = next(iter(af.Loader(data, af.Recipe(box_format="yolo"), batch_size=23, shuffle=False, seed=0)))
    for one, other in zip(plain.targets["boxes"], yolo.targets["boxes"], strict=True):
        middle, size = (one[:, :2] + one[:, 2:]) / 2, one[:, 2:] - one[:, :2]
        assert np.allclose(other * (48, 40, 48, 40), np.concatenate([middle, size], axis=1), atol=1e-4)


def test_a_wrong_target_is_named_by_its_sample() -> None:
    data = annotated().with_targets(boxes=[[[9, 9, 3, 3]]] * 23, box_labels=None, polygons=None)
    with pytest.raises(af.ImageError, match=r"^sample 5: boxes: box 0 is \[9.0, 9.0, 3.0, 3.0\], upside down"):
        next(iter(af.Loader(data.subset([5]), RECIPE, seed=0, shuffle=False))) if False else next(
            iter(af.Loader(data, RECIPE, batch_size=1, seed=0, shuffle=False).stream(0, [5]))
        )
    with pytest.raises(af.DataError, match="with_targets: mask: got 2 for 23 samples"):
        data.with_targets(mask=[1, 2])


def sizes(n: int = 6) -> af.DataSet:
    shapes = [(20 + 3 * i, 40 - 4 * i) for i in range(n)]
    images = [pictures(1, *shape, seed=i)[0] for i, shape in enumerate(shapes)]
    return af.from_samples(images, labels=list(range(n))).with_targets(
        mask=[image[:, :, 0] for image in images],
        boxes=[[[1, 2, 11, 12]]] * n,
        masks=[image[None, :, :, 1] for image in images],
    )


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("pad_to", [(48, 64), 16])
def test_images_of_different_sizes_are_padded(layout: Any, pad_to: Any) -> None:
    data, recipe = sizes(), af.Recipe([af.HorizontalFlip(p=1), af.Invert(p=1), af.Normalize()])
    loader = af.Loader(data, recipe, batch_size=6, shuffle=False, seed=0, layout=layout, pad_to=pad_to)
    batch = next(iter(loader))
    images = batch.images.transpose(0, 2, 3, 1) if layout == "NCHW" else batch.images
    assert images.shape == (6, *((48, 64) if pad_to != 16 else (48, 48)), 3) and batch.pixel_mask is not None
    for i in range(6):
        sample = data[i]
        h, w = sample.image.shape[:2]
        alone = recipe(image=sample.image, mask=sample.targets["mask"], seed=0, index=i)
        assert (
            np.array_equal(images[i, :h, :w], alone["image"]) and not images[i, h:].any() and not images[i, :, w:].any()
        )
        assert batch.pixel_mask[i].sum() == h * w and batch.pixel_mask[i, :h, :w].all()
        assert np.array_equal(batch.masks[i][0, :h, :w], sample.targets["masks"][0][:, ::-1])
        mask = batch.targets["mask"][i]
        assert np.array_equal(mask[:h, :w], alone["mask"]) and not mask[h:].any() and mask.shape == images.shape[1:3]
        assert batch.targets["boxes"][i].tolist() == [[w - 11, 2, w - 1, 12]]
    assert batch.grid().shape[2] == 3
    with pytest.raises(af.ImageError, match=r"pad_to: got \(30, 30\) for an image that comes out as 35x40"):
        next(iter(af.Loader(data, recipe, batch_size=6, shuffle=False, pad_to=(30, 30))))


def test_images_of_different_sizes_stay_a_list() -> None:
    data, recipe = sizes(), af.Recipe([af.Rotate90(), af.Views(a=[af.Invert(p=1)], b=[af.RandomCrop(9)])])
    loader = af.Loader(data, recipe, batch_size=4, seed=3, dtype="uint8", collate="list")
    wanted = list(loader)
    for batch in wanted:
        assert isinstance(batch.images, list) and "different sizes" in repr(batch) and batch.pixel_mask is None
        for place, i in enumerate(batch.indices.tolist()):
            alone = recipe(image=data[i].image, seed=3, index=i)
            assert np.array_equal(batch.images[place], alone["image"])
            assert np.array_equal(batch.views["b"].images[place], alone["views"]["b"]["image"])
        assert len(batch.pixels()) == len(batch) and batch.grid(captions=True).dtype == np.uint8
    again = af.Loader(data, recipe, batch_size=4, seed=3, dtype="uint8", collate="list", workers=0)
    for one, other in zip(wanted, again, strict=True):
        np.testing.assert_equal(one.images, other.images)


def test_without_either_they_are_refused_as_before() -> None:
    with pytest.raises(af.ImageError, match="do not stack into one batch"):
        next(iter(af.Loader(sizes(), af.Recipe(), batch_size=4)))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"pad_to": 8, "collate": "list"}, "pad_to: got 8 with collate='list'"),
        ({"pad_to": 0}, "pad_to: got 0, wanted a whole number >= 1"),
        ({"collate": "pad"}, "collate: got 'pad', wanted 'stack' or 'list'"),
    ]
    for options, words in wrong:
        with pytest.raises(af.RangeError, match=words):
            af.Loader(sizes(), af.Recipe(), **options)
