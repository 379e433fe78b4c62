"""What tests of data sets and loaders share."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    yield
    gc.collect()
    left = [t.name for t in threading.enumerate() if t.name.startswith(("augfuse-loader", "augfuse-decode"))]
    assert left == []
