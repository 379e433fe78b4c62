"""The roles of the columns of a table: those that are named, and those with usual names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypedDict

from augfuse.data.layouts.names import is_image
from augfuse.data.layouts.parts import PARTS, part_in
from augfuse.data.stores.cells import Encoded
from augfuse.data.tables.read_table import Cells, Frame, column_names
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown

BoxFormat = Literal["pascal_voc", "coco", "albumentations", "yolo"]
BOX_FORMATS: tuple[BoxFormat, ...] = ("pascal_voc", "coco", "albumentations", "yolo")

IMAGE = (
    "image", "img", "image_path", "img_path", "image_file", "image_name", "image_bytes", "filename", "file_name",
    "filepath", "file_path", "file", "path", "jpg", "jpeg", "png", "webp", "pixel_values",
)  # fmt: skip
LABEL = ("label", "labels", "class", "class_name", "class_label", "category", "target")
SPLIT = ("split", "subset", "part", "partition", "set")
GROUP = ("group", "group_id", "patient", "patient_id")
WEIGHT = ("sample_weight", "sample_weights")
MASK = ("mask", "mask_path", "mask_file", "mask_name", "mask_filename", "segmentation_mask")
BOX_LABEL = ("box_labels", "box_label", "objects.category", "objects.categories", "objects.label", "objects.labels")
# Columns of numbers, a box in each row; and columns of lists of boxes.
_SIDES: dict[tuple[str, ...], BoxFormat] = {
    ("xmin", "ymin", "xmax", "ymax"): "pascal_voc",
    ("x_min", "y_min", "x_max", "y_max"): "pascal_voc",
    ("x1", "y1", "x2", "y2"): "pascal_voc",
    ("left", "top", "right", "bottom"): "pascal_voc",
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"): "coco",
    ("bbox_x", "bbox_y", "bbox_w", "bbox_h"): "coco",
    ("x", "y", "w", "h"): "coco",
}
_LISTS: dict[str, BoxFormat | None] = {
    "boxes": "pascal_voc", "objects.bbox": "coco", "objects.boxes": None, "bbox": None, "bboxes": None,
}  # fmt: skip


class Columns(TypedDict, total=False):
    """Which column is what; see `augfuse.from_dataframe`. None, or left out: found by its name. "": there is none."""

    image: str | None
    label: str | Sequence[str] | None
    separator: str | None
    boxes: str | Sequence[str] | None
    box_format: BoxFormat | None
    box_label: str | None
    mask: str | None
    split: str | None
    group: str | None
    weight: str | None


class Roles(NamedTuple):
    """The columns of a table, by what they mean; "" or () for those that it does not have. boxes: four columns with a
    box in each row, or one with a list in each. fields: all others."""

    image: str
    label: tuple[str, ...]
    separator: str | None
    boxes: tuple[str, ...]
    box_format: BoxFormat
    box_label: str
    mask: str
    split: str
    group: str
    weight: str
    fields: tuple[str, ...]
    guessed_format: bool

    @property
    def by_row(self) -> bool:
        """Whether there is a row for each box."""
        return len(self.boxes) == 4


def find_roles(frame: Frame, columns: Columns) -> Roles:
    """What each column is. DataError, which names the argument, where a column is not there or two may be meant."""
    unknown = next((name for name in columns if name not in Columns.__annotations__), None)
    if unknown is not None:
        raise DataError(
            f"{unknown}: is not an argument; columns are named by {', '.join(Columns.__annotations__)}."
            f"{did_you_mean(unknown, Columns.__annotations__)}"
        )
    named: dict[str, Any] = dict.fromkeys(Columns.__annotations__) | {**columns}
    lower = {_plain_name(name): name for name in reversed(frame.columns)}

    def one(argument: str, usual: Sequence[str], fits: Callable[[Cells], bool] = lambda cells: True) -> str:
        given = named[argument]
        if given is None:
            return _guess(frame, argument, usual, lower, fits)
        return column_names(frame, argument, given)[0] if given else ""

    boxes, box_format, guessed = _boxes(frame, named["boxes"], named["box_format"], lower)
    box_label = one("box_label", BOX_LABEL) if boxes else ""
    if named["label"] is not None:
        label = column_names(frame, "label", named["label"]) if named["label"] else ()
    elif len(boxes) == 4:  # in a table with a box in each row, its label is that of the box
        label = ()
        if not box_label and named["box_label"] is None:
            box_label = one("box_label", LABEL)
    else:
        found = _guess(frame, "label", LABEL, lower)
        label = (found,) if found else ()
    image = _image(frame, named["image"], lower)
    mask, split = one("mask", MASK, _may_be_image), one("split", SPLIT, _holds_parts)
    group, weight = one("group", GROUP), one("weight", WEIGHT)
    used = {image, mask, split, group, weight, *label, *boxes, box_label}
    return Roles(
        image=image,
        label=label,
        separator=named["separator"],
        boxes=boxes,
        box_format=box_format,
        box_label=box_label,
        mask=mask,
        split=split,
        group=group,
        weight=weight,
        fields=tuple(name for name in frame.columns if name not in used),
        guessed_format=guessed,
    )


def part_of(cell: str) -> str | None:
    """The part that a cell names: train, Training, validation, ..."""
    named = part_in(cell)
    return named.part if named is not None and not named.rest else None


def _plain_name(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _guess(
    frame: Frame,
    argument: str,
    usual: Sequence[str],
    lower: dict[str, str],
    fits: Callable[[Cells], bool] = lambda cells: True,
) -> str:
    found = [lower[name] for name in usual if name in lower and fits(frame.columns[lower[name]])]
    if len(found) > 1:
        raise DataError(
            f"{frame.title}: columns {' and '.join(map(shown, found[:3]))} may each be the {argument}. Type "
            f"{argument}={shown(found[0])}, or give the others another name."
        )
    return found[0] if found else ""


def _image(frame: Frame, given: Any, lower: dict[str, str]) -> str:
    if given is not None:
        return column_names(frame, "image", given)[0]
    usual = [name for name in IMAGE if name in lower]
    held = [name for name in usual if isinstance(frame.columns[lower[name]], Encoded)]  # names beside say where it was
    likely = held or [name for name in usual if _may_be_image(frame.columns[lower[name]])]
    if usual:
        return _guess(frame, "image", likely or usual, lower)
    others = {name: cells for name, cells in frame.columns.items() if _plain_name(name) not in MASK}
    held = [name for name, cells in others.items() if isinstance(cells, Encoded)]
    likely = held or [name for name, cells in others.items() if _may_be_image(cells)]
    if len(likely) == 1:
        return likely[0]
    what = f"several that may be ({', '.join(map(shown, likely[:5]))})" if likely else "none that is called so"
    raise DataError(
        f"{frame.title}: which column is the image? There is {what}, among {', '.join(map(shown, frame.columns))}. "
        f"Type image=COLUMN, or call it {shown('image')}."
    )


def _may_be_image(cells: Cells) -> bool:
    """Whether a column holds images, or names of image files: the first cells of it do."""
    if isinstance(cells, Encoded):
        return True
    some = [cell for cell in cells[:100] if cell] if isinstance(cells, list) else []
    return bool(some) and all(
        isinstance(cell, str) and is_image(cell.replace("\\", "/").split("/")[-1]) for cell in some
    )


def _holds_parts(cells: Cells) -> bool:
    """Whether any cell names a part: `part` and `set` are also other things."""
    return isinstance(cells, list) and any(map(part_of, {cell for cell in cells if isinstance(cell, str)}))


def _boxes(
    frame: Frame, given: Any, form: BoxFormat | None, lower: dict[str, str]
) -> tuple[tuple[str, ...], BoxFormat, bool]:
    """(columns, format of the boxes, whether the format was guessed)."""
    if form is not None and form not in BOX_FORMATS:
        raise DataError(
            f"box_format: got {shown(form)}, wanted one of {', '.join(map(shown, BOX_FORMATS))}."
            f"{did_you_mean(str(form), BOX_FORMATS)}"
        )
    if given is not None:
        found = column_names(frame, "boxes", given) if given else ()
    else:
        sides = [tuple(lower[n] for n in names) for names in _SIDES if all(n in lower for n in names)]
        lists = [(lower[name],) for name in _LISTS if name in lower and _holds_lists(frame.typed(lower[name]))]
        every = list(dict.fromkeys([*sides, *lists]))
        if len(every) > 1:
            raise DataError(
                f"{frame.title}: columns {' and '.join(map(shown, every[:2]))} may each be the boxes. Type "
                "boxes=COLUMN."
            )
        found = every[0] if every else ()
    if len(found) not in (0, 1, 4):
        raise DataError(f"boxes: got {len(found)} columns, wanted one of lists, or four of numbers.")
    if not found or form is not None:
        return found, form or "pascal_voc", False
    plain_names = tuple(map(_plain_name, found))
    usual = _SIDES.get(plain_names) if len(found) == 4 else _LISTS.get(plain_names[0])
    if usual is None:
        raise DataError(
            f"{frame.title}: boxes in {', '.join(map(shown, found))}: what do the numbers mean? Type "
            "box_format='pascal_voc' (x1, y1, x2, y2 in pixels), 'coco' (x, y, width, height in pixels), "
            "'albumentations' (x1, y1, x2, y2 as fractions) or 'yolo' (centre, width, height as fractions)."
        )
    return found, usual, True


def _holds_lists(cells: Cells) -> bool:
    full = [cell for cell in cells if cell is not None] if isinstance(cells, list) else []
    return bool(full) and all(isinstance(cell, (list, tuple)) for cell in full)


def parts_of(frame: Frame, name: str) -> list[str]:
    """The part of each row. DataError for a cell that names none."""
    cells = frame.texts(name, "split")
    known = {cell: part_of(cell) for cell in set(cells)}
    for row, cell in enumerate(cells):
        if known[cell] is None:
            raise DataError(
                f"{frame.where(row)}: {name} is {shown(cell)}, wanted {', '.join(map(shown, PARTS))}. Type split='' to "
                "take the column for something else."
            )
    return [known[cell] or "" for cell in cells]
