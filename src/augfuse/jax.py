"""JAX: `af.jax.augment(recipe, images, seed=0, epoch=epoch, indices=indices)`, a pure function for compiled steps.

Importing this module imports JAX; importing augfuse does not.
"""

from augfuse.frameworks import adapter

adapter("jax", "augfuse.jax")  # a missing JAX names its extra

from augfuse.adapters.jax import JaxBatches as JaxBatches  # noqa: E402
from augfuse.adapters.jax import augment as augment  # noqa: E402
