"""Curves for TensorBoard, where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, final

from augfuse.errors import MissingExtraError
from augfuse.experiment.records import Point

FOLDER = "tensorboard"


def require() -> None:
    """MissingExtraError where TensorBoard is not installed. Imports nothing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtraError(
            '--tensorboard: TensorBoard is not installed here. Type: pip install "augfuse[tensorboard]"'
        )


@final
class Board:
    """Writes the points of one arm to RUN/tensorboard/ARM-SEED; `tensorboard --logdir RUN` shows them."""

    def __init__(self, folder: Path, name: str, seed: int, metric: str = "accuracy") -> None:
        from tensorboard.summary import Writer  # type: ignore[import-not-found]

        self._metric = metric
        self._writer: Any = Writer(str(folder / FOLDER / f"{name}-{seed}"))

    def add(self, point: Point) -> None:
        """One finished epoch."""
        values = {"step loss": point.step_loss, "learning rate": point.learning_rate}
        self._write(point.epoch, values | {"validation loss": point.validation_loss})
        self.add_scores(point)

    def add_scores(self, point: Point) -> None:
        """Metric and loss of an epoch, where they were measured."""
        for part, score in (("training", point.train), ("test", point.test)):
            if score is not None:
                self._write(point.epoch, {f"{part} {self._metric}": score.value, f"{part} loss": score.loss})

    def close(self) -> None:
        self._writer.close()

    def _write(self, epoch: int, values: dict[str, float | None]) -> None:
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, epoch + 1)
        self._writer.flush()
