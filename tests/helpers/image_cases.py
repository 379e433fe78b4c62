"""What several files of tests share. test_keras_images.py and its neighbours use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from places import DATA

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)


ODD_FILES = DATA / "odd_files"


ODD = sorted(path for path in ODD_FILES.glob("*") if path.suffix not in (".md", ".csv"))


needs_odd_files = pytest.mark.skipif(
    not ODD, reason="needs the odd files: set AUGFUSE_TEST_DATA to their parent folder"
)


def photo(height: int, width: int, channels: int, dtype: Any = np.uint8) -> np.ndarray:
    rng = np.random.default_rng([height, width, channels])
    return rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype=dtype, endpoint=True)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path
