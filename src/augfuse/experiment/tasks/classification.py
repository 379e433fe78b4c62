"""One class for each image: accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import msgspec
import numpy as np

from augfuse.data.open import require_classes
from augfuse.errors import DataError
from augfuse.experiment import evaluation, metrics
from augfuse.experiment.evaluation import Evaluation, Predicting
from augfuse.experiment.metrics import Interval, Score
from augfuse.experiment.network.head import ClassHead, read_head
from augfuse.experiment.tasks.cnn import DENSE, DROPOUT, cnn_builder
from augfuse.experiment.tasks.task import Networks, Section, Sets, Settled, Shape, Task
from augfuse.frameworks import KerasModel

if TYPE_CHECKING:
    from augfuse.batch import Batch
    from augfuse.data.batches.loader import Loader
    from augfuse.data.dataset import DataSet
    from augfuse.experiment.records import Comparison


@final
@dataclass(frozen=True)
class Classification(Task):
    """One class for each image."""

    name: ClassVar[str] = "classification"
    metric: ClassVar[str] = "accuracy"
    counted: ClassVar[str] = "images"
    predicts: ClassVar[str] = "{classes} probabilities"
    found: ClassVar[type[Any]] = Evaluation
    widths: ClassVar[tuple[int, ...]] = (32, 64, 128)
    one_hot: ClassVar[bool] = True
    stratified: ClassVar[bool | str] = True

    def settle(self, sets: Sets, classes: tuple[str, ...] | None, path: str) -> Settled:
        require_classes(sets.values(), path, "a classification")
        assert classes is not None
        if len(classes) < 2:
            raise DataError(f"{path}: got {len(classes)} class, wanted at least two.")
        return Settled(self, sets, classes)

    def network(self, shape: Shape, classes: int, widths: Sequence[int]) -> Callable[[int], Any]:
        return cnn_builder(shape, classes, widths, dense=DENSE, dropout=DROPOUT)

    def read_head(self, model: KerasModel, classes: int) -> ClassHead:
        return read_head(model, classes)

    def truth(self, batch: Batch, classes: int, output: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
        return batch.labels, None

    def blank(
        self, count: int, classes: int, shape: Shape, output: tuple[Any, ...]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        labels = np.zeros((count, classes), np.float32)
        labels[:, 0] = 1
        return labels, None

    def evaluate(
        self, network: Predicting, loader: Loader, *, arm: str = "", seed: int = 0, steps: int | None = None
    ) -> Evaluation:
        return evaluation.evaluate(network, loader, arm=arm, seed=seed, steps=steps)

    def score(self, found: Evaluation) -> Score:
        return metrics.score(found.probabilities, found.labels)

    def resampled(self, found: Evaluation, draws: np.ndarray) -> np.ndarray:
        return (found.predicted == found.labels)[draws].mean(axis=1)

    def interval(self, plain: Sequence[Any], augmented: Sequence[Any]) -> Interval:
        right = [[one.predicted == one.labels for one in arm] for arm in (plain, augmented)]
        return metrics.paired_interval(*right)

    def confusion(self, found: Evaluation) -> np.ndarray | None:
        return metrics.confusion(found.labels, found.predicted, found.probabilities.shape[1])

    def counts(self, data: DataSet, classes: int) -> tuple[int, ...]:
        assert data.labels is not None
        return tuple(np.bincount(data.labels, minlength=classes).tolist())

    def pictures(self, found: Mapping[str, Sequence[Any]], loader: Loader, networks: Networks) -> dict[str, Any]:
        arms = (evaluation.worst_mistakes(seeds, loader) for seeds in found.values())
        return {"mistakes": tuple(mistake for arm in arms for mistake in arm)}

    def sections(self, result: Comparison) -> tuple[Section, ...]:
        from augfuse.experiment.report import classes_page

        return (
            ("classes", "Scores of each class", lambda: classes_page.per_class(result)),
            ("confusion", "Confusion matrix", lambda: classes_page.confusion(self, result)),
            ("mistakes", "Worst mistakes", lambda: classes_page.mistakes(result)),
            ("calibration", "Calibration of the probabilities", lambda: classes_page.calibration(result)),
        )

    def first_sections(self, result: Comparison) -> tuple[Section, ...]:
        from augfuse.experiment.report import classes_page

        return (("training", "Diagnosis of the training", lambda: classes_page.training(result)),)

    def remarks(self, result: Comparison) -> tuple[str, ...]:
        from augfuse.experiment import diagnosis

        return diagnosis.sentences(result)

    def report(self, result: Comparison, arm: str) -> dict[str, Any]:
        from augfuse.experiment import diagnosis
        from augfuse.experiment.report import classes_page

        names = result.facts.classes
        scores = metrics.per_class(*classes_page.pooled(result.evaluations_of(arm)), len(names))
        calibration = classes_page.overall_calibration(result, arm)

        return {
            "diagnosis": msgspec.to_builtins(diagnosis.diagnose(diagnosis.evidence(result, arm))),
            "classes": [
                {"class": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(count)}
                for label, p, r, f, count in zip(names, *scores, strict=True)
            ],
            "confusion": classes_page.square(classes_page.confusion_mean(self, result, arm)),
            "calibration": {
                "error": calibration.error,
                "bins": [
                    {"confidence": float(stated), "accuracy": float(found), "images": int(count)}
                    for stated, found, count in zip(*calibration[:3], strict=True)
                ],
            },
            "mistakes": [
                {
                    "index": mistake.index,
                    "path": mistake.path,
                    "true": names[mistake.truth],
                    "said": names[mistake.said],
                    "probability": mistake.probability,
                    "seeds": mistake.seeds,
                }
                for mistake in result.mistakes
                if mistake.arm == arm
            ],
        }


CLASSIFICATION = Classification()
