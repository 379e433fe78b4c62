"""The long trial: `make test-long`. It is not part of `make test`; run it before a change to the engine, the data layer
or the loader is called done. AUGFUSE_LONG_SHARE=0.1 runs a tenth of the random cases.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

SHARE = float(os.environ.get("AUGFUSE_LONG_SHARE", "1"))
# In the environment, so that the processes of pytest-xdist have the same.
SEED = int(os.environ.setdefault("AUGFUSE_LONG_SEED", str(np.random.SeedSequence().generate_state(1)[0])))


def pytest_report_header() -> str:
    return f"long trial: share {SHARE:g}; to replay its random cases set AUGFUSE_LONG_SEED={SEED}"


@pytest.fixture
def share() -> Callable[[int], int]:
    """How many of n cases to run."""
    return lambda n: max(1, round(n * SHARE))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that differ from run to run and from test to test, and can be replayed."""
    name = [ord(letter) for letter in request.node.name]
    return np.random.default_rng([SEED, *name])
