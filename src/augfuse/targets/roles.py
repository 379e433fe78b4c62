"""What a recipe says of targets: which policy, and what each name is treated like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from augfuse.errors import ImageTypeError, RangeError, did_you_mean
from augfuse.targets.policy import KINDS, Targets
from augfuse.text import shown
from augfuse.transforms.base import Transform


class RecipeLike(Protocol):
    """What is read of a recipe, which is made further up."""

    @property
    def transforms(self) -> Sequence[Transform]: ...

    @property
    def interpolation(self) -> str: ...

    @property
    def box_format(self) -> str: ...

    @property
    def targets(self) -> Targets: ...

    @property
    def additional(self) -> Mapping[str, str] | tuple[tuple[str, str], ...]: ...


_OWN = tuple(kind for kind in KINDS if kind != "image")
_OF_LOADERS = ("one_hot", "label_smoothing", "batch_size", "shuffle", "pad_to", "collate", "on_error")
FOREIGN = {
    "bbox": "boxes", "bboxes": "boxes", "box": "boxes", "bounding_box": "boxes", "bounding_boxes": "boxes",
    "labels": "box_labels", "class_labels": "box_labels", "bbox_labels": "box_labels", "category_ids": "box_labels",
    "category_id": "box_labels", "box_label": "box_labels", "segmentation": "mask", "segmentations": "polygons",
    "polygon": "polygons", "target": "mask", "keypoint": "keypoints", "kps": "keypoints", "points": "keypoints",
    "landmark": "keypoints", "landmarks": "keypoints",
}  # fmt: skip


def as_targets(targets: Any) -> Targets:
    """A policy, also of a mapping of its fields. RangeError for other values."""
    if isinstance(targets, Mapping):
        return Targets(**targets)
    if not isinstance(targets, Targets):
        raise RangeError(
            f"Recipe.targets: got {shown(targets)}, wanted af.Targets(...), such as af.Targets(clip=False)."
        )
    return targets


def additional_kinds(additional: Any) -> tuple[tuple[str, str], ...]:
    """Pairs (name, kind) of a mapping. RangeError for other values."""
    pairs = list(additional.items()) if isinstance(additional, Mapping) else additional
    if not isinstance(pairs, (list, tuple)) or not all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs):
        raise RangeError(
            f'Recipe.additional: got {shown(additional)}, wanted names and kinds, such as {{"depth": "mask"}}.'
        )
    for name, kind in pairs:
        if not isinstance(name, str) or name in KINDS or name == "label":
            raise RangeError(f"Recipe.additional: got the name {shown(name)}, wanted one that is not used yet.")
        if kind not in KINDS:
            raise RangeError(
                f"Recipe.additional[{shown(name)}]: got {shown(kind)}, wanted one of {', '.join(map(shown, KINDS))}."
            )
    return tuple((name, kind) for name, kind in pairs)


def kinds_of(names: Sequence[str], additional: Any) -> dict[str, str]:
    """What the targets of these names are treated like. ImageTypeError for a name that does not exist."""
    known = {name: name for name in _OWN} | dict(additional)
    for name in names:
        if name not in known:
            foreign = FOREIGN.get(name)
            hint = did_you_mean(name, known) if foreign is None else f" Did you mean {shown(foreign)}?"
            hint += f' Further fields are named by Recipe(additional={{"{name}": "mask"}}).'
            if name in _OF_LOADERS:
                hint = f" It is an option of a loader: af.Loader(data, recipe, {name}=...)."
            raise ImageTypeError(
                f"recipe({name}=...): there is no {shown(name)}, wanted {', '.join(known)} or an option of the "
                f"call.{hint}"
            )
    return {name: known[name] for name in names}
