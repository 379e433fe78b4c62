"""Images whose pixels move by whole pixels, and whose axes may be swapped. It is a kernel besides `shifted`, because
what swaps axes takes a tenth of the time to compile, and flips and crops do without."""

from __future__ import annotations

from augfuse.execute.cpu.passes import shifted
from augfuse.execute.cpu.passes.copied import move_rows
from augfuse.jit import jit_with

run = jit_with(shifted.run, __name__, __file__, shift_rows=move_rows)
