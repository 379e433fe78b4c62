"""The draw: which transforms act on which images, and with which parameters. The only caller of `Transform.draw`.

It is a function of positions and labels alone, and a value: planning, descriptions, plans as data and readers all read
it, and nothing is drawn twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, final

import msgspec
import numpy as np

from augfuse.plan.partners import Pool
from augfuse.rng import Draw, Slots, Words
from augfuse.transforms._views import Views
from augfuse.transforms.base import Compose, Params, Seeking, Transform, Turn
from augfuse.transforms.children import branch_paths, paths, unmixed
from augfuse.transforms.mixing import Mix

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
        views = tuple((name, tuple(taken(node, rows) for node in nodes)) for name, nodes in self.views)
        nodes = tuple(taken(node, rows) for node in self.nodes)
        return Drawn(self.transforms, self.seed, self.epoch, self.indices[rows], nodes, views, self.of_data)

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
) -> Drawn:
    """Draw the parameters of the images at these positions, (n,) int64.

    labels: (n,), one class number or name for each; classes: the names of the numbers; see `When`. slots: what
    remembers which words these transforms ask for. pool: what partners of mixes are drawn from, by default the images
    themselves.
    """
    words, pool = Words(seed, epoch, indices, slots), pool or Pool(len(indices), np.arange(len(indices)), labels)

    def node(
        path: str, transform: Transform, parent: np.ndarray | None, labels: np.ndarray | None, before: Before
    ) -> Node:
        own = Draw(words, path, labels, classes)
        p = transform.probability
        active = parent if p == 1 else _both(parent, own.coin("p", p) if p > 0 else np.zeros(len(indices), bool))
        params = transform.draw(own)
        if isinstance(transform, Seeking):
            params["part"] = np.zeros((len(indices), 4), np.int64)  # not looked for yet
        if isinstance(transform, Mix):
            chosen = pool.chosen(own.uniforms("partner", transform.partners), transform.partner)
            unknown = np.zeros_like(chosen)  # their sizes
            params |= {"partner": chosen, "height": unknown, "width": unknown}
            return Node(path, transform, active, params, partners(path, chosen, before))
        if not isinstance(transform, Compose):
            return Node(path, transform, active, params)
        turns = transform.turns(params)
        acts = _chosen(turns)
        branches = list(branch_paths(path, transform, epoch))
        within = tuple(branch for _, branch in branches) if transform.in_order else ()
        children = tuple(
            node(child, branch, _both(active, acts.get(k)), labels, (*before, within[:k]))
            for k, (child, branch) in enumerate(branches)
        )
        return Node(path, transform, active, params, children, turns)

    def nodes(
        children: Sequence[Transform], parent: str, labels: np.ndarray | None, before: Before = ()
    ) -> tuple[Node, ...]:
        return tuple(
            [
                node(path, transform, None, labels, (*before, children[:k]))
                for k, (path, transform) in enumerate(paths(children, parent))
            ]
        )

    def partners(path: str, chosen: np.ndarray, before: Before) -> tuple[Node, ...]:
        earlier = unmixed([transform for some in before for transform in some])
        found: list[Node] = []
        for k in range(chosen.shape[1]):
            of_them = None if pool.labels is None else pool.labels[chosen[:, k]]
            found += nodes(earlier, f"{path}/partner{k + 1 if k else ''}/", of_them)
        return tuple(found)

    own, views = transforms, ()
    if transforms and isinstance(last := transforms[-1], Views):
        own, views = transforms[:-1], last.views
    drawn = tuple((name, nodes(children, f"Views#0/{name}/", labels, (own,))) for name, children in views)
    made = nodes(own, "", labels)
    return Drawn(tuple(transforms), seed, epoch, indices, made, drawn, pool.of_data)


def applications(nodes: Sequence[Node]) -> Iterator[tuple[Node, np.ndarray | None]]:
    """The transforms that do something, in the order in which they are applied, and on which images each acts; one that
    comes at different places for different images is there once for each place.
    """
    for node in nodes:
        if isinstance(node.transform, Compose):
            for turn in node.turns:
                for inner, active in applications((node.children[turn.child],)):
                    yield inner, _both(active, turn.active)
        else:
            yield node, node.active


def _chosen(turns: Sequence[Turn]) -> dict[int, np.ndarray | None]:
    """Which images each branch is applied to at all."""
    found: dict[int, np.ndarray | None] = {}
    for turn in turns:
        before = found.get(turn.child, False)
        everywhere = turn.active is None or before is None
        found[turn.child] = None if everywhere else turn.active | before  # type: ignore[operator]
    return found


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
    nodes = tuple(_with(node, params) for node in drawn.nodes)
    views = tuple((name, tuple(_with(node, params) for node in own)) for name, own in drawn.views)
    return msgspec.structs.replace(drawn, nodes=nodes, views=views)


def _with(node: Node, params: Mapping[str, Params]) -> Node:
    own = node.params | params.get(node.path, {})
    return Node(
        node.path, node.transform, node.active, own, tuple(_with(child, params) for child in node.children), node.turns
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
