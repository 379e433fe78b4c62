"""Save the better arm, reload it, and check that it predicts as the network did in training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augfuse.data.batches.loader import Loader
from augfuse.experiment.arms import evaluation_batch_size
from augfuse.experiment.network.model_file import read_model
from augfuse.experiment.network.network import Network, predict
from augfuse.experiment.records import Exported
from augfuse.experiment.setup import run_recipe
from augfuse.experiment.setup.prepare import Job
from augfuse.files import scratch
from augfuse.frameworks import KerasModel
from augfuse.recipe import Recipe
from augfuse.serving.program import program

MODEL = "model.keras"


def export_and_check(job: Job, network: Network, arm: str) -> Exported:
    """Save `network`, which has the weights of the first seed of an arm, as the model of a run; reload it, and compare
    the predictions of both.

    Raw images are test images after the evaluation recipe without its write part, as uint8. The first ones go through
    the saved model, and through the write part and the network.
    """
    settings, recipe, test, task = job.settings, job.recipe, job.parts.test, job.parts.task
    pixels, write = run_recipe.parted(recipe)
    with scratch(job.folder) as folder:
        temporary = folder / MODEL
        save_for_raw_images(network, recipe, temporary)
        saved = read_model(temporary, trusted=job.options.trust_model, compiled=False)
        temporary.replace(job.folder / MODEL)
    size = evaluation_batch_size(network.input_shape)
    raw, seen = (
        Loader(test, own, batch_size=size, training=False, shuffle=False, workers=settings.workers, dtype=dtype)
        for own, dtype in ((pixels, "uint8"), (recipe, "float32"))
    )
    found = task.evaluate(_Saved(saved), raw)
    compared = step = 0
    difference = rounding = 0.0
    while compared < min(settings.checked_images, len(test)):
        images = raw.fetch(0, step).images
        said = predict(saved, images)
        written = write.batch(images, training=False, dtype="float32").images
        difference = max(difference, task.differ(said, network.predict(written)))
        rounding = max(rounding, task.differ(said, network.predict(seen.fetch(0, step).images)))
        compared, step = compared + len(said), step + 1
    return Exported(
        arm=arm,
        seed=settings.seeds[0],
        input_shape=network.input_shape,
        images=compared,
        max_difference=difference,
        rounding_difference=rounding,
        test_accuracy=task.score(found).value,
        confusion=task.confusion(found),
        precision=network.precision,
    )


def save_for_raw_images(network: Network, recipe: Recipe, path: Path) -> None:
    """Save `network` with its present weights and the write part of the recipe inside."""
    network.save(path, program(run_recipe.parted(recipe)[1], network.input_shape[2]))


@dataclass(frozen=True, slots=True)
class _Saved:
    """A reloaded model with the interface of a network."""

    model: KerasModel

    def predict(self, images: np.ndarray) -> np.ndarray:
        return predict(self.model, images)
