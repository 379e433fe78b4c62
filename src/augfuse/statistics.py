"""The statistics of a data set as a value: what adds up over images, what follows from it, and its small file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.errors import DataError, DataNotFoundError, ImageTypeError
from augfuse.files import write_text
from augfuse.outputs import Output, State, begins, check, is_empty
from augfuse.text import shown

BINS = 256  # of a histogram, over the full scale
_HEAD = '{"augfuse": "statistics", "version": 1'
_LARGEST_FILE = 2**28


@final
class Moments(NamedTuple):
    """Of the values of each channel, (c,) float64: how many, their mean, and their squared distances from it, summed.

    Merged as Chan, Golub & LeVeque 1983 do, so a spread that is small beside the mean keeps its digits.
    """

    size: int
    mean: np.ndarray
    squares: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> Moments:
        """Of (c, n) float64, which is written over."""
        mean = values.mean(axis=1)
        values -= mean[:, None]
        return Moments(values.shape[1], mean, np.einsum("cp,cp->c", values, values))

    def merged(self, other: Moments) -> Moments:
        """Of both together."""
        size = self.size + other.size
        step = other.mean - self.mean
        squares = self.squares + (other.squares + step * step * (self.size * other.size / size))
        return Moments(size, self.mean + step * (other.size / size), squares)

    def deviation(self) -> np.ndarray:
        """(c,): the population standard deviation."""
        return np.sqrt(self.squares / self.size)


@final
class Totals(NamedTuple):
    """Of each channel, in the units of the pixels. exact: the values are whole numbers, of which `first` is the sum and
    `second` that of the squares, so that no order of adding makes a difference; else mean and squares of `Moments`."""

    size: int
    first: tuple[float, ...]
    second: tuple[float, ...]
    exact: bool

    @staticmethod
    def of(moments: Moments) -> Totals:
        return Totals(moments.size, tuple(moments.mean.tolist()), tuple(moments.squares.tolist()), False)

    def moments(self) -> Moments:
        """The same as floats; of whole numbers each is the nearest one."""
        if not self.exact:
            return Moments(self.size, np.array(self.first), np.array(self.second))
        mean = [float(Fraction(int(s), self.size)) for s in self.first]
        squares = [
            float(Fraction(int(q) * self.size - int(s) ** 2, self.size))
            for s, q in zip(self.first, self.second, strict=True)
        ]
        return Moments(self.size, np.array(mean), np.array(squares))

    def merged(self, other: Totals) -> Totals:
        """Of both together."""
        if not (self.exact and other.exact):
            return Totals.of(self.moments().merged(other.moments()))
        first, second = (
            tuple(a + b for a, b in zip(mine, theirs, strict=True))
            for mine, theirs in ((self.first, other.first), (self.second, other.second))
        )
        return Totals(self.size + other.size, first, second, True)


@final
@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What `data.statistics()` finds out.

    Mean and standard deviation are fractions of full scale, as `af.Normalize` takes them.

    Args:
        images: how many.
        value_range: (low, high), the full scale of the pixels.
        totals: sums in the units of the pixels, which `merged` adds up.
        histogram: of each channel, how many values lie in each 256th of the full scale; one for each level of 8 bits.
        sizes: how many images have which (height, width).
        class_counts: how many have which class; {} without classes.
    """

    images: int
    value_range: tuple[float, float]
    totals: Totals
    histogram: tuple[tuple[int, ...], ...]
    sizes: Mapping[tuple[int, int], int]
    class_counts: Mapping[str, int]

    @property
    def channels(self) -> int:
        """How many channels the images have."""
        return len(self.totals.first)

    @property
    def pixels(self) -> int:
        """How many pixels all images have together."""
        return self.totals.size

    @property
    def mean(self) -> tuple[float, ...]:
        """Of each channel over all pixels of all images, as a fraction of full scale."""
        low, high = self.value_range
        return tuple(((self.totals.moments().mean - low) / (high - low)).tolist())

    @property
    def std(self) -> tuple[float, ...]:
        """The population standard deviation of each channel, as a fraction of full scale."""
        low, high = self.value_range
        return tuple((self.totals.moments().deviation() / (high - low)).tolist())

    def merged(self, other: Statistics) -> Statistics:
        """Combine the statistics of two data sets.

        Args:
            other: statistics with the same channels and value range.

        Returns:
            The statistics of both data sets together.

        Raises:
            DataError: channels or value ranges differ.
        """
        for name in ("channels", "value_range"):
            if (mine := getattr(self, name)) != (theirs := getattr(other, name)):
                raise DataError(f"statistics: got {name} {shown(mine)} and {shown(theirs)}, wanted the same.")
        return Statistics(
            images=self.images + other.images,
            value_range=self.value_range,
            totals=self.totals.merged(other.totals),
            histogram=tuple(
                tuple(a + b for a, b in zip(mine, theirs, strict=True))
                for mine, theirs in zip(self.histogram, other.histogram, strict=True)
            ),
            sizes=_added(self.sizes, other.sizes),
            class_counts=_added(self.class_counts, other.class_counts),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a small JSON file, in one step.

        `Statistics.load` reads it, and `af.Normalize.from_stats` takes its name.

        Args:
            path: the file; one that is there is replaced, if it holds statistics.

        Raises:
            DataError: the file exists and does not hold statistics.
        """
        target = Path(path)
        check(Output("save", target, "Statistics.save", _state), ())
        write_text(target, self._json())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Statistics:
        """Read statistics that `save` wrote.

        Args:
            path: the file.

        Returns:
            The statistics.

        Raises:
            DataNotFoundError: no such file.
            DataError: another file.
        """
        file = Path(path)
        if not file.is_file():
            raise DataNotFoundError(f"{file}: no such file, wanted one that data.statistics().save(path) wrote.")
        try:
            if file.stat().st_size > _LARGEST_FILE:
                raise ValueError("it is larger than such files are")
            return _parsed(json.loads(file.read_text(encoding="utf-8"), parse_constant=_refused))
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror}).") from None
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise DataError(
                f"{file}: is not what data.statistics().save(path) writes ({shown(str(error))}). Make it anew."
            ) from None

    def _json(self) -> str:
        fields = {
            "images": self.images,
            "value_range": self.value_range,
            "count": self.totals.size,
            "exact": self.totals.exact,
            "first": self.totals.first,
            "second": self.totals.second,
            "histogram": self.histogram,
            "sizes": sorted([*size, count] for size, count in self.sizes.items()),
            "class_counts": dict(self.class_counts),
            "mean": self.mean,  # for people; `load` computes them
            "std": self.std,
        }
        lines = "".join(f",\n{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items())
        return f"{_HEAD}{lines}\n}}\n"


def as_statistics(source: Statistics | str | os.PathLike[str]) -> Statistics:
    """Statistics as they are, or those of a file. Errors of `Statistics.load`, ImageTypeError for anything else."""
    if isinstance(source, Statistics):
        return source
    if isinstance(source, (str, os.PathLike)):
        return Statistics.load(source)
    raise ImageTypeError(f"statistics: got {type(source).__name__}, wanted data.statistics(), or the name of its file.")


def _added(one: Mapping[Any, int], other: Mapping[Any, int]) -> dict[Any, int]:
    names = dict.fromkeys((*one, *other))
    return {name: one.get(name, 0) + other.get(name, 0) for name in names}


def _state(path: Path) -> State:
    return State.OURS if begins(path, _HEAD.encode()) or is_empty(path) else State.FOREIGN


def _refused(name: str) -> float:
    raise ValueError(f"it holds {name}")


def _parsed(found: Any) -> Statistics:
    """ValueError and its like for a file that says impossible things."""
    if not isinstance(found, dict) or found.get("augfuse") != "statistics":
        raise ValueError("its first entry is not the name of the kind")
    if found.get("version") != 1:
        raise ValueError(f"version {shown(found.get('version'))} is of another augfuse, this one reads 1")
    low, high = (_real(number) for number in found["value_range"])
    images, count, exact = _count(found["images"]), _count(found["count"]), found["exact"]
    number = _count if exact is True else _real  # the levels of whole numbers begin at 0
    first, second = (tuple(number(value) for value in found[name]) for name in ("first", "second"))
    histogram = tuple(tuple(_count(value) for value in channel) for channel in found["histogram"])
    sizes = {(_count(height), _count(width)): _count(times) for height, width, times in found["sizes"]}
    counts = found["class_counts"]
    if not isinstance(counts, dict):
        raise ValueError("its class_counts are not by name")
    counts = {name: _count(times) for name, times in counts.items()}
    shapes = {len(first), len(second), len(histogram)}
    if not isinstance(exact, bool) or not low < high or len(shapes) > 1 or not first or not count or not images:
        raise ValueError("its numbers do not belong together")
    if any(len(channel) != BINS or sum(channel) != count for channel in histogram) or sum(sizes.values()) != images:
        raise ValueError("its counts do not add up")
    if sum(height * width * times for (height, width), times in sizes.items()) != count:
        raise ValueError("its sizes do not add up")
    totals = Totals(count, first, second, exact)
    if (totals.moments().squares < 0).any():
        raise ValueError("its standard deviation is negative")
    return Statistics(
        images=images,
        value_range=(low, high),
        totals=totals,
        histogram=histogram,
        sizes=sizes,
        class_counts=counts,
    )


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{shown(value)} is not a whole number of 0 or more")
    return value


def _real(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{shown(value)} is not a number")
    return float(value)
