"""A loader without a recipe hands out what decoders wrote into the batch: the pixels of `af.decode`, whatever the
store, the threads, and what other files lie among them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import augfuse as af

SIDE, COUNT = 40, 37


def write(folder: Path, kinds: tuple[str, ...]) -> list[Path]:
    """COUNT files in two classes, of these kinds by turns."""
    rng = np.random.default_rng(3)
    paths = []
    for i in range(COUNT):
        kind = kinds[i % len(kinds)]
        image = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        path = folder / f"class{i % 2}" / f"{i:03}.{'png' if kind in ('png', 'deep') else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "gray":
            image = image[:, :, 0]
        if kind == "deep":
            image = image.astype(np.uint16) * 257
        how = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if kind == "progressive" else []
        assert cv2.imwrite(str(path), image, how)
        paths.append(path)
    return paths


def stores(folder: Path, work: Path) -> dict[str, af.DataSet]:
    """The same files where they lie, and in archives."""
    with zipfile.ZipFile(work / "a.zip", "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    with tarfile.open(work / "a.tar", "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.add(file, str(file.relative_to(folder)))
    command = [sys.executable, "-m", "augfuse", "convert", str(folder), str(work / "a.tfrecord")]
    subprocess.run(command, check=True, capture_output=True)
    names = {"folder": folder, "zip": work / "a.zip", "tar": work / "a.tar", "tfrecord": work / "a.tfrecord"}
    return {name: af.open(path) for name, path in names.items()}


def loader(data: af.DataSet, **options: Any) -> af.Loader:
    return af.Loader(data, batch_size=8, seed=1, dtype="uint8", **options)


@pytest.mark.parametrize("kinds", [("jpg",), ("png",), ("jpg", "gray", "progressive", "png")], ids=str)
def test_batches_hold_the_pixels_of_decode(kinds: tuple[str, ...], tmp_path: Path) -> None:
    folder, work = tmp_path / "photos", tmp_path / "work"
    work.mkdir()
    write(folder, kinds)
    for name, data in stores(folder, work).items():
        for workers in (0, 1, 3):
            seen = []
            for batch in loader(data, workers=workers):
                assert batch.images.dtype == np.uint8
                assert batch.images.flags.writeable
                for image, i in zip(batch.images, batch.indices, strict=True):
                    assert np.array_equal(image, af.decode(data.raw(int(i)), color="rgb")), (name, workers, int(i))
                seen += batch.indices.tolist()
            assert sorted(seen) == list(range(COUNT))


def test_batches_that_are_kept_stay_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, ("jpg",))
    data = af.from_directory(tmp_path)
    for workers in (0, 2):
        kept = [(batch, batch.images.copy()) for batch in loader(data, workers=workers)]
        assert all(np.array_equal(batch.images, copy) for batch, copy in kept)
        kept[0][0].images[:] = 7  # the memory is that batch's alone
        assert all(np.array_equal(batch.images, copy) for batch, copy in kept[1:])


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    paths = write(tmp_path, ("jpg",))
    whole = paths[5].read_bytes()
    paths[5].write_bytes(whole[: len(whole) // 2])
    data = af.from_directory(tmp_path)
    with pytest.raises(af.DecodeError, match=paths[5].name):
        list(loader(data, workers=1))
    skipping = loader(data, workers=1, on_error="skip", max_skipped=0.5)
    with pytest.warns(af.AugfuseWarning, match="1 of 37 images left out"):
        first = list(skipping)
    for batches in (first, list(skipping)):  # the second time it is known before
        seen = []
        for batch in batches:
            for image, i in zip(batch.images, batch.indices, strict=True):
                assert np.array_equal(image, af.decode(data.raw(int(i)), color="rgb"))
            seen += batch.indices.tolist()
        assert len(seen) == COUNT - 1
        assert len(skipping.skipped) == 1


@pytest.mark.parametrize("odd", ["size", "depth"])
def test_other_images_are_refused_as_with_a_recipe(odd: str, tmp_path: Path) -> None:
    paths = write(tmp_path, ("png",))
    if odd == "size":
        assert cv2.imwrite(str(paths[9]), np.zeros((SIDE, SIDE + 1, 3), np.uint8))
    else:
        assert cv2.imwrite(str(paths[9]), np.zeros((SIDE, SIDE, 3), np.uint16))
    data = af.from_directory(tmp_path)
    errors = []
    for recipe in (None, af.Recipe([af.HorizontalFlip(p=0)])):
        with pytest.raises(af.ImageError) as caught:
            list(af.Loader(data, recipe, batch_size=8, shuffle=False, seed=1, dtype="uint8", workers=0))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_other_forms_are_as_with_a_recipe_that_does_nothing(tmp_path: Path) -> None:
    write(tmp_path, ("jpg", "gray"))
    data = af.from_directory(tmp_path)
    nothing = af.Recipe([af.HorizontalFlip(p=0)])
    forms: list[dict[str, Any]] = [{"layout": "NCHW"}, {"one_hot": True}, {"pad_to": 64}, {"collate": "list"}]
    for options in forms:
        both = [loader(data, recipe=recipe, workers=0, **options) for recipe in (None, nothing)]
        for mine, other in zip(*both, strict=True):
            assert np.array_equal(np.asarray(mine.images), np.asarray(other.images)), options
            assert np.array_equal(mine.labels, other.labels)
