"""torchvision beside a PyTorch that it was not built for."""

from __future__ import annotations

import importlib
import re
import warnings
from typing import Any

import pytest


def torchvision_functions(torch: Any) -> Any:
    """torchvision.transforms.v2.functional. A wheel for CUDA asks for operators that torch without it lacks: they are
    declared, for no tone needs them.
    """
    for _ in range(4):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return importlib.import_module("torchvision.transforms.v2.functional")
        except ImportError:
            break
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                break
            torch.library.define(f"torchvision::{missing[1]}", "(Tensor a, Tensor b, float c) -> Tensor")
    pytest.skip("torchvision is not installed, or does not import here")
