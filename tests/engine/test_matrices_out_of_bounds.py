"""Matrices that no kernel can follow, from a transform of one's own: an error, where the process ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from typing import ClassVar, final

import numpy as np

import augfuse as af
from augfuse.transforms.base import Geometric

value = float(sys.argv[1])


@final
class Own(Geometric, frozen=True):
    examples: ClassVar = ({},)

    def draw(self, draw):
        return {}

    def matrix(self, params, canvas):
        m = np.tile(np.eye(3), (len(canvas.height), 1, 1))
        m[:, row, column] = value
        return m, canvas


for row, column in ((0, 2), (1, 2), (0, 1), (1, 0), *(((0, 0),) if value != 1e9 else ())):
    for dtype in ("uint8", "float32"):
        for fill in ("nearest", "reflect", "wrap", "constant"):
            for interpolation in ("bilinear", "nearest", "bicubic", "area"):
                recipe = af.Recipe([Own()], fill=fill, interpolation=interpolation)
                try:
                    found = recipe.batch(np.ones((2, 20, 30, 3), dtype), seed=0).images
                    print("images", set(np.unique(found)) <= {0, 1})
                except af.RecipeError as error:
                    print("refused", "no inverse, or numbers beyond 1e15" in str(error))
"""


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("1e300", "refused"),
        ("-1e40", "refused"),
        ("inf", "refused"),
        ("nan", "refused"),
        ("1e17", "refused"),
        ("1e9", "images"),
    ],
)
def test_a_matrix_that_leads_out_of_every_image(value: str, outcome: str, tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script), value], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()) == {f"{outcome} True"}
