"""Whether data that a model is evaluated on numbers its classes as the training data did."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from augfuse.keras.protocol import EVALUATE, FIT, PREDICT, Asker
from augfuse.text import shown
from augfuse.warn_once import warn_once

_trained: weakref.WeakKeyDictionary[Any, Mapping[str, int]] = weakref.WeakKeyDictionary()
_LISTED = 8  # classes that are written down
_NAMED = ("categorical", "binary", "sparse")


def check_numbering(asker: Asker, feed: Any) -> None:
    """Remember how the data of a training pass number their classes; warn where an evaluation differs from it.

    feed: an iterator over files, or the batches of a loader; others name no classes.
    """
    model, now = asker.model, _numbers_of(feed)
    if model is None:
        return
    if asker.method == FIT:
        if now is None:
            _trained.pop(model, None)
            return
        _trained[model] = now
        held_out = asker.validation_data
        numbers = _numbers_of(held_out)
        if numbers is not None:  # reported before the first epoch, not after it
            _compare("validation_data of fit()", held_out, now, numbers)
        return
    trained = _trained.get(model)
    if trained is None or now is None:
        return
    if asker.method == EVALUATE:
        _compare("validation_data of fit()" if asker.validates else "evaluate()", feed, trained, now)
    elif asker.method == PREDICT and now.keys() <= trained.keys():  # else its labels may mean nothing
        _compare("predict()", feed, trained, now)


def _numbers_of(feed: Any) -> Mapping[str, int] | None:
    """The numbers of the classes by their names; None where labels are not classes with names."""
    loader = getattr(feed, "loader", None)
    if loader is not None:
        names = loader.data.classes
        return {name: number for number, name in enumerate(names)} if isinstance(names, tuple) else None
    known = getattr(feed, "class_indices", None)
    return dict(known) if isinstance(known, dict) and getattr(feed, "class_mode", None) in _NAMED else None


def _compare(where: str, feed: Any, trained: Mapping[str, int], now: Mapping[str, int]) -> None:
    unknown = [name for name in now if name not in trained]
    moved = [name for name in now if name not in unknown and trained[name] != now[name]]
    columns = _is_one_hot(feed) and len(now) != len(trained)
    if moved:
        said = f"{shown(moved[0])} is {trained[moved[0]]} in training and {now[moved[0]]} here"
    elif unknown:
        said = f"{', '.join(map(shown, unknown[:5]))} did not occur in training"
    elif columns and not where.startswith("predict"):
        said = f"labels have {len(now)} columns here and {len(trained)} in training"
    else:
        return
    wrong = "class_indices do not tell what its outputs mean" if where == "predict()" else "its results will be wrong"
    warn_once(
        feed,
        f"{where}: classes are numbered in another way than in the data that the model was trained on ({said}): "
        f"{wrong}. {_fix(feed, trained, now)}",
    )


def _fix(feed: Any, trained: Mapping[str, int], now: Mapping[str, int]) -> str:
    names = sorted(trained, key=trained.__getitem__)
    order = f"classes={shown(names)}" if len(names) <= _LISTED else "classes=list(train.class_indices)"
    if getattr(feed, "loader", None) is not None:
        return f"Use the parts of one folder, or give both this order: af.from_directory(path, {order})"
    if not hasattr(feed, "num_classes"):
        return f"Pass {order} to both flow_from_dataframe()."
    missing = [name for name in trained if name not in now]
    folders = f" An empty folder stands for {shown(missing[0])}: os.makedirs(...)." if missing else ""
    return f"Pass {order} to both flow_from_directory().{folders}"


def _is_one_hot(feed: Any) -> bool:
    loader = getattr(feed, "loader", None)
    return feed.class_mode == "categorical" if loader is None else loader.label_kind == "one-hot"
