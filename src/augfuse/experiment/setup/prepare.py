"""Prepare a run: options, recipe, data and installation are checked here, before anything is written or trained."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from augfuse.algebra.ranges import sides
from augfuse.data.batches.loader import Loader
from augfuse.data.dataset import DataSet
from augfuse.errors import AugfuseWarning, DataError, RangeError, RecipeError
from augfuse.experiment import tensorboard
from augfuse.experiment.backend import require_extra
from augfuse.experiment.method import Method, flag, taken
from augfuse.experiment.network.fingerprint import fingerprint
from augfuse.experiment.network.user_model import OwnModel, check_savable, fresh_model, own_model, rescales, schedule_of
from augfuse.experiment.options import Options, left_out, settled
from augfuse.experiment.records import Settings
from augfuse.experiment.run_folder.checkpoint import RunFolder, identity
from augfuse.experiment.setup import run_recipe
from augfuse.experiment.setup.train_and_test import Parts, load_parts
from augfuse.experiment.tasks import task_of
from augfuse.experiment.tasks.classification import CLASSIFICATION
from augfuse.experiment.tasks.cnn import DENSE, DROPOUT
from augfuse.experiment.validation import with_validation
from augfuse.outputs import check_place
from augfuse.recipe import Recipe
from augfuse.text import printable, shown

# The demonstration: 540 steps of a narrow network for each of 10 arms take about a minute on two cores.
DIGITS_EPOCHS, DIGITS_SEEDS, DIGITS_WIDTHS = 60, 5, (16, 32, 64)
DATA_EPOCHS, DATA_SEEDS = 15, 3
LEARNING_RATE = 1e-3
# With --minutes and without --epochs the budget decides; this only bounds it.
MOST_EPOCHS = 1000
# Photo files have no common size; arrays larger than LARGEST_ARRAY are too slow for a CPU.
LARGEST_ARRAY = 256
_PROBED_IMAGES = 8
_SMALL_GAIN = 1 / 50

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Job:
    """A settled run. `build` makes its network from a seed, `identity` is what its numbers depend on. `begun`: it is in
    its folder already, interrupted; `finished`: its report is there. `options` are what was asked for."""

    settings: Settings
    parts: Parts
    recipe: Recipe
    folder: Path
    build: Callable[[int], Any]
    identity: dict[str, Any]
    options: Options
    begun: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class _Network:
    """How to build the network, what it is in a run's identity, whether it brings its own optimiser, and whether it
    brings pixel values to a small range itself. `widths` None: it is not the built-in one. `schedule`: what sets its
    learning rate, where that is not a number."""

    widths: tuple[int, ...] | None
    build: Callable[[int], Any]
    fingerprint: str = "the built-in one"
    compiled: bool = False
    rescales: bool = False
    schedule: str | None = None


def prepare(options: Options) -> Job:
    """Check everything that a run depends on, except what needs a `dry_run`; nothing is written.

    Raises AugfuseError for what cannot be used, with the line to type.
    """
    options = settled(options)
    if options.task is not None:
        task_of(options.task)
    demo = options.data is None and options.parts is None
    own_recipe = options.recipe
    if own_recipe is not None and not isinstance(own_recipe, Recipe):
        own_recipe = run_recipe.read_recipe(Path(own_recipe))
    require_extra()
    if options.tensorboard:
        tensorboard.require()
    own = (
        None
        if options.model is None
        else own_model(options.model, keep_weights=options.keep_weights, trusted=options.trust_model)
    )
    parts = options.parts or load_parts(options.data, options.exclude, options.task, options.columns)
    if options.class_weights and not parts.task.weighs_classes:
        raise RangeError(f"--class-weights: a {parts.task.name} has none. Leave it out.")
    parts, validation = with_validation(parts, options.early_stopping is not None or options.reduce_lr is not None)
    recipe = _recipe(options, own_recipe, parts, own)
    shape = _network_input(recipe, parts)
    if own is None:
        widths = DIGITS_WIDTHS if demo else parts.task.widths
        network = _Network(widths, parts.task.network(shape, len(parts.classes), widths))
    else:
        network = _own_network(own, recipe, shape, parts, trusted=options.trust_model)
        _check_compiled(options, network, own)
        if network.rescales:
            recipe = _scaled_once(recipe, own_recipe, own, shape[2])
    settings = _settings(options, parts, shape, network, own, validation)
    found = identity(settings, recipe.fingerprint(), parts, network.fingerprint)
    out = Path(options.out)
    try:
        name = options.name or _unfinished(out, found)
        name = name or f"{time.strftime('%Y-%m-%d_%H%M%S')}_{'digits' if demo else parts.title}"
        settings = _named(settings, name)
        folder = out / name
        check_place("--out", folder, _places(options, parts), folder=True)
        begun, finished = _begun(options, folder, found)
    except OSError as error:
        raise DataError(f"--out {options.out}: {error.strerror}. Type another --out.") from error
    return Job(
        settings=settings,
        parts=parts,
        recipe=recipe,
        folder=folder,
        build=network.build,
        identity=found,
        options=options,
        begun=begun,
        finished=finished,
    )


def _settings(
    options: Options, parts: Parts, shape: Shape, network: _Network, own: OwnModel | None, validation: str | None
) -> Settings:
    """The settings as they are settled; the name of the run follows."""
    demo = options.data is None and options.parts is None
    usual = DIGITS_EPOCHS if demo else DATA_EPOCHS
    usual_rate = None if network.compiled else LEARNING_RATE
    return Settings(
        data=None if demo else str(options.data or parts.title),
        exclude=left_out(options.exclude),
        columns=None if options.columns is None else tuple(options.columns),
        name="",
        epochs=options.epochs or (usual if options.minutes is None else MOST_EPOCHS),
        seeds=tuple(range(options.seed, options.seed + (options.seeds or (DIGITS_SEEDS if demo else DATA_SEEDS)))),
        batch_size=min(options.batch_size, len(parts.train)),
        size=shape[:2],
        channels=shape[2],
        widths=network.widths,
        dense=DENSE if own is None and parts.task is CLASSIFICATION else None,
        dropout=DROPOUT if own is None and parts.task is CLASSIFICATION else None,
        learning_rate=usual_rate if options.learning_rate is None else options.learning_rate,
        optimizer=None if network.compiled else options.optimizer,
        model=None if own is None else own.title,
        model_rescales=network.rescales,
        sweep=tuple(sorted({0.0, 1.0, *options.sweep})) if options.sweep else (),
        average_epochs=options.average_epochs,
        validation=validation,
        task=parts.task.name,
        **taken(options, Method),
    )


def _named(settings: Settings, name: str) -> Settings:
    """The settings of the run of this name, as they are written down."""
    left_out = settings.exclude
    return msgspec.structs.replace(
        settings,
        name=printable(name),
        data=None if settings.data is None else printable(settings.data),
        model=None if settings.model is None else printable(settings.model),
        columns=settings.columns and tuple(map(printable, settings.columns)),
        exclude=printable(left_out) if isinstance(left_out, str) else left_out and tuple(map(printable, left_out)),
    )


def _recipe(options: Options, given: Recipe | None, parts: Parts, own: OwnModel | None) -> Recipe:
    size = None if options.size is None else sides(options.size)
    fixed = None if own is None else own.size
    if size is None and fixed is not None and (parts.shape is None or parts.shape[:2] != fixed):
        size = None if given is not None and run_recipe.sizes(given) else fixed
    if given is not None:
        return run_recipe.complete(given, size)
    if options.data is None and options.parts is None:
        return run_recipe.complete(run_recipe.digits_recipe(), size)
    if size is None and (parts.shape is None or max(parts.shape[:2]) > LARGEST_ARRAY):
        size = parts.task.photo_size
    return parts.task.recipe(size, 3 if parts.shape is None else parts.shape[2])


def _network_input(recipe: Recipe, parts: Parts) -> Shape:
    """(h, w, c) of the images that the recipe makes, the same for both arms and all parts. It is found from a few
    images of each part, because files may differ in size."""
    kind = parts.task.one_hot
    found = {
        "training": _written(recipe, parts.train, (True, False), kind),
        "test": _written(recipe, parts.test, (False,), kind),
    }
    if parts.validation is not None:
        found["validation"] = _written(recipe, parts.validation, (False,), kind)
    shapes = set[Shape]().union(*found.values())
    channels = {shape[2] for shape in shapes}
    if len(channels) > 1:
        words = ", ".join(f"{name} {'/'.join(str(c) for *_, c in sorted(own))}" for name, own in found.items())
        raise RecipeError(
            f"the images of the parts have different channels ({words}), and a network takes one number of them. Make "
            "the parts alike, as by x = np.repeat(x, 3, axis=3)."
        )
    if len(shapes) > 1:
        raise RecipeError(
            f"the recipe makes images of different sizes ({_sizes(found)}), and a network takes one. Type --size "
            f"{_size(*found['training']) if len(found['training']) == 1 else 128}, or begin the recipe with Resize."
        )
    return shapes.pop()


def _written(recipe: Recipe, source: DataSet, trainings: tuple[bool, ...], one_hot: bool) -> set[Shape]:
    """The shapes that the recipe writes for a few images of a part; for one of an array."""
    count = _PROBED_IMAGES if source.images is None else 1
    probed = np.unique(np.linspace(0, len(source) - 1, count).astype(int))
    few = source.subset(probed)
    options: dict[str, Any] = {"batch_size": 1, "shuffle": False, "workers": 0, "one_hot": one_hot}
    found = (
        Loader(few, recipe, training=training, **options).fetch(0, step).images.shape[1:]
        for training in trainings
        for step in range(len(probed))
    )
    return {(int(height), int(width), int(channels)) for height, width, channels in found}


def _sizes(found: dict[str, set[Shape]]) -> str:
    """The sizes in all parts; where they differ between parts, with the part."""
    if all(len(own) == 1 for own in found.values()):
        return ", ".join(f"{name} {_size(*own)}" for name, own in found.items())
    return ", ".join(_size(shape) for shape in sorted(set[Shape]().union(*found.values())))


def _size(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"


def _own_network(own: OwnModel, recipe: Recipe, shape: Shape, parts: Parts, *, trusted: bool) -> _Network:
    """The user's network for this input. Raises RecipeError if it takes another one."""
    build = own.builder(shape, len(parts.classes))
    model = fresh_model(build, own.title)
    wanted = tuple(model.input_shape[1:])
    if any(side is not None and side != ours for side, ours in zip(wanted, shape, strict=True)):
        words = "x".join("any" if side is None else str(side) for side in wanted)
        hint = " The colours of the images cannot be changed here." if wanted[2] != shape[2] else (
            f" Take the sizes out of the recipe, or make it end with Resize(({wanted[0]}, {wanted[1]}))."
        )  # fmt: skip
        made = "x".join(map(str, shape))
        raise RecipeError(f"--model {own.title}: takes images of {words}, the recipe makes {made}.{hint}")
    parts.task.read_head(model, len(parts.classes))
    check_savable(model, own.title, trusted=trusted)
    compiled = getattr(model, "optimizer", None) is not None
    return _Network(None, build, fingerprint(model), compiled, rescales(model), schedule_of(model))


def _check_compiled(options: Options, network: _Network, own: OwnModel) -> None:
    """Raise RangeError for options that the compiled model sets itself."""
    if network.compiled and options.optimizer != Options().optimizer:
        raise RangeError(
            f"--optimizer {options.optimizer}: {own.title} comes compiled with its optimiser. Leave "
            "--optimizer out, or do not compile it."
        )
    for name in ("learning_rate", "reduce_lr"):
        if network.schedule is not None and getattr(options, name) is not None:
            raise RangeError(
                f"{flag(name)} {getattr(options, name)}: {own.title} comes compiled with a schedule "
                f"({network.schedule}), which sets the learning rate. Leave {flag(name)} out, or compile it with a "
                "number."
            )


def _scaled_once(recipe: Recipe, given: Recipe | None, own: OwnModel, channels: int) -> Recipe:
    """The recipe for a model that scales pixel values itself; a warning if the user's recipe scales them too."""
    if given is None or not run_recipe.writes(given):
        return run_recipe.unscaled(recipe)
    gain, _, _ = run_recipe.write_scale(recipe, channels)
    if max(gain) < _SMALL_GAIN:
        warnings.warn(
            f"the recipe ends with {shown(recipe.transforms[-1])}, and {own.title} has a Rescaling layer too: values "
            "are scaled down twice. Take one of them out.",
            AugfuseWarning,
            stacklevel=3,
        )
    return recipe


def _unfinished(out: Path, identity_: dict[str, Any]) -> str | None:
    """The newest interrupted run in `out` with the same settings that no other process is training."""
    if not out.is_dir():
        return None
    folders = (path for path in out.iterdir() if path.is_dir())
    for path in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        found = RunFolder(path)
        if found.exists and not found.finished and not found.locked and found.same(identity_):
            return path.name
    return None


def _places(options: Options, parts: Parts) -> list[Path]:
    """Where the data lies, as far as it lies anywhere."""
    sets = (parts.train, parts.test, parts.validation, parts.unused)
    roots = [root for data in sets if data is not None for root in data.store.roots]
    return [Path(root) for root in dict.fromkeys([options.data, *roots]) if root is not None]


def _begun(options: Options, folder: Path, identity_: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the run is in its folder already, and whether it is finished. Raises DataError for another run."""
    out = Path(options.out)
    for above in (out, *out.parents):
        if above.exists():
            if not above.is_dir():
                raise DataError(f"--out {options.out}: {above} is a file, wanted a folder.")
            break
    if not folder.exists():
        return False, False
    if not folder.is_dir():
        raise DataError(f"{folder}: is a file, wanted a folder. Type another --name.")
    run = RunFolder(folder)
    if not run.exists and run.bare:
        return False, False
    if not run.exists:
        raise DataError(f"{folder}: exists already, and holds no run. Type another --name.")
    if options.overwrite:
        run.require_free()
        return False, False
    differences = run.differences(identity_)
    if differences:
        raise DataError(
            f"{folder}: exists already, a run with other settings: {'; '.join(differences)}. Type another --name, or "
            "--overwrite."
        )
    return True, run.finished
