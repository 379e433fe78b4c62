"""Masks, boxes, points and polygons as they are given: checked once, at the edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.errors import ImageError, ImageTypeError
from augfuse.plan.settings import BoxFormat
from augfuse.targets.boxes import FRACTIONS, ends_of
from augfuse.targets.masks_as_labels import blends
from augfuse.targets.policy import DEFAULT, Targets
from augfuse.targets.roles import RecipeLike, kinds_of
from augfuse.targets.rows import is_list, numbers
from augfuse.text import shown
from augfuse.warn_once import warn_first

Where = Callable[[str, int], str]  # what messages call entry i of a target
_SLACK = 1e-3  # of a fraction: sums of rounded numbers
_BEYOND = 0.1  # of a side, in pixels: drawn boxes end within it
_BEYOND_FRACTION = 0.02  # the same of boxes that are fractions


class Terms(NamedTuple):
    """How entries are read. form: of boxes. of_data: whether they are those of a data set."""

    form: str = ""
    policy: Targets = DEFAULT
    of_data: bool = False

    def other(self, *forms: str) -> str:
        """What to type for boxes of another format."""
        first, *others = (f'"{form}"' for form in forms)
        named = f"data.with_targets(boxes=..., box_format={first})" if self.of_data else f"box_format={first}"
        return " or ".join([named, *others])


@final
class Given(msgspec.Struct, frozen=True, eq=False):
    """What n images have, by name; each a list with an entry for each image. kinds: what each is treated like.

    mask: (h, w), (k, h, w) or (h, w, 1). segments: (h, w), j + 1 where object j lies. boxes: (k, 4) or, oriented,
    (k, 5) float64, in the format `form`; they come out in that of `wanted`. box_labels: k of anything. keypoints:
    (k, d) or (k, p, d) float64. polygons: lists of rings (m, 2) float64, or of lists of these. fixed: what no pixel's
    place matters to. seen: how much of each box and point is seen as it is given, 0..1, an array for each image; all of
    it, by default.
    """

    kinds: Mapping[str, str]
    entries: Mapping[str, list[Any]]
    form: BoxFormat
    wanted: BoxFormat
    policy: Targets
    seen: Mapping[str, list[np.ndarray]] = {}

    def of(self, *kinds: str) -> dict[str, list[Any]]:
        """What is treated like one of these."""
        return {name: entries for name, entries in self.entries.items() if self.kinds[name] in kinds}

    def take(self, rows: np.ndarray) -> Given:
        """The same of these images."""
        entries, seen = (
            {name: [found[row] for row in rows.tolist()] for name, found in some.items()}
            for some in (self.entries, self.seen)
        )
        return Given(self.kinds, entries, self.form, self.wanted, self.policy, seen)

    def objects(self, i: int) -> int | None:
        """How many objects image i has; None where nothing says."""
        for kind in ("boxes", "polygons"):
            if self.kinds.get(kind) == kind:
                return len(self.entries[kind][i])
        return None

    def bound(self, name: str, i: int) -> bool:
        """Whether the parts of an entry belong to the objects of its image, one by one."""
        kind, objects = self.kinds[name], self.objects(i)
        if objects is None or kind in ("image", "fixed"):
            return False
        if kind == "box_labels" or name in ("boxes", "polygons"):
            return name != "polygons" or self.policy.bind or "boxes" not in self.entries
        if not self.policy.bind or "boxes" not in self.entries:
            return False
        entry = self.entries[name][i]
        return kind == "polygons" or (kind in ("keypoints", "masks") and entry.ndim == 3 and entry.shape[-1] != 1)


def given(
    recipe: RecipeLike,
    values: Mapping[str, Any],
    canvas: Canvas,
    where: Where,
    kinds: Mapping[str, str] | None = None,
    form: BoxFormat | None = None,
) -> Given | None:
    """Check targets of images of these sizes; None without any. kinds: what names are treated like, that the
    recipe does not say. form: the format of the boxes, where a data set has them; None: that of the recipe. Raises
    ImageError, ImageTypeError."""
    if not values:
        return None
    own: Any = recipe.box_format  # one of the formats: it was checked
    terms = Terms(form or own, recipe.targets, form is not None)
    kinds = kinds_of(tuple(values), dict(recipe.additional) | dict(kinds or {}))
    n = len(canvas.width)
    entries: dict[str, list[Any]] = {}
    for name, value in values.items():
        if value is None:
            continue
        if not is_list(value) or len(value) != n:
            got = f"{len(value)}" if is_list(value) else type(value).__name__
            raise ImageError(f"{name}: got {got} for {n} images, wanted a list with one entry for each.")
        check = CHECKS[kinds[name]]
        entries[name] = [
            check(value[i], where(name, i), int(canvas.height[i]), int(canvas.width[i]), terms) for i in range(n)
        ]
    if not entries:
        return None
    for name in {"mask", "masks"} & entries.keys():
        if any(entry.dtype.kind == "f" for entry in entries[name]) and blends(recipe):
            for i, entry in enumerate(entries[name]):
                _check_blend(entry, where(name, i))
    found = Given({name: kinds[name] for name in entries}, entries, form or own, own, terms.policy)
    for name in entries:
        if kinds[name] != "box_labels" and name not in ("polygons", "keypoints", "masks"):
            continue
        for i in range(n):
            _check_bound(found, name, i, where)
    _warn_beyond(found, canvas, where, terms)
    return found


def _warn_beyond(found: Given, canvas: Canvas, where: Where, terms: Terms) -> None:
    """Warn where all boxes end far outside of their images: their numbers are read in another format than they have."""
    entries = found.entries.get("boxes") if found.kinds.get("boxes") == "boxes" else None
    if entries is None or found.form == "oriented" or not any(map(len, entries)):
        return
    part = _BEYOND_FRACTION if found.form in FRACTIONS else _BEYOND
    for i, boxes in enumerate(entries):
        height, width = (1, 1) if found.form in FRACTIONS else (int(canvas.height[i]), int(canvas.width[i]))
        left, top, right, bottom = ends_of(boxes, found.form)
        x, y = part * width, part * height
        if not ((left < -x) | (top < -y) | (right > width + x) | (bottom > height + y)).all():
            return
    i = next(i for i, boxes in enumerate(entries) if len(boxes))
    other = terms.other("coco" if found.form != "coco" else "pascal_voc")
    warn_first(
        f"boxes beyond {found.form}",
        f"{where('boxes', i)}: box 0 is {shown(entries[i][0].tolist())}, and as {found.form} all boxes end outside of "
        f"their images, by more than {part:.0%} of a side. Is it their format? Others are given by {other}, ...",
    )


def _check_bound(found: Given, name: str, i: int, where: Where) -> None:
    objects = found.objects(i)
    if objects is None:
        if found.kinds[name] == "box_labels":
            raise ImageError(f"{where(name, i)}: got labels of boxes and no boxes. Give boxes too, or use label=.")
        return
    if found.bound(name, i) and (count := len(found.entries[name][i])) != objects:
        hint = " Use af.Targets(bind=False) where they are of other things."
        if found.kinds[name] == "box_labels":
            hint = " Give them in the order of the boxes."
        what = "boxes" if "boxes" in found.entries else "polygons"
        raise ImageError(f"{where(name, i)}: got {count} for {objects} {what}, wanted one for each.{hint}")


def _mask(value: Any, where: str, height: int, width: int, terms: Terms) -> np.ndarray:
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, np.ndarray) for one in value):
        if len({(one.shape, one.dtype) for one in value}) > 1:
            raise ImageError(f"{where}: got masks of different shapes or dtypes, wanted one. Convert them alike.")
        value = np.stack(value)
    if not isinstance(value, np.ndarray):
        hint = "use np.asarray(mask)"
        if value is None or isinstance(value, (str, bytes)):
            hint = "of an image without objects np.zeros((h, w), np.uint8)"
            hint = hint if value is None else "for files use af.from_pairs(images, masks)"
        raise ImageTypeError(f"{where}: got {type(value).__name__}, wanted a NumPy array (h, w); {hint}.")
    if value.dtype.kind not in "buif" or value.dtype.itemsize > 8:
        raise ImageTypeError(
            f"{where}: got {value.dtype}, wanted whole numbers, booleans or floats. Use mask.astype(np.int32)."
        )
    shapes = (value.shape == (height, width), value.ndim == 3 and value.shape[1:] == (height, width),
              value.shape == (height, width, 1))  # fmt: skip
    if not any(shapes):
        hint = ""
        if value.ndim == 3 and value.shape[:2] == (height, width):
            hint = " Masks stand first: use mask.transpose(2, 0, 1), or mask.argmax(-1) of one-hot numbers."
        elif value.shape[-2:] == (width, height) and value.ndim in (2, 3):
            hint = f" It is turned: use mask{'.T' if value.ndim == 2 else '.transpose(0, 2, 1)'}."
        elif value.ndim == 2:
            hint = f" Use cv2.resize(mask, ({width}, {height}), interpolation=cv2.INTER_NEAREST)."
        raise ImageError(
            f"{where}: got shape {value.shape} for an image of {height}x{width}, wanted ({height}, {width}), or "
            f"(k, {height}, {width}) for several.{hint}"
        )
    return value


def _check_blend(mask: np.ndarray, where: str) -> None:
    """Refuse class numbers as floats, which would be blended. 0 and 1 are taken as parts of a whole."""
    if mask.dtype.kind != "f" or not mask.size or not _whole(mask.reshape(-1)[:: max(1, mask.size // 256)]):
        return
    found = np.unique(mask) if _whole(mask) else mask[:0]
    if len(found) > 1 and not np.isin(found, (0, 1)).all():
        numbers = ", ".join(f"{number:g}" for number in found[:4].tolist())
        numbers += ", ..." if len(found) > 4 else ""
        raise ImageTypeError(
            f"{where}: got {mask.dtype.name} with whole numbers only ({numbers}), and "
            "floats are blended, so that numbers of classes would become others. Use mask.astype(np.int32); a map of "
            'depths or the like has a name in af.Recipe(additional={"depth": "mask"}).'
        )


def _whole(values: np.ndarray) -> bool:
    return bool((np.rint(values) == values).all())


def _boxes(value: Any, where: str, height: int, width: int, terms: Terms) -> np.ndarray:
    form = terms.form
    wide = 5 if form == "oriented" else 4
    found = numbers(value, where, wide)
    if found.ndim != 2 or found.shape[1] != wide:
        hint = " Give the labels as box_labels." if found.ndim == 2 and found.shape[1] == wide + 1 else ""
        if found.shape == (wide,):
            hint = " One box is a list of one: [box]."
        elif wide == 5 and found.ndim == 2 and found.shape[1] == 4:
            hint = " The fifth is the angle in degrees."
        raise ImageError(f"{where}: got shape {found.shape}, wanted (k, {wide}) as {form} says.{hint}")
    if not len(found):
        return found
    return _check_boxes(found, where, height, width, terms)


def _check_boxes(found: np.ndarray, where: str, height: float, width: float, terms: Terms) -> np.ndarray:
    form = terms.form
    a, b, c, d = found[:, :4].T
    sized = form in ("coco", "yolo", "oriented")
    bad = (c < 0) | (d < 0) if sized else (c < a) | (d < b)
    if bad.any():
        k = int(np.argmax(bad))
        wanted = "width and height >= 0" if sized else "x1 <= x2 and y1 <= y2"
        hint = "" if sized else f" Boxes of [x, y, width, height] are {terms.other('coco')}."
        if form == "normalized":
            hint = f" Boxes of [centre x, centre y, width, height] as fractions are {terms.other('yolo')}."
        box = shown(found[k].tolist())
        raise ImageError(f"{where}: box {k} is {box}, upside down as {form}, wanted {wanted}.{hint}")
    if form in FRACTIONS:
        if (found > 1 + _SLACK).any():
            k = int(np.argmax((found > 1 + _SLACK).any(axis=1)))
            raise ImageError(
                f"{where}: box {k} is {shown(found[k].tolist())}, wanted fractions 0..1 as {form} says. Boxes in "
                f"pixels are {terms.other('pascal_voc', 'coco')}."
            )
        height = width = 1
    elif form != "oriented" and found.max() <= 1 and found.min() >= 0 and min(height, width) > 2 and not _whole(found):
        raise ImageError(
            f"{where}: all numbers are 0..1, wanted pixels as {form} says. Boxes as fractions are "
            f"{terms.other('yolo', 'normalized')}."
        )
    if form == "oriented":
        outside = (a < 0) | (b < 0) | (a > width) | (b > height)
    else:
        left, top, right, bottom = ends_of(found, form)
        outside = (right < 0) | (bottom < 0) | (left > width) | (top > height)
    if outside.any() and width < math.inf:  # of a known size
        k = int(np.argmax(outside))
        raise ImageError(
            f"{where}: box {k} is {shown(found[k].tolist())}, outside of the image, {width} wide and {height} high, "
            "wanted boxes that reach into it. Leave it out, or see whether the boxes are of an image of this size."
        )
    return found


def _labels(value: Any, where: str, height: int, width: int, terms: Terms) -> Any:
    if not is_list(value):
        raise ImageTypeError(f"{where}: got {shown(value)}, wanted a list with one entry for each box, such as [0, 2].")
    return value if isinstance(value, np.ndarray) else list(value)


def _keypoints(value: Any, where: str, height: int, width: int, terms: Terms) -> np.ndarray:
    policy = terms.policy
    wanted = None if policy.keypoint_format == "auto" else len(policy.keypoint_format)
    unknown = " A point that is not known is [0, 0, 0]: its visibility, the third number, is 0."
    found = numbers(value, where, wanted or 2, unknown)
    good = found.ndim in (2, 3) and (found.shape[-1] in (2, 3) if wanted is None else found.shape[-1] == wanted)
    if not good:
        columns = "2 or 3" if wanted is None else str(wanted)
        hint = " Angles and scales need af.Targets(keypoint_format=...)." if wanted is None else ""
        raise ImageError(f"{where}: got shape {found.shape}, wanted (k, {columns}) or (k, p, {columns}).{hint}")
    pairs = policy.swap_keypoints
    places = found.shape[-2]
    if len(found) and pairs and (most := max(map(max, pairs))) >= places:
        raise ImageError(
            f"{where}: swap_keypoints names point {most}, and there are {places}, 0 to {places - 1}; wanted all that "
            "it exchanges. Give all points of an object, those that are not known with visibility 0, or leave the pair "
            "out."
        )
    return found


def _polygons(value: Any, where: str, height: int, width: int, terms: Terms) -> list[Any]:
    if not is_list(value):
        raise ImageTypeError(f"{where}: got {type(value).__name__}, wanted a list of polygons (m, 2).")
    found: list[Any] = []
    for k, polygon in enumerate(value):
        name = f"{where}, polygon {k}"
        several = isinstance(polygon, (list, tuple)) and (not len(polygon) or np.ndim(polygon[0]) == 2)
        if several:
            found.append([_ring(ring, name) for ring in polygon])
        else:
            found.append(_ring(polygon, name))
    return found


def _ring(value: Any, where: str) -> np.ndarray:
    ring = numbers(value, where, 2)
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) in (1, 2):
        hint = " Numbers [x, y, x, y, ...] become points by np.reshape(ring, (-1, 2))." if ring.ndim == 1 else ""
        hint = " Leave it out: it has no area." if ring.ndim == 2 and len(ring) < 3 and ring.shape[1] == 2 else hint
        raise ImageError(f"{where}: got shape {ring.shape}, wanted (m, 2) of at least three points.{hint}")
    return ring


def _image(value: Any, where: str, height: int, width: int, terms: Terms) -> np.ndarray:
    from augfuse.execute.batch_images import as_image

    found = as_image(value, where)
    if found.shape[:2] != (height, width):
        raise ImageError(
            f"{where}: got {found.shape[0]}x{found.shape[1]}, wanted the size of the image, {height}x{width}."
        )
    return found


def _fixed(value: Any, where: str, height: int, width: int, terms: Terms) -> Any:
    return value


# What checks the entry of one image: (value, what messages call it, height, width, terms) -> entry.
CHECKS: dict[str, Callable[..., Any]] = {
    "image": _image,
    "mask": _mask,
    "masks": _mask,
    "segments": _mask,
    "boxes": _boxes,
    "box_labels": _labels,
    "keypoints": _keypoints,
    "polygons": _polygons,
    "fixed": _fixed,
}


def in_a_batch(name: str, i: int) -> str:
    """What messages call the entry of an image of a batch."""
    return f"{name}[{i}]"


def alone(name: str, i: int) -> str:
    """The same of a single image."""
    return name


def of_samples(names: Sequence[str]) -> Where:
    """The same of samples of a data set, which have names."""
    return lambda name, i: f"{names[i]}: {name}"
