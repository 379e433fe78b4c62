"""Checks when Keras begins a pass: data that do not fit the model, or the data it was trained on."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from augfuse.data.columns.label_uses import label_kind
from augfuse.keras.checks import value_range
from augfuse.keras.checks.mistakes import check_labels, check_loss, check_scaling, check_steps, check_validation
from augfuse.keras.checks.numbering import check_numbering
from augfuse.keras.checks.value_range import Values
from augfuse.keras.generator.arguments import listed, random_arguments, standardising_arguments, without_random
from augfuse.keras.protocol import BUILD, EVALUATE, FIT, PREDICT, Asker
from augfuse.transforms.children import leaves
from augfuse.warn_once import warn_once

if TYPE_CHECKING:
    from augfuse.keras.generator.generator import ImageDataGenerator
    from augfuse.keras.iterators.iterator import Iterator
    from augfuse.keras.sequence import LoaderDataset


@final
class _Feed(NamedTuple):
    """How the data of a pass are standardised. arguments: of the generator, with its statistics; None for a loader."""

    values: Values | None
    arguments: dict[str, Any] | None


_trained: weakref.WeakKeyDictionary[Any, _Feed] = weakref.WeakKeyDictionary()
_SAME_GENERATOR = (
    "Give both generators the same arguments, and the second one the same statistics: "
    "test_datagen.mean, test_datagen.std = datagen.mean, datagen.std"
)
_LOADER_OF_ARRAYS = (
    "Give them the recipe of training: "
    "validation_data=af.Loader(af.from_arrays(x_test, y_test), recipe, training=False).to_keras()"
)
_SAME_RECIPE = "Use the recipe of training for both: af.Loader(data, recipe, training=False).to_keras()"


def observe(asker: Asker, iterator: Iterator) -> None:
    """Remember how the data of a training pass are standardised; warn where an evaluation differs from it."""
    generator, method = iterator.image_data_generator, asker.method
    if iterator.one_hot is not None and method in (BUILD, FIT, EVALUATE):
        check_loss(iterator, asker.model, iterator.one_hot, iterator.other_labels)
    if method in (BUILD, FIT, EVALUATE):
        check_labels(iterator, asker.model, *_labels_of(iterator))
    if method in (FIT, EVALUATE, PREDICT):
        check_steps(iterator, asker)
        check_numbering(asker, iterator)
    if generator is None or method not in (FIT, EVALUATE, PREDICT):
        return
    feed = _Feed(value_range.of_iterator(iterator), _standardisation(generator))
    _compare(asker, iterator, feed)
    if method == FIT:
        if feed.values is not None:
            check_validation(iterator, feed.values, asker.validation_data, _flow_of_arrays(generator))
        return
    if iterator.augments:
        _warn_of_augmented(method, iterator, generator)
    if method == PREDICT and iterator.shuffle and iterator.n > 1:
        warn_once(
            iterator,
            "predict() got an iterator with shuffle=True: row i of the result is not sample i. Use shuffle=False.",
        )


def observe_loader(asker: Asker, dataset: LoaderDataset) -> None:
    """The same for a pass over the batches of a loader."""
    loader, method = dataset.loader, asker.method
    kind = loader.label_kind
    if kind is not None and method in (BUILD, FIT, EVALUATE):
        check_loss(dataset, asker.model, kind == "one-hot", dataset.other_labels())
    if method in (BUILD, FIT, EVALUATE):
        one_hot = loader._classes
        check_labels(dataset, asker.model, *(_kinds(loader.data) if one_hot is None else (None, one_hot)))
    if method not in (FIT, EVALUATE, PREDICT):
        return
    feed = _Feed(value_range.of_loader(loader), None)
    _compare(asker, dataset, feed)
    check_steps(dataset, asker)
    check_numbering(asker, dataset)
    if method == FIT:
        if feed.values is not None:
            check_validation(dataset, feed.values, asker.validation_data, _LOADER_OF_ARRAYS)
        return
    random = [type(t).__name__ for t in leaves(loader.recipe.transforms) if t.evaluation != "deterministic" and t.p > 0]
    wrong = [f"its images are augmented ({', '.join(random)})"] if random else []
    if method == PREDICT and loader._order.shuffle and len(loader.data) > 1:
        wrong.append("its rows are shuffled, so that row i of the result is not sample i")
    if wrong:
        kind = "a training loader" if loader.training else "a loader with shuffle=True"
        warn_once(dataset, f"{method}() got {kind}: {' and '.join(wrong)}. Use {dataset.in_order()}")


def _labels_of(iterator: Iterator) -> tuple[np.ndarray | None, int | None]:
    """What `check_labels` asks for."""
    mode = getattr(iterator, "class_mode", "raw")
    if mode == "categorical":
        return None, len(iterator.class_indices)  # pyright: ignore[reportAttributeAccessIssue]
    return (None, None) if mode in (None, "input", "multi_output") else _kinds(iterator)


def _kinds(holder: Any) -> tuple[np.ndarray | None, int | None]:
    """The labels of an iterator or a source, or how many columns they have where they are one-hot."""
    labels = getattr(holder, "y", None) if hasattr(holder, "y") else getattr(holder, "labels", None)
    if labels is None or isinstance(labels, dict) or (isinstance(labels, list) and np.ndim(labels[0]) > 0):
        return None, None
    array = np.asarray(labels)
    if label_kind(array) == "one-hot":
        return None, array.shape[1]
    return (array if array.dtype.kind in "buif" and array.size == len(array) else None), None


def _warn_of_augmented(method: str, iterator: Iterator, generator: ImageDataGenerator) -> None:
    measured = (
        "row i is the answer to a changed sample i, another one each time"
        if method == PREDICT
        else "loss and accuracy (those of validation_data too) are measured on changed images, differently each time"
    )
    meant = " Several predictions to be averaged on purpose are fine: this warns once." if method == PREDICT else ""
    warn_once(
        generator,
        f"{method}() gets augmented images ({listed(random_arguments(generator))}): {measured}. Take them from a "
        f"generator without these: test_datagen = {without_random(generator, iterator.subset is not None)}"
        + (", fitted to the same images: test_datagen.fit(x_train)." if _is_fitted(generator) else ".")
        + meant,
    )


def _flow_of_arrays(generator: ImageDataGenerator) -> str:
    """How to standardise arrays as a generator does."""
    fit = ", test_datagen.fit(x_train)" if _is_fitted(generator) else ""
    return (
        f"Give them a generator: test_datagen = {without_random(generator, False)}{fit}, "
        "validation_data=test_datagen.flow(x_test, y_test)"
    )


def _is_fitted(generator: ImageDataGenerator) -> bool:
    return generator.featurewise_center or generator.featurewise_std_normalization or generator.zca_whitening


def _compare(asker: Asker, about: Any, feed: _Feed) -> None:
    """Whether what a model gets fits its first layers, and what it was trained on."""
    model = asker.model
    if model is None:
        return
    if feed.values is not None:
        check_scaling(model, feed.values)
    if asker.method == FIT:
        _trained[model] = feed
    trained = _trained.get(model, feed)
    different = _difference(trained, feed)
    if different:
        generators = feed.arguments is not None and trained.arguments is not None
        warn_once(
            about,
            f"{asker.method}() gets images that are standardised in another way than those the model was trained on "
            f"({different}): its results will be wrong. {_SAME_GENERATOR if generators else _SAME_RECIPE}",
        )


def _difference(trained: _Feed, now: _Feed) -> str:
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


def _standardisation(generator: ImageDataGenerator) -> dict[str, Any]:
    found = standardising_arguments(generator)
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
