"""float32 to float16 by integer arithmetic: Numba has no float16 on a CPU. The same bits as NumPy's `astype`."""

from __future__ import annotations

import numpy as np

from augfuse.jit import jit

U = np.uint32
F = np.float32


@jit
def narrow(values: np.ndarray, out: np.ndarray, count: int) -> None:
    """The first `count` floats of `values` as the bits of float16 in `out`, uint16: rounded to the nearest, to even."""
    values, out = values[:count], out[:count]
    bits = values.view(np.uint32)
    for p in range(count):  # 32 bits at each step, or it is done in 64
        sign = U(U(bits[p] >> U(16)) & U(0x8000))
        size = U(bits[p] & U(0x7FFFFFFF))
        # 2**-14 and more: another bias of the exponent, and 13 bits less, which may carry into it and to infinity.
        odd = U(U(size >> U(13)) & U(1))
        normal = U(U(U(size + odd) + U(0xC8000FFF)) >> U(13))
        # Less: added to 0.5, whose last bit is the smallest float16, the sum is rounded there.
        small = U(F(np.abs(values[p]) + F(0.5)).view(np.uint32) - U(0x3F000000))
        payload = max(U(U(size >> U(13)) & U(0x3FF)), U(1))
        huge = U(U(0x7C00) | (payload if size > U(0x7F800000) else U(0)))
        half = huge if size >= U(0x47800000) else normal
        out[p] = np.uint16(sign | (small if size < U(0x38800000) else half))
