"""`augfuse train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, ColumnWords, parse_size, refuse, refuse_file, refuse_image
from augfuse.errors import AugfuseError, DecodeError

if TYPE_CHECKING:
    from rich.console import Console

    from augfuse.experiment.dry_run import DryRun
    from augfuse.experiment.setup.prepare import Job


def train(
    data: Path | None = None,
    *,
    exclude: Path | None = None,
    columns: ColumnWords = None,
    task: str | None = None,
    recipe: Path | None = None,
    model: str | None = None,
    keep_weights: bool = False,
    trust_model: bool = False,
    epochs: int | None = None,
    minutes: float | None = None,
    seeds: int | None = None,
    seed: int = 0,
    sweep: str | None = None,
    early_stopping: int | None = None,
    average_epochs: int = 5,
    reduce_lr: int | None = None,
    lr_factor: float = 0.5,
    min_lr: float = 1e-6,
    class_weights: bool = False,
    evaluations: int = 10,
    deterministic: bool = True,
    size: str | None = None,
    batch_size: int = 32,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    workers: int | None = None,
    tensorboard: bool = False,
    out: Path = Path("runs"),
    name: str | None = None,
    overwrite: bool = False,
) -> int:
    """Train the same network without and with augmentation, and report which was better.

    All arms start from the same weights and take the same steps on the same split; nothing is chosen on the test part.
    Writes OUT/NAME: report.html, report.json, metrics.csv, model.keras, the recipe and the settings. An interrupted run
    is continued by the same command, with the same final numbers.

    Parameters
    ----------
    data
        A folder or .zip of class folders (with train and test or val folders above them, or without), a folder of
        NAME_train.zip and NAME_test.zip, a folder of IDX files (train-images-idx3-ubyte.gz, ...), a .csv, .tsv, .jsonl
        or .parquet table of images and their classes, or an .npz file with x_train, y_train and, if there is a test
        part, x_test, y_test. With masks: a folder with images and masks. With boxes: COCO's .json, YOLO's data.yaml or
        a folder of Pascal VOC. Without a test part a fifth is held out. Without DATA: handwritten digits that come with
        scikit-learn; nothing is downloaded.
    exclude
        Leave out the images on this list, which augfuse doctor DATA --quarantine LIST writes.
    columns
        Of a table: which column is what, where the names do not say it: image=path label=breed split=fold. Also
        boxes=x1,y1,x2,y2, root=FOLDER (of the images), and the other columns that af.from_dataframe takes.
    task
        What the network is for: classification (one class for each image; accuracy), segmentation (masks; mean IoU) or
        detection (boxes; COCO's AP). Default: what the data holds, in this order.
    recipe
        A recipe file, as recipe.to_yaml() writes it. Default: a mild one that suits the data.
    model
        module:function or file.py:function that makes a Keras model, called with the input shape and the number of
        classes or with nothing; or a .keras or .h5 file. Compiled or not. Default: a small CNN.
    keep_weights
        Begin with the weights of the model file instead of fresh ones.
    trust_model
        Let the code run that a model file holds (a Lambda layer of a Python lambda, ...). Without it such a file is
        refused.
    epochs
        Rounds over the training part. Default: 15, for the digits 60.
    minutes
        Time for all arms together: as many epochs as fit, the same number for each, at most EPOCHS where given.
    seeds
        How many pairs of arms to train. Default: 3, for the digits 5.
    seed
        The first seed; the others follow it.
    sweep
        Also train with the recipe made milder and stronger: strengths such as 0,0.5,1,1.5. 0 means no augmentation, 1
        the recipe; both are always among them.
    early_stopping
        End an arm after this many epochs without a smaller validation loss, and keep its best weights. Looks at the val
        part of the data, or at a tenth of the training part that is held out for it; never at the test part.
    average_epochs
        With --early-stopping, the weights that are measured and kept after an epoch are their moving average over about
        so many epochs: single epochs go up and down by more than a few validation images can tell. 1: as they are.
    reduce_lr
        Lower the learning rate after this many epochs without a smaller validation loss, of the same images.
    lr_factor
        What the learning rate is multiplied with then.
    min_lr
        Where lowering it ends.
    class_weights
        Weigh the training images so that all classes count alike.
    evaluations
        After how many epochs, evenly spread and the last one among them, training and test part are measured. Early
        stopping looks at the validation part after each epoch in any case.
    deterministic
        Make the backend compute repeatably where it has a switch for that: the same command gives the same numbers on
        the same machine. --no-deterministic leaves it as it is.
    size
        Size of the network's input, N or HxW. Default: what the recipe or the model makes; for photos 128.
    batch_size
        Images per step.
    optimizer
        adam, adamw, nadam, sgd, rmsprop or adagrad, for a model that is not compiled.
    learning_rate
        Of the optimiser. Default: 0.001, or what the model was compiled with.
    workers
        Threads that prepare batches; 0 for none. Default: chosen by the loader.
    tensorboard
        Also write the curves for TensorBoard.
    out
        Folder of all runs.
    name
        Folder of this run. Default: the interrupted run of the same settings if there is one, else the time and the
        name of the data.
    overwrite
        Begin a run of this name again.
    """
    from augfuse.experiment.dry_run import dry_run
    from augfuse.experiment.options import Options, parse_sweep
    from augfuse.experiment.setup.prepare import prepare

    console = terminal.console()
    try:
        job = prepare(
            Options(
                data=data,
                exclude=None if exclude is None else str(exclude),
                columns=None if columns is None else tuple(columns),
                task=task,
                recipe=recipe,
                model=model,
                keep_weights=keep_weights,
                trust_model=trust_model,
                epochs=epochs,
                minutes=minutes,
                seeds=seeds,
                seed=seed,
                sweep=parse_sweep(sweep),
                early_stopping=early_stopping,
                average_epochs=average_epochs,
                reduce_lr=reduce_lr,
                lr_factor=lr_factor,
                min_lr=min_lr,
                class_weights=class_weights,
                evaluations=evaluations,
                deterministic=deterministic,
                size=None if size is None else parse_size(size),
                batch_size=batch_size,
                optimizer=optimizer,
                learning_rate=learning_rate,
                workers=workers,
                tensorboard=tensorboard,
                out=out,
                name=name,
                overwrite=overwrite,
            )
        )
        tried = dry_run(job)
    except DecodeError as error:
        return refuse_image(error, data)
    except AugfuseError as error:
        return refuse(error, USAGE)
    try:
        with interrupts.telling(f"the same command continues {job.folder}"):
            return _train(job, tried, console)
    except DecodeError as error:
        return refuse_image(error, data)
    except AugfuseError as error:
        return refuse(error, FAILED)
    except OSError as error:
        return refuse_file(error, job.folder)


def _train(job: Job, tried: DryRun | None, console: Console) -> int:
    from augfuse.experiment import verdict
    from augfuse.experiment.run import run
    from augfuse.experiment.training import arm_names
    from augfuse.text import printable

    settings, parts = job.settings, job.parts

    def say(text: str) -> None:
        console.print(printable(text, console.encoding), highlight=False, markup=False, soft_wrap=True)

    if job.finished:
        say(f"{job.folder} is finished, and is not trained again; --overwrite does that.")
    else:
        how_long = f"{settings.epochs} epochs" if settings.minutes is None else f"{settings.minutes:g} minutes in all"
        classes = f"{len(parts.classes)} class{'es' if len(parts.classes) > 1 else ''}"
        say(f"{parts.title}: {len(parts.train)} training and {len(parts.test)} test images, "
            f"{classes}, input {settings.size[0]}x{settings.size[1]}x{settings.channels}; "
            f"{len(arm_names(settings))} arms x {len(settings.seeds)} seeds x {how_long}")  # fmt: skip
        if settings.validation is not None:
            say(f"Validation: {settings.validation}.")
        if job.begun:
            say(f"{job.folder}: continued where it was interrupted.")
    outcome = run(job, tried, console)
    say("")
    say(verdict.sentence(outcome.comparison))
    say(verdict.gap_sentence(outcome.comparison))
    for text in parts.task.remarks(outcome.comparison):
        say(text)
    for point in outcome.comparison.sweep:
        say(f"Strength {point.strength:g}: test {outcome.metric} {point.mean:.1%} ± {100 * point.spread:.1f} points, "
            f"gap {100 * point.gap:.1f}")  # fmt: skip
    if outcome.comparison.sweep:
        say(verdict.sweep_sentence(outcome.comparison.sweep, outcome.metric))
    for finding in verdict.findings(outcome.comparison):
        say(f"Note: {finding}")
    say(f"Report: {outcome.report}")
    return FAILED if verdict.export_differs(outcome.comparison) else OK
