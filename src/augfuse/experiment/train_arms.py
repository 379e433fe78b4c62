"""Training all arms of all seeds, from wherever an interrupted run was left."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from augfuse.data.batches.loader import Loader
from augfuse.experiment import evaluation
from augfuse.experiment.arms import ArmState, Course, Measures, finished_arm, score, train_epochs
from augfuse.experiment.method import Stopping, taken
from augfuse.experiment.network.network import Network
from augfuse.experiment.progress import Progress
from augfuse.experiment.records import ARMS, Arm, Settings, SweepPoint, arm_name, arm_strength
from augfuse.experiment.run_folder.checkpoint import Current, Finished, RunFolder
from augfuse.experiment.setup.prepare import Job
from augfuse.experiment.setup.run_loaders import balanced, class_counts, measures, training_loader
from augfuse.experiment.tensorboard import Board

# Of a time budget; the rest is for saving, checking and reporting.
_FOR_TRAINING = 0.95


class Training:
    """The training of one job in its open folder. `began`: `time.monotonic()` when this process took it up."""

    def __init__(self, job: Job, network: Network, folder: RunFolder, console: Any, began: float) -> None:
        self._job = job
        self._network = network
        self._folder = folder
        self._console = console
        self._began = began
        self._before = 0.0  # seconds of the processes before this one
        self._measures: Measures = measures(job)
        counts = class_counts(job, job.parts.train) if job.settings.class_weights else None
        self._class_weights = None if counts is None else balanced(counts)
        self._epochs = folder.epochs or (job.settings.epochs if job.settings.minutes is None else None)

    @property
    def settings(self) -> Settings:
        """The settings of the job, with the number of epochs that its time budget allowed."""
        settings = self._job.settings
        return settings if self._epochs is None else msgspec.structs.replace(settings, epochs=self._epochs)

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far, in all processes."""
        return self._before + time.monotonic() - self._began

    def all(self) -> tuple[Arm, ...]:
        """All arms of all seeds. The weights of the plain and of the augmented arm of the first seed stay in the run's
        state, what each arm says about the test part in its folder."""
        settings = self._job.settings
        names = arm_names(settings)
        arms: list[Arm] = []
        with Progress(self._console, len(names) * len(settings.seeds), self._job.parts.task.metric) as progress:
            for seed in settings.seeds:
                for name in names:
                    done = self._folder.finished_arm(name, seed)
                    if done is None:
                        arms.append(self._arm(name, seed, progress))
                        continue
                    self._before = max(self._before, done.seconds)
                    arms.append(done.arm)
                    progress.skip(name, seed, done.arm.train.value, done.arm.test.value)
        return tuple(arms)

    def _arm(self, name: str, seed: int, progress: Progress) -> Arm:
        network, settings = self._network, self._job.settings
        loader = training_loader(self._job, name, seed, settings.batch_size)
        state = self._begun(name, seed)
        done = len(state.points) * len(loader)
        if self._epochs is None:
            progress.begin(name, seed, len(loader), done)
            state = self._within_budget(name, seed, loader, state, progress)
            progress.extend(self.settings.epochs * len(loader))
        else:
            progress.begin(name, seed, self._epochs * len(loader), done)
        course = self._course(self.settings.epochs)
        state = self._train(name, seed, loader, state, course, progress)
        arm, found = finished_arm(network, name, seed, arm_strength(name), state, self._measures)
        if state.points[arm.kept].test is None:
            with self._board(name, seed) as board:
                if board is not None:
                    board.add_scores(arm.points[arm.kept])
        progress.measured(arm.points[arm.kept].epoch, arm.train.value, arm.test.value)
        evaluation.save(found, self._job.folder)
        if name in ARMS and seed == settings.seeds[0]:
            self._folder.save_weights(name, seed, network.weights())
        self._folder.save_finished(Finished(arm, self.seconds))
        return arm

    def _begun(self, name: str, seed: int) -> ArmState:
        """Where this arm stands, with the network in that state."""
        self._network.reset(seed)
        current = self._folder.current(name, seed)
        if current is None or current.state.network is None:
            return ArmState()
        self._before = max(self._before, current.seconds)
        self._network.load_state(current.state.network)
        return current.state

    def _train(
        self, name: str, seed: int, loader: Loader, state: ArmState, course: Course, progress: Progress
    ) -> ArmState:
        def save(state: ArmState) -> None:
            self._folder.save_current(Current(name, seed, state, self.seconds))
            if board is not None:
                board.add(state.points[-1])

        with self._board(name, seed) as board:
            return train_epochs(
                self._network, loader, state, course=course, measures=self._measures, progress=progress, save=save
            )

    def _board(self, name: str, seed: int) -> AbstractContextManager[Board | None]:
        """The curves of an arm for TensorBoard, where they are asked for."""
        job = self._job
        return (
            closing(Board(job.folder, name, seed, job.parts.task.metric)) if job.options.tensorboard else nullcontext()
        )

    def _within_budget(self, name: str, seed: int, loader: Loader, state: ArmState, progress: Progress) -> ArmState:
        """Train the first epoch of the first arm, and decide from its time how many epochs all arms get."""
        settings = self._job.settings
        assert settings.minutes is not None
        began = time.monotonic()
        if not state.points:
            state = self._train(name, seed, loader, state, self._course(1), progress)
        first = state.points[0]
        epoch = max(time.monotonic() - began, first.wait_seconds + first.compute_seconds)
        began = time.monotonic()
        train, test = score(self._network, self._measures, 0)
        evaluation_seconds = time.monotonic() - began
        self._epochs = epochs_within(
            _FOR_TRAINING * 60 * settings.minutes - (self.seconds - epoch - evaluation_seconds),
            arms=len(arm_names(settings)) * len(settings.seeds),
            epoch=epoch,
            evaluation=evaluation_seconds,
            evaluations=settings.evaluations,
            most=settings.epochs,
        )
        measured = 0 in self._course(self._epochs).measured and self._epochs > 1
        first = replace(first, train=train if measured else None, test=test if measured else None)
        state = replace(state, points=(first, *state.points[1:]))
        self._folder.save_current(Current(name, seed, state, self.seconds))
        self._folder.decide(self._epochs)
        progress.say(f"{settings.minutes:g} minutes: {self._epochs} epochs for each arm ({epoch:.1f} s an epoch)")
        return state

    def _course(self, epochs: int) -> Course:
        settings = self._job.settings
        return Course(
            epochs=epochs,
            evaluations=settings.evaluations,
            average_epochs=settings.average_epochs,
            class_weights=self._class_weights,
            **taken(settings, Stopping),
        )


def arm_names(settings: Settings) -> tuple[str, ...]:
    """The arms of each seed, in the order of training: plain, augmented, and the other strengths of a sweep."""
    others = (arm_name(strength) for strength in settings.sweep)
    return (*ARMS, *(name for name in others if name not in ARMS))


def swept(settings: Settings, arms: tuple[Arm, ...]) -> tuple[SweepPoint, ...]:
    """Test score and gap at each strength of the sweep, in rising order; () without one."""
    points = []
    for strength in settings.sweep:
        own = [arm for arm in arms if arm.strength == strength]
        accuracies = tuple(arm.test.value for arm in own)
        points.append(SweepPoint(strength, accuracies, float(np.mean([arm.gap for arm in own]))))
    return tuple(points)


def epochs_within(seconds: float, *, arms: int, epoch: float, evaluation: float, evaluations: int, most: int) -> int:
    """The largest number of epochs, 1 to `most`, that all arms can be given within `seconds`: one at least.

    epoch, evaluation: seconds of each; at most `evaluations` epochs are followed by an evaluation.
    """
    for epochs in range(most, 1, -1):
        if arms * (epochs * epoch + min(epochs, evaluations) * evaluation) <= seconds:
            return epochs
    return 1
