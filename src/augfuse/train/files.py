"""Writing a file in one step: nobody ever sees half of it, whenever the run is interrupted."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

T = TypeVar("T")
# How everything half-written is called: nobody's own files in a run folder begin so.
TEMPORARY = ".augfuse."


def printable(text: str) -> str:
    """A text with names of files in it as UTF-8 can hold it: bytes of a name that are none become `\\udcXX`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pack(record: Any) -> bytes:
    """A record of dataclasses, structs, numbers and arrays as MessagePack."""
    return msgspec.msgpack.encode(record, enc_hook=_array_bytes)


def unpack(data: bytes, kind: type[T]) -> T:
    """What `pack` made, as `kind`. Raises msgspec.MsgspecError where it is something else."""
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_array)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file in one step."""
    write_bytes(path, text.encode("utf-8"))


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as a compressed .npz file in one step."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    write_bytes(path, out.getvalue())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step, through a temporary one beside it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{TEMPORARY}{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        # mkstemp makes private files; a report is an ordinary one.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _array_bytes(value: Any) -> bytes:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"a record holds no {type(value).__name__}")
    out = io.BytesIO()
    np.save(out, value, allow_pickle=False)
    return out.getvalue()


def _array(kind: type, value: Any) -> np.ndarray:
    if kind is not np.ndarray:
        raise NotImplementedError(f"a record holds no {kind.__name__}")
    return np.load(io.BytesIO(value), allow_pickle=False)
