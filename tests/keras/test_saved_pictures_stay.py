"""save_to_dir: as many files as pictures were handed out, whoever saves into the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")

from augfuse.errors import AugfuseWarning
from augfuse.keras import ImageDataGenerator

pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")

X = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)


def pictures(folder: Path) -> list[bytes]:
    return sorted(np.asarray(Image.open(file)).tobytes() for file in folder.iterdir())


@pytest.mark.parametrize("save_format", ["png", "jpg", "bmp"])
def test_one_iterator_for_each_image(tmp_path: Path, save_format: str) -> None:
    for k in range(3):
        it = ImageDataGenerator(rotation_range=9).flow(
            X[k : k + 1], batch_size=1, seed=42, save_to_dir=str(tmp_path), save_prefix="aug", save_format=save_format
        )
        for _ in range(5):
            next(it)
    assert len(list(tmp_path.iterdir())) == 15
    assert len(set(pictures(tmp_path))) == 15


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    def save(x: np.ndarray) -> None:
        it = ImageDataGenerator().flow(
            x, batch_size=3, shuffle=False, seed=1, save_to_dir=str(tmp_path), save_prefix="p"
        )
        it[0]

    save(X)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    save(255 - X)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert before.items() <= after.items() and len(after) == 6


def test_two_folders_of_the_same_names(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for part in ("one", "two"):
        for i in range(3):
            (tmp_path / part / "c").mkdir(parents=True, exist_ok=True)
            Image.fromarray(X[i] if part == "one" else 255 - X[i]).save(tmp_path / part / "c" / f"{i}.png")
        it = ImageDataGenerator().flow_from_directory(
            str(tmp_path / part), target_size=(8, 8), seed=3, save_to_dir=str(out), class_mode="sparse"
        )
        next(it)
    assert len(pictures(out)) == 6 == len(set(pictures(out)))


def test_two_that_save_at_the_same_time(tmp_path: Path) -> None:
    both = [
        ImageDataGenerator(rotation_range=r).flow(X, seed=5, batch_size=1, save_to_dir=str(tmp_path)) for r in (5, 50)
    ]
    for _ in range(6):
        for it in both:
            next(it)
    assert len(list(tmp_path.iterdir())) == 12


@pytest.mark.parametrize("rotation_range", [90, 0])
@pytest.mark.parametrize("seed", [None, 7])
def test_names_that_are_taken(
    tmp_path: Path, seed: Any, rotation_range: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers out of few: each one is drawn many times."""
    monkeypatch.setattr("augfuse.keras.iterators.saved_pictures._FEW", 10, raising=False)
    np.random.seed(0)
    it = ImageDataGenerator(rotation_range=rotation_range).flow(
        X[:1], seed=seed, batch_size=1, save_to_dir=str(tmp_path)
    )
    for _ in range(40):
        next(it)
    assert len(list(tmp_path.iterdir())) == 40


def test_a_batch_that_is_asked_for_twice_is_one(tmp_path: Path) -> None:
    """Keras reads the first batches of a pass for their shapes."""
    it = ImageDataGenerator(rotation_range=9).flow(X, seed=1, batch_size=2, save_to_dir=str(tmp_path))
    for i in (0, 1, 0, 1):
        it[i]
    assert len(list(tmp_path.iterdir())) == 3
    it.on_epoch_end()
    it[0]
    assert len(list(tmp_path.iterdir())) == 5


def test_iterators_without_a_seed_do_not_share_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augfuse.keras.iterators.saved_pictures._FEW", 10, raising=False)
    for _ in range(30):
        next(ImageDataGenerator().flow(X[:1], save_to_dir=str(tmp_path)))
    assert len(list(tmp_path.iterdir())) == 30


def test_strict_keeps_the_names_of_keras(tmp_path: Path) -> None:
    for k in range(2):
        it = ImageDataGenerator(compat="strict").flow(
            X[k : k + 1], batch_size=1, shuffle=False, seed=42, save_to_dir=str(tmp_path), save_prefix="aug"
        )
        if k == 0:
            next(it)
        else:
            with pytest.warns(AugfuseWarning, match="is overwritten by another picture, as in Keras"):
                next(it)
    assert len(list(tmp_path.iterdir())) == 1
