"""Boxes: COCO's average precision, by pycocotools."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.display.pages import as_rgb
from augfuse.errors import DataError, MissingExtraError
from augfuse.experiment.backend import load_keras
from augfuse.experiment.evaluation import Predicting, evaluation_batches
from augfuse.experiment.metrics import Score
from augfuse.experiment.setup.run_recipe import default_recipe
from augfuse.experiment.tasks import average_precision as ap
from augfuse.experiment.tasks import centers
from augfuse.experiment.tasks.box_evaluation import BoxEvaluation
from augfuse.experiment.tasks.centers import CenterHead
from augfuse.experiment.tasks.task import Networks, Section, Sets, Settled, Shape, Task, samples, shown_image, spread
from augfuse.frameworks import KerasModel
from augfuse.targets.boxes import corners_of
from augfuse.targets.policy import Targets
from augfuse.text import printable

if TYPE_CHECKING:
    from augfuse.batch import Batch
    from augfuse.data.batches.loader import Loader
    from augfuse.data.dataset import DataSet
    from augfuse.experiment.records import Comparison
    from augfuse.recipe import Recipe


_SHOWN = 0.3  # boxes of at least this score are drawn
# Boxes that COCO and Pascal VOC do not count, whether they are found or not.
_NOT_COUNTED = ("crowd", "difficult")


@final
@dataclass(frozen=True)
class Detection(Task):
    """Boxes with classes. classes: how many."""

    classes: int = 1

    name: ClassVar[str] = "detection"
    metric: ClassVar[str] = "AP"
    counted: ClassVar[str] = "boxes"
    predicts: ClassVar[str] = (
        "for each of many places a box (x1, y1, x2, y2 as fractions of the image) and scores of {classes} classes, "
        "before non-maximum suppression, which cv2.dnn.NMSBoxesBatched does"
    )
    found: ClassVar[type[Any]] = BoxEvaluation
    widths: ClassVar[tuple[int, ...]] = (16, 32, 64, 96)
    stratified: ClassVar[bool | str] = "box_labels"
    weighs_classes: ClassVar[bool] = False
    photo_size: ClassVar[tuple[int, int]] = (192, 192)
    rounds: ClassVar[int] = 200

    def settle(self, sets: Sets, classes: tuple[str, ...] | None, path: str) -> Settled:
        if importlib.util.find_spec("pycocotools") is None:
            raise MissingExtraError(
                "a detection is scored by pycocotools, which is not installed here. Type: "
                'pip install "augfuse[detection]"'
            )
        most = -1
        given = dict(sets)
        for name, data in sets.items():
            held = data.table.targets
            if "boxes" not in held:
                raise DataError(
                    f"{path}: its images have {', '.join(held) or 'no targets'}; a detection takes boxes for each "
                    "image. Type data.with_targets(boxes=boxes, box_labels=labels)."
                )
            if "box_labels" not in held:
                ones = [np.zeros(len(sample.targets["boxes"]), np.int64) for sample in samples(data)]
                data = given[name] = data.with_targets(box_labels=ones)
            most = max(most, _most(data))
        if most < 0:
            raise DataError(f"{path}: there is not one box in it.")
        names = classes or (("object",) if most == 0 else tuple(map(str, range(most + 1))))
        if most >= len(names):
            raise DataError(
                f"{path}: a box has the class {most}, and there are {len(names)} names, wanted 0..{len(names) - 1}. "
                "Give data.with_classes(names) all of them."
            )
        return Settled(Detection(len(names)), given, names)

    def recipe(self, size: tuple[int, int] | None, channels: int) -> Recipe:
        import msgspec

        from augfuse.transforms import Rotate

        mild = default_recipe(size, channels)
        # A box around a turned box is looser than the object.
        kept = tuple(one for one in mild.transforms if not isinstance(one, Rotate))
        return msgspec.structs.replace(mild, transforms=kept, targets=Targets(min_visibility=0.25))

    def network(self, shape: Shape, classes: int, widths: Sequence[int]) -> Callable[[int], Any]:
        return centers.centers_builder(shape, classes, widths)

    def read_head(self, model: KerasModel, classes: int) -> CenterHead:
        return centers.read_centers(model, classes)

    def truth(self, batch: Batch, classes: int, output: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
        return _drawn(list(_boxes(batch)), batch.images.shape, classes, (int(output[1]), int(output[2]))), None

    def blank(
        self, count: int, classes: int, shape: Shape, output: tuple[Any, ...]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        return np.zeros((count, int(output[1]), int(output[2]), classes + 5), np.float32), None

    def evaluate(
        self, network: Predicting, loader: Loader, *, arm: str = "", seed: int = 0, steps: int | None = None
    ) -> BoxEvaluation:
        said: list[tuple[np.ndarray, ...]] = []
        true: list[tuple[np.ndarray, ...]] = []
        losses, sizes, indices = [], [], []
        paths: list[str] = []
        for batch in evaluation_batches(loader, steps):
            predictions = network.predict(batch.images)
            height, width = batch.images.shape[1:3]
            scale = np.array([width, height, width, height], np.float32)
            right = list(_boxes(batch))
            true += right
            for one in predictions:
                boxes, scores, labels = centers.detected(one)
                said.append((boxes * scale, scores, labels))
            sizes += [(height, width)] * len(right)
            truth = _drawn(right, batch.images.shape, self.classes, (predictions.shape[1], predictions.shape[2]))
            losses.append(_numpy(centers.losses(_tensor(truth), _tensor(predictions), self.classes)))
            indices.append(batch.indices)
            paths += map(printable, batch.paths or ())
        boxes, scores, labels = (np.concatenate(column) for column in zip(*said, strict=True))
        true_boxes, true_labels, aside = (np.concatenate(column) for column in zip(*true, strict=True))
        return BoxEvaluation(
            arm=arm,
            seed=seed,
            counts=np.array([len(one[0]) for one in said]),
            boxes=boxes,
            scores=scores,
            labels=labels,
            true_counts=np.array([len(one[0]) for one in true]),
            true_boxes=true_boxes,
            true_labels=true_labels,
            aside=aside,
            losses=np.concatenate(losses),
            sizes=np.array(sizes),
            indices=np.concatenate(indices),
            paths=tuple(paths) or None,
        )

    def score(self, found: BoxEvaluation) -> Score:
        return Score(ap.Precisions(found, self.classes).overall(), float(found.losses.mean()))

    def resampled(self, found: BoxEvaluation, draws: np.ndarray) -> np.ndarray:
        precisions = ap.Precisions(found, self.classes)
        return np.array([precisions.overall(rows) for rows in draws])

    def counts(self, data: DataSet, classes: int) -> tuple[int, ...]:
        labels = [np.asarray(sample.targets["box_labels"], np.int64) for sample in samples(data)]
        return tuple(np.bincount(np.concatenate(labels), minlength=classes).tolist())

    def differ(self, one: np.ndarray, other: np.ndarray) -> float:
        # The sides of what is not an object may be anywhere.
        sure = np.maximum(one[..., 4:].max(axis=-1, keepdims=True), other[..., 4:].max(axis=-1, keepdims=True))
        apart = np.abs(one - other)
        return float(max(apart[..., 4:].max(), (sure * np.minimum(apart[..., :4], 1)).max()))

    def pictures(self, found: Mapping[str, Sequence[Any]], loader: Loader, networks: Networks) -> dict[str, Any]:
        steps = spread(len(loader))
        pictures = []
        for step in steps:
            batch = loader.fetch(0, step)
            image = as_rgb(batch.pixels()[0])
            ((boxes, labels, _),) = _boxes(batch)
            drawn, words = [_painted(image, boxes, labels)], [f"truth: {_number(len(boxes))}"]
            for arm, seeds in found.items():
                one = seeds[0]
                rows = slice(*np.cumsum([0, *one.counts])[[step, step + 1]])
                sure = one.scores[rows] >= _SHOWN
                drawn.append(_painted(image, one.boxes[rows][sure], one.labels[rows][sure]))
                words.append(f"{arm}: {_number(int(sure.sum()))} of at least {_SHOWN:.0%}")
            pictures.append(shown_image(batch, drawn, words))
        return {"shown": tuple(pictures)}

    def sections(self, result: Comparison) -> tuple[Section, ...]:
        from augfuse.experiment.records import ARMS
        from augfuse.experiment.report import classes_page

        note = (
            "AP: COCO's average precision, the mean over ten overlaps from 0.50 to 0.95 that a box must have with the "
            "true one (intersection over union); AP50 and AP75: at one of them. By pycocotools, at the size of the "
            "network's input, the mean over the seeds. A dash: no such box in the test part."
        )

        def columns() -> dict[str, dict[str, np.ndarray]]:
            return {arm: ap.of_classes(result.evaluations_of(arm), len(result.facts.classes)) for arm in ARMS}

        return (
            ("predictions", "Predictions", lambda: classes_page.predictions(result)),
            ("classes", "Scores of each class", lambda: classes_page.scores(result, columns(), "AP", note)),
        )

    def report(self, result: Comparison, arm: str) -> dict[str, Any]:
        names = result.facts.classes
        found = ap.of_classes(result.evaluations_of(arm), len(names))
        return {
            "classes": [
                {"class": name, **{key.lower(): float(values[number]) for key, values in found.items()}}
                for number, name in enumerate(names)
            ]
        }


def _boxes(batch: Batch) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each image: (k, 4) float32 x1, y1, x2, y2 in pixels, (k,) int64 labels, and (k,) bool what is not counted."""
    height, width = batch.images.shape[1:3]
    canvas = Canvas(np.array([height]), np.array([width]))
    for i, entry in enumerate(batch.targets["boxes"]):
        boxes = np.asarray(entry, np.float32)
        corners = corners_of(boxes, np.zeros(len(boxes), np.int64), canvas, batch.box_format)
        sides = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
        aside = np.zeros(len(boxes), bool)
        for name in _NOT_COUNTED:
            if name in batch.targets:
                aside |= np.asarray(batch.targets[name][i], bool)
        yield sides.reshape(-1, 4), np.asarray(batch.targets["box_labels"][i], np.int64).reshape(-1), aside


def _drawn(
    right: Sequence[tuple[np.ndarray, ...]], shape: tuple[int, ...], classes: int, grid: tuple[int, int]
) -> np.ndarray:
    """(n, rows, columns, classes + 5): what is right about images (n, h, w, c)."""
    scale = np.array([shape[2], shape[1]] * 2, np.float32)
    return np.stack(
        [
            centers.drawn(np.clip(boxes / scale, 0, 1)[~aside], labels[~aside], classes, grid)
            for boxes, labels, aside in right
        ]
    )


def _tensor(values: np.ndarray) -> Any:
    return load_keras().ops.convert_to_tensor(values)


def _numpy(values: Any) -> np.ndarray:
    return np.asarray(load_keras().ops.convert_to_numpy(values), np.float64)


def _most(data: DataSet) -> int:
    """The largest class number of a box, -1 without boxes. DataError for others than class numbers."""
    most = -1
    for i, sample in enumerate(samples(data)):
        labels = np.asarray(sample.targets["box_labels"])
        if len(labels) and (labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.min() < 0):
            raise DataError(
                f"sample {i}: got box_labels {labels.dtype} {labels.shape}, wanted class numbers (k,) of 0 or more. "
                "Give numbers, and their names by data.with_classes(names)."
            )
        most = max(most, int(labels.max(initial=-1)))
    return most


def _painted(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from augfuse.targets.paint import painted

    return painted(image, {"boxes": boxes, "box_labels": labels}, {"boxes": "boxes"}, "pascal_voc")


def _number(count: int) -> str:
    return f"{count} box{'' if count == 1 else 'es'}"


DETECTION = Detection()
