"""What the doctor holds grows with the number of images by their small copies, once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from augfuse.doctor.checks.duplicates import check_duplicates
from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.read_images import SIDE, Looks


@pytest.mark.parametrize("sizes", [(12_000,), (8_000, 4_000)])
def test_look_alikes_are_searched_without_copies_of_all_images(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    parts, looks = [], []
    for name, size in zip(("train", "val", "test"), sizes, strict=False):
        seen = Looks(size)
        seen.height[:] = seen.width[:] = 32
        seen.small[:] = rng.integers(0, 256, seen.small.shape, np.uint8)
        seen.digests = [rng.bytes(16) for _ in range(size)]
        parts.append(Part(name=name, names=tuple(map(str, range(size)))))
        looks.append(seen)
    looks[-1].digests[-1] = looks[0].digests[0]
    copies = sum(sizes) * SIDE * SIDE
    tracemalloc.start()
    try:
        found = check_duplicates(Survey("many", tuple(parts)), looks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [entry.count for entry in found] == [1]
    assert peak < 2 * copies, f"{peak / copies:.1f} times the small copies"
