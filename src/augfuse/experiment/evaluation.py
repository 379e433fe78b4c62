"""Predictions of trained networks for the test images, kept in the run folder, and the input values of a network.

A run folder holds `predictions/ARM-SEED.npz` for every arm: indices (n,) int64 (positions in the test part), paths (n,)
str (empty if the images are not files), and what the task keeps of each image. For a classification: probabilities (n,
classes) float32 and labels (n,) int64.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.data.measured.moments import gathered
from augfuse.errors import DataError, DataNotFoundError
from augfuse.experiment import metrics
from augfuse.experiment.report.thumbnails import viewable
from augfuse.experiment.run_folder.encoding import write_npz
from augfuse.text import printable

FOLDER = "predictions"
SHOWN_MISTAKES = 12
# Input values are measured on about this many images of a part; more do not change the digits that are shown.
FED_IMAGES = 1024


class Found(Protocol):
    """Predictions of one arm and seed for the test part, one row per image: a dataclass whose other fields are
    arrays."""

    @property
    def arm(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def indices(self) -> np.ndarray:
        """(n,) int64, positions in the test part."""
        ...

    @property
    def paths(self) -> tuple[str, ...] | None:
        """n printable file names, or None where the images are not files."""
        ...

    @property
    def finite(self) -> bool:
        """Whether all predictions are finite."""
        ...


F = TypeVar("F", bound=Found)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one arm of one seed says about the classes of the test part, one row for each image.

    probabilities: (n, classes) float32. labels: (n,) int64. indices: (n,) int64, positions in the test part.
    paths: n printable file names, or None where the images are not files.
    """

    arm: str
    seed: int
    probabilities: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    paths: tuple[str, ...] | None

    @property
    def predicted(self) -> np.ndarray:
        """(n,) int64, the class with the highest probability."""
        return self.probabilities.argmax(axis=1)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.probabilities).all())


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test image that an arm classifies wrongly, by the mean probabilities of its seeds.

    `said` is the predicted class, the one with the highest mean probability, `probability` that mean,
    `truth_probability` the one of the true class, `seeds` how many of the seeds predict it. `picture` is the network's
    input, uint8 (h, w, 1) or (h, w, 3).
    """

    arm: str
    index: int
    path: str | None
    truth: int
    said: int
    probability: float
    truth_probability: float
    seeds: int
    picture: np.ndarray


@dataclass(frozen=True, slots=True)
class Shown:
    """A test image with ground truth and predictions drawn over it: uint8 (h, w, 3) pictures.

    `index` and `path` as in `Mistake`; `pictures` are the one with the ground truth, then one for each arm; `words` are
    their captions.
    """

    index: int
    path: str | None
    pictures: tuple[np.ndarray, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fed:
    """The values of a part as the network receives them, over `images` of its images; mean and std per channel."""

    part: str
    images: int
    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def evaluation_batches(loader: Loader, steps: int | None = None) -> Iterator[Batch]:
    """The batches of an evaluation loader, or its first `steps`. Raises DataError if the loader augments."""
    if loader.training:
        raise DataError("evaluate: got a training loader, wanted training=False: test images are not augmented.")
    return loader.stream(0, None if steps is None else range(steps))


class Predicting(Protocol):
    """A network that is trained."""

    def predict(self, images: np.ndarray) -> np.ndarray: ...


def evaluate(
    network: Predicting, loader: Loader, *, arm: str = "", seed: int = 0, steps: int | None = None
) -> Evaluation:
    """All images of an evaluation loader, or its first `steps` batches, through `network.predict`, which returns (n,
    classes) probabilities.

    Raises DataError: the loader augments, or its labels are not class numbers.
    """
    probabilities, labels, indices = [], [], []
    paths: list[str] = []
    for batch in evaluation_batches(loader, steps):
        if batch.labels is None or batch.labels.ndim != 1:
            got = "no labels" if batch.labels is None else f"labels of shape {batch.labels.shape}"
            raise DataError(f"evaluate: got {got}, wanted class numbers (n,). Leave one_hot out.")
        probabilities.append(np.asarray(network.predict(batch.images), dtype=np.float32))
        labels.append(np.asarray(batch.labels, dtype=np.int64))
        indices.append(batch.indices)
        paths += map(printable, batch.paths or ())
    return Evaluation(
        arm,
        seed,
        np.concatenate(probabilities),
        np.concatenate(labels),
        np.concatenate(indices),
        tuple(paths) or None,
    )


def file_of(folder: Path, arm: str, seed: int) -> Path:
    """The file in a run folder for the predictions of an arm and seed."""
    return folder / FOLDER / f"{arm}-{seed}.npz"


def save(found: Found, folder: Path) -> Path:
    """Write `found` into a run folder, in one step. Returns the file's path."""
    path = file_of(folder, found.arm, found.seed)
    path.parent.mkdir(exist_ok=True)
    arrays = {name: getattr(found, name) for name in _arrays(type(found))}
    write_npz(path, **arrays, paths=np.array(found.paths or (), dtype=np.str_))
    return path


def _arrays(kind: Any) -> list[str]:
    return [one.name for one in fields(kind) if one.name not in ("arm", "seed", "paths")]


def load(folder: Path, arm: str, seed: int, kind: type[F] = Evaluation) -> F:
    """Read the predictions that `save` wrote. Raises DataNotFoundError (no such file), DataError (another file)."""
    path = file_of(folder, arm, seed)
    if not path.is_file():
        raise DataNotFoundError(f"{path}: no such file. It is written when the {arm} arm of seed {seed} is trained.")
    try:
        # From memory: np.load leaves the file open where it is not an archive.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in _arrays(kind)}
            paths = tuple(file["paths"].tolist())
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a file of predictions ({error}). Train again to make a new one.") from error
    return kind(arm=arm, seed=seed, paths=paths or None, **arrays)  # type: ignore[call-arg] - a dataclass of these


def together(evaluations: Sequence[Evaluation]) -> np.ndarray:
    """(n, classes) float64: the mean probabilities of the seeds of one arm; all must hold the same images."""
    first = evaluations[0]
    for other in evaluations[1:]:
        if not np.array_equal(other.indices, first.indices):
            raise DataError(
                f"predictions of {first.arm}, seeds {first.seed} and {other.seed}: not of the same test images. "
                "Train again with the same data."
            )
    return np.stack([found.probabilities for found in evaluations]).mean(axis=0, dtype=np.float64)


def worst_mistakes(
    evaluations: Sequence[Evaluation], loader: Loader, limit: int = SHOWN_MISTAKES
) -> tuple[Mistake, ...]:
    """The wrong predictions of one arm with the highest confidence, at most `limit`, the most confident first.

    `evaluations` are all seeds of the arm; `loader` is an evaluation loader of the test part, not shuffled, with batch
    size 1, which makes the pictures.
    """
    first, mean = evaluations[0], together(evaluations)
    found = []
    for row in metrics.confident_mistakes(mean, first.labels, limit):
        said, index = int(mean[row].argmax()), int(first.indices[row])
        found.append(
            Mistake(
                arm=first.arm,
                index=index,
                path=None if first.paths is None else first.paths[row],
                truth=int(first.labels[row]),
                said=said,
                probability=float(mean[row, said]),
                truth_probability=float(mean[row, first.labels[row]]),
                seeds=sum(int(one.predicted[row]) == said for one in evaluations),
                picture=viewable(loader.fetch(0, index).pixels()[0]),
            )
        )
    return tuple(found)


def as_fed(part: str, loader: Loader, limit: int = FED_IMAGES) -> Fed:
    """Smallest and largest value, mean and standard deviation per channel of the batches of `loader` (NHWC), over the
    first `limit` images of its first epoch, in whole batches."""
    steps = range(max(1, min(len(loader), limit // loader.batch_size)))
    return summed(part, (batch.images for batch in loader.stream(0, steps)))


def summed(part: str, batches: Iterable[np.ndarray]) -> Fed:
    """`Fed` of arrays (n, h, w, c)."""
    count, low, high = 0, np.inf, -np.inf

    def looked_at() -> Iterator[np.ndarray]:
        nonlocal count, low, high
        for images in batches:
            low, high = min(low, float(images.min())), max(high, float(images.max()))
            count += len(images)
            yield images

    found = gathered(looked_at(), 3)
    return Fed(part, count, low, high, tuple(found.mean.tolist()), tuple(found.deviation().tolist()))
