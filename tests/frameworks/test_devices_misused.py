"""The layer, the module and the function given what they do not take: the error is augfuse's own, in plain text, and
names what to type in this framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.keras import Augment
from oracles import pictures

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

X = pictures(4, 24, 32)
RECIPE = af.Recipe([af.Rotate(20), af.HorizontalFlip(), af.Normalize()])
PLANES = torch.from_numpy(X).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("images", "options"),
    [
        (X.transpose(0, 3, 1, 2), {"training": True}),
        (X.astype(np.float32), {"training": True}),
        (X, {"epoch": -1, "training": True}),
        (X, {"epoch": 0, "indices": [1], "training": True}),
    ],
)
def test_errors_of_the_layer_are_plain_text(images: Any, options: dict[str, Any]) -> None:
    layer = Augment(RECIPE, seed=0)
    layer(X)  # built
    with pytest.raises(af.AugfuseError) as found:
        layer(images, **options)
    assert str(found.value).startswith(("Augment: ", "images[0]: ", "epoch: "))
    assert "Exception encountered" not in str(found.value) and "x1b" not in str(found.value)


def test_channels_first() -> None:
    with pytest.raises(af.ImageError, match=r"keras\.layers\.Permute\(\(2, 3, 1\)\).*keras\.ops\.transpose"):
        Augment(RECIPE)(X.transpose(0, 3, 1, 2))
    with pytest.raises(af.ImageError, match=r"channels first.*'NCHW', or images\.permute\(0, 2, 3, 1\)") as found:
        af.torch.Augment(RECIPE, layout="NHWC")(PLANES)
    assert "keras" not in str(found.value) and "transpose" not in str(found.value)
    af.torch.Augment(RECIPE, layout="NHWC")(PLANES.permute(0, 2, 3, 1))
    with pytest.raises(af.ImageError, match=r"channels first.*Use images\.transpose\(0, 2, 3, 1\)\.") as found:
        af.jax.augment(RECIPE, X.transpose(0, 3, 1, 2), seed=0, epoch=0)
    assert "keras" not in str(found.value)


def test_sizes_that_are_not_known() -> None:
    inputs = keras.Input((None, None, 3), dtype="uint8")
    with pytest.raises(af.ImageError, match=r"Let the loader make them: .*keras\.Input\(\(height, width, channels\)"):
        Augment(RECIPE)(inputs)
    with pytest.raises(af.ImageError, match=r"Move Resize from this recipe to the loader's: af\.Loader\(data, "):
        Augment(af.Recipe([af.Resize(32), af.Normalize()]))(inputs)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_other_floats_count_as_float32(name: str) -> None:
    tensor = (PLANES / 255).to(getattr(torch, name))
    kept = tensor.float()
    for mode in (True, False):
        augment = af.torch.Augment(RECIPE, seed=3).train(mode)
        assert torch.equal(augment(tensor, epoch=2), augment(kept, epoch=2))
    array = jax.numpy.asarray(X.astype(np.float32) / 255).astype(name if name != "float64" else "float32")
    found = af.jax.augment(RECIPE, array, seed=3, epoch=2)
    np.testing.assert_array_equal(found, af.jax.augment(RECIPE, array.astype("float32"), seed=3, epoch=2))


@pytest.mark.parametrize("epoch", [np.int32(3), np.array(3), torch.tensor(3), jax.numpy.int32(3)])
def test_epochs_as_arrays_and_tensors(epoch: Any) -> None:
    augment = af.torch.Augment(RECIPE, seed=0)
    assert torch.equal(augment(PLANES, epoch=epoch), augment(PLANES, epoch=3))
    samples, loader = af.torch.dataset(af.from_arrays(X), RECIPE, seed=0), af.Loader(af.from_arrays(X), RECIPE, 2)
    samples.set_epoch(epoch)
    loader.set_epoch(epoch)
    loader.to_torch().set_epoch(epoch)
    assert samples.epoch == loader.epoch == 3
    found = af.jax.augment(RECIPE, X, seed=0, epoch=epoch)
    np.testing.assert_array_equal(found, af.jax.augment(RECIPE, X, seed=0, epoch=3))


@pytest.mark.parametrize(
    "epoch", [1.5, torch.tensor(1.5), torch.tensor(True), torch.tensor([1, 2]), True, np.array(2.0)]
)
def test_epochs_that_are_not_whole_numbers(epoch: Any) -> None:
    for call in (
        lambda: af.torch.dataset(af.from_arrays(X), RECIPE).set_epoch(epoch),
        lambda: af.torch.Augment(RECIPE)(PLANES, epoch=epoch),
        lambda: af.jax.augment(RECIPE, X, seed=0, epoch=epoch),
    ):
        with pytest.raises(af.RangeError, match="epoch: got"):
            call()


@pytest.mark.parametrize("name", ["masks", "boxes", "keypoints", "labels"])
def test_targets(name: str) -> None:
    layer, augment = Augment(RECIPE), af.torch.Augment(RECIPE)
    more: dict[str, Any] = {name: X}
    for call in (
        lambda: layer(X, **more),
        lambda: layer({"images": X, **more}),
        lambda: augment(PLANES, **more),
        lambda: augment({"images": PLANES, **more}),
        lambda: af.jax.augment(RECIPE, X, seed=0, epoch=0, **more),
        lambda: af.jax.augment(RECIPE, {"images": X, **more}, seed=0, epoch=0),
    ):
        with pytest.raises(af.ImageTypeError, match=f"got {name}, wanted images alone.*with_targets"):
            call()


def test_keys_of_jax_as_seeds() -> None:
    for key in (jax.random.key(0), jax.random.PRNGKey(0)):
        with pytest.raises(af.ImageTypeError, match=r"For a jax\.random\.key type seed=0"):
            af.jax.augment(RECIPE, X, seed=key, epoch=0)


def test_export_in_training_mode() -> None:
    model = torch.nn.Sequential(af.torch.Augment(RECIPE), torch.nn.Flatten())
    with pytest.raises(af.StateError, match=r"wanted evaluation mode.*Call model\.eval\(\) first"):
        torch.export.export(model.train(), (PLANES,))
    torch.export.export(model.eval(), (PLANES,))


def test_compiled_without_a_graph_break() -> None:
    whole = torch.nn.Sequential(af.torch.Augment(RECIPE), torch.nn.Flatten())
    with pytest.raises(Exception, match=r"Leave fullgraph=True out, or compile the model behind it"):
        torch.compile(whole, fullgraph=True, backend="eager")(PLANES)
    seed = af.torch.Augment(RECIPE, seed=5)
    found = torch.compile(seed, backend="eager")(PLANES)
    assert torch.equal(found, af.torch.Augment(RECIPE, seed=5)(PLANES))
