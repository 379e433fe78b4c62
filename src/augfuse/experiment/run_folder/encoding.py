"""Records and arrays as bytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from augfuse.files import write_bytes

T = TypeVar("T")


def pack(record: Any) -> bytes:
    """A record of dataclasses, structs, numbers and arrays as MessagePack."""
    return msgspec.msgpack.encode(record, enc_hook=_array_bytes)


def unpack(data: bytes, kind: type[T]) -> T:
    """What `pack` made, as `kind`. Raises msgspec.MsgspecError where it is something else."""
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_array)


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as a compressed .npz file in one step."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    write_bytes(path, out.getvalue())


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
