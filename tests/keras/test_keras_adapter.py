"""`loader.to_keras()` with real Keras: the right bytes, every batch once per epoch, batches ready, nothing left behind.

Runs on the backend Keras has here; `test_other_backend` runs this file again on each other one that is installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

import augfuse as af  # noqa: E402
from adapter_cases import Recorder, after_batch, by_epoch, in_order, make_loader, which, whole  # noqa: E402
from augfuse.errors import AugfuseWarning, RangeError  # noqa: E402

# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def after_epoch(action: Callable[[int], None]) -> Any:
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: action(epoch))


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What was computed only when asked for: (epoch, step) of each call of `Loader.fetch`."""
    calls = []
    fetch = af.Loader.fetch

    def noted(self: Any, epoch: int, step: int) -> Any:
        calls.append((epoch, step))
        return fetch(self, epoch, step)

    monkeypatch.setattr(af.Loader, "fetch", noted)
    return calls


@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_trains_on_every_batch_once_per_epoch(
    shuffle: bool, streams: list, fetched: list, no_thread_left: None
) -> None:
    loader, validation, model = make_loader(), make_loader(batches=3, training=False), Recorder()
    dataset = loader.to_keras()
    model.fit(dataset, epochs=3, validation_data=validation.to_keras(), shuffle=shuffle, verbose=0)
    assert len(fetched) <= 4  # the batches Keras read beforehand, for their shape or to build the model

    trained = which(loader, model.seen["train"])
    assert by_epoch(trained) == whole(0, 1, 2)
    assert (trained == in_order(0, 1, 2)) is not shuffle
    assert which(validation, model.seen["test"]) == [(0, 0), (0, 1), (0, 2)] * 3
    # Each pass was computed ahead in exactly the order in which Keras then asked for it.
    passes = [trained[start : start + 6] for start in range(0, 18, 6)]
    ahead = [(one[0][0], [step for _, step in one]) for one in passes]
    assert [call for call in streams if len(call[1]) == 6] == ahead
    assert [call for call in streams if len(call[1]) == 3] == [(0, [0, 1, 2])] * 3
    assert len(streams) == 6


def test_a_shuffled_pass_that_begins_like_the_source_is_foreseen(streams: list) -> None:
    loader, model = make_loader(3), Recorder()
    keras.utils.set_random_seed(0)
    model.fit(loader.to_keras(), epochs=12, verbose=0)
    trained = [step for _, step in which(loader, model.seen["train"])]
    passes = [trained[start : start + 3] for start in range(0, 36, 3)]
    assert [0, 2, 1] in passes
    assert [steps for _, steps in streams] == passes


def test_the_seed_of_random_decides_the_order_not_the_bytes() -> None:
    loader = make_loader()
    orders = []
    for seed in (1, 1, 2):
        model = Recorder()
        keras.utils.set_random_seed(seed)
        model.fit(loader.to_keras(), epochs=2, verbose=0)
        orders.append(which(loader, model.seen["train"]))
    assert orders[0] == orders[1] != orders[2]
    assert by_epoch(orders[0]) == by_epoch(orders[2]) == whole(0, 1)


@pytest.mark.parametrize("batches", [1, 2])
def test_epochs_of_one_and_two_batches(batches: int) -> None:
    # TensorFlow reads the first two batches for their shape, other backends one to build the model.
    loader, model = make_loader(batches), Recorder()
    model.fit(loader.to_keras(), epochs=3, verbose=0)
    assert by_epoch(which(loader, model.seen["train"]), batches) == whole(0, 1, 2, batches=batches)


def test_epochs_go_on_over_several_fits() -> None:
    loader, validation, model = make_loader(), make_loader(2, training=False), Recorder()
    dataset = loader.to_keras()
    model.fit(dataset, epochs=1, verbose=0)
    model.evaluate(validation.to_keras(), verbose=0)
    assert dataset.epoch == 0
    model.fit(dataset, epochs=2, verbose=0)
    assert dataset.epoch == 2
    model.fit(dataset, epochs=5, initial_epoch=3, verbose=0)
    assert by_epoch(which(loader, model.seen["train"])) == whole(0, 1, 2, 3, 4)


def test_initial_epoch_moves_a_fresh_data_set_on() -> None:
    loader, model = make_loader(), Recorder()
    model.fit(loader.to_keras(), initial_epoch=4, epochs=6, verbose=0)
    assert by_epoch(which(loader, model.seen["train"])) == whole(4, 5)


def test_backup_and_restore_resumes_at_the_right_epoch(tmp_path: Path) -> None:
    loader = make_loader()

    def interrupt(epoch: int) -> None:
        if epoch == 2:
            raise RuntimeError("the machine went down")

    def train(action: Callable[[int], None]) -> Any:
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
        model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        dataset = loader.to_keras()
        # The backup of an epoch is written before `action` is called.
        callbacks = [keras.callbacks.BackupAndRestore(tmp_path / "backup"), after_epoch(action)]
        epochs = []
        callbacks.append(after_epoch(lambda epoch: epochs.append(dataset.epoch)))
        model.fit(dataset, epochs=5, verbose=0, callbacks=callbacks)
        return epochs

    with pytest.raises(RuntimeError, match="went down"):
        train(interrupt)
    assert train(lambda epoch: None) == [3, 4]


def test_epochs_advance_even_if_keras_renames_its_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    def by_another_name(adapter: Any) -> Any:
        for step in range(adapter.py_dataset.num_batches):
            yield adapter.py_dataset[step]

    monkeypatch.setattr(PyDatasetAdapter, "_finite_generator", by_another_name)
    loader, model = make_loader(), Recorder()
    model.fit(loader.to_keras(), epochs=3, verbose=0)
    assert which(loader, model.seen["train"]) == in_order(0, 1, 2)


def test_set_epoch_is_the_last_word() -> None:
    loader, model = make_loader(), Recorder()
    dataset = loader.to_keras()
    dataset.set_epoch(7)
    assert dataset.epoch == 7
    model.fit(dataset, epochs=2, verbose=0)
    dataset.set_epoch(0)
    model.fit(dataset, initial_epoch=5, epochs=6, verbose=0)
    assert by_epoch(which(loader, model.seen["train"])) == whole(7, 8, 0)
    with pytest.raises(RangeError, match="set_epoch: got -1, wanted 0 or more"):
        dataset.set_epoch(-1)


def test_the_loaders_epoch_is_where_the_data_set_starts() -> None:
    loader = make_loader()
    loader.set_epoch(3)
    dataset = loader.to_keras()
    assert dataset.epoch == 3
    assert dataset[1][0].tobytes() == loader.fetch(3, 1).images.tobytes()
    assert loader.epoch == 3


@pytest.mark.parametrize("shuffle", [True, False])
def test_steps_per_epoch_splits_a_pass_and_warns_once(shuffle: bool, fetched: list, no_thread_left: None) -> None:
    loader, model = make_loader(batches=12), Recorder()
    dataset = loader.to_keras()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(dataset, epochs=6, steps_per_epoch=4, shuffle=shuffle, verbose=0)
    ours = [str(warning.message) for warning in caught if issubclass(warning.category, AugfuseWarning)]
    assert len(ours) == 1
    assert ours[0].startswith("steps_per_epoch=4 is less than the 12 batches of the data set")
    assert "Drop steps_per_epoch: model.fit(dataset, epochs=...)" in ours[0]
    assert len(fetched) <= 2  # all others were computed ahead, across the epochs of Keras
    assert by_epoch(which(loader, model.seen["train"]), 12) == whole(0, 1, batches=12)


def test_steps_per_epoch_of_a_whole_pass_is_no_reason_to_warn() -> None:
    loader, model = make_loader(), Recorder()
    model.fit(loader.to_keras(), epochs=3, steps_per_epoch=6, verbose=0)
    assert by_epoch(which(loader, model.seen["train"])) == whole(0, 1, 2)


def test_stopped_training_goes_on_with_the_next_epoch(no_thread_left: None) -> None:
    loader, model = make_loader(), Recorder()
    dataset = loader.to_keras()
    stop = after_batch(1, lambda: setattr(model, "stop_training", True))
    model.fit(dataset, epochs=3, shuffle=False, verbose=0, callbacks=[stop])
    model.fit(dataset, epochs=2, verbose=0)
    trained = which(loader, model.seen["train"])
    assert trained[:2] == [(0, 0), (0, 1)]
    assert by_epoch(trained[2:]) == whole(1, 2)
