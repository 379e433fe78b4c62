"""Predicted and true boxes of test images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class BoxEvaluation:
    """What one arm of one seed says about the boxes of the test part.

    Of n images one behind the other: `counts` (n,) boxes that were predicted, `boxes` (k, 4) float32 as x1, y1, x2, y2
    in pixels of the network's input, `scores` (k,), `labels` (k,) int64; and what is there: `true_counts`,
    `true_boxes`, `true_labels`, and `aside` (m,) bool, those that are not counted. losses: (n,) float64. sizes: (n, 2)
    height and width. indices, paths: as in `Evaluation`.
    """

    arm: str
    seed: int
    counts: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    true_counts: np.ndarray
    true_boxes: np.ndarray
    true_labels: np.ndarray
    aside: np.ndarray
    losses: np.ndarray
    sizes: np.ndarray
    indices: np.ndarray
    paths: tuple[str, ...] | None

    @property
    def finite(self) -> bool:
        """Whether all predictions are numbers."""
        return bool(np.isfinite(self.losses).all())
