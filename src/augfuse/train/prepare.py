"""Settling a run: options, recipe, data and installation are checked here, before anything is written or trained."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from augfuse.data.loader import Loader
from augfuse.errors import DataError, RangeError, RecipeError
from augfuse.recipe import Recipe
from augfuse.train import recipes
from augfuse.train.backend import require_extra
from augfuse.train.datasets import Parts, load_parts
from augfuse.train.record import Settings

# The demonstration: 540 steps of a narrow network for each of 10 arms take about a minute on two cores.
DIGITS_EPOCHS, DIGITS_SEEDS, DIGITS_WIDTHS = 60, 5, (16, 32, 64)
DATA_EPOCHS, DATA_SEEDS, DATA_WIDTHS = 15, 3, (32, 64, 128)
# Photo files have no common size; arrays larger than LARGEST_ARRAY are too slow for a CPU.
PHOTO_SIZE = (128, 128)
LARGEST_ARRAY = 256
_PROBED_IMAGES = 8


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. None leaves the choice to `prepare`: it depends on the data."""

    data: Path | None = None
    recipe: Path | None = None
    epochs: int | None = None
    seeds: int | None = None
    seed: int = 0
    size: tuple[int, int] | None = None
    batch_size: int = 32
    learning_rate: float = 1e-3
    workers: int | None = None
    out: Path = Path("runs")
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A settled run. `command` is the line that repeats it."""

    settings: Settings
    parts: Parts
    recipe: Recipe
    folder: Path
    command: str


def prepare(options: Options) -> Job:
    """Check everything a run depends on; nothing is written.

    Raises AugfuseError where something cannot be used, with the line to type.
    """
    _check_numbers(options)
    demo = options.data is None
    own_recipe = None if options.recipe is None else recipes.read_recipe(options.recipe)
    require_extra()
    parts = load_parts(options.data)
    recipe = _recipe(options, own_recipe, parts)
    height, width, channels = _network_input(recipe, parts)
    name = options.name or f"{time.strftime('%Y-%m-%d_%H%M%S')}_{'digits' if demo else parts.title}"
    settings = Settings(
        data=None if demo else str(options.data),
        name=name,
        epochs=options.epochs or (DIGITS_EPOCHS if demo else DATA_EPOCHS),
        seeds=tuple(range(options.seed, options.seed + (options.seeds or (DIGITS_SEEDS if demo else DATA_SEEDS)))),
        batch_size=min(options.batch_size, len(parts.train)),
        size=(height, width),
        channels=channels,
        widths=DIGITS_WIDTHS if demo else DATA_WIDTHS,
        learning_rate=options.learning_rate,
        workers=options.workers,
    )
    folder = _free_folder(options.out, name)
    return Job(settings, parts, recipe, folder, _command(settings, folder))


def _check_numbers(options: Options) -> None:
    for name in ("epochs", "seeds", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise RangeError(f"--{name.replace('_', '-')}: got {value}, wanted 1 or more.")
    if options.seed < 0:
        raise RangeError(f"--seed: got {options.seed}, wanted 0 or more.")
    if options.workers is not None and options.workers < 0:
        raise RangeError(f"--workers: got {options.workers}, wanted 0 (no threads) or more.")
    if not 0 < options.learning_rate < float("inf"):
        raise RangeError(f"--learning-rate: got {options.learning_rate}, wanted a number above 0, such as 0.001.")


def _recipe(options: Options, own: Recipe | None, parts: Parts) -> Recipe:
    if own is not None:
        return recipes.complete(own, options.size)
    if options.data is None:
        return recipes.complete(recipes.digits_recipe(), options.size)
    size = options.size
    if size is None and (parts.shape is None or max(parts.shape[:2]) > LARGEST_ARRAY):
        size = PHOTO_SIZE
    return recipes.default_recipe(size, 3 if parts.shape is None else parts.shape[2])


def _network_input(recipe: Recipe, parts: Parts) -> tuple[int, int, int]:
    """(h, w, c) of what the recipe writes, the same for both arms. Asked of a few images, files may differ in size."""
    several = parts.shape is None
    probed = np.unique(np.linspace(0, len(parts.train) - 1, _PROBED_IMAGES if several else 1).astype(int))
    few: Any = parts.train.subset(probed)
    shapes = {
        Loader(few, recipe, batch_size=1, training=training, shuffle=False, workers=0).fetch(0, step).images.shape[1:]
        for training in (True, False)
        for step in range(len(probed))
    }
    if len(shapes) > 1:
        sizes = ", ".join(f"{shape[0]}x{shape[1]}" for shape in sorted(shapes))
        raise RecipeError(
            f"the recipe makes images of different sizes ({sizes}), and a network takes one. Type --size 128, or begin "
            "the recipe with Resize."
        )
    height, width, channels = shapes.pop()
    return int(height), int(width), int(channels)


def _free_folder(out: Path, name: str) -> Path:
    if Path(name).name != name or name.startswith("."):
        raise DataError(f"--name {name!r}: wanted a plain folder name. The folder above it is --out.")
    folder = out / name
    if folder.exists():
        raise DataError(f"{folder}: exists already, and runs are never overwritten. Type another --name.")
    for above in (out, *out.parents):
        if above.exists():
            if not above.is_dir():
                raise DataError(f"--out {out}: {above} is a file, wanted a folder.")
            break
    return folder


def _command(settings: Settings, folder: Path) -> str:
    words = ["augfuse", "train"]
    if settings.data is not None:
        words.append(settings.data)
    words += ["--recipe", str(folder / "recipe.yaml"), "--epochs", str(settings.epochs)]
    words += ["--seeds", str(len(settings.seeds)), "--seed", str(settings.seeds[0])]
    words += ["--batch-size", str(settings.batch_size), "--learning-rate", f"{settings.learning_rate:g}"]
    return shlex.join(words)
