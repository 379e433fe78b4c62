"""The position of a loader as plain data: what `state_dict` returns and `load_state_dict` takes."""

from __future__ import annotations

from typing import Any, final

import msgspec

from augfuse.algebra.values import is_dict, is_whole
from augfuse.errors import StateError
from augfuse.text import shown

_VERSION = 2
_AS_IT_WAS = "Build it as when the state was saved."
_LIMITS = {"epoch": 63, "seed": 64}  # bits


@final
class State(msgspec.Struct, frozen=True):
    """The position in the stream of samples of an epoch, and the identity of the stream.

    samples: how many samples of the global stream, that of all readers, were delivered. The other fields identify it:
    the number of samples, seed and shuffle for the order, the fingerprint of the recipe.
    """

    epoch: int
    samples: int
    length: int
    seed: int
    shuffle: bool
    recipe: str
    version: int = _VERSION

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings and booleans, by name."""
        return msgspec.structs.asdict(self)


def loaded(state: Any, own: State, any_seed: bool) -> State:
    """A saved state, for a loader whose state is `own`. any_seed: the loader takes the seed of the state.

    Raises StateError if it is not such a state, or belongs to another stream.
    """
    wanted = own.to_dict()
    if not is_dict(state) or set(state) != set(wanted):
        raise StateError(f"state: got {shown(state)}, wanted what loader.state_dict() returns.")
    found = {name: _plain(name, state[name], value) for name, value in wanted.items()}
    for name in ("version", "length", "recipe", "shuffle", *(() if any_seed else ("seed",))):
        if found[name] != wanted[name]:
            raise StateError(
                f"state: {name} is {shown(found[name])}, this loader has {shown(wanted[name])}. {_AS_IT_WAS}"
            )
    if not 0 <= found["samples"] <= own.length:
        raise StateError(
            f"state: {shown(found['samples'])} samples, this loader has {own.length} an epoch. {_AS_IT_WAS}"
        )
    for name, bits in _LIMITS.items():
        if not 0 <= found[name] < 2**bits:
            raise StateError(f"state: {name} is {shown(found[name])}, wanted 0..2**{bits} - 1.")
    return State(**found)


def _plain(name: str, value: Any, own: Any) -> Any:
    """A value of a state as it was saved: StateError for one of another type."""
    if isinstance(own, bool) or not isinstance(own, int):
        good = isinstance(value, type(own))
    else:
        good = is_whole(value)
        value = int(value) if good else value
    if not good:
        raise StateError(
            f"state: {name} is {shown(value)}, wanted {type(own).__name__} like {shown(own)}: what loader.state_dict() "
            "returned."
        )
    return value
