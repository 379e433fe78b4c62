"""The edge of augfuse.keras: which arguments a function has, and what each may be.

An argument of one name is the same kind of value wherever it is taken, so there is one rule for each name. `checked`
applies the rules to a function, `attribute` to what is set on an ImageDataGenerator.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeAlias, TypeVar

from augfuse.errors import ImageTypeError, did_you_mean
from augfuse.keras.checks import rules
from augfuse.keras.checks.rules import is_one_of
from augfuse.text import shown

P = ParamSpec("P")
R = TypeVar("R")
Rule: TypeAlias = Callable[[str, Any, bool], Any]  # name, value, whether strict -> the value to use, or an error

_OF_GENERATORS: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            "featurewise_center", "samplewise_center", "featurewise_std_normalization", "samplewise_std_normalization",
            "zca_whitening", "horizontal_flip", "vertical_flip",
        ),
        rules.flag,
    ),
    **dict.fromkeys(("rotation_range", "shear_range", "channel_shift_range"), rules.symmetric),
    **dict.fromkeys(("width_shift_range", "height_shift_range"), rules.shift),
    **dict.fromkeys(("validation_split", "_validation_split"), rules.split),
    **dict.fromkeys(("mean", "std", "zca_whitening_matrix"), rules.statistic),
    "zca_epsilon": rules.number,
    "brightness_range": rules.brightness,
    "zoom_range": rules.zoom,
    "fill_mode": rules.fill_mode,
    "cval": rules.cval,
    "rescale": rules.optional,
    "preprocessing_function": rules.function,
    "data_format": rules.data_format,
    "interpolation_order": rules.order,
    "dtype": rules.dtype,
}  # fmt: skip
_RULES: Mapping[str, Rule] = {
    **_OF_GENERATORS,
    **dict.fromkeys(
        (
            "shuffle", "follow_links", "keep_aspect_ratio", "validate_filenames", "ignore_class_split", "augment",
            "scale",
        ),
        rules.flag,
    ),
    **dict.fromkeys(("rg", "wrg", "hrg", "intensity", "intensity_range", "brightness"), rules.number),
    **dict.fromkeys(("theta", "tx", "ty", "shear", "zx", "zy"), rules.number),
    **dict.fromkeys(("row_axis", "col_axis", "channel_axis", "axis"), rules.axis),
    "save_prefix": lambda name, value, strict: rules.text(name, "" if value is None and not strict else value, strict),
    "save_format": rules.text,
    "order": rules.order,
    "seed": rules.seed,
    "directory": rules.folder,
    "save_to_dir": rules.folder_or_none,
    "classes": rules.classes,
    "weight_col": rules.weight_column,
    "image_data_generator": rules.generator,
    "max_skipped": rules.share,
}  # fmt: skip
_HOMES = ("__init__", "flow", "flow_from_directory", "fit")  # of ImageDataGenerator: who has an argument of this name
_checked_functions: dict[str, tuple[str, ...]] = {}  # and their arguments
# What the newer functions of Keras call it.
_ALSO_CALLED = {"image_size": "target_size", "label_mode": "class_mode", "class_names": "classes"}


def checked(*passed_on: Callable[..., Any] | str, **own: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: RangeError or ImageTypeError, in words, for arguments that the function does not have or cannot use.

    passed_on: functions that get the function's other keywords, or names of these. own: rules of this function only.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = _parameters(function)
        known = frozenset(names).union(*map(_others, passed_on)) - {"self"}
        ruling = {**_RULES, **own}
        _checked_functions[function.__qualname__] = names

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in known:
                    raise _no_such_argument(function, name, known)
            given: dict[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs}
            owner = given.get("image_data_generator", given.get("self"))
            strict = any(is_one_of(one, ("strict",)) for one in (given.get("compat"), getattr(owner, "compat", None)))
            for name, value in given.items():
                rule = ruling.get(name)
                if rule is not None:
                    given[name] = rule(name, value, strict)
            positional = (*(given[name] for name in names[: len(args)]), *args[len(names) :])
            inner: Callable[..., R] = function  # its arguments are those of `call`, or as good
            return inner(*positional, **{name: given[name] for name in kwargs})

        return call

    return decorate


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    kinds = inspect.Parameter
    return tuple(
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)
    )


def _others(passed_on: Callable[..., Any] | str) -> frozenset[str]:
    """The keywords of a function but for those that our callers of it give it themselves."""
    if isinstance(passed_on, str):
        return frozenset({passed_on})
    return frozenset(_parameters(passed_on)) - {"self", "n", "compat", "image_data_generator", "data_format", "dtype"}


def _no_such_argument(function: Callable[..., Any], name: str, known: frozenset[str]) -> ImageTypeError:
    called = function.__qualname__.replace(".__init__", "").rpartition(".")[2]
    meant = _ALSO_CALLED.get(name, name)
    hint = f" Here it is {meant}=." if meant in known else did_you_mean(name, sorted(known)) or _other_home(name)
    return ImageTypeError(f"{called}() has no argument {shown(name)}.{hint}")


def _other_home(name: str) -> str:
    """Where an argument of this name belongs."""
    for home in _HOMES:
        if name in _checked_functions.get(f"ImageDataGenerator.{home}", ()):
            call = home.replace("__init__", "ImageDataGenerator")
            return f" {call}() has it: {call}({name}=...)."
    return ""


def attribute(generator: Any, name: str, value: Any) -> Any:
    """What is stored for an attribute of an ImageDataGenerator; RangeError or ImageTypeError where it has no use."""
    rule = _OF_GENERATORS.get(name)
    return value if rule is None else rule(name, value, getattr(generator, "compat", None) == "strict")
