"""What networks say about single test images: asked, kept, and summed up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.experiment import evaluation, metrics
from augfuse.experiment.evaluation import Evaluation
from comparisons import said
from present import present
from stripes import stripes

RECIPE = af.Recipe([af.Rotate(degrees=10), af.ToFloat()])


class UpperHalf:
    """Answers by the brighter half, with the brightness as its certainty; as good a network as any."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        half = images.shape[1] // 2
        upper, lower = (part.mean(axis=(1, 2, 3)) for part in (images[:, :half], images[:, half:]))
        first = 1 / (1 + np.exp(-10 * (upper - lower)))
        return np.stack([first, 1 - first], axis=1).astype(np.float32)


def loader(data: Any, recipe: af.Recipe = RECIPE, **options: Any) -> af.Loader:
    return af.Loader(data, recipe, **({"batch_size": 8, "seed": 0, "training": False, "workers": 0} | options))


def test_evaluate_asks_for_each_image_once_and_without_augmentation() -> None:
    images, labels = stripes(30, 0)
    found = evaluation.evaluate(UpperHalf(), loader(af.from_arrays(images, labels)), arm="plain", seed=4)
    assert (found.arm, found.seed, found.paths) == ("plain", 4, None)
    assert found.probabilities.shape == (30, 2)
    assert found.probabilities.dtype == np.float32
    assert found.labels.tolist() == labels.tolist()
    assert found.indices.tolist() == list(range(30))
    wanted = UpperHalf().predict(images.astype(np.float32) / 255)
    assert np.abs(found.probabilities - wanted).max() < 1e-5
    assert (found.predicted == labels).all()


def test_evaluate_refuses_what_is_no_test() -> None:
    source = af.from_arrays(*stripes(8, 0))
    with pytest.raises(af.DataError, match="wanted training=False"):
        evaluation.evaluate(UpperHalf(), loader(source, training=True), arm="plain", seed=0)
    with pytest.raises(af.DataError, match=r"labels of shape \(8, 2\)"):
        evaluation.evaluate(UpperHalf(), loader(source, one_hot=True), arm="plain", seed=0)
    with pytest.raises(af.DataError, match="no labels"):
        evaluation.evaluate(UpperHalf(), loader(af.from_arrays(present(source.images))), arm="plain", seed=0)


def same(one: Evaluation, other: Evaluation) -> bool:
    arrays = ("probabilities", "labels", "indices")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    return equal and (one.arm, one.seed, one.paths) == (other.arm, other.seed, other.paths)


def test_predictions_are_kept(tmp_path: Path) -> None:
    found = said("augmented", 7, np.arange(20) < 15, 3)
    path = evaluation.save(found, tmp_path)
    assert path == tmp_path / "predictions" / "augmented-7.npz"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    loaded = evaluation.load(tmp_path, "augmented", 7)
    assert same(loaded, found)
    assert loaded.probabilities.dtype == np.float32
    nameless = replace(found, paths=None)
    evaluation.save(nameless, tmp_path)
    assert same(evaluation.load(tmp_path, "augmented", 7), nameless)
    with np.load(path) as file:  # readable without augfuse
        assert set(file) == {"probabilities", "labels", "indices", "paths"}


def test_predictions_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match=r"plain-0\.npz: no such file"):
        evaluation.load(tmp_path, "plain", 0)
    path = evaluation.save(said("plain", 0, np.ones(4, bool), 2), tmp_path)
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(broken)
        with pytest.raises(af.DataError, match=r"plain-0\.npz: not a file of predictions"):
            evaluation.load(tmp_path, "plain", 0)
    np.savez(path, probabilities=np.zeros((4, 2)))
    with pytest.raises(af.DataError, match="not a file of predictions"):
        evaluation.load(tmp_path, "plain", 0)


def test_worst_mistakes_are_those_of_the_mean_with_their_pictures() -> None:
    images, labels = stripes(12, 1)
    source = af.from_arrays(images, labels)
    base = said("plain", 0, np.ones(12, bool), 2)
    wrong = {3: (0.95, 0.85), 4: (0.6, 0.7), 8: (0.99, 0.05)}  # of a wrong class, by two seeds; 8 is right on average?
    seeds = []
    for seed in range(2):
        probabilities = base.probabilities.copy()
        for row, stated in wrong.items():
            probabilities[row, 1 - labels[row]] = stated[seed]
            probabilities[row, labels[row]] = 1 - stated[seed]
        seeds.append(replace(base, seed=seed, probabilities=probabilities, labels=labels))
    found = evaluation.worst_mistakes(seeds, loader(source, batch_size=1))
    assert [(m.index, m.seeds) for m in found] == [(3, 2), (4, 2), (8, 1)]
    assert [m.probability for m in found] == pytest.approx([0.90, 0.65, 0.52])
    assert [m.truth_probability for m in found] == pytest.approx([0.10, 0.35, 0.48])
    assert [(m.truth, m.said) for m in found] == [(labels[i], 1 - labels[i]) for i in (3, 4, 8)]
    assert all(np.array_equal(m.picture, images[m.index]) for m in found)
    assert found[0].path == base.paths[3]  # type: ignore[index]
    assert len(evaluation.worst_mistakes(seeds, loader(source, batch_size=1), limit=2)) == 2
    assert evaluation.worst_mistakes([replace(base, labels=base.predicted)], loader(source, batch_size=1)) == ()


def test_seeds_of_different_images_are_not_mixed() -> None:
    one = said("plain", 0, np.ones(6, bool), 2)
    other = replace(one, seed=1, indices=one.indices[::-1])
    with pytest.raises(af.DataError, match="seeds 0 and 1: not of the same test images"):
        evaluation.together([one, other])


def test_pictures_of_many_channels_can_be_shown() -> None:
    rng = np.random.default_rng(0)
    source = af.from_arrays(rng.integers(0, 255, (6, 8, 8, 5), dtype=np.uint8), np.arange(6) % 2)
    base = said("plain", 0, np.zeros(6, bool), 2)
    found = evaluation.worst_mistakes([base], loader(source, af.Recipe([af.ToFloat()]), batch_size=1))
    assert {m.picture.shape for m in found} == {(8, 8, 3)}


def test_values_as_fed_are_those_of_the_batches() -> None:
    images, labels = stripes(40, 3)
    fed = evaluation.as_fed("test", loader(af.from_arrays(images, labels)))
    values = images.astype(np.float64) / 255
    assert (fed.part, fed.images) == ("test", 40)
    assert (fed.low, fed.high) == pytest.approx((values.min(), values.max()))
    assert fed.mean == pytest.approx(values.mean(axis=(0, 1, 2)))
    assert fed.std == pytest.approx(values.std(axis=(0, 1, 2)), rel=1e-5)
    assert evaluation.as_fed("test", loader(af.from_arrays(images, labels)), limit=20).images == 16
    assert evaluation.as_fed("test", loader(af.from_arrays(images, labels)), limit=1).images == 8


# --- the numbers made of them ---


def test_per_class_scores_follow_their_definition() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    answers = np.array([0, 0, 1, 1, 0, 2, 2, 2])
    found = metrics.per_class(labels, answers, 4)
    assert found.precision[:3] == pytest.approx([2 / 3, 1 / 2, 1])
    assert found.recall[:3] == pytest.approx([2 / 3, 1 / 2, 1])
    assert found.f1[:3] == pytest.approx([2 / 3, 1 / 2, 1])
    assert found.support.tolist() == [3, 2, 3, 0]
    assert np.isnan([found.precision[3], found.recall[3], found.f1[3]]).all()  # never said, never there


def test_calibration_of_what_is_stated_truly() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(0.5, 1, 200_000)
    labels = (rng.random(200_000) > stated).astype(np.int64)
    found = metrics.calibration(np.stack([stated, 1 - stated], axis=1), labels)
    assert found.error < 0.005
    assert found.counts[:5].tolist() == [0] * 5
    assert np.isnan(found.accuracy[:5]).all()
    assert found.accuracy[5:] == pytest.approx([0.55, 0.65, 0.75, 0.85, 0.95], abs=0.01)


def test_calibration_error_is_the_mean_distance() -> None:
    # Ten answers at 0.95 of which seven are right, ten at 0.60 of which nine are: 0.25 and 0.30 apart.
    stated = np.array([0.95] * 10 + [0.60] * 10)
    labels = np.array([0] * 7 + [1] * 3 + [0] * 9 + [1])
    found = metrics.calibration(np.stack([stated, 1 - stated], axis=1), labels)
    assert found.error == pytest.approx(0.275)
    # 0.60 is the upper edge of its bin, 1.0 of the last one.
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 10, 0, 0, 0, 10]
    certain = metrics.calibration(np.array([[1.0, 0.0]]), np.array([0]))
    assert certain.counts[-1] == 1
    assert certain.error == 0


def test_confident_mistakes_come_in_order() -> None:
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2], [0.4, 0.6]])
    labels = np.array([1, 1, 1, 0])
    assert metrics.confident_mistakes(probabilities, labels, 10).tolist() == [0, 2, 3]
    assert metrics.confident_mistakes(probabilities, labels, 1).tolist() == [0]
