"""Where the tests find what is not of the package: the checkout, and real photographs that may lie beside it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
HELPERS = ROOT / "tests" / "helpers"
# Real photographs, annotated sets and odd files. Tests that want them are skipped without them.
DATA = Path(os.environ.get("AUGFUSE_TEST_DATA") or ROOT.parent / "shared" / "data")
