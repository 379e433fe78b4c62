"""Errors and warnings of libtiff, caught in the thread that decodes: they count as damage, and are not printed.

Pillow silences libtiff's warnings and leaves its errors to the default handler, which prints them.
"""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from typing import Any

_said = threading.local()
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)


class messages:
    """Collects what libtiff says in this thread, instead of letting it write to the terminal."""

    def __enter__(self) -> list[str]:
        _catch_messages()
        self._outer = getattr(_said, "lines", None)
        lines: list[str] = []
        _said.lines = lines
        return lines

    def __exit__(self, *error: Any) -> None:
        _said.lines = self._outer


@cache
def _catch_messages() -> Any:
    """Set libtiff's error handler, where the libtiff that Pillow uses can be found: in wheels for Linux and macOS."""
    from PIL import _imaging

    try:
        library = ctypes.CDLL(_imaging.__file__)
        install, write = library.TIFFSetErrorHandler, ctypes.pythonapi.PyOS_vsnprintf
    except (OSError, AttributeError):
        return None
    install.argtypes, install.restype = [_Handler], ctypes.c_void_p
    write.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]

    @_Handler
    def handler(module: bytes | None, form: bytes, values: int) -> None:
        text = ctypes.create_string_buffer(512)
        write(text, 512, form, values)
        lines = getattr(_said, "lines", None)
        if lines is not None and len(lines) < 8:
            lines.append(
                f"{(module or b'libtiff').decode('ascii', 'replace')}: {text.value.decode('ascii', 'replace')}"
            )

    install(handler)
    return handler  # kept alive by the cache
