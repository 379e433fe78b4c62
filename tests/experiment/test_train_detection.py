"""Training with boxes: what a network is given, how it is scored, what the report shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("pycocotools", reason="needs the extra: pip install 'augfuse[detection]'")

import keras

import augfuse as af
from augfuse.experiment.data_argument import parts_from
from augfuse.experiment.network.network import Network
from augfuse.experiment.run_job import Outcome
from augfuse.experiment.tasks import centers
from augfuse.experiment.tasks.average_precision import Precisions
from augfuse.experiment.tasks.box_evaluation import BoxEvaluation
from blocks import NAMES, SHAPE, Blocks, blocks
from comparisons import read_page

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

RECIPE = af.Recipe([af.HorizontalFlip(), af.Brightness(0.1), af.ToFloat()])
PLAIN = af.Recipe([af.ToFloat()])


class Knowing:
    """Answers with a map that is right about the images of a data set, in their order, as surely as `logit` says."""

    def __init__(self, found: Blocks, grid: tuple[int, int] = (24, 32), logit: float = 6.0) -> None:
        scale = np.array([32, 24, 32, 24], np.float32)
        y, x = (np.mgrid[: grid[0], : grid[1]] + 0.5) / np.array(grid)[:, None, None]
        maps = []
        for boxes, labels in zip(found.boxes, found.labels, strict=True):
            truth = centers.drawn(np.array(boxes, np.float32) / scale, np.array(labels), 2, grid)
            sides = truth[..., 2:6]
            far = np.stack([x - sides[..., 0], y - sides[..., 1], sides[..., 2] - x, sides[..., 3] - y], axis=-1)
            far = far * np.array([grid[1], grid[0]] * 2) / 4
            said = np.where(truth[..., :2] == 1, logit, -9.0)
            maps.append(np.concatenate([said, np.log(np.maximum(far, 1e-3))], axis=-1))
        self.left = np.stack(maps).astype(np.float32)

    def predict(self, images: np.ndarray) -> np.ndarray:
        said, self.left = self.left[: len(images)], self.left[len(images) :]
        return centers.CenterHead(2).predictions(said)


def evaluated(found: Blocks, network: Any, **targets: Any) -> BoxEvaluation:
    data = found.data("boxes", "box_labels").with_targets(**targets)
    parts = parts_from((data, data), "detection")
    return parts.task.evaluate(network, af.Loader(parts.train, PLAIN, batch_size=4, training=False, workers=0))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    sets = [blocks(n, seed).data("boxes", "box_labels").with_classes(NAMES) for n, seed in ((32, 0), (10, 1))]
    return af.train(
        tuple(sets),
        RECIPE,
        epochs=4,
        seeds=1,
        batch_size=8,
        learning_rate=0.01,
        out=tmp_path_factory.mktemp("runs"),
        progress=False,
    )


def coco_of(folder: Path, found: BoxEvaluation) -> float:
    """AP as pycocotools gives it for files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(counts: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
        images = np.repeat(np.arange(len(counts)), counts)
        return [
            {
                "image_id": int(i) + 1,
                "category_id": int(k) + 1,
                "bbox": [float(x), float(y), float(w - x), float(h - y)],
            }
            for i, (x, y, w, h), k in zip(images, boxes, labels, strict=True)
        ]

    true = rows(found.true_counts, found.true_boxes, found.true_labels)
    for i, one in enumerate(true, 1):
        one |= {"id": i, "area": one["bbox"][2] * one["bbox"][3], "iscrowd": 0}
    said = rows(found.counts, found.boxes, found.labels)
    for one, score in zip(said, found.scores, strict=True):
        one["score"] = float(score)
    images = [{"id": i + 1, "height": 24, "width": 32} for i in range(len(found.counts))]
    truth = {"info": {}, "images": images, "categories": [{"id": 1}, {"id": 2}], "annotations": true}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "said.json").write_text(json.dumps(said))
    gold = COCO(str(folder / "truth.json"))
    scored = COCOeval(gold, gold.loadRes(str(folder / "said.json")), "bbox")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    return float(scored.stats[0])


@pytest.mark.slow(reason="trains a network")
def test_a_run_learns_and_says_how_well(finished: Outcome, tmp_path: Path) -> None:
    assert finished.metric == "AP"
    assert max(finished.test_score.values()) > 0
    data = json.loads((finished.folder / "report.json").read_text(encoding="utf-8"))
    assert (data["task"], data["data"]["counted"]) == ("detection", "boxes")
    assert data["data"]["test_images"] == 10
    assert data["data"]["test_counts"] == np.bincount(np.concatenate(blocks(10, 1).labels)).tolist()
    for arm in ("plain", "augmented"):
        assert data["arms"][arm]["test_ap"] == pytest.approx(finished.test_score[arm])
        assert [one["class"] for one in data["arms"][arm]["classes"]] == list(NAMES)
        (found,) = finished.comparison.evaluations_of(arm)
        assert finished.test_score[arm] == pytest.approx(coco_of(tmp_path, found), abs=1e-9)
    interval = finished.comparison.interval
    assert interval.kind == "bootstrap over test images"
    assert interval.low <= interval.high
    assert finished.comparison.exported.max_difference < 1e-4


def test_the_page_shows_boxes_and_classes(finished: Outcome) -> None:
    page = read_page(finished.report)
    assert {"predictions", "classes", "curves", "samples"} <= set(page.ids)
    assert {"mistakes", "calibration", "training", "confusion"}.isdisjoint(page.ids)
    assert sum("truth: 2 boxes" in alt for alt in page.alts) == 8
    assert "AP75" in page.text and "accuracy" not in page.text
    truth = finished.comparison.shown[0].pictures[0]
    assert truth.shape == SHAPE
    assert not np.array_equal(truth, blocks(10, 1).images[0]), "the boxes are drawn over the image"


def test_the_saved_model_takes_raw_images(finished: Outcome) -> None:
    model: Any = keras.models.load_model(finished.model)
    said = model.predict(blocks(10, 1).images, verbose=0)
    assert said.shape == (10, 6, 8, 6)
    exported = finished.comparison.exported
    (found,) = finished.comparison.evaluations_of(exported.arm)
    boxes, scores, _ = centers.detected(said[0])
    assert len(boxes) == found.counts[0]
    assert scores == pytest.approx(found.scores[: len(scores)], abs=1e-4)
    assert exported.test_accuracy == pytest.approx(finished.test_score[exported.arm], abs=1e-3)


# --- truth, predictions and scores ---


def test_a_network_that_knows_everything_has_an_ap_of_one() -> None:
    found = evaluated(blocks(9, 3), Knowing(blocks(9, 3)))
    precisions = Precisions(found, 2)
    assert precisions.overall() == pytest.approx(1)
    assert found.counts.tolist() == [2] * 9
    np.testing.assert_allclose(np.sort(found.boxes, axis=0), np.sort(found.true_boxes, axis=0), atol=1e-3)


def test_scores_of_resampled_images_are_those_of_the_images(tmp_path: Path) -> None:
    right, wrong = blocks(8, 3), blocks(8, 4)
    mixed = Blocks(
        right.images, right.masks, [*right.boxes[:5], *wrong.boxes[5:]], [*right.labels[:5], *wrong.labels[5:]]
    )
    found = evaluated(right, Knowing(mixed))
    precisions = Precisions(found, 2)
    assert 0.2 < precisions.overall() < 0.9
    assert precisions.overall() == pytest.approx(coco_of(tmp_path, found), abs=1e-9)
    assert precisions.overall(np.arange(8)) == pytest.approx(precisions.overall())
    assert precisions.overall(np.arange(5)) == pytest.approx(1)
    assert precisions.overall(np.array([0, 0, 1, 2, 2, 2])) == pytest.approx(1)
    assert precisions.overall(np.array([5, 6, 7])) < 0.2
    classes = precisions.of_classes()
    assert np.mean(classes["AP"]) == pytest.approx(precisions.overall())
    assert (classes["AP50"] >= classes["AP"]).all()


def test_difficult_boxes_count_neither_way() -> None:
    found = blocks(8, 3)
    nothing = Blocks(found.images, found.masks, [b[:1] for b in found.boxes], [label[:1] for label in found.labels])
    missed = evaluated(found, Knowing(nothing))
    assert Precisions(missed, 2).overall() < 0.9, "half of the boxes are not found"
    aside = evaluated(found, Knowing(nothing), difficult=[np.array([False, True])] * 8)
    assert Precisions(aside, 2).overall() == pytest.approx(1)
    found_too = evaluated(found, Knowing(found), difficult=[np.array([False, True])] * 8)
    assert Precisions(found_too, 2).overall() == pytest.approx(1)


def test_an_image_without_boxes_has_a_truth() -> None:
    data = af.from_arrays(blocks(4, 0).images).with_targets(
        boxes=[[], [[1, 2, 9, 9]], [], []], box_labels=[[], [1], [], []]
    )
    parts = parts_from((data, data), "detection")
    network = Network(parts.task.network(SHAPE, 2, parts.task.widths), 2, task=parts.task)
    (batch,) = af.Loader(parts.train, PLAIN, batch_size=4, training=False)
    truth, _ = network.truth(batch)
    assert truth.shape == (4, 6, 8, 7)
    assert truth[0].max() == 0 and truth[1].max() == 1
    assert np.isfinite(network.train_step(batch.images, truth))
    found = parts.task.evaluate(network, af.Loader(parts.train, PLAIN, training=False))
    assert found.finite and found.true_counts.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("form", ["pascal_voc", "coco", "yolo", "normalized", "oriented"])
def test_boxes_of_all_formats_are_understood(form: Any) -> None:
    data = blocks(4, 0).data("boxes", "box_labels")
    recipe = af.Recipe([af.HorizontalFlip(p=1), af.ToFloat()], box_format=form)
    parts = parts_from((data, data), "detection")
    network = Network(parts.task.network(SHAPE, 2, parts.task.widths), 2, task=parts.task)
    truths = [
        network.truth(af.Loader(parts.train, one, batch_size=4, seed=0).fetch(0, 0))[0]
        for one in (recipe, af.Recipe(recipe.transforms))
    ]
    np.testing.assert_allclose(truths[0], truths[1], atol=1e-4)


def test_the_loss_is_least_where_all_is_right() -> None:
    found = blocks(4, 0)
    surest, unsure, other = (
        evaluated(found, Knowing(b, logit=logit)).losses.mean()
        for b, logit in ((found, 9.0), (found, 0.0), (blocks(4, 9), 9.0))
    )
    assert surest < 0.1 < unsure < other


def test_of_boxes_that_overlap_the_surest_is_kept() -> None:
    said = np.zeros((1, 4, 5), np.float32)
    said[0, :, :4] = [(0.1, 0.1, 0.5, 0.5), (0.12, 0.1, 0.52, 0.5), (0.6, 0.6, 0.9, 0.9), (0, 0, 1, 1)]
    said[0, :, 4] = (0.7, 0.9, 0.3, 0.01)
    boxes, scores, labels = centers.detected(said)
    np.testing.assert_allclose(boxes, said[0, [1, 2], :4])
    assert scores.tolist() == pytest.approx([0.9, 0.3])
    assert labels.tolist() == [0, 0]
    assert [len(one) for one in centers.detected(np.zeros((3, 3, 6), np.float32))] == [0, 0, 0]


@pytest.mark.parametrize("shape", [(24, 32, 3), (33, 50, 1), (128, 96, 3)])
def test_the_network_takes_images_of_any_size(shape: tuple[int, int, int]) -> None:
    build = centers.centers_builder(shape, 3, (4, 8, 8, 8))
    one, two = build(7), build(7)
    assert one.output_shape == (None, -(-shape[0] // 4), -(-shape[1] // 4), 7)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))


# --- what is refused ---


def test_boxes_that_cannot_be_used_are_refused() -> None:
    found = blocks(4, 0)
    with pytest.raises(af.DataError, match=r"its images have mask; a detection takes boxes"):
        parts_from(found.data("mask"), "detection")
    with pytest.raises(af.DataError, match="there is not one box in it"):
        parts_from(found.data().with_targets(boxes=[[]] * 4, box_labels=[[]] * 4), "detection")
    with pytest.raises(af.DataError, match="a box has the class 1, and there are 1 names"):
        parts_from(found.data("boxes", "box_labels").with_classes(["red"]), "detection")
    with pytest.raises(af.DataError, match=r"sample 0: got box_labels <U3 \(1,\), wanted class numbers"):
        parts_from(found.data("boxes").with_targets(box_labels=[["red"]] * 4), "detection")
    assert parts_from(found.data("boxes"), "detection").classes == ("object",), "boxes without classes"


def test_models_of_another_kind_are_refused() -> None:
    task = parts_from(blocks(4, 0).data("boxes", "box_labels"), "detection").task

    def model(outputs: int) -> Any:
        return keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(outputs, 3, 4, "same")])

    assert task.read_head(model(6), 2) is not None
    with pytest.raises(af.DataError, match=r"gives \(None, 6, 8, 5\), wanted \(None, rows, columns, 6\)"):
        task.read_head(model(5), 2)
    compiled = model(6)
    compiled.compile("adam", "mse")
    with pytest.raises(af.DataError, match="a detection brings its loss"):
        task.read_head(compiled, 2)
    with pytest.raises(af.RangeError, match=r"--class-weights: a detection has none"):
        af.train(blocks(12, 0).data("boxes", "box_labels"), class_weights=True, progress=False)


def test_the_task_is_what_the_data_holds_or_what_is_asked_for() -> None:
    found = blocks(4, 0)
    every = found.data("mask", "boxes", "box_labels")
    assert parts_from((every, every)).task.name == "segmentation"
    assert parts_from((every, every), "detection").task.name == "detection"
    labelled = every.with_labels(np.array([0, 1, 0, 1]))
    assert parts_from((labelled, labelled)).task.name == "classification"
    assert parts_from((labelled, labelled), "segmentation").task.name == "segmentation"
    with pytest.raises(af.DataError, match="got a data set without labels, wanted class numbers"):
        parts_from((every, every), "classification")
    with pytest.raises(af.RangeError, match=r"--task: got 'detect', wanted one of .* Did you mean 'detection'"):
        af.train(every, task="detect", progress=False)  # type: ignore[arg-type]
    with pytest.raises(af.DataError, match="--task detection: the digits have a class each"):
        af.train(task="detection", progress=False)


def test_held_out_images_keep_the_share_of_each_class() -> None:
    found = blocks(40, 5)
    parts = parts_from(found.data("boxes", "box_labels"))
    assert (len(parts.train), len(parts.test)) == (32, 8)
    whole, held = (np.array(parts.task.counts(data, 2)) for data in (found.data("boxes", "box_labels"), parts.test))
    assert np.abs(held - whole / 5).max() <= 2
    assert "20% of each class were held out" in parts.description
