"""Training the same network with and without a recipe, compared honestly, and reported. `af.train(...)` calls it.

The package can be called: `augfuse.train` is its name and that of the public function, `augfuse.train.api.train`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augfuse.train.run import Outcome


class _Callable(ModuleType):
    # Importing a module of this package puts the package into `augfuse.train`, whatever function lay there: so the
    # package itself is what can be called. Only a module's class can give it a __call__.
    def __call__(self, *args: Any, **kwargs: Any) -> Outcome:
        """See `augfuse.train.api.train`."""
        from augfuse.train.api import train

        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
