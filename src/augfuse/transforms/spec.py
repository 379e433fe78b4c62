"""Recipes as plain data, YAML and Python source.

transforms:
- Rotate: {degrees: [-20.0, 20.0], p: 1.0}
- Normalize: {mean: [0.5], std: [0.5], p: 1.0}
fill: nearest

Reading builds only classes of `transforms` by name; it never imports or evaluates anything.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from augfuse import transforms
from augfuse.errors import RecipeError, did_you_mean
from augfuse.text import shown
from augfuse.transforms._custom import Lambda, function_name, function_named, named
from augfuse.transforms.base import Transform
from augfuse.transforms.calls import no_such_field

_VERSION = 1


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def transform_to_dict(transform: Transform) -> dict[str, Any]:
    """{"Rotate": {"degrees": [-20.0, 20.0], "p": 1.0}}"""
    fields = {name: _plain(getattr(transform, name)) for name in transform.__struct_fields__}
    if isinstance(transform, Lambda):
        fields["fn"] = function_name(transform.fn)
    return {type(transform).__name__: fields}


def recipe_to_dict(recipe: Any) -> dict[str, Any]:
    fields = {name: _plain(getattr(recipe, name)) for name in recipe.__struct_fields__}
    fields["transforms"] = [transform_to_dict(t) for t in recipe.transforms]
    return {"augfuse": _VERSION, **fields}


def transform_from_dict(data: Any, where: str) -> Transform:
    """The inverse of `transform_to_dict`; also takes the bare name of a transform whose fields all have defaults."""
    if isinstance(data, str):
        data = {data: {}}
    if not isinstance(data, dict) or len(data) != 1:
        raise RecipeError(
            f"{where}: got {shown(data)}, wanted one transform, such as '- Rotate: {{degrees: [-20, 20]}}'."
        )
    ((name, fields),) = data.items()
    known = {cls.__name__: cls for cls in transforms.list_transforms()}
    if name not in known:
        raise RecipeError(
            f"{where}: got {shown(name)}, wanted the name of a transform.{did_you_mean(str(name), known)}"
        )
    cls = known[name]
    fields = dict(_fields({} if fields is None else fields, cls.__struct_fields__, f"{where}.{name}"))
    if cls is Lambda and isinstance(fields.get("fn"), str):
        fields["fn"] = function_named(fields["fn"])
    missing = [f.name for f in msgspec.structs.fields(cls) if f.required and f.name not in fields]
    if missing:
        raise RecipeError(f"{where}.{name}: got no {shown(missing[0])}, which has no default. Add {missing[0]}: to it.")
    return cls(**fields)


def _fields(fields: Any, known: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(fields, dict):
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
    known = ("augfuse", "transforms", "fill", "fill_value", "interpolation", "value_range", "box_format")
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
    steps = fields.get("transforms")
    steps = [] if steps is None else steps
    if not isinstance(steps, list):
        raise RecipeError(f"recipe.transforms: got {type(steps).__name__}, wanted a list.")
    fields["transforms"] = [transform_from_dict(step, f"recipe.transforms[{i}]") for i, step in enumerate(steps)]
    return {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}


def to_yaml(data: dict[str, Any]) -> str:
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        inner = ", ".join(_literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, float):
        return repr(value) if value != int(value) else str(int(value))
    return named(value).partition(":")[2] if callable(value) else repr(value)


def _arguments(struct: Any, names: tuple[str, ...]) -> str:
    defaults = type(struct)(
        **{f.name: getattr(struct, f.name) for f in msgspec.structs.fields(type(struct)) if f.required}
    )
    changed = ((name, getattr(struct, name)) for name in names if getattr(struct, name) != getattr(defaults, name))
    required = {f.name for f in msgspec.structs.fields(type(struct)) if f.required}
    given = {name: getattr(struct, name) for name in names if name in required} | dict(changed)
    return ", ".join(f"{name}={_literal(value)}" for name, value in given.items())


def _parts(recipe: Any) -> tuple[list[str], str]:
    steps = [f"af.{type(t).__name__}({_arguments(t, t.__struct_fields__)})" for t in recipe.transforms]
    rest = _arguments(recipe, tuple(n for n in recipe.__struct_fields__ if n != "transforms"))
    return steps, f", {rest})" if rest else ")"


def to_python(recipe: Any) -> str:
    steps, rest = _parts(recipe)
    return "af.Recipe([\n" + "".join(f"    {step},\n" for step in steps) + "]" + rest


def recipe_to_line(recipe: Any) -> str:
    """The same on one line, for a message."""
    steps, rest = _parts(recipe)
    return f"af.Recipe([{', '.join(steps)}]{rest}"
