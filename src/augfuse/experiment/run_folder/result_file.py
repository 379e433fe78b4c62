"""A finished comparison as a file of the run folder, so that its report can be written again without training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from augfuse.errors import DataError, DataNotFoundError
from augfuse.experiment import evaluation
from augfuse.experiment.records import Comparison
from augfuse.experiment.run_folder.encoding import pack, unpack
from augfuse.experiment.tasks import task_of
from augfuse.files import write_bytes

FILE = "record.msgpack"


def save(result: Comparison, folder: Path) -> Path:
    """Write everything but the predictions, which have separate files. Returns the file's path."""
    path = folder / FILE
    write_bytes(path, pack(replace(result, evaluations=())))
    return path


def load(folder: Path) -> Comparison:
    """The comparison that a run left in its folder. Raises DataNotFoundError, DataError."""
    path = folder / FILE
    if not path.is_file():
        raise DataNotFoundError(f"{path}: no such file; wanted the folder of a finished `augfuse train` run.")
    try:
        result = unpack(path.read_bytes(), Comparison)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DataError(f"{path}: not a record of this version ({error}). Train again to make a new one.") from error
    kind = task_of(result.settings.task).found
    found = tuple(evaluation.load(folder, arm.name, arm.seed, kind) for arm in result.arms)
    return replace(result, evaluations=found)
