"""Augmentation on a GPU: the compiled array executor beside kornia, torchvision v2, triton-augment and DALI.

    python benchmarks/device.py [warp] [whole] [--batch 256] [--size 224] [--rounds 9] [--dtype float32] [--name device]
    python benchmarks/device.py --dry-run        # on the CPU, tiny: is everything there, and right?

A batch of uint8 images that lies in the device's memory becomes normalised floats there. warp: turned by one angle,
black around, at 0.1, 20 and 89.9 degrees (right angles would be copies without a blend). whole: rotate, shift, scale,
flip, colour jitter, normalise, drawn for each image. Contenders that are not installed are listed as absent. Each is
checked before it is measured: the array executor against the reference in float64, the peers' warps against it in the
middle of the picture. Share of bandwidth: the bytes that have to be read and written at least, over the time, over what
a copy reaches in the same run. Beside them the training step of a ResNet-50, where torchvision is installed. Needs a
GPU, and pip install 'augfuse[bench,jax]' with builds for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Literal

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch wants memory, too

import cyclopts
import numpy as np
import torch

import peers
import timing
from augfuse.execute import reference
from augfuse.execute.batch_images import as_images
from augfuse.plan.lower import lower
from device_contenders import OURS, PEERS, Absent, Call, Job, given_numbers, new_numbers
from workloads import MEAN, STD

ANGLES = (0.1, 20.0, 89.9)
DTYPES = {"float32": 4, "bfloat16": 2}  # bytes
CLOSE = {"float32": 2e-2, "bfloat16": 0.5}  # grey levels from the reference; half of the last digit of bfloat16
ALIKE = 3.0  # mean grey levels between a peer's warp and the reference
CHECKED = 4  # images that the reference makes
PARTS = ("warp", "whole")
DALI = ("nvidia-dali-cuda120", "nvidia-dali-cuda130")  # packages
DALI = ("nvidia-dali-cuda120", "nvidia-dali-cuda130")  # packages


def pictures(batch: int, size: int) -> np.ndarray:
    """Waves: smooth, so that pixels of different conventions can be compared, and none like another."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size * 2 * np.pi
    turns = rng.uniform(0.5, 2, (batch, 1, 1, 3))
    waves = np.sin(turns * x[None, ..., None] + rng.uniform(0, 6, (batch, 1, 1, 3))) + np.cos(
        turns * y[None, ..., None]
    )
    return ((waves + 2) / 4 * 255).astype(np.uint8)


def levels(found: Any) -> np.ndarray:
    """What a contender made, as (n, h, w, c) in levels of uint8."""
    if isinstance(found, torch.Tensor):
        found = found[:CHECKED].permute(0, 2, 3, 1).float().cpu()
    return (np.asarray(found[:CHECKED], np.float32) * np.array(STD, np.float32) + np.array(MEAN, np.float32)) * 255


def exact(job: Job, epoch: int = 0) -> np.ndarray:
    """What the reference makes of the first images, as levels."""
    first = job._replace(images=job.images[:CHECKED])
    return levels(reference.execute(lower(first.plan(epoch)), as_images(first.images)))


def check_peer(job: Job, call: Call) -> None:
    """Absent for a peer that does something else."""
    found = levels(call(0))
    if not np.isfinite(found).all() or found.min() < -2 or found.max() > 257:
        raise Absent(f"wrong: its levels are {found.min():.3g} to {found.max():.3g}")
    if job.degrees is None:
        if np.array_equal(found, levels(call(1))):
            raise Absent("wrong: two calls give the same images")
        return
    edge = found.shape[1] // 4
    middle = np.s_[:, edge:-edge, edge:-edge]
    turns = (job, job._replace(degrees=-job.degrees))  # clockwise is as much work
    off = min(float(np.abs(exact(turn) - found)[middle].mean()) for turn in turns)
    if off > ALIKE:
        raise Absent(f"wrong: {off:.3g} grey levels from a turn by {job.degrees} degrees")


def contenders(job: Job, report: Callable[[str], None]) -> tuple[dict[str, Call], dict[str, float]]:
    """Those that are there and right; and how far ours are from the reference, in grey levels."""
    calls: dict[str, Call] = {}
    off: dict[str, float] = {}

    def ours(name: str) -> None:
        program = OURS[name](job)
        call = given_numbers(program)
        off[name] = max(float(np.abs(levels(call(epoch)) - exact(job, epoch)).max()) for epoch in (0, 1))
        calls[name] = call
        if job.degrees is None:
            calls[f"{name}, with the host's part"] = new_numbers(program)

    def peer(name: str) -> None:
        call = PEERS[name](job)
        check_peer(job, call)
        calls[name] = call

    for name in (*OURS, *(PEERS if job.dtype == "float32" else ())):
        try:
            (ours if name in OURS else peer)(name)
        except Absent as error:
            report(f"{name}: absent, {error}")
        except Exception as error:  # of another version than this was written for, or of a compiler
            report(f"{name}: failed, {type(error).__name__}: {str(error).partition(chr(10))[0]}")
    return calls, off


def finished(found: Any) -> None:
    """Wait for a device to have made this."""
    if not isinstance(found, torch.Tensor):
        found.block_until_ready()
    elif found.is_cuda:
        torch.cuda.synchronize()


def several(call: Call, times: int) -> Call:
    """Calls that are not waited for one by one: a step of a training does not wait either."""

    def all_of_them(number: int) -> None:
        for k in range(times - 1):
            call(number * times + k)
        finished(call(number * times + times - 1))

    return all_of_them


def bandwidth(device: str, size: int, rounds: int) -> timing.Summary:
    """Bytes a second that a copy within the memory reads and writes."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = timing.interleave({"copy": several(lambda _: target.copy_(source), 5)}, rounds)["copy"]
    return timing.summarise([2 * 5 * size / one for one in seconds])


def resnet_step(batch: int, size: int, device: str) -> Call:
    """A training step of a ResNet-50 as people train it: channels last, bfloat16 products, momentum."""
    if peers.torchvision_v2() is None:
        raise Absent("torchvision is not installed")
    from torchvision.models import resnet50

    model = resnet50().to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    images = torch.rand(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
    classes = torch.arange(batch, device=device) % 1000

    def step(_: int) -> torch.Tensor:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(model(images), classes)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def works(parts: tuple[str, ...], images: np.ndarray, device: str, dtypes: Iterable[str]) -> dict[str, Job]:
    """What is measured, by name."""
    found = {}
    for part in parts:
        for dtype in dtypes:
            if part == "whole":
                found[f"whole, {dtype}"] = Job(images, device, dtype, None)
            else:
                turns = {f"warp, {dtype}, {angle:g} degrees": angle for angle in ANGLES}
                found |= {work: Job(images, device, dtype, angle) for work, angle in turns.items()}
    return found


def rates(work: str, seconds: list[float], job: Job, peak: timing.Summary) -> list[timing.Figure]:
    """Images a second, and the share of the bandwidth: all values go in as bytes and come out as the job's dtype."""
    least = job.images.size * (1 + DTYPES[job.dtype])
    found = {
        "images a second": [len(job.images) / one for one in seconds],
        "of a copy's bandwidth": [least / one / peak.median for one in seconds],
    }
    return [timing.Figure(work, what, timing.summarise(values), None) for what, values in found.items()]


def main(
    *parts: str,
    batch: int = 256,
    size: int = 224,
    rounds: int = 9,
    dtype: Literal["float32", "bfloat16"] | None = None,
    dry_run: bool = False,
    name: str = "device",
) -> None:
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"parts: got {', '.join(sorted(unknown))}, wanted {' and '.join(PARTS)}.")
    if not dry_run and not torch.cuda.is_available():
        raise SystemExit("This PyTorch finds no GPU, so there is nothing to measure. Try the script with --dry-run.")
    device, times, room, machine = "cuda", 20, 2**30, {}
    if dry_run:
        device, times, room, batch, size, rounds = "cpu", 1, 2**20, min(batch, 4), min(size, 32), 1
    else:
        machine = timing.machine("augfuse", "torch", "jax", "kornia", "torchvision", "triton-augment", *DALI)
        machine["device"] = torch.cuda.get_device_name()
    peak = bandwidth(device, room, rounds)
    told: dict[str, None] = {}

    def report(line: str) -> None:
        if line not in told:
            print(line)
        told[line] = None

    checks: list[timing.Figure] = []
    speeds = [timing.Figure("copy", "GB/s read and written", timing.summarise([peak.median / 1e9]), None)]
    for work, job in works(parts or PARTS, pictures(batch, size), device, (dtype,) if dtype else DTYPES).items():
        calls, off = contenders(job, report)
        for who, levels_off in off.items():
            value = timing.summarise([levels_off])
            checks.append(
                timing.Figure(f"{work}: {who}", "grey levels from the reference", value, CLOSE[job.dtype], True)
            )
        seconds = timing.interleave({who: several(call, times) for who, call in calls.items()}, rounds)
        for who, found in seconds.items():
            speeds += rates(f"{work}: {who}", [one / times for one in found], job, peak)
    try:
        found = timing.interleave({"": several(resnet_step(batch, size, device), 1)}, rounds)[""]
    except Absent as error:
        report(f"ResNet-50 step: absent, {error}")
    else:
        value = timing.summarise([batch / one for one in found])
        speeds.append(timing.Figure("ResNet-50 step", "images a second", value, None))
    for figure in checks if dry_run else [*checks, *speeds]:
        print(figure)
    if dry_run:
        missed = [figure.work for figure in checks if not figure.reached]
        if missed:
            raise SystemExit(f"not like the reference: {'; '.join(missed)}")
        ran = ", ".join(dict.fromkeys(figure.work.partition(": ")[2] for figure in speeds if ": " in figure.work))
        print(f"dry run on the CPU: {ran} ran, and are right; nothing was measured")
        return
    named = {f"{figure.work}: {figure.figure}": figure.as_json for figure in [*checks, *speeds]}
    print(timing.write_json(name, {"machine": machine, "absent": list(told), "figures": named}))


if __name__ == "__main__":
    cyclopts.run(main)
