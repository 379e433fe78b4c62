"""The user's network: a function that makes one, a saved model file, or a model in memory."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import random
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.errors import AugfuseError, DataError, DataNotFoundError
from augfuse.experiment.backend import layers_of, load_keras
from augfuse.experiment.network.model_file import is_model_file, read_model, refuse_code
from augfuse.frameworks import KerasModel
from augfuse.text import shown

Shape = tuple[int, int, int]
_BOLD = re.compile("\x1b\\[[0-9;]*m")
_HEADLINE = "Exception encountered when calling"


@dataclass(frozen=True, slots=True)
class OwnModel:
    """The source of the networks of a run. `shape` (h, w, c) is the fixed input of the model, or None if it takes any.
    `make(shape, classes)` returns a model, compiled or not."""

    title: str
    shape: tuple[int | None, int | None, int | None] | None
    make: Callable[[Shape, int], Any]

    @property
    def size(self) -> tuple[int, int] | None:
        """The (height, width) that the model fixes."""
        height, width = (None, None) if self.shape is None else self.shape[:2]
        return None if height is None or width is None else (height, width)

    def builder(self, shape: Shape, classes: int) -> Callable[[int], Any]:
        """The model as a function of a seed: the same seed, the same initial weights and dropout."""

        def build(seed: int) -> Any:
            with _seeded(seed), told(f"{self.title}: cannot make a network for images of {'x'.join(map(str, shape))}"):
                return _checked(self.make(shape, classes), self.title)

        return build


def own_model(
    model: str | Path | KerasModel | Callable[..., KerasModel], *, keep_weights: bool = False, trusted: bool = False
) -> OwnModel:
    """`model` is "module:function", "file.py:function", the path of a `.keras` or `.h5` file, a function or a Keras
    model. trusted: code in the file may run.

    A function is called with the input shape (h, w, channels) and the number of classes, or with nothing. A saved or
    given model is made anew with fresh weights for each arm, unless `keep_weights`.
    Raises DataError, DataNotFoundError.
    """
    keras = load_keras()
    if isinstance(model, keras.Model):
        given: Any = model
        return _copied(given, given.name, keep_weights)
    if isinstance(model, Path) or (isinstance(model, str) and is_model_file(model)):
        saved = read_model(Path(model), trusted=trusted, what=f"--model {model}")
        return _copied(saved, str(model), keep_weights)
    if keep_weights:
        raise DataError(
            f"--keep-weights: a function makes new weights ({shown(model)}). Give a .keras file with --model."
        )
    if isinstance(model, str):
        return _called(_named(model), model)
    if callable(model):
        return _called(model, f"{model.__module__}:{getattr(model, '__qualname__', type(model).__name__)}")
    raise DataError(f"--model: got {shown(model)}, wanted module:function, or a .keras or .h5 file.")


def _called(function: Callable[..., Any], title: str) -> OwnModel:
    takes_shape = _takes(function, 2)
    if not takes_shape and not _takes(function, 0):
        raise DataError(f"--model {title}: wanted a function of (input_shape, classes), or of nothing.")
    if takes_shape:
        return OwnModel(title, None, lambda shape, classes: function(tuple(shape), classes))
    with _seeded(0), told(f"{title}: cannot make a network"):
        first = _checked(function(), title)
    return OwnModel(title, tuple(first.input_shape[1:]), lambda shape, classes: function())


def _copied(model: KerasModel, title: str, keep_weights: bool) -> OwnModel:
    keras = load_keras()
    _checked(model, title)
    weights = model.get_weights() if keep_weights else None

    # A model for raw images, such as the one a run exports, takes whole numbers; augmented pixels are none.
    whole = not str(model.inputs[0].dtype).startswith("float")

    def make(shape: Shape, classes: int) -> Any:
        inputs = keras.Input(model.inputs[0].shape[1:], dtype="float32") if whole else None
        copy = layers_of(model, inputs)
        if weights is not None:
            copy.set_weights(weights)
        if getattr(model, "optimizer", None) is not None:
            rule = model.optimizer.from_config(model.optimizer.get_config())
            copy.compile(rule, loss=model.loss)
        return copy

    return OwnModel(title, tuple(model.input_shape[1:]), make)


def _named(name: str) -> Callable[..., Any]:
    """The function called "module:function" or "file.py:function", from the working folder or the installation."""
    module_name, colon, function_name = name.rpartition(":")
    if not colon or not module_name or not function_name.isidentifier():
        raise DataError(f"--model {name}: wanted module:function, file.py:function, or a .keras or .h5 file.")
    with told(f"{name}: {module_name} cannot be imported"):
        try:
            module = _file_module(Path(module_name)) if module_name.endswith(".py") else _module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise
            raise DataNotFoundError(
                f"--model {name}: no module {shown(error.name)}, neither here ({Path.cwd()}) nor installed."
            ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        raise DataError(f"--model {name}: {module_name} has no function {shown(function_name)}.")
    return function


def _module(name: str) -> Any:
    here = str(Path.cwd())
    added = here not in sys.path  # a console script does not look into the working folder
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    finally:
        if added:
            sys.path.remove(here)


def _file_module(path: Path) -> Any:
    if not path.is_file():
        raise DataNotFoundError(f"--model {path}: no such file.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DataError(f"--model {path}: not a Python file.")
    module = importlib.util.module_from_spec(spec)
    known = sys.modules.setdefault(path.stem, module)  # classes in it are looked up there when a model is saved
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if known is module:
            del sys.modules[path.stem]
        raise
    return module


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    return True


def _checked(model: KerasModel, title: str) -> Any:
    if not isinstance(model, load_keras().Model):
        raise DataError(f"--model {title}: got {type(model).__name__}, wanted a Keras model.")
    try:
        inputs, outputs = model.inputs, model.outputs
    except AttributeError:
        inputs = outputs = ()
    if not inputs or not outputs or len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 4:
        raise DataError(
            f"--model {title}: wanted one input (h, w, channels) and one output. Begin it with keras.Input((h, w, 3))."
        )
    # Images go in and answers come out as they are, without a name.
    if any(isinstance(getattr(model, f"_{way}_struct", None), dict) for way in ("inputs", "outputs")):
        raise DataError(
            f"--model {title}: its input or output is a dictionary, wanted tensors. Make it with "
            "keras.Model(inputs, outputs), without names."
        )
    return model


def schedule_of(model: KerasModel) -> str | None:
    """The name of the schedule that sets the learning rate of a compiled model, None where it is a number."""
    rate = getattr(getattr(model, "optimizer", None), "_learning_rate", None)
    schedules = load_keras().optimizers.schedules
    return type(rate).__name__ if isinstance(rate, schedules.LearningRateSchedule) else None


def rescales(model: KerasModel) -> bool:
    """Whether the model scales pixel values down itself: a Rescaling that divides by 50 or more."""
    layers = [layer for layer in model._flatten_layers() if type(layer).__name__ == "Rescaling"]
    return any(np.max(np.abs(layer.scale)) < 1 / 50 for layer in layers)


def fresh_model(build: Callable[[int], Any], title: str) -> Any:
    """The model of seed 0. Raises DataError if a second one shares layers with it, or has other initial weights: the
    arms of a seed must start from the same weights."""
    first, second = build(0), build(0)
    ours = {id(variable) for variable in first.variables}
    if first is second or any(id(variable) in ours for variable in second.variables):
        raise DataError(
            f"--model {title}: returns the same layers at each call, so that the second arm would start trained. "
            "Make all layers inside the function; or save the model, and give the .keras file, whose weights "
            "--keep-weights keeps."
        )
    differs = _difference(first.variables, second.variables)
    if differs is not None:
        raise DataError(
            f"--model {title}: two networks of the same seed have different initial weights ({differs}); the arms of "
            "a seed must start alike. Leave the weights to Keras' initialisers, or draw them with np.random or with a "
            "fixed seed, as in np.random.default_rng(0)."
        )
    return first


def _difference(ours: Sequence[Any], theirs: Sequence[Any]) -> str | None:
    """How two lists of variables differ, in words."""
    convert = load_keras().ops.convert_to_numpy
    if len(ours) != len(theirs):
        return f"{len(ours)} and {len(theirs)} variables"
    pairs = zip(ours, theirs, strict=True)
    return next((one.path for one, other in pairs if not np.array_equal(convert(one), convert(other))), None)


def check_savable(model: KerasModel, title: str, *, trusted: bool) -> None:
    """Raise DataError now for a model that could not be saved or reloaded after the training.

    trusted: code in a model file may run.
    """
    with _seeded(0), told(f"{title}: cannot be saved"):
        layers_of(model)
    if not trusted:
        refuse_code(model, f"--model {title}, once it is saved")


@contextmanager
def told(what: str, hint: str = "") -> Iterator[None]:
    """Turn errors of the user's code inside the block into a DataError: `what`, the cause with its line, and `hint`."""
    try:
        yield
    except AugfuseError:
        raise
    except (Exception, SystemExit) as error:
        # Keras puts a headline over what a layer says, and some of it in bold.
        said = [line for line in _BOLD.sub("", str(error)).splitlines() if line and not line.startswith(_HEADLINE)]
        others = {Path(__file__).parent, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))}
        lines = [
            f", {Path(frame.filename).name} line {frame.lineno}"
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_file() and not others & set(Path(frame.filename).parents)
        ]
        cause = "".join([type(error).__name__, *(f": {line}" for line in said[:1]), *lines[-1:]])
        if "zero or negative" in cause:
            hint = " The images are too small for it: type a larger --size."
        elif "determinis" in str(error):
            hint = " Type --no-deterministic: the same command may then give other numbers."
        raise DataError(f"--model {what} ({cause}).{hint}") from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Set the global random state of Keras, Python and NumPy to `seed` inside the block, and restore it afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - Keras draws from it
    load_keras().utils.set_random_seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
