"""Checkpoints of an unfinished run in its folder: the same command resumes it and gets the same final numbers.

    run.json                what the run's numbers depend on, and how many epochs a time budget allowed
    state/lock              held while a process trains this run
    state/current.arm       the arm in training, after its last finished epoch
    state/NAME-SEED.arm     a finished arm
    state/NAME-SEED.weights its weights, if one of them may become model.keras

Every file appears in one step. `state` is removed when the report is written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, final

import msgspec
import numpy as np

from augfuse.data.layouts.exclude import fingerprint
from augfuse.errors import DataError
from augfuse.experiment import evaluation, tensorboard
from augfuse.experiment.arms import ArmState
from augfuse.experiment.method import flag
from augfuse.experiment.records import Arm, Settings
from augfuse.experiment.run_folder.encoding import pack, unpack
from augfuse.experiment.setup.train_and_test import Parts
from augfuse.experiment.tasks.classification import CLASSIFICATION
from augfuse.files import is_unfinished, locked, remove_unfinished, write_bytes, write_text
from augfuse.text import shown

T = TypeVar("T")
FILE = "run.json"
REPORT = "report.html"
# Settings that leave the numbers as they are, or that are compared by what they lead to: data, list and model.
_IGNORED = frozenset({"name", "data", "exclude", "columns", "workers", "model", "checked_images"})
_SAMPLED_IMAGES = 16


@dataclass(frozen=True, slots=True)
class Current:
    """The arm in training. `seconds` is the time that the run has taken so far, in all processes."""

    name: str
    seed: int
    state: ArmState
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished arm, and the time that the run had taken by then, in seconds."""

    arm: Arm
    seconds: float


@final
class RunFolder:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / "state"

    @property
    def exists(self) -> bool:
        """Whether a run has begun here."""
        return (self.folder / FILE).is_file()

    @property
    def finished(self) -> bool:
        """Whether the report is there: it is the last file to appear."""
        return (self.folder / REPORT).is_file()

    @property
    def bare(self) -> bool:
        """Whether nothing is in the folder but what a process left that was killed before it could write anything."""
        ours = [self._state, self._state / "lock"] if self._state.is_dir() else []
        found = [*self.folder.iterdir(), *(self._state.iterdir() if ours else ())]
        return all(path in ours or is_unfinished(path) for path in found)

    @property
    def locked(self) -> bool:
        """Whether a process trains this run at the moment."""
        path = self._state / "lock"
        if not path.is_file():
            return False
        try:
            with locked(path, self._taken):
                return False
        except DataError:
            return True

    @property
    def _taken(self) -> str:
        return f"{self.folder}: another process trains this run. Type another --name."

    def require_free(self) -> None:
        """DataError while a process trains this run, or where it is none of this version."""
        if self.exists:
            self._read()
        if self.locked:
            raise DataError(self._taken)

    def same(self, identity: dict[str, Any]) -> bool:
        """Whether the run of this folder is the one with this identity; False for one that cannot be read."""
        try:
            return not self.differences(identity)
        except DataError:
            return False

    def differences(self, identity: dict[str, Any]) -> tuple[str, ...]:
        """Where the run of this folder is another one than `identity`, in words."""
        began = self._read()["identity"]
        names = sorted(set(began) | set(identity))
        return tuple(
            f"{_called(name)} was {_said(began.get(name))} and is {_said(identity.get(name))}"
            for name in names
            if began.get(name) != identity.get(name)
        )

    @contextmanager
    def open(self, identity: dict[str, Any]) -> Iterator[None]:
        """Begin or continue the run, and hold its lock. DataError where another process does."""
        made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        self._state.mkdir(parents=True, exist_ok=True)
        with locked(self._state / "lock", self._taken):
            try:
                if not self.exists:
                    self._write(identity, None)
                yield
            finally:
                with suppress(OSError):
                    if not self.exists and self.bare:  # nothing could be written
                        shutil.rmtree(self._state, ignore_errors=True)
                        remove_unfinished(self.folder)
                        for path in made:
                            path.rmdir()

    def clear(self) -> None:
        """Forget the run that was here, if any; other files of the folder stay until they are written again. DataError
        while a process trains it."""
        self.require_free()
        for name in (REPORT, FILE):
            (self.folder / name).unlink(missing_ok=True)
        for path in (self._state, self.folder / tensorboard.FOLDER, self.folder / evaluation.FOLDER):
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """The report is written: nothing is left to continue. Half-written files of a killed process go too, and
        nothing else: the folder may hold files of the user's."""
        shutil.rmtree(self._state, ignore_errors=True)
        remove_unfinished(self.folder)
        remove_unfinished(self.folder / evaluation.FOLDER)

    @property
    def epochs(self) -> int | None:
        """How many epochs the time budget allows, once that is decided."""
        return self._read()["epochs"]

    def decide(self, epochs: int) -> None:
        """Keep the number of epochs that the time budget allows."""
        self._write(self._read()["identity"], epochs)

    def save_current(self, current: Current) -> None:
        write_bytes(self._state / "current.arm", pack(current))

    def current(self, name: str, seed: int) -> Current | None:
        """The state of this arm, where it is the one that was in training."""
        found = self._load(self._state / "current.arm", Current)
        return found if found is not None and (found.name, found.seed) == (name, seed) else None

    def save_finished(self, finished: Finished) -> None:
        arm = finished.arm
        write_bytes(self._state / f"{arm.name}-{arm.seed}.arm", pack(finished))

    def finished_arm(self, name: str, seed: int) -> Finished | None:
        return self._load(self._state / f"{name}-{seed}.arm", Finished)

    def save_weights(self, name: str, seed: int, weights: list[np.ndarray]) -> None:
        write_bytes(self._state / f"{name}-{seed}.weights", pack(weights))

    def weights(self, name: str, seed: int) -> list[np.ndarray]:
        path = self._state / f"{name}-{seed}.weights"
        found = self._load(path, list[np.ndarray])
        if found is None:
            raise DataError(f"{path}: no such file. The run cannot be continued: type --overwrite to begin it again.")
        return found

    def _load(self, path: Path, kind: type[T]) -> T | None:
        if not path.is_file():
            return None
        try:
            return unpack(path.read_bytes(), kind)
        except (msgspec.MsgspecError, ValueError) as error:
            raise DataError(
                f"{path}: not a state of this version ({error}). Type --overwrite to begin the run again."
            ) from error

    def _read(self) -> dict[str, Any]:
        path = self.folder / FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return {"identity": dict(found["identity"]), "epochs": found["epochs"]}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not a run of this version ({shown(error)}). Type another --name.") from error

    def _write(self, identity: dict[str, Any], epochs: int | None) -> None:
        text = json.dumps({"identity": identity, "epochs": epochs}, indent=2, ensure_ascii=False)
        write_text(self.folder / FILE, text + "\n")


def identity(settings: Settings, recipe: str, parts: Parts, model: str) -> dict[str, Any]:
    """What the numbers of a run depend on, as plain JSON. `recipe` and `model` are fingerprints."""
    kept = {name: value for name, value in msgspec.to_builtins(settings).items() if name not in _IGNORED}
    found = kept | {"recipe": recipe, "model": model, "data": data_digest(parts)}
    if settings.task == CLASSIFICATION.name:  # that of runs whose version knew no other
        del found["task"]
    if settings.exclude is not None:  # the digest of the data samples images: a list that differs in one may escape it
        found["exclude"] = fingerprint(settings.exclude)
    if settings.columns is not None:
        found["columns"] = sorted(settings.columns)
    return json.loads(json.dumps(found))


def data_digest(parts: Parts) -> str:
    """16 hex digits of the classes and labels of the parts, and of all pixels of arrays; of files their names and sizes
    (in an archive also the checksums) and a few images, because to read them all takes as long as an epoch. Of masks
    and boxes those of a few images."""
    digest = blake2b(repr(parts.classes).encode(), digest_size=8)
    for data in (parts.train, parts.test, *(() if parts.validation is None else (parts.validation,))):
        if data.labels is not None:
            digest.update(np.ascontiguousarray(data.labels, np.int64).tobytes())
        for mark in data.store.marks(data.rows.tolist()):
            digest.update(mark)
        if data.images is None or data.table.targets:
            for row in np.unique(np.linspace(0, len(data) - 1, _SAMPLED_IMAGES).astype(int)).tolist():
                sample = data[row]
                digest.update(np.ascontiguousarray(sample.image).tobytes())
                for name in sorted(sample.targets):
                    digest.update(repr((name, _said_all(sample.targets[name]))).encode())
    return digest.hexdigest()


def _said_all(value: Any) -> Any:
    """A target as something whose `repr` says all of it."""
    if isinstance(value, (list, tuple)):
        return [_said_all(one) for one in value]
    array = np.ascontiguousarray(value)
    return value if array.dtype == object else (array.shape, array.dtype.str, array.tobytes())


def _called(name: str) -> str:
    """How a difference names a setting: as the flag that sets it."""
    return f"the {name}" if name in ("recipe", "data", "model") else flag(name)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value) or "none"
    return "none" if value is None else str(value)
