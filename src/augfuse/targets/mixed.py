"""What belongs to samples that become one: masks, boxes, points and polygons of all, as far as they are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

import msgspec
import numpy as np

from augfuse.errors import RecipeError
from augfuse.execute.mixture import Masks
from augfuse.plan.ops import Mix
from augfuse.plan.plan import Mixture, Plan
from augfuse.targets.masks import Run
from augfuse.targets.mix_parts import Piece, chosen, covering, hidden, hidden_behind, joined, pasted, shifted
from augfuse.targets.move import carried
from augfuse.targets.polygons import each_ring
from augfuse.targets.validate import Given

_precise = partial(np.asarray, dtype=np.float64)
Others: TypeAlias = Mapping[str, Sequence[Given | None]]  # what belongs to partners, by the path of their mix


def mixed(
    before: Mixture, held: Given, others: Others, run: Run, threads: int
) -> tuple[Given, dict[str, Masks]]:  # fmt: skip
    """What belongs to the images behind a mix; and what is taken of partners whose objects are pasted, by path."""
    masks: dict[str, Masks] = {}
    if before.own.before is not None:
        held, masks = mixed(before.own.before, held, others, run, threads)
    op, own = before.op, finished(held, before.own, run, threads)
    partners: list[Given] = []
    for plan, some in zip(before.partners, others[op.path], strict=True) if len(op.rows) else ():
        partners.append(finished(_like(held, some, op), plan, run, threads))
    if op.objects is not None:
        _check_objects(held, op)
        masks[op.path] = []
    entries = {name: list(found) for name, found in own.entries.items()}
    seen = {name: list(found) for name, found in own.seen.items()}
    for j, i in enumerate(op.rows.tolist()):
        size = int(op.size.height[i]), int(op.size.width[i])
        pieces = [_piece(own, i), *(_piece(partner, j) for partner in partners)]
        taken: np.ndarray | None = None
        if op.objects is not None:
            objects = pasted(pieces[1], op.objects[j])
            taken = covering(pieces[1], objects, size)
            pieces[1] = chosen(pieces[1], objects)
            masks[op.path] = [*(masks[op.path] or ()), taken]
        result = _together(pieces, op, j, size, taken)
        for name in entries:
            entries[name][i] = result.entries[name]
        for name in seen:
            seen[name][i] = result.seen[name]
    return msgspec.structs.replace(own, entries=entries, seen=seen), masks


def _like(held: Given, partner: Given | None, op: Mix) -> Given:
    """What belongs to partners, under the names that the images have it: `masks` of a batch may be `mask` of each
    sample. RecipeError where something is not there."""
    found = {} if partner is None else dict(partner.entries)
    if "masks" in held.entries and "masks" not in found and "mask" in found:
        found["masks"] = found["mask"]
    missing = [name for name in held.entries if name not in found and held.kinds[name] not in ("fixed", "image")]
    if partner is None or missing:
        raise RecipeError(
            f"{op.name}: the partners have {', '.join(found) or 'no targets'}, wanted "
            f"{', '.join(missing or held.kinds)} as the images. Use a data set that has them: data.with_targets(...)."
        )
    entries = {name: found[name] for name in held.entries if name in found}
    return msgspec.structs.replace(partner, kinds={name: held.kinds[name] for name in entries}, entries=entries)


def finished(held: Given, plan: Plan, run: Run, threads: int) -> Given:
    """What belongs to samples behind a plan, as what is given to the next one; nothing is dropped for being small."""
    form = "oriented" if "oriented" in (held.form, held.wanted) else "pascal_voc"
    policy = msgspec.structs.replace(held.policy, clip=True, min_area=0.0, min_side=0.0, min_visibility=0.0)
    found = carried(msgspec.structs.replace(held, wanted=form, policy=policy), plan, run, threads)
    entries = {name: list(some) for name, some in found.targets.items()}
    for name in held.of("boxes", "keypoints"):
        entries[name] = [_precise(entry) for entry in entries[name]]
    for name in held.of("polygons"):
        entries[name] = [[each_ring(item, _precise) for item in own] for own in entries[name]]
    kinds = {name: held.kinds[name] for name in entries}
    return Given(kinds, entries, form, held.wanted, held.policy, dict(found.visibility))


def _piece(given: Given, i: int) -> Piece:
    bound = frozenset(name for name in given.entries if given.bound(name, i))
    entries = {name: found[i] for name, found in given.entries.items()}
    return Piece(given.kinds, bound, entries, {name: found[i] for name, found in given.seen.items()}, given.form)


def _together(pieces: list[Piece], op: Mix, j: int, size: tuple[int, int], taken: np.ndarray | None) -> Piece:
    """The pieces of one picture, each at its part, and what later ones hide of earlier ones."""
    parts = op.parts[j]
    placed = [shifted(piece, parts[k]) for k, piece in enumerate(pieces)]
    if op.weights is None:
        for k in range(len(placed)):
            for later in range(k + 1, len(placed)):
                if taken is not None:
                    placed[k] = hidden_behind(placed[k], taken)
                else:
                    placed[k] = hidden(placed[k], parts[later], size)
    return joined(placed, parts, size, None if op.weights is None else op.weights[j], taken)


def _check_objects(held: Given, op: Mix) -> None:
    for name, kind in held.kinds.items():
        if kind in ("polygons", "segments") or (
            kind == "masks" and all(np.ndim(entry) == 3 for entry in held.entries[name])
        ):
            return
    flat = any(kind in ("mask", "masks") for kind in held.kinds.values())
    hint = "Planes (h, w) of one object each are masks[:, None]." if flat else "Give masks=, or leave it out."
    raise RecipeError(
        f"{op.name}: got {', '.join(held.kinds)}{' (h, w)' if flat else ''}, wanted masks (k, h, w), polygons or "
        f"segments, one for each object: they say what is pasted. {hint}"
    )
