"""Frames of a clip and slices of a volume: one draw for all of them, and for what belongs to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

BODY = [af.HorizontalFlip(), af.Rotate(20), af.RandomResizedCrop(24), af.ColorJitter(), af.Erase(), af.GaussianNoise()]


@pytest.mark.parametrize("shape", [(7, 40, 48, 3), (5, 32, 32, 1)])
def test_all_frames_are_moved_and_coloured_alike(shape: tuple[int, int, int, int]) -> None:
    frame = pictures(1, shape[1], shape[2], shape[3])[0]
    recipe = af.Recipe([t for t in BODY if shape[3] == 3 or not isinstance(t, af.ColorJitter)])
    out = recipe(image=np.stack([frame] * shape[0]), seed=5, index=3)["image"]
    assert out.shape == (shape[0], 24, 24, shape[3])
    one = recipe(image=frame, seed=5, index=3)["image"]
    for own in out:
        assert np.array_equal(own, one)
    other = recipe(image=np.stack([frame] * shape[0]), seed=5, index=4)["image"]
    assert not np.array_equal(other, out)


def test_each_frame_has_its_targets() -> None:
    clip, rng = pictures(4, 40, 48), np.random.default_rng(0)
    mask = rng.integers(0, 9, (4, 40, 48), dtype=np.int16)
    boxes = [np.sort(rng.random((k, 2, 2)) * (48, 40), axis=1).reshape(k, 4) for k in (2, 0, 1, 3)]
    recipe = af.Recipe([af.Rotate(20), af.RandomCrop(32)])
    out = recipe(image=clip, mask=mask, boxes=boxes, label=2, seed=0, index=1)
    assert out["mask"].shape == (4, 32, 32) and out["mask"].dtype == np.int16 and out["label"] == 2
    for k in range(4):
        one = recipe(image=clip[k], mask=mask[k], boxes=boxes[k], seed=0, index=1)
        assert np.array_equal(one["mask"], out["mask"][k]) and np.array_equal(one["image"], out["image"][k])
        assert np.array_equal(one["boxes"], out["boxes"][k])


def test_views_evaluation_and_fresh_entropy() -> None:
    clip = np.stack([pictures(1, 40, 48)[0]] * 3)
    recipe = af.Recipe([af.HorizontalFlip(), af.Views(a=[af.RandomCrop(24)], b=[af.Resize(16)])])
    out = recipe(image=clip, mask=np.zeros((3, 40, 48), np.uint8))
    assert out["views"]["b"]["image"].shape == (3, 16, 16, 3) and out["views"]["a"]["mask"].shape == (3, 24, 24)
    assert np.array_equal(out["image"][0], out["image"][2])
    middle = af.Recipe([af.RandomCrop(20)])(image=clip, training=False)["image"]
    assert np.array_equal(middle, clip[:, 10:30, 14:34])


def test_clips_in_a_batch() -> None:
    clips, rng = pictures(6, 40, 48).reshape(2, 3, 40, 48, 3), np.random.default_rng(0)
    recipe = af.Recipe(BODY)
    masks = rng.integers(0, 9, (2, 3, 40, 48), dtype=np.int16)
    flat = [np.sort(rng.random((k, 2, 2)) * (48, 40), axis=1).reshape(k, 4) for k in (2, 0, 1, 1, 3, 1)]
    boxes = [flat[:3], flat[3:]]
    labels = np.array([4, 7])
    batch = recipe.batch(clips, labels, masks=masks, boxes=boxes, seed=9)
    assert batch.images.shape == (2, 3, 24, 24, 3) and batch.masks.shape == (2, 3, 24, 24) and len(batch) == 2
    assert batch.labels.tolist() == [4, 7] and batch.indices.tolist() == [0, 1] and len(batch.plan) == 6
    assert batch.boxes is not None and batch.frames is not None
    for i, clip in enumerate(clips):
        one = recipe(image=clip, mask=masks[i], boxes=boxes[i], seed=9, index=i)
        assert np.array_equal(one["image"], batch.images[i]) and np.array_equal(one["mask"], batch.masks[i])
        assert all(np.array_equal(a, b) for a, b in zip(one["boxes"], batch.boxes[i], strict=True))
        assert np.array_equal(batch.sample(i)["image"], batch.images[i])
    apart = recipe.batch(clips.reshape(-1, 40, 48, 3), indices=np.repeat(np.arange(2), 3), seed=9)
    assert np.array_equal(apart.images, batch.images.reshape(-1, 24, 24, 3))
    assert np.array_equal(batch.frames.images, apart.images) and batch.grid().ndim == 3
    again = recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), clips, labels, masks=masks)
    assert np.array_equal(again.images, batch.images) and np.array_equal(again.masks, batch.masks)


def test_volumes_in_a_batch_of_other_layouts() -> None:
    volumes = pictures(8, 32, 32, 1).reshape(2, 4, 32, 32, 1)
    recipe = af.Recipe([af.Rotate(20), af.ToFloat()])
    wanted = recipe.batch(volumes, seed=1, indices=[5, 9]).images
    out = np.empty((2, 4, 1, 32, 32), np.float32)
    batch = recipe.batch(volumes, seed=1, indices=[5, 9], layout="NCHW", out=out)
    assert np.array_equal(out.transpose(0, 1, 3, 4, 2), wanted) and np.shares_memory(batch.images, out)
    views = af.Recipe([af.Views(a=[af.RandomCrop(24)], b=[af.Resize(16)])]).batch(volumes, seed=1)
    assert views.images.shape == (2, 4, 24, 24, 1) and views.views["b"].images.shape == (2, 4, 16, 16, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": np.zeros((3, 4, 40, 48), np.uint8)}, "masks: got 3 for 2 clips of 3 frames, wanted an entry"),
        ({"masks": np.zeros((2, 4, 40, 48), np.uint8)}, r"masks\[0\]: got 4 for 2 clips of 3 frames"),
        ({"masks": np.zeros((2, 3, 40, 44), np.uint8)}, r"masks\[0\]\[0\]: got shape \(40, 44\)"),
        ({"boxes": [[[]] * 3, [[], [[9, 9, 3, 3]], []]]}, r"boxes\[1\]\[1\]: box 0 is .*, upside down as pascal_voc"),
        ({"labels": [1, 2, 3]}, "labels: got 3 for 2 images"),
        ({"indices": np.arange(6)}, r"indices: got int64 of shape \(6,\), wanted 2"),
        ({"out": np.empty((6, 40, 48, 3), np.uint8)}, r"out: got shape \(6, 40, 48, 3\), wanted a C-cont"),
    ],
)  # fmt: skip
def test_what_does_not_fit_clips(options: dict[str, Any], message: str) -> None:
    clips = pictures(6, 40, 48).reshape(2, 3, 40, 48, 3)
    with pytest.raises(af.AugfuseError, match=message):
        af.Recipe([af.HorizontalFlip()]).batch(clips, **options)


def test_what_does_not_fit_is_refused() -> None:
    clip = pictures(4, 40, 48)
    with pytest.raises(af.ImageError, match=r"mask: got 3 for 4 images"):
        af.Recipe([af.HorizontalFlip()])(image=clip, mask=np.zeros((3, 40, 48), np.uint8))
    with pytest.raises(af.RecipeError, match=r"BoxSafeCrop: looks at what is in each image, .* the 4 frames"):
        af.Recipe([af.BoxSafeCrop(20)])(image=clip, boxes=[[[1, 2, 9, 9]]] * 4)
    with pytest.raises(af.RecipeError, match=r"MixUp: mixes an image .* the 4 frames with each other"):
        af.Recipe([af.MixUp()]).batch(clip[None])
    with pytest.raises(af.RecipeError, match="seed without an index"):
        af.Recipe([af.HorizontalFlip()])(image=clip, seed=1)
    with pytest.raises(af.RangeError, match="index: got -1"):
        af.Recipe([af.HorizontalFlip()])(image=clip, seed=1, index=-1)
