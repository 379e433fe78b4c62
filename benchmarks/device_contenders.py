"""Who augments a batch in the memory of a device: the contenders of device.py, each at its quickest spelling.

Each is made by a function of a `Job`, and is a call with a number that never repeats. It returns a tensor (n, c, h, w)
or, for JAX, (n, h, w, c), and may return before the device is done. `Absent` says why one is not there. None has run on
a GPU yet, triton-augment and DALI not at all; what they make is checked before it is measured, as of all others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import augfuse as af
import peers
from augfuse.execute import arrays
from augfuse.execute.batch_images import as_images
from workloads import FLIP, HUE, JITTER, MEAN, ROTATE, SCALE, SHIFT, STD

Call = Callable[[int], Any]
_PLANS = 8


class Absent(Exception):
    """Why a contender cannot take part."""


class Job(NamedTuple):
    """degrees: the turn of all images, black around them, and normalise; None: the whole recipe, with its own draws."""

    images: np.ndarray
    device: str
    dtype: str
    degrees: float | None

    @property
    def recipe(self) -> af.Recipe:
        if self.degrees is None:
            return peers.augfuse_recipe(jitter=True)
        return af.Recipe([af.Rotate((self.degrees, self.degrees)), af.Normalize(MEAN, STD)], fill="constant")

    @property
    def tensor(self) -> torch.Tensor:
        """The images on the device."""
        return torch.from_numpy(self.images).to(self.device)

    def plan(self, epoch: int) -> af.Plan:
        held = as_images(self.images)
        return self.recipe.plan(held.canvas, 3, held.dtype, np.arange(len(held)), seed=0, epoch=epoch)


class Program(NamedTuple):
    """The compiled array executor: sent(epoch) are the numbers of a plan on the device, run(numbers) the images."""

    sent: Callable[[int], Any]
    run: Callable[[Any], Any]


def torch_program(job: Job) -> Program:
    ops, given, dtype = arrays.ops_for("torch"), job.tensor, getattr(torch, job.dtype)
    static = arrays.prepare(job.plan(0))[0]

    def made(images: Any, numbers: Any) -> Any:
        return arrays.run(static, images, numbers, ops).to(dtype).permute(0, 3, 1, 2).contiguous()

    compiled = ops.compiled(made)

    def sent(epoch: int) -> Any:
        return {name: ops.tensor(array, given) for name, array in arrays.prepare(job.plan(epoch), static)[1].items()}

    return Program(sent, lambda numbers: compiled(given, numbers))


def jax_program(job: Job) -> Program:
    try:
        import jax
    except ImportError:
        raise Absent("not installed") from None
    kind = "cpu" if job.device == "cpu" else "gpu"
    try:
        device = jax.devices(kind)[0]
    except RuntimeError:
        raise Absent("this JAX finds no GPU: pip install 'jax[cuda13]'") from None
    ops, given = arrays.ops_for("jax"), jax.device_put(job.images, device)
    static = arrays.prepare(job.plan(0))[0]
    compiled = ops.compiled(lambda images, numbers: arrays.run(static, images, numbers, ops).astype(job.dtype))

    def sent(epoch: int) -> Any:
        return jax.device_put(arrays.prepare(job.plan(epoch), static)[1], device)

    return Program(sent, lambda numbers: compiled(given, numbers))


def given_numbers(program: Program) -> Call:
    """The numbers of several plans lie on the device already, and take turns."""
    held = [program.sent(epoch) for epoch in range(_PLANS)]
    return lambda number: program.run(held[number % _PLANS])


def new_numbers(program: Program) -> Call:
    """Each call draws on the host, plans, and sends the numbers: what a training step pays."""
    return lambda number: program.run(program.sent(number))


def _floats(images: torch.Tensor, dtype: str) -> torch.Tensor:
    """As the peers want them, which is part of the work: (n, c, h, w) in 0..1."""
    return images.permute(0, 3, 1, 2).contiguous().to(getattr(torch, dtype)).div_(255)


def kornia(job: Job) -> Call:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import kornia.augmentation as K
    except ImportError:
        raise Absent("not installed") from None
    given = job.tensor
    if job.degrees is None:
        layers: list[Any] = [
            K.RandomAffine(ROTATE, (SHIFT, SHIFT), SCALE, padding_mode="border", p=1.0),
            K.RandomHorizontalFlip(p=FLIP),
            K.ColorJitter(JITTER, JITTER, JITTER, (-HUE, HUE), p=1.0),
        ]
    else:
        layers = [K.RandomAffine((job.degrees, job.degrees), p=1.0)]
    module = torch.nn.Sequential(*layers, K.Normalize(torch.tensor(MEAN), torch.tensor(STD))).to(job.device)
    return _without_gradients(lambda _: module(_floats(given, job.dtype)))


def torchvision(job: Job) -> Call:
    """A batch has one draw for all of it: less work than the others do."""
    v2 = peers.torchvision_v2()
    if v2 is None:
        raise Absent("not installed")
    given, bilinear = job.tensor, v2.InterpolationMode.BILINEAR
    if job.degrees is None:
        steps = [
            v2.RandomAffine(ROTATE, (SHIFT, SHIFT), SCALE, interpolation=bilinear),
            v2.RandomHorizontalFlip(FLIP),
            v2.ColorJitter(JITTER, JITTER, JITTER, HUE),
        ]
    else:
        steps = [v2.RandomRotation((job.degrees, job.degrees), interpolation=bilinear)]
    compose = v2.Compose([*steps, v2.Normalize(MEAN, STD)])
    return _without_gradients(lambda _: compose(_floats(given, job.dtype)))


def triton_augment(job: Job) -> Call:
    """It has no hue, and only black around the picture."""
    _needs_cuda(job)
    try:
        import triton_augment as ta
        from triton_augment.functional import InterpolationMode
    except ImportError:
        raise Absent("not installed") from None
    given = job.tensor
    if job.degrees is None:
        options: dict[str, Any] = {
            "degrees": ROTATE, "translate": (SHIFT, SHIFT), "scale": SCALE, "horizontal_flip_p": FLIP,
            "brightness": JITTER, "contrast": JITTER, "saturation": JITTER,
        }  # fmt: skip
    else:
        options = {"degrees": (job.degrees, job.degrees)}
    module = ta.TritonFusedAugment(mean=MEAN, std=STD, interpolation=InterpolationMode.BILINEAR, **options)
    return _without_gradients(lambda _: module(_floats(given, job.dtype)))


def dali(job: Job) -> Call:
    """The warp alone: rotate, then crop_mirror_normalize."""
    _needs_cuda(job)
    try:
        from nvidia.dali import fn, pipeline_def, types
        from nvidia.dali.plugin.pytorch import feed_ndarray
    except ImportError:
        raise Absent("not installed") from None
    if job.degrees is None:
        raise Absent("only the warp is written for it")
    given, degrees = job.tensor, job.degrees
    kind = types.FLOAT

    @pipeline_def(batch_size=len(job.images), num_threads=2, device_id=torch.cuda.current_device())
    def pipeline() -> Any:
        images = fn.external_source(source=lambda: given, device="gpu", layout="HWC", batch=True, no_copy=True)
        turned = fn.rotate(images, angle=degrees, fill_value=0, keep_size=True)
        mean, std = ([255 * x for x in channel] for channel in (MEAN, STD))
        return fn.crop_mirror_normalize(turned, dtype=kind, mean=mean, std=std, output_layout="CHW")

    pipe = pipeline()
    pipe.build()
    n, height, width, channels = job.images.shape
    out = torch.empty((n, channels, height, width), device=job.device)

    def call(_: int) -> Any:
        (found,) = pipe.run()
        feed_ndarray(found.as_tensor(), out, cuda_stream=torch.cuda.current_stream())
        return out

    return call


def _needs_cuda(job: Job) -> None:
    if job.device != "cuda":
        raise Absent("runs on NVIDIA GPUs alone")


def _without_gradients(call: Call) -> Call:
    def inside(number: int) -> Any:
        with torch.inference_mode():
            return call(number)

    return inside


OURS = {"augfuse, torch.compile": torch_program, "augfuse, jax.jit": jax_program}
PEERS = {"kornia": kornia, "torchvision v2": torchvision, "triton-augment": triton_augment, "DALI": dali}
