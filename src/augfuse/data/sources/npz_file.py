"""Reading the arrays of an .npz file: only those that are asked for, and none that claims more than the file holds."""

from __future__ import annotations

import math
import os
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augfuse.errors import DataError

# Deflate cannot do better: what claims more than this many times its packed size is lying.
MAX_DEFLATE_RATIO = 1032
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Held(NamedTuple):
    """The arrays that were asked for, and the names of all that the file holds."""

    arrays: dict[str, np.ndarray]
    names: list[str]


def read_arrays(path: Path, wanted: Collection[str]) -> Held:
    """The arrays of these names that an .npz file holds. Pickles are never loaded.

    Raises DataError: not an .npz file, damaged, an array that claims more than there is, more than the memory holds.
    """
    try:
        # ZipFile first: np.load would also take a single .npy array under this name, and that is not an npz file.
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.removesuffix(".npy") in wanted:
                    _check_member(archive, info, path)
        with warnings.catch_warnings(), np.load(path, allow_pickle=False) as file:
            warnings.simplefilter("ignore")  # about headers that Python 2 wrote
            return Held({key: file[key] for key in file.files if key in wanted}, sorted(file.files))
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path}: its arrays do not fit into memory.") from None
    except Exception as error:  # NumPy and zipfile raise nearly everything on what is not an .npz file
        raise DataError(f"{path}: not a readable .npz file ({error or type(error).__name__}).") from None


def require_memory(size: int, what: str) -> None:
    """Refuse what this machine cannot hold, before memory is taken for it: DataError."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on this system: the allocation itself will say
        return
    if size > total:
        raise DataError(f"{what}: needs {size / 1e9:.1f} GB of memory, and this machine has {total / 1e9:.1f} GB.")


def _check_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    if info.file_size > max(1, info.compress_size) * MAX_DEFLATE_RATIO and info.compress_type == zipfile.ZIP_DEFLATED:
        raise DataError(f"{path}: {info.filename} claims {info.file_size:,} bytes, more than the file can hold.")
    with warnings.catch_warnings(), archive.open(info) as member:
        warnings.simplefilter("ignore")  # as above
        read_header = _HEADERS.get(np.lib.format.read_magic(member))
        if read_header is None:  # only of arrays with named fields, which are not images: `np.load` decides
            return
        shape, _, dtype = read_header(member)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise DataError(
                f"{path}: not a readable .npz file: {info.filename} holds Python objects, wanted numbers or names."
            )
        if size > info.file_size:
            raise DataError(
                f"{path}: the header of {info.filename} says {shape} {dtype}, {size:,} bytes: more than the file holds."
            )
        require_memory(size, f"{path}: {info.filename}")
