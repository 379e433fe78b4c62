"""`plan.inverse`: predictions for the augmented images, moved back to the originals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal, final

import numpy as np

from augfuse.algebra.ranges import Choice
from augfuse.errors import ImageError, ImageTypeError, RecipeError
from augfuse.plan.plan import Plan, told
from augfuse.plan.settings import BoxFormat, Interpolation, PointFormat
from augfuse.targets import boxes as box_kind
from augfuse.targets import points as point_kind
from augfuse.targets import polygons as polygon_kind
from augfuse.targets.boxes import Boxes
from augfuse.targets.coordinates import back, mirrored
from augfuse.targets.masks import as_words, from_words, swapped
from augfuse.targets.points import Points
from augfuse.targets.policy import BOX_FORMAT, Pairs, Targets
from augfuse.targets.rows import is_list, numbers
from augfuse.targets.unwarp import Pixels, check_folds, moves, pictures, pixels, sampled
from augfuse.targets.validate import CHECKS, Terms
from augfuse.text import shown
from augfuse.threads import cpu_count

_LAYOUT = Choice("layout", ("NHWC", "NCHW"))


@final
class Inverse:
    """The way back of a batch: points, boxes, polygons, masks and pictures of the augmented images, such as the
    predictions of a model, in the frames of the original ones.

        back = batch.plan.inverse
        boxes = back.boxes(predicted)  # (k, 4) for each image, in the format of the recipe

    Everything has one entry for each image of the batch, a list or an array (n, ...), and comes out as it was given, in
    the same order: nothing is dropped. Arrays of PyTorch, TensorFlow and Keras are taken too; what comes out is NumPy.
    Coordinates are continuous, as those of targets: the pixel in column 3 covers 3 to 4. What was cut off, or shrunk
    away, does not come back.

    swap: pairs that change places in a mirrored image, as in `Targets`: what a model calls the left hand there is the
    right hand of the original.

    Args:
        plan: `batch.plan`.
    """

    def __init__(self, plan: Plan) -> None:
        if plan.before is not None:
            raise _mixes(plan.before.op.name)
        self._plan = plan

    def __len__(self) -> int:
        return len(self._plan)

    def __repr__(self) -> str:
        return f"Inverse({len(self)} images)"

    @cached_property
    def mirrored(self) -> np.ndarray:
        """(n,) bool: which images came out as in a mirror."""
        return mirrored(self._plan.steps, len(self))

    @cached_property
    def _pixels(self) -> list[Pixels]:
        """Where the pixels of the originals are."""
        check_folds(self._plan)
        return [pixels(self._plan, i) for i in range(len(self))]

    def seen(self) -> Any:
        """(n, h, w) bool: which pixels of the originals are in the augmented images; a list where sizes differ."""
        return _stacked([own.seen for own in self._pixels])

    def keypoints(self, points: Any, *, format: PointFormat | None = None, swap: Pairs = ()) -> Any:
        """Points (k, d) or (k, p, d) of each image, float32.

        format: their columns, as in `Targets`; None: those of the recipe. Angles and scales are undone, visibilities or
        scores (v, or a third column) stay as they are.
        """
        format = self._plan.settings.keypoint_format if format is None else format
        policy = Targets(keypoint_format=format, swap_keypoints=swap)
        entries = self._entries("keypoints", points, lambda value, name, h, w: CHECKS["keypoints"](
            value, name, h, w, Terms(policy=policy)))  # fmt: skip
        way, size = back(self._plan), self._plan.size
        found: list[np.ndarray] = []
        for i, entry in enumerate(entries):
            flat = entry.reshape(-1, entry.shape[-1])
            form = "xy" if format == "auto" else format
            columns = point_kind.columns(form) | {"visibility": -1}
            moved, _ = point_kind.moved(Points(flat, np.full(len(flat), i), **columns), way, size)
            moved = moved.reshape(entry.shape)
            if self.mirrored[i] and policy.swap_keypoints:
                moved = point_kind.swapped(moved, policy.swap_keypoints, moved.ndim - 2)
            found.append(moved.astype(np.float32))
        return _like(points, found)

    def boxes(
        self,
        boxes: Any,
        *,
        format: BoxFormat | None = None,
        hull: Literal["corners", "ellipse"] = "corners",
        clip: bool = True,
    ) -> Any:
        """Boxes (k, 4), or (k, 5) oriented ones, of each image, float32, in the same format; further columns, such as
        scores, stay as they are.

        format: of the boxes, as in `Recipe(box_format=...)`; None: that of the recipe. Fractions are those of the
        augmented image, then of the original. Of an image that was turned it is the box around the turned box, `hull`
        as in `Targets`. clip: cut at the edges of the original; a box that lies outside of it is left without area.
        """
        form: Any = self._plan.settings.box_format if format is None else BOX_FORMAT.parse("format", format)
        wide = 5 if form == "oriented" else 4
        policy = Targets(clip=clip, hull=hull)
        entries = self._entries("boxes", boxes, lambda value, name, h, w: _boxes(value, name, wide, form))
        counts = [len(entry) for entry in entries]
        image = np.repeat(np.arange(len(entries)), counts)
        values = np.concatenate([entry[:, :wide] for entry in entries])
        corners = box_kind.corners_of(values, image, self._plan.size, form)
        moved = box_kind.moved(Boxes(corners, image), back(self._plan), self._plan.size, policy, None)
        values = box_kind.values_of(moved.ends, moved.corners, image, self._plan.source, form)
        parts = np.split(values, np.cumsum(counts)[:-1])
        return _like(boxes, [
            np.concatenate([part, entry[:, wide:].astype(np.float32)], axis=1)
            for part, entry in zip(parts, entries, strict=True)
        ])  # fmt: skip

    def polygons(self, polygons: Any, *, clip: bool = True) -> list[list[Any]]:
        """Rings (m, 2), or lists of rings, of each image, float32; clip: cut at the edges of the original."""
        entries = self._entries("polygons", polygons, lambda value, name, h, w: CHECKS["polygons"](
            value, name, h, w, Terms()))  # fmt: skip
        pieces = iter(polygon_kind.pieces(polygon_kind.moved(polygon_kind.rings_of(entries), back(self._plan), clip)))

        def ring() -> np.ndarray:
            return next(pieces).astype(np.float32)

        return [[[ring() for _ in item] if isinstance(item, list) else ring() for item in own] for own in entries]

    def masks(self, masks: Any, *, fill: float = 0, swap: Pairs = ()) -> Any:
        """Masks (h, w), or k masks (k, h, w), of each image, of the same dtype: whole numbers are taken as they are,
        the nearest one, floats are blended. fill: what pixels get that are not in the augmented image, such as 255.
        """
        pairs = Targets(swap_mask=swap).swap_mask
        entries = self._entries("masks", masks, _mask)
        _check_fill(fill, entries)
        planes = [entry if entry.ndim == 3 else entry[None] for entry in entries]
        given = [as_words(np.moveaxis(own, 0, 2)) for own in planes]
        nearest = all(own.dtype.kind != "f" for own in planes) or self._plan.interpolation == "nearest"
        found: list[np.ndarray] = []
        for i, picture in enumerate(self._carried(given, "nearest" if nearest else "bilinear")):
            own = np.moveaxis(from_words(picture, planes[i].dtype), 2, 0)
            own = swapped(own, pairs) if self.mirrored[i] and pairs else np.ascontiguousarray(own)
            own[:, ~self._pixels[i].seen] = fill
            found.append(own if entries[i].ndim == 3 else own[0])
        return _like(masks, found)

    def images(
        self, images: Any, *, fill: float = 0, layout: Literal["NHWC", "NCHW"] = "NHWC", swap: Pairs = ()
    ) -> Any:
        """Pictures and maps of numbers, such as logits, heat maps or depths: (h, w) or (h, w, c), with layout "NCHW"
        (c, h, w), of each image, blended; uint8, uint16 or floats.

        fill: what pixels get that are not in the augmented image, such as numpy.nan. swap: channels that change places.
        """
        planar = _LAYOUT.parse("layout", layout) == "NCHW"
        pairs = Targets(swap_keypoints=swap).swap_keypoints
        entries = self._entries("images", images, lambda value, name, h, w: _picture(value, name, h, w, planar))
        _check_fill(fill, entries)
        flat = [entry[:, :, None] if entry.ndim == 2 else entry for entry in entries]
        given = [own.astype(np.float32, copy=False) if own.dtype.kind == "f" else own for own in flat]
        found: list[np.ndarray] = []
        blend: Interpolation = "nearest" if self._plan.interpolation == "nearest" else "bilinear"
        for i, picture in enumerate(self._carried(given, blend)):
            own = picture.astype(entries[i].dtype, copy=False)
            if self.mirrored[i] and pairs:
                if (most := max(map(max, pairs))) >= own.shape[2]:
                    raise ImageError(f"images[{i}]: swap names channel {most}, and there are {own.shape[2]}.")
                own = point_kind.swapped(own, pairs, 2)
            own[~self._pixels[i].seen] = fill
            own = own[:, :, 0] if entries[i].ndim == 2 else own
            found.append(np.ascontiguousarray(own.transpose(2, 0, 1)) if planar and own.ndim == 3 else own)
        return _like(images, found)

    def _carried(self, given: Sequence[np.ndarray], interpolation: Interpolation) -> list[np.ndarray]:
        """Pictures (h, w, c) in the frames of the originals."""
        if any(step.fields for step in moves(self._plan)):
            nearest = interpolation == "nearest"
            return [sampled(own, at, nearest) for own, at in zip(given, self._pixels, strict=True)]
        return pictures(self._plan, given, interpolation, cpu_count())

    def _entries(self, name: str, value: Any, check: Callable[[Any, str, int, int], Any]) -> list[Any]:
        value = as_array(value)
        if not is_list(value) or len(value) != len(self):
            got = f"{len(value)}" if is_list(value) else type(value).__name__
            raise ImageError(f"{name}: got {got} for {len(self)} images, wanted one entry for each.")
        height, width = self._plan.size
        return [check(as_array(value[i]), f"{name}[{i}]", int(height[i]), int(width[i])) for i in range(len(self))]


told(inverse=Inverse)


def as_array(value: Any) -> Any:
    """NumPy's array of a tensor; other values as they are."""
    if isinstance(value, np.ndarray) or not hasattr(value, "__array__"):
        return value
    if hasattr(value, "detach"):  # PyTorch: of another device, and with a gradient
        value = value.detach().cpu()
    return np.asarray(value)


def _mixes(name: str) -> RecipeError:
    return RecipeError(
        f"{name}: puts several images into one, and no way leads back from it. Take the inverse of a plan without it, "
        "such as that of recipe.eval() or of another recipe."
    )


def _stacked(found: list[np.ndarray]) -> Any:
    return np.stack(found) if len({(one.shape, one.dtype) for one in found}) == 1 else found


def _like(given: Any, found: list[np.ndarray]) -> Any:
    """A list where a list was given, else an array, where there can be one."""
    return found if isinstance(given, (list, tuple)) else _stacked(found)


def _boxes(value: Any, name: str, wide: int, form: str) -> np.ndarray:
    found = numbers(value, name, wide)
    if found.ndim != 2 or found.shape[1] < wide:
        raise ImageError(f"{name}: got shape {found.shape}, wanted (k, {wide}) as {form} says.")
    return found


def _mask(value: Any, name: str, height: int, width: int) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "buif" or value.dtype.itemsize > 8:
        got = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise ImageTypeError(f"{name}: got {got}, wanted an array (h, w) of whole numbers, booleans or floats.")
    if value.ndim not in (2, 3) or value.shape[-2:] != (height, width):
        raise ImageError(
            f"{name}: got shape {value.shape}, wanted ({height}, {width}), the size of the augmented image, or "
            f"(k, {height}, {width}).{_cut(value.shape[-2:], height, width)}"
        )
    return value


def _picture(value: Any, name: str, height: int, width: int, planar: bool) -> np.ndarray:
    if not isinstance(value, np.ndarray) or (value.dtype.kind != "f" and value.dtype not in (np.uint8, np.uint16)):
        got = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise ImageTypeError(f"{name}: got {got}, wanted uint8, uint16 or floats. Class numbers are masks=.")
    axes = value.shape[1:] if planar and value.ndim == 3 else value.shape[:2]
    if value.ndim not in (2, 3) or axes != (height, width):
        wanted = f"(c, {height}, {width})" if planar else f"({height}, {width}, c)"
        hint = "" if axes != (width, height) else " It is turned."
        if value.ndim == 3 and value.shape[1:] == (height, width) and not planar:
            hint = ' Channels stand first: use layout="NCHW".'
        raise ImageError(
            f"{name}: got shape {value.shape}, wanted ({height}, {width}), the size of the augmented image, or "
            f"{wanted}.{hint or _cut(axes, height, width)}"
        )
    return value.transpose(1, 2, 0) if planar and value.ndim == 3 else value


def _cut(axes: tuple[int, ...], height: int, width: int) -> str:
    if len(axes) == 2 and axes[0] >= height and axes[1] >= width:
        return f" Of a padded batch take what is not padding: [..., :{height}, :{width}]."
    return " Resize a prediction of lower resolution first."


def _check_fill(fill: Any, entries: Sequence[np.ndarray]) -> None:
    """RangeError, ImageTypeError where a mask cannot hold the number."""
    if isinstance(fill, bool) or not isinstance(fill, (int, float, np.number)):
        raise ImageTypeError(f"fill: got {shown(fill)}, wanted a number.")
    for dtype in {entry.dtype for entry in entries}:
        if dtype.kind == "f":
            continue
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if not (low <= fill <= high and fill == int(fill)):
            raise ImageError(f"fill: got {shown(fill)} for {dtype}, wanted a whole number {low}..{high}.")
