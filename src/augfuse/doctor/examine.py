"""The examination: list the data, read every image once, run every check."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.doctor.checks.annotations import check_annotations
from augfuse.doctor.checks.array_values import check_values
from augfuse.doctor.checks.classes import check_labels
from augfuse.doctor.checks.duplicates import check_copies, check_duplicates
from augfuse.doctor.checks.image_files import check_files
from augfuse.doctor.checks.models import check_model, load_model
from augfuse.doctor.checks.recipes import as_source_gives, check_recipe, output_shape
from augfuse.doctor.codes import SEVERITIES
from augfuse.doctor.examined_data import Survey
from augfuse.doctor.open_data import gather
from augfuse.doctor.preprocessing.ask_model import not_asked, try_ways
from augfuse.doctor.preprocessing.trials import Trial
from augfuse.doctor.read_images import Looks, look
from augfuse.doctor.result import Checkup
from augfuse.errors import AugfuseError, AugfuseWarning, RangeError, RecipeError
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.threads import cpu_count


def examine(
    data: str | os.PathLike[str] | Any,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | None = None,
    *,
    trust_model: bool = False,
    limit: int = 500,
    workers: int | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Checkup:
    """Examine a data set and, where they are given, a recipe and a trained model on it.

    data: a folder of class folders or of plain images, a zip archive of class folders, IDX files in a folder, a table,
        an .npz file with x_train, y_train and perhaps x_val, x_test; or a data set.
    recipe: an `af.Recipe`, or a file that `recipe.to_yaml()` was written to.
    model: a .keras or .h5 file of a model that takes one image and returns one score for each class.
    trust_model: code that the model file holds may run; without it such a file is refused.
    limit: how many images of the held-out part the model is asked about.
    workers: threads that read images; all cores by default.
    progress: called with (images done, images in all) from time to time.

    Raises DataNotFoundError, DataError, RecipeError, RangeError for what cannot be examined at all, MissingExtraError
    where a model is given and Keras is not installed. Broken images, labels and folders are findings, not errors.
    """
    for name, value in (("limit", limit), ("workers", 1 if workers is None else workers)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise RangeError(f"{name}: got {shown(value)}, wanted 1 or more.")
    truth("trust_model", trust_model)
    read_recipe = _recipe(recipe)
    survey = gather(data)
    loaded = None if model is None else load_model(Path(model), trusted=trust_model)
    looks = _look(survey, workers or cpu_count(), progress)
    found = [*survey.findings, *check_files(survey, looks), *check_values(survey, looks), *check_labels(survey)]
    found += [*check_copies(survey), *check_duplicates(survey, looks), *check_annotations(survey, looks)]
    trials: list[Trial] = []
    if read_recipe is not None:
        found += check_recipe(survey, looks, read_recipe, loaded is not None and loaded.scales_itself)
    if loaded is not None:
        found += check_model(survey, loaded, read_recipe, _fed_shape(survey, looks, read_recipe))
        first = next((f.code for f in found if f.code in ("AF501", "AF502", "AF604")), None)
        if first is not None:
            found.append(not_asked(f"{first} stands in the way", f"Cure {first} first."))
        else:
            trials, verdict = try_ways(survey, looks, loaded, read_recipe, limit)
            found += verdict
    found.sort(key=lambda f: (SEVERITIES.index(f.severity), f.code))
    return Checkup(
        data=survey.title,
        parts={part.name: len(part) for part in survey.parts},
        classes=survey.classes,
        findings=tuple(found),
        trials=tuple(trials),
        model="" if loaded is None else loaded.name,
    )


def _recipe(recipe: Recipe | str | os.PathLike[str] | None) -> Recipe | None:
    if recipe is None or isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, (str, os.PathLike)):
        raise RecipeError(f"recipe: got {type(recipe).__name__}, wanted an af.Recipe or the path of a recipe file.")
    from augfuse.experiment.setup.run_recipe import read_recipe

    return read_recipe(Path(recipe))


def _look(survey: Survey, threads: int, progress: Callable[[int, int], Any] | None) -> list[Looks]:
    total, done = sum(map(len, survey.parts)), 0

    def count(images: int) -> None:
        nonlocal done
        done += images
        if progress is not None:
            progress(done, total)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AugfuseWarning)
        return [look(part, threads, count) for part in survey.parts]


def _fed_shape(survey: Survey, looks: Sequence[Looks], recipe: Recipe | None) -> tuple[int, ...] | None:
    """(h, w, c) of what the model will be given: by the recipe, or else by arrays; files are resized on the way."""
    part = survey.held_out
    rows = np.flatnonzero(looks[survey.parts.index(part)].readable)
    if not len(rows) or (recipe is None and part.raw is not None):
        return None
    try:
        image = as_source_gives(part, int(rows[0]))
        return image.shape if recipe is None else output_shape(recipe, image)
    except AugfuseError:
        return None  # reported already: the recipe fails, or the file is changing
