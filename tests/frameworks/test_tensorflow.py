"""TensorFlow: a loader's batches as a tf.data.Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from framework_cases import N, loader, source, wanted
from oracles import pictures

tf = pytest.importorskip("tensorflow", reason="needs the extra: pip install 'augfuse[tensorflow]'")


def found(batches: Any) -> list[tuple[bytes, list[int]]]:
    return [(images.numpy().tobytes(), labels.numpy().tolist()) for images, labels in batches]


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_the_loaders_own_bytes_epoch_by_epoch(prefetch: int) -> None:
    made = loader()
    batches = made.to_tf(prefetch)
    assert isinstance(batches, tf.data.Dataset) and len(batches) == 5
    assert [found(batches), found(batches)] == [wanted(0), wanted(1)] and made.epoch == 2


def test_what_is_kept_stays() -> None:
    kept = list(loader(af.from_arrays(pictures(60, 80, 90), np.arange(60))).to_tf())
    held = loader(af.from_arrays(pictures(60, 80, 90), np.arange(60))).stream(0)
    assert all(np.array_equal(images, batch.images) for (images, _), batch in zip(kept, held, strict=True))


def spec(made: af.Loader) -> Any:
    return made.to_tf().element_spec


def test_the_signature_is_exact() -> None:
    images, labels = spec(loader())
    assert images.shape.as_list() == [None, 12, 16, 3] and images.dtype == tf.float32
    assert labels.shape.as_list() == [None] and labels.dtype == tf.int64
    images, labels = spec(loader(drop_last=True, dtype="uint8", recipe=af.Recipe(), one_hot=True))
    assert images.shape.as_list() == [5, 12, 16, 3] and images.dtype == tf.uint8 and labels.shape.as_list() == [5, 4]
    images, _ = spec(loader(source(20), layout="NCHW"))
    assert images.shape.as_list() == [5, 3, 12, 16]
    sizes = af.from_samples([pictures(1, 12 + i % 3, 16)[0] for i in range(N)], np.arange(N))
    padded = loader(sizes, pad_to=4).to_tf()
    assert spec(loader(sizes, pad_to=4))[0].shape.as_list() == [None, None, None, 3]
    assert {tuple(images.shape[1:3]) for images, _ in padded} <= {(12, 16), (16, 16)}
    alone = loader(af.from_arrays(pictures(N, 12, 16)))
    assert spec(alone).shape.as_list() == [None, 12, 16, 3]


def test_boxes_are_ragged() -> None:
    boxes = [np.array([[1, 2, 5, 6]] * (i % 3), np.float32).reshape(-1, 4) for i in range(N)]
    data = source().with_targets(boxes=boxes, mask=np.zeros((N, 12, 16), np.uint8), name=[str(i) for i in range(N)])
    with pytest.raises(af.DataError, match=r"to_tf: 'name' is not made of numbers.*targets=\('boxes'"):
        loader(data).to_tf()
    with pytest.raises(af.DataError, match=r"targets: got 'box' of a data set with .*Did you mean 'boxes'\?"):
        loader(data).to_tf(targets=["box"])
    batches = loader(data, training=False, recipe=af.Recipe()).to_tf(targets=("boxes", "mask"))
    images, targets = next(iter(batches))
    assert set(targets) == {"labels", "boxes", "mask"} and targets["mask"].shape == (5, 12, 16)
    assert targets["boxes"].row_lengths().numpy().tolist() == [0, 1, 2, 0, 1]
    assert np.array_equal(targets["boxes"].to_tensor()[2], boxes[2])
    assert sum(len(x) for x, _ in batches) == N and images.shape == (5, 12, 16, 3)


def test_fit_and_evaluate() -> None:
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras runs on another backend")
    made, weighted = loader(), source().with_sample_weights(np.ones(N))
    model = keras.Sequential([keras.Input((12, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    batches = made.to_tf()
    assert len(model.fit(batches, epochs=2, shuffle=False, verbose=0).history["loss"]) == 2 and made.epoch == 2
    model.fit(loader(weighted).to_tf(), shuffle=False, verbose=0)
    still = loader(training=False).to_tf()
    assert model.evaluate(still, verbose=0) == model.evaluate(still, verbose=0)
    assert model.predict(loader(af.from_arrays(pictures(N, 12, 16))).to_tf(), verbose=0).shape == (N, 4)


def test_resuming() -> None:
    made = loader()
    batches, later = made.to_tf(), loader(batch_size=4)
    loop = iter(loader())
    state = {**made.state_dict(), "samples": 10}
    later.load_state_dict(state)
    rest = np.concatenate([images for images, _ in later.to_tf()])
    whole = np.concatenate([batch.images for batch in loop])
    assert np.array_equal(rest, whole[10:])
    made.load_state_dict(state)
    with pytest.raises(tf.errors.OpError, match=r"Call loader\.to_tf\(\) again after loader\.load_state_dict"):
        list(batches)


def test_distributed_over_two_devices() -> None:
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    parts = strategy.experimental_distribute_dataset(loader().to_tf())
    seen = [y for _, labels in parts for one in strategy.experimental_local_results(labels) for y in one.numpy()]
    assert sorted(seen) == sorted(int(i) % 4 for i in range(N))


def test_lists_of_images() -> None:
    with pytest.raises(af.DataError, match=r"to_tf: got a loader with collate='list', wanted images of one size"):
        loader(collate="list").to_tf()
    with pytest.raises(af.RangeError, match="prefetch: got -1"):
        loader().to_tf(prefetch=-1)
