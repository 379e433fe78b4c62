"""Progress of a training run: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, final

from augfuse.experiment.records import Timing
from augfuse.text import printable

# Without a terminal a line is printed at most this often, in seconds, plus one line for each finished arm.
_LINE_EVERY = 30.0


@final
class Progress:
    """Follows all arms of a run. Use as a context manager; `console` is a rich Console."""

    def __init__(self, console: Any, arms: int, metric: str = "accuracy") -> None:
        self._metric = metric
        self._console = console
        self._arms = arms
        self._begun = 0
        self._label = ""
        self._total = 0
        self._timing = Timing()
        self._said = 0.0
        self._scores = ""
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(bar_width=14),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[note]}"),
                progress.TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish_arm()
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Print one line, above the bar where there is one."""
        text = printable(text, self._console.encoding)
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def skip(self, arm: str, seed: int, train: float, test: float) -> None:
        """The next arm was finished before the run was interrupted; the two are its scores."""
        self._finish_arm()
        self._begun += 1
        self.say(
            f"{arm}, seed {seed} ({self._begun} of {self._arms}): finished before, {self._metric} {train:.3f} in "
            f"training, {test:.3f} in the test"
        )

    def begin(self, arm: str, seed: int, steps: int, done: int = 0) -> None:
        """The next arm starts; `done` of its steps were made before the run was interrupted."""
        self._finish_arm()
        self._begun += 1
        self._label = f"{arm}, seed {seed} ({self._begun} of {self._arms})"
        self._timing, self._total, self._scores = Timing(), steps - done, ""
        self._said = time.monotonic()
        if self._bar is None:
            return
        if self._task is None:
            self._task = self._bar.add_task(self._label, note="")
        self._bar.update(
            self._task, description=self._label, total=steps * self._arms, completed=steps * (self._begun - 1) + done
        )

    def extend(self, steps: int) -> None:
        """The arm that has begun is longer than announced: it has `steps` in all."""
        self._total = steps
        if self._bar is not None:
            self._bar.update(self._task, total=steps * self._arms)

    def step(self, wait: float, compute: float) -> None:
        """One optimiser step is done; both in seconds."""
        before = self._timing
        self._timing = Timing(before.steps + 1, before.wait_seconds + wait, before.compute_seconds + compute)
        if self._bar is not None:  # in few words: the bar has to fit into 80 columns
            note = f"{1000 * self._timing.step_seconds:.0f} ms, {self._timing.wait_fraction:.1%} wait"
            self._bar.update(self._task, advance=1, note=note)
        elif time.monotonic() - self._said > _LINE_EVERY:
            self._said = time.monotonic()
            self.say(f"{self._label}: step {self._timing.steps} of {self._total}, {self._note()}{self._scores}")

    def measured(self, epoch: int, train: float, test: float) -> None:
        """The network was scored after this epoch."""
        self._scores = f", epoch {epoch + 1}: {self._metric} {train:.3f} in training, {test:.3f} in the test"

    def _note(self) -> str:
        return f"{1000 * self._timing.step_seconds:.1f} ms a step, {self._timing.wait_fraction:.1%} waiting for data"

    def _finish_arm(self) -> None:
        if self._begun and self._timing.steps:
            self.say(f"{self._label}: {self._note()}{self._scores}")
            self._timing = Timing()
