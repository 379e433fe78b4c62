"""A class for each pixel: intersection over union."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from augfuse.display.pages import as_rgb
from augfuse.errors import DataError
from augfuse.experiment import metrics
from augfuse.experiment.evaluation import Predicting, evaluation_batches
from augfuse.experiment.metrics import Score
from augfuse.experiment.network.head import ClassHead, read_head
from augfuse.experiment.tasks.task import Networks, Section, Sets, Settled, Shape, Task, samples, shown_image, spread
from augfuse.experiment.tasks.unet import unet_builder
from augfuse.frameworks import KerasModel
from augfuse.text import printable, shown

if TYPE_CHECKING:
    from augfuse.batch import Batch
    from augfuse.data.batches.loader import Loader
    from augfuse.data.dataset import DataSet
    from augfuse.experiment.records import Comparison


# What is not looked at, as in Pascal VOC; the 1 of masks of 0 and 255 alone.
IGNORE = 255
_MOST_CLASSES = 1000

_LEAST = 1e-7  # a probability


@dataclass(frozen=True, slots=True)
class MaskEvaluation:
    """What one arm of one seed says about the pixels of the test part, one row for each image.

    confusion: (n, classes, classes) int64, pixels by true (rows) and stated class, without those that are not looked
    at. losses: (n,) float64, the sum of their cross-entropies. indices, paths: as in `Evaluation`.
    """

    arm: str
    seed: int
    confusion: np.ndarray
    losses: np.ndarray
    indices: np.ndarray
    paths: tuple[str, ...] | None

    @property
    def finite(self) -> bool:
        """Whether all predictions are numbers."""
        return bool(np.isfinite(self.losses).all())


@final
@dataclass(frozen=True)
class Segmentation(Task):
    """A class for each pixel. values: the mask value of each class. ignores: some pixels are not looked at."""

    values: tuple[int, ...] = ()
    ignores: bool = False

    name: ClassVar[str] = "segmentation"
    metric: ClassVar[str] = "mean IoU"
    counted: ClassVar[str] = "pixels"
    predicts: ClassVar[str] = "{classes} probabilities for each pixel"
    found: ClassVar[type[Any]] = MaskEvaluation
    widths: ClassVar[tuple[int, ...]] = (16, 32, 64)

    def settle(self, sets: Sets, classes: tuple[str, ...] | None, path: str) -> Settled:
        found: set[int] = set()
        for data in sets.values():
            if "mask" not in data.table.targets:
                held = ", ".join(data.table.targets) or "no targets"
                raise DataError(
                    f"{path}: its images have {held}; a segmentation takes a mask (h, w) for each image. Type "
                    "af.from_pairs(images, masks), or data.with_targets(mask=masks)."
                )
            for mask in _masks(data):
                found.update(map(int, np.unique(mask)))
        values, names = _classes(found, classes, path)
        return Settled(Segmentation(values, bool(found - set(values))), sets, names)

    def network(self, shape: Shape, classes: int, widths: Sequence[int]) -> Callable[[int], Any]:
        return unet_builder(shape, classes, widths)

    def read_head(self, model: KerasModel, classes: int) -> ClassHead:
        return read_head(model, classes, pixels=True)

    def truth(self, batch: Batch, classes: int, output: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
        numbers = self._numbers(batch)
        truth = np.eye(classes, dtype=np.float32)[np.maximum(numbers, 0)]
        return truth, self._weights(numbers >= 0)

    def blank(
        self, count: int, classes: int, shape: Shape, output: tuple[Any, ...]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        numbers = np.zeros((count, *shape[:2]), np.int64)
        return np.eye(classes, dtype=np.float32)[numbers], self._weights(numbers >= 0)

    def _weights(self, seen: np.ndarray) -> np.ndarray | None:
        return seen.astype(np.float32) if self.ignores else None

    def _numbers(self, batch: Batch) -> np.ndarray:
        """(n, h, w) int64 class numbers, -1 for what is not looked at."""
        masks = np.asarray(batch.targets["mask"])
        masks = masks.reshape(masks.shape[:3])
        values = np.array(self.values, np.int64)
        places = np.minimum(np.searchsorted(values, masks), len(values) - 1)
        known = values[places] == masks
        unknown = masks[~known & (masks != IGNORE)]
        if len(unknown) or (not self.ignores and not known.all()):
            got = int(unknown[0]) if len(unknown) else IGNORE
            raise DataError(
                f"a mask has {got} after the recipe, wanted one of the classes ({_listed(self.values)}). Leave "
                "mask_fill and mask_erase out of Targets, or give them one of these."
            )
        return np.where(known, places, -1)

    def evaluate(
        self, network: Predicting, loader: Loader, *, arm: str = "", seed: int = 0, steps: int | None = None
    ) -> MaskEvaluation:
        confusion, losses, indices = [], [], []
        paths: list[str] = []
        count = len(self.values)
        for batch in evaluation_batches(loader, steps):
            probabilities = network.predict(batch.images)
            numbers = self._numbers(batch)
            for truth, said in zip(numbers, probabilities, strict=True):
                seen = truth >= 0
                right, chosen = truth[seen], said[seen]
                pairs = right * count + chosen.argmax(axis=1)
                confusion.append(np.bincount(pairs, minlength=count * count).reshape(count, count))
                stated = chosen[np.arange(len(right)), right].astype(np.float64)
                losses.append(-np.log(np.maximum(stated, _LEAST)).sum() if np.isfinite(chosen).all() else np.nan)
            indices.append(batch.indices)
            paths += map(printable, batch.paths or ())
        return MaskEvaluation(
            arm, seed, np.stack(confusion), np.array(losses), np.concatenate(indices), tuple(paths) or None
        )

    def score(self, found: MaskEvaluation) -> Score:
        counts = found.confusion.sum(axis=0)
        return Score(metrics.mean_iou(counts), float(found.losses.sum() / max(int(counts.sum()), 1)))

    def resampled(self, found: MaskEvaluation, draws: np.ndarray) -> np.ndarray:
        return np.array([metrics.mean_iou(found.confusion[rows].sum(axis=0)) for rows in draws])

    def confusion(self, found: MaskEvaluation) -> np.ndarray | None:
        return found.confusion.sum(axis=0)

    def counts(self, data: DataSet, classes: int) -> tuple[int, ...]:
        found = dict.fromkeys(self.values, 0)
        for mask in _masks(data):
            for value, count in zip(*np.unique(mask, return_counts=True), strict=True):
                if int(value) in found:
                    found[int(value)] += int(count)
        return tuple(found.values())

    def pictures(self, found: Mapping[str, Sequence[Any]], loader: Loader, networks: Networks) -> dict[str, Any]:
        from augfuse.targets.paint import painted

        steps = spread(len(loader))
        batches = [loader.fetch(0, step) for step in steps]
        masks = [[self._numbers(batch)[0] for batch in batches]]
        words = [["truth"] * len(steps)]
        for arm, seeds in found.items():
            network = networks(arm)
            masks.append([network.predict(batch.images)[0].argmax(axis=-1) for batch in batches])
            words.append([f"{arm}: mean IoU {metrics.mean_iou(seeds[0].confusion[step]):.1%}" for step in steps])
        images = []
        for i, batch in enumerate(batches):
            image = as_rgb(batch.pixels()[0])
            # What is not looked at has the last colour.
            drawn = [np.where(one[i] < 0, len(self.values), one[i]) for one in masks]
            pictures = (painted(image, {"mask": mask}, {"mask": "mask"}, "pascal_voc") for mask in drawn)
            images.append(shown_image(batch, pictures, (one[i] for one in words)))
        return {"shown": tuple(images)}

    def sections(self, result: Comparison) -> tuple[Section, ...]:
        from augfuse.experiment.records import ARMS
        from augfuse.experiment.report import classes_page

        note = (
            "IoU: of the pixels that are of a class or are predicted to be, the share that both are; over all test "
            "images together, at the size of the network's input. Precision: of the pixels predicted as the class, "
            "the share that is; recall: of its pixels, the share that was found. A dash: neither there nor predicted."
        )
        scores = {arm: metrics.per_pixel_class(classes_page.confusion_mean(self, result, arm)) for arm in ARMS}
        columns = {arm: {"IoU": s.iou, "precision": s.precision, "recall": s.recall} for arm, s in scores.items()}
        return (
            ("predictions", "Predictions", lambda: classes_page.predictions(result)),
            ("classes", "Scores of each class", lambda: classes_page.scores(result, columns, "IoU", note)),
            ("confusion", "Confusion matrix", lambda: classes_page.confusion(self, result)),
        )

    def report(self, result: Comparison, arm: str) -> dict[str, Any]:
        from augfuse.experiment.report import classes_page

        confusion = classes_page.confusion_mean(self, result, arm)
        scores = metrics.per_pixel_class(confusion)
        return {
            "classes": [
                {"class": name, "iou": float(iou), "precision": float(p), "recall": float(r), "pixels": int(count)}
                for name, iou, p, r, count in zip(result.facts.classes, *scores, strict=True)
            ],
            "confusion": confusion.tolist(),
        }


def _masks(data: DataSet) -> Iterator[np.ndarray]:
    """All masks of a data set, (h, w) whole numbers each. Raises DataError, DecodeError."""
    for place, sample in enumerate(samples(data)):
        mask, size = np.asarray(sample.targets["mask"]), sample.image.shape[:2]
        if mask.dtype.kind not in "iub" or mask.shape not in (size, (*size, 1)):
            where = f"sample {place}" if sample.path is None else printable(sample.path)
            raise DataError(
                f"{where}: got a mask {mask.dtype} {mask.shape} for an image {sample.image.shape}, wanted whole "
                "numbers (h, w), one class for each pixel. Type mask.astype(np.uint8) where they are whole."
            )
        yield mask.reshape(size)


def _classes(found: set[int], names: tuple[str, ...] | None, path: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The mask value of each class, and the names of the classes."""
    values = sorted(found) if found <= {0, IGNORE} else sorted(found - {IGNORE})
    if values and values[0] < 0:
        raise DataError(f"{path}: a mask has {values[0]}, wanted class numbers of 0 or more.")
    if names is not None and not (found <= {0, IGNORE} and len(names) == 2):
        if values and values[-1] == len(names):
            names = ("background", *names)  # as in Pascal VOC, whose names are those of the objects
        if values and values[-1] >= len(names):
            raise DataError(
                f"{path}: a mask has {values[-1]}, and there are {len(names)} classes ({_listed(names)}), wanted "
                f"numbers 0..{len(names) - 1}, or {IGNORE} for what is not looked at. Give "
                "data.with_classes(names) all of them."
            )
        values = list(range(len(names)))
    if len(values) < 2:
        raise DataError(f"{path}: its masks have {_listed(values) or 'nothing'}, wanted at least two classes.")
    if len(values) > _MOST_CLASSES:
        raise DataError(
            f"{path}: its masks have {len(values)} values, wanted at most {_MOST_CLASSES} classes. Are they numbers of "
            "objects, or depths?"
        )
    return tuple(values), names if names is not None and len(names) == len(values) else tuple(map(str, values))


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(shown, values[:12])) + (", ..." if len(values) > 12 else "")


SEGMENTATION = Segmentation()
