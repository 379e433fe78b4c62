"""Targets that a user adds to a data set: masks, boxes, key points, polygons, further fields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from augfuse.data.columns.objects import Column, Relative, Values, ragged
from augfuse.errors import DataError
from augfuse.plan.settings import BoxFormat
from augfuse.targets.boxes import ends_of
from augfuse.targets.policy import BOX_FORMAT
from augfuse.targets.roles import FOREIGN
from augfuse.targets.rows import is_list
from augfuse.targets.validate import CHECKS, Terms
from augfuse.text import shown


def own_columns(held: Mapping[str, Column], n: int, given: Mapping[str, Any], form: BoxFormat) -> dict[str, Column]:
    """The columns `held` of n samples with those that are given; None takes one away. form: of "boxes". DataError."""
    BOX_FORMAT.parse("with_targets: box_format", form)
    if form != "pascal_voc" and given.get("boxes") is None:
        raise DataError(f"with_targets: got box_format={shown(form)} without boxes, wanted both. Give boxes=...")
    columns = dict(held)
    for name, entries in given.items():
        if (meant := FOREIGN.get(name)) is not None:
            raise DataError(f"with_targets: got {shown(name)}, wanted {shown(meant)}, which moves with its image.")
        if name == "label":
            raise DataError("with_targets: got 'label', which belongs to an image. Use data.with_labels(labels).")
        columns.pop(name, None)
        if entries is None:
            continue
        if not is_list(entries) or not hasattr(entries, "__getitem__") or len(entries) != n:
            got = str(len(entries)) if is_list(entries) else type(entries).__name__
            raise DataError(f"with_targets: {name}: got {got} for {n} samples, wanted an entry for each.")
        as_given = name != "boxes" or form == "pascal_voc"
        columns[name] = Values(entries, np.arange(n, dtype=np.int64)) if as_given else _boxes(entries, form)
    return columns


def _boxes(entries: Any, form: BoxFormat) -> Column:
    """Boxes of another format as a data set holds them: [x1, y1, x2, y2] in pixels."""
    if form == "oriented":
        raise DataError(
            "with_targets: got box_format='oriented', wanted 'pascal_voc', 'coco', 'yolo' or 'normalized': a data set "
            'holds boxes along the axes. Use af.Recipe(..., box_format="oriented").batch(images, boxes=boxes).'
        )
    terms, check = Terms(form, of_data=True), CHECKS["boxes"]
    found = [check(entries[i], f"with_targets: boxes[{i}]", math.inf, math.inf, terms) for i in range(len(entries))]
    values = np.stack(ends_of(np.concatenate(found), form), axis=1).astype(np.float32)
    column = ragged(values, [len(boxes) for boxes in found])
    return column if form == "coco" else Relative(column, 4)
