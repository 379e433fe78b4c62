"""Messages about a call that does not fit: an argument that does not exist, numbers given one by one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_type_hints

import msgspec

from augfuse.algebra.ranges import Spec
from augfuse.algebra.values import is_number
from augfuse.errors import AugfuseError, ImageTypeError, RangeError, did_you_mean
from augfuse.text import shown

P = ParamSpec("P")
R = TypeVar("R")
_StructMeta = type(msgspec.Struct)

# What other libraries call our fields. Names that are spelled alike are found without it.
_ELSEWHERE = {
    "degrees": ("angle", "angles", "rotation", "rotation_range", "limit"),
    "sigma": ("kernel_size", "ksize", "blur_limit", "sigma_limit", "radius"),
    "std": ("var_limit", "variance", "stddev", "sigma", "scale"),
    "size": ("height", "width", "shape", "output_size", "target_size"),
    "factor": ("brightness", "contrast", "saturation", "scale", "scale_limit", "zoom", "zoom_range", "limit"),
    "turns": ("hue", "degrees", "angle"),
    "p": ("prob", "probability", "always_apply"),
    "fill": ("fill_mode", "border_mode", "padding_mode"),
    "fill_value": ("cval", "fillcolor", "border_value"),
    "interpolation": ("order", "resample", "resampling"),
    "transforms": ("transform", "augmentations"),
    "box_format": ("bbox_params", "bbox_format", "format"),
    "targets": (
        "min_area",
        "min_side",
        "min_visibility",
        "clip",
        "keep_empty",
        "hull",
        "bind",
        "mask_fill",
        "mask_erase",
        "keypoint_params",
        "keypoint_format",
        "swap_keypoints",
        "swap_labels",
        "swap_mask",
        "label_fields",
    ),
    "additional": ("additional_targets",),
    "workers": ("num_workers", "n_jobs", "threads"),
    "collate": ("collate_fn",),
    "recipe": ("transform", "transforms", "augment"),
    "one_hot": ("label_mode", "class_mode", "num_classes"),
}


def no_such_field(name: Any, known: Iterable[str]) -> str:
    """ "wanted one of a, b. Did you mean 'a'?" for the name of a field that does not exist."""
    known = tuple(known)
    foreign = next((own for own in known if name in _ELSEWHERE.get(own, ())), None)
    hint = did_you_mean(str(name), known) if foreign is None else f" Did you mean {shown(foreign)}?"
    return f"wanted one of {', '.join(known)}.{hint}"


def options(function: Callable[P, R]) -> Callable[P, R]:
    """The same function; Python's own error about an argument that it does not have gets the next line to type."""
    names = tuple(name for name in inspect.signature(function).parameters if name != "self")
    title = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in names:
                raise ImageTypeError(f"{title} has no {shown(name)}, {no_such_field(name, names)}")
        return function(*args, **kwargs)

    return call


class Called(_StructMeta):  # type: ignore[misc, valid-type]
    """The type of transforms and recipes: Python's own errors about a call get the name and the next line to type."""

    if not TYPE_CHECKING:  # type checkers read the fields

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            if hasattr(cls, "collected"):
                args, kwargs = cls.collected(args, kwargs)
            try:
                return _StructMeta.__call__(cls, *args, **kwargs)
            except RangeError as error:
                hint = _together(cls, args)
                if not hint:
                    raise
                raise RangeError(f"{error}{hint}") from None
            except TypeError as error:
                if isinstance(error, AugfuseError) or (words := _misfit(cls, args, kwargs)) is None:
                    raise
                raise ImageTypeError(f"{cls.__name__}{words}") from None


def _misfit(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """What is wrong with the arguments as such; None where nothing is."""
    fields, places = cls.__struct_fields__, cls.__match_args__
    for name in kwargs:
        if name not in fields:
            return f" has no {shown(name)}, {no_such_field(name, fields)}"
    if len(args) > len(places):
        named = f", {', '.join(places)}; the others by name" if places else "; all are given by name"
        return f": got {len(args)} values, wanted at most {len(places)}{named}.{_together(cls, args)}"
    for name in places[: len(args)]:
        if name in kwargs:
            return f": got {name} twice, wanted it once."
    missing = [f.name for f in msgspec.structs.fields(cls) if f.required and f.name not in kwargs]
    missing = [name for name in missing if name not in places[: len(args)]]
    return f": got no {shown(missing[0])}, which has no default. Add {missing[0]}=..." if missing else None


def _together(cls: Any, args: tuple[Any, ...]) -> str:
    """ " Did you mean Resize((224, 224))?" where numbers given one by one are one value of the first field."""
    places = cls.__match_args__
    alone = all(map(is_number, args))
    if not places or len(args) < 2 or not alone:
        return ""
    spec: Spec = get_type_hints(cls, include_extras=True)[places[0]].__metadata__[0]
    try:
        spec.parse("", args)
    except AugfuseError:
        return ""
    return f" Did you mean {cls.__name__}({shown(args)})?"
