"""Masks in image files: the numbers that are stored, never colours or their brightness."""

from __future__ import annotations

import numpy as np

from augfuse.data.codecs import pillow, png
from augfuse.data.codecs.color_modes import orient
from augfuse.data.decoding.decode import decode, sniff
from augfuse.data.decoding.limits import check_size
from augfuse.errors import DecodeError


def decode_mask(raw: bytes, path: str | None = None) -> np.ndarray:
    """(h, w) uint8 or uint16: of a palette image its indices, of a gray image its values, as they are stored. A pixel
    of one bit is 0 or 1.

    Raises DecodeError, naming `path`, for what `af.decode` refuses, and for images of several channels.
    """
    try:
        header = sniff(raw)
        check_size(header.width, header.height, 1, 2)
        if header.format == "PNG":
            return orient(png.decode_values(raw, header)[:, :, None], header.orientation)[:, :, 0]
        if header.format in ("GIF", "BMP", "TIFF"):
            indices = pillow.indices(raw, header)
            if indices is not None:
                return orient(indices[:, :, None], header.orientation)[:, :, 0]
    except DecodeError as error:
        raise DecodeError(error.reason, path) from None
    found = decode(raw, path=path)
    if found.shape[2] != 1:
        raise DecodeError(
            f"a {header.format} with {found.shape[2]} channels, wanted a mask: a gray or a palette image, whose "
            "numbers are classes.",
            path,
        )
    return found[:, :, 0]
