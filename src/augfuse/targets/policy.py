"""What becomes of the things in an image: the fields of `Recipe(targets=af.Targets(...))`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, final, get_args

import msgspec
import numpy as np

from augfuse.algebra.ranges import Choice, Flag, Kind, Number, listed
from augfuse.errors import RangeError
from augfuse.plan.settings import BoxFormat, PointFormat
from augfuse.text import shown
from augfuse.transforms.base import specs
from augfuse.transforms.checks.misused_calls import Called

BOX_FORMAT = Choice(
    "box format",
    get_args(BoxFormat),
    elsewhere=(("xyxy", "pascal_voc"), ("voc", "pascal_voc"), ("xywh", "coco"), ("albumentations", "normalized"),
               ("xyxyn", "normalized"), ("xywhn", "yolo"), ("xywhr", "oriented")),
)  # fmt: skip
Hull: TypeAlias = Literal["corners", "ellipse", "tight"]
Pairs: TypeAlias = Sequence[tuple[int, int]]

# What a further field of a sample may be treated like; see `Recipe`.
KINDS = ("image", "mask", "masks", "segments", "boxes", "box_labels", "keypoints", "polygons")


@final
class _Swaps(Kind, frozen=True):
    """Pairs of numbers that change places in a mirrored image, such as a left and a right hand."""

    def parse(self, where: str, value: Any) -> tuple[tuple[int, int], ...]:
        wanted = "pairs of different whole numbers >= 0, each number once, such as ((1, 2), (3, 4))"
        pairs = [listed(pair) for pair in value] if isinstance(value, (tuple, list, np.ndarray)) else None
        if pairs is None or not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.")
        numbers = [number for pair in pairs for number in pair]
        whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if not whole or len(set(numbers)) < len(numbers):
            raise RangeError(f"{where}: got {shown(value)}, wanted {wanted}.")
        return tuple((int(one), int(other)) for one, other in pairs)


@final
class _MaskValue(Kind, frozen=True):
    """One number that a mask can hold, or None."""

    unit: str = "mask value"

    def parse(self, where: str, value: Any) -> float | None:
        if value is None:
            return None
        number = Number(self.doc, self.unit, -(2.0**63), 2.0**63).parse(where, value)
        return int(number) if number == int(number) else number


@final
class Targets(msgspec.Struct, metaclass=Called, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What becomes of masks, boxes, key points and polygons where an image is moved.

        af.Recipe([...], targets=af.Targets(min_visibility=0.2, swap_keypoints=[(1, 2), (3, 4)]))

    Boxes are clipped to the image. Those that then have no area, less than `min_area` pixels, a side below `min_side`
    pixels, or less than `min_visibility` of the area that they would have without the clip and without what was erased,
    are dropped, with everything that belongs to them: their labels, further fields, and, with `bind`, the polygon, the
    (p, d) key points and the mask of the same place. `keep_empty` keeps them as boxes without area. `clip=False` leaves
    boxes and polygons that reach outside as they are.

    Args:
        min_area: smallest area of a box, in pixels.
        min_side: shortest side of a box, in pixels.
        min_visibility: smallest visible share of a box, 0..1.
        clip: cut boxes and polygons at the edge of the image.
        keep_empty: keep boxes that would be dropped, as boxes without area.
        hull: the box of a box that was turned: "corners", around its four corners, as in torchvision and
            Albumentations; "ellipse", around the ellipse in it, tighter for round things; "tight", around the polygon
            or the mask of the object, where it has one.
        bind: where boxes are given too, polygons, key points (k, p, d) and masks (k, h, w) belong to them one by one.
        mask_fill: what masks have outside of the source; None: what the recipe's `fill` says, and 0 where it is
            "constant".
        mask_erase: what masks have where Erase and its kind hide the image; None: they stay as they are.
        keypoint_format: the columns of key points: x, y in pixels, a: the angle in degrees, anticlockwise as seen; s:
            the scale in pixels; v: the visibility, 0 outside of the image, at most 1 where the point is erased. "auto":
            xy for two columns, xyv for three.
        swap_keypoints, swap_labels, swap_mask: pairs of places (of key points within an object), class numbers and mask
            values that change places where the image is mirrored.
    """

    min_area: Annotated[float, Number("smallest area of a box", "pixels", 0, 1e18)] = 0.0
    min_side: Annotated[float, Number("shortest side of a box", "pixels", 0, 1e9)] = 0.0
    min_visibility: Annotated[float, Number("smallest part of a box that is seen", "", 0, 1)] = 0.0
    clip: Annotated[bool, Flag("cut boxes and polygons at the edge of the image")] = True
    keep_empty: Annotated[bool, Flag("keep boxes of which nothing is left")] = False
    hull: Annotated[Hull, Choice("box of a turned box", get_args(Hull))] = "corners"
    bind: Annotated[bool, Flag("what belongs to one object is kept or dropped together")] = True
    mask_fill: Annotated[float | None, _MaskValue("mask value outside of the source")] = None
    mask_erase: Annotated[float | None, _MaskValue("mask value of what is erased")] = None
    keypoint_format: Annotated[PointFormat, Choice("columns of key points", get_args(PointFormat))] = "auto"
    swap_keypoints: Annotated[Pairs, _Swaps("key points that change places in a mirrored image")] = ()
    swap_labels: Annotated[Pairs, _Swaps("class numbers of boxes that change places in a mirrored image")] = ()
    swap_mask: Annotated[Pairs, _Swaps("mask values that change places in a mirrored image")] = ()

    def __post_init__(self) -> None:
        for name, spec in specs(type(self)).items():  # type: ignore[arg-type]
            msgspec.structs.force_setattr(self, name, spec.parse(f"Targets.{name}", getattr(self, name)))


DEFAULT = Targets()
