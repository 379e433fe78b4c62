"""Recipe files that do more than a recipe needs, or say something twice: one short error, little memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main

resource = pytest.importorskip("resource", reason="limits the memory of a process, which Windows cannot")


def bomb(levels: int, where: str = "Rotate: {degrees: %s}") -> str:
    """Lists nested by names, nine of the last one in each: 9**levels values in a few hundred bytes."""
    lists = ["&l0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lists += [f"&l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "transforms:\n- " + where % f"[{', '.join(lists)}]"


def merges(levels: int) -> str:
    """Mappings that take over the one before, nine times each."""
    rows = ["- &m0 {degrees: 5}"]
    rows += [f"- &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}" for i in range(1, levels)]
    return "transforms:\n" + "\n".join(rows)


TOO_MUCH = {
    "lists shared by name": bomb(9),
    "keys shared by name": bomb(9, "Resize: {size: %s}"),
    "a colour shared by name": "transforms: []\nfill_value: " + bomb(7).partition("degrees: ")[2].rstrip("}"),
    "mappings that take over others": merges(9),
    "a list that holds itself": "transforms: &t [*t]",
    "nested lists": "transforms: " + "[" * 3000,
    "nested mappings": "transforms: " + "{a: " * 3000 + "1" + "}" * 3000,
    "nested rows": "transforms: " + "- " * 3000,
    "many values": "transforms: [" + "Invert, " * 30_000 + "]",
    "many transforms": "transforms: [" + "Invert, " * 200 + "]",
    "much text": "transforms: []\n" + "# " * 500_000,
}  # fmt: skip

NOT_A_RECIPE = {
    "a long number": "transforms: [{Rotate: {degrees: %s}}]" % ("9" * 5000),
    "a long number as a key": f"{'9' * 5000}: 1",
    "a long fraction": "transforms: [{Rotate: {degrees: 0.%s}}]" % ("1" * 5000),
    "a large exponent": "transforms: [{Rotate: {degrees: 1.0e+999999999}}]",
    "base 60": "transforms: [{Rotate: {degrees: %s1}}]" % ("1:" * 3000),
    "base 60 with a fraction": "transforms: [{Rotate: {degrees: %s1.5}}]" % ("1:" * 300),
    "a day that is none": "transforms: [{Rotate: {degrees: 2026-99-99}}]",
    "an hour that is none": "fill_value: 2026-01-01T99:99:99Z",
    "a year that is none": "augfuse: 0000-01-01",
    "a real date": "transforms: [{Rotate: {degrees: 2026-01-02}}]",
    "a date that is none": "fill: !!timestamp x",
    "an int that is none": "fill_value: !!int x",
    "an empty int": 'fill_value: !!int ""',
    "a float that is none": "fill_value: !!float x",
    "a bool that is none": "fill: !!bool x",
    "bytes": "fill: !!binary AAAA",
    "bytes that are none": "fill: !!binary \u00e4",
    "a set": "transforms: !!set {Rotate}",
    "an ordered mapping": "transforms: !!omap [a: 1]",
    "pairs": "transforms: !!pairs [a: 1]",
    "a tag of one's own": "transforms: !mine [1]",
    "an unknown handle": "transforms: !x!y [1]",
    "Python": "!!python/object/apply:os.system [echo]",
    "a Python name": "transforms: [{Lambda: {fn: !!python/name:os.system }}]",
    "a new Python object": "!!python/object/new:subprocess.Popen [[echo]]",
    "a character beyond the last": '"\\UFFFFFFFF": 1',
    "half of a character": 'fill: "\\ud800"',
    "an escape that is none": 'fill: "\\q"',
    "a version that is none": f"%YAML {'9' * 5000}.1\n--- {{}}",
    "a control character": "fill: \x00",
    "an escape code": "fill: \x1b[31m",
    "two documents": "transforms: []\n---\ntransforms: []",
    "a list as a key": "? [a]\n: 1",
    "a mapping as a key": "? {a: 1}\n: 1",
    "a name that nobody gave": "transforms: *nobody",
    "a tab": "transforms:\n\t- Rotate",
    "an open quote": "fill: 'near",
    "an open list": "transforms: [Rotate",
    "nothing": "",
    "a comment": "# nothing",
    "null": "null",
    "a number": "5",
    "a date": "2026-01-01",
    "a list": "- Rotate",
    "a transform that is false": "transforms: [{Rotate: false}]",
    "a transform that is 0": "transforms: [{Rotate: 0}]",
    "a transform that is empty text": "transforms: [{Rotate: ''}]",
    "transforms that are false": "transforms: no",
    "transforms that are 0": "transforms: 0",
    "transforms that are text": "transforms: Rotate",
    "a word for a switch": "transforms: [{Lambda: {fn: 'a:b', random: maybe}}]",
    "a size beyond all": "transforms: [{Resize: {size: 99999999999999999999999}}]",
    "a margin beyond all": "transforms: [{Pad: {padding: [1, 99999999999999999999999]}}]",
    "not a number": "transforms: [{Rotate: {degrees: [.nan, .inf]}}]",
    "a key without a name": "transforms: [{null: 1}]",
    "a number as a name": "transforms: [{1: 2}]",
}  # fmt: skip


@pytest.mark.parametrize("text", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much_for_a_recipe_is_refused_in_little_memory(text: str) -> None:
    with pytest.raises(af.RecipeError, match=r"values|deeper|characters|transforms") as caught:
        run_small(text)
    assert len(str(caught.value)) < 500


def run_small(text: str) -> af.Recipe:
    tracemalloc.start()
    try:
        return af.Recipe.from_yaml(text)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40e6


@pytest.mark.parametrize("text", NOT_A_RECIPE.values(), ids=NOT_A_RECIPE)
def test_what_is_no_recipe_is_an_error_of_augfuse(text: str) -> None:
    with pytest.raises((af.RecipeError, af.RangeError)) as caught:
        run_small(text)
    assert str(caught.value).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("transforms:\n- Rotate\ntransforms:\n- Invert", 3, "transforms"),
        ("transforms:\n- Rotate: {degrees: 5, degrees: 90}", 2, "degrees"),
        ("fill: wrap\ntransforms: []\nfill: reflect", 3, "fill"),
        ("transforms:\n- Resize:\n    size: 5\n    'size': 6", 4, "size"),
        ("transforms:\n- {Rotate: 5, Rotate: 6}", 2, "Rotate"),
    ],
)
def test_a_key_that_is_there_twice_is_named_with_its_line(text: str, line: int, key: str) -> None:
    with pytest.raises(af.RecipeError, match=rf"line {line}: the key '{key}' is there twice"):
        af.Recipe.from_yaml(text)


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-2", 0.01), ("1E2", 100), ("1.5e3", 1500), (".5e0", 0.5), ("5.", 5), ("1_000", 1000), ("1.0e-2", 0.01)],
)
def test_numbers_are_read_as_everybody_writes_them(written: str, value: float) -> None:
    recipe = af.Recipe.from_yaml(f"transforms: [{{Normalize: {{mean: 0, std: {written}}}}}]")
    assert recipe == af.Recipe([af.Normalize(0, value)])


def test_values_may_be_shared_by_name() -> None:
    recipe = af.Recipe.from_yaml("transforms:\n- Rotate: {degrees: &r [-5, 5]}\n- Shear: {x: *r, y: *r}")
    assert recipe == af.Recipe([af.Rotate(5), af.Shear(5, 5)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("transforms: [{Rotate: {degrees: (-5, 5)}}]", r"square ones, such as \[-5, 5\]"),
        ("transforms:\n- Rotate:\n    degrees: (-5, 5)", r"got '\(-5, 5\)'.* A list is written \[-5, 5\]"),
        ("transforms:\n- Resize: {size: (96, 96)}", r"square ones"),
        ("value_range: (0, 255)", r"A list is written \[0, 255\]"),
        ("transforms: [{Rotate: {degrees: '5'}}]", r"Leave the quotes out: 5\."),
    ],
)
def test_lists_and_numbers_written_as_text_come_with_the_right_spelling(text: str, words: str) -> None:
    with pytest.raises(af.AugfuseError, match=words):
        af.Recipe.from_yaml(text)


@pytest.mark.parametrize("path", ["recipe.yaml", "runs/my recipe.yml", r"C:\data\recipe.yaml"])
def test_a_path_in_place_of_text_is_told_how_to_be_read(path: str) -> None:
    with pytest.raises(af.RecipeError, match=r"path of a file: Path\(.*\)\.read_text\(\)"):
        af.Recipe.from_yaml(path)


# Set in the new process itself: `preexec_fn` would fork this one, whose threads may hold any lock.
SMALL = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
runpy.run_module("augfuse", run_name="__main__")
"""


@pytest.mark.parametrize("name", ["lists shared by name", "nested lists"])
def test_a_process_with_little_memory_refuses_it(tmp_path: Path, name: str) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(TOO_MUCH[name])
    command = [sys.executable, "-c", SMALL, "explain", str(recipe)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr and len(done.stderr) < 1000


@pytest.mark.parametrize("text", ["[" * 3000, NOT_A_RECIPE["a day that is none"], NOT_A_RECIPE["a long number"]])
@pytest.mark.parametrize("command", ["explain", "doctor", "preview", "train", "augment"])
def test_every_command_that_takes_a_recipe_refuses_it_in_one_line(
    tmp_path: Path, command: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if command in ("doctor", "train"):
        pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    recipe, data = tmp_path / "recipe.yaml", tmp_path / "data.npz"
    recipe.write_text(text)
    np.savez(data, x=np.zeros((8, 9, 9, 3), np.uint8), y=np.arange(8) % 2)
    arguments = {
        "explain": [recipe],
        "doctor": [data, "--recipe", recipe],
        "preview": [data, "--recipe", recipe, "--out", tmp_path / "o.png"],
        "train": [data, "--recipe", recipe, "--out", tmp_path / "runs"],
        "augment": [data, tmp_path / "copies.npz", "--recipe", recipe],
    }[command]
    assert main([command, *map(str, arguments)]) == 2
    told = capsys.readouterr().err
    assert "recipe.yaml: " in told and len(told) < 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "recipe.yaml"]
