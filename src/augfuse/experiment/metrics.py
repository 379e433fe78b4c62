"""Numbers of the comparison: accuracy, loss, the paired interval and the verdict drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

CONFIDENCE = 0.95
BOOTSTRAP_ROUNDS = 4000
CALIBRATION_BINS = 10


class Score(NamedTuple):
    """How one network does on one part of the data. value: the metric of the task, a fraction in which more is
    better; of a classification the accuracy."""

    value: float
    loss: float


class Interval(NamedTuple):
    """A paired difference (augmented minus plain, of the metric on the test part) with its interval.

    `kind` is "t over seeds" or "bootstrap over test images"; `samples` counts the seeds or the test images.
    """

    mean: float
    low: float
    high: float
    kind: str
    samples: int
    confidence: float = CONFIDENCE


class ClassScores(NamedTuple):
    """Scores per class, (classes,) float64 each: NaN if undefined, because the class was never predicted or never
    occurs. `support` counts the images."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


class PixelScores(NamedTuple):
    """Scores per class, (classes,) float64 each: NaN for a class that is neither in the masks nor predicted. `support`
    counts the pixels."""

    iou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    support: np.ndarray


class Calibration(NamedTuple):
    """Reliability of the highest probability: per bin its mean and the accuracy.

    Bins are equally wide over 0..1, each with its upper edge; empty ones are NaN. `error` is the expected calibration
    error: the mean over all predictions of the difference between the two in their bin.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float


def score(probabilities: np.ndarray, labels: np.ndarray) -> Score:
    """Accuracy and mean cross-entropy of (n, classes) probabilities against (n,) class numbers."""
    from sklearn.metrics import accuracy_score, log_loss

    classes = np.arange(probabilities.shape[1])
    # float32 softmax rows sum to 1 within 1e-6; log_loss wants them closer than that.
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    accuracy = accuracy_score(labels, probabilities.argmax(axis=1))
    return Score(float(accuracy), float(log_loss(labels, exact, labels=classes)))


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) int64 counts; rows are the true classes."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, predicted, labels=np.arange(classes)).astype(np.int64)


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: int) -> ClassScores:
    """Precision, recall, F1 and the number of images of each class, from (n,) class numbers."""
    from sklearn.metrics import precision_recall_fscore_support

    undefined: Any = np.nan  # scikit-learn's annotation knows only its words, such as "warn"
    precision, recall, f1, support = (
        np.asarray(values)
        for values in precision_recall_fscore_support(
            labels, predicted, labels=np.arange(classes), zero_division=undefined
        )
    )
    return ClassScores(precision, recall, f1, support)


def per_pixel_class(confusion: np.ndarray) -> PixelScores:
    """Intersection over union, precision and recall of each class, from (classes, classes) counts of pixels whose rows
    are the true classes: scikit-learn's, of one pair of classes for each cell, weighed by its count."""
    from sklearn.metrics import jaccard_score, precision_recall_fscore_support

    classes = np.arange(len(confusion))
    truth, said = (axis.ravel() for axis in np.meshgrid(classes, classes, indexing="ij"))
    weights = confusion.ravel().astype(np.float64)
    undefined: Any = np.nan  # scikit-learn's annotations know only words
    every, none = cast(Any, None), cast(Any, 0)
    support = confusion.sum(axis=1)
    there = (support + confusion.sum(axis=0)) > 0
    iou = np.full(len(classes), np.nan)
    if there.any():
        iou[there] = jaccard_score(
            truth, said, labels=classes[there], average=every, sample_weight=weights, zero_division=none
        )
    precision, recall, _, _ = precision_recall_fscore_support(
        truth, said, labels=classes, sample_weight=weights, zero_division=undefined
    )
    return PixelScores(iou, np.asarray(precision), np.asarray(recall), support)


def mean_iou(confusion: np.ndarray) -> float:
    """The mean over the classes that are there or were predicted, from (classes, classes) counts of pixels."""
    return float(np.nanmean(per_pixel_class(confusion).iou))


def calibration(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> Calibration:
    """The reliability of the highest of (n, classes) probabilities."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = np.where(counts > 0, counts, np.nan)
    stated = np.bincount(place, weights=confidence, minlength=bins) / filled
    found = np.bincount(place, weights=right, minlength=bins) / filled
    error = float(np.nansum(counts * np.abs(stated - found)) / counts.sum())
    return Calibration(stated, found, counts, error)


def confident_mistakes(probabilities: np.ndarray, labels: np.ndarray, limit: int) -> np.ndarray:
    """The rows of (n, classes) probabilities whose prediction is wrong, the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:limit]


def paired_interval(plain: Sequence[np.ndarray], augmented: Sequence[np.ndarray]) -> Interval:
    """The difference augmented - plain of the test accuracy, with a 95 % paired interval.

    Both arguments hold one bool array per seed: which test images were classified correctly. With two seeds or more
    the interval is Student's t over the per-seed differences. With one seed nothing is known about the spread over
    seeds, and the interval is a percentile bootstrap over the test images, resampled together for both arms.
    """
    differences = np.array([a.mean() - p.mean() for p, a in zip(plain, augmented, strict=True)], dtype=np.float64)
    if len(differences) >= 2:
        return t_interval(differences)
    per_image = augmented[0].astype(np.float64) - plain[0].astype(np.float64)
    rng = np.random.default_rng(0)
    # A resample of n values out of {-1, 0, 1} is a multinomial count of the three: no (rounds, n) array is needed.
    values = np.array([-1.0, 0.0, 1.0])
    shares = np.array([(per_image == value).mean() for value in values])
    counts = rng.multinomial(len(per_image), shares, size=BOOTSTRAP_ROUNDS)
    means = counts @ values / len(per_image)
    return bootstrap_interval(float(per_image.mean()), means, len(per_image))


def draws(images: int, rounds: int) -> np.ndarray:
    """(rounds, images) int64: which images make each resample of a bootstrap; always the same ones."""
    return np.random.default_rng(0).integers(0, images, (rounds, images))


def bootstrap_interval(mean: float, resampled: np.ndarray, images: int) -> Interval:
    """The percentile interval of a difference from its values (rounds,) on resampled test images."""
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(mean, float(low), float(high), "bootstrap over test images", images)


def t_interval(differences: np.ndarray) -> Interval:
    """Student's 95 % interval of the mean of two or more paired differences."""
    from scipy.stats import t

    count = len(differences)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(count))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Interval(mean, mean - reach, mean + reach, "t over seeds", count)


def winner(interval: Interval) -> str:
    """ "augmented", "plain", or "undecided" if the interval contains zero."""
    if interval.low > 0:
        return "augmented"
    if interval.high < 0:
        return "plain"
    return "undecided"


def better(interval: Interval) -> str:
    """The arm with the higher mean, whether or not it won: "plain" on a tie, because it is the simpler one."""
    return "augmented" if interval.mean > 0 else "plain"
