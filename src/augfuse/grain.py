"""Grain, the data loading of JAX: `af.grain.Source(data)` and `af.grain.Augment(recipe, len(data), seed=0)`.

Importing this module imports Grain; importing augfuse does not.
"""

from augfuse.frameworks import adapter

adapter("grain", "augfuse.grain")  # a missing Grain names its extra

from augfuse.adapters.grain import Augment as Augment  # noqa: E402
from augfuse.adapters.grain import Source as Source  # noqa: E402
