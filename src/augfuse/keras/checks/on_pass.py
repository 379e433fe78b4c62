"""Checks when Keras begins a pass: data that do not fit the model, or the data it was trained on."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.data.columns.label_uses import label_kind
from augfuse.keras.checks import value_range
from augfuse.keras.checks.mistakes import check_labels, check_loss, check_scaling, check_steps, check_validation
from augfuse.keras.checks.reading import WITH_CLASSES
from augfuse.keras.checks.value_range import Values
from augfuse.keras.generator.options import STANDARDISING, Options, listed, without_random
from augfuse.keras.protocol import BUILD, EVALUATE, FIT, PREDICT, Asker
from augfuse.text import shown
from augfuse.warn_once import warn_once


@final
class Standardisation(NamedTuple):
    """How the data of a pass are standardised.

    arguments: of the generator, with its statistics; None for a loader. raw_arrays: what to type for validation_data
    that are arrays of raw pixels.
    """

    values: Values | None
    arguments: dict[str, Any] | None
    raw_arrays: str


@final
class Data(NamedTuple):
    """What a pass takes its batches from, as far as there is something to check.

    about: the iterator or the data set itself, for warnings that are given once, and for its number of batches.
    one_hot: whether labels are; None for others than classes. other_labels: what to type for labels of the other kind.
    labels: as `numbers_or_columns` gives them. standardised: None for batches without a generator; it reads an image.
    unfit: for a method that evaluates, the warnings that these batches deserve, and the object of each.
    """

    about: Any
    one_hot: bool | None
    other_labels: str
    labels: Callable[[], tuple[np.ndarray | None, int | None]]
    standardised: Callable[[], Standardisation | None]
    unfit: Callable[[str], Iterable[tuple[Any, str]]]


# By the model, of the data that it was trained on.
_trained: weakref.WeakKeyDictionary[Any, Standardisation] = weakref.WeakKeyDictionary()
_numbered: weakref.WeakKeyDictionary[Any, Mapping[str, int]] = weakref.WeakKeyDictionary()
_LISTED = 8  # classes that are written down
_SAME_GENERATOR = (
    "Give both generators the same arguments, and the second one the same statistics: "
    "test_datagen.mean, test_datagen.std = datagen.mean, datagen.std"
)
_SAME_RECIPE = "Use the recipe of training for both: af.Loader(data, recipe, training=False).to_keras()"


def observe(asker: Asker, data: Data) -> None:
    """Remember how the data of a training pass are standardised; warn where an evaluation differs from it."""
    about, method = data.about, asker.method
    if method in (BUILD, FIT, EVALUATE):
        if data.one_hot is not None:
            check_loss(about, asker.model, data.one_hot, data.other_labels)
        check_labels(about, asker.model, *data.labels())
    if method not in (FIT, EVALUATE, PREDICT):
        return
    check_steps(about, asker)
    _check_numbering(asker, about)
    now = data.standardised()
    if now is None:
        return
    _compare(asker, about, now)
    if method != FIT:
        for of, message in data.unfit(method):
            warn_once(of, message)
    elif now.values is not None:
        check_validation(about, now.values, asker.validation_data, now.raw_arrays)


def numbers_or_columns(labels: Any) -> tuple[np.ndarray | None, int | None]:
    """Labels as numbers, or how many columns they have where they are one-hot; (None, None) for others."""
    if labels is None or isinstance(labels, dict) or (isinstance(labels, list) and np.ndim(labels[0]) > 0):
        return None, None
    array = np.asarray(labels)
    if label_kind(array) == "one-hot":
        return None, array.shape[1]
    return (array if array.dtype.kind in "buif" and array.size == len(array) else None), None


def augmented(method: str, options: Options, in_subset: bool) -> str:
    """The warning that a generator augments what is evaluated."""
    measured = (
        "row i is the answer to a changed sample i, another one each time"
        if method == PREDICT
        else "loss and accuracy (those of validation_data too) are measured on changed images, differently each time"
    )
    fit = ", fitted to the same images: test_datagen.fit(x_train)." if options.is_fitted else "."
    meant = " Several predictions to be averaged on purpose are fine: this warns once." if method == PREDICT else ""
    return (
        f"{method}() gets augmented images ({listed(options.random())}): {measured}. Take them from a "
        f"generator without these: test_datagen = {without_random(options, in_subset)}{fit}{meant}"
    )


def standardisation_of(options: Options, pixels: tuple[float, float] | None) -> Standardisation:
    """How a generator standardises pixels of this range; None where that is not known."""
    mean = options.mean if options.featurewise_center else None
    std = options.std if options.featurewise_std_normalization else None
    arguments = {**dict.fromkeys(STANDARDISING), **options.standardising(), "mean": mean, "std": std}
    fit = ", test_datagen.fit(x_train)" if options.is_fitted else ""
    raw = (
        f"Give them a generator: test_datagen = {without_random(options, False)}{fit}, "
        "validation_data=test_datagen.flow(x_test, y_test)"
    )
    return Standardisation(value_range.of_options(options, pixels), arguments, raw)


def _compare(asker: Asker, about: Any, now: Standardisation) -> None:
    """Whether what a model gets fits its first layers, and what it was trained on."""
    model = asker.model
    if model is None:
        return
    if now.values is not None:
        check_scaling(model, now.values)
    if asker.method == FIT:
        _trained[model] = now
    trained = _trained.get(model, now)
    different = _difference(trained, now)
    if different:
        generators = now.arguments is not None and trained.arguments is not None
        warn_once(
            about,
            f"{asker.method}() gets images that are standardised in another way than those the model was trained on "
            f"({different}): its results will be wrong. {_SAME_GENERATOR if generators else _SAME_RECIPE}",
        )


def _difference(trained: Standardisation, now: Standardisation) -> str:
    """In words; "" without one, or where it cannot be known."""
    by_values = ""
    if trained.values is not None and now.values is not None and trained.values.exact and now.values.exact:
        if trained.values.is_like(now.values):
            return ""
        by_values = f"{trained.values.show()} in training, {now.values.show()} now"
    before, after = trained.arguments or {}, now.arguments or {}
    names = [name for name in before.keys() & after.keys() if not _same(before[name], after[name])]
    if not names:
        return by_values
    return "; ".join(f"{n}: {_show(before[n])} in training, {_show(after[n])} now" for n in before if n in names)


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


# --- the numbers of the classes ---------------------------------------------------------------------------------------


def _check_numbering(asker: Asker, feed: Any) -> None:
    """Remember how the data of a training pass number their classes; warn where an evaluation differs from it.

    feed: an iterator over files, or the batches of a loader; others name no classes.
    """
    model, now = asker.model, _numbers_of(feed)
    if model is None:
        return
    if asker.method == FIT:
        if now is None:
            _numbered.pop(model, None)
            return
        _numbered[model] = now
        held_out = asker.validation_data
        numbers = _numbers_of(held_out)
        if numbers is not None:  # reported before the first epoch, not after it
            _compare_numbers("validation_data of fit()", held_out, now, numbers)
        return
    trained = _numbered.get(model)
    if trained is None or now is None:
        return
    if asker.method == EVALUATE:
        _compare_numbers("validation_data of fit()" if asker.validates else "evaluate()", feed, trained, now)
    elif asker.method == PREDICT and now.keys() <= trained.keys():  # else its labels may mean nothing
        _compare_numbers("predict()", feed, trained, now)


def _numbers_of(feed: Any) -> Mapping[str, int] | None:
    """The numbers of the classes by their names; None where labels are not classes with names."""
    loader = getattr(feed, "loader", None)
    if loader is not None:
        names = loader.data.classes
        return {name: number for number, name in enumerate(names)} if isinstance(names, tuple) else None
    known = getattr(feed, "class_indices", None)
    return dict(known) if isinstance(known, dict) and getattr(feed, "class_mode", None) in WITH_CLASSES else None


def _compare_numbers(where: str, feed: Any, trained: Mapping[str, int], now: Mapping[str, int]) -> None:
    unknown = [name for name in now if name not in trained]
    moved = [name for name in now if name not in unknown and trained[name] != now[name]]
    loader = getattr(feed, "loader", None)
    one_hot = feed.class_mode == "categorical" if loader is None else loader.label_kind == "one-hot"
    if moved:
        said = f"{shown(moved[0])} is {trained[moved[0]]} in training and {now[moved[0]]} here"
    elif unknown:
        said = f"{', '.join(map(shown, unknown[:5]))} did not occur in training"
    elif one_hot and len(now) != len(trained) and not where.startswith("predict"):
        said = f"labels have {len(now)} columns here and {len(trained)} in training"
    else:
        return
    wrong = "class_indices do not tell what its outputs mean" if where == "predict()" else "its results will be wrong"
    warn_once(
        feed,
        f"{where}: classes are numbered in another way than in the data that the model was trained on ({said}): "
        f"{wrong}. {_same_order(feed, trained, now)}",
    )


def _same_order(feed: Any, trained: Mapping[str, int], now: Mapping[str, int]) -> str:
    names = sorted(trained, key=trained.__getitem__)
    order = f"classes={shown(names)}" if len(names) <= _LISTED else "classes=list(train.class_indices)"
    if getattr(feed, "loader", None) is not None:
        return f"Use the parts of one folder, or give both this order: af.from_directory(path, {order})"
    if not hasattr(feed, "num_classes"):
        return f"Pass {order} to both flow_from_dataframe()."
    missing = [name for name in trained if name not in now]
    folders = f" An empty folder stands for {shown(missing[0])}: os.makedirs(...)." if missing else ""
    return f"Pass {order} to both flow_from_directory().{folders}"
