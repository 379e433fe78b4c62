"""`loader.to_keras()`: evaluate, predict, probes, errors, threads, pickling."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

import augfuse as af  # noqa: E402
from adapter_cases import (  # noqa: E402
    BACKEND,
    BACKENDS,
    SIZE,
    Recorder,
    after_batch,
    assert_ended,
    by_epoch,
    images,
    in_order,
    live_threads,
    make_loader,
    which,
    whole,
)
from augfuse.errors import AugfuseWarning, DecodeError, RangeError  # noqa: E402

# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


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


FILES = [__file__, str(Path(__file__).with_name("test_keras_adapter.py"))]


@pytest.mark.slow(reason="runs these files again on another backend")
@pytest.mark.skipif("AUGFUSE_TEST_BACKEND" in os.environ, reason="this run is one for another backend")
@pytest.mark.parametrize("backend", [name for name in ("tensorflow", "torch", "jax") if name != BACKEND])
def test_other_backend(backend: str) -> None:
    if backend not in BACKENDS:
        pytest.skip(f"needs the extra: pip install 'augfuse[{backend}]'")
    environment = os.environ | {"KERAS_BACKEND": backend, "AUGFUSE_TEST_BACKEND": backend}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES]
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
    assert np.array_equal(pickle.loads(pickle.dumps(dataset))[0][1], labels)
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
