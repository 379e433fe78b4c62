"""Cut a source in two: which rows are held out. Positions and labels only; no pixels."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from augfuse.errors import DataError
from augfuse.ranges import truth
from augfuse.text import shown


def split_rows(
    length: int,
    fraction: float,
    *,
    labels: np.ndarray | None = None,
    seed: int = 0,
    stratify: bool = True,
    groups: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (rest, held_out), both int64, ascending and not empty; together they are 0..length-1.

    fraction: 0 < fraction < 1; round(fraction * length) rows are held out, or as nearly as the rules below allow.
    stratify: every class keeps its share on both sides (largest remainder), and a class of two or more samples is on
        both sides, even where that changes the total. Without labels there is nothing to stratify.
    groups: (length,) of anything that sorts (patients, videos, scenes). A group is never on both sides; shares are then
        as near as a greedy choice of whole groups comes.
    The same arguments give the same rows; the global random state is neither read nor changed.

    Raises DataError: fraction outside (0, 1), a side would be empty, groups of the wrong length or only one group,
    stratify=True with labels that are not integers of shape (length,).
    """
    truth("split: stratify", stratify)
    if not isinstance(fraction, (int, float, np.number)) or not 0 < fraction < 1:
        raise DataError(f"split: got fraction {shown(fraction)}, wanted 0 < fraction < 1; for a fifth type split(0.2)")
    generator = _generator(seed)
    codes = _class_codes(labels, length) if stratify and labels is not None else np.zeros(length, np.int64)
    if groups is None:
        held = _hold_out_samples(codes, fraction, generator, both_sides=stratify and labels is not None)
    else:
        held = _hold_out_groups(codes, _group_codes(groups, length), fraction, generator)
    if not held.any() or held.all():
        side = "rest" if held.any() else "held-out side"
        raise DataError(
            f"split: with {length} samples and fraction {fraction} the {side} would be empty; "
            "wanted a fraction that leaves at least one sample on each side."
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _generator(seed: int) -> np.random.Generator:
    try:
        key = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        key = -1
    if not 0 <= key < 2**128:
        raise DataError(f"split: got seed {shown(seed)}, wanted an integer from 0 to 2**128 - 1.")
    return np.random.Generator(np.random.Philox(key=key))


def _class_codes(labels: np.ndarray, length: int) -> np.ndarray:
    if labels.shape != (length,) or labels.dtype.kind not in "iu":
        hint = ", or build the source with y.ravel()" if labels.shape == (length, 1) else ""
        raise DataError(
            f"split: stratify=True wants integer labels of shape ({length},), got {labels.dtype} {labels.shape}; "
            f"type split(..., stratify=False){hint}"
        )
    return np.unique(labels, return_inverse=True)[1].reshape(length)


def _group_codes(groups: Any, length: int) -> np.ndarray:
    found = np.asarray(groups)
    if found.shape != (length,):
        raise DataError(f"split: got groups of shape {found.shape}, wanted one group for each of {length} samples.")
    if found.dtype.kind == "f" and np.isnan(found).any():
        row = int(np.flatnonzero(np.isnan(found))[0])
        raise DataError(f"split: sample {row} has no group (NaN); give it a group that no other sample has.")
    try:
        names, codes = np.unique(found, return_inverse=True)
    except TypeError as error:
        raise DataError(f"split: groups must sort: all numbers or all strings, none missing ({error}).") from None
    if len(names) < 2:
        raise DataError(f"split: all samples are in one group ({names[0]}); wanted at least two groups.")
    return codes.reshape(length)


def _hold_out_samples(
    codes: np.ndarray, fraction: float, generator: np.random.Generator, *, both_sides: bool
) -> np.ndarray:
    """Boolean (n,): held out. `codes` are class numbers 0..k-1."""
    sizes = np.bincount(codes)
    # Classes in random order, so that ties between equal remainders do not always favour the first names.
    order = generator.permutation(len(sizes))
    takes = np.empty_like(sizes)
    takes[order] = _largest_remainder(sizes[order], fraction, both_sides=both_sides)

    shuffled = generator.permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    first_of_class = np.cumsum(sizes) - sizes
    rank = np.arange(len(codes)) - first_of_class[codes[by_class]]
    held = np.zeros(len(codes), bool)
    held[by_class] = rank < takes[codes[by_class]]
    return held


def _largest_remainder(sizes: np.ndarray, fraction: float, *, both_sides: bool) -> np.ndarray:
    """How many of each class to hold out, so that the total is round(fraction * n) or as near as the bounds allow."""
    shared = (sizes >= 2) & both_sides
    low, high = np.where(shared, 1, 0), np.where(shared, sizes - 1, sizes)
    quota = fraction * sizes
    takes = np.clip(np.floor(quota).astype(np.int64), low, high)
    total = int(np.clip(round(fraction * int(sizes.sum())), low.sum(), high.sum()))
    while takes.sum() < total:
        takes[np.argmax(np.where(takes < high, quota - takes, -np.inf))] += 1
    while takes.sum() > total:
        takes[np.argmin(np.where(takes > low, quota - takes, np.inf))] -= 1
    return takes


def _hold_out_groups(
    codes: np.ndarray, group_codes: np.ndarray, fraction: float, generator: np.random.Generator
) -> np.ndarray:
    """Boolean (n,): held out, whole groups only, both sides not empty."""
    sizes = np.bincount(group_codes)
    counts = np.zeros((len(sizes), int(codes.max()) + 1))
    np.add.at(counts, (group_codes, codes), 1.0)
    # Share of each class, and of all samples, that a group would bring; each should come near to `fraction`.
    shares = np.column_stack([counts / counts.sum(0), sizes / len(codes)])
    shuffled = generator.permutation(len(sizes))
    largest_first = shuffled[np.argsort(-sizes[shuffled], kind="stable")]

    chosen = np.zeros(len(sizes), bool)
    missing = np.full(shares.shape[1], float(fraction))
    # First what fits into the wanted total, then what overshoots it but comes nearer all the same.
    for room in (0.5 / len(codes), 1.0):
        for group in largest_first:
            left = missing - shares[group]
            nearer = left @ left < missing @ missing - 1e-12  # ties must not depend on rounding
            if not chosen[group] and left[-1] >= -room and nearer:
                chosen[group], missing = True, left
    if not chosen.any() or chosen.all():  # every choice is too large: the one group that comes nearest
        alone = fraction - shares if not chosen.any() else (1 - fraction) - shares
        nearest = largest_first[np.argmin((alone**2).sum(1)[largest_first])]
        chosen[nearest] = not chosen[nearest]
    return chosen[group_codes]
