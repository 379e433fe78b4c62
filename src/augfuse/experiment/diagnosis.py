"""Diagnose the training of one arm by rules with limits: suspicious, unstable, over-fitted, underfit or good.

docs/report.md explains each rule; the limits are defined here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from augfuse.experiment.records import ARMS, Comparison, Score

Kind = Literal["suspicious", "unstable", "over-fitted", "underfit", "good"]

# Accuracies are fractions: 0.10 is ten points.
GAP_LIMIT = 0.10
SMALL_GAP = 0.05
LOSS_RISE_LIMIT = 0.25
SKILL_LIMIT = 0.60
RISING_LIMIT = 0.01
SEED_RANGE_LIMIT = 0.10
FALL_LIMIT = 0.05
AHEAD_LIMIT = 0.05
# A difference counts only beyond this many standard errors of the test accuracy.
ERRORS = 2.0
# Differences of two noisy numbers, and accusations, want more.
STRONG_ERRORS = 3.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The input of the rules: one arm, all its seeds.

    `train` and `test` hold the accuracy of the kept weights of each seed, without augmentation. `test_curves` and
    `loss_curves` hold accuracy and loss on the test part at each measured epoch up to the kept one, a row for each
    seed. `most_common` is the share of the most frequent class of the test part, the accuracy of a constant prediction;
    `answers` is the number of different classes predicted by the seeds.

    `passed`: a seed kept an earlier epoch than the last one allowed. `stopped`: all seeds stopped before the last one,
    so that more epochs change nothing. `stopping`, `slowing`: --early-stopping, --reduce-lr were given.
    """

    train: tuple[float, ...]
    test: tuple[float, ...]
    test_curves: tuple[tuple[float, ...], ...]
    loss_curves: tuple[tuple[float, ...], ...]
    train_curves: tuple[tuple[float, ...], ...]
    test_images: int
    most_common: float
    answers: int
    passed: bool = False
    stopped: bool = False
    stopping: bool = False
    slowing: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A verdict, the numbers behind it, and advice."""

    kind: Kind
    reason: str
    change: str


def sentences(result: Comparison) -> tuple[str, ...]:
    """The verdict on each arm with its numbers, for the terminal."""
    found = {arm: diagnose(evidence(result, arm)) for arm in ARMS}
    return tuple(f"The {arm} arm is {verdict.kind}: {verdict.reason}" for arm, verdict in found.items())


def evidence(result: Comparison, name: str) -> Evidence:
    """The input of the rules for the arm called `name`."""
    arms = result.of(name)
    tests = [[point.test for point in arm.until_kept if point.test is not None] for arm in arms]
    trains = [[point.train for point in arm.until_kept if point.train is not None] for arm in arms]
    counts, settings = result.facts.test_counts, result.settings
    return Evidence(
        train=tuple(arm.train.value for arm in arms),
        test=tuple(arm.test.value for arm in arms),
        test_curves=_curves(tests, 0),
        loss_curves=_curves(tests, 1),
        train_curves=_curves(trains, 0),
        test_images=sum(counts),
        most_common=max(counts) / sum(counts),
        answers=len(set(np.concatenate([found.predicted for found in result.evaluations_of(name)]).tolist())),
        passed=result.passed(name),
        stopped=all(len(arm.points) < settings.epochs for arm in arms),
        stopping=settings.early_stopping is not None,
        slowing=settings.reduce_lr is not None,
    )


def _curves(rows: Sequence[Sequence[Score]], position: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(score[position] for score in row) for row in rows)


def diagnose(found: Evidence) -> Diagnosis:
    """The first rule that applies, in the order suspicious, unstable, over-fitted, underfit; else good."""
    for rule in (_suspicious, _unstable, _over_fitted, _underfit):
        diagnosis = rule(found)
        if diagnosis is not None:
            return diagnosis
    train, test = _mean(found.train), _mean(found.test)
    return Diagnosis(
        "good",
        f"the gap is {_points(train - test)} points (limit {_points(gap_limit(found))}), and the training accuracy of "
        f"{train:.1%} is above {skill_floor(found):.1%}.",
        "A gap above the limit would make it over-fitted. What is left to gain: more data, a larger network, or "
        f"{_longer(found)} while the test curve still rises.",
    )


def standard_error(found: Evidence) -> float:
    """The standard error of the mean test accuracy, from the number of test images alone."""
    test = _mean(found.test)
    return math.sqrt(max(test * (1 - test), 0.0) / found.test_images)


def gap_limit(found: Evidence) -> float:
    """The largest gap that is still good."""
    return max(GAP_LIMIT, ERRORS * standard_error(found))


def skill_floor(found: Evidence) -> float:
    """The training accuracy below which an arm is underfit: 60 % of the way from a constant prediction to 100 %."""
    return found.most_common + SKILL_LIMIT * (1 - found.most_common)


def _suspicious(found: Evidence) -> Diagnosis | None:
    train, test, error = _mean(found.train), _mean(found.test), standard_error(found)
    if all(accuracy == 1.0 for accuracy in found.test):
        return Diagnosis(
            "suspicious",
            f"all {found.test_images} test images are right in every seed. Very easy pictures do that; so do test "
            "images that are in the training part too.",
            "Look for duplicates across the parts: augfuse doctor DATA. A single wrong image ends this verdict.",
        )
    ahead = max(AHEAD_LIMIT, STRONG_ERRORS * error)
    if test - train > ahead:
        return Diagnosis(
            "suspicious",
            f"the test accuracy of {test:.1%} is {_points(test - train)} points above the training accuracy (limit "
            f"{_points(ahead)}). The test part is easier, or preprocessed in another way.",
            "Compare the input values and the balance of the classes of the two parts, and split them at random.",
        )
    constant = found.most_common
    below = constant - STRONG_ERRORS * math.sqrt(constant * (1 - constant) / found.test_images)
    if test < below and train >= skill_floor(found):
        return Diagnosis(
            "suspicious",
            f"training accuracy is {train:.1%}, but test accuracy ({test:.1%}) is below that of a constant prediction "
            f"of the most frequent class ({constant:.1%}). The class order of the test part is likely another one.",
            "Compare the class order of the two parts: augfuse doctor DATA.",
        )
    return None


def _unstable(found: Evidence) -> Diagnosis | None:
    error = standard_error(found)
    spread = max(found.test) - min(found.test)
    limit = max(SEED_RANGE_LIMIT, STRONG_ERRORS * math.sqrt(2) * error)
    if spread > limit:
        return Diagnosis(
            "unstable",
            f"the test accuracy goes from {min(found.test):.1%} to {max(found.test):.1%} over {len(found.test)} seeds: "
            f"{_points(spread)} points (limit {_points(limit)}).",
            f"A lower --learning-rate, {_longer(found)}, or a larger --batch-size; until then trust no single run.",
        )
    fall = _mean([max(curve) - last for curve, last in zip(found.test_curves, found.test, strict=True)])
    limit = max(FALL_LIMIT, STRONG_ERRORS * error)
    if fall > limit:
        return Diagnosis(
            "unstable",
            f"the test accuracy ended {_points(fall)} points under its own best epoch, on average over the seeds "
            f"(limit {_points(limit)}).",
            _either(
                "Lower the learning rate",
                None if found.slowing else "let it fall during training (--reduce-lr 3)",
                None if found.stopping else "stop early and keep the best weights (--early-stopping 5)",
            ),
        )
    return None


def _over_fitted(found: Evidence) -> Diagnosis | None:
    gap, limit = _mean(found.train) - _mean(found.test), gap_limit(found)
    if gap > limit:
        return Diagnosis(
            "over-fitted",
            f"the training accuracy is {_points(gap)} points above the test accuracy (limit {_points(limit)}).",
            f"{_points(gap - limit)} points less would make it good. What closes a gap: augmentation, or a stronger "
            f"one; more data; more dropout; a smaller network{'' if found.stopping else '; fewer epochs'}.",
        )
    rise = _mean([_rise(curve) for curve in found.loss_curves])
    if gap > SMALL_GAP and rise > LOSS_RISE_LIMIT:
        return Diagnosis(
            "over-fitted",
            f"the gap is {_points(gap)} points, and the test loss ended {rise:.0%} above its lowest value (limit "
            f"{LOSS_RISE_LIMIT:.0%} once the gap is above {_points(SMALL_GAP)}): it grows more "
            "confident in wrong predictions.",
            _either(
                None if found.stopping else "Stop early and keep the best weights (--early-stopping 5)",
                "Augment more strongly" if found.stopping else "augment more strongly",
            ),
        )
    return None


def _underfit(found: Evidence) -> Diagnosis | None:
    train, floor = _mean(found.train), skill_floor(found)
    if found.answers == 1:
        return Diagnosis(
            "underfit",
            f"it predicts the same class for every test image (accuracy {_mean(found.test):.1%}).",
            "Lower the learning rate tenfold, and look at the input values and at the labels.",
        )
    if train < floor:
        return Diagnosis(
            "underfit",
            f"the training accuracy is {train:.1%}, wanted at least {floor:.1%} ({SKILL_LIMIT:.0%} of the way from "
            f"a constant prediction, {found.most_common:.1%}, to 100 %).",
            f"{_points(floor - train)} points more would change it. What raises it: {_longer(found)}, a larger "
            "network, another --learning-rate, milder augmentation.",
        )
    if found.passed:  # the epochs after the kept one were not better
        return None
    rise = _mean([curve[-1] - curve[-2] if len(curve) > 1 else 0.0 for curve in found.train_curves])
    gap = train - _mean(found.test)
    rising = _mean([curve[-1] - curve[-2] if len(curve) > 1 else 0.0 for curve in found.test_curves])
    if min(rise, rising) > RISING_LIMIT:
        return Diagnosis(
            "underfit",
            f"training and test accuracy still rose by {_points(rise)} and {_points(rising)} points between the last "
            f"two measurements (limit {_points(RISING_LIMIT)}), with a gap of {_points(gap)}.",
            "Train for more --epochs.",
        )
    return None


def _longer(found: Evidence) -> str:
    return "a larger --early-stopping" if found.stopped else "more --epochs"


def _either(*ways: str | None) -> str:
    """`A, b, or c.` of a list."""
    *first, last = [way for way in ways if way is not None]
    return f"{', '.join([*first, f'or {last}'] if first else [last])}."


def _rise(losses: Sequence[float]) -> float:
    """How far the last loss is above the lowest one, as a fraction of it."""
    lowest = min(losses)
    return losses[-1] / lowest - 1 if lowest > 0 else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
