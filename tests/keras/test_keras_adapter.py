"""`loader.to_keras()` with real Keras: the right bytes, every batch once per epoch, batches ready, nothing left behind.

Runs on the backend Keras has here; `test_other_backend` runs this file again on each other one that is installed.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

import augfuse as af  # noqa: E402
from augfuse.errors import AugfuseWarning, DecodeError, RangeError  # noqa: E402

# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BACKEND = keras.backend.backend()
BACKENDS = [name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name)]
SIZE = 4  # images per batch


class Recorder(keras.Model):
    """The smallest model, keeping every batch that reaches it."""

    def __init__(self) -> None:
        keras.Model.__init__(self)
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(2)
        self.seen: dict[str, list[tuple[np.ndarray, ...]]] = {"train": [], "test": [], "predict": []}
        self.compile(
            optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True
        )

    def call(self, inputs: Any) -> Any:
        return self.dense(self.flatten(inputs))

    def keep(self, step: str, data: Any) -> None:
        self.seen[step].append(tuple(np.array(part.numpy() if hasattr(part, "numpy") else part) for part in data))

    # The batch is the last argument on every backend; JAX passes its state first.
    def train_step(self, *args: Any) -> Any:
        self.keep("train", args[-1])
        return keras.Model.train_step(self, *args)

    def test_step(self, *args: Any) -> Any:
        self.keep("test", args[-1])
        return keras.Model.test_step(self, *args)

    def predict_step(self, *args: Any) -> Any:
        self.keep("predict", args[-1])
        return keras.Model.predict_step(self, *args)


def after_batch(number: int, action: Callable[[], None]) -> Any:
    """A callback that calls `action` after training on batch `number` of an epoch of Keras."""
    return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: action() if batch == number else None)


def after_epoch(action: Callable[[int], None]) -> Any:
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: action(epoch))


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def make_loader(batches: int = 6, training: bool = True, labels: bool = True, **options: Any) -> Any:
    """A loader of `batches` batches, the last one smaller, unless there is only one."""
    count = batches * SIZE - (batches > 1)
    y = np.arange(count) % 2 if labels else None
    recipe = af.Recipe((af.Rotate(degrees=(-30, 30)), af.HorizontalFlip()))
    return af.Loader(
        af.from_arrays(images(count), y), recipe, batch_size=SIZE, seed=5, training=training, workers=2, **options
    )


def which(loader: Any, batches: Sequence[tuple[np.ndarray, ...]]) -> list[tuple[int, int]]:
    """(epoch, index) of each batch, told by its bytes. Fails on bytes that are no batch of the first twelve epochs."""
    names: dict[tuple[bytes, bytes], tuple[int, int]] = {}
    places = ((epoch, step) for epoch in range(12) for step in range(len(loader)))

    def name(images: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
        content = images.tobytes(), labels.astype(np.int64).tobytes()
        while content not in names:
            place = next(places)
            batch = loader.fetch(*place)
            names.setdefault((batch.images.tobytes(), batch.labels.tobytes()), place)
        return names[content]

    return [name(*batch) for batch in batches]


def whole(*epochs: int, batches: int = 6) -> list[list[tuple[int, int]]]:
    return [[(epoch, step) for step in range(batches)] for epoch in epochs]


def in_order(*epochs: int) -> list[tuple[int, int]]:
    return [batch for epoch in whole(*epochs) for batch in epoch]


def by_epoch(named: list[tuple[int, int]], batches: int = 6) -> list[list[tuple[int, int]]]:
    """The batches of each pass in ascending order."""
    return [sorted(named[start : start + batches]) for start in range(0, len(named), batches)]


def live_threads() -> set[threading.Thread]:
    """Threads started by Python code, without the kernels' own pool (augfuse_0, ...), which lives with the process.

    TensorFlow's own threads show as dummies once they have run Python.
    """
    return {
        thread
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith("augfuse_")
    }


def assert_ended(before: set[threading.Thread]) -> None:
    gc.collect()
    for thread in live_threads() - before:
        thread.join(20)
    assert live_threads() <= before


@pytest.fixture
def no_thread_left() -> Any:
    before = live_threads()
    yield
    assert_ended(before)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """What was asked to be computed ahead: (epoch, steps) of each call of `Loader.stream`."""
    calls = []
    stream = af.Loader.stream

    def noted(self: Any, epoch: int, steps: Sequence[int]) -> Any:
        calls.append((epoch, list(steps)))
        return stream(self, epoch, steps)

    monkeypatch.setattr(af.Loader, "stream", noted)
    return calls


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


def test_evaluate_and_predict_follow_the_source(streams: list, no_thread_left: None) -> None:
    loader, model = make_loader(training=False), Recorder()
    dataset = loader.to_keras()
    model.evaluate(dataset, verbose=0)
    rows = model.predict(dataset, verbose=0)
    assert which(loader, model.seen["test"]) == which(loader, model.seen["predict"]) == in_order(0)
    source = images(6 * SIZE - 1)
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in model.seen["predict"]]), source)
    np.testing.assert_array_equal(np.concatenate([batch[1] for batch in model.seen["predict"]]), np.arange(23) % 2)
    assert rows.shape == (23, 2)
    assert streams == [(0, [0, 1, 2, 3, 4, 5])] * 2
    dataset.set_epoch(9)
    assert dataset.epoch == 0


def test_predict_without_labels() -> None:
    loader, model = make_loader(training=False, labels=False), Recorder()
    dataset = loader.to_keras()
    assert len(dataset[0]) == 1
    model.predict(dataset, verbose=0)
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in model.seen["predict"]]), images(23))


@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_a_training_loader_in_predict_and_evaluate_is_reported(method: str) -> None:
    dataset, model = make_loader().to_keras(), Recorder()
    model.fit(dataset, epochs=2, verbose=0)
    with pytest.warns(AugfuseWarning, match=rf"{method}\(\) got a training loader.*training=False"):
        getattr(model, method)(dataset, verbose=0)
    getattr(model, method)(dataset, verbose=0)  # once is enough
    assert dataset.epoch == 1
    model.fit(dataset, epochs=1, verbose=0)
    assert dataset.epoch == 2


def test_getitem_is_a_function_of_epoch_and_index() -> None:
    loader = make_loader()
    dataset = loader.to_keras()
    for epoch in (2, 0):
        dataset.set_epoch(epoch)
        for step in (4, 0, 5, 5, 1):
            got, labels = dataset[step]
            wanted = loader.fetch(epoch, step)
            assert got.tobytes() == wanted.images.tobytes()
            assert labels.tobytes() == wanted.labels.tobytes()
    assert len(dataset) == dataset.num_batches == 6
    with pytest.raises(IndexError, match=r"batch 6 of a data set with 6 batches: wanted 0\.\.5"):
        dataset[6]


def test_getitem_from_several_threads(no_thread_left: None) -> None:
    loader = make_loader()
    dataset = loader.to_keras()
    dataset.on_epoch_begin()
    steps = [step for step in range(6) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(dataset.__getitem__, steps))
    assert which(loader, batches) == [(0, step) for step in steps]
    dataset.on_epoch_end()


def test_probes_neither_skip_nor_repeat_an_epoch(no_thread_left: None) -> None:
    loader = make_loader()
    dataset = loader.to_keras()
    dataset.on_epoch_end()
    _ = dataset[0], dataset[1]
    dataset.on_epoch_begin()
    dataset[3]
    dataset.on_epoch_end()
    served = []
    for _ in range(3):  # a loop by hand
        dataset.on_epoch_begin()
        served += [dataset[step] for step in range(6)]
        dataset.on_epoch_end()
        dataset.on_epoch_end()
    assert which(loader, served) == in_order(0, 1, 2)


def test_plain_iteration_serves_the_current_epoch(no_thread_left: None) -> None:
    loader = make_loader()
    dataset = loader.to_keras()
    assert which(loader, list(dataset)) == which(loader, list(dataset)) == in_order(0)
    for _ in dataset:
        break


def test_requests_out_of_order_leave_the_prefetch_alone(streams: list, no_thread_left: None) -> None:
    loader = make_loader(batches=10)
    dataset = loader.to_keras()
    dataset.on_epoch_begin()
    asked = [0, 1, 9, 2, 3, 0, 4]  # strays: 9 and 0
    moved = [7, 8, 9]  # goes on at another place
    assert which(loader, [dataset[step] for step in asked + moved]) == [(0, step) for step in asked + moved]
    assert streams == [(0, list(range(10))), (0, [9])]
    dataset.on_epoch_end()


def test_a_broken_image_surfaces_with_its_name(tmp_path: Path, no_thread_left: None) -> None:
    import cv2

    (tmp_path / "a").mkdir()
    for number, image in enumerate(images(12)):
        cv2.imwrite(str(tmp_path / "a" / f"{number:02}.png"), image)
    (tmp_path / "a" / "09.png").write_bytes(b"no image")
    loader = af.Loader(af.from_directory(tmp_path), af.Recipe(), batch_size=SIZE, training=False, workers=2)
    # TensorFlow runs the data set in a thread of its own, where an exception becomes text.
    with pytest.raises(Exception, match=r"09\.png") as caught:
        Recorder().evaluate(loader.to_keras(), verbose=0)
    assert "DecodeError" in str(caught.value) if BACKEND == "tensorflow" else caught.type is DecodeError
    (tmp_path / "a" / "00.png").write_bytes(b"no image")
    with pytest.raises(DecodeError, match=r"00\.png"):
        Recorder().evaluate(loader.to_keras(), verbose=0)


def test_an_error_in_training_leaves_no_threads() -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    before = live_threads()
    loader, model = make_loader(batches=40), Recorder()
    dataset = loader.to_keras()
    with pytest.raises(KeyboardInterrupt):
        model.fit(dataset, epochs=2, verbose=0, callbacks=[after_batch(2, fail)])
    assert_ended(before)
    # The data set lives on, and the next training is a new epoch.
    model.seen["train"].clear()
    model.fit(dataset, epochs=1, verbose=0)
    assert by_epoch(which(loader, model.seen["train"]), 40) == whole(1, batches=40)


def test_every_way_out_ends_the_threads() -> None:
    before = live_threads()
    for end in ("close", "set_epoch", "on_epoch_end", "collect"):
        dataset = make_loader(batches=40).to_keras()
        dataset.on_epoch_begin()
        dataset[0]
        if end == "close":
            dataset.close()
        elif end == "set_epoch":
            dataset.set_epoch(0)
        elif end == "on_epoch_end":
            dataset.on_epoch_end()
        else:
            del dataset
        assert_ended(before)


def test_arrays_in_use_are_never_overwritten() -> None:
    loader = make_loader()
    dataset = loader.to_keras()
    kept = []
    for _ in range(2):
        dataset.on_epoch_begin()
        for step in range(6):
            batch = dataset[step]
            kept.append((batch, [part.tobytes() for part in batch]))
        dataset.on_epoch_end()
    for number, (batch, content) in enumerate(kept):
        assert [part.tobytes() for part in batch] == content
        assert not any(np.shares_memory(batch[0], other[0]) for other, _ in kept[:number])
        assert batch[0].flags.writeable


def test_a_pickled_copy_goes_on_in_the_same_epoch() -> None:
    loader = make_loader()
    dataset = loader.to_keras()
    dataset.set_epoch(3)
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.epoch == 3
    assert copy[2][0].tobytes() == dataset[2][0].tobytes()
    dataset.on_epoch_begin()
    _ = dataset[0], dataset[1]
    copy = pickle.loads(pickle.dumps(dataset))  # also while it computes ahead
    dataset.on_epoch_end()
    copy.on_epoch_begin()
    assert copy.epoch == 4


def test_workers_of_keras_are_refused() -> None:
    dataset = make_loader().to_keras()
    assert (dataset.workers, dataset.use_multiprocessing) == (1, False)
    dataset.workers = 1
    dataset.use_multiprocessing = False
    with pytest.raises(RangeError, match=r"workers: got 4, wanted 1\..*workers=4"):
        dataset.workers = 4
    with pytest.raises(RangeError, match="use_multiprocessing: got True"):
        dataset.use_multiprocessing = True


def test_waiting_is_measured() -> None:
    dataset = make_loader().to_keras()
    assert dataset.wait_seconds == 0
    dataset[0]
    first = dataset.wait_seconds
    dataset[1]
    assert 0 < first < dataset.wait_seconds


def test_importing_the_package_does_not_import_keras() -> None:
    """`import augfuse` does not, `import augfuse.keras` does."""
    code = "import sys, augfuse; assert 'keras' not in sys.modules; import augfuse.keras; assert 'keras' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["augfuse.keras", "augfuse.keras.sequence"])
def test_without_keras_the_message_names_the_extra(module: str) -> None:
    code = f"import sys; sys.modules['keras'] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtraError: augfuse.keras needs Keras" in done.stderr
    assert "pip install 'augfuse[keras,tensorflow]'" in done.stderr


@pytest.mark.slow(reason="runs this file again on another backend")
@pytest.mark.skipif("AUGFUSE_TEST_BACKEND" in os.environ, reason="this run is one for another backend")
@pytest.mark.parametrize("backend", [name for name in ("tensorflow", "torch", "jax") if name != BACKEND])
def test_other_backend(backend: str) -> None:
    if backend not in BACKENDS:
        pytest.skip(f"needs the extra: pip install 'augfuse[{backend}]'")
    environment = os.environ | {"KERAS_BACKEND": backend, "AUGFUSE_TEST_BACKEND": backend}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_masks_in_the_place_of_labels() -> None:
    """A network that finds bright pixels, from masks that move with their images."""
    rng = np.random.default_rng(0)
    masks = np.zeros((24, 16, 16), np.uint8)
    for mask in masks:
        top, left = rng.integers(0, 8, 2)
        mask[top : top + 8, left : left + 8] = 1
    data = af.from_arrays((masks[..., None] * 200).astype(np.uint8)).with_targets(
        mask=masks, boxes=[[[0, 0, k % 3 + 1, 2]] * (k % 2) for k in range(24)]
    )
    loader = af.Loader(data, af.Recipe([af.Rotate(20), af.HorizontalFlip(), af.ToFloat()]), batch_size=8, seed=0)
    dataset = loader.to_keras(target="mask")
    images, labels = dataset[0]
    assert np.array_equal(labels, loader.fetch(0, 0).masks) and labels.shape == images.shape[:3]
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy")
    history = model.fit(dataset, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    with pytest.raises(
        af.DataError, match=r"target: got 'masks' of a data set with 'mask', 'boxes'\. Did you mean 'mask'"
    ):
        loader.to_keras(target="masks")
    with pytest.raises(af.DataError, match=r"target 'boxes': its entries have different shapes .*batch\.padded"):
        loader.to_keras(target="boxes")[0]
