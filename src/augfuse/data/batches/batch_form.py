"""How an adapter wants the batches of a loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, final

import numpy as np


@final
class Form(NamedTuple):
    """How images are laid out, and in whose memory. as_read: nothing is done to them yet: a device does it."""

    layout: str
    take: Callable[[tuple[int, ...], np.dtype], np.ndarray]
    as_read: bool = False
