"""Compiled: what Keras' class does to a warped image that is not one matrix per image.

Contract as in `execute.cpu.kernels`: validated by the caller, nothing drawn, nothing allocated per pixel. Images are
flat float32, one after the other, (h, w, c) or (c, h, w).
"""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit
from augfuse.keras.generator.steps import EIGHT_BIT, SCALED

LANES = 16  # accumulators side by side, so that a minimum over an image is vectorised

F = np.float32


@jit
def finish(out, first, last, size, channels, plane, planar, steps):
    """Images first..last of `out`, in place: see `Finish` for the order."""
    low = F(0)
    high = F(0)
    for i in range(first, last):
        x = out[i * size : (i + 1) * size]
        if steps.shifts.size > 0 or steps.brightness == EIGHT_BIT:
            low, high = _extent(x)
        if steps.shifts.size > 0:
            shift = F(steps.shifts[i])
            for p in range(size):
                x[p] = min(max(x[p] + shift, low), high)
            if steps.brightness == EIGHT_BIT:
                low, high = _extent(x)
        # The fourth channel is alpha: brightness leaves it alone. It is the last plane, or every fourth value.
        colors = size - plane if planar and channels == 4 else size
        if steps.brightness == EIGHT_BIT:
            fourth = channels == 4 and not planar
            _brighten_eight_bit(x, F(steps.factors[i]), low, high, colors, fourth, steps.rounding)
        elif steps.brightness == SCALED:
            _brighten(x, F(steps.factors[i]), steps.low, steps.high, colors, channels == 4 and not planar)
        if steps.rescale != F(1):
            for p in range(size):
                x[p] *= steps.rescale
        if steps.centers or steps.divides:
            _standardize(x, steps.centers, steps.divides)
        if steps.gains.size > 0:
            _scale(x, steps.gains, steps.biases, channels, plane, planar)


@inlined
def _extent(x):
    """The smallest and the largest value."""
    lows = np.full(LANES, x[0], np.float32)
    highs = np.full(LANES, x[0], np.float32)
    whole = x.size // LANES * LANES
    for p in range(0, whole, LANES):
        for lane in range(LANES):
            lows[lane] = min(lows[lane], x[p + lane])
            highs[lane] = max(highs[lane], x[p + lane])
    for p in range(whole, x.size):
        lows[0] = min(lows[0], x[p])
        highs[0] = max(highs[0], x[p])
    return lows.min(), highs.max()


@inlined
def _brighten(x, factor, low, high, colors, skips_fourth):
    for p in range(colors):
        if not (skips_fourth and p % 4 == 3):
            x[p] = min(max(low + factor * (x[p] - low), low), high)


@inlined
def _brighten_eight_bit(x, factor, low, high, colors, skips_fourth, rounding):
    """Keras' way: to 8 bit (stretched over 0..255 where values lie outside), Pillow's blend with black, and back."""
    stretched = low < F(0) or high > F(255)
    span = high - low
    for p in range(x.size):
        value = x[p]
        if stretched:
            value -= low
            if span != F(0):
                value /= span
            value *= F(255)
        byte = F(np.int32(min(value + rounding, F(255))))
        if p < colors and not (skips_fourth and p % 4 == 3):
            byte = F(np.int32(min(max(factor * byte, F(0)), F(255))))
        x[p] = byte / F(255) * span + low if stretched else byte


@inlined
def _standardize(x, centers, divides):
    """Minus its mean, divided by its standard deviation + 1e-6. Sums in float64."""
    mean = F(_sum_of_powers(x, F(0), 1) / x.size)
    gain = F(1.0 / (np.sqrt(_sum_of_powers(x, mean, 2) / x.size) + 1e-6)) if divides else F(1)
    shift = mean if centers else F(0)
    for p in range(x.size):
        x[p] = (x[p] - shift) * gain


@inlined
def _sum_of_powers(x, shift, power):
    """Of x - shift, to the power of 1 or 2."""
    lanes = np.zeros(LANES)
    whole = x.size // LANES * LANES
    for p in range(0, whole, LANES):
        for lane in range(LANES):
            value = np.float64(x[p + lane] - shift)
            lanes[lane] += value if power == 1 else value * value
    total = lanes.sum()
    for p in range(whole, x.size):
        value = np.float64(x[p] - shift)
        total += value if power == 1 else value * value
    return total


@inlined
def _scale(x, gains, biases, channels, plane, planar):
    """gain * x + bias of each channel."""
    for c in range(channels):
        gain = gains[c]
        bias = biases[c]
        if planar:
            for p in range(c * plane, (c + 1) * plane):
                x[p] = gain * x[p] + bias
        else:
            for p in range(c, x.size, channels):
                x[p] = gain * x[p] + bias


@jit
def pick(image, rows, columns, out):
    """out[y, x] = image[rows[y], columns[x]], (h, w, c): four times as fast as two `take`."""
    channels = image.shape[2]
    for y in range(rows.size):
        source = image[rows[y]]
        row = out[y]
        for x in range(columns.size):
            column = columns[x]
            for c in range(channels):
                row[x, c] = source[column, c]
