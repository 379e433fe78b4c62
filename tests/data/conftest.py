"""What tests of data sets and loaders share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from loader_cases import threads_of_loops


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    """The threads of loops end, some a moment after the loop: it does not wait for the batch that is in work."""
    yield
    gc.collect()
    for thread in threads_of_loops():
        thread.join(20)
    assert threads_of_loops() == []
