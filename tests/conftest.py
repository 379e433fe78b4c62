"""Settings that all tests share."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / ".numba_cache"))

# No deadline: the first example of a kernel compiles it, which takes seconds. In CI Hypothesis would draw the same
# examples each time (derandomize), and never find what it did not find the first time.
settings.register_profile(
    "local", deadline=None, max_examples=40, derandomize=False, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("local"), print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A seed of chance for the property tests, chosen here so that it is known: else no failure could be replayed."""
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A slow test says why."""
    for item in items:
        for mark in item.iter_markers("slow"):
            assert mark.kwargs.get("reason"), f"{item.nodeid}: @pytest.mark.slow(reason=...)"


def pytest_collection_finish() -> None:
    """Tests and frameworks stay until the end: garbage collections pass over them."""
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    """Also at the top of a run in CI."""
    return f"property tests: replay with --hypothesis-seed={config.getoption('--hypothesis-seed')}"


@pytest.fixture
def notices_anew() -> Iterator[None]:
    """Warnings that are given once in a process are given again, in this test and after it."""
    from augfuse import warn_once

    warn_once.forget()
    yield
    warn_once.forget()
