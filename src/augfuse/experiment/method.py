"""The options of training that are settings of a run as they are: type, default, domain and help text, once."""
# Annotations are values here: what an option is stands in them.

import inspect
import math
import numbers
import operator
from collections.abc import Iterator
from typing import Annotated, Any, final, get_args

import msgspec
import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.errors import RangeError
from augfuse.text import shown

MOST_EPOCHS = 1_000_000


@final
class Option(msgspec.Struct, frozen=True):
    """What is known of an option beside type and default.

    help: in the words of the command. least, most: of numbers; `inside`: without these two. wanted: what an error says
    below `least`. python, word: help for `af.train`, and the type of the command, where the two take different things.
    repeats: whether a run of the same settings and the same recipe needs it to come to the same numbers.
    """

    help: str
    least: float = -math.inf
    most: float = math.inf
    inside: bool = False
    wanted: str = "1 or more"
    python: str = ""
    word: Any = None
    repeats: bool = True

    def check(self, name: str, value: Any) -> None:
        """RangeError for a number outside the domain. None leaves the choice to `prepare`."""
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                above = self.least < number if self.inside else self.least <= number
                if not above or not (number < math.inf) or (self.inside and number >= self.most):
                    raise RangeError(f"{flag(name)}: got {number}, wanted {self.wanted}.")
                if number > self.most:
                    raise RangeError(f"{flag(name)}: got {number}, wanted {self.most} at most.")


def flag(name: str) -> str:
    """How the command calls an option."""
    return f"--{name.replace('_', '-')}"


def options_of(record: type[msgspec.Struct]) -> Iterator[tuple[str, Any, Option]]:
    """(name, type, option) of each option of a record: those that may be given by place, its own, those it inherits."""
    every = [pair for kind in record.__mro__ for pair in inspect.get_annotations(kind).items()]
    places = inspect.signature(record).parameters
    for name, annotation in sorted(every, key=lambda pair: places[pair[0]].kind):
        found = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Option)]
        if found:
            yield name, annotation.__origin__, found[0]


def taken(record: Any, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of `kind` as a record has them."""
    return {name: getattr(record, name) for name in kind.__struct_fields__}


def plain_value(name: str, kind: Any, value: Any) -> Any:
    """A number or a switch that a program gave, NumPy's as Python's. RangeError where it is not one."""
    kinds = get_args(kind) or (kind,)
    if value is None and type(None) in kinds:
        return None
    if bool in kinds:
        return truth(flag(name), value)
    if int in kinds:
        return whole(name, value)
    return real(name, value) if float in kinds else value


def whole(name: str, value: Any) -> int:
    """A whole number, or RangeError."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise RangeError(f"{flag(name)}: got {shown(value)}, wanted a whole number, such as 3.") from None


def real(name: str, value: Any) -> float:
    """A number, or RangeError."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise RangeError(f"{flag(name)}: got {shown(value)}, wanted a number, such as 0.5.")
    return float(value)


class Stopping(msgspec.Struct, frozen=True, kw_only=True):
    """When an arm ends and when it learns slower, by the validation loss."""

    early_stopping: Annotated[int | None, Option(
        "End an arm after this many epochs without a smaller validation loss, and keep its best weights. Looks at the "
        "val part of the data, or at a tenth of the training part that is held out for it; never at the test part.",
        1, MOST_EPOCHS,
    )] = None  # fmt: skip
    reduce_lr: Annotated[int | None, Option(
        "Lower the learning rate after this many epochs without a smaller validation loss, of the same images.",
        1, MOST_EPOCHS,
    )] = None  # fmt: skip
    lr_factor: Annotated[float, Option(
        "The factor by which the learning rate is multiplied then.", 0, 1, True, "a number between 0 and 1, such as 0.5"
    )] = 0.5  # fmt: skip
    min_lr: Annotated[float, Option("The lowest learning rate.", 0, wanted="0 or more, such as 1e-6")] = 1e-6


class Method(Stopping, frozen=True, kw_only=True):
    """How all arms are trained: the options that the file of a run keeps as they were asked for."""

    class_weights: Annotated[bool, Option("Weight the training images so that all classes count the same.")] = False
    evaluations: Annotated[int, Option(
        "After how many epochs, evenly spread and the last one among them, training and test part are measured. Early "
        "stopping looks at the validation part after each epoch in any case.", 1, MOST_EPOCHS,
    )] = 10  # fmt: skip
    deterministic: Annotated[bool, Option(
        "Make the backend compute repeatably where it has a switch for that: the same command gives the same numbers "
        "on the same machine. --no-deterministic leaves it as it is."
    )] = True  # fmt: skip
    minutes: Annotated[float | None, Option(
        "Time for all arms together: as many epochs as fit, the same number for each, at most EPOCHS where given.",
        0.01, wanted="a number of at least 0.01", repeats=False,
    )] = None  # fmt: skip
    keep_weights: Annotated[bool, Option(
        "Start from the weights of the model file instead of new ones."
    )] = False  # fmt: skip
    workers: Annotated[int | None, Option(
        "Threads that prepare batches; 0 for none. Default: chosen by the loader.", 0, 1024,
        wanted="0 (no threads) or more", repeats=False,
    )] = None  # fmt: skip
