"""How the doctor compares what a model says to the same images: figures, without a model."""

from __future__ import annotations

import numpy as np
import pytest

from augfuse.doctor.examined_data import Part
from augfuse.doctor.preprocessing.ask_model import verdict
from augfuse.doctor.preprocessing.trials import Answers, alike, judge, knows

PART = Part(name="test", names=())


def softmax(logits: np.ndarray) -> np.ndarray:
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


def said(way: str, right: np.ndarray, truth: np.ndarray, sureness: float = 4.0) -> Answers:
    """Answers of a two-class model, right where `right` is True."""
    answer = np.where(right, truth, 1 - truth)
    return judge(way, softmax(sureness * np.eye(2)[answer]), truth, f"feed {way}")


def first(count: int, total: int) -> np.ndarray:
    return np.arange(total) < count


def test_a_louder_input_is_no_better_one() -> None:
    truth = np.arange(60) % 2
    rng = np.random.default_rng(0)
    score = (2 * truth - 1) * (0.3 + rng.random(60))  # right everywhere, and never sure
    ways = [judge(f"times {k}", softmax(np.stack([-k * score, k * score], axis=1) / 4), truth, "") for k in (1, 4, 16)]
    assert ways[0].trial.loss > 1.5 * ways[1].trial.loss + 0.1
    assert alike(ways) == ways
    assert verdict(PART, ways, truth, ("a", "b")) == []


def test_as_many_right_answers_and_a_much_greater_loss_is_a_warning() -> None:
    """Fed as trained it is unsure where it is wrong; fed otherwise it is sure of everything."""
    truth = np.arange(200) % 2
    right = first(180, 200)
    unsure = np.where(right, 8, 0.5)[:, None] * np.eye(2)[np.where(right, truth, 1 - truth)]
    trained = judge("trained", softmax(unsure), truth, "")
    other = said("other", right, truth, 16)
    (found,) = verdict(PART, [other, trained], truth, ("a", "b"))
    assert found.code == "AF607" and found.severity == "warning" and found.examples == ("trained",)
    assert f"{other.trial.loss:.2f} other, {trained.trial.loss:.2f} trained" in found.message


def test_every_way_is_credited_with_its_own_accuracy_and_must_be_better_than_the_present_one() -> None:
    truth = np.arange(200) % 2
    given, good = said("given", first(150, 200), truth), said("good", first(184, 200), truth)
    # Wrong about other images than `good` is, so that the two can hardly be told apart.
    mirror = said("mirror", ~first(20, 200), truth)
    noisy = judge("noisy", np.where(first(100, 200)[:, None], 0.5, good.said), truth, "")
    (found,) = verdict(PART, [given, good, mirror, noisy], truth, ("a", "b"))
    assert "Accuracy is 0.75 given, 0.92 good or 0.90 mirror, on 200" in found.message
    assert found.examples == ("good", "mirror")


@pytest.mark.parametrize(
    ("counts", "right", "learnt"),
    [
        ((27, 3), 30, True),  # always the first class would score 0.90
        ((27, 3), 27, False),  # and this is what it does
        ((5, 5), 9, True),
        ((60, 60), 68, False),
        ((60, 60), 89, True),
    ],
)
def test_knowing_is_more_than_the_most_frequent_class(counts: tuple[int, int], right: int, learnt: bool) -> None:
    truth = np.repeat([0, 1], counts)
    rng = np.random.default_rng(1)
    total = len(truth)
    order = np.arange(total) if counts[0] != counts[1] else rng.permutation(total)
    hits = np.zeros(total, bool)
    hits[order[:right]] = True
    answers = said("given", hits, truth)
    assert knows(answers, truth) is learnt
    found = verdict(PART, [answers], truth, ("a", "b"))
    assert ([f.code for f in found] == ["AF608"]) is not learnt


def test_the_accuracy_that_is_at_most_reached_is_the_highest() -> None:
    """Not that of the way with the least loss."""
    truth = np.arange(60) % 2
    higher, surer = said("higher", first(33, 60), truth, 9), said("surer", first(31, 60), truth, 0.5)
    assert surer.trial.loss < higher.trial.loss
    (found,) = verdict(PART, [surer, higher], truth, ("a", "b"))
    assert found.code == "AF608" and "at most 0.55" in found.message and found.examples == ("higher",)
