"""The contenders: each function takes a batch and returns the call that augments it, with all set-up behind it.

A call gets a number that never repeats (the epoch) and returns the augmented float32 batch. Every library is used the
way its documentation shows, at its quickest; where two spellings were possible the quicker one is here, and a comment
tells.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads import FLIP, HUE, JITTER, MEAN, ROTATE, SCALE, SHIFT, STD, ZOOM

if TYPE_CHECKING:
    from spellings import Work

Call = Callable[[int], Any]


def augfuse_recipe(jitter: bool) -> Any:
    """The work, as a recipe."""
    import augfuse as af

    transforms: list[Any] = [
        af.Rotate(degrees=ROTATE),
        af.Translate(x=SHIFT, y=SHIFT),
        af.Scale(factor=SCALE),
        af.HorizontalFlip(p=FLIP),
    ]
    if jitter:
        transforms.append(af.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER, hue=HUE))
    return af.Recipe([*transforms, af.Normalize(mean=MEAN, std=STD)], fill="nearest", interpolation="bilinear")


def augfuse(batch: np.ndarray, jitter: bool, workers: int, reuse: bool) -> Call:
    """The public call; `reuse`: into one buffer (out=), as the loader does, else into a new array each time."""
    recipe = augfuse_recipe(jitter)
    indices = np.arange(len(batch))
    out = np.empty(batch.shape, np.float32) if reuse else None

    def call(epoch: int) -> np.ndarray:
        return recipe.batch(batch, seed=0, epoch=epoch, indices=indices, workers=workers, out=out).images

    return call


def keras(batch: np.ndarray) -> Call:
    """Keras' deprecated class through `flow`, normalised featurewise with given statistics, as after its `fit`.

    Making the iterator (which converts all data to float32) is not counted. Its zoom is drawn per axis, and it has
    no saturation and no hue.
    """
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rotation_range=ROTATE,
        width_shift_range=SHIFT,
        height_shift_range=SHIFT,
        zoom_range=ZOOM,
        horizontal_flip=True,
        fill_mode="nearest",
        featurewise_center=True,
        featurewise_std_normalization=True,
    )
    generator.mean = np.array(MEAN, np.float32) * 255
    generator.std = np.array(STD, np.float32) * 255
    flow = generator.flow(batch, batch_size=len(batch), shuffle=False)
    return lambda _: next(flow)


def augfuse_single(batch: np.ndarray, jitter: bool) -> Call:
    """One image a call: the next one of the batch."""
    recipe = augfuse_recipe(jitter)
    return lambda index: recipe(image=batch[index % len(batch)], seed=0, index=index)["image"]


def albumentations_single(batch: np.ndarray, jitter: bool) -> Call:
    """One image a call: the next one of the batch."""
    compose = _compose(jitter)
    return lambda index: compose(image=batch[index % len(batch)])["image"]


def albumentations(batch: np.ndarray, jitter: bool) -> Call:
    """One Compose, image by image, into a reused batch array."""
    compose = _compose(jitter)
    out = np.empty(batch.shape, np.float32)

    def call(_: int) -> np.ndarray:
        for row, image in zip(out, batch, strict=True):
            row[...] = compose(image=image)["image"]
        return out

    return call


def _compose(jitter: bool) -> Any:
    """The work, as Albumentations has it.

    Affine does rotation, shift and scale in one resample (ShiftScaleRotate is the same thing), and the flip comes
    first, while pixels are still uint8: both are quicker than the other way round.
    """
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    transforms: list[Any] = [
        A.HorizontalFlip(p=FLIP),
        A.Affine(
            rotate=(-ROTATE, ROTATE),
            translate_percent=(-SHIFT, SHIFT),
            scale=SCALE,
            keep_ratio=True,
            interpolation=cv2.INTER_LINEAR,
            border_mode=cv2.BORDER_REPLICATE,
            p=1.0,
        ),
    ]
    if jitter:
        transforms.append(A.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER, hue=(-HUE, HUE), p=1.0))
    return A.Compose([*transforms, A.Normalize(mean=MEAN, std=STD)])


def kornia(batch: np.ndarray, jitter: bool, threads: int) -> Call:
    """Batched on torch tensors, with the conversion from uint8 NHWC that a user pays; the result stays NCHW."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its modules use spellings that newer versions of torch deprecate
        import kornia.augmentation as K

    layers: list[Any] = [
        K.RandomAffine(ROTATE, (SHIFT, SHIFT), SCALE, padding_mode="border", p=1.0),
        K.RandomHorizontalFlip(p=FLIP),
    ]
    if jitter:
        layers.append(K.ColorJitter(JITTER, JITTER, JITTER, (-HUE, HUE), p=1.0))
    layers.append(K.Normalize(torch.tensor(MEAN), torch.tensor(STD)))
    module = torch.nn.Sequential(*layers)

    def call(_: int) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            floats = torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().float().div_(255)
            return module(floats).numpy()

    return call


def floor(batch: np.ndarray, reuse: bool) -> Call:
    """Only converting the batch from uint8 to float32 with NumPy: no library that writes float32 can be quicker."""
    if not reuse:
        return lambda _: batch.astype(np.float32)
    out = np.empty(batch.shape, np.float32)

    def call(_: int) -> np.ndarray:
        np.copyto(out, batch)
        return out

    return call


# Contenders whose batches are (n, channels, h, w).
CHANNELS_FIRST = frozenset({"kornia", "kornia, 2 threads"})


def one_core(batch: np.ndarray, jitter: bool) -> dict[str, Call]:
    """Every contender, with one worker or thread each, for one CPU."""
    calls = {
        "augfuse": augfuse(batch, jitter, workers=1, reuse=True),
        "augfuse, new array": augfuse(batch, jitter, workers=1, reuse=False),
        "Albumentations": albumentations(batch, jitter),
        "kornia": kornia(batch, jitter, threads=1),
    }
    if not jitter:
        calls["Keras"] = keras(batch)
    return calls


def two_cores(batch: np.ndarray, jitter: bool) -> dict[str, Call]:
    """augfuse with one and with two workers, and the one peer whose call starts threads."""
    return {
        "augfuse": augfuse(batch, jitter, workers=1, reuse=True),
        "augfuse, 2 workers": augfuse(batch, jitter, workers=2, reuse=True),
        "kornia": kornia(batch, jitter, threads=1),
        "kornia, 2 threads": kornia(batch, jitter, threads=2),
    }


def floors(batch: np.ndarray) -> dict[str, Call]:
    """Not contenders: they do not augment."""
    return {"floor": floor(batch, reuse=True), "floor, new array": floor(batch, reuse=False)}


PEERS: Sequence[str] = ("Albumentations", "kornia")


def contenders(work: Work, batch: np.ndarray, channels_first: bool = False) -> dict[str, Call]:
    """Every library that can do `work`, one thread each; all write their own batch array of the same shape.

    augfuse gets the batch. The others get image by image and each result is copied into the array, but for kornia,
    which takes batches: its result is left in NCHW.
    """
    calls: dict[str, Call] = {}
    for name, make in {"augfuse": _augfuse_work, **_BY_IMAGE}.items():
        if name != "augfuse" and name not in work.peers:
            continue
        out = np.empty((len(batch), *work.output, 3), np.float32 if work.floats else np.uint8)
        if channels_first:
            out = np.ascontiguousarray(out.transpose(0, 3, 1, 2))
        if (call := make(work, batch, out, channels_first)) is not None:
            calls[name] = call
    if "kornia" in work.peers:
        calls["kornia"] = _kornia_work(work, batch)
    return calls


def as_levels(work: Work, images: np.ndarray, channels_first: bool) -> np.ndarray:
    """What a contender made, as (n, h, w, c) float32 in levels of uint8."""
    levels = np.array(images.transpose(0, 2, 3, 1) if channels_first else images, np.float32)  # buffers are reused
    return (levels * np.array(STD, np.float32) + np.array(MEAN, np.float32)) * 255 if work.floats else levels


def _augfuse_work(work: Work, batch: np.ndarray, out: np.ndarray, channels_first: bool) -> Call:
    import augfuse as af

    recipe = af.Recipe(work.augfuse(af), **work.settings)
    indices = np.arange(len(batch))
    layout = "NCHW" if channels_first else "NHWC"

    def call(epoch: int) -> np.ndarray:
        return recipe.batch(batch, seed=0, epoch=epoch, indices=indices, workers=1, layout=layout, out=out).images

    return call


def _compose_work(module: Any, work: Work, name: str, batch: np.ndarray, out: np.ndarray, channels_first: bool) -> Call:
    """A Compose, image by image. For NCHW its result is copied transposed, which spares ToTensorV2's copy."""
    compose = module.Compose(work.peers[name](module))
    rows = out.transpose(0, 2, 3, 1) if channels_first else out

    def call(_: int) -> np.ndarray:
        for row, image in zip(rows, batch, strict=True):
            row[...] = compose(image=image)["image"]
        return out

    return call


def _albumentations_work(work: Work, batch: np.ndarray, out: np.ndarray, channels_first: bool) -> Call:
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    return _compose_work(A, work, "Albumentations", batch, out, channels_first)


def _augrs_work(
    work: Work, batch: np.ndarray, out: np.ndarray, channels_first: bool, name: str = "augrs"
) -> Call | None:
    """Single calls; `augment_batch(num_threads=1)` takes the same time within 5 %."""
    try:
        import augrs as A
    except ImportError:
        return None
    return _compose_work(A, work, name, batch, out, channels_first)


def torchvision_v2() -> Any:
    """torchvision.transforms.v2, or None.

    A wheel built for CUDA cannot load its compiled part (of detection and decoding) beside a torch without CUDA. The
    transforms need none of it, so that the operators it lacks are declared.
    """
    try:
        import torch
    except ImportError:
        return None
    for _ in range(4):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from torchvision.transforms import v2
        except ImportError:
            return None
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                return None
            torch.library.define(f"torchvision::{missing[1]}", "(Tensor a, Tensor b, float c) -> Tensor")
        else:
            return v2
    return None


def _torchvision_work(work: Work, batch: np.ndarray, out: np.ndarray, channels_first: bool) -> Call | None:
    """Image by image: given a batch it draws once for all of it. Images are (c, h, w) views of the uint8 batch."""
    v2 = torchvision_v2()
    if v2 is None:
        return None
    import torch

    compose = v2.Compose(work.peers["torchvision"](v2))
    images = list(torch.from_numpy(batch).permute(0, 3, 1, 2))
    rows = list(torch.from_numpy(out) if channels_first else torch.from_numpy(out).permute(0, 3, 1, 2))

    def call(_: int) -> np.ndarray:
        torch.set_num_threads(1)
        with torch.inference_mode():
            for row, image in zip(rows, images, strict=True):
                row.copy_(compose(image))
        return out

    return call


def _kornia_work(work: Work, batch: np.ndarray) -> Call:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kornia.augmentation as K

    module = torch.nn.Sequential(*work.peers["kornia"](K))

    def call(_: int) -> np.ndarray:
        torch.set_num_threads(1)
        with torch.inference_mode():
            floats = torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().float().div_(255)
            return module(floats).numpy()

    return call


_BY_IMAGE: dict[str, Callable[[Work, np.ndarray, np.ndarray, bool], Call | None]] = {
    "Albumentations": _albumentations_work,
    "augrs": _augrs_work,
    "augrs, box": partial(_augrs_work, name="augrs, box"),  # no antialiasing by area: see spellings.py
    "torchvision": _torchvision_work,
}
