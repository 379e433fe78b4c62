"""The form in which an adapter wants the batches of a loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, final

import numpy as np

Take: TypeAlias = Callable[[tuple[int, ...], np.dtype], np.ndarray]


@final
class Form(NamedTuple):
    """Layout and memory of the images of a batch. as_read: not augmented yet: a device does it."""

    layout: str
    take: Take
    as_read: bool = False
