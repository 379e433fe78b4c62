"""The array executor: plans in the operations of JAX, TensorFlow or PyTorch, on the device that they run on.

    static, numbers = arrays.prepare(plan)
    ops = arrays.ops_for("jax")
    step = ops.compiled(lambda images, numbers: arrays.run(static, images, numbers, ops))
    out = step(images, numbers)

`prepare` is NumPy: the program of a plan, and the numbers of its images. `run` is pure and traceable.
"""

from __future__ import annotations

from augfuse.execute.arrays.backend import Ops as Ops
from augfuse.execute.arrays.backend import ops_for as ops_for
from augfuse.execute.arrays.prepare import Numbers as Numbers
from augfuse.execute.arrays.prepare import prepare as prepare
from augfuse.execute.arrays.refused import LIMITS as LIMITS
from augfuse.execute.arrays.refused import Limit as Limit
from augfuse.execute.arrays.run import run as run
from augfuse.execute.arrays.static import Static as Static
