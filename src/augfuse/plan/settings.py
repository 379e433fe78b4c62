"""What a plan is made for: the settings of a recipe besides its transforms, and what its images are."""

from __future__ import annotations

from typing import Literal, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.errors import ImageError, RecipeError

Fill: TypeAlias = Literal["nearest", "reflect", "wrap", "constant"]
BoxFormat: TypeAlias = Literal["pascal_voc", "coco", "yolo", "normalized", "oriented"]
PointFormat: TypeAlias = Literal["auto", "xy", "xyv", "xya", "xyav", "xys", "xysv", "xyas", "xyasv"]

Interpolation: TypeAlias = Literal["bilinear", "nearest", "bicubic", "area"]

FULL = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}  # full scale of whole numbers


@final
class Settings(msgspec.Struct, frozen=True):
    """What a recipe says besides its transforms, as `Recipe` checked it. Boxes and points of the images are in these
    formats."""

    fill: Fill = "nearest"
    fill_value: tuple[float, ...] = (0.0,)
    interpolation: Interpolation = "bilinear"
    value_range: tuple[float, float] | None = None
    box_format: BoxFormat = "pascal_voc"
    keypoint_format: PointFormat = "auto"


@final
class Source(msgspec.Struct, frozen=True, eq=False):
    """What the images are that a plan is made for."""

    canvas: Canvas
    channels: int
    dtype: np.dtype

    def check(self, canvas: Canvas, channels: int, dtype: np.dtype) -> None:
        """Refuse other images than these."""
        wanted, got = (
            (list(zip(*(side.tolist() for side in sizes), strict=True)), c, d.name)
            for sizes, c, d in ((self.canvas, self.channels, self.dtype), (canvas, channels, dtype))
        )
        if len(wanted[0]) != len(got[0]):
            raise ImageError(f"images: got {len(got[0])} for a plan of {len(wanted[0])}, wanted as many.")
        for i, (one, other) in enumerate(zip(wanted[0], got[0], strict=True)):
            if (one, *wanted[1:]) != (other, *got[1:]):
                raise ImageError(
                    f"images[{i}]: got {other[0]}x{other[1]}x{got[1]} {got[2]} for a plan of {one[0]}x{one[1]}x"
                    f"{wanted[1]} {wanted[2]}, wanted the images that the plan was made for."
                )


def value_range(dtype: np.dtype, declared: tuple[float, float] | None) -> tuple[float, float]:
    """Full scale: 0..255 for uint8, 0..65535 for uint16, 0..1 for floats, unless it is declared."""
    most = FULL.get(dtype)
    if most is None:
        return (0.0, 1.0) if declared is None else declared
    if declared is not None and (declared[0] < 0 or declared[1] > most):
        raise RecipeError(
            f"value_range: got {declared} for {dtype.name} images, wanted within 0..{most:g}. "
            "Leave it out, or convert to float32."
        )
    return (0.0, most) if declared is None else declared
