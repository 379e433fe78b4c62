"""Neighbouring steps of a plan become one pass over the pixels.

The rules: Geometric, Geometric multiply. A displacement field stands between the matrices before and behind it, and two
fields are passed one after the other: together they say where a pixel of the output comes from, so that there is one
resample. Color, Color multiply, with no clip in between. Color and Geometric swap freely, because a matrix on channels
commutes with a weighted mean over pixels whose weights sum to 1; only the fill colour must know which colour steps came
after it. A step that needs the mean of the current image (Contrast about the mean), or a statistic of it, begins a new
pass, and so does whatever follows a Local.

Tones commute with nothing: those that come first in a pass act on the values of the source, before they are blended,
those that come last on what geometry and colour left, clipped. Tone, Tone compose. Geometry or colour behind the latter
begins a new pass. Segments follow from the recipe, never from what was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from augfuse.algebra import color_matrices, geometry
from augfuse.plan import ops
from augfuse.plan.ops import Bent, Grid, Op, Segment, Step


def steps(operations: Sequence[Op | Step]) -> list[Step]:
    """Each op as one step."""
    return [_STEP[type(op)](op) for op in operations]


def fuse(apart: Sequence[Step]) -> list[Step]:
    """The steps with neighbours merged. Fusing twice changes nothing."""
    found: list[Step] = []
    run: list[Segment] = []
    toned = False  # whether there is a curve in the run
    for step in apart:
        if run and not (isinstance(step, Segment) and _joins(run, toned, step)):
            found.append(_merged(run))
            run, toned = [], False
        if isinstance(step, Segment):
            run.append(step)
            toned = toned or bool(step.before or step.after)
        else:
            found.append(step)
    return [*found, _merged(run)] if run else found


def _joins(run: list[Segment], toned: bool, step: Segment) -> bool:
    """Whether a step may be part of the pass that the steps of `run` make."""
    if step.geometry is not None and any(part.geometry is not None and part.surround != step.surround for part in run):
        return False  # each has its own surroundings
    if step.mean_gain is None and not toned and not step.before:
        return True
    if step.mean_gain is not None or any(tone.statistic for tone in step.before):
        return False
    if not _acts(step) or not any(map(_acts, run)):
        return True
    return not (step.before or any(part.after for part in run) or any(part.before for part in _behind(run)))


def _acts(segment: Segment) -> bool:
    return segment.geometry is not None or segment.color is not None


def _behind(run: list[Segment]) -> list[Segment]:
    """The segments behind the first that moves or colours."""
    first = next((place for place, segment in enumerate(run) if _acts(segment)), len(run))
    return run[first + 1 :]


def _merged(run: list[Segment]) -> Segment:
    """Neighbours as one; only the first of them may look at the mean of what comes in."""
    if len(run) == 1:
        return run[0]
    moved = [segment for segment in run if segment.geometry is not None]
    colors = [segment.color for segment in run if segment.color is not None]
    # The fill colour surrounds the source from the first geometric step on, and passes what follows.
    passed = [moved[0].fill_color, *(segment.color for segment in run[run.index(moved[0]) + 1 :])] if moved else []
    behind = len(run) - len(_behind(run))
    before = tuple(tone for segment in run[:behind] for tone in segment.before)
    after = tuple(
        tone for k, segment in enumerate(run) for tone in (*(segment.before if k >= behind else ()), *segment.after)
    )
    projective = any(segment.projective for segment in moved)
    fields, moves = _moves(moved, projective) if moved else ((), None)
    gain = run[0].mean_gain
    if gain is not None:
        for matrix in colors[1:]:
            gain = color_matrices.turn(matrix, gain)
    geometry_names = tuple(name for segment in run for name in segment.geometry_names)
    color_names = tuple(name for segment in run for name in segment.color_names)
    mixes = any(segment.mixes_channels for segment in run)
    return Segment(
        run[-1].size, geometry_names, color_names, moves, _product(colors), gain, _product(passed), mixes,
        grid_of([segment.grid for segment in moved]), fields, projective, before, after,
        moved[0].surround if moved else None,
    )  # fmt: skip


def _moves(moved: Sequence[Segment], projective: bool) -> tuple[tuple[Bent, ...], np.ndarray]:
    """The fields of several moves, each with the matrices since the one before it, and those behind the last one."""
    fields: list[Bent] = []
    chain: list[np.ndarray] = []
    for segment in moved:
        for bent in segment.fields:
            chain += [] if bent.before is None else [bent.before]
            fields.append(bent._replace(before=geometry.product(chain, projective) if chain else None))
            chain = []
        assert segment.geometry is not None
        chain.append(segment.geometry)
    return tuple(fields), geometry.product(chain, projective)


def grid_of(grids: Sequence[Grid]) -> Grid:
    """What is left of the grid behind several moves."""
    found = set(grids)
    if found <= {"whole"}:
        return "whole"
    if found <= {"whole", "swapped"}:
        return "swapped"
    return "aligned" if found <= {"whole", "aligned"} else "free"


def _product(factors: Sequence[np.ndarray | None]) -> np.ndarray | None:
    found = [factor for factor in factors if factor is not None]
    return color_matrices.product(found) if found else None


def _of_warp(op: ops.Warp) -> Step:
    return Segment(
        op.size, (op.name,), geometry=op.matrix, grid=op.grid, projective=op.projective, surround=op.surround
    )


def _of_displacement(op: ops.Displace) -> Step:
    nothing = geometry.affine(len(op.field.points))
    return Segment(op.size, (op.name,), geometry=nothing, fields=(Bent(None, op.field, op.size),))


def _of_color(op: ops.Color) -> Step:
    gain = op.mean_gain
    return Segment(op.size, (), (op.name,), None, op.matrix, gain, None, op.mixes_channels)


def _of_tone(op: ops.Tone) -> Step:
    return Segment(op.size, before=(op,))


def _itself(op: ops.Local | Segment) -> Step:
    return op


# What each op is as a step. A new kind has its line here, and its part in `Segment` and `_merged` if it fuses.
_STEP: dict[type, Callable[..., Step]] = {
    ops.Warp: _of_warp,
    ops.Displace: _of_displacement,
    ops.Color: _of_color,
    ops.Tone: _of_tone,
    ops.Local: _itself,
    ops.Segment: _itself,
}
