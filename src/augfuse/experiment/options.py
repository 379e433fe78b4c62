"""The options of a training run, and their limits."""

from __future__ import annotations

import math
import numbers
import operator
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.errors import DataError, RangeError
from augfuse.experiment.setup.parts import Parts
from augfuse.experiment.tasks import task_of
from augfuse.recipe import Recipe
from augfuse.text import shown

OPTIMIZERS = ("adam", "adamw", "nadam", "sgd", "rmsprop", "adagrad")
_LEAST_MINUTES = 0.01
# What no machine trains with; beyond them lies a mistyped number, and a process that ends without memory.
LARGEST_SIZE = 4096
_EPOCHS = 1_000_000
_MOST = {"epochs": _EPOCHS, "evaluations": _EPOCHS, "early_stopping": _EPOCHS, "average_epochs": _EPOCHS,
         "reduce_lr": _EPOCHS, "seeds": 100_000,
         "seed": 2**62, "workers": 1024}  # fmt: skip
_LONGEST_NAME = 200  # bytes; file systems take 255, and temporary files add to it
_WHOLE = ("epochs", "seeds", "seed", "batch_size", "early_stopping", "average_epochs", "reduce_lr", "evaluations",
          "workers")  # fmt: skip
_TRUTH = ("keep_weights", "trust_model", "class_weights", "deterministic", "tensorboard", "overwrite")
_REAL = ("minutes", "learning_rate", "lr_factor", "min_lr")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. None leaves the choice to `prepare`: it depends on the data.

    `parts` stands for `data` where sources are at hand. `exclude` is a list of images to leave out: a file, or the
    paths themselves; `columns`: of a table, ROLE=COLUMN words. `trust_model`: code in a model file may run. `python`:
    no command can repeat the run, only a call.
    """

    data: Path | None = None
    parts: Parts | None = None
    exclude: str | tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    recipe: Path | Recipe | None = None
    model: Any = None
    keep_weights: bool = False
    trust_model: bool = False
    epochs: int | None = None
    minutes: float | None = None
    seeds: int | None = None
    seed: int = 0
    size: tuple[int, int] | None = None
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float | None = None
    early_stopping: int | None = None
    average_epochs: int = 5
    reduce_lr: int | None = None
    lr_factor: float = 0.5
    min_lr: float = 1e-6
    class_weights: bool = False
    evaluations: int = 10
    deterministic: bool = True
    task: str | None = None
    sweep: tuple[float, ...] = ()
    workers: int | None = None
    tensorboard: bool = False
    out: Path = Path("runs")
    name: str | None = None
    overwrite: bool = False
    python: bool = False


def plain(options: Options) -> Options:
    """The options with NumPy's numbers as Python's, as they are recorded. Raises RangeError for a number or switch of
    another type, DataError for a name."""
    unset = Options()
    found: dict[str, Any] = {}
    for name, number in (*((name, _whole) for name in _WHOLE), *((name, _real) for name in _REAL)):
        value = getattr(options, name)
        found[name] = None if value is None and getattr(unset, name) is None else number(name, value)
    for name in _TRUTH:
        found[name] = truth(flag(name), getattr(options, name))
    if options.size is not None:
        sides = (options.size,) * 2 if np.ndim(options.size) == 0 else tuple(options.size)
        if len(sides) != 2:
            raise RangeError(f"--size: got {options.size}, wanted (height, width) or one number for both, such as 128.")
        found["size"] = tuple(_whole("size", side) for side in sides)
    if np.ndim(options.sweep) != 1 or isinstance(options.sweep, str):
        raise RangeError(f"--sweep: got {shown(options.sweep)}, wanted strengths, such as (0, 0.5, 1, 1.5).")
    found["sweep"] = tuple(_real("sweep", strength) for strength in options.sweep)
    if options.name is not None and not isinstance(options.name, str):
        raise DataError(f"--name: got {shown(options.name)}, wanted a text, such as 'first'.")
    return msgspec.structs.replace(options, **found)


def _whole(name: str, value: Any) -> int:
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise RangeError(f"{flag(name)}: got {shown(value)}, wanted a whole number, such as 3.") from None


def _real(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise RangeError(f"{flag(name)}: got {shown(value)}, wanted a number, such as 0.5.")
    return float(value)


def check_options(options: Options) -> None:
    """Raise RangeError or DataError for numbers and names that cannot be used."""
    for name in ("epochs", "seeds", "batch_size", "early_stopping", "average_epochs", "reduce_lr", "evaluations"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise RangeError(f"{flag(name)}: got {value}, wanted 1 or more.")
    for name, most in _MOST.items():
        if (getattr(options, name) or 0) > most:
            raise RangeError(f"{flag(name)}: got {getattr(options, name)}, wanted {most} at most.")
    if options.size is not None and not all(1 <= side <= LARGEST_SIZE for side in options.size):
        raise RangeError(
            f"--size: got {'x'.join(map(str, options.size))}, wanted sides of 1 to {LARGEST_SIZE} pixels, such as 128."
        )
    if options.seed < 0:
        raise RangeError(f"--seed: got {options.seed}, wanted 0 or more.")
    if options.workers is not None and options.workers < 0:
        raise RangeError(f"--workers: got {options.workers}, wanted 0 (no threads) or more.")
    if options.learning_rate is not None and not 0 < options.learning_rate < math.inf:
        raise RangeError(f"--learning-rate: got {options.learning_rate}, wanted a number above 0, such as 0.001.")
    if options.minutes is not None and not _LEAST_MINUTES <= options.minutes < math.inf:
        raise RangeError(f"--minutes: got {options.minutes}, wanted a number of at least {_LEAST_MINUTES}.")
    if not 0 < options.lr_factor < 1:
        raise RangeError(f"--lr-factor: got {options.lr_factor}, wanted a number between 0 and 1, such as 0.5.")
    if not 0 <= options.min_lr < math.inf:
        raise RangeError(f"--min-lr: got {options.min_lr}, wanted 0 or more, such as 1e-6.")
    for strength in options.sweep:
        if not 0 <= strength < math.inf:
            raise RangeError(f"--sweep: got {strength}, wanted strengths of 0 or more, such as 0,0.5,1,1.5.")
    if options.task is not None:
        task_of(options.task)
    if options.optimizer not in OPTIMIZERS:
        raise RangeError(f"--optimizer: got {shown(options.optimizer)}, wanted one of {', '.join(OPTIMIZERS)}.")
    if options.exclude is not None and options.data is None:
        raise DataError(
            "--exclude: names image files below DATA, and no path is given. For a source type "
            "af.from_directory(path, exclude=...)."
        )
    if options.columns is not None and options.data is None:
        raise DataError(
            "--columns: names columns of a table, and no path is given. Type augfuse train TABLE --columns ..."
        )
    if options.keep_weights and options.model is None:
        raise RangeError("--keep-weights: there is no --model whose weights could be kept.")
    name = options.name
    if name is not None and (Path(name).name != name or name.startswith(".")):
        raise DataError(f"--name {shown(name)}: wanted a plain folder name. The folder above it is --out.")
    if name is not None and len(os.fsencode(name)) > _LONGEST_NAME:
        raise DataError(f"--name: got {len(name)} letters, wanted a folder name of at most {_LONGEST_NAME} bytes.")


def parse_sweep(text: str | None) -> tuple[float, ...]:
    """`0,0.5,1,1.5` as numbers; () for None. Raises RangeError."""
    try:
        found = () if text is None else tuple(float(word) for word in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(strength) for strength in found):
        raise RangeError(f"--sweep: got {shown(text)}, wanted strengths with commas, such as 0,0.5,1,1.5.")
    return found


def flag(name: str) -> str:
    """How the command calls an option."""
    return f"--{name.replace('_', '-')}"
