"""One function for each annotation format that can be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from augfuse.data.dataset import DataSet
from augfuse.data.export import coco, voc, yolo
from augfuse.data.export.losses import Losses, require_boxes
from augfuse.data.export.sample_files import Work, stems

Form: TypeAlias = Literal["coco", "yolo", "voc"]
TITLES: dict[Form, str] = {"coco": "COCO", "yolo": "YOLO", "voc": "Pascal VOC"}
_WRITERS = {"coco": coco.write_part, "yolo": yolo.write_part, "voc": voc.write_part}


def check_form(form: Form, parts: Mapping[str | None, DataSet], where: object) -> None:
    """DataError where a data set has not what the form needs: boxes with classes that have names."""
    for data in parts.values():
        require_boxes(data, where, TITLES[form])


def write_form(
    form: Form,
    parts: Mapping[str | None, DataSet],
    folder: Path,
    target: Path,
    threads: int,
    progress: Callable[[int], None],
) -> None:
    """Images and annotations of all parts in `folder`, which becomes `target`; an AugfuseWarning for each thing that
    the form cannot hold, with how often."""
    losses = Losses(TITLES[form])
    for (part, data), names in zip(parts.items(), stems(parts.values()), strict=True):
        _WRITERS[form](Work(part, data, names, folder, losses, threads, progress))
    if form == "yolo":
        yolo.write_description(parts, folder)
    losses.report(target)
