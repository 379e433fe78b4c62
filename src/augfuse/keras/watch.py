"""What can be seen when Keras begins a pass: data that do not fit the model, or the data it was trained on."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from augfuse.keras.feed import EVALUATE, FIT, PREDICT, Asker
from augfuse.keras.notices import warn
from augfuse.keras.traps import check_rescaling, check_steps

if TYPE_CHECKING:
    from augfuse.keras.generator import ImageDataGenerator
    from augfuse.keras.iterator import Iterator

_trained: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
_SETTINGS = (
    "rescale", "preprocessing_function", "samplewise_center", "samplewise_std_normalization",
    "featurewise_center", "featurewise_std_normalization", "zca_whitening",
)  # fmt: skip


def observe(asker: Asker, iterator: Iterator) -> None:
    """Remember how the data of a training pass are standardised; warn where an evaluation differs from it."""
    generator, model = iterator.image_data_generator, asker.model
    if asker.method == FIT:
        check_steps(asker.steps_per_epoch, len(iterator))
    if generator is None:
        return
    if asker.method == FIT and model is not None:
        check_rescaling(model, generator.rescale)
        _trained[model] = _standardisation(generator)
    if asker.method not in (EVALUATE, PREDICT):
        return
    trained = _trained.get(model) if model is not None else None
    if trained is not None:
        now = _standardisation(generator)
        different = [name for name in trained if not _same(trained[name], now[name])]
        if different:
            listed = "; ".join(f"{n}: {_show(trained[n])} in training, {_show(now[n])} now" for n in different)
            warn(
                f"{asker.method}() gets images that are standardised in another way than those the model was trained "
                f"on ({listed}): its results will be wrong. Give both generators the same arguments, and the second "
                "one the same statistics: test_datagen.mean, test_datagen.std = datagen.mean, datagen.std",
            )
    if asker.method == PREDICT and iterator.shuffle and iterator.n > 1:
        warn(
            "predict() got an iterator with shuffle=True: row i of the result is not sample i. Use shuffle=False.",
        )


def _standardisation(generator: ImageDataGenerator) -> dict[str, Any]:
    found = {name: getattr(generator, name) or None for name in _SETTINGS}
    found["mean"] = generator.mean if generator.featurewise_center else None
    found["std"] = generator.std if generator.featurewise_std_normalization else None
    return found


def _same(a: Any, b: Any) -> bool:
    if callable(a) or callable(b):
        return a == b or _code(a) == _code(b) is not None
    if a is None or b is None:
        return a is b
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-4, atol=1e-6))


def _code(function: Any) -> tuple[Any, ...] | None:
    """What a plain function does, so that a lambda written down twice is one; None for what refers to other things."""
    code = getattr(function, "__code__", None)
    if code is None or getattr(function, "__closure__", None) or getattr(function, "__defaults__", None):
        return None
    return code.co_code, code.co_consts, code.co_names


def _show(value: Any) -> str:
    if callable(value):
        return getattr(value, "__name__", repr(value))
    if isinstance(value, np.ndarray):
        return np.array2string(value.ravel()[:4], precision=3, separator=", ") + ("..." if value.size > 4 else "")
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
