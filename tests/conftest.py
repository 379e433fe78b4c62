"""Settings that all tests share."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

from hypothesis import HealthCheck, settings

# Numba looks at the date of the file of the compiled function, not at those of the functions it calls: kernels compiled
# before an edit would be run after it. So: one cache for each state of the sources.
_ROOT = Path(__file__).parent.parent
_FILES = sorted((_ROOT / "src/augfuse").rglob("*.py"))
_COMPILED = [p.read_bytes() for p in _FILES if b"augfuse.jit" in p.read_bytes()]
_SOURCES = blake2b(b"".join(_COMPILED), digest_size=8)
os.environ.setdefault("NUMBA_CACHE_DIR", str(_ROOT / ".numba_cache" / _SOURCES.hexdigest()))

# No deadline: the first example of a kernel compiles it, which takes seconds.
settings.register_profile("local", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
