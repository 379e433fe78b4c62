"""What tests of augfuse.keras share. Frameworks are imported inside: without them the tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def no_thread_left() -> Any:
    from adapter_cases import assert_ended, live_threads

    before = live_threads()
    yield
    assert_ended(before)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """What was asked to be computed ahead: (epoch, steps) of each call of `Loader.stream`."""
    import augfuse as af

    calls = []
    stream = af.Loader.stream

    def noted(self: Any, epoch: int, steps: Sequence[int]) -> Any:
        calls.append((epoch, list(steps)))
        return stream(self, epoch, steps)

    monkeypatch.setattr(af.Loader, "stream", noted)
    return calls


@pytest.fixture
def untouched() -> Iterator[None]:
    """NumPy's global generator stays as it is."""
    np.random.seed(12345)
    before = np.random.get_state(legacy=False)
    yield
    np.testing.assert_equal(np.random.get_state(legacy=False), before)


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """11 images in 3 classes: nested folders, upper and lower case, several formats, and files that are no images."""
    from directory_cases import write

    root = tmp_path / "data"
    names = (
        "cats/b.png", "cats/a.JPG", "cats/Z.jpeg", "cats/deep/1.png", "cats/deep/er/0.bmp", "cats/deep-2/2.png",
        "dogs/10.png", "dogs/9.png", "dogs/1.tif", "Ant/x.ppm", "Ant/y.png",
    )  # fmt: skip
    for seed, name in enumerate(names):
        write(root / name, seed, size=(11 + seed, 16))
    (root / "cats/notes.txt").write_text("no image")
    (root / "cats/moving.mp4").write_bytes(b"")
    (root / "beside.csv").write_text("")
    return root
