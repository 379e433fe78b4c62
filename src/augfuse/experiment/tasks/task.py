"""The task that a network is trained for: all other files of a training run ask it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from augfuse.errors import DecodeError
from augfuse.experiment.evaluation import Shown
from augfuse.experiment.metrics import Interval, Score, bootstrap_interval, draws, t_interval
from augfuse.experiment.network.head import Head
from augfuse.experiment.setup.run_recipe import default_recipe
from augfuse.frameworks import KerasModel
from augfuse.text import printable
from augfuse.threads import cpu_count

if TYPE_CHECKING:
    from augfuse.batch import Batch
    from augfuse.data.batches.loader import Loader
    from augfuse.data.dataset import DataSet
    from augfuse.data.sample import Sample
    from augfuse.experiment.evaluation import Found, Predicting
    from augfuse.experiment.records import Comparison
    from augfuse.recipe import Recipe

_READ = 64  # images at a time

Shape = tuple[int, int, int]
Sets = Mapping[str, "DataSet"]
# The network with the weights of an arm.
Networks = Callable[[str], Any]
# A section of the report page: its anchor, its title, and what makes it.
Section = tuple[str, str, Callable[[], str]]


class Settled(NamedTuple):
    """A task that knows its data, the parts as it takes them, and the names of the classes."""

    task: Task
    sets: Sets
    classes: tuple[str, ...]


class Task(ABC):
    """Network, loss, target, metrics, and what the report shows of them. Frozen and without state.

    name: as `task=` takes it. metric: the number that the verdict is about, a fraction in which more is better.
    counted: what belongs to a class: "images", "pixels" or "boxes". predicts: what the saved model returns, in words.
    one_hot: whether training batches have one-hot labels. stratified: what keeps its share where a part is held out, as
    `DataSet.split` takes it. photo_size: (h, w) of the network's input where images have no common size. found: the
    record of what an arm says about the test part. weighs_classes: whether --class-weights means something. rounds: of
    the bootstrap over test images. widths: filters of the built-in network, level by level.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    counted: ClassVar[str]
    predicts: ClassVar[str]
    found: ClassVar[type[Any]]
    one_hot: ClassVar[bool] = False
    stratified: ClassVar[bool | str] = False
    weighs_classes: ClassVar[bool] = True
    photo_size: ClassVar[tuple[int, int]] = (128, 128)
    rounds: ClassVar[int] = 1000
    widths: ClassVar[tuple[int, ...]]

    @abstractmethod
    def settle(self, sets: Sets, classes: tuple[str, ...] | None, path: str) -> Settled:
        """The task for this data. `classes`: names that the data has. Raises DataError, which begins with `path`, for
        data that it does not fit, and MissingExtraError."""

    def recipe(self, size: tuple[int, int] | None, channels: int) -> Recipe:
        """The recipe where none is given: mild, ToFloat at its end, resized first to `size` where that is given."""
        return default_recipe(size, channels)

    @abstractmethod
    def network(self, shape: Shape, classes: int, widths: Sequence[int]) -> Callable[[int], Any]:
        """The network that is trained where no other is named, as a function of its seed."""

    @abstractmethod
    def read_head(self, model: KerasModel, classes: int) -> Head:
        """What stands behind a model of this task. Raises DataError where it does not suit."""

    @abstractmethod
    def truth(self, batch: Batch, classes: int, output: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
        """(truth, weights) of a training batch, for a model of this output shape: the input of `Head.targets`, and the
        weight of each part in the loss, None if all are equal."""

    @abstractmethod
    def blank(
        self, count: int, classes: int, shape: Shape, output: tuple[Any, ...]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The ground truth of `count` empty images (h, w, c)."""

    @abstractmethod
    def evaluate(
        self, network: Predicting, loader: Loader, *, arm: str = "", seed: int = 0, steps: int | None = None
    ) -> Any:
        """The output of `network.predict` for all images of an evaluation loader, or its first batches, as `found`,
        with the ground truth."""

    @abstractmethod
    def score(self, found: Any) -> Score:
        """The metric and the loss."""

    @abstractmethod
    def resampled(self, found: Any, draws: np.ndarray) -> np.ndarray:
        """(rounds,) the metric on the images draws[i], for `draws` (rounds, n) int64 rows of `found`."""

    @abstractmethod
    def counts(self, data: DataSet, classes: int) -> tuple[int, ...]:
        """How many there are of each class in a part: of what `counted` names."""

    def differ(self, one: np.ndarray, other: np.ndarray) -> float:
        """The largest difference between two sets of predictions for the same images."""
        return float(np.abs(one - other).max())

    @abstractmethod
    def pictures(self, found: Mapping[str, Sequence[Any]], loader: Loader, networks: Networks) -> dict[str, Any]:
        """Of what the plain and the augmented arm say about test images: fields of a Comparison. `found`: all seeds of
        each arm; `loader`: an evaluation loader of the test part with batches of one image; `networks(arm)`: the
        network with the weights of the arm's first seed."""

    @abstractmethod
    def sections(self, result: Comparison) -> tuple[Section, ...]:
        """What only this task has in the report."""

    @abstractmethod
    def report(self, result: Comparison, arm: str) -> dict[str, Any]:
        """The same of one arm, for report.json."""

    def confusion(self, found: Any) -> np.ndarray | None:
        """(classes, classes) int64 counts of what is taken for what, true classes in rows; None where that is not
        counted."""
        return None

    def first_sections(self, result: Comparison) -> tuple[Section, ...]:
        """What only this task has at the top of the report."""
        return ()

    def remarks(self, result: Comparison) -> tuple[str, ...]:
        """What the terminal says about each arm, one line each."""
        return ()

    def interval(self, plain: Sequence[Found], augmented: Sequence[Found]) -> Interval:
        """The difference of the metric, augmented - plain, with a 95 % paired interval; each has one entry per seed.

        With two seeds or more the interval is Student's t over the per-seed differences. With one seed nothing is known
        about the spread over seeds, and the interval is a percentile bootstrap over the test images, resampled together
        for both arms.
        """
        differences = [self.score(a).value - self.score(p).value for p, a in zip(plain, augmented, strict=True)]
        if len(differences) > 1:
            return t_interval(np.array(differences))
        rows = draws(len(plain[0].indices), self.rounds)
        spread = self.resampled(augmented[0], rows) - self.resampled(plain[0], rows)
        return bootstrap_interval(differences[0], spread, rows.shape[1])


def samples(data: DataSet) -> Iterator[Sample]:
    """All samples of a data set, some at a time. Raises DecodeError."""
    for start in range(0, len(data), _READ):
        for sample in data.read(np.arange(start, min(start + _READ, len(data))), cpu_count()):
            if isinstance(sample, DecodeError):
                raise sample
            yield sample


def shown_image(batch: Batch, pictures: Iterable[np.ndarray], words: Iterable[str]) -> Shown:
    """A test image of a batch of one, as the report shows it."""
    path = None if batch.paths is None else printable(batch.paths[0])
    return Shown(int(batch.indices[0]), path, tuple(pictures), tuple(words))


def spread(count: int, most: int = 8) -> list[int]:
    """At most `most` of `count` places, evenly spread: those of the images that a report shows."""
    return sorted({round(i * (count - 1) / max(min(count, most) - 1, 1)) for i in range(min(count, most))})
