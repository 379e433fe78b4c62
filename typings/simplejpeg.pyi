"""What augfuse calls of simplejpeg, which has no types of its own."""

import numpy as np

_Buffer = bytes | bytearray | memoryview | np.ndarray

def decode_jpeg_header(data: _Buffer, min_height: int = 0, min_width: int = 0) -> tuple[int, int, str, str]: ...
def decode_jpeg(
    data: _Buffer,
    colorspace: str = "rgb",
    fastdct: bool = False,
    fastupsample: bool = False,
    min_height: int = 0,
    min_width: int = 0,
    min_factor: float = 1,
    buffer: _Buffer | None = None,
    strict: bool = True,
) -> np.ndarray: ...
def encode_jpeg(
    image: np.ndarray,
    quality: int = 85,
    colorspace: str = "rgb",
    colorsubsampling: str = "444",
    fastdct: bool = False,
) -> bytes: ...
