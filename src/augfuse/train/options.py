"""What was asked of a training run, its limits, and the line that asks for it again."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

import msgspec

from augfuse.errors import DataError, RangeError
from augfuse.recipe import Recipe
from augfuse.train.datasets import Parts
from augfuse.train.record import Settings

OPTIMIZERS = ("adam", "adamw", "nadam", "sgd", "rmsprop", "adagrad")
_LEAST_MINUTES = 0.01


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. None leaves the choice to `prepare`: it depends on the data.

    `parts` stands for `data` where sources are at hand. `python`: no command can repeat the run, only a call.
    """

    data: Path | None = None
    parts: Parts | None = None
    recipe: Path | Recipe | None = None
    model: Any = None
    keep_weights: bool = False
    epochs: int | None = None
    minutes: float | None = None
    seeds: int | None = None
    seed: int = 0
    size: tuple[int, int] | None = None
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float | None = None
    early_stopping: int | None = None
    reduce_lr: int | None = None
    lr_factor: float = 0.5
    min_lr: float = 1e-6
    class_weights: bool = False
    sweep: tuple[float, ...] = ()
    workers: int | None = None
    tensorboard: bool = False
    out: Path = Path("runs")
    name: str | None = None
    overwrite: bool = False
    python: bool = False


def check_options(options: Options) -> None:
    """Refuse numbers and names that make no run: RangeError, DataError."""
    for name in ("epochs", "seeds", "batch_size", "early_stopping", "reduce_lr"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise RangeError(f"{_flag(name)}: got {value}, wanted 1 or more.")
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
    if options.optimizer not in OPTIMIZERS:
        raise RangeError(f"--optimizer: got {options.optimizer!r}, wanted one of {', '.join(OPTIMIZERS)}.")
    if options.keep_weights and options.model is None:
        raise RangeError("--keep-weights: there is no --model whose weights could be kept.")
    name = options.name
    if name is not None and (Path(name).name != name or name.startswith(".")):
        raise DataError(f"--name {name!r}: wanted a plain folder name. The folder above it is --out.")


def parse_sweep(text: str | None) -> tuple[float, ...]:
    """`0,0.5,1,1.5` as numbers; () for None. Raises RangeError."""
    try:
        found = () if text is None else tuple(float(word) for word in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(strength) for strength in found):
        raise RangeError(f"--sweep: got {text!r}, wanted strengths with commas, such as 0,0.5,1,1.5.")
    return found


def command_line(settings: Settings, folder: Path) -> str:
    """The line that repeats a finished run with the same numbers, under a name of its own."""
    words = ["augfuse", "train"]
    if settings.data is not None:
        words.append(settings.data)
    words += ["--recipe", str(folder / "recipe.yaml"), "--epochs", str(settings.epochs)]
    words += ["--seeds", str(len(settings.seeds)), "--seed", str(settings.seeds[0])]
    words += ["--batch-size", str(settings.batch_size)]
    if settings.learning_rate is not None:
        words += ["--learning-rate", f"{settings.learning_rate:g}"]
    if settings.model is not None:
        words += ["--model", settings.model]
    if settings.sweep:
        words += ["--sweep", ",".join(f"{strength:g}" for strength in settings.sweep)]
    usual = Options()
    for name in ("optimizer", "early_stopping", "reduce_lr", "lr_factor", "min_lr"):
        value = getattr(settings, name)
        if value != getattr(usual, name):
            words += [_flag(name), f"{value:g}" if isinstance(value, float) else str(value)]
    words += [_flag(name) for name in ("keep_weights", "class_weights") if getattr(settings, name)]
    return shlex.join(words)


def python_call(settings: Settings, folder: Path) -> str:
    """The same as a call of `af.train`, for data or a model that lives in a program."""
    lines = [f'recipe = af.Recipe.from_yaml(Path("{(folder / "recipe.yaml").as_posix()}").read_text())']
    given = {"epochs": settings.epochs, "seeds": len(settings.seeds), "seed": settings.seeds[0]}
    given["batch_size"] = settings.batch_size
    words = ["data", "recipe", *(["model=model"] if settings.model is not None else [])]
    words += [f"{name}={value!r}" for name, value in given.items()]
    usual = Options()
    for name in ("learning_rate", "optimizer", "sweep", "early_stopping", "reduce_lr", "lr_factor", "min_lr",
                 "keep_weights", "class_weights"):  # fmt: skip
        if getattr(settings, name) != getattr(usual, name):
            words.append(f"{name}={getattr(settings, name)!r}")
    return "\n".join([*lines, f"af.train({', '.join(words)})"])


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
