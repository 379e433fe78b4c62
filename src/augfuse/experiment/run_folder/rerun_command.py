"""The shell command that reproduces a finished run under a new name."""

from __future__ import annotations

import os
import shlex
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

from augfuse.experiment.options import Options, flag
from augfuse.experiment.records import Settings

_MOST_PATHS = 20


def again(settings: Settings, folder: Path, options: Options, data: str) -> str:
    """What reproduces a finished run under a new name: a command, or a call of `af.train` if data or model came from a
    program. data: the data that was passed, in words."""
    return python_call(settings, folder, options, data) if options.python else command_line(settings, folder, options)


def command_line(settings: Settings, folder: Path, options: Options) -> str:
    """The shell command that reproduces a finished run."""
    words = ["augfuse", "train"]
    if settings.data is not None:
        words.append(settings.data)
    if isinstance(settings.exclude, str):
        words += ["--exclude", settings.exclude]
    if settings.columns is not None:
        words += ["--columns", *settings.columns]
    words += ["--recipe", str(folder / "recipe.yaml"), "--epochs", str(settings.epochs)]
    words += ["--seeds", str(len(settings.seeds)), "--seed", str(settings.seeds[0])]
    words += ["--batch-size", str(settings.batch_size)]
    words += [] if options.task is None else ["--task", options.task]
    if settings.learning_rate is not None:
        words += ["--learning-rate", _short(settings.learning_rate)]
    if settings.model is not None:
        words += ["--model", settings.model]
    if settings.sweep:
        words += ["--sweep", ",".join(map(_short, settings.sweep))]
    for name in ("optimizer", "early_stopping", "average_epochs", "reduce_lr", "lr_factor", "min_lr", "evaluations"):
        value = getattr(settings, name)
        if value not in (None, getattr(Options(), name)):
            words += [flag(name), _short(value) if isinstance(value, float) else str(value)]
    words += [flag(name) for name in ("keep_weights", "class_weights") if getattr(settings, name)]
    if options.trust_model:
        words.append(flag("trust_model"))
    words += [] if settings.deterministic else ["--no-deterministic"]
    return shlex.join(words)


def python_call(settings: Settings, folder: Path, options: Options, data: str) -> str:
    """A program that reproduces a finished run. Values that cannot be written down, such as arrays, are replaced by a
    comment; the path of the original program stands at the top."""
    imports, missing = ["from pathlib import Path", "import augfuse as af"], []
    first = repr(None if options.data is None else str(options.data))
    if options.parts is not None:
        first = "data"
        missing.append(f"# data: {' '.join(data.split())}")
    words = [first, "recipe"]
    if isinstance(options.model, (str, os.PathLike)):
        words.append(f"model={os.fspath(options.model)!r}")
    elif options.model is not None:
        line, name = _imported(options.model)
        if line is None:
            missing.append(f"# {name}: {settings.model}, as it was given")
        else:
            imports.append(line)
        words.append(f"model={name}")
    given = {"epochs": settings.epochs, "seeds": len(settings.seeds), "seed": settings.seeds[0]}
    given["batch_size"] = settings.batch_size
    words += [f"{name}={value!r}" for name, value in given.items()]
    if settings.exclude is not None:
        several = isinstance(settings.exclude, tuple) and len(settings.exclude) > _MOST_PATHS
        words.append("exclude=exclude" if several else f"exclude={settings.exclude!r}")
        if several:
            missing.append(f"# exclude: the {len(settings.exclude)} paths that were given")
    for name in ("learning_rate", "optimizer", "sweep", "early_stopping", "average_epochs", "reduce_lr", "lr_factor",
                 "min_lr",
                 "evaluations", "keep_weights", "class_weights", "deterministic"):  # fmt: skip
        if getattr(settings, name) not in (None, getattr(Options(), name)):
            words.append(f"{name}={getattr(settings, name)!r}")
    if options.task is not None:
        words.append(f"task={options.task!r}")
    if options.trust_model:
        words.append("trust_model=True")
    recipe = f"recipe = af.Recipe.from_yaml(Path({(folder / 'recipe.yaml').as_posix()!r}).read_text(encoding='utf-8'))"
    program = _program() if missing else None
    above = [] if program is None else ["# The program that made this run makes it again:", f"#   {program}"]
    return "\n".join([*above, *imports, *missing, recipe, f"af.train({', '.join(words)})"])


def _imported(model: Any) -> tuple[str | None, str]:
    """The line that imports a function, and its name then; without a line if it cannot be imported."""
    module, path = str(getattr(model, "__module__", "")), str(getattr(model, "__qualname__", ""))
    try:
        found = attrgetter(path)(sys.modules[module])
    except (AttributeError, KeyError):  # a model at hand, or a function within a function
        return None, "model"
    if found is not model:
        return None, "model"
    return (None if module == "__main__" else f"from {module} import {path.partition('.')[0]}"), path


def _program() -> str | None:
    """The command line of this process; None in an interactive session or a notebook."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        words = ["python", "-m", spec.name.removesuffix(".__main__")]
    elif getattr(main, "__file__", None) is not None:
        words = ["python", sys.argv[0]]
    else:
        return None
    return shlex.join([*words, *sys.argv[1:]])


def _short(value: float) -> str:
    """A number as people write it, if that is the same number."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
