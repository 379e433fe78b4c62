"""Samples of one's own that bring along boxes, masks or weights, which a loader would leave where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

IMAGES = pictures(4, 24, 32)
BOXES = np.array([[1.0, 1, 10, 10]])


class Own:
    """A data set that hands out what it is given."""

    def __init__(self, *rest: Any, sample: bool = False) -> None:
        self.rest, self.sample = rest, sample

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, i: int) -> Any:
        return af.Sample(IMAGES[i], 1, None, self.rest[0]) if self.sample else (IMAGES[i], *self.rest)


@pytest.mark.parametrize(
    "targets", [{"boxes": BOXES}, {"mask": IMAGES[0][..., 0]}, {"keypoints": [[1, 2]], "note": "a"}]
)
def test_targets_of_samples_are_not_dropped(targets: dict[str, Any]) -> None:
    data = Own(targets, sample=True)
    assert set(af.from_samples(data)[0].targets) == set(targets)
    with pytest.raises(
        af.DataError, match=rf"(?s)sample \d: got an af.Sample with {next(iter(targets))}.*with_targets"
    ):
        next(iter(af.Loader(data, af.Recipe([af.HorizontalFlip()]), 2, seed=0)))


@pytest.mark.parametrize("label", [{"boxes": BOXES, "labels": [1]}, {"box_labels": [0]}, {}])
def test_a_dict_is_no_label(label: dict[str, Any]) -> None:
    with pytest.raises(af.ImageTypeError, match=r"sample 0: got a dict .* as label, which would stay .*with_targets"):
        next(iter(af.Loader(Own(label), af.Recipe([af.HorizontalFlip()]), 2, shuffle=False)))


@pytest.mark.parametrize("third", [0.5, np.ones(3), 7])
def test_a_third_part_is_a_path(third: Any) -> None:
    with pytest.raises(af.ImageTypeError, match=r"sample 0: got \w+ as the third part, .*with_sample_weights"):
        next(iter(af.Loader(Own(1, third), af.Recipe([]), 2, shuffle=False)))
    assert af.from_samples(Own(1, "a.png"))[0].path == "a.png"


def test_columns_move() -> None:
    data = af.from_samples(Own(1)).with_targets(boxes=[BOXES] * 4)
    batch = next(iter(af.Loader(data, af.Recipe([af.HorizontalFlip(p=1)]), 2, shuffle=False)))
    np.testing.assert_array_equal(batch.boxes[0], [[22, 1, 31, 10]])  # type: ignore[index]
