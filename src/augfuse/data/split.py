"""Cut a source in two: which rows are held out. Positions and labels only; no pixels."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.algebra.values import is_number
from augfuse.errors import DataError
from augfuse.text import shown


def split_rows(
    length: int,
    fraction: float,
    *,
    labels: np.ndarray | None = None,
    seed: int = 0,
    stratify: bool = True,
    groups: Any = None,
    amounts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (rest, held_out), both int64, ascending and not empty; together they are 0..length-1.

    fraction: 0 < fraction < 1; round(fraction * length) rows are held out, or as nearly as the rules below allow.
    stratify: every class keeps its share on both sides (largest remainder), and a class of two or more samples is on
        both sides, even where that changes the total. Without labels there is nothing to stratify. Where samples have
        several labels, (length, k) of 0 and 1 or k class numbers, iterative stratification brings each label near to
        its share, and one of two or more samples to both sides wherever others leave it room.
    groups: (length,) of anything that sorts (patients, videos, scenes). A group is never on both sides; shares are then
        as near as a greedy choice of whole groups comes.
    amounts: (length, k), 0 or more, how much of k classes each sample holds: stratify by these instead of labels.
    The same arguments give the same rows; the global random state is neither read nor changed.

    Raises DataError: fraction outside (0, 1), a side would be empty, groups of the wrong length or only one group,
    stratify=True with labels that are not classes.
    """
    truth("split: stratify", stratify)
    if not is_number(fraction) or not 0 < fraction < 1:
        raise DataError(f"split: got fraction {shown(fraction)}, wanted 0 < fraction < 1; for a fifth type split(0.2)")
    generator = _generator(seed)
    if stratify and labels is not None and amounts is None:
        labels, amounts = _several(labels, length)
    codes = np.zeros(length, np.int64)
    if amounts is not None:
        amounts = amounts[:, amounts.any(axis=0)]
    elif stratify and labels is not None:
        codes = _class_codes(labels, length)
    if groups is not None:
        held = _hold_out_groups(codes, amounts, _group_codes(groups, length), fraction, generator)
    elif amounts is not None:
        held = _hold_out_several(amounts, fraction, generator)
    else:
        held = _hold_out_samples(codes, fraction, generator, both_sides=stratify and labels is not None)
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


def _several(labels: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray | None]:
    """(labels, (n, k) what each sample has of k classes), where samples have several labels; (labels, None) where each
    has one, also as a row of 0 and a single 1."""
    if labels.ndim != 2 or len(labels) != length or labels.shape[1] < 2:
        return labels, None
    if np.isin(labels, (0, 1)).all():
        return (labels.argmax(axis=1), None) if (labels.sum(axis=1) == 1).all() else (labels, labels.astype(np.float64))
    values = [np.unique(column) for column in labels.T]
    if labels.dtype.kind not in "iu" or sum(map(len, values)) > length // 2:  # coordinates, say
        return labels, None
    hot = [column[:, None] == known for column, known in zip(labels.T, values, strict=True)]
    return labels, np.column_stack(hot).astype(np.float64)


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


def _hold_out_several(amounts: np.ndarray, fraction: float, generator: np.random.Generator) -> np.ndarray:
    """Boolean (n,): held out, by iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011): the label with the
    fewest samples left comes first, and each of them goes where more of it is missing, or more samples are."""
    n = len(amounts)
    total = round(fraction * n)
    missing = amounts.sum(axis=0)[:, None] * (1 - fraction, fraction)
    room = np.array([n - total, total])
    has = amounts > 0
    left = has.sum(axis=0)
    several = left > 1
    given = np.zeros((amounts.shape[1], 2), np.int64)  # samples of each label on each side
    side = np.full(n, -1)
    order = generator.permutation(n)
    while left.any():
        label = int(np.argmin(np.where(left > 0, left, n + 1)))
        rows = order[(side[order] < 0) & has[order, label]]
        for row in rows:
            more = missing[label, 1] - missing[label, 0]
            chosen = int(more > 0)
            if abs(more) < 1e-9:  # ties must not depend on rounding
                chosen = int(room[1] > room[0]) if room[0] != room[1] else int(generator.integers(2))
            if several[label] and row == rows[-1] and not given[label].all():
                chosen = int(np.argmin(given[label])) if given[label].any() else chosen
            side[row] = chosen
            missing[:, chosen] -= amounts[row]
            given[:, chosen] += has[row]
            room[chosen] -= 1
        left -= has[rows].sum(axis=0)
    rest = order[side[order] < 0]  # without any label
    side[rest[: max(0, total - int((side == 1).sum()))]] = 1
    return side == 1


def _hold_out_groups(
    codes: np.ndarray,
    amounts: np.ndarray | None,
    group_codes: np.ndarray,
    fraction: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Boolean (n,): held out, whole groups only, both sides not empty."""
    sizes = np.bincount(group_codes)
    counts = np.zeros((len(sizes), int(codes.max()) + 1 if amounts is None else amounts.shape[1]))
    if amounts is None:
        np.add.at(counts, (group_codes, codes), 1.0)
    else:
        np.add.at(counts, group_codes, amounts)
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
