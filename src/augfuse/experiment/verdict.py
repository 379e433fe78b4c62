"""The comparison in words: one sentence, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from augfuse.experiment import metrics
from augfuse.experiment.records import AUGMENTED, PLAIN, Arm, Comparison, SweepPoint

# The export check allows for rounding in another order, and for nothing else: in float32, or in the few bits of mixed
# precision, where an input that differs in its last float32 bit may be rounded the other way.
EXPORT_TOLERANCES = {"float32": 1e-4, "float16": 4 * 2.0**-10, "bfloat16": 4 * 2.0**-7}
WAIT_LIMIT = 0.05
_STILL_RISING = 0.01
# The means of two parts differ by chance, but not by half a standard deviation of their values.
FED_LIMIT = 0.5
# A network starts with weights for values about 1 in size.
LARGE_VALUE = 20.0
# Of the difference that choosing epochs on a few validation images makes by chance.
CHOICE_ERRORS = 2.0
_MOST_SEEDS = 30  # we do not advise more of them
# With one seed nothing is known of the spread: a point is called a difference.
_ONE_SEED_LIMIT = 0.01


def test_value(result: Comparison, arm: str) -> float:
    """The mean over the seeds of the metric on the test part."""
    return float(np.mean([a.test.value for a in result.of(arm)]))


def train_value(result: Comparison, arm: str) -> float:
    """The same on the training part, measured without augmentation."""
    return float(np.mean([a.train.value for a in result.of(arm)]))


def gap(result: Comparison, arm: str) -> float:
    """The mean on the training part minus that on the test part."""
    return train_value(result, arm) - test_value(result, arm)


def best(arm: Arm) -> tuple[int, float]:
    """(epoch, value) of the measured epoch with the highest value on the test part, the first such one, from 0. It is
    chosen on the test part: no measure of how good an arm is."""
    scores = {point.epoch: point.test.value for point in arm.points if point.test is not None}
    return max(scores.items(), key=lambda item: (item[1], -item[0]))


def step_ratio(result: Comparison) -> float | None:
    """Time of a step with augmentation, waiting and computing, over that of one without; None where none was timed."""
    plain = result.timing(PLAIN).step_seconds
    return result.timing(AUGMENTED).step_seconds / plain if plain else None


def sentence(result: Comparison) -> str:
    """Which arm won and by how much."""
    plain, augmented = test_value(result, PLAIN), test_value(result, AUGMENTED)
    points = abs(result.interval.mean) * 100
    interval = interval_words(result)
    numbers = f"test {result.metric} {augmented:.1%} with it, {plain:.1%} without"
    if result.winner == AUGMENTED:
        return f"Augmentation won by {points:.1f} points: {numbers} ({interval})."
    if result.winner == PLAIN:
        return f"Augmentation lost by {points:.1f} points: {numbers} ({interval})."
    return f"No clear winner: {numbers}, and the interval of the difference contains zero ({interval})."


def interval_words(result: Comparison) -> str:
    """`95 % interval +7.2 to +11.0 points, paired over 5 seeds`."""
    found = result.interval
    how = f"paired over {found.samples} seeds" if found.kind == "t over seeds" else (
        f"paired bootstrap over {found.samples} test images, one seed"
    )  # fmt: skip
    return f"{found.confidence:.0%} interval {100 * found.low:+.1f} to {100 * found.high:+.1f} points, {how}"


def gap_sentence(result: Comparison) -> str:
    """How the gap between the training and the test part changed."""
    without, with_it = gap(result, PLAIN) * 100, gap(result, AUGMENTED) * 100
    return (
        f"The gap between training and test {result.metric} is {with_it:.1f} points with augmentation and "
        f"{without:.1f} points without."
    )


def export_differs(result: Comparison) -> bool:
    """Whether the saved model must not be trusted to predict as the training path does."""
    return not result.exported.max_difference <= _allowed(result)


def _allowed(result: Comparison) -> float:
    return EXPORT_TOLERANCES[result.exported.precision]


def findings(result: Comparison) -> tuple[str, ...]:
    """What a reader should know before trusting or repeating the run; empty where there is nothing to say."""
    found: list[str] = []
    if export_differs(result):
        found.append(
            f"The exported model does not predict what the training path predicts (largest difference "
            f"{result.exported.max_difference:.2g}, allowed {_allowed(result):.2g}): do not serve model.keras."
        )
    if len(result.settings.seeds) == 1:
        found.append(
            "One seed only: the interval covers the choice of test images, not that of the initial weights. "
            "Type --seeds 5."
        )
    elif result.winner == "undecided" and result.interval.low < result.interval.high:
        found.append(f"More seeds would narrow the interval: --seeds {2 * len(result.settings.seeds)}.")
    found += _validation_findings(result)
    for arm in (PLAIN, AUGMENTED):
        rise = _last_rise(result, arm)
        if arm != result.winner and rise is not None and rise > max(_STILL_RISING, _lead(result)):
            found.append(
                f"The {arm} arm was still improving at the end (+{100 * rise:.1f} points between its last two "
                f"measurements): --epochs {2 * result.settings.epochs} may change the verdict."
            )
    repeats = result.environment.get("repeatable", "yes")  # runs of older versions do not tell
    if repeats != "yes":
        found.append(
            f"The same command may end with other numbers ({repeats.removeprefix('no: ')}): floating-point "
            "sums in another order differ in the last digit, and training amplifies the difference."
        )
    share = result.timing(AUGMENTED).wait_fraction
    if share > WAIT_LIMIT:
        found.append(
            f"{share:.1%} of each step was spent waiting for data. With photo files most of it is decoding: store the "
            "images at the size that the network needs."
        )
    return (*found, *_fed_findings(result))


def _validation_findings(result: Comparison) -> list[str]:
    """Whether the arms differ by less than the choice of their epochs does by chance.

    Of two epochs that are equally good, the validation part calls one the better by as much as an accuracy on so few
    images varies: its standard error. Both arms choose, each seed anew, so that of the difference of their means is
    that of all choices together; a difference counts from CHOICE_ERRORS of it on.
    """
    images, seeds = result.facts.validation_images, len(result.settings.seeds)
    arms = (*result.of(PLAIN), *result.of(AUGMENTED))
    chosen = any(arm.points[arm.kept].epoch != arm.points[-1].epoch for arm in arms)
    if result.settings.early_stopping is None or not images or not chosen:
        return []
    # One right and one wrong image more: a few right ones do not prove that all are.
    right = [(test_value(result, arm) * images + 1) / (images + 2) for arm in (PLAIN, AUGMENTED)]
    chance = CHOICE_ERRORS * float(np.sqrt(sum(share * (1 - share) for share in right) / (images * seeds)))
    lead = abs(result.interval.mean)
    if lead >= chance:
        return []
    text = (
        f"The verdict depends on {images} validation images: they selected the epochs that were kept, and chance in "
        f"this selection alone moves the difference of the arms by up to {100 * chance:.1f} points; here it is "
        f"{100 * lead:.1f}."
    )
    more = (chance / lead) ** 2 if lead else np.inf
    if more * seeds > _MOST_SEEDS:
        return [f"{text} Do not read an order into it."]
    wanted = int(np.ceil(more * images / 10)) * 10
    return [f"{text} A val part of {wanted} images would tell, or --seeds {int(np.ceil(more * seeds))}."]


def _fed_findings(result: Comparison) -> list[str]:
    """What is odd about the values that the network receives: large ones, and parts that differ."""
    found = []
    largest = max((max(abs(fed.low), abs(fed.high)) for fed in result.fed), default=0.0)
    if largest > LARGE_VALUE and not result.settings.model_rescales:
        found.append(
            f"The network receives values up to {largest:.4g}; it learns best from values about 1 in size. End the "
            "recipe with ToFloat or Normalize."
        )
    parts = {fed.part: fed for fed in result.fed}
    plain, test = parts.get("training, plain"), parts.get("test")
    if plain is not None and test is not None:
        apart = max(
            abs(one - other) / max(deviation, 1e-12)
            for one, other, deviation in zip(plain.mean, test.mean, plain.std, strict=True)
        )
        if apart > FED_LIMIT:
            found.append(
                f"The test part has other input values than the training part: their means are {apart:.2f} standard "
                f"deviations apart (limit {FED_LIMIT:g}). Were both made in the same way?"
            )
    return found


def sweep_sentence(points: Sequence[SweepPoint], metric: str = "accuracy") -> str:
    """Which strength did best, and from which one on more of it hurts."""
    best = max(points, key=lambda point: (point.mean, -point.strength))
    text = f"Best at strength {best.strength:g}: test {metric} {best.mean:.1%}."
    stronger = [point for point in points if point.strength > best.strength]
    hurts = next((point for point in stronger if _hurts(best, point)), None)
    if hurts is not None:
        return (
            f"{text} Too much hurts from strength {hurts.strength:g} on: {100 * (best.mean - hurts.mean):.1f} points "
            f"less, {_beyond(best)}."
        )
    if stronger:
        return f"{text} The losses at the higher strengths are not {_beyond(best)}: more seeds would tell."
    return f"{text} It is the highest that was tried: higher ones may do better still."


def _hurts(best: SweepPoint, point: SweepPoint) -> bool:
    """Whether the metric is lower by more than chance: a paired t interval below zero, or a point with one seed."""
    differences = np.subtract(point.accuracies, best.accuracies)
    if len(differences) < 2:
        return float(differences[0]) < -_ONE_SEED_LIMIT
    return metrics.t_interval(differences).high < 0


def _beyond(best: SweepPoint) -> str:
    if len(best.accuracies) < 2:
        return f"more than {100 * _ONE_SEED_LIMIT:.0f} point (one seed: nothing is known of the spread)"
    return f"more than chance over {len(best.accuracies)} seeds (95 % paired interval)"


def _lead(result: Comparison) -> float:
    """How far the interval is from zero; 0 where it holds zero."""
    return max(result.interval.low, -result.interval.high, 0.0)


def _last_rise(result: Comparison, arm: str) -> float | None:
    """Mean rise on the test part between the last two measured epochs; None with fewer than two, where a curve that
    goes up and down was higher before, and where early stopping kept an epoch before the last one."""
    if result.passed(arm):
        return None
    curves = [[p.test.value for p in a.points if p.test is not None] for a in result.of(arm)]
    if min(len(curve) for curve in curves) < 2 or any(curve[-1] < max(curve) for curve in curves):
        return None
    return float(np.mean([curve[-1] - curve[-2] for curve in curves]))
