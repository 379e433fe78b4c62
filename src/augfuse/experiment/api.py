"""`af.train(...)`: what `augfuse train` does, from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from augfuse.algebra.ranges import truth
from augfuse.data.layouts.exclude import Exclude
from augfuse.errors import ImageTypeError
from augfuse.experiment.dry_run import dry_run
from augfuse.experiment.inputs import parts_from
from augfuse.experiment.options import Options, plain
from augfuse.experiment.run import Outcome, run
from augfuse.experiment.setup.prepare import prepare
from augfuse.recipe import Recipe


def train(
    data: Any = None,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    *,
    exclude: Exclude | None = None,
    task: Literal["classification", "segmentation", "detection"] | None = None,
    model: Any = None,
    keep_weights: bool = False,
    trust_model: bool = False,
    epochs: int | None = None,
    minutes: float | None = None,
    seeds: int | None = None,
    seed: int = 0,
    sweep: Sequence[float] | None = None,
    early_stopping: int | None = None,
    average_epochs: int = 5,
    reduce_lr: int | None = None,
    lr_factor: float = 0.5,
    min_lr: float = 1e-6,
    class_weights: bool = False,
    evaluations: int = 10,
    deterministic: bool = True,
    size: int | tuple[int, int] | None = None,
    batch_size: int = 32,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    workers: int | None = None,
    tensorboard: bool = False,
    out: str | os.PathLike[str] = "runs",
    name: str | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Outcome:
    """Train the same network without and with a recipe, on paired seeds, and report which was better.

    The same call continues an interrupted run; a finished one with the same `name` and settings is read.

    Args:
        data: a path as `augfuse train` takes it; a source (with `parts`, or divided here); (train, test) or (train,
            val, test) sources; arrays (x, y), or ((x_train, y_train), (x_test, y_test)); None for the digits of
            scikit-learn. Images are uint8; labels class numbers, or the data set has masks or boxes.
        recipe: an `af.Recipe` or the path of a YAML file; None for a mild one.
        exclude: with a path, images to leave out: the file that `augfuse doctor --quarantine` writes, or paths as
            `af.from_directory` takes them.
        task: what the network is for, by default what the data holds: classes of images ("classification"; accuracy),
            else masks ("segmentation"; mean IoU), else boxes ("detection"; COCO's AP, which needs pycocotools).
        model: "module:function", "file.py:function", the path of a `.keras` or `.h5` file, a function of (input_shape,
            classes) or of nothing, or a Keras model; None for a small CNN.
        keep_weights: start from the weights of the model file instead of new ones.
        trust_model: code that a model file holds may run; without it such a file is refused.
        epochs: passes over the training part; 15 by default, 60 for the digits.
        minutes: time for all arms together: as many epochs as fit, the same number for each, at most `epochs` if given.
        seeds: how many pairs of arms to train; 3 by default, 5 for the digits.
        seed: the first seed; the others follow it.
        sweep: strengths such as (0, 0.5, 1, 1.5).
        early_stopping: end an arm after this many epochs without a lower validation loss, and keep its best weights.
        average_epochs: with early_stopping: weights are moving averages over about this many epochs; 1 takes them as
            they are.
        reduce_lr: lower the learning rate after this many epochs without a lower validation loss.
        lr_factor: the factor by which the learning rate is multiplied then.
        min_lr: the lowest learning rate.
        class_weights: weight the training images so that all classes count the same.
        evaluations: how many times the training and the test part are measured, evenly spread over the epochs.
        deterministic: make the backend compute repeatably, if it has a switch for that.
        size: (height, width) in pixels, or one number for both.
        batch_size: images of a training step.
        optimizer: "adam", "adamw", "nadam", "sgd", "rmsprop" or "adagrad", for a model that is not compiled.
        learning_rate: of the optimizer; 0.001 by default, or what the model was compiled with.
        workers: threads that prepare batches; 0 for none; by default the loader chooses.
        tensorboard: also write the curves for TensorBoard.
        out: the folder of all runs.
        name: the folder of this run; by default the interrupted run of the same settings, else the time and the name of
            the data.
        overwrite: start a run of this name again.
        progress: print the progress.

    Returns:
        An `Outcome`: everything that the report shows, such as `test_score`, `gap`, `model` and `report`.

    Raises:
        AugfuseError: data, recipe, model or numbers that cannot be used; the message has what to change.
    """
    from rich.console import Console

    quiet = not truth("progress", progress)
    path = Path(data) if isinstance(data, (str, os.PathLike)) else None
    if recipe is not None and not isinstance(recipe, (Recipe, str, os.PathLike)):
        raise ImageTypeError(f"recipe: got {type(recipe).__name__}, wanted an af.Recipe. Use af.Recipe([...]).")
    left_out = os.fspath(exclude) if isinstance(exclude, (str, os.PathLike)) else exclude
    if left_out is not None and not isinstance(left_out, str):
        left_out = tuple(os.fspath(path) for path in left_out)
    options = plain(
        Options(
            data=path,
            parts=None if path is not None or data is None else parts_from(data, task),
            task=task,
            exclude=left_out,
            recipe=recipe if recipe is None or isinstance(recipe, Recipe) else Path(recipe),
            model=model,
            keep_weights=keep_weights,
            trust_model=trust_model,
            epochs=epochs,
            minutes=minutes,
            seeds=seeds,
            seed=seed,
            sweep=() if sweep is None else sweep,  # type: ignore[arg-type] - `plain` settles it, and the numbers
            early_stopping=early_stopping,
            average_epochs=average_epochs,
            reduce_lr=reduce_lr,
            lr_factor=lr_factor,
            min_lr=min_lr,
            class_weights=class_weights,
            evaluations=evaluations,
            deterministic=deterministic,
            size=size,  # type: ignore[arg-type] - one number too: `plain` makes two of it
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            workers=workers,
            tensorboard=tensorboard,
            out=Path(out),
            name=name,
            overwrite=overwrite,
            python=(path is None and data is not None)
            or isinstance(left_out, tuple)
            or not (model is None or isinstance(model, (str, os.PathLike))),
        )
    )
    job = prepare(options)
    return run(job, dry_run(job), Console(quiet=quiet))
