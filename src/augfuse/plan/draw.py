"""The draw: which transforms act on which images, and with which parameters. The only caller of `Transform.draw`.

It is a function of positions and labels alone, and a value: planning, descriptions, plans as data and readers all read
it, and nothing is drawn twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra.rng import Draw, Slots, Words
from augfuse.plan.partners import Pool
from augfuse.transforms.base import Compose, Params, Seeking, Transform, Turn
from augfuse.transforms.children import branch_paths, paths, tree, unmixed
from augfuse.transforms.compose import Schedule
from augfuse.transforms.mix_base import Mix
from augfuse.transforms.views import Views

Before: TypeAlias = tuple[Sequence[Transform], ...]  # lists of what comes before a transform


@final
class Node(msgspec.Struct, frozen=True, eq=False):
    """What was drawn for one transform and n images.

    active: (n,) bool, on which images it acts; None: on all. Of a child it counts the choice of its parent too.
    children: what was drawn for the branches of a Compose, in their order; turns: when they are applied. Of a Mix: what
    was drawn for the steps before it, for each of its partners.
    """

    path: str
    transform: Transform
    active: np.ndarray | None
    params: Params
    children: tuple[Node, ...] = ()
    turns: tuple[Turn, ...] = ()


@final
class Drawn(msgspec.Struct, frozen=True, eq=False):
    """What was drawn for n images: a node for each transform of the recipe, and of each view."""

    transforms: tuple[Transform, ...]  # as the recipe lists them
    seed: int
    epoch: int
    indices: np.ndarray  # (n,) int64
    nodes: tuple[Node, ...]
    views: tuple[tuple[str, tuple[Node, ...]], ...] = ()
    of_data: bool = False  # whether partners of mixes are samples of a data set, and not of the batch

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, rows: np.ndarray) -> Drawn:
        """What was drawn for these images of the batch."""
        return msgspec.structs.replace(self.mapped(lambda node: taken(node, rows)), indices=self.indices[rows])

    def mapped(self, change: Callable[[Node], Node]) -> Drawn:
        """The same with `change` made to the node of each transform, which has its children, in the order of `walk`."""
        nodes = tuple(map(change, self.nodes))
        views = tuple((name, tuple(map(change, own))) for name, own in self.views)
        return msgspec.structs.replace(self, nodes=nodes, views=views)

    def partner(self, node: Node, k: int, rows: np.ndarray) -> Drawn:
        """What was drawn for partner k of a Mix, for the steps before it, of these images of the batch."""
        transform = node.transform
        assert isinstance(transform, Mix)
        count = len(node.children) // transform.partners
        nodes = tuple(taken(child, rows) for child in node.children[k * count : (k + 1) * count])
        return Drawn(self.transforms, self.seed, self.epoch, self.indices[rows], nodes)

    def walk(self) -> Iterator[Node]:
        """Every node, parents before their children, in the order of the recipe."""
        for nodes in (self.nodes, *(nodes for _, nodes in self.views)):
            for node in nodes:
                yield from _walk(node)


def draw(
    transforms: Sequence[Transform],
    seed: int,
    epoch: int,
    indices: np.ndarray,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] | None = None,
    slots: Slots | None = None,
    pool: Pool | None = None,
    words: Any = None,
) -> Drawn:
    """Draw the parameters of the images at these positions, (n,) int64.

    labels: (n,), one class number or name for each; classes: the names of the numbers; see `When`. slots: what
    remembers which words these transforms ask for. pool: what partners of mixes are drawn from, by default the images
    themselves. words: what is asked instead of `rng.Words`, where a program is compiled.
    """
    words, n = words or Words(seed, epoch, indices, slots), len(indices)
    pool = pool or Pool(n, np.arange(n), labels)

    def node(place: _Place, parent: np.ndarray | None, labels: np.ndarray | None) -> Node:
        path, transform, p, seeks, branches = place
        own = Draw(words, path, labels, classes)
        active = parent if p == 1 else _both(parent, own.coin("p", p) if p > 0 else np.zeros(n, bool))
        params = transform.draw(own)
        if seeks:
            params["part"] = np.zeros((n, 4), np.int64)  # not looked for yet
        if branches is None:
            return Node(path, transform, active, params)
        if isinstance(transform, Mix):
            chosen = pool.chosen(own.uniforms("partner", transform.partners), transform.partner)
            unknown = np.zeros_like(chosen)  # their sizes
            params |= {"partner": chosen, "height": unknown, "width": unknown}
            return Node(path, transform, active, params, partners(branches, chosen))
        assert isinstance(transform, Compose)
        turns = transform.turns(params)
        acts = _chosen(turns) if transform.leaves_out else {}
        children = tuple([node(branch, _both(active, acts.get(k)), labels) for k, branch in enumerate(branches)])
        return Node(path, transform, active, params, children, turns)

    def partners(branches: tuple[_Place, ...], chosen: np.ndarray) -> tuple[Node, ...]:
        count = len(branches) // chosen.shape[1]
        found: list[Node] = []
        for k in range(chosen.shape[1]):
            of_them = None if pool.labels is None else pool.labels[chosen[:, k]]
            found += [node(branch, None, of_them) for branch in branches[k * count : (k + 1) * count]]
        return tuple(found)

    form = _form(tuple(transforms), epoch, slots)
    drawn = tuple((name, tuple([node(place, None, labels) for place in own])) for name, own in form.views)
    nodes = tuple([node(place, None, labels) for place in form.places])
    return Drawn(tuple(transforms), seed, epoch, indices, nodes, drawn, pool.of_data)


class _Place(NamedTuple):
    """A transform of a recipe where it stands. seeks: whether it looks at targets; branches: of a Compose, and of a
    Mix what stands before it, for each of its partners."""

    path: str
    transform: Transform
    p: float
    seeks: bool
    branches: tuple[_Place, ...] | None


class _Form(NamedTuple):
    """The transforms of a recipe with their paths. epoch: which one it is of; None: of all."""

    epoch: int | None
    places: tuple[_Place, ...]
    views: tuple[tuple[str, tuple[_Place, ...]], ...]


def _form(transforms: tuple[Transform, ...], epoch: int, slots: Slots | None) -> _Form:
    """What follows from the recipe alone, or from it and the epoch; `slots` keep it."""
    known = None if slots is None else slots.form
    if isinstance(known, _Form) and (known.epoch is None or known.epoch == epoch):
        return known
    own, views = transforms, ()
    if transforms and isinstance(last := transforms[-1], Views):
        own, views = transforms[:-1], last.views
    changes = any(isinstance(transform, Schedule) for _, transform in tree(transforms))
    form = _Form(
        epoch if changes else None,
        _places(own, "", epoch, ()),
        tuple((name, _places(children, f"Views#0/{name}/", epoch, (own,))) for name, children in views),
    )
    if slots is not None:
        slots.form = form
    return form


def _places(transforms: Sequence[Transform], parent: str, epoch: int, before: Before) -> tuple[_Place, ...]:
    """The transforms of a list, which stands behind others."""
    each = enumerate(paths(transforms, parent))
    return tuple([_place(path, child, epoch, (*before, transforms[:k])) for k, (path, child) in each])


def _place(path: str, transform: Transform, epoch: int, before: Before) -> _Place:
    branches = None
    if isinstance(transform, Compose):
        found = list(branch_paths(path, transform, epoch))
        within = tuple(branch for _, branch in found) if transform.in_order else ()
        branches = tuple(_place(child, branch, epoch, (*before, within[:k])) for k, (child, branch) in enumerate(found))
    elif isinstance(transform, Mix):
        earlier = unmixed([other for some in before for other in some])
        parents = (f"{path}/partner{k + 1 if k else ''}/" for k in range(transform.partners))
        branches = tuple(place for parent in parents for place in _places(earlier, parent, epoch, ()))
    return _Place(path, transform, transform.probability, isinstance(transform, Seeking), branches)


def applications(nodes: Sequence[Node]) -> Iterator[tuple[Node, np.ndarray | None]]:
    """The transforms that do something, in the order in which they are applied, and on which images each acts; one that
    comes at different places for different images is there once for each place.
    """
    for node in nodes:
        if not _composes(type(node.transform)):
            yield node, node.active
            continue
        for turn in node.turns:
            child = node.children[turn.child]
            if _composes(type(child.transform)):
                for inner, active in applications((child,)):
                    yield inner, _both(active, turn.active)
            else:
                yield child, _both(child.active, turn.active)


@cache
def _composes(cls: type[Transform]) -> bool:
    return issubclass(cls, Compose)


def _chosen(turns: Sequence[Turn]) -> dict[int, np.ndarray | None]:
    """Which images each branch is applied to at all."""
    found: dict[int, np.ndarray | None] = {}
    for child, active in turns:
        before = found.get(child, active)
        found[child] = active if before is active else _either(before, active)
    return found


def _either(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one | other


def _both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def taken(node: Node, rows: np.ndarray) -> Node:
    """What was drawn for these images of the batch."""
    active = None if node.active is None else node.active[rows]
    params = {name: values[rows] for name, values in node.params.items()}
    children = tuple(taken(child, rows) for child in node.children)
    turns = tuple(Turn(child, None if acts is None else acts[rows]) for child, acts in node.turns)
    return Node(node.path, node.transform, active, params, children, turns)


def with_params(drawn: Drawn, params: Mapping[str, Params]) -> Drawn:
    """What was drawn, with these parameters in place of others, by the path of their node."""

    def changed(node: Node) -> Node:
        own, children = node.params | params.get(node.path, {}), tuple(map(changed, node.children))
        return msgspec.structs.replace(node, params=own, children=children)

    return drawn.mapped(changed)


def replaced(values: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The values with others in these rows."""
    found = values.copy()
    found[rows] = new
    return found


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
