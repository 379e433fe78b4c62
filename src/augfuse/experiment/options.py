"""The options of a training run, of `augfuse train` and `af.train`: each once, with its limits."""
# Annotations are values here: what an option is stands in them.

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np

from augfuse.algebra.ranges import Size
from augfuse.errors import DataError, RangeError
from augfuse.experiment.method import MOST_EPOCHS, Method, Option, options_of, plain_value, real, whole
from augfuse.recipe import Recipe
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.experiment.setup.train_and_test import Parts

OPTIMIZERS = ("adam", "adamw", "nadam", "sgd", "rmsprop", "adagrad")
# What no machine trains with; beyond them lies a mistyped number, and a process that ends without memory.
LARGEST_SIZE = 4096
_LONGEST_NAME = 200  # bytes; file systems take 255, and temporary files add to it


class _First(Method, frozen=True):
    """Those that may be given by their place."""

    data: Annotated[Any, Option(
        "A folder or .zip of class folders (with train and test or val folders above them, or without), a folder of "
        "NAME_train.zip and NAME_test.zip, a folder of IDX files (train-images-idx3-ubyte.gz, ...), a .csv, .tsv, "
        ".jsonl or .parquet table of images and their classes, or an .npz file with x_train, y_train and, if there is "
        "a test part, x_test, y_test. With masks: a folder with images and masks. With boxes: COCO's .json, YOLO's "
        "data.yaml or a folder of Pascal VOC. Without a test part a fifth is held out. Without DATA: handwritten "
        "digits that come with scikit-learn; nothing is downloaded.",
        python="A path as `augfuse train` takes it; a data set (with `parts`, or divided here); (train, test) or "
        "(train, val, test) data sets; arrays (x, y), or ((x_train, y_train), (x_test, y_test)); None for the digits "
        "of scikit-learn. Images are uint8; labels class numbers, or the data set has masks or boxes.",
        word=Path | None, repeats=False,
    )] = None  # fmt: skip
    recipe: Annotated[Recipe | str | os.PathLike[str] | None, Option(
        "A recipe file, as recipe.to_yaml() writes it. Default: a mild one that suits the data.",
        python="An `af.Recipe` or the path of a YAML file; None for a mild one.",
        word=Path | None, repeats=False,
    )] = None  # fmt: skip


class Asked(_First, frozen=True, kw_only=True):
    """The options. None leaves the choice to `prepare`: it depends on the data."""

    exclude: Annotated[str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None, Option(
        "Leave out the images on this list, which augfuse doctor DATA --quarantine LIST writes.",
        python="With a path, images to leave out: the file that `augfuse doctor --quarantine` writes, or paths as "
        "`af.from_directory` takes them.",
        word=Path | None,
    )] = None  # fmt: skip
    columns: Annotated[Sequence[str] | None, Option(
        "Of a table: which column is what, where the names do not say it: image=path label=breed split=fold. Also "
        "boxes=x1,y1,x2,y2, root=FOLDER (of the images), and the other columns that af.from_dataframe takes.",
        word=list[str] | None,
    )] = None  # fmt: skip
    task: Annotated[Literal["classification", "segmentation", "detection"] | None, Option(
        "What the network is for: classification (one class for each image; accuracy), segmentation (masks; mean IoU) "
        "or detection (boxes; COCO's AP, which needs pycocotools). Default: what the data holds, in this order.",
        word=str | None,
    )] = None  # fmt: skip
    model: Annotated[Any, Option(
        "module:function or file.py:function that makes a Keras model, called with the input shape and the number of "
        "classes or with nothing; or a .keras or .h5 file. Compiled or not. Default: a small CNN.",
        python='"module:function", "file.py:function", the path of a `.keras` or `.h5` file, a function of '
        "(input_shape, classes) or of nothing, or a Keras model; None for a small CNN.",
        word=str | None,
    )] = None  # fmt: skip
    trust_model: Annotated[bool, Option(
        "Let the code run that a model file holds (a Lambda layer of a Python lambda, ...). Without it such a file is "
        "refused."
    )] = False  # fmt: skip
    epochs: Annotated[int | None, Option(
        "Passes over the training part. Default: 15, for the digits 60.", 1, MOST_EPOCHS
    )] = None  # fmt: skip
    seeds: Annotated[int | None, Option(
        "How many pairs of arms to train. Default: 3, for the digits 5.", 1, 100_000
    )] = None  # fmt: skip
    seed: Annotated[int, Option("The first seed; the others follow it.", 0, 2**62, wanted="0 or more")] = 0
    learning_rate: Annotated[float | None, Option(
        "Of the optimiser. Default: 0.001, or what the model was compiled with.",
        0, inside=True, wanted="a number above 0, such as 0.001",
    )] = None  # fmt: skip
    sweep: Annotated[Sequence[float] | None, Option(
        "Also train with the recipe made milder and stronger: strengths such as 0,0.5,1,1.5. 0 means no "
        "augmentation, 1 the recipe; both are always among them.",
        0, wanted="strengths of 0 or more, such as 0,0.5,1,1.5", word=str | None,
    )] = None  # fmt: skip
    size: Annotated[Size | None, Option(
        "Size of the network's input, N or HxW. Default: what the recipe or the model makes; for photos 128.",
        python="Size of the network's input: (height, width) in pixels, or one number for both. Default: what the "
        "recipe or the model makes; for photos 128.",
        word=str | None, repeats=False,
    )] = None  # fmt: skip
    batch_size: Annotated[int, Option("Images of a training step.", 1)] = 32
    optimizer: Annotated[str, Option(
        "adam, adamw, nadam, sgd, rmsprop or adagrad, for a model that is not compiled."
    )] = "adam"  # fmt: skip
    tensorboard: Annotated[bool, Option("Also write the curves for TensorBoard.", repeats=False)] = False
    out: Annotated[str | os.PathLike[str], Option("Folder of all runs.", word=Path, repeats=False)] = "runs"
    name: Annotated[str | None, Option(
        "Folder of this run. Default: the interrupted run of the same settings if there is one, else the time and the "
        "name of the data.", repeats=False,
    )] = None  # fmt: skip
    overwrite: Annotated[bool, Option("Start a run of this name again.", repeats=False)] = False
    average_epochs: Annotated[int, Option(
        "With --early-stopping, the weights that are measured and kept after an epoch are their moving average over "
        "about so many epochs: single epochs go up and down by more than a few validation images can tell. 1: as they "
        "are.", 1, MOST_EPOCHS,
    )] = 5  # fmt: skip


class Options(Asked, frozen=True, kw_only=True):
    """What was asked for. `data` is a path or None; `parts` stands for it where data sets are at hand. `python`: no
    command can repeat the run, only a call."""

    parts: "Parts | None" = None
    python: bool = False


def settled(options: Options) -> Options:
    """The options with NumPy's numbers as Python's, as they are recorded. Raises RangeError for numbers that make no
    run, DataError for names."""
    found: dict[str, Any] = {}
    for name, kind, option in options_of(Asked):
        value = getattr(options, name)
        if name == "size":
            found[name] = None if value is None else _size(value)
        elif name == "exclude":
            found[name] = left_out(value)
        elif name == "sweep":
            if value is not None and (np.ndim(value) != 1 or isinstance(value, str)):
                raise RangeError(f"--sweep: got {shown(value)}, wanted strengths, such as (0, 0.5, 1, 1.5).")
            found[name] = tuple(real("sweep", strength) for strength in (() if value is None else value))
        else:
            found[name] = plain_value(name, kind, value)
        option.check(name, found[name])
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
    _check_name(options.name)
    return msgspec.structs.replace(options, **found)


def left_out(exclude: Any) -> str | tuple[str, ...] | None:
    """The list of images to leave out, or their paths, read once: they may be a generator."""
    if exclude is None or isinstance(exclude, (str, os.PathLike)):
        return None if exclude is None else os.fspath(exclude)
    return tuple(os.fspath(path) for path in exclude)


def _size(value: Any) -> tuple[int, int]:
    both = (value,) * 2 if np.ndim(value) == 0 else tuple(value)
    if len(both) != 2:
        raise RangeError(f"--size: got {value}, wanted (height, width) or one number for both, such as 128.")
    height, width = (whole("size", side) for side in both)
    if not (1 <= height <= LARGEST_SIZE and 1 <= width <= LARGEST_SIZE):
        raise RangeError(f"--size: got {height}x{width}, wanted sides of 1 to {LARGEST_SIZE} pixels, such as 128.")
    return height, width


def _check_name(name: Any) -> None:
    if name is None:
        return
    if not isinstance(name, str):
        raise DataError(f"--name: got {shown(name)}, wanted a text, such as 'first'.")
    if Path(name).name != name or name.startswith("."):
        raise DataError(f"--name {shown(name)}: wanted a plain folder name. The folder above it is --out.")
    if len(os.fsencode(name)) > _LONGEST_NAME:
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
