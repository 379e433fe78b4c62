"""How the compiled functions are compiled. Importing this imports Numba: only modules that are loaded lazily do so.

Two kinds: `jit` for what Python calls, `inlined` for what compiled code calls. A helper must not be a `jit`: Numba
would compile it twice, once by itself and once with its caller, and LLVM may contract a product and a sum in one copy
and not in the other. The process that compiles then runs the first copy and one that loads the caller from the cache
the second, and they differ in the last bit. A helper that is inlined exists once, in its caller.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

import numba
from numba.extending import overload, register_jitable

from augfuse.kernel_cache import KernelCache, warn_not_kept

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
# `nsz` and `contract` give the speed of fastmath without `nnan`, which makes isnan false and lets a NaN become an
# index.
_FAST: dict[str, Any] = {**_OPTIONS, "fastmath": {"contract", "nsz"}}

_P = ParamSpec("_P")
_R = TypeVar("_R")


def jit(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile on first call, without the GIL, keeping the machine code on disk where a cache folder can be written."""
    return _kept(function, _FAST)


def jit_exact(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`jit` without fused multiply-adds: every operation is rounded as NumPy rounds it."""
    return _kept(function, _OPTIONS)


def inlined(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A helper that compiled functions may call: it becomes part of each. From Python it is a plain function."""
    return register_jitable(forceinline=True, **_FAST)(function)


def inlined_exact(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A helper of `jit_exact` functions."""
    return register_jitable(forceinline=True, **_OPTIONS)(function)


def inlined_by_types(choose: Callable[_P, Callable[_P, _R]]) -> Callable[_P, _R]:
    """A helper that is another function for other types: given Numba's types of the arguments, `choose` returns which.

    Its parameters are annotated as those of the functions it returns. The others are not compiled, as they are where a
    condition chooses, also one that is known by then. Only compiled functions may call it.
    """

    def helper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        raise NotImplementedError

    options: Any = {"forceinline": True, **_FAST}
    overload(helper, jit_options=options, strict=False)(choose)
    return helper


def bits_of(array: Any) -> int:
    """Of a value of an array, given Numba's type of the array."""
    return array.dtype.bitwidth


def jit_with(function: Callable[_P, _R], module: str, file: str, **helpers: Any) -> Callable[_P, _R]:
    """The function of a `jit`, compiled with other helpers, or numbers, in the place of those of these names. module,
    file: those of the helpers; the kernel is kept with this file, and compiled anew when it changes.
    """
    dispatcher: Any = function
    plain: FunctionType = dispatcher.py_func
    code = plain.__code__.replace(co_filename=file)
    names = {**plain.__globals__, **helpers, "__name__": module}
    other = FunctionType(code, names, plain.__name__, plain.__defaults__)
    return _kept(other, _FAST)


def _kept(function: Callable[_P, _R], options: dict[str, Any]) -> Callable[_P, _R]:
    dispatcher: Any = numba.njit(**options)(function)
    try:
        dispatcher._cache = KernelCache(function)
    except (OSError, RuntimeError) as error:  # Numba finds no folder that it can write to
        warn_not_kept(str(error))
    return dispatcher
