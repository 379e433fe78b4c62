"""The verdict rules of one arm, at their boundaries."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")

from augfuse.experiment import diagnosis, verdict
from augfuse.experiment.diagnosis import Evidence, diagnose
from augfuse.experiment.metrics import Score
from augfuse.experiment.records import AUGMENTED, PLAIN
from comparisons import comparison, with_arms

# Large enough that the limits are those of the rules and not those of chance.
MANY = 1_000_000


def evidence(train: float = 0.90, test: float = 0.85, **changes: object) -> Evidence:
    """Three alike seeds of a good arm on ten classes; training and test accuracy have come to rest."""
    seeds = 3
    found = Evidence(
        train=(train,) * seeds,
        test=(test,) * seeds,
        test_curves=((test, test),) * seeds,
        loss_curves=((0.5, 0.5),) * seeds,
        train_curves=((train, train),) * seeds,
        test_images=MANY,
        most_common=0.1,
        answers=10,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def kind(found: Evidence) -> str:
    return diagnose(found).kind


def test_a_small_gap_is_good() -> None:
    found = diagnose(evidence())
    assert found.kind == "good"
    assert "5.0 points (limit 10.0)" in found.reason
    assert "90.0% is above 64.0%" in found.reason


def test_a_large_gap_is_over_fitted() -> None:
    assert kind(evidence(train=0.949, test=0.85)) == "good"
    assert kind(evidence(train=0.951, test=0.85)) == "over-fitted"
    found = diagnose(evidence(train=0.98, test=0.85))
    assert "13.0 points above the test accuracy (limit 10.0)" in found.reason
    assert "3.0 points less would make it good" in found.change


def test_few_test_images_widen_the_limit() -> None:
    few = evidence(train=0.98, test=0.85, test_images=50)
    assert diagnosis.standard_error(few) == pytest.approx(math.sqrt(0.85 * 0.15 / 50))
    assert diagnosis.gap_limit(few) == pytest.approx(0.101, abs=1e-3)
    assert kind(replace(few, test=(0.875,) * 3, train=(0.97,) * 3)) == "good"
    assert kind(replace(few, test_images=20)) == "good"


def test_a_rising_loss_is_over_fitted_once_there_is_a_gap() -> None:
    above, below = ((0.5, 0.4, 0.501),) * 3, ((0.5, 0.4, 0.499),) * 3
    assert kind(evidence(train=0.91, test=0.85, loss_curves=above)) == "over-fitted"
    assert kind(evidence(train=0.91, test=0.85, loss_curves=below)) == "good"
    assert kind(evidence(train=0.89, test=0.85, loss_curves=above)) == "good"


def test_a_low_training_accuracy_is_underfit() -> None:
    assert kind(evidence(train=0.639, test=0.62)) == "underfit"
    assert kind(evidence(train=0.641, test=0.62)) == "good"
    assert kind(evidence(train=0.79, test=0.78, most_common=0.5)) == "underfit"
    assert kind(evidence(train=0.81, test=0.78, most_common=0.5)) == "good"
    assert "4.0 points more" in diagnose(evidence(train=0.60, test=0.58)).change


def test_an_arm_that_still_rises_is_underfit() -> None:
    def rising(train: float, test: float, gap: float = 0.04) -> Evidence:
        return evidence(
            train=0.85 + gap,
            test=0.85,
            train_curves=((0.85 + gap - train, 0.85 + gap),) * 3,
            test_curves=((0.85 - test, 0.85),) * 3,
        )

    assert kind(rising(0.011, 0.011)) == "underfit"
    assert kind(rising(0.011, 0.009)) == "good"
    assert kind(rising(0.009, 0.011)) == "good"
    assert kind(rising(0.011, 0.011, gap=0.09)) == "underfit"
    assert kind(rising(0.011, 0.011, gap=0.11)) == "over-fitted"
    assert kind(evidence(train_curves=((0.9,),) * 3, test_curves=((0.85,),) * 3)) == "good"


def test_one_answer_for_everything_is_underfit() -> None:
    assert "the same class" in diagnose(evidence(train=0.97, test=0.97, answers=1)).reason


def test_seeds_that_disagree_are_unstable() -> None:
    assert kind(evidence(test=0.85, train=0.9)) == "good"
    assert kind(replace(evidence(), test=(0.80, 0.85, 0.899))) == "good"
    found = diagnose(replace(evidence(), test=(0.80, 0.85, 0.901)))
    assert found.kind == "unstable"
    assert "from 80.0% to 90.1% over 3 seeds: 10.1 points (limit 10.0)" in found.reason
    # 100 test images: chance alone may make a difference of 3 * sqrt(2) * 3.6 points.
    assert kind(replace(evidence(), test=(0.80, 0.85, 0.901), test_images=100)) == "good"


def test_an_arm_that_lost_what_it_had_is_unstable() -> None:
    assert kind(evidence(test_curves=((0.901, 0.85),) * 3)) == "unstable"
    assert kind(evidence(test_curves=((0.899, 0.85),) * 3)) == "good"
    # Early stopping put the best weights back: the last epoch is not the result.
    assert kind(evidence(test=0.90, train=0.95, test_curves=((0.90, 0.80),) * 3)) == "good"


def test_a_test_part_without_a_single_mistake_is_suspicious() -> None:
    assert kind(evidence(train=1.0, test=1.0)) == "suspicious"
    assert kind(replace(evidence(train=1.0), test=(1.0, 1.0, 0.999))) == "good"


def test_a_test_part_that_is_easier_is_suspicious() -> None:
    assert kind(evidence(train=0.80, test=0.851)) == "suspicious"
    assert kind(evidence(train=0.80, test=0.849)) == "good"
    assert kind(evidence(train=0.80, test=0.851, test_images=100)) == "good"


def test_worse_than_one_answer_for_everything_is_suspicious() -> None:
    found = diagnose(evidence(train=0.9, test=0.05))
    assert found.kind == "suspicious"
    assert "another order" in found.reason
    assert kind(evidence(train=0.9, test=0.15)) == "over-fitted"
    # Not yet trained is no reason for suspicion.
    assert kind(evidence(train=0.12, test=0.05)) == "underfit"


def test_the_order_of_the_rules() -> None:
    everything = replace(evidence(train=0.60), test=(0.5, 0.7, 0.9))
    assert kind(everything) == "suspicious"
    assert kind(replace(everything, train=(0.9, 0.9, 0.9))) == "unstable"
    assert kind(replace(evidence(train=0.60, test=0.40))) == "over-fitted"


def test_evidence_of_a_comparison() -> None:
    result = comparison(plain=(0.80, 0.82), augmented=(0.90, 0.90), epochs=5)
    found = diagnosis.evidence(result, PLAIN)
    assert found.test == pytest.approx((0.80, 0.82))
    assert found.train == (0.99, 0.99)
    assert np.shape(found.test_curves) == np.shape(found.loss_curves) == np.shape(found.train_curves) == (2, 3)
    assert (found.test_images, found.most_common, found.answers) == (200, 0.5, 2)
    assert diagnose(found).kind == "over-fitted"
    assert diagnose(diagnosis.evidence(result, AUGMENTED)).kind == "good"
    points = result.of(AUGMENTED)[0].points
    worse = with_arms(result, AUGMENTED, points=(*points[:4], replace(points[4], test=Score(0.70, 0.5))))
    assert diagnose(diagnosis.evidence(worse, AUGMENTED)).kind == "unstable"


def test_epochs_that_were_given_up_are_not_judged() -> None:
    result = comparison(plain=(0.90, 0.90), augmented=(0.90, 0.90), epochs=8)
    points = result.of(PLAIN)[0].points
    scores = {1: Score(0.80, 0.6), 3: Score(0.90, 0.5), 5: Score(0.97, 0.2), 7: Score(0.98, 3.0)}
    points = tuple(replace(point, train=Score(0.95, 0.1), test=scores.get(point.epoch)) for point in points)
    last = diagnosis.evidence(with_arms(result, PLAIN, points=points, kept=7), PLAIN)
    assert max(last.loss_curves[0]) == 3.0
    assert not last.passed
    stopping = replace(result, settings=msgspec.structs.replace(result.settings, early_stopping=2, epochs=20))
    kept = with_arms(stopping, PLAIN, points=points, kept=3)
    found = diagnosis.evidence(kept, PLAIN)
    assert found.test_curves == ((0.80, 0.90),) * 2
    assert found.loss_curves == ((0.6, 0.5),) * 2
    assert found.passed and found.stopped and found.stopping and not found.slowing
    assert diagnose(found).kind == "good", "neither fallen from its best, nor sure of its mistakes, nor still rising"
    assert not [note for note in verdict.findings(kept) if "still improving" in note]
    running = with_arms(replace(stopping, settings=result.settings), PLAIN, points=points[:4], kept=3)
    running = replace(running, settings=msgspec.structs.replace(result.settings, epochs=4))
    assert [note for note in verdict.findings(running) if "plain arm was still improving" in note]


def test_what_is_on_is_not_advised() -> None:
    fallen: dict[str, Any] = {"test_curves": ((0.95, 0.85),) * 3}
    sure: dict[str, Any] = {"train": 0.92, "loss_curves": ((0.5, 0.7),) * 3}
    low, apart = {"train": 0.5, "test": 0.5}, {"train": 0.98}
    for changes, flag in ((fallen, "--early-stopping 5"), (sure, "--early-stopping 5"), (apart, "fewer epochs")):
        assert flag in diagnose(evidence(**changes)).change
        assert flag not in diagnose(evidence(**changes, stopping=True)).change
    assert "--reduce-lr" not in diagnose(evidence(**fallen, slowing=True)).change
    assert diagnose(evidence(**fallen, stopping=True, slowing=True)).change == "Lower the learning rate."
    assert "more --epochs" in diagnose(evidence(**low)).change
    assert "more --epochs" not in diagnose(evidence(**low, stopped=True)).change
