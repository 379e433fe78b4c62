"""The records of a finished comparison, which the trainer fills and the report reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augfuse.experiment.evaluation import Fed, Found, Mistake, Shown
from augfuse.experiment.method import Method
from augfuse.experiment.metrics import Interval, Score

PLAIN = "plain"
AUGMENTED = "augmented"
ARMS = (PLAIN, AUGMENTED)
_OTHER = "strength-"


def arm_name(strength: float) -> str:
    """The name of the arms that are trained with the recipe scaled by `strength`."""
    return {0.0: PLAIN, 1.0: AUGMENTED}.get(strength, f"{_OTHER}{strength}")


def arm_strength(name: str) -> float:
    """The inverse of `arm_name`."""
    return {PLAIN: 0.0, AUGMENTED: 1.0}[name] if name in ARMS else float(name.removeprefix(_OTHER))


class Settings(Method, frozen=True, forbid_unknown_fields=True):
    """The resolved settings of one run; what config.yaml holds. None of them is chosen on the test part.

    Of a model of one's own `widths`, `dense` and `dropout` are None, and so are `learning_rate` and `optimizer` where
    they are those that it was compiled with: `ModelFacts` has them. `epochs` is the number of the longest arm that was
    allowed; early stopping may end an arm before. `validation` says in words which images early stopping and the
    learning rate look at; None where nothing looks at any. `task`: what the network is for. `model_rescales`: the model
    takes pixel values as they are and brings them to a small range itself. `exclude`: the list of images that were left
    out, or their paths. `columns`: of a table, ROLE=COLUMN words. With early stopping, weights are averages over about
    `average_epochs` epochs. `deterministic`: the backend was told to compute repeatably.
    """

    data: str | None
    name: str
    epochs: int
    seeds: tuple[int, ...]
    batch_size: int
    size: tuple[int, int]
    channels: int
    widths: tuple[int, ...] | None
    dense: int | None = 128
    dropout: float | None = 0.5
    learning_rate: float | None = 1e-3
    optimizer: str | None = "adam"
    model: str | None = None
    model_rescales: bool = False
    sweep: tuple[float, ...] = ()
    average_epochs: int = 1  # of records without it, also: `options.Asked` has what is usual now
    validation: str | None = None
    exclude: str | tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    task: str = "classification"
    remeasured_images: int = 5000
    checked_images: int = 512


@dataclass(frozen=True, slots=True)
class Point:
    """One epoch of one arm. `step_loss` is the loss the optimiser saw (with class weights: weighted); the two scores
    are measured afterwards in evaluation mode, without augmentation; they are None at epochs that are not measured.
    `validation_loss` is there where early stopping or the learning rate looks at it. `learning_rate` is the one the
    epoch was trained with, None where a schedule of the optimiser sets it."""

    epoch: int
    steps: int
    step_loss: float
    wait_seconds: float
    compute_seconds: float
    train: Score | None
    test: Score | None
    validation_loss: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """One network trained once, for one strength of the recipe.

    `kept` is the epoch (an index of `points`) whose weights are the result: the last one, or with early stopping the
    one with the least validation loss. It is always measured. `strength` scales the recipe, 0 for the plain arm.
    """

    name: str
    seed: int
    points: tuple[Point, ...]
    strength: float = 1.0
    kept: int = -1

    @property
    def train(self) -> Score:
        """The score of the kept weights on the training part, without augmentation."""
        return _measured(self.points[self.kept].train)

    @property
    def test(self) -> Score:
        """The score of the kept weights on the test part."""
        return _measured(self.points[self.kept].test)

    @property
    def until_kept(self) -> tuple[Point, ...]:
        """The epochs that led to the kept weights; later ones were given up."""
        return self.points[: self.kept % len(self.points) + 1]

    @property
    def gap(self) -> float:
        """The metric on the training part minus that on the test part."""
        return self.train.value - self.test.value


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds over all counted steps of an arm."""

    steps: int = 0
    wait_seconds: float = 0.0
    compute_seconds: float = 0.0

    @property
    def wait_fraction(self) -> float:
        """Share of a step spent waiting for data."""
        total = self.wait_seconds + self.compute_seconds
        return self.wait_seconds / total if total else 0.0

    @property
    def step_seconds(self) -> float:
        """Waiting and computing, of one step."""
        return (self.wait_seconds + self.compute_seconds) / max(self.steps, 1)

    @property
    def milliseconds(self) -> tuple[float, float]:
        """Waiting and computing, of one step."""
        steps = max(self.steps, 1)
        return 1000 * self.wait_seconds / steps, 1000 * self.compute_seconds / steps


@dataclass(frozen=True, slots=True)
class Exported:
    """The saved model and the check that it predicts as the training path does.

    `max_difference`: largest difference of a prediction between the reloaded model on raw uint8 images at the
    network's input size, and the training path on the same images through the recipe's write part.
    `rounding_difference`: the same against the test images as training saw them, whose pixels were not rounded to whole
    grey levels after resizing. `test_accuracy`: the metric of the reloaded model on all raw test images. `precision`:
    the coarsest dtype that the network computes in.
    """

    arm: str
    seed: int
    input_shape: tuple[int, int, int]
    images: int
    max_difference: float
    rounding_difference: float
    test_accuracy: float
    confusion: np.ndarray | None
    precision: str = "float32"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The network that was trained. `parameters`: numbers in it, `trained` of them are changed by training. `layers`:
    how many of each kind. `precision`: the coarsest dtype it computes in. `optimizer` and `loss`: with all they set."""

    parameters: int
    trained: int
    layers: str
    precision: str
    optimizer: str
    loss: str


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What was trained on, in words and counts. `train_counts`, `test_counts` and `validation_counts` are the images of
    each class, or what else `counted` says; the last are empty where there is no such part. Where `Settings.validation`
    is None it was not used. `images`: of the training, the test and the validation part, where they are not the sums.
    """

    title: str
    description: str
    classes: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    validation_counts: tuple[int, ...] = ()
    counted: str = "images"
    images: tuple[int, int, int] | None = None

    @property
    def train_images(self) -> int:
        """Images of the training part."""
        return sum(self.train_counts) if self.images is None else self.images[0]

    @property
    def test_images(self) -> int:
        """Images of the test part."""
        return sum(self.test_counts) if self.images is None else self.images[1]

    @property
    def validation_images(self) -> int:
        """Images of the validation part; 0 without one."""
        return sum(self.validation_counts) if self.images is None else self.images[2]


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """All seeds of one strength of the recipe: every random range scaled by `strength` (0 means no augmentation, 1 the
    recipe as it is). `accuracies` are those of the test part, of whatever metric, in the order of the seeds; `gap` is
    training minus test part, the mean over the seeds. Fractions."""

    strength: float
    accuracies: tuple[float, ...]
    gap: float

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds; 0 for one seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison, ready to be written.

    `samples` and `plain_samples` are uint8 grids (h, w, 3) of the first images as each arm's network gets them.
    `evaluations` holds what the plain and the augmented arms say about each test image, `mistakes` their worst ones, or
    `shown` what they say about a few. `metric`: of the task, as it is called. `fed` the input values, one entry for
    each part. `sweep` has one point for each strength, in rising order, and is empty where no sweep was asked for; with
    one, `arms` also holds the arms of the strengths other than 0 (plain) and 1 (augmented). `network` is None in runs
    of older versions.
    """

    settings: Settings
    facts: DataFacts
    recipe_yaml: str
    arms: tuple[Arm, ...]
    interval: Interval
    winner: str
    exported: Exported
    samples: np.ndarray
    plain_samples: np.ndarray
    evaluations: tuple[Found, ...]
    fed: tuple[Fed, ...]
    mistakes: tuple[Mistake, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    command: str = "augfuse train"
    seconds: float = 0.0
    sweep: tuple[SweepPoint, ...] = ()
    network: ModelFacts | None = None
    metric: str = "accuracy"
    shown: tuple[Shown, ...] = ()

    def of(self, name: str) -> tuple[Arm, ...]:
        """The arms called `name`, one per seed, in the order of the seeds."""
        return tuple(arm for arm in self.arms if arm.name == name)

    def evaluations_of(self, name: str) -> tuple[Any, ...]:
        """What the arms called `name` say about the test images, one per seed."""
        return tuple(found for found in self.evaluations if found.arm == name)

    def passed(self, name: str) -> bool:
        """Whether a seed of this arm kept an epoch before the last one that was allowed."""
        return any(len(arm.until_kept) < self.settings.epochs for arm in self.of(name))

    def timing(self, name: str) -> Timing:
        """Waiting and computing of all seeds of an arm."""
        points = [point for arm in self.of(name) for point in arm.points]
        return Timing(
            sum(p.steps for p in points), sum(p.wait_seconds for p in points), sum(p.compute_seconds for p in points)
        )


def _measured(value: Score | None) -> Score:
    if value is None:
        raise AssertionError("the kept epoch of an arm is always measured")
    return value
