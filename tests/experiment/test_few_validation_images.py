"""A verdict that hangs on a few validation images says so, and says how many would do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")

from augfuse.experiment import verdict
from augfuse.experiment.records import Comparison
from comparisons import comparison


def stopped(
    images: int, plain: tuple[float, ...], augmented: tuple[float, ...], *, kept: int = 1, **settings: Any
) -> Comparison:
    """A finished comparison whose epochs were chosen on so many validation images; epochs 1 and 3 are measured."""
    found = comparison(plain=plain, augmented=augmented)
    found = replace(
        found,
        settings=msgspec.structs.replace(found.settings, **{"early_stopping": 2, **settings}),
        facts=replace(found.facts, validation_counts=(images // 2, images - images // 2)),
    )
    return replace(found, arms=tuple(replace(arm, kept=kept) for arm in found.arms))


def said(result: Comparison) -> list[str]:
    return [text for text in verdict.findings(result) if "validation images" in text]


@pytest.mark.parametrize(
    ("images", "plain", "augmented", "points", "advice"),
    [
        (116, (0.93,), (0.97,), "6.1 points, which is here 4.0", "270 images would tell, or --seeds 3"),
        (20, (0.80, 0.82, 0.81), (0.90, 0.91, 0.89), "13.9 points, which is here 9.0", "--seeds 8"),
        (1000, (0.80,), (0.82,), "3.5 points, which is here 2.0", "--seeds 4"),
        (300, (0.81, 0.80), (0.80, 0.81), "which is here 0.0", "Do not read an order into it"),
    ],
)
def test_a_difference_within_the_chance_of_the_choice_is_named(
    images: int, plain: tuple[float, ...], augmented: tuple[float, ...], points: str, advice: str
) -> None:
    found = said(stopped(images, plain, augmented))
    (text,) = found
    assert f"depends on {images} validation images" in text
    assert points in text
    assert advice in text


@pytest.mark.parametrize(
    ("images", "plain", "augmented"),
    [
        (1000, (0.454,), (0.549,)),
        (116, (0.75, 0.74, 0.76), (0.92, 0.90, 0.93)),
        (60, (0.80, 0.82, 0.81), (0.90, 0.91, 0.89)),
    ],
)
def test_a_clear_difference_is_not_questioned(
    images: int, plain: tuple[float, ...], augmented: tuple[float, ...]
) -> None:
    assert said(stopped(images, plain, augmented)) == []


def test_nothing_is_said_where_no_epoch_was_chosen() -> None:
    assert said(stopped(20, (0.80,), (0.81,), kept=3)) == [], "all kept their last epoch"
    assert said(stopped(20, (0.80,), (0.81,), early_stopping=None, reduce_lr=2)) == []
    assert said(stopped(20, (0.80,), (0.81,))) != []


def test_a_few_images_that_are_all_right_prove_nothing() -> None:
    (text,) = said(stopped(10, (0.96,), (1.0,)))
    assert "hangs on 10 validation images" in text
