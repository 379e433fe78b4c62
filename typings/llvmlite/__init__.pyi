"""llvmlite has no types."""

__version__: str
