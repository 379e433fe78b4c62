"""ONNX files, read by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def read(path: Path) -> Callable[[np.ndarray], Any]:
    """What the model in a file says of images, by the names of its outputs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    image, names = session.get_inputs()[0].name, [one.name for one in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {image: images}), strict=True))
