"""Values and instructions of LLVM, of any type: llvmlite has none."""

from typing import Any

def __getattr__(name: str) -> Any: ...
