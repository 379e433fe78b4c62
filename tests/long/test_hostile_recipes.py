"""Hostile recipe files: an error of the AugfuseError tree or a recipe, in little time and memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import augfuse as af
from trial import tried


def nested(depth: int) -> str:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, depth)]
    return "\n".join([*lines, f"transforms: [Rotate: {{degrees: *a{depth - 1}}}]"])


HOSTILE_RECIPES = [
    "",
    "null",
    "[]",
    "1",
    "transforms",
    "transforms:",
    "transforms: 1",
    "transforms: {}",
    "transforms: [[]]",
    "transforms: [1]",
    "transforms: [Rotat]",
    "transforms: [Rotate: {degree: 1}]",
    "transforms: [{Rotate: 1}]",
    "transforms: [{Rotate: {}, Shear: {}}]",
    "transforms: [{1: 2}]",
    "transforms: [{null: null}]",
    "transforms: [Rotate: {degrees: .nan}]",
    "transforms: [Rotate: {degrees: .inf}]",
    "transforms: [Rotate: {degrees: [1, 2, 3]}]",
    "transforms: [Rotate: {degrees: {a: 1}}]",
    "transforms: [Rotate: {degrees: 2026-99-99}]",
    "transforms: [Rotate: {degrees: 2026-01-01}]",
    "transforms: [Rotate: {degrees: '5'}]",
    "transforms: [Rotate: {degrees: 1e-2}]",
    "transforms: [Rotate: {degrees: (-5, 5)}]",
    "transforms: [Rotate: {degrees: 0x1F}]",
    "transforms: [Rotate: {degrees: 1:30}]",
    "transforms: [Rotate: {p: yes}]",
    "transforms: [Rotate: {p: 2}]",
    "transforms: [Lambda: {fn: os.system}]",
    "transforms: !!python/object/apply:os.system ['true']",
    "transforms: [!!python/name:os.system ]",
    "!!python/module:os",
    "transforms: [!!binary aGVsbG8=]",
    "transforms: [!!set {a}]",
    "transforms: [!!omap [a: 1]]",
    "transforms: [!!timestamp x]",
    "transforms: [Resize: {size: 1000000000000}]",
    "transforms: [Pad: {margins: 99999999999}]",
    "fill: [nearest]",
    "fill: 1",
    "value_range: [1, 0]",
    "value_range: [0, .inf]",
    "interpolation: cubic",
    "box_format: yolo",
    "augfuse: 99\ntransforms: []",
    "transforms:\n- Rotate\ntransforms:\n- Invert",
    "transforms: [Rotate: {degrees: 5, degrees: 90}]",
    "a: &a [*a]",
    "a: &a {b: *a}\ntransforms: *a",
    "<<: {transforms: [Rotate]}",
    "\x00",
    "\x1b[31m",
    "transforms: [\x1b]",
    "%YAML 9.9\n---\ntransforms: []",
    "--- 1\n--- 2",
    "? [a]\n: b",
    "transforms: [Rotate: {degrees: " + "9" * 5000 + "}]",
    "[" * 3000,
    "{a: " * 3000,
    "- " * 3000,
    "transforms: " + "[" * 3000 + "]" * 3000,
    "transforms: [" + "Rotate, " * 200_000 + "]",
    "transforms: [Rotate: {degrees: '" + "x" * 10**6 + "'}]",
    nested(6),
    nested(9),
    nested(12),
    "\ufeff" + af.Recipe([af.Rotate()]).to_yaml(),
    af.Recipe([af.Rotate()]).to_yaml().replace("\n", "\r\n"),
    "transforms: [Rotate: {degrees: *x}]",
]


@pytest.mark.parametrize("text", HOSTILE_RECIPES, ids=lambda text: ascii(text[:30]))
def test_recipe_files(text: str, tmp_path: Path) -> None:
    tried(lambda: af.Recipe.from_yaml(text))
    plain: Any = None
    with suppress(yaml.YAMLError, ValueError, AttributeError):  # PyYAML's own, for a tag
        plain = yaml.safe_load(text) if len(text) < 2500 and "&" not in text else None
    tried(lambda: af.Recipe.from_dict(plain))


def test_recipe_files_changed_at_random(share: Callable[[int], int], chance: np.random.Generator) -> None:
    examples = [cls(**example) for cls in af.list_transforms() if cls is not af.Lambda for example in cls.examples]
    letters = "0123456789[]{}:,-&*!|>'\"#%@ \n\tabeinfNulptrv._~?\x00é"
    for _ in range(share(4000)):
        text = list(af.Recipe([examples[int(chance.integers(len(examples)))]]).to_yaml())
        for _ in range(int(chance.integers(1, 8))):
            at = int(chance.integers(len(text)))
            text[at : at + int(chance.integers(0, 3))] = list(letters[int(chance.integers(len(letters)))])
        recipe = tried(lambda text=text: af.Recipe.from_yaml("".join(text)))
        if recipe is not None:
            assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe
