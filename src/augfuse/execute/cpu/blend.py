"""Finished samples put together: one in the other's part, or blended."""

from __future__ import annotations

import numpy as np

from augfuse.execute.batch_images import Images, empty_images
from augfuse.execute.cpu.run import flat
from augfuse.execute.mixture import Masks
from augfuse.jit import jit
from augfuse.plan.ops import Mix
from augfuse.threads import share


@jit
def blend(one: np.ndarray, other: np.ndarray, part: np.float32, rest: np.float32, out: np.ndarray) -> None:
    """out = part * one + rest * other, in float32. All are flat."""
    for p in range(len(out)):
        out[p] = np.float32(one[p]) * part + np.float32(other[p]) * rest


def mix(op: Mix, own: Images, partners: tuple[Images, ...], masks: Masks, threads: int) -> Images:
    """The images of a batch, those of `op.rows` mixed with their partners. masks: what is taken of these."""
    n = len(own)
    dtype = np.dtype(np.float32) if op.weights is not None else own.dtype
    out = empty_images(op.size, own.channels, dtype)
    place = np.full(n, -1)
    place[op.rows] = np.arange(len(op.rows))

    def run(start: int, stop: int) -> None:
        for i in range(start, stop):
            target, j = out[i], int(place[i])
            if j < 0:
                target[...] = own[i]
            elif op.weights is not None:
                _blend(own[i], [partner[j] for partner in partners], op.weights[j].astype(np.float32), target)
            else:
                for k, sample in enumerate((own[i], *(partner[j] for partner in partners))):
                    left, top, width, height = op.parts[j, k].tolist()
                    part = target[top : top + height, left : left + width]
                    np.copyto(part, sample, where=True if masks is None or k == 0 else masks[j][:, :, None])

    share(run, n, threads)
    return out


def _blend(own: np.ndarray, others: list[np.ndarray], weights: np.ndarray, out: np.ndarray) -> None:
    line = out.reshape(-1)
    first = own
    part = weights[0]
    for other, weight in zip(others, weights[1:], strict=True):
        blend(flat(first), flat(other), part, weight, line)
        first, part = line, np.float32(1)
