"""Recipes as plain data, YAML and Python source.

transforms:
- Rotate: {degrees: [-20.0, 20.0], p: 1.0}
- Normalize: {mean: [0.5], std: [0.5], p: 1.0}
fill: nearest

Reading builds only classes of `transforms` by name; it never imports or evaluates anything.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import yaml

from augfuse import transforms
from augfuse.algebra.values import is_dict, is_list, is_tuple
from augfuse.errors import RecipeError, did_you_mean
from augfuse.text import shown
from augfuse.transforms.base import Transform, specs
from augfuse.transforms.checks.misused_calls import no_such_field
from augfuse.transforms.children import DEEPEST, Child, Children
from augfuse.transforms.custom import Lambda, function_name, function_named, named
from augfuse.transforms.views import Views

_VERSION = 1
_DEEPEST = 2 * DEEPEST + 4  # points of "recipe.transforms[0].OneOf.transforms[0].Rotate"


def _plain(value: Any) -> Any:
    if isinstance(value, Transform):
        return transform_to_dict(value)
    return [_plain(item) for item in value] if is_tuple(value) else value


def transform_to_dict(transform: Transform) -> dict[str, Any]:
    """{"Rotate": {"degrees": [-20.0, 20.0], "p": 1.0}}"""
    if isinstance(transform, Views):
        return {"Views": {name: _plain(children) for name, children in transform.views}}
    fields = {name: _plain(getattr(transform, name)) for name in transform.__struct_fields__}
    if isinstance(transform, Lambda):
        fields["fn"] = function_name(transform.fn)
    return {type(transform).__name__: fields}


def recipe_to_dict(recipe: Any) -> dict[str, Any]:
    fields = {name: _plain(getattr(recipe, name)) for name in recipe.__struct_fields__}
    fields["transforms"] = [transform_to_dict(t) for t in recipe.transforms]
    targets, additional = fields.pop("targets"), fields.pop("additional")
    if targets != type(targets)():
        fields["targets"] = {name: _plain(value) for name, value in msgspec.structs.asdict(targets).items()}
    if additional:
        fields["additional"] = dict(additional)
    return {"augfuse": _VERSION, **fields}


def transform_from_dict(data: Any, where: str) -> Transform:
    """The inverse of `transform_to_dict`; also takes the bare name of a transform whose fields all have defaults."""
    if where.count(".") > _DEEPEST:
        raise RecipeError(f"{where[:60]}...: got transforms that are nested deeper than any recipe.")
    if isinstance(data, str):
        data = {data: {}}
    if not is_dict(data) or len(data) != 1:
        raise RecipeError(
            f"{where}: got {shown(data)}, wanted one transform, such as '- Rotate: {{degrees: [-20, 20]}}'."
        )
    ((name, fields),) = data.items()
    known = {cls.__name__: cls for cls in transforms.list_transforms()}
    if name not in known:
        raise RecipeError(
            f"{where}: got {shown(name)}, wanted the name of a transform.{did_you_mean(str(name), known)}"
        )
    cls, where = known[name], f"{where}.{name}"
    fields = dict[str, Any]() if fields is None else fields
    if cls is Views:
        if not is_dict(fields):
            raise RecipeError(f"{where}: got {shown(fields)}, wanted named lists, such as 'a: [HorizontalFlip]'.")
        return Views(
            **{str(view): transforms_from_list(children, f"{where}.{view}") for view, children in fields.items()}
        )
    fields = dict(_fields(fields, cls.__struct_fields__, where))
    for field, spec in specs(cls).items():
        if isinstance(spec, Children) and isinstance(fields.get(field), list):
            fields[field] = transforms_from_list(fields[field], f"{where}.{field}")
        elif isinstance(spec, Child) and field in fields:
            fields[field] = transform_from_dict(fields[field], f"{where}.{field}")
    if cls is Lambda and isinstance(fields.get("fn"), str):
        fields["fn"] = function_named(fields["fn"])
    missing = [f.name for f in msgspec.structs.fields(cls) if f.required and f.name not in fields]
    if missing:
        raise RecipeError(f"{where}: got no {shown(missing[0])}, which has no default. Add {missing[0]}: to it.")
    return cls(**fields)


def transforms_from_list(steps: Any, where: str) -> list[Transform]:
    """The transforms of a list as `recipe_to_dict` writes it."""
    steps = [] if steps is None else steps
    if not is_list(steps):
        raise RecipeError(f"{where}: got {type(steps).__name__}, wanted a list.")
    return [transform_from_dict(step, f"{where}[{i}]") for i, step in enumerate(steps)]


def _fields(fields: Any, known: tuple[str, ...], where: str) -> dict[str, Any]:
    if not is_dict(fields):
        raise RecipeError(f"{where}: got {shown(fields)}, wanted fields, such as '{known[0]}: ...'.")
    for name in fields:
        if name in known:
            continue
        if isinstance(name, str) and name.endswith(")"):  # {degrees: (-5, 5)} is {degrees: "(-5", "5)": null} in YAML
            raise RecipeError(f"{where}: got a list in round brackets, wanted square ones, such as [-5, 5].")
        raise RecipeError(f"{where}: unknown key {shown(name)}, {no_such_field(name, known)}")
    return fields


def fields_from_dict(data: Any) -> dict[str, Any]:
    """The arguments of a Recipe."""
    known = ("augfuse", "transforms", "fill", "fill_value", "interpolation", "value_range", "box_format", "targets",
             "additional")  # fmt: skip
    if isinstance(data, str):
        raise RecipeError(
            f"recipe: got the text {shown(data)}, wanted a mapping with the key 'transforms'. "
            f"If it is the path of a file: Path({shown(data)}).read_text()."
        )
    if not isinstance(data, dict):
        raise RecipeError(f"recipe: got {type(data).__name__}, wanted a mapping with the key 'transforms'.")
    fields = dict(_fields(data, known, "recipe"))
    version = fields.pop("augfuse", _VERSION)
    if version != _VERSION:
        raise RecipeError(
            f"recipe: got format version {shown(version)}, wanted {_VERSION}. Install the augfuse that wrote it."
        )
    fields["transforms"] = transforms_from_list(fields.get("transforms"), "recipe.transforms")
    return {name: tuple(v) if is_list(v) else v for name, v in fields.items()}


def to_yaml(data: dict[str, Any]) -> str:
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)


def _literal(value: Any) -> str:
    if isinstance(value, Transform):
        return transform_to_python(value)
    if is_tuple(value):
        if value and isinstance(value[0], Transform):
            return f"[{', '.join(map(transform_to_python, value))}]"
        inner = ", ".join(_literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, msgspec.Struct):
        defaults = msgspec.structs.asdict(type(value)())
        return f"af.{type(value).__name__}({_arguments(msgspec.structs.asdict(value), defaults)})"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return named(value).partition(":")[2] if callable(value) else repr(value)


def _arguments(values: dict[str, Any], defaults: dict[str, Any]) -> str:
    """The arguments of a call, without those that are the defaults."""
    given = {name: value for name, value in values.items() if name not in defaults or defaults[name] != value}
    return ", ".join(f"{name}={_literal(value)}" for name, value in given.items())


@cache
def _defaults(cls: type[Transform]) -> dict[str, Any]:
    """The defaults of the fields that have one, as they are stored."""
    fields = (field for field in msgspec.structs.fields(cls) if not field.required)
    return {field.name: specs(cls)[field.name].parse("", field.default) for field in fields}


def transform_to_python(transform: Transform) -> str:
    """ "af.Rotate(degrees=(-20, 20))", with the fields that differ from their defaults."""
    if isinstance(transform, Views):
        lists = (f"{name}=[{', '.join(map(transform_to_python, children))}]" for name, children in transform.views)
        return f"af.Views({', '.join(lists)})"
    return f"af.{type(transform).__name__}({_arguments(msgspec.structs.asdict(transform), _defaults(type(transform)))})"


def to_python(recipe: Any) -> str:
    steps = [transform_to_python(transform) for transform in recipe.transforms]
    fields, defaults = msgspec.structs.asdict(recipe), msgspec.structs.asdict(type(recipe)())
    rest = _arguments({name: value for name, value in fields.items() if name != "transforms"}, defaults)
    return "af.Recipe([\n" + "".join(f"    {step},\n" for step in steps) + "]" + (f", {rest})" if rest else ")")
