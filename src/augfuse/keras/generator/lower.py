"""Parameters to pixels: one compiled pass (warp, brightness, gain, offset), and what cannot be fused into it after it.

Keras' order is affine, channel shift (clipped to the warped image's own extent), flips, brightness, then standardise:
preprocessing_function, rescale, samplewise, featurewise, ZCA. Flips are folded into the warp. What comes after is a
gain and an offset per channel, folded into the write unless a step before it needs the finished pixels of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.execute.cpu.run import BORDERS, flat, target_of, work_of
from augfuse.keras.generator.compat import mode_of
from augfuse.keras.generator.draws import Parameters
from augfuse.keras.generator.matrices import moves, to_engine, with_flips
from augfuse.keras.generator.options import Options
from augfuse.keras.generator.resample import Maps, Warping, border, spline, spline_order, starts_of
from augfuse.keras.generator.standardize import channel_steps, check_finite, preprocess, samplewise_steps, whole_steps
from augfuse.keras.generator.steps import Finish, Pixels
from augfuse.plan.lowered import Output, Pass, Sampling
from augfuse.threads import share

# How far to go: the augmented pictures, as what fit() takes its statistics of, or the input of the model.
Until: TypeAlias = Literal["pictures", "statistics", "all"]
Take: TypeAlias = Callable[[tuple[int, ...], np.dtype], np.ndarray]

_F = np.float32


def render(
    options: Options,
    pixels: Pixels,
    parameters: Parameters | None,
    workers: int,
    take: Take = np.empty,
    until: Until = "all",
) -> np.ndarray:
    """n finished images, float32 (n, h, w, c), or (n, c, h, w) for a channels_first generator; parameters None: not
    augmented. `take` allocates the result."""
    n, (height, width, channels) = len(pixels.rows), pixels.shape
    out = take((n, channels, height, width) if options.planar else (n, height, width, channels), np.dtype(_F))
    steps, factors = _picture_steps(options, pixels, parameters)
    after = Finish()
    if until != "pictures":
        after = channel_steps(options, channels) if until == "all" else samplewise_steps(options)
    function = None if until == "pictures" else options.preprocessing_function

    scale, bias = np.ones(channels, _F), np.zeros(channels, _F)
    if function is None:
        if mode_of(options).fuses and not (steps.acts or after.centers or after.divides):
            scale, bias = after.gain_and_bias(channels)  # which are part of the write
        else:
            steps = steps.followed_by(after)
    stack, rows, sampling, ties = _sampled(options, pixels, parameters)
    size = Canvas(np.full(n, height), np.full(n, width))
    step, low, high = _colors(options, pixels, factors, Pass(size, sampling))
    work = work_of(step, channels, pixels.low)
    output = Output(low, high, np.tile(scale, (n, 1)), np.tile(bias, (n, 1)), np.dtype(_F))
    target = target_of(output, options.planar, out)
    whole = Warping(flat(stack), starts_of(rows, pixels.shape), pixels.shape, work, target, ties, options.cval, steps)
    share(whole.run, n, workers)
    if function is not None:
        for image in out:
            image[...] = preprocess(options, image)
        check_finite("preprocessing_function", options, out)
        share(lambda start, stop: whole.finish(start, stop, after), n, workers)
    return whole_steps(options, out) if until == "all" else out


def _picture_steps(options: Options, pixels: Pixels, parameters: Parameters | None) -> tuple[Finish, np.ndarray | None]:
    """What has to wait for the warped pixels, and the brightness factors that need not."""
    if parameters is None:
        return Finish(), None
    before, factors = Finish(), parameters.brightness
    if parameters.channel_shift is not None:
        before = Finish(shifts=np.ascontiguousarray(parameters.channel_shift))
    if factors is None:
        return before, None
    return mode_of(options).brighten(options, pixels, before, np.ascontiguousarray(factors))


def _sampled(
    options: Options, pixels: Pixels, parameters: Parameters | None
) -> tuple[np.ndarray, np.ndarray, Sampling | None, Maps | None]:
    """The stack and the rows of it that a pass reads, where, and the pixels to be settled after it."""
    edge, order = border(options.fill_mode), spline_order(options.interpolation_order)
    stack, rows = pixels.stack, pixels.rows
    if parameters is None or not moves(parameters):
        return stack, rows, None, None
    n, (height, width, _) = len(rows), pixels.shape
    maps, ties = mode_of(options).maps(parameters, height, width, BORDERS[edge], order == 0)
    if order > 1:
        stack = spline(stack[rows], maps, options.fill_mode, options.cval, order)
        rows, ties = np.arange(n), None
        maps = np.tile(np.eye(2, 3), (n, 1, 1))
    how = "nearest" if order == 0 else "bilinear"
    return stack, rows, Sampling(to_engine(with_flips(maps, parameters, height, width)), None, edge, how), ties


def _colors(options: Options, pixels: Pixels, factors: np.ndarray | None, step: Pass) -> tuple[Pass, float, float]:
    """The pass with brightness as its colours and the fill colour as it leaves it; and the clip."""
    n, channels = len(pixels.rows), pixels.shape[2]
    fills = np.full((n, channels), options.cval, np.float64)
    if factors is None:
        return step._replace(fills=fills), -np.inf, np.inf
    offsets = pixels.low - factors * pixels.low
    colors = slice(0, 3) if channels == 4 else slice(None)  # a fourth channel is alpha
    fills[:, colors] = fills[:, colors] * factors[:, None] + offsets[:, None]
    if channels not in (3, 4):
        gain = np.stack([factors, offsets], axis=1)
        return step._replace(gain=gain, fills=fills), pixels.low, pixels.high
    matrices = np.zeros((n, 3, 4))
    for c in range(3):
        matrices[:, c, c], matrices[:, c, 3] = factors, offsets
    return step._replace(color=matrices, fills=fills), pixels.low, pixels.high
