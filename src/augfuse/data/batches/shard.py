"""Which reader of how many this process is: from the argument, or from frameworks and launchers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, final

from augfuse import frameworks
from augfuse.algebra.ranges import whole
from augfuse.algebra.values import is_row
from augfuse.errors import RangeError, StateError
from augfuse.text import shown


class Place(NamedTuple):
    """Reader `rank` of `world`, counted from 0."""

    rank: int
    world: int


# Variables that hold rank and world, by who sets them. The first pair belongs to training processes and has to agree
# with what a framework says; the others may count something else, such as the machines that torchrun was started on.
_LAUNCHERS = (("RANK", "WORLD_SIZE"), ("KERAS_DISTRIBUTION_PROCESS_ID", "KERAS_DISTRIBUTION_NUM_PROCESSES"))
_SCHEDULERS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),  # not SLURM_NTASKS, which a script holds outside of srun too
)


@final
class Shard:
    """The place of a loader among its readers; `found` with "auto"."""

    def __init__(self, shard: Any) -> None:
        self._automatic = isinstance(shard, str) and shard == "auto"
        self.place = (_found() or Place(0, 1)) if self._automatic else _given(shard)

    def check(self) -> None:
        """Raise StateError if ranks were assigned after this one was read: every process would read all data."""
        if self._automatic:
            found = _found(schedulers=False)  # a worker process of a rank knows no more than its environment
            if found is not None and found != self.place:
                raise StateError(
                    f"shard='auto': was {_words(self.place)} when the loader was made, and is {_words(found)} now. "
                    "Make the loader after the processes have found each other (torch.distributed.init_process_group, "
                    "jax.distributed.initialize), in each process."
                )


def _given(shard: Any) -> Place:
    wanted = "wanted (rank, world) with 0 <= rank < world, or 'auto'."
    if shard is None:
        return Place(0, 1)
    if not is_row(shard) or len(shard) != 2:
        raise RangeError(f"shard: got {shown(shard)}, {wanted}")
    rank, world = whole("shard: rank", shard[0], 0), whole("shard: world", shard[1], 1)
    if rank >= world:
        raise RangeError(f"shard: got {shown(shard)}, {wanted} Ranks count from 0.")
    return Place(rank, world)


def _found(schedulers: bool = True) -> Place | None:
    """The place according to frameworks and the environment; None without any. Raises RangeError if they disagree."""
    said = {name: Place(*place) for name, place in frameworks.ranks().items()}
    if "keras" in said:
        said.pop("jax", None)  # processes that share one copy of a model take the same data
    said |= _in_environment(os.environ, _LAUNCHERS)
    config = os.environ.get("TF_CONFIG")
    if config:
        said |= _of_tensorflow(config)
    if not said and schedulers:
        said = dict(list(_in_environment(os.environ, _SCHEDULERS).items())[:1])
    if len(set(said.values())) > 1:
        every = ", ".join(f"{name}: {_words(place)}" for name, place in said.items())
        raise RangeError(f"shard='auto': they disagree ({every}). Type shard=(rank, world) for the right one.")
    return next(iter(said.values()), None)


def _in_environment(environment: Mapping[str, str], names: tuple[tuple[str, str], ...]) -> dict[str, Place]:
    """The shard that pairs of environment variables state; a pair of which one is missing counts as not set."""
    found: dict[str, Place] = {}
    for rank, world in names:
        if environment.get(rank) and environment.get(world):
            words = environment[rank], environment[world]
            if not all(word.isdecimal() for word in words) or not int(words[0]) < int(words[1]):
                raise RangeError(
                    f"shard='auto': the environment has {rank}={shown(words[0])} and {world}={shown(words[1])}, wanted "
                    "whole numbers with 0 <= rank < world. Type shard=(rank, world)."
                )
            found[f"{rank} and {world}"] = Place(int(words[0]), int(words[1]))
    return found


def _of_tensorflow(config: str) -> dict[str, Place]:
    """The place according to TF_CONFIG: the chief is the first of the workers."""
    try:
        found = json.loads(config)
        chiefs, workers = (list(found.get("cluster", {}).get(kind, ())) for kind in ("chief", "worker"))
        kind, index = found["task"]["type"], int(found["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    if kind not in ("chief", "worker") or not chiefs + workers:
        return {}
    return {"TF_CONFIG": Place(index + (len(chiefs) if kind == "worker" else 0), len(chiefs) + len(workers))}


def _words(place: Place) -> str:
    return f"rank {place.rank} of {place.world}"
