"""An array as the bytes of an image file."""

from __future__ import annotations

import numpy as np

from augfuse.errors import ImageError

JPEG_QUALITY = 95


def encoded(image: np.ndarray, format: str, name: str) -> bytes:
    """An image (h, w, c) as "jpg" or "png". Raises ImageError, which begins with `name`, for what these cannot hold."""
    channels = image.shape[2]
    if format == "jpg":
        if image.dtype != np.uint8 or channels not in (1, 3):
            raise ImageError(f"{name}: a JPEG holds no {image.dtype} image of {channels} channels. Type --format png.")
        return jpeg_bytes(image, JPEG_QUALITY, "444")
    if image.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)) or channels not in (1, 3, 4):
        raise ImageError(f"{name}: a PNG holds no {image.dtype} image of {channels} channels. Write an .npz file.")
    import cv2

    if channels > 1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(".png", image)[1].tobytes()


def jpeg_bytes(image: np.ndarray, quality: int = 85, subsampling: str = "420") -> bytes:
    """A (h, w), (h, w, 1) or (h, w, 3) uint8 image as JPEG, by default small, for a page to look at."""
    import simplejpeg

    image = image if image.ndim == 3 else image[:, :, None]
    space = "GRAY" if image.shape[2] == 1 else "RGB"
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=quality, colorspace=space, colorsubsampling=subsampling
    )
