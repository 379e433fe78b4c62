"""The random parameters of n images of an ImageDataGenerator, as arrays.

Two ways to draw them. `keyed`: a function of (seed, epoch, sample index), one Philox block row per image. `streamed`:
from NumPy's global generator, in the order and with the calls of Keras' class, so that the same `numpy.random.seed`
gives the same parameters.

Names follow `apply_affine_transform`: tx, zx along columns, ty, zy along rows, both in output -> input direction (a
positive tx moves the picture to the left, zx > 1 shrinks it). Keras 3 fills tx from height_shift_range and ty from
width_shift_range, which moves pictures the wrong way round; `compat="strict"` keeps that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.algebra.rng import bits, unit
from augfuse.keras.generator.options import Options

# What each column of uniforms is for. Every image has all of them, so that no option changes what another one draws.
_COLUMNS = 12
_THETA, _HEIGHT, _WIDTH, _SHEAR, _ZX, _ZY, _FLIP_H, _FLIP_V, _CHANNEL, _BRIGHT, _HEIGHT_SIGN, _WIDTH_SIGN = range(12)

_PLAIN = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}  # what changes nothing
_FLIPS = ("flip_horizontal", "flip_vertical")


@final
class Parameters(NamedTuple):
    """(n,) each; `channel_shift` and `brightness` are None where the generator has no such range."""

    theta: np.ndarray  # degrees
    tx: np.ndarray  # pixels
    ty: np.ndarray
    shear: np.ndarray  # degrees
    zx: np.ndarray  # output -> input: above 1 shrinks
    zy: np.ndarray
    flip_horizontal: np.ndarray  # bool
    flip_vertical: np.ndarray
    channel_shift: np.ndarray | None = None  # at the image's own scale
    brightness: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.theta)

    def as_dict(self, i: int) -> dict[str, Any]:
        """Those of one image, as Keras' `get_random_transform` returns them."""
        numbers = {name: float(getattr(self, name)[i]) for name in _PLAIN}
        flips = {name: bool(getattr(self, name)[i]) for name in _FLIPS}
        shift = None if self.channel_shift is None else float(self.channel_shift[i])
        brightness = None if self.brightness is None else float(self.brightness[i])
        return {**numbers, **flips, "channel_shift_intensity": shift, "brightness": brightness}


def from_dict(given: dict[str, Any]) -> Parameters:
    """One image's parameters out of the dict that `apply_transform` takes; what is missing changes nothing."""
    numbers = {name: np.array([given.get(name, default)], float) for name, default in _PLAIN.items()}
    flips = {name: np.array([bool(given.get(name, False))]) for name in _FLIPS}
    shift, brightness = given.get("channel_shift_intensity"), given.get("brightness")
    return Parameters(
        **numbers,
        **flips,
        channel_shift=None if shift is None else np.array([shift], float),
        brightness=None if brightness is None else np.array([brightness], float),
    )


def keyed(options: Options, seed: int, epoch: int, indices: np.ndarray, height: int, width: int) -> Parameters:
    """The parameters of these samples in this epoch, whatever is drawn before them or with them."""
    u = unit(bits(seed, epoch, indices, "ImageDataGenerator", _COLUMNS // 4))
    return _parameters(options, u, *_shifts(options, u, height, width))


def streamed(options: Options, n: int, height: int, width: int) -> Parameters:
    """The next n images' parameters from `numpy.random`'s global generator, bit for bit what Keras' class draws."""
    shifts = ((options.height_shift_range, height), (options.width_shift_range, width))
    if any(_is_drawn(value) and _choices(value) is not None for value, _ in shifts):
        rows = [_one_by_one(options, shifts) for _ in range(n)]
        u = np.array([row for row, _ in rows]).reshape(n, _COLUMNS)
        rolled = np.array([shift for _, shift in rows], float).reshape(n, 2)
        return _parameters(options, u, rolled[:, 0], rolled[:, 1])
    wanted = _wanted(options)
    u = np.zeros((n, _COLUMNS))
    u[:, wanted] = np.random.random_sample((n, len(wanted)))  # in bulk equals one by one, bit for bit
    return _parameters(options, u, *_shifts(options, u, height, width))


def _shifts(options: Options, u: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rows = _shift(options.height_shift_range, u[:, _HEIGHT], u[:, _HEIGHT_SIGN], height)
    return rows, _shift(options.width_shift_range, u[:, _WIDTH], u[:, _WIDTH_SIGN], width)


def _wanted(options: Options) -> list[int]:
    """The columns that Keras draws, in its order; a shift by choice draws in its own way, but stands in its place."""
    drawn = {
        _THETA: bool(options.rotation_range),
        _HEIGHT: _is_drawn(options.height_shift_range),
        _WIDTH: _is_drawn(options.width_shift_range),
        _SHEAR: bool(options.shear_range),
        _ZX: _zooms(options),
        _ZY: _zooms(options),
        _FLIP_H: True,  # drawn whether or not it flips
        _FLIP_V: True,
        _CHANNEL: options.channel_shift_range != 0,
        _BRIGHT: options.brightness_range is not None,
    }
    return [column for column, wanted in drawn.items() if wanted]


def _one_by_one(options: Options, shifts: Sequence[tuple[Any, int]]) -> tuple[np.ndarray, list[float]]:
    """One image where a shift is a choice: `numpy.random.choice` takes a varying number of words from the stream."""
    u, rolled = np.zeros(_COLUMNS), [0.0, 0.0]
    for column in _wanted(options):
        choices = _choices(shifts[column - _HEIGHT][0]) if column in (_HEIGHT, _WIDTH) else None
        if choices is not None:
            value, size = shifts[column - _HEIGHT]
            size = size if _is_fraction(value) else 1
            rolled[column - _HEIGHT] = np.random.choice(choices) * np.random.choice([-1, 1]) * size
            continue
        u[column] = np.random.random_sample()
        if column in (_HEIGHT, _WIDTH):
            value, size = shifts[column - _HEIGHT]
            rolled[column - _HEIGHT] = _shift(value, u[column : column + 1], u[:1], size)[0]
    return u, rolled


def _parameters(options: Options, u: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Parameters:
    """Uniforms to parameters; `rows` and `columns` are the height and width shifts in pixels."""
    n = len(u)
    zx = zy = np.ones(n)
    if _zooms(options):
        low, high = options.zoom_range
        zx, zy = low + (high - low) * u[:, _ZX], low + (high - low) * u[:, _ZY]
    brightness = None
    if options.brightness_range is not None:
        low, high = options.brightness_range
        brightness = low + (high - low) * u[:, _BRIGHT]
    no = np.zeros(n, bool)
    strict = options.compat == "strict"
    return Parameters(
        theta=_about_zero(options.rotation_range, u[:, _THETA]),
        tx=rows if strict else columns,
        ty=columns if strict else rows,
        shear=_about_zero(options.shear_range, u[:, _SHEAR]),
        zx=zx,
        zy=zy,
        flip_horizontal=u[:, _FLIP_H] < 0.5 if options.horizontal_flip else no,
        flip_vertical=u[:, _FLIP_V] < 0.5 if options.vertical_flip else no,
        channel_shift=(
            _about_zero(options.channel_shift_range, u[:, _CHANNEL]) if options.channel_shift_range != 0 else None
        ),
        brightness=brightness,
    )


def _zooms(options: Options) -> bool:
    return not (options.zoom_range[0] == 1 and options.zoom_range[1] == 1)


def _about_zero(bound: float, u: np.ndarray) -> np.ndarray:
    """Uniform in [-bound, bound), as `numpy.random.uniform` computes it."""
    return -bound + (bound - -bound) * u if bound else np.zeros(len(u))


def _is_drawn(value: Any) -> bool:
    return len(value) > 0 if hasattr(value, "__len__") else bool(value)


def _choices(value: Any) -> np.ndarray | None:
    """What a shift range chooses from: a 1-D array's elements, or 0..n-1 for a whole number n; None: uniform."""
    array = np.asarray(value)
    if array.ndim == 1:
        return array
    whole = array.ndim == 0 and array.dtype.kind in "iub" and int(array) > 0
    return np.arange(int(array)) if whole else None


def _is_fraction(value: Any) -> bool:
    """Below 1 a shift is a fraction of the side, from 1 on it is in pixels."""
    return bool(np.max(value) < 1)


def _shift(value: Any, u: np.ndarray, sign: np.ndarray, size: int) -> np.ndarray:
    """Pixels, from a shift range and its uniforms."""
    if not _is_drawn(value):
        return np.zeros(len(u))
    choices = _choices(value)
    if choices is None:
        shift = _about_zero(value, u)
    else:
        shift = choices[(u * len(choices)).astype(np.int64)] * np.where(sign < 0.5, -1.0, 1.0)
    return shift * size if _is_fraction(value) else shift
