"""Loops and steps that are not a pass over the data: a `for` without end, fewer steps than batches."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
Y = np.arange(60) % 3


pytestmark = pytest.mark.usefixtures("notices_anew")


@pytest.fixture(params=["arrays", "strict", "files"])
def iterator(request: Any, tmp_path: Path) -> Any:
    """Of 3 batches."""
    if request.param != "files":
        compat: Any = None if request.param == "arrays" else "strict"
        return ImageDataGenerator(compat=compat).flow(X, Y, batch_size=20)
    for number, image in enumerate(X[:6]):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "ab"[number % 2] / f"{number}.png")
    return ImageDataGenerator().flow_from_directory(str(tmp_path), (8, 8), batch_size=2)


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", af.AugfuseWarning)
        yield


# --- loops ---


def test_an_endless_loop_is_named(iterator: Any) -> None:
    for numbered in (enumerate, lambda batches: zip(itertools.count(), batches, strict=False)):
        with pytest.warns(af.AugfuseWarning, match=r"never ends: an epoch has 3 batches.*islice") as caught:
            for number, _ in numbered(iterator):
                if number == 9:
                    break
        assert len(caught) == 1 and caught[0].filename == __file__
    with pytest.warns(af.AugfuseWarning, match="never ends"):
        for _ in zip(iterator, range(4), strict=False):
            pass
    next(iterator)
    with pytest.warns(af.AugfuseWarning, match="never ends"):
        for number, _ in enumerate(iterator):
            if number == 3:
                break


@pytest.mark.usefixtures("quiet")
def test_a_loop_that_ends_with_the_epoch_is_not(iterator: Any) -> None:
    for _ in range(3):
        assert len(list(itertools.islice(iterator, len(iterator)))) == 3
    for _ in range(3):
        for number, _ in enumerate(iterator, 1):
            if number == len(iterator):
                break
    next(iterator)  # from here a loop ends in the middle of an epoch
    for _ in range(3):
        for _ in itertools.islice(iterator, len(iterator)):
            pass


@pytest.mark.usefixtures("quiet")
def test_next_goes_on_without_a_word(iterator: Any) -> None:
    assert len([next(iterator) for _ in range(7)]) == 7
    for _ in iterator:  # a look at the first batch
        break
    for _ in range(7):
        next(iterator)
    again = iter(iterator)
    for _ in range(7):
        next(again)
    assert len(list(af.Loader(af.from_arrays(X, Y), batch_size=20))) == 3


# --- steps ---


def network() -> Any:
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    made = keras.Sequential(layers)
    made.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return made


FEEDS: dict[str, Any] = {
    "flow": lambda: ImageDataGenerator().flow(X, Y, batch_size=25, shuffle=False),
    "strict": lambda: ImageDataGenerator(compat="strict").flow(X, Y, batch_size=25, shuffle=False),
    "loader": lambda: af.Loader(af.from_arrays(X, Y), batch_size=25, training=False).to_keras(),
}
SHORT = len(X) // 25  # as in the tutorials: the last batch, of 10, is left out


@pytest.mark.parametrize("name", FEEDS)
def test_fewer_steps_than_batches_are_named(name: str) -> None:
    trained, feed = network(), FEEDS[name]
    with pytest.warns(af.AugfuseWarning, match=r"^steps_per_epoch=2 is less than the 3 batches"):
        trained.fit(feed(), steps_per_epoch=SHORT, verbose=0)
    with pytest.warns(af.AugfuseWarning, match=r"^steps=2 is less .*evaluate\(\) takes the first 2 and leaves out"):
        trained.evaluate(feed(), steps=SHORT, verbose=0)
    with pytest.warns(af.AugfuseWarning, match=r"^steps=2 is less .*no rows for the others. Drop steps, or round up"):
        assert len(trained.predict(feed(), steps=SHORT, verbose=0)) == 50
    with pytest.warns(af.AugfuseWarning, match=r"^validation_steps=2 is less .*Drop validation_steps") as caught:
        trained.fit(feed(), validation_data=feed(), validation_steps=SHORT, epochs=3, verbose=0)
    assert len(caught) == 1


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", FEEDS)
def test_steps_of_a_whole_pass_are_not(name: str) -> None:
    trained, feed = network(), FEEDS[name]
    for steps in (3, None):
        trained.fit(feed(), steps_per_epoch=steps, validation_data=feed(), validation_steps=steps, verbose=0)
        trained.evaluate(feed(), steps=steps, verbose=0)
        assert len(trained.predict(feed(), steps=steps, verbose=0)) == 60
