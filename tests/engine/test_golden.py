"""What a seed means: draws exactly, pixels within one grey level, as pinned in golden/golden.json."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from golden.make import FILE, RECIPES, results

PINNED = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return results()


def test_every_recipe_is_pinned(found: dict[str, Any]) -> None:
    assert list(dict.fromkeys(name.partition("/")[0] for name in PINNED["pixels"])) == list(RECIPES)
    assert all(list(PINNED[part]) == list(found[part]) for part in ("draws", "pixels"))


@pytest.mark.parametrize("path", list(PINNED["draws"]))
def test_draws(path: str, found: dict[str, Any]) -> None:
    pinned, now = PINNED["draws"][path], found["draws"][path]
    assert now.keys() == pinned.keys()
    for name in pinned:
        # exp and log may differ in their last bit between platforms; nothing else may.
        assert (
            np.allclose(now[name], pinned[name], rtol=1e-15, atol=0) if name == "ratio" else now[name] == pinned[name]
        )


@pytest.mark.parametrize("name", list(PINNED["pixels"]))
def test_pixels(name: str, found: dict[str, Any]) -> None:
    pinned, now = PINNED["pixels"][name], found["pixels"][name]
    assert now["shape"] == pinned["shape"]
    # One grey level; a normalised one is 1 / (255 x 0.224), a standardised one about 1 / 75.
    level = {"write": 0.018, "standardized": 0.014}.get(name, 1)
    assert np.abs(np.array(now["values"], float) - pinned["values"]).max() <= level
