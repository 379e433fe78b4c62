"""The comparison in words: one sentence, and what would change it."""

from __future__ import annotations

import numpy as np

from augfuse.train.record import AUGMENTED, PLAIN, Comparison

# The export check allows for float32 rounding in another order, and for nothing else.
EXPORT_TOLERANCE = 1e-4
WAIT_LIMIT = 0.05
_STILL_RISING = 0.01


def test_accuracy(result: Comparison, arm: str) -> float:
    """Mean test accuracy over the seeds."""
    return float(np.mean([a.test.accuracy for a in result.of(arm)]))


def train_accuracy(result: Comparison, arm: str) -> float:
    """Mean training accuracy over the seeds, measured without augmentation."""
    return float(np.mean([a.train.accuracy for a in result.of(arm)]))


def gap(result: Comparison, arm: str) -> float:
    """Mean training accuracy minus mean test accuracy."""
    return train_accuracy(result, arm) - test_accuracy(result, arm)


def sentence(result: Comparison) -> str:
    """Which arm won and by how much."""
    plain, augmented = test_accuracy(result, PLAIN), test_accuracy(result, AUGMENTED)
    points = abs(result.interval.mean) * 100
    interval = interval_words(result)
    numbers = f"test accuracy {augmented:.1%} with it, {plain:.1%} without"
    if result.winner == AUGMENTED:
        return f"Augmentation won by {points:.1f} points: {numbers} ({interval})."
    if result.winner == PLAIN:
        return f"Augmentation lost by {points:.1f} points: {numbers} ({interval})."
    return f"No clear winner: {numbers}, and the interval of the difference holds zero ({interval})."


def interval_words(result: Comparison) -> str:
    """`95 % interval +7.2 to +11.0 points, paired over 5 seeds`."""
    found = result.interval
    how = f"paired over {found.samples} seeds" if found.kind == "t over seeds" else (
        f"paired bootstrap over {found.samples} test images, one seed"
    )  # fmt: skip
    return f"{found.confidence:.0%} interval {100 * found.low:+.1f} to {100 * found.high:+.1f} points, {how}"


def gap_sentence(result: Comparison) -> str:
    """How the gap between training and test accuracy changed."""
    without, with_it = gap(result, PLAIN) * 100, gap(result, AUGMENTED) * 100
    return (
        f"The gap between training and test accuracy is {with_it:.1f} points with augmentation and "
        f"{without:.1f} points without."
    )


def export_differs(result: Comparison) -> bool:
    """Whether the saved model must not be trusted to predict as the training path does."""
    return not result.exported.max_difference <= EXPORT_TOLERANCE


def findings(result: Comparison) -> tuple[str, ...]:
    """What a reader should know before trusting or repeating the run; empty where there is nothing to say."""
    found: list[str] = []
    if export_differs(result):
        found.append(
            f"The exported model does not predict what the training path predicts (largest difference "
            f"{result.exported.max_difference:.2g}, allowed {EXPORT_TOLERANCE:g}): do not serve model.keras."
        )
    if len(result.settings.seeds) == 1:
        found.append(
            "One seed only: the interval covers the choice of test images, not the luck of the initial weights. "
            "Type --seeds 5."
        )
    elif result.winner == "undecided" and result.interval.low < result.interval.high:
        found.append(f"More seeds would narrow the interval: --seeds {2 * len(result.settings.seeds)}.")
    for arm in (PLAIN, AUGMENTED):
        rise = _last_rise(result, arm)
        if arm != result.winner and rise is not None and rise > max(_STILL_RISING, _lead(result)):
            found.append(
                f"The {arm} arm was still improving at the end (+{100 * rise:.1f} points between its last two "
                f"measurements): --epochs {2 * result.settings.epochs} may change the verdict."
            )
    share = result.timing(AUGMENTED).wait_fraction
    if share > WAIT_LIMIT:
        found.append(
            f"{share:.1%} of each step was spent waiting for data. From photo files decoding is most of it: store the "
            "pictures at the size that is needed."
        )
    return tuple(found)


def _lead(result: Comparison) -> float:
    """How far the interval is from zero; 0 where it holds zero."""
    return max(result.interval.low, -result.interval.high, 0.0)


def _last_rise(result: Comparison, arm: str) -> float | None:
    """Mean rise of the test accuracy between the last two measured epochs, or None with fewer than two."""
    curves = [[p.test.accuracy for p in a.points if p.test is not None] for a in result.of(arm)]
    if min(len(curve) for curve in curves) < 2:
        return None
    return float(np.mean([curve[-1] - curve[-2] for curve in curves]))
