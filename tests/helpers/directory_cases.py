"""What several files of tests share. test_keras_directory.py and its neighbours use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402

from augfuse.keras.generator.generator import ImageDataGenerator  # noqa: E402
from augfuse.keras.iterators.directory_iterator import DirectoryIterator  # noqa: E402

SIZE = (12, 10)  # what the tests resize to: not square, and not the size of any file


def write(path: Path, seed: int = 0, mode: str = "RGB", size: tuple[int, int] = (17, 13)) -> None:
    """One image of noise, in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, bands), np.uint8)
    Image.fromarray(noise[..., 0] if bands == 1 else noise, mode if bands == 2 else None).save(path)


def pair(folder: Path, datagen: dict[str, Any] | None = None, **options: Any) -> tuple[DirectoryIterator, Any]:
    """Our iterator with compat="strict", and Keras'."""
    options = {"target_size": SIZE, "batch_size": 4} | options
    settings = datagen or {}
    ours = ImageDataGenerator(compat="strict", **settings).flow_from_directory(folder, **options)
    return ours, legacy.ImageDataGenerator(**settings).flow_from_directory(folder, **options)
