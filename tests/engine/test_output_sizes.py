"""Sizes that no machine can make: refused by the plan, before any memory is taken, in the words of the transform."""

from __future__ import annotations

import math
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main

ABSURD = [
    [af.Resize(1_000_000)],
    [af.Rotate(9), af.Resize((20_000, 20_000))],
    [af.Resize(20_000, mode="cover")],
    [af.Pad(300_000)],
    [af.CenterCrop(100_000)],
    [af.RandomCrop(100_000)],
    [af.RandomResizedCrop(50_000)],
    [af.RandomWidth((100, 100)), *[af.RandomHeight((100, 100))] * 4],
    [af.RandomWidth((100, 100))] * 20,
    [af.Resize(30_000), af.GaussianBlur(1), af.Resize(32)],
]


@pytest.mark.parametrize("steps", ABSURD, ids=lambda steps: steps[0].__class__.__name__)
def test_absurd_sizes_are_refused_without_taking_memory(steps: list[af.Transform]) -> None:
    x = np.zeros((2, 24, 32, 3), np.uint8)
    recipe = af.Recipe(steps)
    tracemalloc.start()
    for call in (
        lambda: recipe.batch(x, seed=0),
        lambda: recipe(image=x[0], seed=0, index=0),
        lambda: recipe.explain((24, 32, 3)),
        lambda: next(iter(af.Loader(af.from_arrays(x), recipe, batch_size=2, workers=0, seed=0))),
    ):
        with pytest.raises(
            af.ImageError, match=r"pixels would come out of sample .*, wanted at most 268,435,456 pixels"
        ):
            call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_what_passes_by_on_the_way_has_no_size() -> None:
    """Fused geometry makes one picture, of the last size."""
    x = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    assert af.Recipe([af.Resize(30_000), af.CenterCrop(20)]).batch(x).images.shape == (2, 20, 20, 3)


@pytest.mark.parametrize(
    "call", [lambda: af.Resize(10**30), lambda: af.Pad((1, 10**30)), lambda: af.CenterCrop((5, 2**64))]
)
def test_sizes_beyond_64_bits_are_range_errors(call: object) -> None:
    with pytest.raises(af.RangeError, match="at most 1,000,000 pixels"):
        call()  # type: ignore[operator]


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="this system does not tell its memory")
def test_a_batch_larger_than_the_memory_is_refused() -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    count = math.ceil(memory / 16_000**2) + 1
    with pytest.raises(af.ImageError, match=r"takes .* GB, more than this machine has\. Give fewer images"):
        af.Recipe([af.Resize(16_000)]).batch(np.zeros((count, 1, 1, 1), np.uint8))


@pytest.mark.parametrize("size", ["1000000", "[20000, 20000]", "[900000, 300]"])
@pytest.mark.parametrize("command", ["preview", "augment", "train", "explain"])
def test_commands_say_it_in_one_line(
    tmp_path: Path, command: str, size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "train":
        pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    recipe, data = tmp_path / "recipe.yaml", tmp_path / "data.npz"
    recipe.write_text(f"transforms:\n- Rotate: {{degrees: 5}}\n- Resize: {{size: {size}}}\n")
    np.savez(data, x=np.zeros((40, 9, 9, 3), np.uint8), y=np.arange(40) % 2)
    arguments = {
        "explain": [recipe],
        "preview": [data, "--recipe", recipe, "--out", tmp_path / "o.png"],
        "train": [data, "--recipe", recipe, "--out", tmp_path / "runs", "--epochs", 1],
        "augment": [data, tmp_path / "copies", "--recipe", recipe],
    }[command]
    assert main([command, *map(str, arguments)]) == (1 if command == "augment" else 2)  # 1: it had begun
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "recipe.yaml"]
    assert "wanted at most 268,435,456 pixels" in capsys.readouterr().err.replace("\n", " ")
