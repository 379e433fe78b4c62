"""Predictions of a model for the same images, preprocessed in several ways: which way is clearly the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

_DEVIATIONS = 3.0  # by which one way must beat another, of the paired difference
_LEAST_GAIN = 0.02
_BETTER_THAN_CHANCE = 2.5  # standard errors of kappa: the best of some twenty ways is looked at
_LEAST_PROBABILITY = 1e-7
_SHARPNESS = np.geomspace(0.05, 20, 41)


class Trial(msgspec.Struct, frozen=True):
    """One kind of preprocessing. way: its name. accuracy: 0..1. loss: mean cross-entropy in nats."""

    way: str
    accuracy: float
    loss: float


@dataclass(frozen=True, slots=True)
class Answers:
    """A trial and its predictions.

    Args:
        trial: the accuracy and the loss.
        right: (n,) bool.
        said: (n, k) predicted probabilities.
        loss: (n,) nats, at the temperature with the lowest mean loss. Larger inputs make any model more confident,
            whether it was trained on them or not; this loss does not change with confidence.
        advice: how to preprocess images in this way.
    """

    trial: Trial
    right: np.ndarray
    said: np.ndarray
    loss: np.ndarray
    advice: str


def judge(way: str, said: np.ndarray, truth: np.ndarray, advice: str) -> Answers:
    """said: (n, k) probabilities; truth: (n,) classes 0..k-1."""
    right = said.argmax(axis=1) == truth
    logs = np.log(np.maximum(said, _LEAST_PROBABILITY))
    loss = -logs[np.arange(len(truth)), truth]
    sharpened = (_cross_entropy(sharpness * logs, truth) for sharpness in _SHARPNESS)
    return Answers(
        Trial(way, float(right.mean()), float(loss.mean())), right, said, min(sharpened, key=np.mean), advice
    )


def best(answers: Sequence[Answers]) -> Answers:
    """The most accurate trial; among those that it does not clearly beat, the one with the lowest loss."""
    top = max(answers, key=lambda a: a.trial.accuracy)
    return min((a for a in answers if not beats(top, a)), key=lambda a: a.loss.mean())


def alike(answers: Sequence[Answers]) -> list[Answers]:
    """The trials that the best one does not clearly beat, the best one included."""
    top = best(answers)
    return [a for a in answers if not beats(top, a) and not surer(top, a)]


def beats(one: Answers, other: Answers) -> bool:
    """Whether one is clearly more accurate."""
    return gains(one.right, other.right)


def surer(one: Answers, other: Answers) -> bool:
    """Whether the loss of one is clearly and much lower."""
    difference = other.loss - one.loss
    clear = difference.mean() > _DEVIATIONS * difference.std() / np.sqrt(len(difference))
    return bool(clear and other.loss.mean() > 1.5 * one.loss.mean() + 0.1)


def gains(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the paired difference of two (n,) bool is significant, and large enough to matter."""
    difference = one.astype(float) - other.astype(float)
    gain = difference.mean()
    return bool(gain >= _LEAST_GAIN and gain > _DEVIATIONS * difference.std() / np.sqrt(len(difference)))


def knows(answers: Answers, truth: np.ndarray) -> bool:
    """Whether the predictions agree with the classes more than by chance: Cohen's kappa over its standard error under
    chance (Fleiss, Cohen and Everitt 1969). A constant prediction never does, whatever its accuracy."""
    count = answers.said.shape[1]
    true = np.bincount(truth, minlength=count) / len(truth)
    said = np.bincount(answers.said.argmax(axis=1), minlength=count) / len(truth)
    chance = true @ said
    variance = (chance + chance**2 - (true * said) @ (true + said)) / len(truth)
    return bool(answers.trial.accuracy - chance > _BETTER_THAN_CHANCE * np.sqrt(max(variance, 0.0)) + 1e-9)


def _cross_entropy(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(n,) nats."""
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return total - logits[np.arange(len(truth)), truth]
