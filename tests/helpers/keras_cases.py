"""Random configurations of ImageDataGenerator, and data that goes with each: for comparing with Keras' own class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

FILL_MODES = ("nearest", "reflect", "wrap", "constant")
SHIFTS: tuple[Any, ...] = (0.2, 0.7, 1.0, 2.5, 1, 4, -3, [-3, 2, 5], (0.1, 0.3), [4])
RESCALES = (None, 1 / 255, 0, 2.0)
# What may happen to an iterator: the next batch, a batch by number, the end of an epoch, a new beginning.
CALLS = ("next", "next", "next", "getitem", "getitem", "on_epoch_end", "reset")


@dataclass(frozen=True)
class Case:
    """One configuration. `options` of the constructor, `flow` of flow(), `fit` of fit() (None: not called)."""

    options: dict[str, Any]
    x: np.ndarray
    y: np.ndarray | None
    flow: dict[str, Any]
    fit: dict[str, Any] | None
    calls: tuple[tuple[str, int], ...]
    others: list[np.ndarray] = field(default_factory=list)

    def __str__(self) -> str:
        shape = f"{self.x.dtype} {self.x.shape}"
        return f"{self.options} flow={self.flow} fit={self.fit} calls={self.calls} x={shape}"


def to_minus_one(x: np.ndarray) -> np.ndarray:
    """As the applications of Keras preprocess."""
    return x / 127.5 - 1


def noisy(x: np.ndarray) -> np.ndarray:
    """Draws from NumPy's global generator, in between the draws for the images."""
    return x + np.random.normal(0, 5)


def make(seed: int) -> Case:
    """Configuration number `seed`."""
    rng = np.random.default_rng(seed)

    def sometimes(share: float) -> bool:
        return bool(rng.random() < share)

    def one_of(choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    options: dict[str, Any] = {"fill_mode": one_of(FILL_MODES), "cval": one_of((0.0, 100.0, 300.0, -5.0))}
    candidates = {
        "rotation_range": (0.5, float(rng.uniform(1, 180))),
        "width_shift_range": (0.5, one_of(SHIFTS)),
        "height_shift_range": (0.5, one_of(SHIFTS)),
        "shear_range": (0.4, float(rng.uniform(1, 60))),
        "zoom_range": (0.5, one_of((0.2, (0.5, 1.5), [1.0, 2.0], (1, 1)))),
        "channel_shift_range": (0.25, float(rng.uniform(1, 60))),
        "brightness_range": (0.25, one_of(((0.3, 1.7), [0.0, 3.0], (0.5, 0.5)))),
        "horizontal_flip": (0.5, True),
        "vertical_flip": (0.5, True),
        "rescale": (0.4, one_of(RESCALES)),
        "interpolation_order": (0.4, int(rng.integers(0, 6))),
        "samplewise_center": (0.15, True),
        "samplewise_std_normalization": (0.15, True),
        "featurewise_center": (0.15, True),
        "featurewise_std_normalization": (0.15, True),
        "zca_whitening": (0.1, True),
        "zca_epsilon": (0.3, float(10 ** rng.uniform(-3, 1))),
        "preprocessing_function": (0.15, one_of((to_minus_one, noisy))),
        "dtype": (0.1, "float64"),
        "validation_split": (0.2, float(rng.uniform(0.2, 0.6))),
    }
    options |= {name: value for name, (share, value) in candidates.items() if sometimes(share)}
    if options.get("zca_whitening"):
        options.pop("brightness_range", None)  # whitening spreads one grey level over all values of the image
    if "brightness_range" not in options and sometimes(0.3):  # Keras fails at brightness with channels first
        options["data_format"] = "channels_first"

    n = int(rng.integers(1, 9))
    height, width = (int(side) for side in rng.integers(1, 33, 2))
    if sometimes(0.3):
        width = height
    if sometimes(0.1):
        height = 1
    if options.get("zca_whitening"):
        n, height, width = n + 2, min(height, 6), min(width, 6)
    x = _pixels(rng, n, height, width, one_of((1, 3, 4)), one_of(("uint8", "uint8", "float32", "float64", "int64")))
    if sometimes(0.15) and x.dtype.kind == "f":
        x = x / 255 if sometimes(0.5) else x * 2 - 200
    if options.get("data_format") == "channels_first":
        x = np.ascontiguousarray(np.moveaxis(x, 3, 1))

    y = None if sometimes(0.1) else one_of((rng.integers(0, 5, n), rng.random((n, 3)), np.arange(n)))
    flow: dict[str, Any] = {
        "batch_size": int(rng.integers(1, 6)),
        "shuffle": sometimes(0.6),
        "seed": one_of((None, 0, 7, 1234)),
    }
    others = []
    if sometimes(0.15):
        others = [rng.random((n, 2)) for _ in range(int(rng.integers(1, 3)))]
    if "validation_split" in options and n > 1:
        flow |= {"subset": one_of(("training", "validation")), "ignore_class_split": True}
        if int(n * options["validation_split"]) == 0:
            flow["subset"] = "training"
    if y is not None and sometimes(0.25):
        flow["sample_weight"] = rng.random(n)

    fit = None
    if any(options.get(f"featurewise_{what}") for what in ("center", "std_normalization")) or options.get(
        "zca_whitening"
    ):
        fit = {"augment": sometimes(0.4), "rounds": int(rng.integers(1, 3)), "seed": one_of((None, 5))}
    calls = tuple((one_of(CALLS), int(rng.integers(0, 100))) for _ in range(6))
    return Case(options, x, y, flow, fit, (("next", 0), *calls), others)


def _pixels(rng: np.random.Generator, n: int, height: int, width: int, channels: int, dtype: str) -> np.ndarray:
    """Noise, or smooth shapes with a little of it, within 0..255."""
    if rng.random() < 0.5:
        values = rng.random((n, height, width, channels)) * 255
    else:
        rows, columns = np.linspace(0, 6, height)[:, None, None], np.linspace(0, 4, width)[None, :, None]
        phases = rng.uniform(0, 6, (n, 1, 1, channels))
        values = 127 + 110 * np.sin(rows + phases) * np.cos(columns - phases) + rng.uniform(0, 15, phases.shape)
    return values.astype(dtype) if dtype.startswith("float") else np.floor(values).astype(dtype)
