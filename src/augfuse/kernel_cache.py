"""The compiled kernels on disk. Whatever is wrong with a file or its folder costs a compilation, never the run.

Numba's own cache answers a cut file with EOFError, a full disk with OSError, and does not see changes in a called
function of another file. Here each compiled signature is one file: a checksum, then what Numba pickles, together with
a stamp of every source that went into it. A file that does not fit is compiled again and replaced.
"""

from __future__ import annotations

import os
import pickle
import re
import tempfile
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, final

import llvmlite
import numba
from numba.core import caching, serialize

from augfuse.warn_once import warn_first

_PACKAGE = Path(__file__).parent
_IMPORTED = re.compile(rb"^\s*from augfuse([.\w]*) import (.+)$", re.MULTILINE)
_DIGEST = 16  # bytes


@final
class KernelCache(caching.FunctionCache):
    """What a dispatcher asks for compiled code. RuntimeError where no folder can be written to."""

    def __init__(self, function: Any) -> None:
        caching.FunctionCache.__init__(self, function)
        parts = (numba.__version__, llvmlite.__version__, _digest_of_sources(function.__code__.co_filename))
        self._stamp = blake2b("\n".join(parts).encode(), digest_size=_DIGEST).digest()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compile result for this signature, None where it has to be compiled."""
        target_context.refresh()
        # Exception: a file whose checksum is right may still hold what this Numba cannot rebuild.
        with suppress(Exception):
            content = self._file(sig, target_context.codegen()).read_bytes()
            checksum, data = content[:_DIGEST], content[_DIGEST:]
            if blake2b(data, digest_size=_DIGEST).digest() == checksum and data.startswith(self._stamp):
                stored, payload = pickle.loads(data[_DIGEST:])
                return self._impl.rebuild(target_context, payload) if stored == sig else None
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compile result; a warning, once in a process, where that fails."""
        try:
            if self._impl.check_cachable(data):
                content = self._stamp + serialize.dumps((sig, self._impl.reduce(data)))
                checksum = blake2b(content, digest_size=_DIGEST).digest()
                _replace(self._file(sig, data.codegen), checksum + content)
        except OSError as error:
            warn_not_kept(str(error))

    def _file(self, sig: Any, codegen: Any) -> Path:
        key = blake2b(repr((sig, codegen.magic_tuple())).encode(), digest_size=8).hexdigest()
        return Path(self.cache_path) / f"{self._impl.filename_base}.{key}.kernel"


def warn_not_kept(reason: str) -> None:
    """Say, once in a process, that the next one will have to compile again."""
    warn_first(
        "kernel cache",
        f"kernels are compiled anew in each process ({reason}). Set NUMBA_CACHE_DIR to a writable folder.",
    )


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise


@lru_cache
def _digest_of_sources(path: str) -> str:
    """Of a file and of every file of this package that it imports from, and so on."""
    found: dict[Path, bytes] = {}
    todo = [Path(path)]
    while todo:
        file = todo.pop()
        if file in found or not file.is_file():
            continue
        found[file] = file.read_bytes()
        for module, names in _IMPORTED.findall(found[file]):
            base = _PACKAGE.joinpath(*module.decode().split(".")[1:])
            modules = [base, *(base / name for name in re.findall(r"\w+", names.decode()))]
            todo += [m.with_suffix(".py") for m in modules]
    digest = blake2b(digest_size=_DIGEST)
    for file in sorted(found):
        digest.update(blake2b(found[file], digest_size=_DIGEST).digest())
    return digest.hexdigest()
