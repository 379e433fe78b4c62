"""PNG files of sample grids."""

from __future__ import annotations

import io

import numpy as np


def png_bytes(image: np.ndarray) -> bytes:
    """A (h, w), (h, w, 1) or (h, w, 3) uint8 image as PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image).save(out, format="PNG")
    return out.getvalue()
