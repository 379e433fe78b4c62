"""Philox in words of 32 bits: the host's bits on every framework, eager and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augfuse.algebra import rng
from augfuse.execute.arrays import philox32 as philox
from augfuse.execute.arrays.numpy_names import algebra_for

FRAMEWORKS = ("host", "jax", "tensorflow", "torch")
SEED, EPOCH = 2**64 - 3, 2**40 + 7
PATHS = ("Rotate#0.degrees", "OneOf#0/HorizontalFlip#0.p", "Erase#0.area")
INDICES = np.array([0, 1, 2**31, 2**32 - 1, 2**32, 77_777_777_777, 2**63 - 1], np.int64)
SLOTS = np.array([rng.slot(path) for path in (*PATHS, PATHS[2])], np.uint64)
BLOCKS = np.array([0, 0, 0, 2])  # the last slot asks for another block of the third


def algebra(name: str) -> Any:
    if name != "host":
        pytest.importorskip(name, reason=f"needs the extra: pip install 'augfuse[{name}]'")
    return algebra_for(name)


def compiled(name: str, function: Any) -> Any:
    if name == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def made(name: str, ops: Any, compiles: bool) -> np.ndarray:
    """(4, s, n) uint64."""

    def function(epoch: Any, indices: Any) -> Any:
        return philox.words(ops, SEED, SLOTS, BLOCKS, epoch, indices)

    function = compiled(name, function) if compiles else function
    found = function(ops.bits(philox.halves(EPOCH)), ops.bits(philox.halves(INDICES)))
    low, high = np.asarray(found).astype(np.uint64).transpose(1, 0, 2, 3)
    return low | high << np.uint64(32)


@pytest.mark.parametrize(
    ("name", "compiles"), [*((name, False) for name in FRAMEWORKS), ("jax", True), ("tensorflow", True)]
)
def test_the_hosts_own_bits(name: str, compiles: bool) -> None:
    """PyTorch draws on the host where a program is compiled: compiling this takes half a minute."""
    found = made(name, algebra(name), compiles)
    for k, path in enumerate(PATHS):
        assert np.array_equal(found[:, k].T, rng.bits(SEED, EPOCH, INDICES, path))
    assert np.array_equal(found[:, 3].T, rng.bits(SEED, EPOCH, INDICES, PATHS[2], 1, 2))
    for i, index in enumerate(INDICES):
        theirs = np.random.Philox(key=np.array([SEED, SLOTS[0]], np.uint64))
        state, before = theirs.state, int(index) + (EPOCH << 64) - 1  # it counts up before its first block
        state["state"]["counter"] = np.array([before >> 64 * part & 2**64 - 1 for part in range(4)], np.uint64)
        theirs.state = state
        assert np.array_equal(found[:, 0, i], theirs.random_raw(4))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_uniforms_and_coins(name: str) -> None:
    ops = algebra(name)
    indices = np.arange(2000)
    found = philox.words(ops, 5, SLOTS[:1], BLOCKS[:1], ops.bits(philox.halves(3)), ops.bits(philox.halves(indices)))[
        0, :, 0
    ]
    wanted = rng.unit(rng.bits(5, 3, indices, PATHS[0]))[:, 0]
    units = np.asarray(philox.unit(ops, found), np.float64)
    assert units.dtype == np.float64 and (units <= wanted).all() and (wanted - units).max() < 6e-8
    for p in (0.0, 0.1, 0.5, 1 - 2.0**-53, 1.0, float(wanted[7]), float(np.nextafter(wanted[7], 1))):
        assert np.array_equal(np.asarray(philox.below(ops, found, p)), wanted < p), p
