"""The shell command, or the call, that reproduces a finished run under a new name."""

from __future__ import annotations

import os
import shlex
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

from augfuse.experiment.method import flag, options_of
from augfuse.experiment.options import Asked, Options
from augfuse.experiment.records import Settings

_MOST_PATHS = 20


def again(settings: Settings, folder: Path, options: Options, data: str) -> str:
    """What reproduces a finished run under a new name: a command, or a call of `af.train` if data or model came from a
    program. data: the data that was passed, in words."""
    return python_call(settings, folder, options, data) if options.python else command_line(settings, folder, options)


def command_line(settings: Settings, folder: Path, options: Options) -> str:
    """The command that repeats a finished run."""
    words = ["augfuse", "train", *([] if settings.data is None else [settings.data])]
    words += ["--recipe", str(folder / "recipe.yaml")]
    for name, value in _asked(settings, options).items():
        if isinstance(value, bool):
            words.append(flag(name if value else f"no_{name}"))
        elif name == "columns":
            words += [flag(name), *value]
        else:
            each = value if isinstance(value, tuple) else (value,)
            words += [flag(name), ",".join(_short(one) if isinstance(one, float) else str(one) for one in each)]
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
    for name, value in _asked(settings, options).items():
        word = repr(value)
        if name == "model" and isinstance(options.model, (str, os.PathLike)):
            word = repr(os.fspath(options.model))
        elif name == "model":
            line, word = _imported(options.model)
            if line is None:
                missing.append(f"# {word}: {settings.model}, as it was given")
            else:
                imports.append(line)
        elif name == "exclude" and isinstance(value, tuple) and len(value) > _MOST_PATHS:
            word = name
            missing.append(f"# exclude: the {len(value)} paths that were given")
        words.append(f"{name}={word}")
    recipe = f"recipe = af.Recipe.from_yaml(Path({(folder / 'recipe.yaml').as_posix()!r}).read_text(encoding='utf-8'))"
    program = _program() if missing else None
    above = [] if program is None else ["# The program that made this run makes it again:", f"#   {program}"]
    return "\n".join([*above, *imports, *missing, recipe, f"af.train({', '.join(words)})"])


def _asked(settings: Settings, options: Options) -> dict[str, Any]:
    """The options that a run with the same numbers needs, with their values: those that are not the default, and those
    whose default depends on the data or was made smaller by it."""
    usual = Options()
    given = {"seeds": len(settings.seeds), "seed": settings.seeds[0]}
    given |= {"task": options.task, "trust_model": options.trust_model}
    repeated = [name for name, _, option in options_of(Asked) if option.repeats]
    found = {name: given.get(name, getattr(settings, name, None)) for name in repeated}
    always = ("seed", "batch_size")
    return {n: v for n, v in found.items() if n in always or v not in (None, (), getattr(usual, n))}


def _imported(model: object) -> tuple[str | None, str]:
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
