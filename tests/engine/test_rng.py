"""Randomness as a function of position, against NumPy's own Philox."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import augfuse as af
from augfuse.algebra import rng

word = st.integers(0, 2**64 - 1)
index = st.integers(0, 2**63 - 1)
path = st.text(max_size=20) | st.sampled_from(["Rotate#0.degrees", "order", "Erase#12.area"])


def numpys_words(seed: int, epoch: int, at: int, name: str, count: int, first: int = 0) -> np.ndarray:
    """The same blocks from numpy.random.Philox, which increments its 256-bit counter before its first block."""
    slot = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
    counter = (at + (epoch << 64) + (first << 128) - 1) % 2**256
    words = []
    for block in range(count):
        generator = np.random.Philox(key=seed + (slot << 64), counter=(counter + (block << 128)) % 2**256)
        words.append(generator.random_raw(4))
    return np.concatenate(words)


@given(word, word, st.lists(index, min_size=1, max_size=4), path, st.integers(1, 4), st.integers(0, 2**32))
def test_bits_are_numpys_philox(seed: int, epoch: int, at: list[int], name: str, count: int, first: int) -> None:
    got = rng.bits(seed, epoch, np.array(at, np.int64), name, count, first)
    assert got.shape == (len(at), 4 * count) and got.dtype == np.uint64
    for row, i in zip(got, at, strict=True):
        assert np.array_equal(row, numpys_words(seed, epoch, i, name, count, first))


def test_pinned_words() -> None:
    """What a seed means must never change."""
    assert rng.slot("Rotate#0.degrees") == 10702713645963595701
    assert rng.bits(0, 0, np.array([0]), "Rotate#0.degrees")[0].tolist() == [
        17449451620845520345,
        7850944120872103704,
        6052630830874277869,
        10820393149018909226,
    ]
    assert rng.bits(2**64 - 1, 7, np.array([2**63 - 1]), "order", 2)[0].tolist() == [
        10303787498795350170,
        12067212168039201592,
        16610155570580545880,
        4305494931068796673,
        17640836531013606295,
        14280271428391256228,
        13083279360682831149,
        16752589133185346577,
    ]
    assert rng.permutation(3, 1, 10).tolist() == [5, 4, 3, 1, 2, 7, 8, 6, 0, 9]


@given(word, word, st.lists(index, min_size=1, max_size=8, unique=True), path)
def test_a_draw_does_not_depend_on_its_company(seed: int, epoch: int, at: list[int], name: str) -> None:
    whole = rng.bits(seed, epoch, np.array(at, np.int64), name, 2)
    for row, i in zip(whole, at, strict=True):
        assert np.array_equal(row, rng.bits(seed, epoch, np.array([i], np.int64), name, 2)[0])
    assert np.array_equal(whole[:, 4:], rng.bits(seed, epoch, np.array(at, np.int64), name, 1, 1))
    assert np.array_equal(whole[:, :4], rng.bits(seed, epoch, np.array(at, np.int64), name, 1))


def test_seed_epoch_index_and_slot_all_matter() -> None:
    n = np.arange(1000)
    streams = [
        rng.bits(seed, epoch, n + shift, name)
        for seed in (0, 1) for epoch in (0, 1) for shift in (0, 10**6) for name in ("a", "b")
    ]  # fmt: skip
    words = np.concatenate(streams).ravel()
    assert len(np.unique(words)) == words.size  # 64000 words of 64 bits: a repeat would be a repeated position


def test_draws_are_uniform_and_independent() -> None:
    n = np.arange(20000)
    draws = [
        rng.Draw(rng.Words(5, epoch, n), path).uniform(name)
        for epoch in (0, 1)
        for path in ("A#0", "A#1")
        for name in "pq"
    ]
    for values in draws:
        counts, _ = np.histogram(values, bins=50, range=(0, 1))
        assert ((counts - 400) ** 2 / 400).sum() < 94  # chi-square with 49 degrees of freedom: one in 10000
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.04
    neighbours = np.corrcoef(draws[0][:-1], draws[0][1:])[0, 1]
    assert abs(neighbours) < 0.04


@given(word, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_uniform_stays_in_its_range(seed: int, low: float, width: float) -> None:
    draw = rng.Draw(rng.Words(seed, 0, np.arange(50)), "X#0")
    values = draw.uniform("v", (low, low + width))
    assert values.dtype == np.float64 and values.shape == (50,)
    assert (values >= low).all() and (values <= low + width).all()
    assert np.array_equal(draw.uniform("v", (low, low)), np.full(50, low))


def test_unit_is_what_numpys_generator_makes() -> None:
    words = np.random.Philox(key=4).random_raw(100)
    assert np.array_equal(rng.unit(words), np.random.Generator(np.random.Philox(key=4)).random(100))
    assert rng.unit(np.array([0, 2**64 - 1], np.uint64)).tolist() == [0.0, 1 - 2.0**-53]


@given(word, st.integers(-5, 5), st.integers(0, 6))
def test_integers_reach_both_ends(seed: int, low: int, span: int) -> None:
    values = rng.Draw(rng.Words(seed, 0, np.arange(400)), "X#0").integers("v", low, low + span)
    assert values.dtype == np.int64 and set(values.tolist()) == set(range(low, low + span + 1))


@given(word, st.floats(0, 1))
def test_coins_fall_with_their_probability(seed: int, p: float) -> None:
    heads = rng.Draw(rng.Words(seed, 0, np.arange(2000)), "X#0").coin("p", p)
    assert heads.dtype == np.bool_
    # The exact tails: a rare coin is far from a normal distribution.
    count = int(heads.sum())
    assert min(binom.cdf(count, 2000, p), binom.sf(count - 1, 2000, p)) > 1e-9


def test_uniforms_and_keys() -> None:
    draw = rng.Draw(rng.Words(5, 0, np.arange(3)), "X#0")
    many = draw.uniforms("v", 10)
    assert many.shape == (3, 10) and len(np.unique(many)) == 30
    assert np.array_equal(many[:, :4], draw.uniforms("v", 4)) and np.array_equal(many[:, 0], draw.uniform("v"))
    keys = draw.key("k")
    assert keys.shape == (3, 2) and keys.dtype == np.uint64 and keys.flags.c_contiguous
    assert (
        np.random.Generator(np.random.Philox(key=keys[0])).random()
        != np.random.Generator(np.random.Philox(key=keys[1])).random()
    )


@given(word, word, st.integers(0, 300))
def test_a_permutation_is_one(seed: int, epoch: int, n: int) -> None:
    order = rng.permutation(seed, epoch, n)
    assert order.dtype == np.int64 and np.array_equal(np.sort(order), np.arange(n))
    assert np.array_equal(order, rng.permutation(seed, epoch, n))


def test_permutations_differ_by_epoch_and_seed_and_are_fair() -> None:
    orders = {tuple(rng.permutation(seed, epoch, 30)) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100
    first = np.array([rng.permutation(seed, 0, 4)[0] for seed in range(2000)])
    assert (np.abs(np.bincount(first) - 500) < 100).all()


def test_adding_a_transform_leaves_the_draws_of_the_others_as_they_are() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3), np.uint8)
    rotate, flip, jitter = af.Rotate(30), af.HorizontalFlip(), af.ColorJitter()

    def matrices(*steps: af.Transform) -> list[np.ndarray]:
        from oracles import as_images, unfused

        plan = unfused(af.Recipe(list(steps)), as_images(images), seed=6)
        own = [step for step, t in zip(plan.steps, steps, strict=True) if t in (rotate, flip, jitter)]
        return [m for s in own for m in (getattr(s, "geometry", None), getattr(s, "color", None)) if m is not None]

    wanted = matrices(rotate, flip, jitter)
    for more in (
        (af.GaussianBlur(), rotate, flip, jitter),
        (rotate, af.Shear(), flip, af.Erase(), jitter),
        (rotate, flip, jitter, af.Brightness()),
    ):
        got = matrices(*more)
        assert len(got) == 3 and all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
    twice = matrices(rotate, rotate)
    assert np.array_equal(twice[0], wanted[0]) and not np.array_equal(twice[1], wanted[0])


def test_seeds() -> None:
    assert rng.check_seed(2**64 - 1) == 2**64 - 1 and rng.check_seed(np.uint64(3)) == 3  # type: ignore[arg-type]
    assert rng.check_seed(None) != rng.check_seed(None)
    with pytest.raises(af.RangeError, match=r"seed: got -1, wanted 0\.\.2\*\*64 - 1\. Use seed=18446744073709551615\."):
        rng.check_seed(-1)
    with pytest.raises(af.RangeError, match=r"Use seed=0\."):
        rng.check_seed(2**64)
    for wrong in (1.0, "1", True):
        with pytest.raises(af.ImageTypeError, match=r"seed: got .*, wanted a whole number or None\."):
            rng.check_seed(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 1000, 2**16 - 1, 2**16, 2**16 + 1, 300_007])
def test_large_and_small_epochs_are_ordered_by_one_rule(n: int) -> None:
    words = rng.bits(7, 3, np.arange(n, dtype=np.int64), "order")[:, 0]
    order = rng.permutation(7, 3, n)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order, np.argsort(words, kind="stable"))


def test_equal_words_stay_in_order() -> None:
    from augfuse.algebra.philox import sort_words

    words = np.random.default_rng(0).integers(0, 2**64, 50, np.uint64)[np.random.default_rng(1).integers(0, 50, 2000)]
    order = np.empty(len(words), np.int64)
    sort_words(words, np.uint64(60), np.zeros(17, np.int64), np.empty_like(words), order)
    np.testing.assert_array_equal(order, np.argsort(words, kind="stable"))
