"""Numbers of the comparison: accuracy, loss, the paired interval and the verdict drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
BOOTSTRAP_ROUNDS = 4000


class Score(NamedTuple):
    """How one network does on one part of the data."""

    accuracy: float
    loss: float


class Interval(NamedTuple):
    """A paired difference (augmented minus plain test accuracy) with its interval.

    `kind` is "t over seeds" or "bootstrap over test images"; `samples` counts the seeds or the test images.
    """

    mean: float
    low: float
    high: float
    kind: str
    samples: int
    confidence: float = CONFIDENCE


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


def paired_interval(plain: Sequence[np.ndarray], augmented: Sequence[np.ndarray]) -> Interval:
    """The difference augmented - plain of the test accuracy, with a 95 % paired interval.

    Both arguments hold one bool array per seed: which test images were classified correctly. With two seeds or more
    the interval is Student's t over the per-seed differences. With one seed nothing is known about the spread over
    seeds, and the interval is a percentile bootstrap over the test images, resampled together for both arms.
    """
    differences = np.array([a.mean() - p.mean() for p, a in zip(plain, augmented, strict=True)], dtype=np.float64)
    if len(differences) >= 2:
        return _t_interval(differences)
    per_image = augmented[0].astype(np.float64) - plain[0].astype(np.float64)
    rng = np.random.default_rng(0)
    # A resample of n values out of {-1, 0, 1} is a multinomial count of the three: no (rounds, n) array is needed.
    values = np.array([-1.0, 0.0, 1.0])
    shares = np.array([(per_image == value).mean() for value in values])
    counts = rng.multinomial(len(per_image), shares, size=BOOTSTRAP_ROUNDS)
    means = counts @ values / len(per_image)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(per_image.mean()), float(low), float(high), "bootstrap over test images", len(per_image))


def _t_interval(differences: np.ndarray) -> Interval:
    from scipy.stats import t

    count = len(differences)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(count))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Interval(mean, mean - reach, mean + reach, "t over seeds", count)


def winner(interval: Interval) -> str:
    """ "augmented", "plain", or "undecided" where the interval holds zero."""
    if interval.low > 0:
        return "augmented"
    if interval.high < 0:
        return "plain"
    return "undecided"


def better(interval: Interval) -> str:
    """The arm with the higher mean, whether or not it won: "plain" on a tie, because it is the simpler one."""
    return "augmented" if interval.mean > 0 else "plain"
