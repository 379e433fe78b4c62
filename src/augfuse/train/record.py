"""What a finished comparison consists of: plain records that the trainer fills and the report reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np

from augfuse.train.metrics import Interval, Score

PLAIN = "plain"
AUGMENTED = "augmented"
ARMS = (PLAIN, AUGMENTED)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The resolved settings of one run; what config.yaml holds. None of them is chosen on the test part."""

    data: str | None
    name: str
    epochs: int
    seeds: tuple[int, ...]
    batch_size: int
    size: tuple[int, int]
    channels: int
    widths: tuple[int, ...]
    dense: int = 128
    dropout: float = 0.5
    learning_rate: float = 1e-3
    workers: int | None = None
    evaluations: int = 10
    remeasured_images: int = 5000
    checked_images: int = 512


@dataclass(frozen=True, slots=True)
class Point:
    """One measured epoch of one arm. `step_loss` is the loss the optimiser saw; the two scores are measured afterwards
    in evaluation mode, without augmentation; they are None at epochs that are not measured."""

    epoch: int
    steps: int
    step_loss: float
    wait_seconds: float
    compute_seconds: float
    train: Score | None
    test: Score | None


@dataclass(frozen=True, slots=True)
class Arm:
    """One network trained once. `correct` tells for each test image whether it was classified correctly at the end."""

    name: str
    seed: int
    points: tuple[Point, ...]
    correct: np.ndarray

    @property
    def train(self) -> Score:
        """The last score on the training part, without augmentation."""
        return _measured(self.points[-1].train)

    @property
    def test(self) -> Score:
        """The last score on the test part."""
        return _measured(self.points[-1].test)

    @property
    def gap(self) -> float:
        """Training accuracy minus test accuracy."""
        return self.train.accuracy - self.test.accuracy


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds over all counted steps of an arm."""

    steps: int
    wait_seconds: float
    compute_seconds: float

    @property
    def wait_fraction(self) -> float:
        """Share of a step spent waiting for data."""
        total = self.wait_seconds + self.compute_seconds
        return self.wait_seconds / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Exported:
    """The saved model and the check that it predicts as the training path does.

    `max_difference`: largest difference of a predicted probability between the reloaded model, fed raw uint8 images
    at the network's input size, and the training path fed the same images through the recipe's write part.
    `rounding_difference`: the same against the test images as training saw them, whose pixels were not rounded to
    whole grey levels after resizing. `test_accuracy`: of the reloaded model on all raw test images.
    """

    arm: str
    seed: int
    input_shape: tuple[int, int, int]
    images: int
    max_difference: float
    rounding_difference: float
    test_accuracy: float
    confusion: np.ndarray


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What was trained on, in words and counts."""

    title: str
    description: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison, ready to be written.

    `samples` and `plain_samples` are uint8 grids (h, w, 3) of the first images as each arm's network gets them.
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
    environment: dict[str, str] = field(default_factory=dict)
    command: str = "augfuse train"
    seconds: float = 0.0

    def of(self, name: str) -> tuple[Arm, ...]:
        """The arms called `name`, one per seed, in the order of the seeds."""
        return tuple(arm for arm in self.arms if arm.name == name)

    def timing(self, name: str) -> Timing:
        """Waiting and computing of all seeds of an arm."""
        points = [point for arm in self.of(name) for point in arm.points]
        return Timing(
            sum(p.steps for p in points), sum(p.wait_seconds for p in points), sum(p.compute_seconds for p in points)
        )


def _measured(value: Score | None) -> Score:
    if value is None:
        raise AssertionError("the last epoch of an arm is always measured")
    return value
